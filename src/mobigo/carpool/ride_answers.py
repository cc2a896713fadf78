"""What the routes of runs and bookings read and answer: bodies and models, and runs and bookings written as them."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mobigo.carpool.model import BookingState, Run, RunState, RunStop, Seat
from mobigo.carpool.plan import Spot, free_seats, next_stop
from mobigo.carpool.quotes import Offer as Quoted
from mobigo.carpool.service import MOST_SEATS, MOST_STOPS, ZONE
from mobigo.carpool.states import ACTIVE
from mobigo.kit.geo import Point
from mobigo.kit.parameters import Instant

LOCAL = ZoneInfo(ZONE)

RunId = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_-]+$")]
BookingUuid = Annotated[str, StringConstraints(min_length=36, max_length=36, pattern=r"^[0-9a-fA-F-]+$")]
LineStopId = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+$")]
PlaceName = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
CarKey = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_-]+$")]
PersonKey = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_-]+$")]
Plate = Annotated[str, StringConstraints(max_length=20, pattern=r"^[^\x00-\x1f]*$")]
QuoteText = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Lat = Annotated[float, Field(ge=-90, le=90)]
Lon = Annotated[float, Field(ge=-180, le=180)]
Seats = Annotated[int, Field(ge=1, le=MOST_SEATS)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class SpotBody(_Body):
    """A place where a car begins, ends or stops."""

    lat: Lat
    lon: Lon
    name: PlaceName = ""

    def read(self) -> Spot:
        """Return the place."""
        return Spot(self.name.strip() or f"{self.lat:.5f}, {self.lon:.5f}", Point(self.lon, self.lat))


class OfferBody(_Body):
    """What somebody offers: along a line, or from place to place."""

    seats: Seats | None = Field(None, description="For passengers; those of the `car`, unless told")
    car: CarKey | None = Field(None, description="Id of one's own car: its plate and seats count")
    line: LineStopId | None = Field(None, description="Id of a carpool line", examples=["epoisses-les-laumes"])
    direction: Literal[0, 1] = Field(0, description="Of the line; 1: against the order of its stops")
    from_stop: LineStopId | None = Field(None, description="Of the line; where it begins, unless told")
    to_stop: LineStopId | None = Field(None, description="Of the line; where it ends, unless told")
    places: Annotated[list[SpotBody], Field(max_length=MOST_STOPS)] = Field(
        default_factory=list, description="Of a run on no line: where it begins, goes through and ends"
    )
    plate: Plate | None = Field(None, description="Of the car, where `car` is not named; told to who has booked")
    confirmation: Literal["instant", "driver"] = Field(
        "instant", description="Who books has a place at once, or the driver answers first"
    )
    driver: PersonKey | None = Field(None, description="Staff: who drives")


class RunBody(OfferBody):
    """A run that somebody offers."""

    departs_at: Instant | None = Field(None, description="With an offset from UTC; now, unless told")
    spontaneous: bool = Field(default=False, description="The driver sets out about now")


class RunChangeBody(_Body):
    """What changes of a run."""

    seats: Seats | None = None
    plate: Plate | None = None
    confirmation: Literal["instant", "driver"] | None = None


class ReasonBody(_Body):
    """Why something is cancelled."""

    reason: Text = ""


class WhenBody(_Body):
    """When something happened."""

    at: Instant | None = Field(None, description="Now, unless told: a phone may have been offline")


class EndRunBody(WhenBody):
    """When a run ended, and whether it got there."""

    broken_down: bool = Field(
        default=False, description="The car does not go on: who waits at a stop ahead is told, and pays nothing"
    )


class PassedBody(WhenBody):
    """A stop where the car was."""

    stop_id: int = Field(ge=1, le=2**53)


class PositionBody(WhenBody):
    """Where the car is."""

    lat: Lat
    lon: Lon


class EndBody(_Body):
    """Where somebody gets on or off: a stop of the run by its id, a stop of its line, or a place."""

    stop_id: int | None = Field(None, ge=1, le=2**53)
    line_stop: LineStopId | None = None
    lat: Lat | None = None
    lon: Lon | None = None
    name: PlaceName = ""


class BookingBody(_Body):
    """Seats that somebody books: with a quote of the search, or of a run between two stops."""

    quote: QuoteText | None = Field(None, description="As the search gave it; nothing else is needed then")
    run: RunId | None = None
    board: EndBody | None = None
    alight: EndBody | None = None
    seats: Seats = 1
    note: Text = Field("", description="For the driver", examples=["I wear a red coat"])
    passenger: PersonKey | None = Field(None, description="Staff: who rides")


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class StopAnswer(BaseModel):
    """A stop of a run."""

    id: int
    name: str
    lat: float
    lon: float
    line_stop: str | None = Field(description="Id of the stop of the line; null: put in for a passenger")
    metres: int = Field(description="By road, from the first stop")
    planned_at: datetime
    expected_at: datetime = Field(description="With the delay that is known")
    passed_at: datetime | None
    seats_free: int = Field(description="From here to the next stop")


class PositionAnswer(BaseModel):
    """Where a car was last seen."""

    lat: float
    lon: float
    at: datetime


class EndAnswer(BaseModel):
    """Where and when a passenger gets on or off."""

    stop_id: int
    name: str
    lat: float
    lon: float
    line_stop: str | None
    promised_at: datetime | None = Field(description="When it was booked")
    expected_at: datetime
    happened_at: datetime | None


class BookingAnswer(BaseModel):
    """Seats of a run."""

    id: str
    run: str
    line: str | None
    driver: str = Field(description="Person")
    passenger: str | None = Field(description="Person; null: of another operator")
    operator: str | None
    state: BookingState
    seats: int
    board: EndAnswer
    alight: EndAnswer
    price_cents: int = Field(description="For all seats; frozen, charged when the ride is validated")
    made_at: datetime
    plate: str | None = Field(description="Of the car; once the booking is confirmed")
    position: PositionAnswer | None = Field(description="Of the car, while it is on its way")
    delay_seconds: int
    note: str
    reason: str | None = Field(description="Why it was cancelled", examples=["driver", "passenger", "no_show"])
    proof: str | None = Field(description="Class A, B or C")
    revision: int


class BookingsAnswer(BaseModel):
    """Bookings, those made last first."""

    bookings: list[BookingAnswer]
    next_cursor: str | None = Field(description="Send it as `cursor` for more")


class RunAnswer(BaseModel):
    """A run."""

    id: str
    driver: str = Field(description="Person")
    line: str | None
    direction: int | None
    regular: str | None
    service_date: date
    departs_at: datetime
    arrives_at: datetime
    state: RunState
    seats: int
    seats_free: int = Field(description="On the fullest stretch still to come")
    confirmation: Literal["instant", "driver"]
    spontaneous: bool
    stops: list[StopAnswer]
    delay_seconds: int
    started_at: datetime | None
    ended_at: datetime | None
    revision: int
    plate: str | None = Field(None, description="Told to who drives it and the staff here")
    position: PositionAnswer | None = Field(None, description="Likewise; who has booked sees it in the booking")
    bookings: list[BookingAnswer] | None = Field(None, description="Likewise")


class RunsAnswer(BaseModel):
    """Runs, by departure."""

    runs: list[RunAnswer]
    next_cursor: str | None = Field(description="Send it as `cursor` for more")


class HappenedAnswer(BaseModel):
    """Something that happened to a run or a booking."""

    at: datetime
    booking: str | None
    what: str = Field(examples=["moved"])
    before: str | None
    after: str | None
    by: str = Field(description="A person, somebody of the staff, or `system`")
    details: dict[str, object]


class HistoryAnswer(BaseModel):
    """What happened, oldest first; never changed."""

    history: list[HappenedAnswer]


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def local(at: datetime) -> datetime:
    """Return an instant with the offset of local time."""
    return at.astimezone(LOCAL)


def _maybe(at: datetime | None) -> datetime | None:
    return None if at is None else local(at)


def expect(run: Run, stop: RunStop) -> datetime:
    """Return when the car is, or was, at a stop."""
    if stop.passed_at is not None:
        return stop.passed_at
    return stop.planned_at + timedelta(seconds=run.delay)


def write_run(run: Run, bookings: Iterable[Seat], dropped: Mapping[int, RunStop], *, own: bool) -> RunAnswer:
    """Write a run.

    Parameters
    ----------
    dropped : mapping
        Stops where it does not go any more, by id: of cancelled bookings.
    own : bool
        For who drives it or the staff: with the car, its position and the bookings.
    """
    bookings = [one for one in bookings if one.run == run.id]
    free = free_seats(run, bookings)
    ahead = free[min(next_stop(run), len(free) - 2) : -1]
    return RunAnswer(
        id=run.id,
        driver=run.driver,
        line=run.line,
        direction=run.direction,
        regular=run.regular,
        service_date=run.service_date,
        departs_at=local(run.stops[0].planned_at),
        arrives_at=local(expect(run, run.stops[-1])),
        state=run.state,
        seats=run.seats,
        seats_free=min(ahead) if run.state in ACTIVE else 0,
        confirmation="instant" if run.confirms else "driver",
        spontaneous=run.spontaneous,
        stops=[
            StopAnswer(
                id=stop.id,
                name=stop.name,
                lat=stop.point.lat,
                lon=stop.point.lon,
                line_stop=stop.line_stop,
                metres=stop.metres,
                planned_at=local(stop.planned_at),
                expected_at=local(expect(run, stop)),
                passed_at=_maybe(stop.passed_at),
                seats_free=seats,
            )
            for stop, seats in zip(run.stops, free, strict=True)
        ],
        delay_seconds=run.delay,
        started_at=_maybe(run.started_at),
        ended_at=_maybe(run.ended_at),
        revision=run.revision,
        plate=run.plate if own else None,
        position=_position(run) if own else None,
        bookings=[write_booking(one, run, dropped) for one in bookings] if own else None,
    )


def _position(run: Run) -> PositionAnswer | None:
    if run.position is None or run.position_at is None:
        return None
    return PositionAnswer(lat=run.position.lat, lon=run.position.lon, at=local(run.position_at))


def write_booking(one: Seat, run: Run, dropped: Mapping[int, RunStop]) -> BookingAnswer:
    """Write a booking.

    Parameters
    ----------
    dropped : mapping
        Stops where the run does not go any more, by id.
    """
    rides = one.state is BookingState.CONFIRMED
    return BookingAnswer(
        id=one.id,
        run=run.id,
        line=run.line,
        driver=run.driver,
        passenger=one.passenger,
        operator=one.operator,
        state=one.state,
        seats=one.seats,
        board=_end(run, _find(run, one.board, dropped), one.board_at, one.boarded_at),
        alight=_end(run, _find(run, one.alight, dropped), one.alight_at, one.alighted_at),
        price_cents=one.cents,
        made_at=local(one.made_at),
        plate=run.plate if rides else None,
        position=_position(run) if rides and run.state is RunState.DRIVING else None,
        delay_seconds=run.delay,
        note=one.note,
        reason=one.reason,
        proof=one.proof,
        revision=one.revision,
    )


def _find(run: Run, id_: int, dropped: Mapping[int, RunStop]) -> RunStop:
    return next((stop for stop in run.stops if stop.id == id_), None) or dropped[id_]


def _end(run: Run, stop: RunStop, promised: datetime | None, happened: datetime | None) -> EndAnswer:
    return EndAnswer(
        stop_id=stop.id,
        name=stop.name,
        lat=stop.point.lat,
        lon=stop.point.lon,
        line_stop=stop.line_stop,
        promised_at=_maybe(promised),
        expected_at=local(expect(run, stop)),
        happened_at=_maybe(happened),
    )


def moment(instant: int) -> datetime:
    """Return an instant of a quote."""
    return datetime.fromtimestamp(instant, LOCAL)


def from_quote(quote: Quoted) -> tuple[int | Spot, int | Spot]:
    """Return where a quote gets on and off."""
    board, alight = (spot.stop or Spot(spot.name, spot.point) for spot in (quote.board, quote.alight))
    return board, alight
