"""Carries to the national register what it is to be told, one request after another; what fails comes back later.

A journey is there when the register says so: 201, or 409 when a request before got through and its answer did not.
What it calls wrong (400, 422) waits for staff. When it is busy, broken or does not know us, everything waits: it is
asked no faster than it wants. No transaction is open while it is asked.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpcore
import structlog

from mobigo import __version__
from mobigo.carpool import register_store as store
from mobigo.carpool.register import write_change
from mobigo.carpool.register_store import Attempt, Outcome, Step, Wanted
from mobigo.carpool.terms import LATEST_HOURS, Status, Violation
from mobigo.downloads.connect import Patience, open_pool
from mobigo.downloads.retry import read_retry_after
from mobigo.kit.errors import MobigoError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from mobigo.carpool.register_store import Entry

log = structlog.get_logger()

PATIENCE = Patience(connect=5, read=15, total=20, window=15, window_bytes=0)
"""For one request."""

ROUND = 30.0
"""Seconds after which a round begins no further request."""

PAUSES = (10, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600)
"""Seconds between attempts: a day and a half in all; after the last one it is given up."""
JITTER = 0.1
"""Share by which a pause is longer at random, so that what failed together does not come back together."""

BUSY = timedelta(seconds=30)
"""For which the register is left alone when it is busy and does not say for how long."""
STRANGERS = timedelta(minutes=15)
"""For which it is left alone when it does not know us."""
BROKEN = timedelta(seconds=20)
"""For which it is left alone when it does not answer."""

STATUS_AFTER = (timedelta(hours=1), timedelta(hours=25), timedelta(hours=49), timedelta(hours=97))
"""After the start of a journey its status is asked: it cannot change any more two days after its end."""

LARGEST_ANSWER = 100_000
"""Bytes."""
LONGEST_PROBLEM = 500
"""Characters of a reason that are kept."""

UNREACHED = (MobigoError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError)
"""What a request ends in that nobody answers."""

BUSY_STATUSES = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
)
"""Answers that say nothing of the journey."""

FINAL = frozenset(Status) - {Status.PENDING, Status.UNKNOWN}
"""Statuses that stay."""

CANCELLATION = {"code": "OPERATOR_CANCEL", "message": "found not to have taken place as it was proven"}


@dataclass(frozen=True)
class Register:
    """Where the register is, and as whom we ask it.

    Parameters
    ----------
    address : str
        Of its interface with the version, as ``https://api.covoiturage.beta.gouv.fr/v3.1``.
    token : str
    allow_hosts : sequence of str
        ``ADDRESS:PORT`` that may be reached though private.
    """

    address: str
    token: str
    allow_hosts: Sequence[str] = ()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        """Make one request to a checked address; no redirect is followed."""
        headers: dict[bytes | str, bytes | str] = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json",
            "User-Agent": f"mobigo/{__version__}",
        }
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        timeouts = {"connect": PATIENCE.connect, "read": PATIENCE.read, "write": PATIENCE.read, "pool": None}
        try:
            with (
                open_pool(self.allow_hosts, PATIENCE) as pool,
                pool.stream(
                    method,
                    f"{self.address.rstrip('/')}{path}",
                    headers=headers,
                    content=content,
                    extensions={"timeout": timeouts},
                ) as answer,
            ):
                said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
                return Answer(answer.status, _read_body(answer), said.get("retry-after"))
        except (
            MobigoError,
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.ProtocolError,
            OSError,
        ) as error:
            return Answer(None, None, None, (str(error) or type(error).__name__)[:LONGEST_PROBLEM])


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    status: int | None
    """None: there was no answer."""
    body: Any
    """JSON; None where it cannot be read."""
    retry_after: str | None = None
    problem: str | None = None


def _read_body(answer: httpcore.Response) -> Any:  # noqa: ANN401 - whatever JSON there is
    content = b""
    for part in answer.iter_stream():
        content += part
        if len(content) > LARGEST_ANSWER:
            return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def send_due(connection: Connection[Any], register: Register, now: datetime) -> int:
    """Tell the register what is due; return how many requests came to an end.

    Parameters
    ----------
    connection : psycopg.Connection
        Commits each statement.
    """
    store.release(connection, now)
    end, ended = time.monotonic() + ROUND, 0
    while time.monotonic() < end and store.find_pause(connection, now) is None:
        entry = store.claim(connection, now)
        if entry is None:
            break
        ended += _send(connection, register, entry, now)
    return ended


def _send(connection: Connection[Any], register: Register, entry: Entry, now: datetime) -> bool:
    """Make one request and note what came of it; tell whether it came to an end."""
    if _comes_too_late(entry, now) and not store.list_attempts(connection, entry.booking):
        store.withhold(connection, entry, Violation.EXPIRED, now)
        return True
    method, path, body = _write_request(entry)
    began = time.monotonic()
    answer = register.ask(method, path, body)
    tried = Attempt(
        now, f"{method} {path}", round((time.monotonic() - began) * 1000), answer.status, _find_problem(answer)
    )
    store.note_attempt(connection, entry.booking, tried)
    pause, because = find_pause(entry, answer)
    if pause is not None:
        log.warning("the register is left alone", because=because, seconds=round(pause.total_seconds()))
        store.pause(connection, now + pause, because)
    if entry.wanted is Wanted.STATUS and answer.status == HTTPStatus.OK:
        status, labels = _read_status(answer.body)
        store.note_status(connection, entry.booking, status.value, labels, now)
    step = judge(entry, answer, now)
    store.settle(connection, entry, step, now)
    return step.problem is None


def _comes_too_late(entry: Entry, now: datetime) -> bool:
    """Tell whether the register would refuse a journey as too old, unless a request before has got through."""
    return entry.wanted is Wanted.CREATE and (now - entry.started_at) // timedelta(hours=1) > LATEST_HOURS


def _write_request(entry: Entry) -> tuple[str, str, Mapping[str, Any] | None]:
    path = f"/journeys/{entry.journey}"
    document = entry.document or {}
    match entry.wanted:
        case Wanted.CREATE:
            return "POST", "/journeys", document
        case Wanted.UPDATE:
            return "PATCH", path, write_change(document)
        case Wanted.CANCEL:
            return "POST", f"{path}/cancel", CANCELLATION
        case Wanted.STATUS:
            return "GET", path, None


def find_pause(entry: Entry, answer: Answer) -> tuple[timedelta | None, str]:
    """Return for how long the register is left alone after an answer, and why."""
    match answer.status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return STRANGERS, f"it does not know us: it answered {answer.status} to the token"
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            return read_retry_after(answer.retry_after) or BUSY, f"it is busy: it answered {answer.status}"
        case status if _is_broken(status):
            pause = min(BROKEN, timedelta(seconds=_find_seconds(entry)))
            return pause, answer.problem or f"it is broken: it answered {status}"
    return None, ""


def judge(entry: Entry, answer: Answer, now: datetime) -> Step:
    """Return what follows from an answer of the register."""
    pause, because = find_pause(entry, answer)
    if pause is not None:
        return _come_back(entry, answer, now + pause, because, now)
    if entry.wanted is Wanted.STATUS:
        return _look_again(entry, answer, now)
    there = _find_place(entry, answer.status)
    if there is not None:
        wanted, state = (Wanted.STATUS, Outcome.WAITING) if there else (entry.wanted, Outcome.DONE)
        return Step(wanted, state, there, (_find_next_look(entry, now) or now + STATUS_AFTER[0]) if there else None)
    if answer.status == HTTPStatus.NOT_FOUND and entry.wanted is Wanted.UPDATE:
        return Step(Wanted.CREATE, Outcome.WAITING, there=False, next_at=now)
    return Step(entry.wanted, Outcome.REFUSED, entry.there, None, _find_problem(answer))


def _come_back(entry: Entry, answer: Answer, pause_ends: datetime, because: str, now: datetime) -> Step:
    """Return when to ask again what had no good answer; what the register is busy with is never given up."""
    if answer.status in BUSY_STATUSES:
        return Step(entry.wanted, Outcome.WAITING, entry.there, pause_ends, because)
    if entry.attempts > len(PAUSES):
        return Step(entry.wanted, Outcome.FAILED, entry.there, None, because)
    jitter = 1 + random.uniform(0, JITTER)  # noqa: S311  nothing secret
    next_at = now + timedelta(seconds=_find_seconds(entry) * jitter)
    return Step(entry.wanted, Outcome.WAITING, entry.there, next_at, because)


def _is_broken(status: int | None) -> bool:
    """Tell whether that was no answer to what was asked."""
    return status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT


def _find_seconds(entry: Entry) -> int:
    return PAUSES[min(max(entry.attempts, 1), len(PAUSES)) - 1]


def _find_place(entry: Entry, status: int | None) -> bool | None:
    """Tell whether the register has a journey after an answer; None where it did not do what was wanted."""
    well = status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    match entry.wanted:
        case Wanted.CREATE if well or status == HTTPStatus.CONFLICT:
            return True
        case Wanted.UPDATE if well:
            return True
        case Wanted.CANCEL if well or status in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE}:
            return False
    return None


def _look_again(entry: Entry, answer: Answer, now: datetime) -> Step:
    """Return when to ask for the status of a journey again: never, once it stays."""
    status = _read_status(answer.body)[0] if answer.status == HTTPStatus.OK else Status.UNKNOWN
    next_at = None if status in FINAL else _find_next_look(entry, now)
    return Step(Wanted.STATUS, Outcome.WAITING if next_at else Outcome.DONE, there=True, next_at=next_at)


def _find_next_look(entry: Entry, now: datetime) -> datetime | None:
    return next((at for after in STATUS_AFTER if (at := entry.started_at + after) > now), None)


def _read_status(body: Any) -> tuple[Status, list[str]]:  # noqa: ANN401 - whatever it answered
    """Read what the register says of a journey; what it says otherwise is unknown."""
    if not isinstance(body, dict):
        return Status.UNKNOWN, []
    told = body.get("status")
    status = Status(told) if told in set(Status) else Status.UNKNOWN
    labels = []
    for name in ("anomaly_error_details", "fraud_error_labels", "terms_violation_details"):
        found = body.get(name)
        for one in found if isinstance(found, list) else []:
            label = one.get("label") if isinstance(one, dict) else one
            if isinstance(label, str):
                labels.append(label[:100])
    return status, labels[:20]


def _find_problem(answer: Answer) -> str | None:
    """Return what the register complains of: its status, and what it says in its body."""
    if answer.status is not None and answer.status < HTTPStatus.BAD_REQUEST:
        return None
    told = answer.body
    if isinstance(told, dict):
        told = told.get("error", told)
    if isinstance(told, dict):
        told = told.get("message") or told.get("data") or told
    said = "" if told is None else f": {told if isinstance(told, str) else json.dumps(told)}"
    return f"the register answered {answer.status}{said}"[:LONGEST_PROBLEM]
