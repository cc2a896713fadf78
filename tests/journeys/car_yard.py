"""Cars of others on a network written in a test: no database, and one drives straight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.journeys.taxi_stand import KEY, point
from tests.journeys.text_network import MONDAY, clock

from mobigo.carpool.model import Run, RunState, RunStop
from mobigo.carpool.plan import Spot, lay_out
from mobigo.carpool.supply import Garage
from mobigo.journeys.hubs import Hubs
from mobigo.journeys.liftleg import Lift

if TYPE_CHECKING:
    from datetime import datetime

    from mobigo.journeys.network import Network


def car(
    net: Network, name: str, when: str, *xs: float, seats: int = 3, line: str | None = None, share: float = 0.25
) -> Run:
    """Let somebody drive from one place to another, metres to the east of the village, stopping where a line stops."""
    way = [Spot(f"km {x / 1000:g}", point(x), f"s{x:g}" if line else None) for x in xs]
    stops = lay_out(way, clock(when), net.drives, share=share)
    numbered = tuple(
        RunStop(n + 1, one.name, one.point, one.metres, one.planned_at, one.latest, one.dwell, one.line_stop)
        for n, one in enumerate(stops)
    )
    return Run(name, f"driver of {name}", seats, numbered, RunState.PLANNED, MONDAY.date(), line, 0 if line else None)


def yard(net: Network, *runs: Run, now: datetime = MONDAY) -> Lift:
    """Say which cars there are at an instant."""
    garage = Garage(net.drives)
    garage.lines = {"val": "Le Val"}
    garage.put({run.id: (run, []) for run in runs})
    return Lift(garage, Hubs(net), KEY, int(now.timestamp()))
