"""HTTP: runs that drivers offer, and what becomes of them on the way."""

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from mobigo.carpool import people_store, store
from mobigo.carpool.asking import Asked, Look, Looking, Once
from mobigo.carpool.model import Run, RunState
from mobigo.carpool.ride_answers import (
    EndRunBody,
    HappenedAnswer,
    HistoryAnswer,
    LineStopId,
    OfferBody,
    PassedBody,
    PersonKey,
    PositionBody,
    ReasonBody,
    RunAnswer,
    RunBody,
    RunChangeBody,
    RunId,
    RunsAnswer,
    WhenBody,
    local,
    write_run,
)
from mobigo.carpool.service import Offer
from mobigo.carpool.states import ACTIVE
from mobigo.kit.errors import Forbidden, InvalidInput
from mobigo.kit.geo import Point
from mobigo.kit.parameters import Cursor, Day, link_next
from mobigo.kit.problems import problems

router = APIRouter(prefix="/v1/carpool", tags=["carpool"])

RunPath = Annotated[RunId, Path(description="Of a run")]
CHANGES = problems(400, 401, 403, 404, 409, 422, 503)
"""Of routes that change runs and bookings."""
READS = problems(400, 401, 403, 404, 422, 503)


def write_runs(looking: Looking, runs: list[Run]) -> list[RunAnswer]:
    """Write runs as who asks may see them."""
    connection = looking.connection
    bookings = store.list_bookings(connection, runs=[run.id for run in runs])
    known = {stop.id for run in runs for stop in run.stops}
    dropped = store.list_stops(connection, {id_ for one in bookings for id_ in (one.board, one.alight)} - known)
    return [write_run(run, bookings, dropped, own=looking.rides.owns(run)) for run in runs]


def read_offer(once: Asked, body: OfferBody, departs_at: datetime) -> Offer:
    """Read what somebody offers.

    Raises
    ------
    InvalidInput
        When it names a line and places, or neither; or neither seats nor a car (``invalid_run``).
    NotFound
        When the car is none of theirs (``unknown_car``).
    """
    if (body.line is None) == (not body.places):
        raise InvalidInput("say either `line`, or the `places` where the run begins and ends", code="invalid_run")
    whose = body.driver or once.actor.person or ""
    car = None if body.car is None else people_store.get_car(once.connection, whose, body.car)
    seats = body.seats if body.seats is not None or car is None else car.seats
    if seats is None:
        raise InvalidInput("say how many `seats` there are for passengers, or which `car` it is", code="invalid_run")
    return Offer(
        departs_at=departs_at,
        seats=seats,
        way=tuple(place.read() for place in body.places),
        line=body.line,
        direction=body.direction,
        first=body.from_stop,
        last=body.to_stop,
        plate=body.plate if car is None else car.plate,
        confirms=body.confirmation == "instant",
    )


@router.post("/runs", status_code=201, responses=CHANGES)
def offer_run(*, once: Once, body: RunBody) -> RunAnswer:
    """Offer a run, along a line or from place to place: once; what comes back every week is a regular run."""

    def work() -> RunAnswer:
        offer = replace(read_offer(once, body, body.departs_at or once.now), spontaneous=body.spontaneous)
        return write_runs(once, [once.rides.offer_run(offer, driver_id=body.driver)])[0]

    return once.once(RunAnswer, body, work)


@router.get("/runs", responses=READS)
def list_runs(
    *,
    request: Request,
    response: Response,
    looking: Look,
    line: Annotated[LineStopId | None, Query(description="Of this line: of all drivers")] = None,
    direction: Annotated[int | None, Query(ge=0, le=1)] = None,
    from_day: Annotated[Day | None, Query(description="Local day of the departure; today, unless told")] = None,
    to_day: Annotated[Day | None, Query()] = None,
    state: Annotated[list[RunState] | None, Query(description="Planned and driving, unless told")] = None,
    driver: Annotated[PersonKey | None, Query(description="Staff: whose")] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RunsAnswer:
    """List one's own runs, or those of a line that one could ride in; as staff any."""
    person, staff = looking.actor.person, looking.actor.staff
    if driver is not None and not staff and driver != person:
        raise Forbidden("only the staff lists the runs of others by who drives; name a `line`", code="role_required")
    whose = driver if driver is not None or line is not None or staff else person or ""
    others = not staff and whose != person
    today = local(looking.now).date()
    first, last = from_day or today, to_day or date.max
    if first > last:
        raise InvalidInput(f"from {first} to {last} there is no day; exchange them", code="invalid_instant")
    found = store.list_runs(
        looking.connection,
        driver=whose,
        line=line,
        direction=direction,
        states=ACTIVE if state is None or others else state,
        days=(first, last),
        after=None if cursor is None else read_cursor(cursor),
        limit=limit + 1,
    )
    page = found[:limit]
    blocked = store.list_blocked(looking.connection, person) if others and person else set()
    ahead = None
    if len(found) > limit:
        ahead = f"{page[-1].stops[0].planned_at.isoformat()}/{page[-1].id}"
    link_next(request, response, ahead)
    runs = write_runs(looking, [run for run in page if run.driver not in blocked])
    return RunsAnswer(runs=runs, next_cursor=ahead)


def read_cursor(text: str) -> tuple[datetime, str]:
    """Read where a page ended: an instant and an id.

    Raises
    ------
    InvalidInput
        ``invalid_cursor``.
    """
    at, _, id_ = text.partition("/")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not id_.isascii() or "\0" in id_:
        raise InvalidInput(f"{text[:80]!r} is no cursor; begin again without `cursor`", code="invalid_cursor")
    return instant, id_


@router.get("/runs/{run_id}", responses=READS)
def get_run(*, looking: Look, run_id: RunPath) -> RunAnswer:
    """Show a run: of a line to everybody, else to who drives, who has booked, and the staff."""
    return write_runs(looking, [looking.rides.see_run(run_id)])[0]


@router.get("/runs/{run_id}/history", responses=READS)
def get_run_history(*, looking: Look, run_id: RunPath) -> HistoryAnswer:
    """Show what happened to a run and its bookings, to who drives it and the staff."""
    run = looking.rides.see_run(run_id)
    if not looking.rides.owns(run):
        raise store.unknown_run(run_id)
    return write_history(store.list_history(looking.connection, run=run.id))


def write_history(rows: list[tuple[object, ...]]) -> HistoryAnswer:
    """Write what happened."""
    names = "at", "booking", "what", "before", "after", "by", "details"
    found = [HappenedAnswer.model_validate(dict(zip(names, row, strict=True))) for row in rows]
    return HistoryAnswer(history=[one.model_copy(update={"at": local(one.at)}) for one in found])


@router.patch("/runs/{run_id}", responses=CHANGES)
def change_run(*, once: Once, run_id: RunPath, body: RunChangeBody) -> RunAnswer:
    """Change seats, car or how one books; never below what is booked."""

    def work() -> RunAnswer:
        confirms = None if body.confirmation is None else body.confirmation == "instant"
        changed = once.rides.change_run(run_id, seats=body.seats, plate=body.plate, confirms=confirms)
        return write_runs(once, [changed])[0]

    return once.once(RunAnswer, body, work)


@router.post("/runs/{run_id}/cancel", responses=CHANGES)
def cancel_run(*, once: Once, run_id: RunPath, body: ReasonBody) -> RunAnswer:
    """Take a run back before it sets out; who has booked is told."""
    return once.once(RunAnswer, body, lambda: write_runs(once, [once.rides.cancel_run(run_id, reason=body.reason)])[0])


@router.post("/runs/{run_id}/begin", responses=CHANGES)
def begin_run(*, once: Once, run_id: RunPath, body: WhenBody) -> RunAnswer:
    """Say that the car sets out."""
    return once.once(RunAnswer, body, lambda: write_runs(once, [once.rides.begin(run_id, body.at)])[0])


@router.post("/runs/{run_id}/passed", responses=CHANGES)
def pass_stop(*, once: Once, run_id: RunPath, body: PassedBody) -> RunAnswer:
    """Say that the car was at a stop."""
    return once.once(
        RunAnswer, body, lambda: write_runs(once, [once.rides.pass_stop(run_id, body.stop_id, body.at)])[0]
    )


@router.post("/runs/{run_id}/position", responses=CHANGES)
def locate_run(*, once: Once, run_id: RunPath, body: PositionBody) -> RunAnswer:
    """Say where the car is now, for those who wait; what proves a ride is `/v1/carpool/runs/{run_id}/positions`."""
    point = Point(body.lon, body.lat)
    return once.once(RunAnswer, body, lambda: write_runs(once, [once.rides.locate(run_id, point, body.at)])[0])


@router.post("/runs/{run_id}/end", responses=CHANGES)
def end_run(*, once: Once, run_id: RunPath, body: EndRunBody) -> RunAnswer:
    """Say that the car has arrived, or broken down: confirmed bookings are validated by what proves them."""

    def work() -> RunAnswer:
        return write_runs(once, [once.rides.end(run_id, body.at, broken_down=body.broken_down)])[0]

    return once.once(RunAnswer, body, work)
