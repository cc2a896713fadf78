"""HTTP: the staff rearranges the runs of days to come."""

from datetime import date
from threading import Lock
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kernels.insertion import DRIVE_WEIGHT
from mobigo.kit.errors import Conflict, NotFound
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.ondemand import fleet_store
from mobigo.ondemand.availability_api import find_supply
from mobigo.ondemand.replanning import Replanned, replan
from mobigo.ondemand.solver import Solver

router = APIRouter(prefix="/v1/ondemand", tags=["on demand"])

Planner = Annotated[Person, Depends(require(Role.DISPATCHER))]

_thinking = Lock()
"""Held by the one request of this process that thinks: others that wait for days to be free would take all threads."""


class ImproveBody(BaseModel):
    """What to rearrange, and for how long to search."""

    operator: str | None = Field(default=None, max_length=100, description="Only this operator's runs")
    day: date | None = Field(default=None, description="Only this day; else all of the next eight days")
    seconds: float = Field(default=5.0, ge=0.5, le=30.0, description="How long to search, in all")


class MoveAnswer(BaseModel):
    """A ride that changed its vehicle."""

    leg: str
    from_run: int
    to_run: int


class DayAnswer(BaseModel):
    """An operator's day."""

    operator: str
    day: date
    cost_before: float = Field(description="Seconds of driving, and a tenth of the seconds that travellers take")
    cost_after: float
    runs: list[int] = Field(description="Those that were changed")
    moves: list[MoveAnswer]
    left: int = Field(description="Runs that changed meanwhile, and so stayed as they were")
    searched: int = Field(description="Neighbourhoods looked at")


class ImproveAnswer(BaseModel):
    """What became of it."""

    days: list[DayAnswer]


@router.post("/runs/improve", responses=problems(400, 401, 403, 404, 409, 422, 503))
def improve_runs(request: Request, session: Database, now: Now, person: Planner, body: ImproveBody) -> ImproveAnswer:
    """Rearrange the rides of days to come so that vehicles drive less; every promise is kept, or nothing changes.

    Rides that are locked, whose driver has been told, or that have begun stay with their vehicle.
    """
    if body.operator is not None and body.operator not in {
        one.id for one in fleet_store.list_operators(driver(session))
    }:
        raise NotFound(f"no operator {body.operator!r}; GET /v1/ondemand/operators lists them", code="unknown_operator")
    session.rollback()
    drives = find_supply(request).drives
    if not _thinking.acquire(blocking=False):
        raise Conflict("runs are being rearranged already; ask again when that is done, 30 seconds at most")
    try:
        with Solver() as solver:
            days = replan(
                session, drives, solver, now, seconds=body.seconds, operator=body.operator, day=body.day, by=person.user
            )
    finally:
        _thinking.release()
    return ImproveAnswer(days=[_day(one) for one in days])


def _day(one: Replanned) -> DayAnswer:
    return DayAnswer(
        operator=one.operator,
        day=one.day,
        cost_before=one.before / DRIVE_WEIGHT,
        cost_after=one.after / DRIVE_WEIGHT,
        runs=list(one.runs),
        moves=[MoveAnswer(leg=move.leg, from_run=move.before, to_run=move.after) for move in one.moves],
        left=one.left,
        searched=one.tried,
    )
