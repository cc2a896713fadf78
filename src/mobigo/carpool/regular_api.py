"""HTTP: runs that come back every week."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mobigo.carpool import store
from mobigo.carpool.asking import Look, Looking, Once
from mobigo.carpool.line_documents import Weekdays
from mobigo.carpool.regular import Pattern, Regular, Regulars, list_regulars
from mobigo.carpool.ride_answers import OfferBody, PersonKey, RunAnswer, SpotBody, local
from mobigo.carpool.runs_api import CHANGES, READS, read_offer, write_runs
from mobigo.kit.errors import Forbidden, InvalidInput
from mobigo.kit.parameters import Day

router = APIRouter(prefix="/v1/carpool", tags=["carpool"])

Clock = Annotated[str, StringConstraints(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$")]
RegularPath = Annotated[
    str, Path(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_-]+$", description="Of a regular run")
]
Exceptions = Annotated[list[Day], Field(max_length=366)]


class RegularBody(OfferBody):
    """A run that comes back every week: as one run, with a time of the day and days instead of an instant."""

    departs: Clock = Field(description="By the clock on the wall", examples=["07:30"])
    weekdays: Weekdays = Field(description="0 is Monday")
    first: Day | None = Field(None, description="Today, unless told")
    last: Day = Field(description="At most 366 days after the first")
    exceptions: Exceptions = Field(default_factory=list, description="Days on which there is none")


class DaysBody(BaseModel):
    """Days that are left out."""

    model_config = ConfigDict(extra="forbid")

    days: Annotated[list[Day], Field(min_length=1, max_length=366)]


class NothingBody(BaseModel):
    """Nothing more is to be said."""

    model_config = ConfigDict(extra="forbid")


class RegularAnswer(BaseModel):
    """A run that comes back every week."""

    id: str
    driver: str
    line: str | None
    direction: int | None
    from_stop: str | None
    to_stop: str | None
    places: list[SpotBody]
    seats: int
    confirmation: str
    plate: str | None
    departs: str
    timezone: str
    weekdays: list[int]
    first: date
    last: date
    exceptions: list[date]
    made_at: datetime
    ended_at: datetime | None
    runs: list[RunAnswer] = Field(description="Laid out, from today on")


class RegularsAnswer(BaseModel):
    """Runs that come back every week, those made last first."""

    regular: list[RegularAnswer]


def write_regular(looking: Looking, one: Regular) -> RegularAnswer:
    """Write a regular run, with what is laid out of it."""
    today = local(looking.now).date()
    runs = store.list_runs(looking.connection, regular=one.id, days=(today, date.max))
    offer = one.offer
    return RegularAnswer(
        id=one.id,
        driver=one.person,
        line=offer.line,
        direction=offer.direction if offer.line is not None else None,
        from_stop=offer.first,
        to_stop=offer.last,
        places=[SpotBody(lat=spot.point.lat, lon=spot.point.lon, name=spot.name) for spot in offer.way],
        seats=offer.seats,
        confirmation="instant" if offer.confirms else "driver",
        plate=offer.plate,
        departs=f"{one.departs // 3600:02d}:{one.departs // 60 % 60:02d}",
        timezone=one.timezone,
        weekdays=[day for day, there in enumerate(one.weekdays) if there],
        first=one.first,
        last=one.last,
        exceptions=sorted(one.exceptions),
        made_at=local(one.made_at),
        ended_at=None if one.ended_at is None else local(one.ended_at),
        runs=write_runs(looking, runs),
    )


@router.post("/regular", status_code=201, responses=CHANGES)
def make_regular(*, once: Once, body: RegularBody) -> RegularAnswer:
    """Offer a run every week; its days are laid out as runs four weeks ahead, then day by day."""

    def work() -> RegularAnswer:
        person = body.driver or once.actor.person
        if person is None:
            raise InvalidInput("say who drives: the id of the person")
        if person != once.actor.person and not once.actor.staff:
            raise Forbidden("only the staff acts for somebody else", code="role_required")
        hours, minutes = body.departs.split(":")
        pattern = Pattern(
            tuple(day in body.weekdays for day in range(7)),
            body.first or local(once.now).date(),
            body.last,
            frozenset(body.exceptions),
        )
        made = Regulars(once.rides).make(
            read_offer(once, body, once.now), pattern, int(hours) * 3600 + int(minutes) * 60, person
        )
        return write_regular(once, made)

    return once.once(RegularAnswer, body, work)


@router.get("/regular", responses=READS)
def list_regular(
    *, looking: Look, driver: Annotated[PersonKey | None, Query(description="Staff: whose")] = None
) -> RegularsAnswer:
    """List one's own regular runs; as staff somebody's."""
    person = looking.actor.person
    if driver is not None and driver != person and not looking.actor.staff:
        raise Forbidden("only the staff lists the regular runs of others", code="role_required")
    found = list_regulars(looking.connection, driver or person or "")
    return RegularsAnswer(regular=[write_regular(looking, one) for one in found])


@router.get("/regular/{regular_id}", responses=READS)
def get_regular(*, looking: Look, regular_id: RegularPath) -> RegularAnswer:
    """Show a regular run to who drives it and the staff."""
    return write_regular(looking, Regulars(looking.rides).get(regular_id))


@router.post("/regular/{regular_id}/leave-out", responses=CHANGES)
def leave_out_days(*, once: Once, regular_id: RegularPath, body: DaysBody) -> RegularAnswer:
    """Leave out days; who has booked on them is told."""
    return once.once(
        RegularAnswer, body, lambda: write_regular(once, Regulars(once.rides).leave_out(regular_id, body.days))
    )


@router.post("/regular/{regular_id}/end", responses=CHANGES)
def end_regular(*, once: Once, regular_id: RegularPath, body: NothingBody) -> RegularAnswer:
    """End a regular run: what has not set out is taken back."""
    return once.once(RegularAnswer, body, lambda: write_regular(once, Regulars(once.rides).end(regular_id)))
