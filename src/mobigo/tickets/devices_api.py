"""HTTP: keys that anybody may read, devices, what they are given and what they send."""

from base64 import b64decode
from binascii import Error
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mobigo.accounts.api import Credentials, require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.errors import InvalidInput, Unauthorised
from mobigo.kit.parameters import Day, Instant
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.tickets import bundling, devices_store, enrolment, revoking, service, validations
from mobigo.tickets.api import TicketAnswer, TicketId, local, write
from mobigo.tickets.check import Act
from mobigo.tickets.codes import Reason
from mobigo.tickets.device import Waiting
from mobigo.tickets.devices_store import DeviceRow, Flag
from mobigo.tickets.events import HASH, Event
from mobigo.tickets.keys import write_set
from mobigo.tickets.validations import Fate

router = APIRouter(prefix="/v1/tickets", tags=["ticket devices"])

Staff = Annotated[Person, Depends(require(Role.DISPATCHER, Role.FINANCE))]
"""Who looks after devices."""
KeyKeeper = Annotated[Person, Depends(require(Role.FINANCE))]
"""Who may revoke keys, two of them together; an admin passes too."""

MOST_EVENTS = 1_000
"""Of one request."""

PLAIN = r"^[^\x00-\x1f\x7f]*$"
Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PLAIN)]
Base64 = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9+/]+={0,2}$")]
DeviceId = Annotated[str, Path(pattern=r"^v[a-z0-9]{10}$", description="Of a device")]
KeyNumber = Annotated[int, Path(ge=1, le=99_999, description="Of a key")]


def identify(session: Database, now: Now, credentials: Credentials) -> DeviceRow:
    """Tell which device asks, by the token it signed with its own key."""
    if credentials is None:
        raise Unauthorised("this needs a token that an enrolled device has signed", code="device_refused")
    return enrolment.identify(session, credentials.credentials, now)


AskingDevice = Annotated[DeviceRow, Depends(identify)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class KeySetAnswer(BaseModel):
    """A JSON Web Key Set (RFC 7517), with the times of each key."""

    keys: list[dict[str, Any]]


class NewDeviceBody(_Body):
    """A device that is to be."""

    name: Word = Field(examples=["LR02 · Semur 3"])
    kind: Literal["validator", "inspector"] = Field(
        "validator", description="`validator`: stands in a vehicle or at a stop; `inspector`: a controller carries it"
    )
    agency: Word | None = Field(None, description="Whose it is, `source:agency_id`")


class DeviceAnswer(BaseModel):
    """A device."""

    id: str
    name: str
    kind: str
    agency: str | None
    made_at: datetime
    enrolled_at: datetime | None
    withdrawn_at: datetime | None
    seen_at: datetime | None
    bundle: int | None = Field(description="That it asked with last")


class NewDeviceAnswer(BaseModel):
    """A device, and what it enrols with."""

    device: DeviceAnswer
    word: str = Field(description="Told once; it enrols one device, within a day")
    word_until: datetime


class DevicesAnswer(BaseModel):
    """Devices by name."""

    devices: list[DeviceAnswer]


class EnrolBody(_Body):
    """A device's key."""

    word: Word
    public_key: Base64 = Field(description="Ed25519, 32 bytes; the private key stays in the device")


class EnrolledAnswer(BaseModel):
    """What a device needs to begin."""

    device: DeviceAnswer
    keys: list[dict[str, Any]] = Field(description="Whose bundles it is to believe")
    now: datetime


class EventBody(_Body):
    """Something that a device saw."""

    seq: Annotated[int, Field(ge=1, le=2**53)] = Field(description="The device's own number, from 1, without gaps")
    at: Instant = Field(description="By the device's clock")
    act: Act
    reason: Reason
    use: bool = Field(description="Whether it began a ride")
    ticket: Annotated[str, StringConstraints(pattern=r"^[0-9A-HJKMNP-TV-Z]{12}$")] | None = None
    serial: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    product: Word | None = None
    version: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    category: Word | None = None
    fellows: Annotated[int, Field(ge=1, le=1_000)] = 1
    agency: Word | None = None
    route: Word | None = None
    stop: Word | None = None
    trip: Word | None = None
    service_date: Day | None = None
    vehicle: Word | None = None
    metres: Annotated[int, Field(ge=0, le=2_000_000)] | None = Field(None, description="Of the ride, where it is known")
    before: Base64 = Field(description="Hash of the event before; of the first one 32 zeros")
    hash: Base64 = Field(description="SHA-256 of that and of this event, as `mobigo.tickets.events` writes it")


class EventsBody(_Body):
    """What a device saw, in any order."""

    events: Annotated[list[EventBody], Field(min_length=1, max_length=MOST_EVENTS)]


class FateAnswer(BaseModel):
    """What became of an event."""

    seq: int
    fate: Fate


class EventsAnswer(BaseModel):
    """What became of events."""

    events: list[FateAnswer]
    missing_before: int | None = Field(description="Number before which one is missing here; null: none is")


class FlagAnswer(BaseModel):
    """Something that cannot be right."""

    id: int
    kind: str = Field(
        description="`used_too_often`: the ticket is blocked; `two_places`; `number_used_twice`, `chain_broken`:"
        " somebody has changed the device's records; `clock_ahead`"
    )
    device: str
    seq: int
    ticket: str | None
    detail: str
    at: datetime
    settled_by: str | None
    settled_at: datetime | None


class FlagsAnswer(BaseModel):
    """Flags, newest first."""

    flags: list[FlagAnswer]


class InspectionAnswer(BaseModel):
    """What a controller may know of a ticket besides its code."""

    ticket: TicketAnswer
    last_validations: list[datetime] = Field(description="Of the last two days, newest first")


class RevocationBody(_Body):
    """Why a key is no longer to be believed."""

    why: Annotated[str, StringConstraints(min_length=3, max_length=300, pattern=PLAIN)]


class RevocationAnswer(BaseModel):
    """How far a revocation is."""

    key: int
    asked_by: str
    asked_at: datetime
    why: str
    revoked_at: datetime | None = Field(description="null: another person has to agree")
    tickets: int = Field(description="Whose codes are signed anew")


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/keys")
def list_keys(*, session: Database, now: Now, response: Response) -> KeySetAnswer:
    """List the public keys that tickets and bundles are signed with, from when to when, and those revoked."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return KeySetAnswer(keys=write_set(service.list_public_keys(session, now))["keys"])


@router.post("/keys/{kid}/revocation", responses=problems(400, 401, 403, 404, 409, 422))
def ask_revocation(
    *, session: Database, now: Now, asking: KeyKeeper, kid: KeyNumber, body: RevocationBody
) -> RevocationAnswer:
    """Ask that a key be believed no longer; it takes another person to agree."""
    return _revocation(revoking.ask(session, kid, by=asking.user, why=body.why, now=now))


@router.post("/keys/{kid}/revocation/agreement", responses=problems(401, 403, 404, 409, 422))
def agree_revocation(*, session: Database, now: Now, asking: KeyKeeper, kid: KeyNumber) -> RevocationAnswer:
    """Agree that a key be believed no longer: codes it signed are signed anew, and devices refuse the others."""
    return _revocation(revoking.agree(session, kid, by=asking.user, now=now))


# ── devices ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/devices", responses=problems(401, 403))
def list_devices(*, session: Database, _asking: Staff) -> DevicesAnswer:
    """List devices: who they are, and when they were heard of."""
    return DevicesAnswer(devices=[_device(one) for one in devices_store.list_devices(driver(session))])


@router.post("/devices", status_code=201, responses=problems(400, 401, 403, 422))
def make_device(*, session: Database, now: Now, asking: Staff, body: NewDeviceBody) -> NewDeviceAnswer:
    """Make a device; the answer has the word by which it enrols."""
    one, word = enrolment.make(session, name=body.name, kind=body.kind, agency=body.agency, by=asking.user, now=now)
    assert one.secret_until
    return NewDeviceAnswer(device=_device(one), word=word, word_until=local(one.secret_until))


@router.post("/devices/{id}/enrolment", responses=problems(400, 403, 404, 409, 422))
def enrol_device(
    *,
    session: Database,
    now: Now,
    id: DeviceId,  # noqa: A002 - the path's own name
    body: EnrolBody,
) -> EnrolledAnswer:
    """Enrol a device with its key; from then on it says who it is by tokens it signs itself."""
    one = enrolment.enrol(session, id, body.word, _read_base64(body.public_key, "public_key"), now)
    keys = write_set(service.list_public_keys(session, now))["keys"]
    return EnrolledAnswer(device=_device(one), keys=keys, now=local(now))


@router.post("/devices/{id}/withdrawal", responses=problems(401, 403, 404, 422))
def withdraw_device(
    *,
    session: Database,
    now: Now,
    _asking: Staff,
    id: DeviceId,  # noqa: A002 - likewise
) -> DeviceAnswer:
    """Believe a device no longer: it was lost or stolen."""
    connection = driver(session)
    devices_store.get_device(connection, id)
    devices_store.withdraw(connection, id, now)
    return _device(devices_store.get_device(connection, id))


@router.get(
    "/bundle",
    response_class=Response,
    responses={
        200: {"content": {"application/cbor": {}}, "description": "Whole, or what changed; signed"},
        204: {"description": "It has the newest"},
        **problems(401, 422, 503),
    },
)
def get_bundle(
    *,
    session: Database,
    now: Now,
    asking: AskingDevice,
    since: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Bundle that the device has")] = None,
) -> Response:
    """Hand a device what it judges by: keys, an extract of the catalogue, the deny list."""
    given = bundling.hand_out(driver(session), since)
    devices_store.note_seen(driver(session), asking.id, now, since)
    headers = {"Mobigo-Bundle": str(given.version), "Cache-Control": "no-store"}
    if given.data is None:
        return Response(status_code=204, headers=headers)
    return Response(given.data, media_type="application/cbor", headers=headers)


@router.post("/validations", responses=problems(400, 401, 404, 422))
def send_validations(*, session: Database, now: Now, asking: AskingDevice, body: EventsBody) -> EventsAnswer:
    """Send what a device saw: late, in any order, and again if the answer was lost. Each counts once."""
    taken = validations.take(session, asking.id, [_waiting(one) for one in body.events], now=now)
    devices_store.note_seen(driver(session), asking.id, now, None)
    return EventsAnswer(
        events=[FateAnswer(seq=seq, fate=fate) for seq, fate in taken.fates.items()],
        missing_before=taken.missing_before,
    )


@router.get("/inspections/{id}", responses=problems(401, 404, 422))
def inspect(
    *,
    session: Database,
    now: Now,
    _asking: AskingDevice,
    id: TicketId,  # noqa: A002 - likewise
) -> InspectionAnswer:
    """Look a ticket up for a controller who has a network: how it stands, and when it was validated."""
    ticket = service.get_ticket(session, id)
    seen = validations.list_last(session, id, now=now)
    return InspectionAnswer(ticket=write(session, ticket), last_validations=[local(at) for at in seen])


@router.get("/flags", responses=problems(401, 403, 422))
def list_flags(
    *,
    session: Database,
    _asking: Staff,
    settled: Annotated[bool, Query(description="Those looked into already")] = False,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> FlagsAnswer:
    """List what cannot be right in what devices saw."""
    found = devices_store.list_flags(driver(session), settled=settled, limit=limit)
    return FlagsAnswer(flags=[_flag(one) for one in found])


@router.post("/flags/{id}/settlement", responses=problems(401, 403, 404, 422))
def settle_flag(
    *,
    session: Database,
    now: Now,
    asking: Staff,
    id: Annotated[int, Path(ge=1, le=2**63 - 1, description="Of a flag")],  # noqa: A002 - likewise
) -> FlagAnswer:
    """Say that a flag was looked into."""
    return _flag(devices_store.settle_flag(driver(session), id, asking.user, now))


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _waiting(body: EventBody) -> Waiting:
    said = body.model_dump(exclude={"before", "hash"})
    day: date | None = said["service_date"]
    before, hash_ = _read_hash(body.before, "before"), _read_hash(body.hash, "hash")
    return Waiting(Event(**(said | {"service_date": day})), before, hash_)


def _read_hash(text: str, name: str) -> bytes:
    data = _read_base64(text, name)
    if len(data) != HASH:
        raise InvalidInput(f"{name} is {len(data)} bytes; a hash is {HASH}", code="invalid_event")
    return data


def _read_base64(text: str, name: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Error, ValueError):
        raise InvalidInput(f"{name} is no base 64", code="invalid_device_key") from None


def _device(one: DeviceRow) -> DeviceAnswer:
    return DeviceAnswer(
        id=one.id,
        name=one.name,
        kind=one.kind,
        agency=one.agency,
        made_at=local(one.made_at),
        enrolled_at=one.enrolled_at and local(one.enrolled_at),
        withdrawn_at=one.withdrawn_at and local(one.withdrawn_at),
        seen_at=one.seen_at and local(one.seen_at),
        bundle=one.bundle,
    )


def _flag(one: Flag) -> FlagAnswer:
    return FlagAnswer(
        id=one.id,
        kind=one.kind,
        device=one.device,
        seq=one.seq,
        ticket=one.ticket,
        detail=one.detail,
        at=local(one.at),
        settled_by=one.settled_by,
        settled_at=one.settled_at and local(one.settled_at),
    )


def _revocation(one: revoking.Revocation) -> RevocationAnswer:
    return RevocationAnswer(
        key=one.kid,
        asked_by=one.asked_by,
        asked_at=local(one.asked_at),
        why=one.why,
        revoked_at=one.revoked_at and local(one.revoked_at),
        tickets=one.tickets,
    )
