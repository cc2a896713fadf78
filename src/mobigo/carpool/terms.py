"""What the national register of proofs accepts, and the one status it shows of a journey.

References
----------
Registre de preuve de covoiturage (betagouv/preuve-covoiturage): CarpoolAcquisitionService.verifyTermsViolation and
castStatus.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

FRANCE = ZoneInfo("Europe/Paris")

LATEST_HOURS = 24
"""Whole hours between the start of a journey and its being sent, at most."""

SHORTEST_METRES = 2_000

MOST_OTHER_TRIPS = 3
"""Other trips of the driver or the passenger on one local day, at most."""

CLOSE = timedelta(minutes=30)
"""Two journeys of one pair nearer than this are one."""


class Violation(StrEnum):
    """Why the register refuses a journey; in the order it names them."""

    EXPIRED = "expired"
    DISTANCE_TOO_SHORT = "distance_too_short"
    TOO_MANY_TRIPS_BY_DAY = "too_many_trips_by_day"
    TOO_CLOSE_TRIPS = "too_close_trips"


@dataclass(frozen=True)
class Travelled:
    """A journey as far as the terms look at it: a driver and a passenger, each by the key of an identity."""

    trip: str
    """Of the operator: what the passengers of one car share."""
    driver: str
    passenger: str
    start: datetime
    end: datetime
    metres: int


def list_violations(
    *, received: datetime, start: datetime, metres: int, other_trips: int, close_trips: int
) -> list[Violation]:
    """List the terms that a journey breaks.

    Parameters
    ----------
    other_trips : int
        Other trips that the driver or the passenger made that local day, in any role.
    close_trips : int
        Other trips of the same pair within half an hour.
    """
    found = []
    if (received - start) // timedelta(hours=1) > LATEST_HOURS:
        found.append(Violation.EXPIRED)
    if metres < SHORTEST_METRES:
        found.append(Violation.DISTANCE_TOO_SHORT)
    if other_trips > MOST_OTHER_TRIPS:
        found.append(Violation.TOO_MANY_TRIPS_BY_DAY)
    if close_trips:
        found.append(Violation.TOO_CLOSE_TRIPS)
    return found


def check(journey: Travelled, received: datetime, others: Iterable[Travelled]) -> list[Violation]:
    """List the terms that a journey breaks, beside the other journeys of those who travelled."""
    others = [one for one in others if one.trip != journey.trip]
    return list_violations(
        received=received,
        start=journey.start,
        metres=journey.metres,
        other_trips=max(count_trips(person, journey, others) for person in (journey.driver, journey.passenger)),
        close_trips=len({one.trip for one in others if _is_close(one, journey)}),
    )


def count_trips(person: str, journey: Travelled, others: Iterable[Travelled]) -> int:
    """Count the other trips of a person on the local day of a journey, as driver or as passenger."""
    first, last = local_day(journey.start)
    return len({one.trip for one in others if person in {one.driver, one.passenger} and first <= one.start <= last})


def local_day(instant: datetime) -> tuple[datetime, datetime]:
    """Return the first and last instant, to the microsecond, of the day in France that an instant lies in."""
    first = instant.astimezone(FRANCE).replace(hour=0, minute=0, second=0, microsecond=0)
    following = (first.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=FRANCE)
    return first, following - timedelta(microseconds=1)


def _is_close(one: Travelled, journey: Travelled) -> bool:
    """Tell whether another journey of the same pair begins within half an hour of this one's end, or overlaps it."""
    if (one.driver, one.passenger) != (journey.driver, journey.passenger):
        return False
    return one.start < journey.end + CLOSE and one.end > journey.start - CLOSE


# ── status ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Acquisition(StrEnum):
    """What became of a journey that was sent."""

    RECEIVED = "received"
    UPDATED = "updated"
    PROCESSED = "processed"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    TERMS_VIOLATION_ERROR = "terms_violation_error"


class Verdict(StrEnum):
    """Of a check that takes its time."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


class Status(StrEnum):
    """What the register says of a journey."""

    PENDING = "pending"
    OK = "ok"
    ACQUISITION_ERROR = "acquisition_error"
    TERMS_VIOLATION_ERROR = "terms_violation_error"
    ANOMALY_ERROR = "anomaly_error"
    FRAUD_ERROR = "fraud_error"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


STATUS_OF = {
    None: Status.UNKNOWN,
    Acquisition.CANCELED: Status.CANCELED,
    Acquisition.EXPIRED: Status.TERMS_VIOLATION_ERROR,
    Acquisition.TERMS_VIOLATION_ERROR: Status.TERMS_VIOLATION_ERROR,
    Acquisition.FAILED: Status.ACQUISITION_ERROR,
}
"""What acquisition alone decides."""


def find_status(acquisition: Acquisition | None, anomaly: Verdict, fraud: Verdict) -> Status:
    """Return the one status of the three that are kept."""
    if acquisition in STATUS_OF:
        return STATUS_OF[acquisition]
    if acquisition is Acquisition.PROCESSED and anomaly is Verdict.PASSED and fraud is Verdict.PASSED:
        return Status.OK
    if fraud is Verdict.FAILED:
        return Status.FRAUD_ERROR
    return Status.ANOMALY_ERROR if anomaly is Verdict.FAILED else Status.PENDING
