"""What else could be booked where a run has no place any more: other runs of the same line, near in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mobigo.carpool import store
from mobigo.carpool.plan import Asked, find_fit
from mobigo.carpool.states import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from psycopg import Connection

    from mobigo.carpool.lines import Roads
    from mobigo.carpool.model import Run
    from mobigo.carpool.plan import Spot
    from mobigo.carpool.service import Actor, PlacesGone

MOST = 5
"""Alternatives that are named."""

FARTHEST = timedelta(hours=3)
"""By which they may be earlier or later."""


def find_alternatives(
    connection: Connection[Any], roads: Roads, gone: PlacesGone, actor: Actor, now: datetime
) -> list[dict[str, Any]]:
    """Find runs between the same stops of the same line, the nearest in time first; each has a place now."""
    run, wanted = gone.run, gone.wanted
    if run.line is None:
        return []
    board, alight = _stop_of(run, wanted.board), _stop_of(run, wanted.alight)
    if board is None or alight is None:
        return []
    begin = run.stops[0].planned_at
    blocked = set() if actor.person is None else {actor.person, *store.list_blocked(connection, actor.person)}
    others = store.list_runs(
        connection,
        line=run.line,
        direction=run.direction,
        states=ACTIVE,
        between=(max(now, begin - FARTHEST), begin + FARTHEST),
    )
    seats = wanted.seats
    found = _fits(connection, roads, [one for one in others if one.id != run.id and one.driver not in blocked],
                  (board, alight, seats), now)  # fmt: skip
    nearest = sorted(found, key=lambda one: abs(one[0] - begin))[:MOST]
    return [answer for _, answer in nearest]


def _stop_of(run: Run, end: int | Spot) -> str | None:
    """Return the stop of the line that is meant, if one is."""
    if isinstance(end, int):
        return next((stop.line_stop for stop in run.stops if stop.id == end), None)
    return end.line_stop


def _fits(
    connection: Connection[Any], roads: Roads, runs: list[Run], ask: tuple[str, str, int], now: datetime
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    first, last, seats = ask
    bookings = store.list_bookings(connection, runs=[run.id for run in runs])
    for run in runs:
        ids = {stop.line_stop: stop.id for stop in run.stops}
        if first not in ids or last not in ids:
            continue
        here = [one for one in bookings if one.run == run.id]
        fit = find_fit(run, here, Asked(ids[first], ids[last], seats), roads, now)
        if fit is not None:
            board, alight = fit.stops[fit.board], fit.stops[fit.alight]
            delay = timedelta(seconds=run.delay)
            yield (
                run.stops[0].planned_at,
                {
                    "run_id": run.id,
                    "board": {"stop_id": board.id, "line_stop": first, "name": board.name,
                              "at": (board.planned_at + delay).isoformat()},
                    "alight": {"stop_id": alight.id, "line_stop": last, "name": alight.name,
                               "at": (alight.planned_at + delay).isoformat()},
                    "seats": seats,
                    "confirmation": "instant" if run.confirms else "driver",
                },
            )  # fmt: skip
