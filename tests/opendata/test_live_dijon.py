"""The recorded day of Dijon, published for its hours: who follows from outside learns the delays that were recorded."""

from __future__ import annotations

import gzip
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from google.transit import gtfs_realtime_pb2 as gtfs
from lxml import etree

from mobigo.opendata import siri_writer
from mobigo.opendata.live_api import write_feed
from mobigo.opendata.siri_writer import Moment
from mobigo.opendata.siri_xml import unframe, write_xml
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.live_snapshot import LiveSnapshot
from mobigo.transit.matching import read_names
from mobigo.transit.overlay import lay_over
from mobigo.transit.replay import read_recording, replay
from mobigo.transit.timetable import begin_day, build, day_number

if TYPE_CHECKING:
    from mobigo.transit.live import LiveFeed

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2023, 10, 31)
MIDNIGHT = begin_day(day_number(DAY), PARIS)
S = "{http://www.siri.org.uk/siri}"
Delays = dict[tuple[str, str, int], int]
"""Seconds late at a departure, by trip, stop and planned departure."""


def follow_gtfs(content: bytes) -> Delays:
    """What google's bindings tell of departures."""
    message = gtfs.FeedMessage()
    message.ParseFromString(content)
    return {
        (one.trip_update.trip.trip_id, call.stop_id, call.departure.time - call.departure.delay): call.departure.delay
        for one in message.entity
        for call in one.trip_update.stop_time_update
        if call.departure.HasField("delay")
    }


def follow_siri(schema: etree.XMLSchema, content: bytes) -> Delays:
    """What a client that checks the schema tells of departures."""
    document = etree.fromstring(content)
    assert schema.validate(document), str(schema.error_log)[:2000]
    found: Delays = {}
    for journey in document.iter(f"{S}EstimatedVehicleJourney"):
        trip = unframe(journey.findtext(f".//{S}DatedVehicleJourneyRef"))
        for call in journey.iter(f"{S}RecordedCall", f"{S}EstimatedCall"):
            told = call.findtext(f"{S}ActualDepartureTime") or call.findtext(f"{S}ExpectedDepartureTime")
            aimed = call.findtext(f"{S}AimedDepartureTime")
            if told and aimed:
                when = seconds(aimed)
                found[trip, unframe(call.findtext(f"{S}StopPointRef")), when] = seconds(told) - when
    return found


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def list_recorded(feed: LiveFeed) -> Delays:
    """What the recording says of the departures of vehicles by now."""
    return {
        (str(trip.trip_id), str(call.stop_id), call.planned_departure): call.departure_delay
        for trip in feed.trips
        for call in trip.calls
        if call.planned_departure is not None and call.departure_delay is not None
    }


@pytest.mark.slow
def test_who_follows_the_recorded_day_learns_its_delays(test_data: Path) -> None:
    timetable = build(read_feed_tables(test_data / "bfc/fr-bfc-divia-20231031.gtfs.zip"))
    names = read_names(timetable)
    schema = etree.XMLSchema(etree.parse(test_data.parent / "schemas/siri/siri.xsd"))
    with gzip.open(test_data / "gtfs-rt/divia-20231031-trip-updates.csv.gz") as file:
        recording = read_recording(file.read())
    heard: Delays = {}
    recorded: Delays = {}
    ends: set[tuple[str, str, int]] = set()
    stamps: list[int] = []
    for half in range(18, 49):
        now = int(MIDNIGHT + half * 1800)
        feed = replay(recording, "", now, PARIS)
        overlay, _ = lay_over(timetable, [feed], [], now=now, names=names)
        moment = Moment(overlay.timetable, LiveSnapshot(Path("none"), now, overlay, {}, (), ()), now, frozenset())
        message = write_feed("all", moment)
        stamps.append(message.header.timestamp)
        by_gtfs = follow_gtfs(message.SerializeToString())
        by_siri = follow_siri(schema, write_xml(siri_writer.estimate(moment, siri_writer.list_journeys(moment))))
        agree(by_gtfs, by_siri)
        ends |= by_gtfs.keys() - by_siri.keys()
        recorded |= list_recorded(feed)
        heard |= {key: by_siri[key] for key in list_recorded(feed) if key in by_siri}
    assert stamps == sorted(set(stamps))
    assert len(recorded) > 20_000
    assert len(heard) >= 0.995 * len(recorded.keys() - ends)  # a few of its trips are not in the timetable
    found = {key: recorded[key] for key in heard}
    differing = {key: (late, found[key]) for key, late in heard.items() if late != found[key]}
    assert len(differing) <= 0.001 * len(heard), differing  # where the recording has vehicles run back in time
    assert punctual(heard.values()) == punctual(found.values())


def agree(by_gtfs: Delays, by_siri: Delays) -> None:
    """Check that both say the same of every departure they both tell of; SIRI has none at the end of a journey."""
    assert set(by_siri) <= set(by_gtfs)
    assert {key: by_gtfs[key] for key in by_siri} == by_siri


def punctual(delays: Any) -> float:  # noqa: ANN401 - any collection of seconds
    """Share of departures less than five minutes late and less than one early."""
    told = list(delays)
    return sum(-60 < late < 300 for late in told) / len(told)
