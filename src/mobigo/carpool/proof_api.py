"""HTTP: codes that are shown and scanned, positions, what they prove, and findings with their appeals."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mobigo.accounts.api import require
from mobigo.accounts.model import STAFF, Role
from mobigo.accounts.model import Person as Asking
from mobigo.carpool import findings, findings_store, proving, proving_store, settling, store
from mobigo.carpool.checks import Fix, Kind
from mobigo.carpool.findings_store import FindingState, Kept
from mobigo.carpool.model import BookingState
from mobigo.carpool.proof import LONGEST, OFFLINE, ProofClass, Shows
from mobigo.carpool.proving import Moment, Scanned, Shown
from mobigo.carpool.ride_answers import local
from mobigo.carpool.runs_api import read_cursor
from mobigo.db.session import Database, driver
from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point
from mobigo.kit.parameters import Cursor, Instant, link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.kit.turns import Turn

router = APIRouter(prefix="/v1/carpool", tags=["carpool proof"])

Traveller = Annotated[Asking, Depends(require(Role.TRAVELLER, Role.DRIVER))]
"""Somebody who drives or rides."""
Reader = Annotated[Asking, Depends(require(Role.TRAVELLER, Role.DRIVER, Role.CARPOOL, Role.DESK, Role.FINANCE))]
"""Somebody who drives or rides, of their own rides; or staff."""
Staff = Annotated[Asking, Depends(require(Role.CARPOOL))]

MOST_POSITIONS = 1_000
"""Of one request."""

PLAIN = r"^[^\x00-\x1f\x7f]*$"

BookingId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,60}$", description="Of a booking")]
RunId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,60}$", description="Of a run")]
FindingId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,60}$", description="Of a finding")]
Device = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PLAIN)]
Sent = Annotated[
    Instant | None,
    Field(
        description="What the phone's clock says as it sends this: the difference to ours, in whole minutes, corrects"
        " all times of the request",
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PointBody(_Body):
    """A place."""

    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] = Field(examples=[47.4906])
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] = Field(examples=[4.3347])


class CodeAnswer(BaseModel):
    """A code to be shown."""

    code: str = Field(description="What the QR symbol says")
    shows: Shows = Field(description="Whose code it is: `p` the passenger's, for the driver to scan; `d` the driver's")
    good_from: datetime
    good_until: datetime
    svg: str = Field(description="The QR symbol, drawn")


class ScanBody(_Body):
    """A code that was scanned, perhaps hours ago without a network."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = Field(
        description="The phone's own, new for each scan and the same when it is sent again", examples=["3f0c-1"]
    )
    code: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)] = Field(description="As scanned")
    moment: Moment = Moment.BOARD
    scanned_at: Instant
    sent_at: Sent = None
    device: Device | None = Field(None, description="What the phone calls itself; kept as a keyed hash")
    position: PointBody | None = Field(None, description="Where the phone was; without it a class above A needs others")


class ScanAnswer(BaseModel):
    """A scan as it is kept."""

    id: str
    booking: str
    shows: Shows
    moment: Moment
    scanned_at: datetime = Field(description="By our clock")
    received_at: datetime


class PositionBody(PointBody):
    """Where a phone was."""

    at: Instant


class PositionsBody(_Body):
    """Where a phone was, in any order."""

    positions: Annotated[list[PositionBody], Field(min_length=1, max_length=MOST_POSITIONS)]
    sent_at: Sent = None
    device: Device | None = None


class PositionsAnswer(BaseModel):
    """What has become of positions."""

    kept: int
    known: int = Field(description="Sent before")
    dropped: int = Field(description="More than a day old, of another time than the run's, or too many")


class FindingAnswer(BaseModel):
    """What a check found, what those it is about say, and what was decided."""

    id: str
    kind: Kind
    reason: str = Field(description="With the figures")
    words: dict[str, str] = Field(description="What was found, in French and English")
    state: FindingState
    found_at: datetime
    bookings: list[str]
    held_back: list[str] = Field(description="Those of the bookings that it holds back")
    appeal: str | None
    appealed_at: datetime | None
    decision: str | None
    decided_at: datetime | None
    revision: int


class StaffFindingAnswer(FindingAnswer):
    """What staff see besides."""

    appealed_by: str | None = Field(description="Person")
    decided_by: str | None


class FindingsAnswer(BaseModel):
    """A page of findings, newest first."""

    findings: list[StaffFindingAnswer | FindingAnswer]
    next_cursor: str | None


class ProofScanAnswer(BaseModel):
    """A scan, without who made it."""

    shows: Shows
    moment: Moment
    scanned_at: datetime


class ProofAnswer(BaseModel):
    """How far a booking is proven."""

    booking: str
    run: str
    state: BookingState
    scans: list[ProofScanAnswer]
    proof: ProofClass | None = Field(description="A: a code was scanned; B: and one was located; C: and both were")
    started_at: datetime | None
    ended_at: datetime | None
    metres: int | None = Field(description="By road, between the stops where they got on and off")
    validated_at: datetime | None
    awaited_until: datetime | None = Field(description="Until when proof is taken, while there is none")
    findings: list[FindingAnswer]


class AppealBody(_Body):
    """What somebody answers."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=findings.LONGEST_APPEAL, pattern=r"^[^\x00]*$")]


class DecisionBody(AppealBody):
    """What staff decide, and why."""

    state: FindingState = Field(
        description="`dismissed`: nothing is wrong; `upheld`: what it holds back does not count"
    )
    revision: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="The revision you read: when somebody changed it since, yours is refused"
    )


# ── codes, scans, positions ───────────────────────────────────────────────────────────────────────────────────────────


@router.get("/bookings/{id}/code", responses=problems(401, 403, 404, 409, 422))
def show_code(
    *,
    request: Request,
    session: Database,
    asking: Traveller,
    id: BookingId,  # noqa: A002 - the path's own name
) -> CodeAnswer:
    """Return the code that one shows to the other: as passenger one's own, as driver that for this passenger."""
    shown = _show(request, session, asking, id)
    return CodeAnswer(
        code=shown.text,
        shows=shown.code.shows,
        good_from=local(shown.code.first),
        good_until=local(shown.code.last),
        svg=shown.draw(),
    )


@router.get(
    "/bookings/{id}/code.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {}}}, **problems(401, 403, 404, 409, 422)},
)
def draw_code(
    *,
    request: Request,
    session: Database,
    asking: Traveller,
    id: BookingId,  # noqa: A002 - the path's own name
) -> Response:
    """Draw that code as a QR symbol."""
    shown = _show(request, session, asking, id)
    return Response(shown.draw(), media_type="image/svg+xml", headers={"Cache-Control": "private, no-store"})


@router.post("/scans", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def send_scan(
    *, request: Request, _turn: Turn, session: Database, now: Now, asking: Traveller, body: ScanBody
) -> ScanAnswer:
    """Send a code that one scanned; up to a day late, and again if the answer was lost."""
    person = _find_person(session, asking)
    if person is None:
        raise InvalidInput("you neither drive nor ride; PUT /v1/carpool/me first", code="forged_code")
    scanned = Scanned(body.id, body.code, body.moment, body.scanned_at, body.device, _read_point(body.position))
    one = proving.take_scan(session, request.app.state.token_key, person, scanned, sent=body.sent_at, now=now)
    return ScanAnswer(
        id=one.id,
        booking=one.booking,
        shows=one.shows,
        moment=Moment(one.moment),
        scanned_at=local(one.scanned_at),
        received_at=local(one.received_at),
    )


@router.post("/runs/{id}/positions", responses=problems(400, 401, 403, 404, 409, 422))
def send_positions(
    *,
    request: Request,
    session: Database,
    now: Now,
    asking: Traveller,
    id: RunId,  # noqa: A002 - the path's own name
    body: PositionsBody,
) -> PositionsAnswer:
    """Send where one's phone was while one was in a car; kept for two months, to prove the ride."""
    person = _find_person(session, asking)
    if person is None:
        raise store.unknown_run(id)
    fixes = [Fix(one.at, Point(one.lon, one.lat)) for one in body.positions]
    taken = proving.take_positions(
        session, request.app.state.token_key, person, id, fixes, device=body.device, sent=body.sent_at, now=now
    )
    return PositionsAnswer(kept=taken.kept, known=taken.known, dropped=taken.dropped)


@router.get("/bookings/{id}/proof", responses=problems(401, 403, 404, 422))
def read_proof(
    *,
    session: Database,
    asking: Reader,
    id: BookingId,  # noqa: A002 - the path's own name
) -> ProofAnswer:
    """Read how far a ride is proven, and what speaks against it."""
    connection = driver(session)
    booking = store.get_booking(connection, id)
    run = store.get_run(connection, booking.run)
    if asking.role not in STAFF and _find_person(session, asking) not in {booking.passenger, run.driver}:
        raise store.unknown_booking(id)
    journey = proving_store.find_journey(connection, id)
    scans = proving_store.list_scans(connection, [id])
    awaited = booking.state is BookingState.COMPLETED_PENDING_VALIDATION and journey is None and run.ended_at
    about = findings_store.list_findings(connection, bookings=[id])
    return ProofAnswer(
        booking=booking.id,
        run=run.id,
        state=booking.state,
        scans=[
            ProofScanAnswer(shows=one.shows, moment=Moment(one.moment), scanned_at=local(one.scanned_at))
            for one in scans
        ],
        proof=journey and journey.proof,
        started_at=journey and local(journey.started_at),
        ended_at=journey and local(journey.ended_at),
        metres=journey and journey.metres,
        validated_at=journey and _local(journey.validated_at),
        awaited_until=local(awaited + OFFLINE) if awaited else None,
        findings=[_finding(replace(one, bookings={id: one.bookings[id]})) for one in about],
    )


# ── findings ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/findings", responses=problems(400, 401, 403, 422))
def list_findings(
    *,
    request: Request,
    response: Response,
    session: Database,
    asking: Reader,
    state: Annotated[FindingState | None, Query(description="Only in this state")] = None,
    kind: Annotated[Kind | None, Query(description="Only what this check found")] = None,
    run: Annotated[
        str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,60}$", description="Only about journeys in this run")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Findings per page")] = 50,
    cursor: Cursor = None,
) -> FindingsAnswer:
    """List what the checks found: staff see all, others what is about rides of theirs."""
    connection, person = driver(session), None if asking.role in STAFF else _find_person(session, asking) or ""
    found = findings_store.list_findings(
        connection,
        states=[state] if state else [],
        kind=kind,
        runs=[run] if run else None,
        person=person,
        before=None if cursor is None else read_cursor(cursor),
        limit=limit + 1,
    )
    last = found[limit - 1] if len(found) > limit else None
    next_cursor = f"{last.found_at.isoformat()}/{last.id}" if last else None
    link_next(request, response, next_cursor)
    shown = [_show_finding(connection, one, person) for one in found[:limit]]
    return FindingsAnswer(findings=[one for one in shown if one is not None], next_cursor=next_cursor)


@router.get("/findings/{id}", responses=problems(401, 403, 404, 422))
def get_finding(
    *,
    session: Database,
    asking: Reader,
    id: FindingId,  # noqa: A002 - the path's own name
) -> StaffFindingAnswer | FindingAnswer:
    """Read a finding."""
    connection = driver(session)
    person = None if asking.role in STAFF else _find_person(session, asking) or ""
    shown = _show_finding(connection, findings_store.get_finding(connection, id), person)
    if shown is None:
        raise findings_store.unknown_finding(id)
    return shown


@router.post("/findings/{id}/appeal", responses=problems(400, 401, 403, 404, 409, 422))
def appeal(
    *,
    session: Database,
    now: Now,
    asking: Traveller,
    id: FindingId,  # noqa: A002 - the path's own name
    body: AppealBody,
) -> FindingAnswer:
    """Answer a finding about a ride of one's own; staff read it before they decide."""
    person = _find_person(session, asking) or ""
    one = findings.appeal(session, id, person, body.text, now)
    return _finding(findings.show(driver(session), one, person) or one)


@router.post("/findings/{id}/decision", responses=problems(400, 401, 403, 404, 409, 422))
def decide(
    *,
    _turn: Turn,
    session: Database,
    now: Now,
    asking: Staff,
    id: FindingId,  # noqa: A002 - the path's own name
    body: DecisionBody,
) -> StaffFindingAnswer:
    """Decide on a finding. Dismissed, what it held back is validated within the minute, unless others hold it too."""
    if body.state not in {FindingState.DISMISSED, FindingState.UPHELD}:
        raise InvalidInput("a finding is decided as dismissed or upheld", code="invalid_decision")
    one = settling.decide(session, id, body.state, body.text, by=asking.user, now=now, seen=body.revision)
    return _staff_finding(one)


def _show(request: Request, session: Database, asking: Asking, booking: str) -> Shown:
    person = _find_person(session, asking)
    if person is None:
        raise store.unknown_booking(booking)
    return proving.show_code(session, request.app.state.token_key, booking, person)


def _find_person(session: Database, asking: Asking) -> str | None:
    found = store.find_person(driver(session), asking.user)
    return found.id if found else None


def _read_point(body: PointBody | None) -> Point | None:
    return None if body is None else Point(body.lon, body.lat)


def _show_finding(
    connection: Connection[Any], one: Kept, person: str | None
) -> StaffFindingAnswer | FindingAnswer | None:
    """Write a finding for the staff, or for somebody it is about, who learns nothing of the rides of others."""
    if person is None:
        return _staff_finding(one)
    own = findings.show(connection, one, person)
    return None if own is None else _finding(own)


def _finding(one: Kept) -> FindingAnswer:
    return FindingAnswer(**_told(one))


def _staff_finding(one: Kept) -> StaffFindingAnswer:
    return StaffFindingAnswer(appealed_by=one.appealed_by, decided_by=one.decided_by, **_told(one))


def _local(at: datetime | None) -> datetime | None:
    return None if at is None else local(at)


def _told(one: Kept) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "reason": one.reason,
        "words": {language: findings.say(one.kind, language) for language in ("fr", "en")},
        "state": one.state,
        "found_at": local(one.found_at),
        "bookings": sorted(one.bookings),
        "held_back": sorted(booking for booking, held in one.bookings.items() if held),
        "appeal": one.appeal,
        "appealed_at": _local(one.appealed_at),
        "decision": one.decision,
        "decided_at": _local(one.decided_at),
        "revision": one.revision,
    }
