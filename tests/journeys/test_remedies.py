"""Empty answers: the reason, what is near in time, and what would have to change, each tried."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tests.journeys.text_network import PARIS, ask, clock, network, place

from mobigo.journeys.model import Plan, Reason, Remedy

if TYPE_CHECKING:
    from pathlib import Path

ROW = {"a": 0.0, "b": 3000.0, "c": 6000.0}
ONE_BUS = {"t1": "L a 08:00 b 08:10 c 08:20", "back": "L c 17:00 a 17:20"}


def remedies(plan: Plan) -> list[tuple[Remedy, str, str | None]]:
    return [(one.remedy, one.parameter, one.value) for one in plan.suggestions]


def test_too_late_for_today(tmp_path: Path) -> None:
    plan = ask(network(tmp_path, ROW, ONE_BUS), "a", "c", "09:00", window=3600)
    assert (plan.reason, plan.reason_about) == (Reason.NOTHING_IN_WINDOW, "at")
    assert (plan.next_departure, plan.previous_departure) == (clock("08:00", 1), clock("08:00"))
    assert remedies(plan) == [
        (Remedy.ANOTHER_DAY, "at", "2026-11-24T08:00:00+01:00"),
        (Remedy.EARLIER, "at", "2026-11-23T08:00:00+01:00"),
    ]
    assert (plan.suggestions[1].departure, plan.suggestions[1].arrival) == (clock("08:00"), clock("08:20"))


def test_too_early_to_arrive(tmp_path: Path) -> None:
    plan = ask(network(tmp_path, ROW, ONE_BUS), "a", "c", "08:15", window=3600, arrive_by=True)
    assert plan.reason is Reason.NOTHING_IN_WINDOW
    assert plan.next_departure == clock("08:00")  # arrives at 08:20
    assert remedies(plan) == [(Remedy.LATER, "at", "2026-11-23T08:20:00+01:00")]


def test_on_a_day_without_service(tmp_path: Path) -> None:
    plan = ask(network(tmp_path, ROW, ONE_BUS), "a", "c", "09:00", days=5, window=3600)
    assert (plan.reason, plan.reason_about) == (Reason.NO_SERVICE_THAT_DAY, "at")
    assert (plan.next_departure, plan.previous_departure) == (clock("08:00", 7), clock("08:00", 4))
    assert remedies(plan) == [(Remedy.ANOTHER_DAY, "at", "2026-11-30T08:00:00+01:00")]


def test_after_the_last_day_of_the_timetable(tmp_path: Path) -> None:
    plan = ask(network(tmp_path, ROW, ONE_BUS), "a", "c", "07:00", days=30)
    assert (plan.reason, plan.reason_about) == (Reason.OUTSIDE_SERVICE_PERIOD, "at")
    assert (plan.next_departure, plan.previous_departure) == (None, clock("08:00", 25))
    before = ask(network(tmp_path / "again", ROW, ONE_BUS), "a", "c", "07:00", days=-10, window=3600)
    assert (before.reason, before.next_departure) == (Reason.OUTSIDE_SERVICE_PERIOD, clock("08:00"))


def test_where_no_line_leads(tmp_path: Path) -> None:
    net = network(tmp_path, ROW | {"z": 40_000.0}, ONE_BUS | {"t9": "Z z 10:00 z 10:30"})
    plan = ask(net, "a", "z", "07:00")
    assert (plan.reason, plan.next_departure, plan.previous_departure) == (Reason.NO_CONNECTION, None, None)


def test_a_line_out_of_season(tmp_path: Path) -> None:
    calendar = """
        service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date
        week,1,1,1,1,1,1,1,20261001,20270930
        fair,1,1,1,1,1,1,1,20270601,20270601
    """
    steps = """
        route_id,service_id,trip_id
        F,fair,there
        F,fair,night
        L,week,far
    """
    trips = {"there": "F a 10:00 b 10:10", "night": "F b 25:00 a 25:10", "far": "L y 08:00 z 08:10"}
    row = {"a": 0.0, "b": 3000.0, "y": 40_000.0, "z": 43_000.0}
    # where so much runs that a search sees few days at once
    often = "trip_id,start_time,end_time,headway_secs\nfar,00:00:00,24:00:00,10"
    net = network(tmp_path, row, trips, calendar=calendar, trips_txt=steps, frequencies=often)
    fair = datetime(2027, 6, 1, tzinfo=PARIS)
    wish = {"avoid": ("mode:tram",)}
    plan = ask(net, "a", "b", "09:00", **wish)
    assert (plan.reason, plan.previous_departure) == (Reason.NOTHING_IN_WINDOW, None)
    assert plan.next_departure == fair.replace(hour=10)
    assert remedies(plan) == [(Remedy.ANOTHER_DAY, "at", "2027-06-01T10:00:00+02:00")]
    plan = ask(net, "b", "a", "09:00", arrive_by=True, **wish)
    assert plan.next_departure == fair.replace(day=2, hour=1)
    plan = ask(net, "b", "a", "09:00", days=250, **wish)  # the end of July
    assert (plan.next_departure, plan.previous_departure) == (None, fair.replace(day=2, hour=1))
    assert ask(net, "a", "z", "09:00", **wish).reason is Reason.NO_CONNECTION


def test_a_longer_walk_that_helps_is_found(tmp_path: Path) -> None:
    # 2.2 km beyond the last stop: 2567 s on foot
    plan = ask(network(tmp_path, ROW, ONE_BUS), "a", place(8200), "07:00", direct=())
    assert (plan.reason, plan.reason_about) == (Reason.NO_STOP_IN_RANGE, "to")
    assert remedies(plan) == [(Remedy.LONGER_WALK, "max_walk_minutes", "45")]
    assert ask(network(tmp_path / "again", ROW, ONE_BUS), "a", place(8200), "07:00", max_walk=45 * 60).reason is None


def test_fewer_changes_than_there_are(tmp_path: Path) -> None:
    trips = {"t1": "L1 a 08:00 b 08:10", "t2": "L2 b 08:15 c 08:25"}
    plan = ask(network(tmp_path, ROW, trips), "a", "c", "07:30", max_transfers=0)
    assert (plan.reason, plan.reason_about) == (Reason.FILTERED_OUT, "max_transfers")
    assert remedies(plan) == [(Remedy.MORE_TRANSFERS, "max_transfers", "1")]


def test_the_wish_that_leaves_nothing_is_named(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, ONE_BUS)
    plan = ask(net, "a", "c", "07:30", forbid=("line:L",), slack=60)
    assert (plan.reason, plan.reason_about) == (Reason.FILTERED_OUT, "forbid")
    assert remedies(plan) == [(Remedy.WITHOUT_FILTER, "forbid", None)]
    plan = ask(net, "a", "c", "07:30", only=("mode:tram",))
    assert (plan.reason, plan.reason_about) == (Reason.FILTERED_OUT, "only")
    plan = ask(net, "a", "c", "07:30", bicycle_aboard=True)  # the feed does not say that bicycles are allowed
    assert (plan.reason, plan.reason_about) == (Reason.FILTERED_OUT, "bicycle_aboard")


def test_longer_changes_than_there_are(tmp_path: Path) -> None:
    trips = {"t1": "L1 a 08:00 b 08:10", "t2": "L2 b 08:15 c 08:25"}
    once = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    net = network(tmp_path, ROW, trips, calendar=f"{once}week,1,1,1,1,1,1,1,20261123,20261123")
    plan = ask(net, "a", "c", "07:30", window=3600, min_change=360)
    assert (plan.reason, plan.reason_about) == (Reason.FILTERED_OUT, "min_change_minutes")
    assert remedies(plan) == [(Remedy.SHORTER_CHANGES, "min_change_minutes", "0")]


def test_a_wheelchair_that_cannot_board(tmp_path: Path) -> None:
    steps = """
        route_id,service_id,trip_id,wheelchair_accessible
        L,week,t1,2
        L,week,back,1
    """
    net = network(tmp_path, ROW, ONE_BUS, trips_txt=steps)
    plan = ask(net, "a", "c", "07:30", wheelchair=True)
    assert (plan.reason, plan.reason_about) == (Reason.NO_ACCESSIBLE_PATH, "wheelchair")
    assert ask(net, "c", "a", "16:30", wheelchair=True).reason is None


def test_a_wish_is_blamed_also_when_looking_for_other_times_took_all_the_time(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, ONE_BUS)
    assert ask(net, "a", "c", "07:30", forbid=("line:L",)).reason is Reason.FILTERED_OUT
    plan = ask(net, "a", "c", "07:30", forbid=("line:L",), budget=0.0)
    assert (plan.reason, plan.reason_about, plan.complete) == (Reason.FILTERED_OUT, "forbid", False)


def test_the_budget_is_kept(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, ONE_BUS)
    plan = ask(net, "a", "c", "09:00", window=60, budget=0.0)
    assert plan.complete is False
    assert plan.journeys == ()
