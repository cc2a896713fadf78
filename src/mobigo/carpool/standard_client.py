"""Asks other operators for their journeys, and tells them what they are to be told.

No transaction is open while another operator is asked. Whoever is slow is not waited for, whoever fails rests a while,
and what cannot be read of an answer is left out of it. What they are to be told waits until they take it.
"""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpcore
import structlog
from pydantic import ValidationError

from mobigo import __version__
from mobigo.carpool import standard_store as store
from mobigo.carpool.model import BookingState
from mobigo.carpool.standard_documents import DOMAIN, Journey
from mobigo.downloads.connect import Patience, open_pool
from mobigo.downloads.retry import read_retry_after
from mobigo.kit.errors import MobigoError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

    from mobigo.carpool.standard_store import Call, Operator
    from mobigo.kit.geo import Point

log = structlog.get_logger()

TELLING = Patience(connect=5, read=15, total=20, window=15, window_bytes=0)
"""For one call that tells something."""

ASKING = Patience(connect=0.7, read=1.5, total=1.5, window=1.5, window_bytes=0)
"""For one search: a traveller waits for it."""

SEARCH = 1.8
"""Seconds after which whoever has not answered a search is left out."""

THREADS = 8
"""Operators searched at once."""

LARGEST_ANSWER = 2_000_000
"""Bytes."""

MOST_JOURNEYS = 50
"""Of one operator, in one search."""

ROUND = 30.0
"""Seconds after which a round begins no further call."""

PAUSES = (10, 60, 300, 1_800, 7_200, 21_600, 43_200, 86_400)
"""Seconds between attempts: two days in all; after the last one it is given up."""
JITTER = 0.1
"""Share by which a pause is longer at random, so that what failed together does not come back together."""

REST = timedelta(seconds=60)
"""For which an operator that did not answer a call is left alone."""
SEARCH_REST = timedelta(seconds=30)
"""For which one that did not answer a search is not searched."""

LONGEST_PROBLEM = 300
"""Characters of a reason that are kept."""

BUSY = frozenset({401, 403, 408, 425, 429, 500, 502, 503, 504})
"""Answers that say nothing of what was told; it is told again."""

UNREACHED = (MobigoError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError)
"""What a request ends in that nobody answers."""


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    status: int | None
    """None: there was no answer."""
    body: Any = None
    """JSON; None where it cannot be read."""
    retry_after: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Elsewhere:
    """A journey of another operator's driver."""

    operator: str
    name: str
    """Of the operator."""
    journey: Journey


def ask(
    operator: Operator,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    *,
    patience: Patience,
    allow_hosts: Sequence[str],
) -> Answer:
    """Make one request to a checked address; no redirect is followed."""
    headers: dict[bytes | str, bytes | str] = {"Accept": "application/json", "User-Agent": f"mobigo/{__version__}"}
    if operator.their_key:
        headers["X-API-Key"] = operator.their_key
    content = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body).encode()
    timeouts = {"connect": patience.connect, "read": patience.read, "write": patience.read, "pool": None}
    try:
        with (
            open_pool(allow_hosts, patience) as pool,
            pool.stream(
                method,
                f"{operator.address}{path}",
                headers=headers,
                content=content,
                extensions={"timeout": timeouts},
            ) as answer,
        ):
            said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            return Answer(answer.status, _read_body(answer), said.get("retry-after"))
    except UNREACHED as error:
        return Answer(None, problem=(str(error) or type(error).__name__)[:LONGEST_PROBLEM])


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


# ── search ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Question:
    """What is searched."""

    origin: Point
    destination: Point
    at: datetime
    delta: timedelta
    radius: float
    """Kilometres at both ends."""


@dataclass(frozen=True)
class Searched:
    """What a search brought."""

    found: list[Elsewhere]
    """By pick-up."""
    failed: dict[str, str]
    """Operators that did not answer well, and why."""


def search(operators: Sequence[Operator], question: Question, now: datetime, allow_hosts: Sequence[str]) -> Searched:
    """Search the journeys of operators' drivers, all of them at once; who fails or is slow is left out."""
    asked = [
        one
        for one in operators
        if one.searched and one.enabled and one.address and not (one.rests_until and one.rests_until > now)
    ]
    if not asked:
        return Searched([], {})
    pool = ThreadPoolExecutor(min(THREADS, len(asked)))
    try:
        tasks = {pool.submit(_search_one, one, question, allow_hosts): one for one in asked}
        done, late = wait(tasks, timeout=SEARCH)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    failed = {tasks[one].id: "it was too slow" for one in late}
    found: list[Elsewhere] = []
    for task in done:
        journeys, problem = task.result()
        found += journeys
        if problem is not None:
            failed[tasks[task].id] = problem
    return Searched(sorted(found, key=lambda one: one.journey.passenger_pickup_date), failed)


def _search_one(
    operator: Operator, question: Question, allow_hosts: Sequence[str]
) -> tuple[list[Elsewhere], str | None]:
    parameters = {
        "departureLat": question.origin.lat,
        "departureLng": question.origin.lon,
        "arrivalLat": question.destination.lat,
        "arrivalLng": question.destination.lon,
        "departureDate": int(question.at.timestamp()),
        "timeDelta": int(question.delta.total_seconds()),
        "departureRadius": question.radius,
        "arrivalRadius": question.radius,
        "count": MOST_JOURNEYS,
    }
    path = f"/driver_journeys?{urlencode(parameters)}"
    answer = ask(operator, "GET", path, None, patience=ASKING, allow_hosts=allow_hosts)
    if answer.status != HTTPStatus.OK or not isinstance(answer.body, list):
        return [], answer.problem or f"it answered {answer.status} and no list"
    return [one for told in answer.body[:MOST_JOURNEYS] if (one := _read_journey(operator, told, question))], None


def _read_journey(operator: Operator, told: object, question: Question) -> Elsewhere | None:
    """Read a journey; None where it cannot be read, or is not what was asked for."""
    try:
        journey = Journey.model_validate(told)
    except ValidationError:
        return None
    if abs(journey.pickup_at - question.at) > question.delta:
        return None
    if journey.web_url is not None and not journey.web_url.startswith("https://"):
        journey = journey.model_copy(update={"web_url": None})
    named = journey.driver.operator if DOMAIN.fullmatch(journey.driver.operator) else operator.id
    driver = journey.driver.model_copy(update={"operator": named})
    return Elsewhere(operator.id, operator.name, journey.model_copy(update={"driver": driver}))


def note_searched(connection: Connection[Any], operators: Sequence[Operator], outcome: Searched, now: datetime) -> None:
    """Write down which operators failed in a search, and which answer again."""
    for one in operators:
        problem = outcome.failed.get(one.id)
        if problem is not None:
            store.note_outcome(connection, one.id, now, f"search: {problem}"[:LONGEST_PROBLEM], now + SEARCH_REST)
        elif one.problem is not None and one.searched and not (one.rests_until and one.rests_until > now):
            store.note_outcome(connection, one.id, now, None, None)


# ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def send_due(connection: Connection[Any], domain: str, now: datetime, allow_hosts: Sequence[str] = ()) -> int:
    """Make the calls that are due, one after another; return how many were made.

    Parameters
    ----------
    connection : psycopg.Connection
        Commits each statement.
    domain : str
        Ours.
    """
    store.release_calls(connection, now)
    end = time.monotonic() + ROUND
    made = 0
    while time.monotonic() < end and (call := store.claim_call(connection, now)):
        operator = store.get_operator(connection, call.operator)
        if operator.address is None:
            store.settle_call(connection, call.id, "failed", now=now, status=None, problem="it has no address")
            continue
        body = None if call.body is None else _sign(call.body, domain)
        answer = ask(operator, call.method, call.path, body, patience=TELLING, allow_hosts=allow_hosts)
        _settle(connection, call, answer, now)
        made += 1
    return made


def _sign(body: Mapping[str, Any], domain: str) -> dict[str, Any]:
    """Put our domain in where somebody of ours is named without."""
    signed = dict(body)
    for name, value in body.items():
        if isinstance(value, dict):
            signed[name] = _sign(value, domain)
    if signed.get("operator") == "":
        signed["operator"] = domain
    return signed


def _settle(connection: Connection[Any], call: Call, answer: Answer, now: datetime) -> None:
    """Write down what came of a call, and what follows from it for its booking."""
    status, problem = answer.status, answer.problem
    if status is not None and (200 <= status < 300 or (status == HTTPStatus.CONFLICT and call.method == "PATCH")):  # noqa: PLR2004 - HTTP's successes
        with connection.transaction():
            store.settle_call(connection, call.id, "done", now=now, status=status)
            store.note_outcome(connection, call.operator, now, None, None)
        return
    if status is None or status in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        problem = problem or f"it answered {status}"
        asked = max(REST, read_retry_after(answer.retry_after))
        pause = PAUSES[call.attempts - 1] if call.attempts <= len(PAUSES) else None
        if pause is not None and not _begins(call, status):
            jitter = 1 + random.uniform(0, JITTER)  # noqa: S311 - nothing secret
            again = max(now + timedelta(seconds=pause * jitter), now + asked)
            with connection.transaction():
                store.settle_call(
                    connection, call.id, "waiting", now=now, status=status, problem=problem, next_at=again
                )
                store.note_outcome(connection, call.operator, now, problem, now + asked)
            log.warning("an operator was not reached", operator=call.operator, status=status, attempt=call.attempts)
            return
    _give_up(connection, call, answer, now)


def _begins(call: Call, status: int | None) -> bool:
    """Tell whether a call begins a booking and was refused by an error: that is how operators refuse (500)."""
    return call.path == "/bookings" and status == HTTPStatus.INTERNAL_SERVER_ERROR


def _give_up(connection: Connection[Any], call: Call, answer: Answer, now: datetime) -> None:
    said = answer.body.get("error") if isinstance(answer.body, dict) else None
    problem = f"it answered {answer.status}: {said or answer.problem or 'no reason'}"[:LONGEST_PROBLEM]
    with connection.transaction():
        store.settle_call(connection, call.id, "failed", now=now, status=answer.status, problem=problem)
        if call.path == "/bookings":
            common = store.lock_common(connection, call.about)
            if common is not None and common.state is BookingState.WAITING_CONFIRMATION:
                cancelled = BookingState.CANCELLED
                store.set_common(connection, replace(common, status=cancelled, state=cancelled, changed_at=now))
    log.warning("an operator refused", operator=call.operator, status=answer.status, path=call.path.partition("?")[0])
