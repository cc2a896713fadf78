"""A recorded day, told instant by instant as its live feed would have."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from mobigo.kit.errors import InvalidInput
from mobigo.transit.live import CallUpdate, LiveFeed, TripUpdate
from mobigo.transit.replay import Recording, read_recording, recorded_day, replay

PARIS = ZoneInfo("Europe/Paris")


def at(clock: str, day: str = "2023-10-31") -> int:
    return int(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=PARIS).timestamp())


def record(*rows: str) -> Recording:
    """Rows of ``trip stop planned arrival departure`` with times of the day; a dash where nothing was seen."""
    lines = ["trip_id,stop_id,direction_id,arrival_delay,arrival_time,departure_delay,departure_time"]
    for row in rows:
        trip, stop, planned, *seen = row.split()
        times = [0 if clock == "-" else at(clock) for clock in seen]
        delays = [time and time - at(planned) for time in times]
        lines.append(f"{trip},{stop},0,{delays[0]},{times[0]},{delays[1]},{times[1]}")
    return read_recording("\n".join(lines).encode())


MORNING = record(
    "bus a 08:00:00 07:58:00 08:01:00",
    "bus b 08:10:00 08:12:00 08:13:00",
    "bus c 08:20:00 08:25:00 -",
    "tram a 08:05:00 - 08:05:30",
)


def told(feed: LiveFeed) -> dict[str | None, list[tuple[str | None, int | None, int | None]]]:
    return {
        trip.trip_id: [(call.stop_id, call.arrival_delay, call.departure_delay) for call in trip.calls]
        for trip in feed.trips
    }


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("07:57:59", {}),
        ("07:58:00", {"bus": [("a", -120, None)]}),  # it stands at its first stop
        ("08:01:00", {"bus": [("a", -120, 60)]}),
        ("08:12:30", {"bus": [("a", -120, 60), ("b", 120, None)], "tram": [("a", None, 30)]}),
        ("09:00:00", {"bus": [("a", -120, 60), ("b", 120, 180), ("c", 300, None)], "tram": [("a", None, 30)]}),
    ],
)
def test_the_feed_holds_the_delays_of_the_stops_passed(
    clock: str, expected: dict[str, list[tuple[str, int | None, int | None]]]
) -> None:
    assert told(replay(MORNING, "city", at(clock), PARIS)) == expected


def test_a_call_says_when_it_was_planned_so_that_it_is_found_where_a_trip_calls_twice() -> None:
    (update,) = replay(MORNING, "city", at("08:01:00"), PARIS).trips
    assert update == TripUpdate(
        "bus",
        start_date=date(2023, 10, 31),
        calls=(
            CallUpdate(
                stop_id="a",
                arrival_delay=-120,
                departure_delay=60,
                planned_arrival=at("08:00:00"),
                planned_departure=at("08:00:00"),
            ),
        ),
        at=at("08:01:00"),
    )


def test_it_may_be_replayed_on_another_day_by_the_clock_on_the_wall() -> None:
    summer = "2026-07-01"  # two hours from UTC, the recorded day was one
    feed = replay(MORNING, "city", at("08:01:00", summer), PARIS, date(2026, 7, 1))
    assert told(feed) == {"bus": [("a", -120, 60)]}
    assert feed.trips[0].start_date == date(2026, 7, 1)
    assert feed.trips[0].calls[0].planned_departure == at("08:00:00", summer)


def test_the_day_is_that_of_most_times_though_trips_go_on_after_midnight() -> None:
    assert recorded_day(record("n a 23:50:00 23:50:00 23:51:00", "m a 12:00:00 12:00:00 12:01:00"), PARIS) == date(
        2023, 10, 31
    )


def test_rows_come_in_the_order_of_the_timetable_whatever_the_order_of_the_file() -> None:
    mixed = record("bus b 08:10:00 08:12:00 08:13:00", "tram a 08:05:00 - 08:05:30", "bus a 08:00:00 - 08:01:00")
    assert told(replay(mixed, "city", at("09:00:00"), PARIS))["bus"] == [("a", None, 60), ("b", 120, 180)]


def test_rows_without_a_sane_time_are_left_out() -> None:
    odd = read_recording(
        b"trip_id,stop_id,arrival_time,arrival_delay,departure_time,departure_delay\n"
        b"t,a,,,,\nt,b,nonsense,1,-5,2\nt,c,99999999999999,0,0,0\n,d,1698740066,0,0,0\nt,e,1698740066,60,0,0\n"
    )
    assert odd.stop_ids == ["e"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"trip_id,stop_id\n1,2\n", b"<html></html>", b"\x00" * 100])
def test_what_is_no_recording_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="recording"):
        read_recording(content)


def test_an_empty_recording_has_no_day() -> None:
    with pytest.raises(InvalidInput, match="nothing in it has a time"):
        recorded_day(record(), PARIS)
