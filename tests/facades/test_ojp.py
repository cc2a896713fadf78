"""The Open Journey Planner over HTTP, with expected values from the feed and the streets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lxml import etree
from tests.street_text import lonlat

from mobigo import __version__

if TYPE_CHECKING:
    import httpx

NAMES = {"o": "http://www.vdv.de/ojp", "s": "http://www.siri.org.uk/siri"}
HEAD = '<OJP xmlns="http://www.vdv.de/ojp" xmlns:siri="http://www.siri.org.uk/siri" version="2.0">'


def send(http: httpx.Client, body: str | bytes) -> httpx.Response:
    return http.post("/ojp20", content=body, headers={"Content-Type": "application/xml"})


def ask(http: httpx.Client, kind: str, inside: str, language: str = "en") -> Answer:
    """Ask one question; its delivery."""
    context = f"<siri:ServiceRequestContext><siri:Language>{language}</siri:Language></siri:ServiceRequestContext>"
    stamp = "<siri:RequestTimestamp>2026-11-23T06:30:00Z</siri:RequestTimestamp>"
    named = f"{stamp}<siri:MessageIdentifier>m1</siri:MessageIdentifier>"
    question = f"<OJP{kind}Request>{named}{inside}</OJP{kind}Request>"
    who = "<siri:RequestorRef>test</siri:RequestorRef>"
    request = f"<siri:ServiceRequest>{context}{stamp}{who}{question}</siri:ServiceRequest>"
    answer = send(http, f"{HEAD}<OJPRequest>{request}</OJPRequest></OJP>")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    return Answer(etree.fromstring(answer.content).find(f".//o:OJP{kind}Delivery", NAMES))


class Answer:
    """An element, read by paths."""

    def __init__(self, element: etree._Element) -> None:
        self.element = element

    def texts(self, path: str) -> list[str]:
        found = self.element.xpath(path, namespaces=NAMES)
        return [one if isinstance(one, str) else one.text for one in found]

    def text(self, path: str) -> str:
        (found,) = self.texts(path)
        return found

    def all(self, path: str) -> list[Answer]:
        return [Answer(one) for one in self.element.xpath(path, namespaces=NAMES)]

    def names(self) -> list[str]:
        return [etree.QName(one).localname for one in self.element]


def position(x: float) -> str:
    lon, lat = lonlat(x, 0)
    where = f"<siri:Longitude>{lon}</siri:Longitude><siri:Latitude>{lat}</siri:Latitude>"
    return f"<PlaceRef><GeoPosition>{where}</GeoPosition><Name><Text>x</Text></Name></PlaceRef>"


def stop(id_: str) -> str:
    return f"<PlaceRef><siri:StopPointRef>{id_}</siri:StopPointRef><Name><Text>x</Text></Name></PlaceRef>"


def trip(origin: str, destination: str, params: str = "", *, leave: str = "", arrive: str = "", more: str = "") -> str:
    """Write a TripRequest; hours of that Monday in Paris."""
    at = [f"<DepArrTime>2026-11-23T{hour}:00+01:00</DepArrTime>" if hour else "" for hour in (leave, arrive)]
    wishes = f"<Params>{params}</Params>" if params else ""
    return f"<Origin>{origin}{at[0]}</Origin><Destination>{destination}{at[1]}</Destination>{more}{wishes}"


AMONT, AVAL = stop("FR::Quay:val:amont:LOC"), stop("val:aval")

# ── the envelope ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<OJP",
        b"<OJP/>",
        f"{HEAD}<OJPRequest/></OJP>".encode(),
        f"{HEAD}<OJPRequest><siri:ServiceRequest/></OJPRequest></OJP>".encode(),
        b'<!DOCTYPE OJP [<!ENTITY a SYSTEM "file:///etc/passwd">]><OJP>&a;</OJP>',
        b"<OJP>" + b" " * 1_100_000 + b"</OJP>",
        b"<a>" * 10_000,
    ],
)
def test_what_is_no_request_is_refused_in_the_words_of_siri(valley_http: httpx.Client, body: bytes) -> None:
    answer = send(valley_http, body)
    assert answer.status_code == 400
    found = Answer(etree.fromstring(answer.content))
    assert found.text("//s:ServiceDelivery/s:Status") == "false"
    assert found.text("//s:ErrorCondition/s:OtherError/s:ErrorText")
    assert found.text("//o:OJPStatusDelivery/s:Status") == "false"
    assert "root:" not in answer.text


def test_requests_that_are_not_answered_are_named(valley_http: httpx.Client) -> None:
    asked = "<siri:ServiceRequest><OJPExchangePointsRequest/></siri:ServiceRequest>"
    body = f"{HEAD}<OJPRequest>{asked}</OJPRequest></OJP>"
    found = Answer(etree.fromstring(send(valley_http, body).content))
    assert "OJPExchangePointsRequest is not" in found.text("//s:CapabilityNotSupportedError/s:ErrorText")


def test_a_delivery_names_the_question_it_answers(valley_http: httpx.Client) -> None:
    found = ask(valley_http, "LocationInformation", "<InitialInput><Name>Pont</Name></InitialInput>")
    assert found.names()[:5] == ["ResponseTimestamp", "RequestMessageRef", "Status", "DefaultLanguage", "CalcTime"]
    assert (found.text("s:ResponseTimestamp"), found.text("s:RequestMessageRef")) == ("2026-11-23T06:30:00Z", "m1")
    assert (found.text("s:Status"), found.text("s:DefaultLanguage")) == ("true", "en")


def test_the_status_of_the_service(valley_http: httpx.Client) -> None:
    found = ask(valley_http, "Status", "")
    assert found.text("s:Status") == "true"
    assert found.text("o:LastTimetableUpdate") == "2026-11-23T06:00:00Z"
    assert found.text("o:ServerBuildVersion") == __version__


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def places(http: httpx.Client, asked: str, limits: str = "") -> list[str]:
    restrictions = f"<Restrictions>{limits}</Restrictions>" if limits else ""
    return ask(http, "LocationInformation", asked + restrictions).texts("o:PlaceResult/o:Place/o:Name/o:Text")


def stops(http: httpx.Client, asked: str) -> list[str]:
    return ask(http, "LocationInformation", asked).texts("o:PlaceResult//o:StopPlaceName/o:Text")


def test_places_by_name_and_kind(valley_http: httpx.Client) -> None:
    named = "<InitialInput><Name>amont</Name></InitialInput>"
    # stops of the town are found by its name too
    assert places(valley_http, named, "<Type>stop</Type>")[0] == "Amont, Amont-le-Val"
    assert set(places(valley_http, named)) > {"Amont-le-Val", "Amont, Amont-le-Val"}
    assert places(valley_http, named, "<Type>topographicPlace</Type>") == ["Amont-le-Val"]
    assert len(places(valley_http, named, "<NumberOfResults>1</NumberOfResults>")) == 1
    found = ask(valley_http, "LocationInformation", named + "<Restrictions><Type>stop</Type></Restrictions>")
    (first, *_) = found.all("o:PlaceResult/o:Place")
    assert first.text("o:StopPlace/o:StopPlaceRef") == "FR::StopPlace:val:amont:LOC"
    assert (first.text("o:Mode/o:PtMode"), first.text("o:Mode/o:Name/o:Text")) == ("bus", "Bus")


def test_places_by_position_shape_and_id(valley_http: httpx.Client) -> None:
    lon, lat = lonlat(1000, 0)

    def corner(name: str, x: float, y: float) -> str:
        where = lonlat(x, y)
        inside = f"<siri:Longitude>{where[0]}</siri:Longitude><siri:Latitude>{where[1]}</siri:Latitude>"
        return f"<{name}>{inside}</{name}>"

    near = f"<InitialInput>{corner('GeoPosition', 900, 0)}</InitialInput>"
    assert stops(valley_http, near) == ["Pont", "Amont"]
    middle = f"<InitialInput>{corner('GeoPosition', 500, 10)}</InitialInput>"
    only_addresses = "<Restrictions><Type>address</Type></Restrictions>"
    address = ask(valley_http, "LocationInformation", middle + only_addresses)
    assert address.texts("o:PlaceResult/o:Place/o:Address/o:Name/o:Text") == ["Rue Haute"]
    assert address.texts("o:PlaceResult/o:Complete") == ["false"]  # a street, without a number
    box = f"<Rectangle>{corner('UpperLeft', 9000, 100)}{corner('LowerRight', 9900, -100)}</Rectangle>"
    assert stops(valley_http, f"<InitialInput><GeoRestriction>{box}</GeoRestriction></InitialInput>") == ["Aval"]
    ring = f"<Circle>{corner('Center', 1000, 0)}<Radius>100</Radius></Circle>"
    assert stops(valley_http, f"<InitialInput><GeoRestriction>{ring}</GeoRestriction></InitialInput>") == ["Pont"]
    assert stops(valley_http, stop("val:pont")) == ["Pont"]
    found = ask(valley_http, "LocationInformation", stop("val:pont"))
    assert float(found.text("//o:GeoPosition/s:Longitude")) == pytest.approx(lon, abs=1e-6)
    assert float(found.text("//o:GeoPosition/s:Latitude")) == pytest.approx(lat + 5 / 111_195, abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("<InitialInput><Name>nowhere at all</Name></InitialInput>", "LOCATION_NORESULTS"),
        (
            "<InitialInput><Name>a</Name></InitialInput><Restrictions><Type>x</Type></Restrictions>",
            "LOCATION_UNSUPPORTEDTYPE",
        ),
    ],
)
def test_no_place(valley_http: httpx.Client, asked: str, code: str) -> None:
    found = ask(valley_http, "LocationInformation", asked)
    assert (found.text("s:Status"), found.text("//o:LocationProblemType")) == ("false", code)


# ── trips ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_trip_with_what_live_data_say(valley_http: httpx.Client) -> None:
    everything = "".join(
        f"<{one}>true</{one}>" for one in ("IncludeTrackSections", "IncludeLegProjection", "IncludeTurnDescription")
    )
    params = f"<NumberOfResults>1</NumberOfResults>{everything}"
    params += "<IncludeIntermediateStops>true</IncludeIntermediateStops><IncludeFare>true</IncludeFare>"
    found = ask(valley_http, "Trip", trip(AMONT, AVAL, params, leave="07:45"))
    (result,) = found.all("o:TripResult")
    # 08:00 to 08:15 by the timetable; four minutes late from Pont on
    assert (result.text("o:Trip/o:StartTime"), result.text("o:Trip/o:EndTime")) == (
        "2026-11-23T07:00:00Z",
        "2026-11-23T07:19:00Z",
    )
    assert (result.text("o:Trip/o:Duration"), result.text("o:Trip/o:Transfers")) == ("PT1140S", "0")
    assert result.text("o:Trip/o:Delayed") == "true"
    (leg,) = result.all("o:Trip/o:Leg/o:TimedLeg")
    assert leg.text("o:LegAlight/o:ServiceArrival/o:TimetabledTime") == "2026-11-23T07:15:00Z"
    assert leg.text("o:LegAlight/o:ServiceArrival/o:EstimatedTime") == "2026-11-23T07:19:00Z"
    assert leg.text("o:LegIntermediate/s:StopPointRef") == "FR::Quay:val:pont:LOC"
    assert leg.text("o:Service/o:JourneyRef") == "MOBIGO:ServiceJourney:val:early:LOC"
    assert leg.text("o:Service/o:OperatingDayRef") == "2026-11-23"
    assert leg.text("o:Service/o:PublishedServiceName/o:Text") == "12"
    assert (leg.text("o:Service/o:Mode/o:PtMode"), leg.text("o:Service/o:OriginText/o:Text")) == ("bus", "Amont")
    assert len(leg.all("o:LegTrack//o:Position")) > 3  # along the bend
    # 1.50 euros, and the message about the line
    assert (result.text("o:TripFare//o:Price"), result.text("o:TripFare//o:Currency")) == ("1.50", "EUR")
    assert leg.text("o:Service//s:SituationNumber") == "works"
    (situation,) = found.all("o:TripResponseContext//o:PtSituation")
    assert (situation.text("s:ParticipantRef"), situation.text("s:SituationNumber")) == ("val", "works")
    assert "Works at Pont" in situation.texts("s:Summary")
    assert found.texts("o:TripResponseContext/o:Places/o:Place/o:Name/o:Text") == ["Amont", "Pont", "Aval"]


def test_from_door_to_door_with_directions(valley_http: httpx.Client) -> None:
    params = "<IncludeTurnDescription>true</IncludeTurnDescription>"
    found = ask(valley_http, "Trip", trip(position(300), position(9700), params, arrive="12:30"))
    last = found.all("o:TripResult/o:Trip")[-1]
    kinds = [leg.names()[2] for leg in last.all("o:Leg")]
    # the bus of noon goes on as another trip, and nobody gets off
    assert kinds == ["ContinuousLeg", "TimedLeg", "TransferLeg", "TimedLeg", "ContinuousLeg"]
    assert last.text("o:Leg/o:TransferLeg/o:TransferType") == "remainInVehicle"
    walk = last.all("o:Leg/o:ContinuousLeg")[0]
    assert walk.text("o:Service/o:PersonalMode") == "foot"
    # a hundred metres along Rue Haute, and five to the stop beside it
    assert walk.text("o:Length") == "105"
    assert walk.texts("o:PathGuidance//o:TurnDescription/o:Text") == ["Start on Rue Haute"]


@pytest.mark.parametrize(
    ("params", "departures"),
    [
        ("<NumberOfResultsAfter>1</NumberOfResultsAfter>", ["12:00"]),
        ("<NumberOfResultsBefore>1</NumberOfResultsBefore>", ["08:00"]),
        (
            "<NumberOfResultsBefore>1</NumberOfResultsBefore><NumberOfResultsAfter>1</NumberOfResultsAfter>",
            ["08:00", "12:00"],
        ),
    ],
)
def test_trips_before_and_after_an_hour(valley_http: httpx.Client, params: str, departures: list[str]) -> None:
    found = ask(valley_http, "Trip", trip(AMONT, AVAL, params, leave="11:30"))
    told = [f"{int(one[11:13]) + 1:02}{one[13:16]}" for one in found.texts("o:TripResult/o:Trip/o:StartTime")]
    assert told == departures


def test_a_ride_that_is_booked_says_how(valley_http: httpx.Client) -> None:
    found = ask(valley_http, "Trip", trip(position(-6000), AVAL, "<NumberOfResults>3</NumberOfResults>", leave="11:00"))
    ride = found.all("o:TripResult/o:Trip/o:Leg/o:ContinuousLeg[o:Service/o:BookingArrangements]")[0]
    assert ride.text("o:Service/o:AlternativeModeOfOperation") == "demandResponsive"
    assert ride.text("o:Service/s:LineRef") == "MOBIGO:Line:val:F:LOC"
    how = ride.all("o:Service/o:BookingArrangements/o:BookingArrangement")[0]
    assert how.text("o:BookingMethods/o:BookingMethod") == "online"
    assert how.text("o:BookingUrl/o:Url") == "https://val.example"
    assert how.text("o:BookingNotes//o:Text").startswith("To be booked before 2026-11-23")
    operation = "<ConventionalModeOfOperation>demandResponsive</ConventionalModeOfOperation>"
    exclude = only("ModeAndModeOfOperationFilter", operation, "true")
    none = ask(valley_http, "Trip", trip(position(-6000), AVAL, exclude, leave="11:00"))
    assert none.text("//o:TripProblemType") == "TRIP_NOTRIPFOUND"
    assert "no stop within the longest walk" in none.text("//o:Details/o:Text")


def only(kind: str, inside: str, exclude: str = "false") -> str:
    told = f"<Exclude>{exclude}</Exclude>"
    return f"<{kind}>{inside}{told}</{kind}>" if kind == "LineFilter" else f"<{kind}>{told}{inside}</{kind}>"


@pytest.mark.parametrize(
    ("question", "code"),
    [
        (trip(stop("val:nowhere"), AVAL), "TRIP_ORIGINUNKNOWN"),
        (trip(AMONT, stop("val:nowhere")), "TRIP_DESTINATIONUNKNOWN"),
        (trip(AMONT, AVAL, more=f"<Via><ViaPoint>{stop('x')[10:-11]}</ViaPoint></Via>"), "TRIP_VIAUNKNOWN"),
        (trip(AMONT, AMONT), "TRIP_ORIGINDESTINATIONIDENTICAL"),
        (f"<Origin>{AMONT}</Origin>", "TRIP_NODESTINATION"),
        (trip(AMONT, AVAL, more="<NotVia><siri:StopPointRef>x</siri:StopPointRef></NotVia>"), "TRIP_OTHER"),
        (trip(AMONT, AVAL).replace("</Origin>", "<DepArrTime>2027-06-01T08:00:00Z</DepArrTime></Origin>"),
         "TRIP_DATEOUTOFRANGE"),
        (trip(AMONT, AVAL, only("ModeAndModeOfOperationFilter", "<PtMode>funicular</PtMode>")), "TRIP_NOTRIPFOUND"),
    ],
)  # fmt: skip
def test_trips_that_cannot_be_told(valley_http: httpx.Client, question: str, code: str) -> None:
    found = ask(valley_http, "Trip", question)
    assert (found.text("s:Status"), found.text("o:ErrorCondition/o:TripProblemType")) == ("false", code)
    assert found.text("o:ErrorCondition/o:Details/o:Text")


@pytest.mark.parametrize(
    ("params", "n"),
    [
        (only("LineFilter", "<Line><siri:LineRef>MOBIGO:Line:val:L:LOC</siri:LineRef></Line>"), 1),
        (only("OperatorFilter", "<OperatorRef>val:V</OperatorRef>"), 1),
        (only("ModeAndModeOfOperationFilter", "<PtMode>bus</PtMode>"), 1),
        ("<TransferLimit>0</TransferLimit>", 1),
        ("<UseRealtimeData>none</UseRealtimeData>", 1),
    ],
)
def test_filters_that_leave_the_bus(valley_http: httpx.Client, params: str, n: int) -> None:
    found = ask(valley_http, "Trip", trip(AMONT, AVAL, params, leave="07:45"))
    assert len(found.texts("o:TripResult[1]/o:Trip/o:Leg/o:TimedLeg/o:Service/o:JourneyRef")) == n
    arrival = found.text("o:TripResult[1]/o:Trip/o:EndTime")
    assert arrival == ("2026-11-23T07:15:00Z" if "none" in params else "2026-11-23T07:19:00Z")


def test_a_trip_is_refined_by_its_id_and_told_in_short(valley_http: httpx.Client) -> None:
    short = "<NumberOfResults>1</NumberOfResults><TripSummaryOnly>true</TripSummaryOnly>"
    found = ask(valley_http, "Trip", trip(AMONT, AVAL, short, leave="07:45"))
    summary = found.all("o:TripResult/o:TripSummary")[0]
    assert (summary.text("o:PTLegs"), summary.text("o:Duration")) == ("1", "PT1140S")
    id_ = summary.text("o:TripId")
    result = f"<TripResult><Id>1</Id><TripSummary><TripId>{id_}</TripId></TripSummary></TripResult>"
    again = ask(valley_http, "TripRefine", result)
    assert again.text("o:TripResult/o:Trip/o:EndTime") == "2026-11-23T07:19:00Z"
    lost = ask(valley_http, "TripRefine", result.replace(id_, "x"))
    assert lost.text("//o:TripProblemType") == "REFINE_OBJECTNOTFOUND"


# ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def location(ref: str, at: str = "2026-11-23T07:45:00+01:00") -> str:
    return f"<Location>{ref}<DepArrTime>{at}</DepArrTime></Location>"


def test_departures_with_the_calls_before_and_after(valley_http: httpx.Client) -> None:
    params = "<Params><NumberOfResults>2</NumberOfResults><StopEventType>departure</StopEventType>"
    params += "<IncludePreviousCalls>true</IncludePreviousCalls><IncludeOnwardCalls>true</IncludeOnwardCalls></Params>"
    found = ask(valley_http, "StopEvent", location(stop("val:pont")) + params)
    first, second = found.all("o:StopEventResult/o:StopEvent")
    call = first.all("o:ThisCall/o:CallAtStop")[0]
    assert call.text("o:ServiceDeparture/o:TimetabledTime") == "2026-11-23T07:03:00Z"
    assert call.text("o:ServiceDeparture/o:EstimatedTime") == "2026-11-23T07:07:00Z"
    assert call.text("o:Order") == "2"
    assert first.texts("o:PreviousCall//o:StopPointName/o:Text") == ["Amont"]
    assert first.texts("o:OnwardCall//o:ServiceArrival/o:EstimatedTime") == ["2026-11-23T07:19:00Z"]
    assert first.text("o:Service/o:DestinationText/o:Text") == "Aval"
    assert second.text("o:ThisCall//o:TimetabledTime") == "2026-11-23T11:05:00Z"
    assert not second.texts("o:PreviousCall//o:StopPointName/o:Text")


def test_arrivals_and_filters_of_a_board(valley_http: httpx.Client) -> None:
    def count(params: str, ref: str = "val:aval") -> int:
        found = ask(valley_http, "StopEvent", location(stop(ref)) + f"<Params>{params}</Params>")
        return len(found.all("o:StopEventResult"))

    # early, the bus of noon and the night bus arrive at Aval within a day; one leaves
    assert count("<StopEventType>arrival</StopEventType>") == 3
    assert count("<StopEventType>both</StopEventType>") == 4
    assert count("<TimeWindow>PT1H</TimeWindow><StopEventType>arrival</StopEventType>") == 1
    assert count("<ModeFilter><PtMode>bus</PtMode></ModeFilter>") == 0
    assert count("<ModeFilter><Exclude>false</Exclude><PtMode>bus</PtMode></ModeFilter>") == 1
    lines = "<LineFilter><Line><siri:LineRef>val:L</siri:LineRef></Line><Exclude>false</Exclude></LineFilter>"
    assert count(lines) == 1


@pytest.mark.parametrize(
    ("question", "code"),
    [
        (location(stop("val:nowhere")), "STOPEVENT_LOCATIONUNKNOWN"),
        (
            location(stop("val:pont"), "2026-11-21T08:00:00Z") + "<Params><TimeWindow>PT2H</TimeWindow></Params>",
            "STOPEVENT_NOEVENTFOUND",
        ),
    ],
)
def test_no_departure(valley_http: httpx.Client, question: str, code: str) -> None:
    found = ask(valley_http, "StopEvent", question)
    assert found.text("o:ErrorCondition/o:StopEventProblemType") == code


def test_a_vehicle_through_its_day(valley_http: httpx.Client) -> None:
    ref = "<JourneyRef>MOBIGO:ServiceJourney:val:early:LOC</JourneyRef>"
    day = "<OperatingDayRef>2026-11-23</OperatingDayRef>"
    params = "<Params><IncludeTrackProjection>true</IncludeTrackProjection></Params>"
    found = ask(valley_http, "TripInfo", ref + day + params)
    calls = found.all("o:TripInfoResult/o:OnwardCall")
    assert [one.text("o:StopPointName/o:Text") for one in calls] == ["Amont", "Pont", "Aval"]
    assert calls[1].text("o:ServiceDeparture/o:EstimatedTime") == "2026-11-23T07:07:00Z"
    assert found.text("o:TripInfoResult/o:Service/s:LineRef") == "MOBIGO:Line:val:L:LOC"
    assert len(found.all("o:TripInfoResult/o:JourneyTrack//o:Position")) > 3
    lost = ask(valley_http, "TripInfo", "<JourneyRef>val:x</JourneyRef>" + day)
    assert lost.text("//o:TripInfoProblemType") == "TRIPINFO_JOURNEYREFUNKNOWN"


@pytest.mark.parametrize(
    "question",
    [
        "<Location><PlaceRef><GeoPosition><siri:Longitude>x</siri:Longitude></GeoPosition></PlaceRef></Location>",
        location(stop("val:pont"), "tomorrow"),
        location(stop("val:pont")) + "<Params><NumberOfResults>many</NumberOfResults></Params>",
        location(stop("val:pont")) + "<Params><TimeWindow>an hour</TimeWindow></Params>",
    ],
)
def test_values_that_are_none_are_named(valley_http: httpx.Client, question: str) -> None:
    found = ask(valley_http, "StopEvent", question)
    assert found.text("o:ErrorCondition/o:OJPGenericProblemType") == "OJPGENERIC_OTHER"
    assert "invalid_" in found.text("o:ErrorCondition/o:Details/o:Text")
