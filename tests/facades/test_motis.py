"""The API of MOTIS over HTTP; what is expected is worked out by hand from the feed of `motis_town`.

One walks at 1.2 m/s: the 405 m from the west end to Amont (and from Aval to the east end) take 338 s, the 1,010 m to
the second platform of Pont 842 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.facades.motis_town import MONDAY, WORKS, at, late, open_motis

from mobigo.facades.motis import answers
from mobigo.facades.motis.ids import (
    Cursor,
    TripName,
    encode_line,
    read_cursor,
    read_id,
    read_trip,
    write_id,
    write_trip,
)
from mobigo.facades.motis.modes import Mode, mode_of
from mobigo.kit.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.facades.motis_town import MotisTown

WAY = {"fromPlace": at(0), "toPlace": at(10_000)}
MORNING = WAY | {"time": "2026-11-23T06:30:00Z"}
EARLY, TRAIN, MID, NOON, NIGHT = (
    f"20261123_{hour}_val~1bus_{trip}"
    for hour, trip in [
        ("08:00", "early"),
        ("08:10", "train"),
        ("09:00", "mid"),
        ("12:00", "noon_1"),
        ("24:30", "night"),
    ]
)

REQUIRED = {
    "Place": "name lat lon",
    "Leg": "mode startTime endTime scheduledStartTime scheduledEndTime realTime scheduled duration from to legGeometry",
    "Itinerary": "duration startTime endTime transfers id legs",
    "StopTime": "place mode realTime headsign tripFrom tripTo agencyId agencyName agencyUrl tripId routeId directionId"
    " routeShortName routeLongName tripShortName displayName pickupDropoffType cancelled tripCancelled bikesAllowed"
    " wheelchairAccessible reservation source",
    "Match": "type name id lat lon tokens areas score",
    "TripSegment": "trips mode distance from to departure arrival scheduledDeparture scheduledArrival realTime"
    " polyline",
    "Step": "relativeDirection distance fromLevel toLevel polyline streetName exit stayOn area",
}
"""What the client of MOTIS 2.11 takes for granted."""


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotisTown]:
    with open_motis(test_cluster, tmp_path_factory.mktemp("motis")) as served:
        yield served


@pytest.fixture
def live(town: MotisTown) -> Iterator[MotisTown]:
    """The first bus is four minutes late from Pont on, and something is built at Aval."""
    town.say(late("early", 4, first=2), alerts=(WORKS,))
    yield town
    town.say()


def trips(answer: dict[str, Any]) -> list[str]:
    """List which trips are ridden, itinerary after itinerary."""
    return [leg["tripId"] for one in answer["itineraries"] for leg in one["legs"] if "tripId" in leg]


def hold(kind: str, *found: dict[str, Any]) -> None:
    """Expect all that clients take for granted."""
    for one in found:
        assert set(REQUIRED[kind].split()) <= set(one), kind


def decode(line: dict[str, Any]) -> list[tuple[float, float]]:
    """Read a polyline as a client does."""
    numbers, value, bits = [], 0, 0
    for sign in line["points"].encode():
        value |= (sign - 63 & 31) << bits
        bits += 5
        if sign - 63 < 32:
            numbers.append(~(value >> 1) if value & 1 else value >> 1)
            value = bits = 0
    lat = lon = 0
    points = []
    for north, east in zip(numbers[::2], numbers[1::2], strict=True):
        lat, lon = lat + north, lon + east
        points.append((lat / 10 ** line["precision"], lon / 10 ** line["precision"]))
    return points


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("own", "theirs"),
    [("val:pont_1", "val_pont_1"), ("a_b~c:x:y", "a~1b~0c_x:y"), ("ter:StopPoint:OCE 1", "ter_StopPoint:OCE 1")],
)
def test_ids_are_parted_at_the_first_underscore_and_come_back(own: str, theirs: str) -> None:
    assert (write_id(own), read_id(theirs)) == (theirs, own)


def test_trips_carry_day_and_hour_beyond_midnight() -> None:
    name = TripName(MONDAY, 24 * 3600 + 1800, "a_b:n_1")
    assert write_trip(*name) == "20261123_24:30_a~1b_n_1"
    assert read_trip("20261123_24:30_a~1b_n_1") == name
    for wrong in ("20261399_08:00_a_b", "x", "20261123_08:00_a"):
        with pytest.raises(NotFound):
            read_trip(wrong)


def test_cursors_come_back() -> None:
    for cursor in (Cursor(earlier=True, instant=12), Cursor(earlier=False, instant=5, shown="0a")):
        assert read_cursor(str(cursor)) == cursor


def test_lines_are_those_of_google() -> None:
    line = [(-120.2, 38.5), (-120.95, 40.7), (-126.453, 43.252)]
    assert encode_line(line, 5) == "_p~iF~ps|U_ulLnnqC_mqNvxq`@"
    assert encode_line([], 5) == ""


@pytest.mark.parametrize(
    ("route_type", "mode"),
    [(0, Mode.TRAM), (2, Mode.REGIONAL_RAIL), (101, Mode.HIGHSPEED_RAIL), (109, Mode.SUBURBAN), (401, Mode.SUBWAY),
     (715, Mode.BUS), (204, Mode.COACH), (1302, Mode.AERIAL_LIFT), (1700, Mode.OTHER), (-1, Mode.OTHER)],
)  # fmt: skip
def test_a_route_type_has_a_mode(route_type: int, mode: Mode) -> None:
    assert mode_of(route_type) is mode


# ── journeys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_journey_is_told_as_motis_does(town: MotisTown) -> None:
    answer = town.get("v6/plan", **MORNING, numItineraries=1)
    answers.PlanAnswer.model_validate(answer)
    assert answer["requestParameters"]["fromPlace"] == at(0)
    assert (answer["from"]["name"], answer["to"]["name"], answer["direct"]) == ("START", "END", [])
    (one,) = answer["itineraries"]
    assert (one["startTime"], one["endTime"]) == ("2026-11-23T06:54:22Z", "2026-11-23T07:20:38Z")
    assert (one["duration"], one["transfers"], one["co2"] > 0) == (338 + 900 + 338, 0, True)
    walk, bus, last = one["legs"]
    hold("Itinerary", one)
    hold("Leg", walk, bus, last)
    hold("Place", walk["from"], bus["from"], *bus["intermediateStops"])
    hold("Step", *walk["steps"])
    assert (walk["mode"], walk["from"]["name"], walk["to"]["stopId"]) == ("WALK", "START", "val~1bus_amont")
    assert [step["streetName"] for step in walk["steps"]] == ["Rue Haute"]
    assert (bus["mode"], bus["tripId"], bus["routeId"], bus["headsign"]) == ("BUS", EARLY, "val~1bus_L", "Aval")
    assert (bus["displayName"], bus["routeShortName"], bus["agencyId"]) == ("12", "12", "V")
    assert (bus["realTime"], bus["scheduled"], bus["cancelled"]) == (False, True, False)
    (pont,) = bus["intermediateStops"]
    assert (pont["arrival"], pont["departure"]) == ("2026-11-23T07:02:00Z", "2026-11-23T07:03:00Z")
    assert (pont["stopId"], pont["parentId"], pont["track"]) == ("val~1bus_pont_1", "val~1bus_pont", "1")
    assert (bus["tripFrom"]["name"], bus["tripTo"]["name"]) == ("Amont", "Aval")
    assert (last["to"]["name"], "level" in last["to"]) == ("END", False)


def test_versions_differ_as_those_of_motis(town: MotisTown) -> None:
    told = {version: town.get(f"v{version}/plan", **MORNING) for version in range(1, 7)}
    lines, trains = {}, {}
    for version, answer in told.items():
        answers.PlanAnswer.model_validate(answer)
        bus, train = (one["legs"][1] for one in answer["itineraries"][:2])
        lines[version] = bus["legGeometry"]
        trains[version] = (train["mode"], train["routeShortName"], train["displayName"])
        assert (train["from"].get("level") == 0) == (version < 6)
    assert [lines[version]["precision"] for version in range(1, 7)] == [7, 6, 6, 6, 6, 6]
    assert decode(lines[1])[0] == pytest.approx(decode(lines[6])[0], abs=1e-6)
    assert len(decode(lines[6])) == lines[6]["length"]
    assert trains[3] == ("METRO", "4711", "4711")
    assert trains[4] == ("METRO", "", "4711")
    assert trains[5] == trains[6] == ("SUBURBAN", "", "4711")


@pytest.mark.parametrize(("version", "most", "found"), [(2, 0, 0), (2, 1, 1), (3, 0, 1), (6, -1, 1)])
def test_changes_are_counted_by_version(town: MotisTown, version: int, most: int, found: int) -> None:
    answer = town.get(f"v{version}/plan", **MORNING, maxTransfers=most, numItineraries=1)
    assert len(answer["itineraries"]) == found


def test_ways_without_vehicles_are_apart_and_on_the_first_page_only(town: MotisTown) -> None:
    short = {"fromPlace": at(0), "toPlace": at(900), "time": "2026-11-23T06:30:00Z"}
    answer = town.get("v6/plan", **short, directModes="WALK,BIKE", fastestDirectFactor=1)
    assert answer["itineraries"] == []
    assert [(one["legs"][0]["mode"], one["startTime"]) for one in answer["direct"]] == [
        ("WALK", "2026-11-23T06:30:00Z"),
        ("BIKE", "2026-11-23T06:30:00Z"),
    ]
    assert answer["direct"][0]["duration"] == pytest.approx(900 / 1.2, abs=1)
    assert town.get("v6/plan", **short, pageCursor=answer["nextPageCursor"])["direct"] == []
    assert town.get("v6/plan", **short, maxDirectTime=700)["direct"] == []
    # the bus from Amont at 08:00 is at Pont at 08:02, and one walks on: longer than walking all the way
    assert trips(town.get("v6/plan", **short, numItineraries=1)) == [EARLY]


def test_pages_forward_and_back_hold_each_journey_once(town: MotisTown) -> None:
    asked = MORNING | {"numItineraries": 1, "searchWindow": 60}
    page = town.get("v6/plan", **asked)
    shown = trips(page)
    for _ in range(5):
        page = town.get("v6/plan", **asked, pageCursor=page["nextPageCursor"])
        shown += trips(page)
    assert shown == [EARLY, TRAIN, MID, NOON, NIGHT, "20261124_08:00_val~1bus_early"]
    back = []
    for _ in range(5):
        page = town.get("v6/plan", **asked, pageCursor=page["previousPageCursor"])
        back += trips(page)
    assert back == [NIGHT, NOON, MID, TRAIN, EARLY]


def test_one_may_ask_when_to_be_there(town: MotisTown) -> None:
    asked = WAY | {"time": "2026-11-23T08:22:00Z", "arriveBy": True, "numItineraries": 1}
    page = town.get("v6/plan", **asked)
    assert (trips(page), page["itineraries"][0]["endTime"]) == ([MID], "2026-11-23T08:20:38Z")
    assert trips(town.get("v6/plan", **asked, pageCursor=page["previousPageCursor"])) == [TRAIN]
    assert trips(town.get("v6/plan", **asked, pageCursor=page["nextPageCursor"])) == [NOON]


def test_without_a_window_the_wait_counts(town: MotisTown) -> None:
    answer = town.get("v6/plan", **MORNING, timetableView=False)
    (one,) = answer["itineraries"]
    assert (trips(answer), one["duration"]) == ([EARLY], 50 * 60 + 38)  # 07:30 to 08:20:38
    after = town.get("v6/plan", **MORNING, timetableView=False, pageCursor=answer["nextPageCursor"])
    assert trips(after)[0] == TRAIN


def test_one_leg_where_one_stays_seated(town: MotisTown) -> None:
    asked = WAY | {"time": "2026-11-23T10:30:00Z", "numItineraries": 1}
    (joined,) = town.get("v6/plan", **asked)["itineraries"]
    (bus,) = [leg for leg in joined["legs"] if leg["mode"] == "BUS"]
    assert (bus["duration"], bus["endTime"], bus["to"]["name"]) == (17 * 60, "2026-11-23T11:17:00Z", "Aval")
    (pont,) = bus["intermediateStops"]
    assert (pont["arrival"], pont["departure"]) == ("2026-11-23T11:02:00Z", "2026-11-23T11:05:00Z")
    (apart,) = town.get("v6/plan", **asked, joinInterlinedLegs=False)["itineraries"]
    first, second = (leg for leg in apart["legs"] if leg["mode"] == "BUS")
    assert (first["tripId"], "interlineWithPreviousLeg" in first) == (NOON, False)
    assert (second["tripId"], second["interlineWithPreviousLeg"]) == ("20261123_12:05_val~1bus_noon_2", True)
    assert apart["transfers"] == joined["transfers"] == 0


def test_modes_and_ways_are_chosen(town: MotisTown) -> None:
    ask = MORNING | {"numItineraries": 1}
    assert trips(town.get("v6/plan", **ask, transitModes="SUBURBAN")) == [TRAIN]
    assert trips(town.get("v4/plan", **ask, transitModes="METRO,TRAM")) == [TRAIN]
    assert trips(town.get("v6/plan", **ask, transitModes="RAIL")) == [TRAIN]
    assert trips(town.get("v6/plan", **ask, transitModes="HIGHSPEED_RAIL")) == []
    none = town.get("v6/plan", **ask, transitModes="")
    assert (none["itineraries"], none["nextPageCursor"][:6]) == ([], "LATER|")
    assert TRAIN not in trips(town.get("v6/plan", **MORNING, maxPreTransitTime=600))
    assert trips(town.get("v6/plan", **ask, requireBikeTransport=True)) == [TRAIN]
    bike = town.get("v6/plan", **ask, preTransitModes="BIKE", postTransitModes=["BIKE", "WALK"])
    assert bike["itineraries"][0]["legs"][0]["mode"] == "BIKE"
    # on foot to Pont (1,005 m, 838 s), five minutes there, and on with the bus of 08:03
    (stay,) = town.get("v6/plan", **ask, via="val~1bus_pont", viaMinimumStay="5")["itineraries"]
    assert (stay["startTime"], stay["legs"][1]["from"]["stopId"]) == ("2026-11-23T06:44:02Z", "val~1bus_pont_1")
    plain = town.get("v6/plan", **ask, detailedLegs=False)["itineraries"][0]["legs"]
    assert [leg["legGeometry"]["points"] for leg in plain[::2]] == ["", ""]
    assert not any("steps" in leg for leg in plain)


def test_stops_are_ends_too(town: MotisTown) -> None:
    answer = town.get(
        "v6/plan", fromPlace="val~1bus_amont", toPlace="val~1bus_aval", time="2026-11-23T06:30:00Z", numItineraries=1
    )
    (one,) = answer["itineraries"]
    assert [leg["tripId"] for leg in one["legs"]] == [EARLY]
    assert (answer["from"]["stopId"], one["legs"][0]["from"]["name"]) == ("val~1bus_amont", "Amont")


def test_other_vehicles_are_named_for_a_ride(town: MotisTown) -> None:
    answer = town.get("v6/plan", **MORNING, numItineraries=1, numLegAlternatives=1)
    (other,) = answer["itineraries"][0]["legs"][1]["alternatives"]
    assert [(leg["mode"], leg.get("tripId")) for leg in other] == [("WALK", None), ("BUS", MID), ("WALK", None)]
    answers.PlanAnswer.model_validate(answer)


def test_what_a_journey_costs(town: MotisTown) -> None:
    (one,) = town.get("v6/plan", **MORNING, numItineraries=1, withFares=True, language="en")["itineraries"]
    (transfer,) = one["fareTransfers"]
    assert transfer["effectiveFareLegProducts"] == [[[{"name": "One trip", "amount": 1.5, "currency": "EUR"}]]]
    assert [leg.get("fareTransferIndex") for leg in one["legs"]] == [None, 0, None]


def test_a_ride_that_is_booked_says_how(town: MotisTown) -> None:
    asked = {"fromPlace": at(-6000), "toPlace": at(10_000), "time": "2026-11-23T07:00:00Z", "numItineraries": 1}
    answer = town.get("v6/plan", **asked, language="en")
    answers.PlanAnswer.model_validate(answer)
    ride, bus = (leg for leg in answer["itineraries"][0]["legs"] if "tripId" in leg)
    assert (ride["mode"], ride["reservation"], bus["tripId"]) == ("ODM", "COMPULSORY", MID)
    rule = ride["pickupBookingRule"]
    assert (rule["how"], bool(rule["quote"]), rule["pickupWindowStart"]) == ("here", True, ride["startTime"])
    assert ride["alerts"][0]["headerText"] == "Booking required"
    flex = town.get("v6/plan", **asked, preTransitModes="WALK,FLEX")
    assert flex["itineraries"][0]["legs"][0]["mode"] == "FLEX"
    assert town.get("v6/plan", **asked, noCompulsoryReservation=True)["itineraries"] == []
    assert town.get("v6/plan", **asked, transitModes="BUS,RAIL")["itineraries"] == []


# ── live ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_live_times_stand_beside_the_timetable(live: MotisTown) -> None:
    answer = live.get("v6/plan", **MORNING, numItineraries=1, language="en-GB", transitModes="BUS")
    answers.PlanAnswer.model_validate(answer)
    bus = answer["itineraries"][0]["legs"][1]
    assert (bus["realTime"], bus["endTime"], bus["scheduledEndTime"]) == (
        True,
        "2026-11-23T07:19:00Z",
        "2026-11-23T07:15:00Z",
    )
    assert (bus["startTime"], bus["tripId"]) == ("2026-11-23T07:00:00Z", EARLY)
    (pont,) = bus["intermediateStops"]
    assert (pont["departure"], pont["scheduledDeparture"]) == ("2026-11-23T07:07:00Z", "2026-11-23T07:03:00Z")
    assert [one["headerText"] for one in bus["alerts"]] == ["Works at Aval"]
    french = live.get("v6/plan", **MORNING, numItineraries=1, language="de,fr")["itineraries"][0]
    assert [one["headerText"] for one in french["legs"][1]["alerts"]] == ["Travaux à Aval"]
    off = live.get("v6/plan", **MORNING, numItineraries=1, realtimeMode="OFF")["itineraries"][0]["legs"][1]
    assert (off["realTime"], off["endTime"], "alerts" in off) == (False, "2026-11-23T07:15:00Z", False)
    told = live.get("v6/plan", **MORNING, numItineraries=1, realtimeMode="REALTIME_ANNOTATION_ONLY")["itineraries"][0]
    assert (told["legs"][1]["tripId"], told["legs"][1]["endTime"]) == (EARLY, "2026-11-23T07:19:00Z")
    assert live.get("v1/health") == {"rt": True, "gbfs": True}


def test_an_itinerary_is_looked_up_as_it_goes_now(town: MotisTown, live: MotisTown) -> None:
    live.say()
    (one,) = town.get("v6/plan", **MORNING, numItineraries=1)["itineraries"]
    live.say(late("early", 4, first=2))
    again = live.get("v6/refresh-itinerary", itineraryId=one["id"], withFares=True)
    answers.ItineraryAnswer.model_validate(again)
    assert (again["endTime"], again["legs"][1]["realTime"]) == ("2026-11-23T07:24:38Z", True)
    assert again["legs"][0]["from"]["name"] == "START"
    assert again["fareTransfers"]
    assert "no journey" in town.get("v6/refresh-itinerary", 404, itineraryId="nothing")["error"]


def test_boards_are_live(live: MotisTown) -> None:
    answer = live.get("v6/stoptimes", stopId="val~1bus_pont", n=1)
    (first,) = answer["stopTimes"]
    assert (first["place"]["departure"], first["place"]["scheduledDeparture"]) == (
        "2026-11-23T07:07:00Z",
        "2026-11-23T07:03:00Z",
    )
    assert (first["realTime"], first["tripId"]) == (True, EARLY)
    told = live.get("v6/stoptimes", stopId="val~1bus_pont", n=1, realtimeMode="REALTIME_ANNOTATION_ONLY")
    assert told["stopTimes"][0]["place"]["departure"] == "2026-11-23T07:07:00Z"
    off = live.get("v6/stoptimes", stopId="val~1bus_pont", n=1, realtimeMode="OFF")["stopTimes"][0]
    assert (off["realTime"], off["place"]["departure"]) == (False, "2026-11-23T07:03:00Z")
    aval = live.get("v6/stoptimes", stopId="val~1bus_aval", n=1, arriveBy=True, direction="LATER", language="en")
    assert [one["headerText"] for one in aval["stopTimes"][0]["place"]["alerts"]] == ["Works at Aval"]


# ── boards ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_board_holds_what_can_be_boarded(town: MotisTown) -> None:
    answer = town.get("v6/stoptimes", stopId="val~1bus_pont", n=3, fetchStops=True)
    answers.StopTimesAnswer.model_validate(answer)
    hold("StopTime", *answer["stopTimes"])
    # one may not board the nine o'clock bus here, and that of twelve ends here and goes on as another trip
    assert [one["tripId"] for one in answer["stopTimes"]] == [EARLY, TRAIN, "20261123_12:05_val~1bus_noon_2"]
    first = answer["stopTimes"][0]
    assert (first["place"]["arrival"], first["place"]["departure"]) == ("2026-11-23T07:02:00Z", "2026-11-23T07:03:00Z")
    assert [one["name"] for one in first["nextStops"]] == ["Aval"]
    assert (first["tripFrom"]["name"], first["tripTo"]["name"], answer["place"]["stopId"]) == (
        "Amont",
        "Aval",
        "val~1bus_pont",
    )
    assert town.get("v1/stoptimes", stopId="val~1bus_pont", n=2)["stopTimes"][1]["mode"] == "METRO"
    rail = town.get("v6/stoptimes", stopId="val~1bus_pont", n=1, mode="RAIL")["stopTimes"]
    assert [one["tripId"] for one in rail] == [TRAIN]


def test_pages_of_a_board_hold_each_departure_once(town: MotisTown) -> None:
    page = town.get("v6/stoptimes", stopId="val~1bus_amont", n=1)
    shown = []
    for _ in range(4):
        shown += [one["tripId"] for one in page["stopTimes"]]
        page = town.get("v6/stoptimes", stopId="val~1bus_amont", n=1, pageCursor=page["nextPageCursor"])
    assert shown == [EARLY, MID, NOON, NIGHT]
    back = []
    for _ in range(4):
        page = town.get("v6/stoptimes", stopId="val~1bus_amont", n=1, pageCursor=page["previousPageCursor"])
        back += [one["tripId"] for one in page["stopTimes"]]
    assert back == [NIGHT, NOON, MID, EARLY]


def test_which_stops_a_board_is_of(town: MotisTown) -> None:
    def board(**asked: object) -> list[str]:
        return [one["place"]["stopId"] for one in town.get("v6/stoptimes", n=2, **asked)["stopTimes"]]

    assert board(stopId="val~1bus_pont_2", radius=0, exactRadius=True)[0] == "val~1bus_pont_2"
    assert board(stopId="val~1bus_pont_2") == ["val~1bus_pont_1", "val~1bus_pont_2"]
    assert board(stopId="gone_gone", center=at(1000), radius=50) == ["val~1bus_pont_1", "val~1bus_pont_2"]
    assert board(stopId="val~1bus_amont", radius=700) == ["val~1bus_amont", "val~1bus_pont_1"]
    both = town.get("v6/stoptimes", stopId="val~1bus_pont", both=True, window=3600 * 5)["stopTimes"]
    assert [one["place"]["track"] for one in both] == ["1", "1", "2", "1", "1"]  # 08:02 08:03 08:10 12:02 12:05
    arrivals = town.get("v6/stoptimes", stopId="val~1bus_aval", arriveBy=True, n=1, time="2026-11-23T08:00:00Z")
    assert [one["tripId"] for one in arrivals["stopTimes"]] == [TRAIN]  # the last before
    assert town.get("v6/stoptimes", stopId="val~1bus_pont", n=0)["stopTimes"] == []
    assert board(stopId="val~1bus_amont", time="", pageCursor="", center="") == ["val~1bus_amont"] * 2


def test_a_trip_goes_on_where_one_stays_seated(town: MotisTown) -> None:
    joined = town.get("v6/trip", tripId="20261123_12:05_val~1bus_noon_2")
    answers.ItineraryAnswer.model_validate(joined)
    (leg,) = joined["legs"]
    assert (leg["from"]["name"], leg["to"]["name"], leg["duration"]) == ("Amont", "Aval", 17 * 60)
    apart = town.get("v6/trip", tripId="20261123_12:05_val~1bus_noon_2", joinInterlinedLegs=False)["legs"]
    assert [one["tripId"] for one in apart] == [NOON, "20261123_12:05_val~1bus_noon_2"]
    night = town.get("v2/trip", tripId=NIGHT)
    assert (night["startTime"], night["legs"][0]["tripId"]) == ("2026-11-23T23:30:00Z", NIGHT)
    assert town.get("v6/refresh-itinerary", itineraryId=night["id"])["startTime"] == night["startTime"]
    skipped = town.get("v6/trip", tripId=MID)["legs"][0]["intermediateStops"]
    told = town.get("v6/trip", tripId=MID, withScheduledSkippedStops=True)["legs"][0]["intermediateStops"]
    assert (skipped, [(one["name"], one["pickupType"]) for one in told]) == ([], [("Pont", "NOT_ALLOWED")])
    assert town.get("v6/trip", 404, tripId="20261122_12:05_val~1bus_noon_2")["error"]


# ── places, maps, times ───────────────────────────────────────────────────────────────────────────────────────────────


def test_places_by_name_and_around_a_point(town: MotisTown) -> None:
    found = town.get("v1/geocode", text="amont", language="fr")
    hold("Match", *found)
    assert [(one["type"], one["name"], one["tokens"]) for one in found[:2]] == [
        ("STOP", "Amont", [[0, 5]]),
        ("PLACE", "Amont-le-Val", [[0, 5]]),
    ]
    assert (found[0]["id"], found[0]["modes"]) == ("val~1bus_amont", ["BUS"])
    assert [one["name"] for one in town.get("v1/geocode", text="pont", type="STOP", mode="SUBURBAN")] == ["Pont"]
    assert town.get("v1/geocode", text="pont", mode="TRAM", type="STOP") == []
    (house,) = town.get("v1/geocode", text="12 rue haute", type="ADDRESS", numResults=1)
    assert (house["street"], house["houseNumber"]) == ("Rue Haute", "12")
    near = town.get("v1/reverse-geocode", place=at(390))
    hold("Match", *near)
    assert {"Amont", "12 Rue Haute", "Amont-le-Val"} <= {one["name"] for one in near}
    assert [one["name"] for one in town.get("v1/reverse-geocode", place=at(1000), type="STOP", numResults=1)] == [
        "Pont"
    ]


def test_maps_begin_where_the_network_is(town: MotisTown) -> None:
    first = town.get("v1/map/initial")
    answers.InitialAnswer.model_validate(first)
    assert first["lat"] == pytest.approx(47.0, abs=0.01)
    assert town.get("v1/map/levels", min=at(0), max=at(9000)) == [0]
    box = {"min": at(900, -50), "max": at(10_000, 50)}
    names = [one["stopId"] for one in town.get("v6/map/stops", **box)]
    assert sorted(names) == ["val~1bus_aval", "val~1bus_pont", "val~1bus_pont_1", "val~1bus_pont_2"]
    assert {one["name"] for one in town.get("v1/map/stops", **box, grouped=True, modes="RAIL")} == {"Pont", "Aval"}


def test_shared_vehicles(town: MotisTown) -> None:
    listed = town.get("v1/rentals")
    answers.RentalsAnswer.model_validate(listed)
    (provider,) = listed["providers"]
    assert (provider["id"], provider["name"], provider["formFactors"]) == ("velo", "Vélo du Val", ["BICYCLE"])
    assert (listed["stations"], listed["vehicles"]) == ([], [])
    found = town.get("v1/rentals", point="val~1bus_amont", radius=2000)
    answers.RentalsAnswer.model_validate(found)
    stations = {one["id"]: (one["name"], one["numVehiclesAvailable"]) for one in found["stations"]}
    assert stations == {"velo:w": ("Bout", 4), "velo:a": ("Amont", 0)}
    assert [one["id"] for one in found["vehicles"]] == ["velo:7"]
    near = town.get("v1/map/rentals", min=at(0, -50), max=at(100, 50), withProviders=False, withVehicles=False)
    assert ([one["id"] for one in near["stations"]], near["providers"]) == (["velo:w"], [])
    assert town.get("v1/rentals", providers="other")["providers"] == []
    ride = town.get("v6/plan", **MORNING, numItineraries=1, preTransitModes="RENTAL")["itineraries"][0]["legs"]
    (bike,) = (leg for leg in ride if leg["mode"] == "RENTAL")
    rental = bike["rental"]
    assert (rental["systemName"], rental["formFactor"], rental["returnConstraint"]) == (
        "Vélo du Val",
        "BICYCLE",
        "ANY_STATION",
    )
    assert (bike["from"]["name"], bike["to"]["vertexType"]) == ("Bout", "BIKESHARE")


def test_vehicles_between_stops(town: MotisTown) -> None:
    box = {"min": at(-100, -500), "max": at(11_000, 500)}
    asked = box | {"startTime": "2026-11-23T07:04:00Z", "endTime": "2026-11-23T07:11:00Z"}
    found = town.get("v6/map/trips", **asked, zoom=15)
    hold("TripSegment", *found)
    assert [(one["trips"][0], one["from"]["name"], one["to"]["name"]) for one in found] == [
        ({"tripId": EARLY, "displayName": "12"}, "Pont", "Aval"),
        ({"tripId": TRAIN, "displayName": "4711"}, "Pont", "Aval"),
    ]
    assert [one["mode"] for one in town.get("v6/map/trips", **asked, zoom=8)] == ["SUBURBAN"]
    assert town.get("v1/map/trips", **asked, zoom=15)[0]["trips"] == [{"tripId": EARLY, "routeShortName": "12"}]
    late_hour = asked | {"endTime": "2026-11-23T09:00:00Z"}
    assert "hour" in town.get("v6/map/trips", 400, **late_hour, zoom=15)["error"]


def test_vehicles_between_stops_are_live(live: MotisTown) -> None:
    box = {"min": at(-100, -500), "max": at(11_000, 500), "zoom": 15}
    (one,) = live.get("v6/map/trips", **box, startTime="2026-11-23T07:18:00Z", endTime="2026-11-23T07:18:30Z")
    assert (one["arrival"], one["scheduledArrival"], one["realTime"]) == (
        "2026-11-23T07:19:00Z",
        "2026-11-23T07:15:00Z",
        True,
    )


def test_times_to_stops_and_places(town: MotisTown) -> None:
    reached = town.get("v6/one-to-all", one=at(0), maxTravelTime=60, time="2026-11-23T06:50:00Z")
    answers.ReachableAnswer.model_validate(reached)
    found = {one["place"]["stopId"]: (one["duration"], one["k"]) for one in reached["all"]}
    # 338 s on foot; from 07:50 until the bus is there at 08:02 (and one at the other platform) and 08:15
    assert (found["val~1bus_amont"], found["val~1bus_pont_2"], found["val~1bus_aval"]) == ((6, 0), (13, 1), (25, 1))
    many = {"one": at(0).replace(",", ";"), "many": ",".join(at(x).replace(",", ";") for x in (600, -3000))}
    asked = many | {"mode": "WALK", "max": 900, "maxMatchingDistance": 250, "arriveBy": False}
    near, far = town.get("v1/one-to-many", **asked, withDistance=True)
    assert (near["duration"], near["distance"], far) == (pytest.approx(500, abs=1), 600.0, {})
    posted = town.http.post(
        "/motis/api/v1/one-to-many",
        json={"one": many["one"], "many": many["many"].split(","), "mode": "BIKE", "max": 900, "arriveBy": True},
    ).json()
    assert 0 < posted[0]["duration"] < 500
    wrong = town.http.post(
        "/motis/api/v1/one-to-many", json={"one": many["one"], "many": [{}], "mode": "BIKE", "max": 9}
    )
    assert (wrong.status_code, "many" in wrong.json()["error"]) == (400, True)
    both = town.get("experimental/one-to-many-intermodal", one=many["one"], many=at(10_000).replace(",", ";"),
                    time="2026-11-23T06:50:00Z")  # fmt: skip
    assert both == {"street_durations": [{}], "transit_durations": [[{"duration": 30 * 60 + 38, "transfers": 0}]]}


# ── errors and manners ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "asked", "status", "words"),
    [
        ("v6/plan", {"fromPlace": at(0)}, 400, "toPlace"),
        ("v6/plan", WAY | {"fromPlace": "val_nowhere"}, 404, "no stop"),
        ("v6/plan", WAY | {"fromPlace": "nowhere"}, 404, "<tag>_<id>"),
        ("v6/plan", WAY | {"time": "yesterday"}, 400, "date"),
        ("v6/plan", WAY | {"pageCursor": "NEXT|1"}, 400, "pageCursor"),
        ("v6/plan", WAY | {"requireCarTransport": True}, 400, "requireCarTransport"),
        ("v6/plan", WAY | {"transitModes": "ROCKET"}, 400, "transitModes"),
        ("v6/plan", WAY | {"directModes": "HGV"}, 400, "HGV"),
        ("v6/plan", WAY | {"transferTimeFactor": 1.5}, 400, "transferTimeFactor"),
        ("v6/plan", WAY | {"radius": 100}, 400, "radius"),
        ("v6/stoptimes", {"n": 3}, 400, "stopId"),
        ("v6/stoptimes", {"n": 3, "stopId": "a_b"}, 404, "no stop"),
        ("v1/map/stops", {"min": "a", "max": "b"}, 400, "min"),
        ("v6/one-to-all", {"one": at(0), "maxTravelTime": 900}, 400, "maxTravelTime"),
        ("v7/plan", WAY, 404, "Not Found"),
    ],
)
def test_errors_say_what_is_wrong(town: MotisTown, path: str, asked: dict[str, Any], status: int, words: str) -> None:
    answer = town.get(path, status, **asked)
    assert (set(answer), words in answer["error"]) == ({"error"}, True)


def test_offsets_of_clients_are_not_taken(town: MotisTown) -> None:
    assert town.http.post("/motis/api/v6/plan", params=MORNING, json={}).json()["itineraries"]
    offsets = {"fromOffsets": [{"stopId": "val~1bus_amont", "duration": 60}]}
    answer = town.http.post("/motis/api/v6/plan", params=MORNING, json=offsets)
    assert (answer.status_code, "fromOffsets" in answer.json()["error"]) == (422, True)


def test_pages_of_others_may_ask(town: MotisTown) -> None:
    answer = town.http.get("/motis/api/v1/health", headers={"Origin": "https://transport.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_it_has_a_description_of_its_own(town: MotisTown) -> None:
    described = town.http.get("/motis/openapi.json").json()
    assert {"/api/v1/plan", "/api/v6/plan", "/api/v6/stoptimes", "/api/v1/geocode"} <= set(described["paths"])
    paths = (getattr(route, "path", "") for route in town.app.routes)
    assert [path for path in paths if "motis" in path] == ["/motis"]
