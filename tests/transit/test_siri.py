"""SIRI deliveries as providers write them, XML and JSON, and what becomes of them."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from mobigo.kit.errors import InvalidInput
from mobigo.transit import siri
from mobigo.transit.live import CallRelation, LiveFeed, Relation, Target

if TYPE_CHECKING:
    from pathlib import Path

DAY = "2026-11-23T"


def at(clock: str) -> int:
    """Seconds since 1970 of a time of the day in Paris, in winter."""
    return int(datetime.fromisoformat(f"{DAY}{clock}:00+01:00").timestamp())


def deliver(inside: str, kind: str = "EstimatedTimetable") -> LiveFeed:
    return siri.read(
        f"""<?xml version="1.0" encoding="UTF-8"?>
        <Siri xmlns="http://www.siri.org.uk/siri" version="2.0"><ServiceDelivery>
          <ResponseTimestamp>{DAY}07:00:00+01:00</ResponseTimestamp>
          <{kind}Delivery>{inside}</{kind}Delivery>
        </ServiceDelivery></Siri>""".encode(),
        "town",
    )


def journey(inside: str, calls: str = "") -> str:
    return f"""<EstimatedJourneyVersionFrame><RecordedAtTime>{DAY}06:59:00+01:00</RecordedAtTime>
      <EstimatedVehicleJourney><LineRef>1</LineRef><DirectionRef>A</DirectionRef>
        <FramedVehicleJourneyRef><DataFrameRef>2026-11-23</DataFrameRef>
          <DatedVehicleJourneyRef>t1</DatedVehicleJourneyRef></FramedVehicleJourneyRef>{inside}
        <EstimatedCalls>{calls}</EstimatedCalls>
      </EstimatedVehicleJourney></EstimatedJourneyVersionFrame>"""


def call(stop: str, aimed: str, inside: str) -> str:
    return f"""<EstimatedCall><StopPointRef>{stop}</StopPointRef>
      <AimedDepartureTime>{DAY}{aimed}:00+01:00</AimedDepartureTime>{inside}</EstimatedCall>"""


def expected(clock: str) -> str:
    return f"<ExpectedDepartureTime>{DAY}{clock}:00+01:00</ExpectedDepartureTime>"


def test_an_estimated_journey_names_trip_day_and_times() -> None:
    feed = deliver(journey("", call("gare", "07:00", expected("07:03")) + call("lac", "07:20", "")))
    (trip,) = feed.trips
    assert feed.at == at("07:00")
    assert (trip.trip_id, trip.start_date, trip.route_id, trip.at) == ("t1", date(2026, 11, 23), "1", at("06:59"))
    assert [(one.stop_id, one.planned_departure, one.departure) for one in trip.calls] == [
        ("gare", at("07:00"), at("07:03")),
        ("lac", at("07:20"), None),
    ]


def test_actual_times_prevail_over_expected_and_on_time_is_a_prediction() -> None:
    feed = deliver(
        journey(
            "",
            call("gare", "07:00", expected("07:03") + f"<ActualDepartureTime>{DAY}07:04:00+01:00</ActualDepartureTime>")
            + call("lac", "07:20", "<DepartureStatus>onTime</DepartureStatus>"),
        )
    )
    assert [one.departure for one in feed.trips[0].calls] == [at("07:04"), at("07:20")]


@pytest.mark.parametrize(
    ("inside", "calls", "relation", "n_calls"),
    [
        ("<Cancellation>true</Cancellation>", call("gare", "07:00", ""), Relation.CANCELED, 0),
        ("<ExtraJourney>true</ExtraJourney>", call("gare", "07:00", ""), Relation.NEW, 1),
        (
            "<IsCompleteStopSequence>true</IsCompleteStopSequence>",
            call("gare", "07:00", "") + call("ecole", "07:09", "<ExtraCall>true</ExtraCall>"),
            Relation.REPLACEMENT,
            2,
        ),
        (
            "",  # the stops are not all: an extra one has no place among those not named
            call("gare", "07:00", "") + call("ecole", "07:09", "<ExtraCall>true</ExtraCall>"),
            Relation.SCHEDULED,
            1,
        ),
    ],
)
def test_what_a_journey_is(inside: str, calls: str, relation: Relation, n_calls: int) -> None:
    (trip,) = deliver(journey(inside, calls)).trips
    assert (trip.relation, len(trip.calls)) == (relation, n_calls)


def test_a_cancelled_call_and_another_platform() -> None:
    assigned = """<DepartureStopAssignment><AimedQuayRef>gare</AimedQuayRef><ExpectedQuayRef>gare-2</ExpectedQuayRef>
        </DepartureStopAssignment><DeparturePlatformName>2</DeparturePlatformName>"""
    (trip,) = deliver(
        journey("", call("gare", "07:00", assigned) + call("lac", "07:20", "<Cancellation>true</Cancellation>"))
    ).trips
    assert (trip.calls[0].assigned_stop_id, trip.calls[0].platform) == ("gare-2", "2")
    assert trip.calls[1].relation is CallRelation.SKIPPED


def visit(stop: str, aimed: str, clock: str) -> str:
    return f"""<MonitoredStopVisit><RecordedAtTime>{DAY}06:59:30+01:00</RecordedAtTime>
      <MonitoringRef>{stop}</MonitoringRef><MonitoredVehicleJourney><LineRef>1</LineRef>
        <FramedVehicleJourneyRef><DataFrameRef>2026-11-23</DataFrameRef>
          <DatedVehicleJourneyRef>t1</DatedVehicleJourneyRef></FramedVehicleJourneyRef>
        <MonitoredCall><AimedDepartureTime>{DAY}{aimed}:00+01:00</AimedDepartureTime>{expected(clock)}</MonitoredCall>
      </MonitoredVehicleJourney></MonitoredStopVisit>"""


def test_visits_of_one_journey_to_several_stops_are_one_trip() -> None:
    feed = deliver(visit("mairie", "07:06", "07:08") + visit("gare", "07:00", "07:02"), "StopMonitoring")
    (trip,) = feed.trips
    assert [(one.stop_id, one.departure) for one in trip.calls] == [("gare", at("07:02")), ("mairie", at("07:08"))]


def test_a_monitored_vehicle_has_a_place_and_its_trip_a_delay() -> None:
    feed = deliver(
        f"""<VehicleActivity><RecordedAtTime>{DAY}06:59:30+01:00</RecordedAtTime>
        <MonitoredVehicleJourney><LineRef>1</LineRef>
          <FramedVehicleJourneyRef><DataFrameRef>2026-11-23</DataFrameRef>
            <DatedVehicleJourneyRef>t1</DatedVehicleJourneyRef></FramedVehicleJourneyRef>
          <VehicleLocation><Longitude>4.33</Longitude><Latitude>47.49</Latitude></VehicleLocation>
          <Bearing>90</Bearing><Occupancy>full</Occupancy><Delay>-PT1M30S</Delay><VehicleRef>bus7</VehicleRef>
        </MonitoredVehicleJourney></VehicleActivity>""",
        "VehicleMonitoring",
    )
    (vehicle,) = feed.vehicles
    assert (vehicle.vehicle_id, vehicle.trip_id, vehicle.lat, vehicle.lon, vehicle.bearing) == (
        "bus7",
        "t1",
        47.49,
        4.33,
        90,
    )
    assert feed.trips[0].delay == -90


def test_a_situation_becomes_an_alert_with_its_languages_periods_and_targets() -> None:
    feed = deliver(
        f"""<Situations><PtSituationElement><ParticipantRef>region</ParticipantRef>
        <SituationNumber>7</SituationNumber><Progress>published</Progress>
        <ValidityPeriod><StartTime>{DAY}06:00:00+01:00</StartTime></ValidityPeriod>
        <EnvironmentReason>heavySnowFall</EnvironmentReason><Severity>severe</Severity>
        <Summary xml:lang="FR">Neige</Summary><Summary xml:lang="en-GB">Snow</Summary>
        <Affects><Networks><AffectedNetwork><AffectedLine><LineRef>1</LineRef></AffectedLine></AffectedNetwork>
          </Networks><StopPoints><AffectedStopPoint><StopPointRef>gare</StopPointRef></AffectedStopPoint></StopPoints>
        </Affects><Consequences><Consequence><Condition>diverted</Condition></Consequence></Consequences>
        </PtSituationElement>
        <PtSituationElement><SituationNumber>8</SituationNumber><Progress>closed</Progress><Summary>Over</Summary>
        </PtSituationElement></Situations>""",
        "SituationExchange",
    )
    (alert,) = feed.alerts
    assert (alert.id, alert.header) == ("region:7", {"fr": "Neige", "en": "Snow"})
    assert alert.periods == ((at("06:00"), None),)
    assert alert.targets == (Target(route_id="1"), Target(stop_id="gare"))
    assert (alert.cause, alert.effect, alert.severity) == ("WEATHER", "DETOUR", "SEVERE")


def test_a_general_message_becomes_an_alert() -> None:
    feed = deliver(
        f"""<GeneralMessage><RecordedAtTime>{DAY}06:00:00+01:00</RecordedAtTime>
        <InfoMessageIdentifier>m1</InfoMessageIdentifier><InfoChannelRef>Information</InfoChannelRef>
        <ValidUntilTime>{DAY}20:00:00+01:00</ValidUntilTime>
        <Content><LineRef>1</LineRef><Message><MessageText xml:lang="FR">Travaux</MessageText></Message></Content>
        </GeneralMessage>""",
        "GeneralMessage",
    )
    (alert,) = feed.alerts
    assert (alert.header, alert.targets, alert.periods) == (
        {"fr": "Travaux"},
        (Target(route_id="1"),),
        ((at("06:00"), at("20:00")),),
    )


def test_json_of_siri_lite_says_the_same_as_xml() -> None:
    lite = {
        "Siri": {
            "ServiceDelivery": {
                "ResponseTimestamp": f"{DAY}07:00:00+01:00",
                "EstimatedTimetableDelivery": [
                    {
                        "EstimatedJourneyVersionFrame": [
                            {
                                "RecordedAtTime": f"{DAY}06:59:00+01:00",
                                "EstimatedVehicleJourney": [
                                    {
                                        "LineRef": {"value": "1"},
                                        "FramedVehicleJourneyRef": {
                                            "DataFrameRef": {"value": "2026-11-23"},
                                            "DatedVehicleJourneyRef": "t1",
                                        },
                                        "EstimatedCalls": {
                                            "EstimatedCall": [
                                                {
                                                    "StopPointRef": {"value": "gare"},
                                                    "AimedDepartureTime": f"{DAY}07:00:00+01:00",
                                                    "ExpectedDepartureTime": f"{DAY}07:03:00+01:00",
                                                }
                                            ]
                                        },
                                    }
                                ],
                            }
                        ]
                    }
                ],
            }
        }
    }
    xml = deliver(journey("", call("gare", "07:00", expected("07:03"))))
    assert siri.read(json.dumps(lite).encode(), "town") == xml


def test_a_soap_envelope_is_seen_through() -> None:
    feed = siri.read(
        f"""<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>
        <ns:GetEstimatedTimetableResponse xmlns:ns="http://wsdl.siri.org.uk" xmlns="http://www.siri.org.uk/siri">
        <ServiceDeliveryInfo><ResponseTimestamp>{DAY}07:00:00+01:00</ResponseTimestamp></ServiceDeliveryInfo>
        <Answer><EstimatedTimetableDelivery>{journey("<Cancellation>true</Cancellation>")}</EstimatedTimetableDelivery>
        </Answer></ns:GetEstimatedTimetableResponse></S:Body></S:Envelope>""".encode(),
        "town",
    )
    assert [trip.relation for trip in feed.trips] == [Relation.CANCELED]


def test_a_journey_that_makes_no_sense_is_left_out_and_named_while_the_others_stay() -> None:
    feed = deliver(
        journey("", call("gare", "07:00", "<ExpectedDepartureTime>soon</ExpectedDepartureTime>"))
        + journey("", call("gare", "07:00", expected("07:03")))
    )
    assert len(feed.trips) == 1
    assert feed.problems == (
        "EstimatedVehicleJourney t1: 'soon' is no time; it should be like 2026-11-23T07:30:00+01:00",
    )


def test_an_error_of_the_provider_is_reported() -> None:
    feed = deliver(
        "<Status>false</Status><ErrorCondition><Description>line unknown</Description></ErrorCondition>",
        "StopMonitoring",
    )
    assert feed.problems == ("StopMonitoringDelivery: the provider answers with an error: line unknown",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b"<Siri><ServiceDelivery>",
        b'{"Siri": {"ServiceDelivery": ',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\x00\x01\x02\xff",
        b'<!DOCTYPE a [<!ENTITY b "c">]><Siri><ServiceDelivery>&b;</ServiceDelivery></Siri>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a><Siri/>'.encode("utf-16"),
        b'<?xml version="1.0" encoding="no-such-code"?><Siri/>',
    ],
)
def test_what_is_no_delivery_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="live data of town"):
        siri.read(content, "town")


def test_torn_and_garbled_deliveries_never_fail_otherwise() -> None:
    whole = b"".join(
        f"<EstimatedTimetableDelivery>{journey('', call('gare', '07:00', expected('07:03')))}"
        f"</EstimatedTimetableDelivery><StopMonitoringDelivery>{visit('gare', '07:00', '07:02')}"
        f"</StopMonitoringDelivery>".encode()
        for _ in range(1)
    )
    whole = b"<Siri><ServiceDelivery>" + whole + b"</ServiceDelivery></Siri>"
    chance = random.Random(7)
    for _ in range(600):
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(len(content))] = chance.choice(b'<>&"0919TZ-:x\x00\xff')
        try:
            feed = siri.read(bytes(content[: chance.randrange(len(content) // 2, len(content) + 1)]), "town")
        except InvalidInput:
            continue
        assert all(isinstance(trip.at, int | None) for trip in feed.trips)


def test_the_examples_of_the_standard_are_understood(test_data: Path) -> None:
    feeds = {path.name[:3]: siri.read(path.read_bytes(), "town") for path in (test_data / "siri").glob("*.xml")}
    assert {name: (len(feed.trips), len(feed.vehicles), len(feed.alerts)) for name, feed in feeds.items()} == {
        "ext": (2, 0, 0),
        "exs": (2, 2, 0),
        "exv": (2, 2, 0),
        "exx": (0, 0, 1),
        "exm": (0, 0, 1),
    }
    assert not any(feed.problems for feed in feeds.values())
    assert feeds["ext"].at == int(datetime(2004, 12, 17, 14, 30, 46, tzinfo=UTC).timestamp())


# ----------------------------------------------------------------------------------------------------------- facilities


def facility(name: str, status: str, feature: str = "lift", place: str = "", more: str = "") -> str:
    features = f"<Features><Feature><AccessFacility>{feature}</AccessFacility></Feature></Features>" if feature else ""
    location = f"<FacilityLocation>{place}</FacilityLocation>"
    return f"""<FacilityCondition>
      <Facility><FacilityCode>{name}</FacilityCode><Description xml:lang="FR">Quai A</Description>{features}{location}
      </Facility><FacilityStatus><Status>{status}</Status>{more}</FacilityStatus></FacilityCondition>"""


def test_lifts_that_do_not_work() -> None:
    stop = "<StopPlaceRef>gare</StopPlaceRef><StopPlaceComponentId>gare:lift</StopPlaceComponentId>"
    feed = deliver(
        facility("1", "notAvailable", place=stop)
        + facility("2", "available", place="<StopPointRef>b</StopPointRef>")
        + facility("3", "unknown", place="<StopPointRef>b</StopPointRef>")
        + facility("4", "notAvailable", "escalator", "<StopPointRef>c</StopPointRef>")
        + facility("5", "partiallyAvailable", place="<StopPointRef>d</StopPointRef>")
        + facility("6", "removed", more='<Description xml:lang="EN">Being replaced</Description>')
        + "<FacilityCondition><FacilityStatus><Status>notAvailable</Status></FacilityStatus></FacilityCondition>",
        "FacilityMonitoring",
    )
    told = {alert.id: (alert.targets[0].stop_id, alert.effect, alert.header) for alert in feed.alerts}
    assert told == {
        "facility:1": ("gare:lift", "ACCESSIBILITY_ISSUE", {"fr": "Ascenseur hors service: Quai A"}),
        "facility:4": ("c", "OTHER_EFFECT", {"fr": "Escalier mécanique hors service: Quai A"}),
        "facility:5": ("d", "OTHER_EFFECT", {"fr": "Ascenseur hors service: Quai A"}),
        "facility:6": ("6", "ACCESSIBILITY_ISSUE", {"en": "Being replaced"}),
    }
    assert feed.problems == ("FacilityCondition: it has no FacilityRef",)


def test_lifts_in_siri_lite_with_their_times_the_last_word_counts() -> None:
    def condition(status: str) -> dict[str, object]:
        return {
            "FacilityRef": "L1",
            "Facility": {"Features": {"Feature": [{"AccessFacility": "lift"}]}},
            "FacilityStatus": {"Status": status},
            "FacilityLocation": {"StopPointRef": "quai"},
            "ValidityPeriod": {"StartTime": f"{DAY}06:00:00+01:00", "EndTime": f"{DAY}20:00:00+01:00"},
        }

    def read_all(*states: str) -> LiveFeed:
        delivery = {"FacilityMonitoringDelivery": [{"FacilityCondition": [condition(one) for one in states]}]}
        return siri.read(json.dumps({"Siri": {"ServiceDelivery": delivery}}).encode(), "town")

    (alert,) = read_all("notAvailable").alerts
    assert (alert.targets, alert.periods) == ((Target(stop_id="quai"),), ((at("06:00"), at("20:00")),))
    assert read_all("notAvailable", "available").alerts == ()
