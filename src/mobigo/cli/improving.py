"""What the worker does between bookings: vehicles on demand drive less for the same promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from mobigo.settings import Settings

SECONDS = 10.0
"""How long it may take each time: other jobs wait."""


def improve_runs(url: str, settings: Settings) -> None:
    """Rearrange the runs of the days to come."""
    from sqlalchemy.orm import Session

    from mobigo.db.engine import open_engine
    from mobigo.journeys.network import Networks  # heavy, as is what it maps
    from mobigo.ondemand.replanning import replan
    from mobigo.ondemand.solver import Solver
    from mobigo.street.drives import Drives

    network = Networks(settings.home).find_current()
    drives = network.drives if network else Drives(None)
    engine = open_engine(url, pool_size=1)
    try:
        with Solver() as solver, Session(engine) as session:
            days = replan(session, drives, solver, settings.open_clock().now(), seconds=SECONDS)
            session.commit()
    finally:
        engine.dispose()
    for one in days:
        if one.runs:
            log = structlog.get_logger().bind(operator=one.operator, day=one.day.isoformat())
            log.info("runs rearranged", before=one.before, after=one.after, moves=len(one.moves))
