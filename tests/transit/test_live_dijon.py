"""A recorded day of Dijon replayed over its timetable: what is known at an instant, and what follows from it."""

from __future__ import annotations

import gzip
from datetime import date
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from mobigo.transit.feed import read_feed_tables
from mobigo.transit.matching import Names, read_names
from mobigo.transit.overlay import CallStatus, Overlay, lay_over
from mobigo.transit.replay import Recording, read_recording, recorded_day, replay
from mobigo.transit.timetable import Timetable, begin_day, build, day_number

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.transit.live import MatchReport

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2023, 10, 31)
MIDNIGHT = begin_day(day_number(DAY), PARIS)


class Dijon(NamedTuple):
    timetable: Timetable
    names: Names
    recording: Recording

    def at(self, hour: float) -> tuple[Overlay, MatchReport]:
        now = int(MIDNIGHT + hour * 3600)
        overlay, (report,) = lay_over(
            self.timetable, [replay(self.recording, "", now, PARIS)], [], now=now, names=self.names
        )
        return overlay, report


@pytest.fixture(scope="module")
def dijon(test_data: Path) -> Dijon:
    timetable = build(read_feed_tables(test_data / "bfc/fr-bfc-divia-20231031.gtfs.zip"))
    with gzip.open(test_data / "gtfs-rt/divia-20231031-trip-updates.csv.gz") as file:
        return Dijon(timetable, read_names(timetable), read_recording(file.read()))


def test_the_recording_is_of_its_day(dijon: Dijon) -> None:
    assert recorded_day(dijon.recording, PARIS) == DAY
    assert len(dijon.recording.trip_ids) == 2_545


@pytest.mark.parametrize(("hour", "least"), [(9, 20), (12, 600), (18, 1_900), (23.5, 2_500)])
def test_what_the_feed_knows_is_found(dijon: Dijon, hour: float, least: int) -> None:
    _, report = dijon.at(hour)
    assert report.trips >= least
    assert report.trips_matched >= 0.995 * report.trips  # 18 of its trips are not in the timetable
    assert report.calls_matched >= 0.99 * report.calls


@pytest.mark.parametrize("hour", [10, 12.5, 17.75])
def test_the_last_delay_is_carried_on_to_the_stops_ahead(dijon: Dijon, hour: float) -> None:
    overlay, _ = dijon.at(hour)
    table, now = overlay.timetable, int(MIDNIGHT + hour * 3600)
    told = {update.trip_id: update.calls for update in replay(dijon.recording, "", now, PARIS).trips}
    stops, compared = table.stop_ids.all(), 0
    for number, base in enumerate(overlay.trip_base.tolist()):
        trip = int(overlay.base_trips[0]) + number
        calls = told.get(table.trip_ids.at(base), ())
        rows = range(int(table.call_first[trip]), int(table.call_first[trip + 1]))
        places = {stops[stop]: place for place, stop in enumerate(table.call_stop[rows.start : rows.stop].tolist())}
        if not calls or len(places) < len(rows) or any(call.stop_id not in places for call in calls):
            continue  # a vehicle's next trip, a loop, or a stop that is not of the trip
        last = max(calls, key=lambda call: places[str(call.stop_id)])
        delay = last.departure_delay if last.departure_delay is not None else last.arrival_delay
        ahead = slice(rows.start + places[str(last.stop_id)] + 1, rows.stop)
        here = slice(ahead.start - int(overlay.base_calls[0]), ahead.stop - int(overlay.base_calls[0]))
        late = table.call_arrival[ahead] - overlay.call_planned_arrival[here]
        assert (late == delay).all(), (table.trip_ids.at(base), delay, late.tolist())
        assert (overlay.call_status[here] == CallStatus.LIVE).all()
        compared += len(late) > 0
    assert compared > 50


@pytest.mark.parametrize("hour", [10, 12.5, 17.75])
def test_no_vehicle_runs_back_in_time(dijon: Dijon, hour: float) -> None:
    overlay, _ = dijon.at(hour)
    table, start = overlay.timetable, int(overlay.base_calls[0])
    arrival, departure = table.call_arrival[start:], table.call_departure[start:]
    assert (departure >= arrival).all()
    inside = np.ones(len(arrival), np.bool_)
    inside[table.call_first[int(overlay.base_trips[0]) : -1] - start] = False
    assert (arrival[1:][inside[1:]] >= departure[:-1][inside[1:]]).all()
