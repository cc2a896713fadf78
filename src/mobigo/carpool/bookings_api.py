"""HTTP: seats that passengers book, and what becomes of them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from mobigo.carpool import quotes, store
from mobigo.carpool.asking import Asked, Look, Looking, Once
from mobigo.carpool.match import DELAY_GUARD
from mobigo.carpool.model import BookingState, Run, Seat
from mobigo.carpool.plan import Spot
from mobigo.carpool.ride_answers import (
    BookingAnswer,
    BookingBody,
    BookingsAnswer,
    BookingUuid,
    EndBody,
    HistoryAnswer,
    PersonKey,
    ReasonBody,
    RunId,
    from_quote,
    moment,
    write_booking,
)
from mobigo.carpool.runs_api import CHANGES, READS, read_cursor, write_history
from mobigo.carpool.wanting import Wanted
from mobigo.kit.errors import Forbidden, InvalidInput, NotFound
from mobigo.kit.geo import Point
from mobigo.kit.parameters import Cursor, link_next

router = APIRouter(prefix="/v1/carpool", tags=["carpool"])

BookingPath = Annotated[BookingUuid, Path(description="Of a booking")]


def write_bookings(looking: Looking, bookings: list[Seat]) -> list[BookingAnswer]:
    """Write bookings, each with its run as it is now."""
    runs = {run.id: run for run in store.list_runs(looking.connection, ids=[one.run for one in bookings])}
    known = {stop.id for run in runs.values() for stop in run.stops}
    dropped = store.list_stops(looking.connection, {end for one in bookings for end in (one.board, one.alight)} - known)
    return [write_booking(one, runs[one.run], dropped) for one in bookings]


@router.post("/bookings", status_code=201, responses=CHANGES)
def book_seats(*, once: Once, body: BookingBody) -> BookingAnswer:
    """Book seats of a run; it is confirmed at once, or when the driver answers. Paid is what is validated."""

    def work() -> BookingAnswer:
        seat = once.rides.book(_read(once, body), passenger=body.passenger)
        return write_bookings(once, [seat])[0]

    return once.once(BookingAnswer, body, work)


def _read(once: Asked, body: BookingBody) -> Wanted:
    if body.quote is not None:
        quote = quotes.read(once.key, body.quote, int(once.now.timestamp()))
        board, alight = from_quote(quote)
        return Wanted(
            run=quote.run,
            board=board,
            alight=alight,
            seats=quote.seats,
            note=body.note,
            ready_at=moment(quote.ready_at),
            board_by=moment(quote.board_at + DELAY_GUARD),
            there_by=moment(quote.there_by),
            cents=quote.cents,
        )
    if body.run is None or body.board is None or body.alight is None:
        raise InvalidInput(
            "say what to book: a `quote` of the search, or `run`, `board` and `alight`", code="invalid_booking"
        )
    run = store.get_run(once.connection, body.run)
    return Wanted(
        run.id, _read_end(run, body.board, "board"), _read_end(run, body.alight, "alight"), body.seats, body.note
    )


def _read_end(run: Run, body: EndBody, what: str) -> int | Spot:
    if body.stop_id is not None:
        return body.stop_id
    if body.line_stop is not None:
        found = next((stop.id for stop in run.stops if stop.line_stop == body.line_stop), None)
        if found is None:
            stops = ", ".join(stop.line_stop for stop in run.stops if stop.line_stop)
            raise NotFound(
                f"run {run.id} does not stop at {body.line_stop!r} of its line; it has {stops or 'none'}",
                code="unknown_stop",
            )
        return found
    if body.lat is None or body.lon is None:
        raise InvalidInput(f"`{what}` needs `stop_id`, `line_stop`, or `lat` and `lon`", code="invalid_place")
    return Spot(body.name.strip() or f"{body.lat:.5f}, {body.lon:.5f}", Point(body.lon, body.lat))


@router.get("/bookings", responses=READS)
def list_carpool_bookings(
    *,
    request: Request,
    response: Response,
    looking: Look,
    run: Annotated[RunId | None, Query(description="Of a run: its driver's and the staff's")] = None,
    passenger: Annotated[PersonKey | None, Query(description="Staff: whose")] = None,
    state: Annotated[list[BookingState] | None, Query()] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> BookingsAnswer:
    """List one's own bookings, those of a run that one drives, or as staff any; those made last first."""
    person, staff = looking.actor.person, looking.actor.staff
    if passenger is not None and not staff and passenger != person:
        raise Forbidden("only the staff lists the bookings of others", code="role_required")
    whose = passenger if staff or passenger is not None else person or ""
    if run is not None and looking.rides.owns(looking.rides.see_run(run)):
        whose = passenger
    found = store.list_bookings(
        looking.connection,
        run=run,
        passenger=whose,
        states=state or (),
        before=None if cursor is None else read_cursor(cursor),
        limit=limit + 1,
    )
    page = found[:limit]
    ahead = f"{page[-1].made_at.isoformat()}/{page[-1].id}" if len(found) > limit else None
    link_next(request, response, ahead)
    return BookingsAnswer(bookings=write_bookings(looking, page), next_cursor=ahead)


@router.get("/bookings/{booking_id}", responses=READS)
def get_carpool_booking(*, looking: Look, booking_id: BookingPath) -> BookingAnswer:
    """Show a booking, with where the car is, to who rides, who drives, and the staff."""
    return write_bookings(looking, [looking.rides.see_booking(booking_id)])[0]


@router.get("/bookings/{booking_id}/history", responses=READS)
def get_carpool_booking_history(*, looking: Look, booking_id: BookingPath) -> HistoryAnswer:
    """Show what happened to a booking, likewise."""
    seat = looking.rides.see_booking(booking_id)
    return write_history(store.list_history(looking.connection, booking=seat.id))


@router.post("/bookings/{booking_id}/confirm", responses=CHANGES)
def confirm_booking(*, once: Once, booking_id: BookingPath, body: ReasonBody) -> BookingAnswer:
    """Take somebody along who waits for the driver's answer; to refuse them is to cancel."""
    return once.once(BookingAnswer, body, lambda: write_bookings(once, [once.rides.confirm(booking_id)])[0])


@router.post("/bookings/{booking_id}/cancel", responses=CHANGES)
def cancel_carpool_booking(*, once: Once, booking_id: BookingPath, body: ReasonBody) -> BookingAnswer:
    """Cancel a booking, as passenger or as driver, until they get on; the other one is told. It costs nothing."""
    return once.once(
        BookingAnswer, body, lambda: write_bookings(once, [once.rides.cancel(booking_id, reason=body.reason)])[0]
    )


@router.post("/bookings/{booking_id}/change", responses=CHANGES)
def change_carpool_booking(*, once: Once, booking_id: BookingPath, body: BookingBody) -> BookingAnswer:
    """Book something else instead: both or neither. The answer is the new booking, the old one is cancelled."""
    return once.once(
        BookingAnswer, body, lambda: write_bookings(once, [once.rides.change(booking_id, _read(once, body))])[0]
    )


@router.post("/bookings/{booking_id}/no-show", responses=CHANGES)
def miss_passenger(*, once: Once, booking_id: BookingPath, body: ReasonBody) -> BookingAnswer:
    """Say, as driver, that somebody was not at their stop: the booking is cancelled and costs nothing."""
    return once.once(BookingAnswer, body, lambda: write_bookings(once, [once.rides.no_show(booking_id)])[0])
