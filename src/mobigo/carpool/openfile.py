"""The open file: the journeys of a month as the national register publishes them, with nobody in them.

Times are rounded up to ten minutes, coordinates cut off, coarser where few people live. A journey that begins or ends
in a commune where less than six began or ended that month is left out. Ids are hashes of the month: they lead nowhere
and to no other month.

References
----------
covoiturage-gouv-fr/mono: services/export, datagouvListQuery (27 columns, ``min_occurrences`` 6).
"""

from __future__ import annotations

import csv
import gzip
import hmac
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from io import StringIO
from typing import TYPE_CHECKING
from uuid import UUID

from mobigo.carpool import openfile_store, register, store
from mobigo.carpool.openfile_store import Opened, find_department
from mobigo.carpool.settling import DISPUTED
from mobigo.carpool.terms import FRANCE
from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from mobigo.carpool.openfile_store import Commune
    from mobigo.carpool.proving_store import Proven
    from mobigo.kit.geo import Point

ENDS = ("start", "end")
OF_AN_END = ("datetime", "date", "time", "lon", "lat", "insee", "department", "town", "towngroup", "country")
COLUMNS = (
    "journey_id",
    "trip_id",
    *(f"journey_{end}_{what}" for end in ENDS for what in OF_AN_END),
    "passenger_seats",
    "operator_class",
    "journey_distance",
    "journey_duration",
    "has_incentive",
)
"""Distance in metres, duration in minutes."""

FEWEST = 6
"""Journeys that begin (end) in a commune in a month, below which none of them is shown."""

STEP = 600
"""Seconds to which times are rounded up."""

DENSE = 40
"""Inhabitants per square kilometre above which coordinates have `FINE` decimals, else `COARSE`."""
FINE, COARSE = Decimal("0.001"), Decimal("0.01")

COUNTRY = "France"

SETTLED = timedelta(days=10)
"""After the end of a month, from which on it is opened: what is proven late and most findings are settled then."""


@dataclass(frozen=True)
class Table:
    """The open file of a month."""

    rows: list[dict[str, str]]
    journeys: int
    """Before some were left out."""


def write_table(
    secret: bytes, journeys: Sequence[Proven], communes: Mapping[Point, Commune], paid: Iterable[str]
) -> Table:
    """Write the journeys of one month without who made them.

    Parameters
    ----------
    communes : mapping
        Of the ends of journeys; what lies in none cannot be shown.
    paid : iterable of str
        Runs whose drivers are paid.
    """
    paid = set(paid)
    starts = Counter(communes[one.origin].id for one in journeys if one.origin in communes)
    ends = Counter(communes[one.destination].id for one in journeys if one.destination in communes)
    rows = []
    for one in journeys:
        start, end = communes.get(one.origin), communes.get(one.destination)
        if start is None or end is None or min(starts[start.id], ends[end.id]) < FEWEST:
            continue
        month = f"{one.started_at.astimezone(FRANCE):%Y-%m}"
        rows.append(
            {
                "journey_id": _hide(secret, month, one.booking),
                "trip_id": _hide(secret, month, one.run),
                **_write_end("start", one.started_at, one.origin, start),
                **_write_end("end", one.ended_at, one.destination, end),
                "passenger_seats": str(one.seats),
                "operator_class": one.proof.value,
                "journey_distance": str(one.metres),
                "journey_duration": str(round((one.ended_at - one.started_at) / timedelta(minutes=1))),
                "has_incentive": "true" if one.run in paid else "false",
            }
        )
    rows.sort(key=lambda row: (row["journey_start_datetime"], row["journey_id"]))
    return Table(rows, len(journeys))


def _hide(secret: bytes, month: str, id_: str) -> str:
    return str(UUID(bytes=hmac.digest(secret, f"mobigo carpool open {month} {id_}".encode(), "sha256")[:16]))


def _write_end(end: str, at: datetime, point: Point, commune: Commune) -> dict[str, str]:
    local = round_up(at).astimezone(FRANCE)
    grain = FINE if commune.density is not None and commune.density > DENSE else COARSE
    told = (
        local.isoformat(),
        f"{local:%Y-%m-%d}",
        f"{local:%H:%M:%S}",
        cut(point.lon, grain),
        cut(point.lat, grain),
        commune.insee,
        find_department(commune.insee),
        commune.name,
        "",
        COUNTRY,
    )
    return {f"journey_{end}_{what}": value for what, value in zip(OF_AN_END, told, strict=True)}


def round_up(at: datetime) -> datetime:
    """Round an instant up to ten minutes."""
    seconds = -(-int(at.timestamp()) // STEP) * STEP
    rounded = datetime.fromtimestamp(seconds, UTC)
    return rounded if rounded >= at else rounded + timedelta(seconds=STEP)


def cut(degrees: float, grain: Decimal) -> str:
    """Cut a coordinate off, towards zero, as it is written."""
    return str(Decimal(repr(degrees)).quantize(grain, ROUND_DOWN))


def write_csv(table: Table) -> bytes:
    """Write the table as UTF-8, with commas and a header."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table.rows)
    return text.getvalue().encode()


# ── months ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def open_month(session: Session, secret: bytes, month: date, now: datetime) -> Opened:
    """Write the open file of a month, new or anew.

    Raises
    ------
    Refused
        When the month is not over (``month_not_over``), or where its journeys began is forgotten (``month_forgotten``).
    """
    first, end = bound(month)
    if now < end:
        raise Refused(f"{month:%Y-%m} is not over; its journeys are opened after {end:%Y-%m-%d}", code="month_not_over")
    if first < now - DISPUTED:
        raise Refused(
            f"where journeys of {month:%Y-%m} began is forgotten since; its open file stays as it was made",
            code="month_forgotten",
        )
    connection = driver(session)
    journeys = openfile_store.list_journeys(connection, first, end)
    communes = openfile_store.find_communes(
        connection, {end for one in journeys for end in (one.origin, one.destination)}
    )
    by_run: dict[str, list[Proven]] = {}
    for one in journeys:
        by_run.setdefault(one.run, []).append(one)
    runs = store.list_runs(connection, ids=list(by_run))
    paid = [run.id for run in runs if register.find_revenue(connection, run, by_run[run.id])]
    table = write_table(secret, journeys, communes, paid)
    opened = Opened(month, table.journeys, len(table.rows), now)
    openfile_store.save_month(connection, opened, gzip.compress(write_csv(table), mtime=0))
    return opened


def open_due(session: Session, secret: bytes, now: datetime) -> list[Opened]:
    """Write the open files of the months that are over and have none."""
    done = {one.month for one in openfile_store.list_months(driver(session))}
    months = []
    month = now.astimezone(FRANCE).date().replace(day=1)
    for _ in range(2):
        month = (month - timedelta(days=1)).replace(day=1)
        first, end = bound(month)
        if month not in done and now >= end + SETTLED and first >= now - DISPUTED:
            months.append(month)
    return [open_month(session, secret, one, now) for one in months]


def read_month(session: Session, month: date) -> bytes:
    """Return the open file of a month.

    Raises
    ------
    NotFound
        ``unknown_month``.
    """
    file = openfile_store.find_file(driver(session), month)
    if file is None:
        raise NotFound(
            f"there is no open file of {month:%Y-%m}; /v1/carpool/open-data lists the months there are",
            code="unknown_month",
        )
    return gzip.decompress(file)


def read_name(text: str) -> date:
    """Read a month as 2026-03.

    Raises
    ------
    InvalidInput
        When it is none.
    """
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise InvalidInput(f"{text!r} is no month; write it like 2026-03") from None


def bound(month: date) -> tuple[datetime, datetime]:
    """Return the first instant of a month, in France, and of the one after."""
    following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    return (
        datetime(month.year, month.month, 1, tzinfo=FRANCE),
        datetime(following.year, following.month, 1, tzinfo=FRANCE),
    )
