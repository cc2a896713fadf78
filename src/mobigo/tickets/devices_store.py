"""Devices, what they saw, and bundles; all SQL of them.

``ticket_device``: a device of the staff's making; ``secret_hash``: of the word by which it enrols, once, until
``secret_until``; ``public``: its key. ``ticket_event``: what devices saw, once per device and number; whose ticket it
was is dropped after two days, the rest stays. ``ticket_use``: rides taken on a ticket, without a place; dropped after
four months. ``ticket_flag``: what cannot be right. ``ticket_bundle``: bundles as signed, the last ones with what
changed since each of those before (``deltas``: base64 by number).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.kit.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from psycopg import Connection

    from mobigo.tickets.device import Waiting


@dataclass(frozen=True)
class DeviceRow:
    """A device as staff know it."""

    id: str
    name: str
    kind: str
    """``validator`` or ``inspector``."""
    agency: str | None
    made_at: datetime
    made_by: str
    secret_until: datetime | None
    public: bytes | None
    enrolled_at: datetime | None
    withdrawn_at: datetime | None
    seen_at: datetime | None
    bundle: int | None


@dataclass(frozen=True)
class UseCount:
    """Rides of a product with an agency."""

    product: str
    agency: str
    rides: int
    metres: int


@dataclass(frozen=True)
class Flag:
    """Something that cannot be right."""

    id: int
    kind: str
    device: str
    seq: int
    ticket: str | None
    detail: str
    at: datetime
    settled_by: str | None
    settled_at: datetime | None


@dataclass(frozen=True)
class BundleRow:
    """A bundle as it was signed."""

    version: int
    made_at: datetime
    valid_until: datetime
    digest: bytes
    payload: bytes
    kid: int
    signed: bytes


_DEVICE = (
    "SELECT id, name, kind, agency, made_at, made_by, secret_until, public, enrolled_at, withdrawn_at, seen_at, bundle"
    " FROM ticket_device"
)
_BUNDLE = "SELECT version, made_at, valid_until, digest, payload, kid, signed FROM ticket_bundle"
_EVENT = (
    "device, seq, at, received_at, kind, reason, ticket, serial, product, version, category, fellows, use, agency,"
    " route, stop, trip, service_date, vehicle, metres, before, hash"
)


# ── devices ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_device(connection: Connection[Any], one: DeviceRow, secret_hash: bytes) -> None:
    """Write a device that may enrol."""
    connection.execute(
        "INSERT INTO ticket_device (id, name, kind, agency, made_at, made_by, secret_hash, secret_until)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [one.id, one.name, one.kind, one.agency, one.made_at, one.made_by, secret_hash, one.secret_until],
    )


def get_device(connection: Connection[Any], id_: str, *, lock: bool = False) -> DeviceRow:
    """Return a device; locked, if asked.

    Raises
    ------
    NotFound
        ``unknown_device``.
    """
    row = connection.execute(f"{_DEVICE} WHERE id = %s{' FOR UPDATE' if lock else ''}".encode(), [id_]).fetchone()
    if row is None:
        raise NotFound(f"no device {id_[:40]!r}; /v1/tickets/devices lists them", code="unknown_device")
    return DeviceRow(*row)


def list_devices(connection: Connection[Any]) -> list[DeviceRow]:
    """List devices by name."""
    return [DeviceRow(*row) for row in connection.execute(f"{_DEVICE} ORDER BY name, id".encode())]


def read_secret(connection: Connection[Any], id_: str) -> bytes | None:
    """Return the hash of the word by which a device enrols; None: it is used up."""
    row = connection.execute("SELECT secret_hash FROM ticket_device WHERE id = %s", [id_]).fetchone()
    return None if row is None else row[0]


def enrol(connection: Connection[Any], id_: str, public: bytes, now: datetime) -> None:
    """Write a device's key; its word is used up."""
    connection.execute(
        "UPDATE ticket_device SET public = %s, enrolled_at = %s, secret_hash = NULL, secret_until = NULL WHERE id = %s",
        [public, now, id_],
    )


def withdraw(connection: Connection[Any], id_: str, now: datetime) -> None:
    """Write that a device is believed no longer."""
    connection.execute(
        "UPDATE ticket_device SET withdrawn_at = %s, secret_hash = NULL WHERE id = %s AND withdrawn_at IS NULL",
        [now, id_],
    )


def note_seen(connection: Connection[Any], id_: str, now: datetime, bundle: int | None) -> None:
    """Write that a device was heard of, and what bundle it asked with."""
    connection.execute(
        "UPDATE ticket_device SET seen_at = %s, bundle = coalesce(%s, bundle) WHERE id = %s", [now, bundle, id_]
    )


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_hashes(connection: Connection[Any], device: str, seqs: Collection[int]) -> dict[int, tuple[bytes, bytes]]:
    """Find events of a device by number: their hashes, and those of the ones before."""
    rows = connection.execute(
        "SELECT seq, before, hash FROM ticket_event WHERE device = %s AND seq = ANY(%s)", [device, list(seqs)]
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def add_events(connection: Connection[Any], device: str, listed: Sequence[Waiting], now: datetime) -> set[int]:
    """Write events; return the numbers of those that are new."""
    if not listed:
        return set()
    columns: list[list[Any]] = [[] for _ in range(20)]
    for one in listed:
        event = one.event
        values = (
            event.seq,
            event.at,
            event.act,
            event.reason,
            event.ticket,
            event.serial,
            event.product,
            event.version,
            event.category,
            event.fellows,
            event.use,
            event.agency,
            event.route,
            event.stop,
            event.trip,
            event.service_date,
            event.vehicle,
            event.metres,
            one.before,
            one.hash,
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    rows = connection.execute(
        f"INSERT INTO ticket_event ({_EVENT})"  # noqa: S608 - names of ours
        " SELECT %s, seq, at, %s, kind, reason, ticket, serial, product, version, category, fellows, use, agency,"
        " route, stop, trip, service_date, vehicle, metres, before, hash"
        " FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::int[], %s::text[],"
        " %s::int[], %s::text[], %s::int[], %s::boolean[], %s::text[], %s::text[], %s::text[], %s::text[], %s::date[],"
        " %s::text[], %s::int[], %s::bytea[], %s::bytea[])"
        " AS given (seq, at, kind, reason, ticket, serial, product, version, category, fellows, use, agency, route,"
        " stop, trip, service_date, vehicle, metres, before, hash)"
        " ON CONFLICT DO NOTHING RETURNING seq".encode(),
        [device, now, *columns],
    )
    return {row[0] for row in rows}


def list_uses(connection: Connection[Any], tickets: Collection[str]) -> dict[str, list[tuple[datetime, datetime]]]:
    """List the rides taken on tickets, in order."""
    rows = connection.execute(
        "SELECT ticket, began_at, ended_at FROM ticket_use WHERE ticket = ANY(%s) ORDER BY ticket, began_at",
        [list(tickets)],
    )
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for ticket, began, ended in rows:
        found.setdefault(ticket, []).append((began, ended))
    return found


def put_uses(
    connection: Connection[Any],
    gone: Iterable[tuple[str, datetime]],
    new: Iterable[tuple[str, datetime, datetime]],
    counts: Mapping[str, tuple[int, datetime, datetime]],
) -> None:
    """Write rides taken: which are gone, which are new, and each ticket's number, first and last."""
    with connection.cursor() as cursor:
        cursor.executemany("DELETE FROM ticket_use WHERE ticket = %s AND began_at = %s", list(gone))
        cursor.executemany(
            "INSERT INTO ticket_use (ticket, began_at, ended_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", list(new)
        )
        cursor.executemany(
            "UPDATE ticket SET uses = greatest(uses, %s), first_used_at = least(first_used_at, %s),"
            " last_used_at = greatest(last_used_at, %s) WHERE id = %s",
            [(*counted, ticket) for ticket, counted in counts.items()],
        )


def list_near(
    connection: Connection[Any], tickets: Collection[str], first: datetime, last: datetime
) -> list[tuple[str, datetime, str, int, str | None, str | None]]:
    """List accepted validations of tickets in a time: ticket, at, device, number, vehicle, stop; in order."""
    return connection.execute(
        "SELECT ticket, at, device, seq, vehicle, stop FROM ticket_event WHERE ticket = ANY(%s)"
        " AND at BETWEEN %s AND %s AND kind = 'validation' AND reason = 'ok' ORDER BY ticket, at, device, seq",
        [list(tickets), first, last],
    ).fetchall()


def count_uses(
    connection: Connection[Any], first: date, last: date, received_after: datetime | None = None
) -> list[UseCount]:
    """Count who got on, changes included, by product and agency; both days included, as the clocks of France show.

    Parameters
    ----------
    received_after : datetime, optional
        Only what devices told later than that.
    """
    rows = connection.execute(
        "SELECT product, coalesce(agency, ''), sum(fellows), coalesce(sum(metres::bigint * fellows), 0)"
        " FROM ticket_event WHERE reason = 'ok' AND kind = 'validation' AND product IS NOT NULL"
        " AND at >= %s::timestamp AT TIME ZONE 'Europe/Paris'"
        " AND at < (%s::date + 1)::timestamp AT TIME ZONE 'Europe/Paris'"
        " AND (%s::timestamptz IS NULL OR received_at > %s) GROUP BY 1, 2 ORDER BY 1, 2",
        [first, last, received_after, received_after],
    )
    return [UseCount(product, agency, int(rides), int(metres)) for product, agency, rides, metres in rows]


def drop_tickets_of_events(connection: Connection[Any], before: datetime) -> int:
    """Drop whose ticket it was from events before an instant; return how many."""
    return connection.execute(
        "UPDATE ticket_event SET ticket = NULL, serial = NULL WHERE at < %s AND ticket IS NOT NULL", [before]
    ).rowcount


def drop_uses(connection: Connection[Any], before: datetime) -> int:
    """Drop rides that ended before an instant; the ticket keeps their number."""
    dropped = connection.execute("DELETE FROM ticket_use WHERE ended_at < %s", [before]).rowcount
    connection.execute("DELETE FROM ticket_flag WHERE settled_at < %s", [before])
    connection.execute("UPDATE ticket_flag SET ticket = NULL WHERE at < %s AND ticket IS NOT NULL", [before])
    return dropped


# ── flags ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_flag(
    connection: Connection[Any], kind: str, event: tuple[str, int], ticket: str | None, detail: str, *, now: datetime
) -> bool:
    """Write that something about an event (device and number) cannot be right; tell whether it is new."""
    return bool(
        connection.execute(
            "INSERT INTO ticket_flag (kind, device, seq, ticket, detail, at) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [kind, *event, ticket, detail, now],
        ).rowcount
    )


def list_flags(connection: Connection[Any], *, settled: bool, limit: int) -> list[Flag]:
    """List what cannot be right, newest first."""
    rows = connection.execute(
        "SELECT id, kind, device, seq, ticket, detail, at, settled_by, settled_at FROM ticket_flag"
        " WHERE (settled_at IS NOT NULL) = %s ORDER BY id DESC LIMIT %s",
        [settled, limit],
    )
    return [Flag(*row) for row in rows]


def settle_flag(connection: Connection[Any], id_: int, by: str, now: datetime) -> Flag:
    """Write that somebody has looked into it.

    Raises
    ------
    NotFound
        ``unknown_flag``.
    """
    row = connection.execute(
        "UPDATE ticket_flag SET settled_by = coalesce(settled_by, %s), settled_at = coalesce(settled_at, %s)"
        " WHERE id = %s RETURNING id, kind, device, seq, ticket, detail, at, settled_by, settled_at",
        [by, now, id_],
    ).fetchone()
    if row is None:
        raise NotFound(f"no flag {id_}; /v1/tickets/flags lists them", code="unknown_flag")
    return Flag(*row)


# ── bundles ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_bundle(connection: Connection[Any]) -> BundleRow | None:
    """Find the newest bundle."""
    row = connection.execute(f"{_BUNDLE} ORDER BY version DESC LIMIT 1".encode()).fetchone()
    return None if row is None else BundleRow(*row)


def list_bundles(connection: Connection[Any], limit: int) -> list[BundleRow]:
    """List the newest bundles, newest first."""
    rows = connection.execute(f"{_BUNDLE} ORDER BY version DESC LIMIT %s".encode(), [limit])
    return [BundleRow(*row) for row in rows]


def find_delta(connection: Connection[Any], version: int, base: int) -> str | None:
    """Find what makes a bundle of one before, as base64."""
    row = connection.execute(
        "SELECT deltas ->> %s FROM ticket_bundle WHERE version = %s", [str(base), version]
    ).fetchone()
    return None if row is None else row[0]


def add_bundle(connection: Connection[Any], one: BundleRow, deltas: Mapping[int, str], keep: int) -> None:
    """Write a bundle, and forget the old ones."""
    connection.execute(
        "INSERT INTO ticket_bundle (version, made_at, valid_until, digest, payload, kid, signed, deltas)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [one.version, one.made_at, one.valid_until, one.digest, one.payload, one.kid, one.signed, Jsonb(deltas)],
    )
    connection.execute("DELETE FROM ticket_bundle WHERE version <= %s", [one.version - keep])
