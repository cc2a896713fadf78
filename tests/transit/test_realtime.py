"""GTFS-Realtime as providers publish it, whole and broken, and what becomes of it."""

from __future__ import annotations

import json
import math
import random
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

import pytest
from google.protobuf.json_format import MessageToJson
from google.transit import gtfs_realtime_pb2 as messages

from mobigo.kit.errors import InvalidInput
from mobigo.transit import realtime
from mobigo.transit.live import CallRelation, CallUpdate, LiveFeed, Occupancy, Relation, Target

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_795_417_200


def write_feed() -> messages.FeedMessage:
    """One of everything."""
    feed = messages.FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.timestamp = NOW
    update = feed.entity.add(id="1").trip_update
    update.trip.trip_id, update.trip.start_date, update.trip.start_time = "t1", "20261123", "25:10:00"
    update.timestamp = NOW - 20
    update.vehicle.id = "bus7"
    first = update.stop_time_update.add(stop_sequence=1, stop_id="gare")
    first.departure.time = NOW + 60
    first.departure.delay = 60
    second = update.stop_time_update.add(stop_sequence=0, stop_id="mairie")
    second.arrival.delay = -30
    second.stop_time_properties.assigned_stop_id = "mairie-2"
    update.stop_time_update.add(stop_id="lac", schedule_relationship=messages.TripUpdate.StopTimeUpdate.SKIPPED)
    vehicle = feed.entity.add(id="2").vehicle
    vehicle.trip.trip_id, vehicle.vehicle.id, vehicle.timestamp = "t1", "bus7", NOW - 10
    vehicle.position.latitude, vehicle.position.longitude, vehicle.position.bearing = 47.5, 4.25, math.nan
    vehicle.occupancy_status = messages.VehiclePosition.FULL
    alert = feed.entity.add(id="3").alert
    alert.informed_entity.add(route_id="1", stop_id="gare")
    alert.header_text.translation.add(text="Travaux", language="fr-FR")
    alert.header_text.translation.add(text="Works", language="en")
    alert.active_period.add(start=NOW)
    alert.cause, alert.effect = messages.Alert.CONSTRUCTION, messages.Alert.DETOUR
    return feed


def test_a_message_is_understood() -> None:
    feed = realtime.read(write_feed().SerializeToString(), "town")
    (trip,), (vehicle,), (alert,) = feed.trips, feed.vehicles, feed.alerts
    assert (feed.source, feed.at, feed.problems) == ("town", NOW, ())
    assert (trip.trip_id, trip.start_date, trip.start_time) == ("t1", date(2026, 11, 23), 25 * 3600 + 600)
    assert (trip.relation, trip.at, trip.vehicle, trip.delay) == (Relation.SCHEDULED, NOW - 20, "bus7", None)
    assert trip.calls == (
        CallUpdate(sequence=1, stop_id="gare", departure=NOW + 60),  # a time prevails over its delay
        CallUpdate(sequence=0, stop_id="mairie", arrival_delay=-30, assigned_stop_id="mairie-2"),
        CallUpdate(stop_id="lac", relation=CallRelation.SKIPPED),
    )
    assert (vehicle.lat, vehicle.lon, vehicle.bearing, vehicle.occupancy) == (47.5, 4.25, None, Occupancy.FULL)
    assert (alert.header, alert.periods) == ({"fr": "Travaux", "en": "Works"}, ((NOW, None),))
    assert (alert.targets, alert.cause, alert.effect) == (
        (Target(route_id="1", stop_id="gare"),),
        "CONSTRUCTION",
        "DETOUR",
    )


def test_its_json_form_says_the_same_under_both_spellings_of_names() -> None:
    feed = write_feed()
    for text in (MessageToJson(feed), MessageToJson(feed, preserving_proto_field_name=True)):
        assert realtime.read(text.encode(), "town") == realtime.read(feed.SerializeToString(), "town")


@pytest.mark.parametrize(
    ("number", "relation"),
    [
        (messages.TripDescriptor.ADDED, Relation.NEW),
        (messages.TripDescriptor.NEW, Relation.NEW),
        (messages.TripDescriptor.CANCELED, Relation.CANCELED),
        (messages.TripDescriptor.DELETED, Relation.DELETED),
        (messages.TripDescriptor.UNSCHEDULED, Relation.UNSCHEDULED),
        (messages.TripDescriptor.REPLACEMENT, Relation.REPLACEMENT),
        (messages.TripDescriptor.DUPLICATED, Relation.DUPLICATED),
    ],
)
def test_every_relation_is_known(number: int, relation: Relation) -> None:
    feed = write_feed()
    feed.entity[0].trip_update.trip.schedule_relationship = number
    assert realtime.read(feed.SerializeToString(), "town").trips[0].relation is relation


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda feed: setattr(feed.entity[0].trip_update.trip, "start_date", "2026-13-40"), "'2026-13-40' is no date"),
        (lambda feed: setattr(feed.entity[0].trip_update.trip, "start_time", "noon"), "'noon' is no time"),
        (lambda feed: setattr(feed.entity[1].vehicle.position, "latitude", math.nan), "is no place"),
        (lambda feed: setattr(feed.entity[1].vehicle.position, "latitude", 1e30), "is no place"),
        (lambda feed: feed.entity[2].alert.ClearField("header_text"), "it has no text"),
    ],
)
def test_an_entity_that_makes_no_sense_is_left_out_whole_and_named(change: object, problem: str) -> None:
    feed = write_feed()
    change(feed)  # type: ignore[operator]
    found = realtime.read(feed.SerializeToString(), "town")
    assert len(found.trips) + len(found.vehicles) + len(found.alerts) == 2
    assert problem in found.problems[0]


def test_what_is_not_read_is_said() -> None:
    feed = write_feed()
    feed.entity.add(id="detour").trip_modifications.service_dates.append("20261123")
    found = realtime.read(feed.SerializeToString(), "town")
    assert found.problems == ("entity detour: it holds none of trip_update, vehicle, alert; it is not read",)


def test_a_vehicle_without_trip_is_on_the_one_trip_that_names_it() -> None:
    feed = write_feed()
    feed.entity[1].vehicle.ClearField("trip")
    assert realtime.read(feed.SerializeToString(), "town").vehicles[0].trip_id == "t1"
    feed.entity.add(id="4").CopyFrom(feed.entity[0])  # two trips name it: its next one as well
    assert realtime.read(feed.SerializeToString(), "town").vehicles[0].trip_id is None


def test_times_of_any_size_are_numbers_or_nothing() -> None:
    feed = write_feed()
    feed.header.timestamp = 2**64 - 1
    feed.entity[0].trip_update.timestamp = 2**63
    feed.entity[0].trip_update.stop_time_update[0].departure.time = -(2**63)
    found = realtime.read(feed.SerializeToString(), "town")
    assert (found.at, found.trips[0].at) == (0, None)
    feed.header.timestamp = NOW * 1000
    assert realtime.read(feed.SerializeToString(), "town").at == NOW  # milliseconds


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not valid pb data",
        b"<html>502 Bad Gateway</html>",
        b"\x0a\xff\xff\xff\xff\x7f",  # a header of two gigabytes
        b"\x12\x02\x0a\x00",  # an entity, no header
        b"\x0a" * 100_000,
        b"{",
        b"{}",
        b'{"header": {"gtfsRealtimeVersion": "2.0"}, "entity": "x"}',
        b'{"header": {"gtfsRealtimeVersion": "2.0"}, "entity": [{"id": 5, "tripUpdate": 7}]}',
        b'{"header":' * 50_000,
        b"[1, 2]",
    ],
)
def test_what_is_no_message_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="live data of town"):
        realtime.read(content, "town")


def test_torn_and_garbled_messages_never_fail_otherwise_and_never_halve_a_trip() -> None:
    feed = write_feed()
    for number in range(40):
        feed.entity.add(id=f"more{number}").CopyFrom(feed.entity[0])
    whole = feed.SerializeToString()
    known = realtime.read(whole, "town").trips[0]
    chance = random.Random(3)
    for _ in range(1500):
        cut = whole[: chance.randrange(len(whole))]
        with suppress(InvalidInput):
            assert all(trip == known for trip in realtime.read(cut, "town").trips)
        garbled = bytearray(whole)
        for _ in range(chance.randrange(1, 8)):
            garbled[chance.randrange(len(whole))] = chance.randrange(256)
        with suppress(InvalidInput):
            check_texts(realtime.read(bytes(garbled), "town"))
        with suppress(InvalidInput):
            realtime.read(chance.randbytes(chance.randrange(200)), "town")


def check_texts(feed: LiveFeed) -> None:
    """Everything that is text is text, whatever bytes there were."""
    for one in (*feed.trips, *feed.vehicles):
        assert all(isinstance(text, str | None) for text in (one.trip_id, one.route_id))
    for trip in feed.trips:
        assert all(isinstance(call.stop_id, str | None) for call in trip.calls)


def test_garbled_json_never_fails_otherwise() -> None:
    whole = json.loads(MessageToJson(write_feed()))
    chance = random.Random(4)
    odd = [None, -1, 1e400, "x", [], {}, [{}], "NaN", 2**70, True, "\ud800"]
    for _ in range(400):
        changed = json.loads(json.dumps(whole))
        place = changed
        while True:
            key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if isinstance(place[key], dict | list) and place[key] and chance.random() < 0.8:
                place = place[key]
                continue
            place[key] = chance.choice(odd)
            break
        with suppress(InvalidInput):
            realtime.read(json.dumps(changed).encode(), "town")


def test_recorded_messages_are_understood(test_data: Path) -> None:
    bart = realtime.read((test_data / "gtfs-rt" / "bart-trip-updates.pb").read_bytes(), "bart")
    assert (len(bart.trips), sum(len(trip.calls) for trip in bart.trips), bart.problems) == (91, 1060, ())
    brest = realtime.read((test_data / "gtfs-rt" / "brest-alerts.pb").read_bytes(), "brest")
    assert len(brest.alerts) == 12
    assert all(alert.header and alert.targets for alert in brest.alerts)
    with pytest.raises(InvalidInput):
        realtime.read((test_data / "gtfs-rt" / "invalid.pb").read_bytes(), "bart")
