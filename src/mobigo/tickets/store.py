"""Tickets, their codes, histories and denials; all SQL of them.

``ticket``: what was issued, which stands, and how it is now (``state``, ``serial``, ``phone``, ``uses``).
``ticket_code``: the present code per format. ``ticket_history``: what happened, only added to. ``ticket_denial``: what
devices refuse: a ticket (``value``: its number as eight bytes; below a serial, or whatever its serial) or a bank card
(``value``: its salted hash), until an instant or for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.kit.errors import NotFound
from mobigo.tickets.claims import read_id
from mobigo.tickets.model import Format, Holder, Medium, Scope, Ticket, TicketState, TravelClass, Wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from psycopg import Connection

COLUMNS = (
    "id, key, item, order_ref, account, product, version, category, fellows, valid_from, valid_until, span_seconds,"
    " rides, use_seconds, scope, cents, currency, vat_permille, holder_name, holder_born, travel_class, medium,"
    " external, specimen, issued_at, state, serial, phone, uses, first_used_at, last_used_at"
)
_SELECT = f"SELECT {COLUMNS} FROM ticket"  # noqa: S608 - names of ours

NUMBER = 8
"""Bytes of a ticket's number."""


@dataclass(frozen=True)
class Event:
    """A line of a ticket's history."""

    at: datetime
    what: str
    why: str | None


@dataclass(frozen=True)
class CodeRow:
    """A ticket's present code."""

    ticket: str
    serial: int
    format: Format
    kid: int
    data: bytes
    made_at: datetime


@dataclass(frozen=True)
class Denial:
    """What devices refuse."""

    kind: str
    """``ticket`` or ``card``."""
    value: bytes
    below: int | None
    """Serials below it; None: whatever the serial."""
    until: datetime | None
    why: str


def pack_number(id_: str) -> bytes:
    """Write a ticket's number as bytes."""
    return read_id(id_).to_bytes(NUMBER)


def unknown_ticket(id_: str) -> NotFound:
    """Say that there is no such ticket."""
    return NotFound(f"no ticket {id_[:40]!r}; its address is in the order's answer", code="unknown_ticket")


def add_ticket(connection: Connection[Any], one: Ticket) -> bool:
    """Write a ticket; tell whether it is new: not, where its item already has one."""
    wanted = one.wanted
    return bool(
        connection.execute(
            "INSERT INTO ticket (id, key, item, order_ref, account, product, version, category, fellows, valid_from,"
            " valid_until, span_seconds, rides, use_seconds, scope, cents, currency, vat_permille, holder_name,"
            " holder_born, travel_class, medium, external, specimen, issued_at, state, serial)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
            " %s, %s, %s) ON CONFLICT (item) DO NOTHING",
            [
                one.id,
                one.key,
                wanted.item,
                wanted.order,
                wanted.account,
                wanted.product,
                wanted.version,
                wanted.category,
                wanted.fellows,
                wanted.valid_from,
                wanted.valid_until,
                wanted.span and int(wanted.span.total_seconds()),
                wanted.rides,
                wanted.use and int(wanted.use.total_seconds()),
                Jsonb(_write_scope(wanted.scope)),
                wanted.cents,
                wanted.currency,
                wanted.vat_permille,
                wanted.holder and wanted.holder.name,
                wanted.holder and wanted.holder.born,
                wanted.travel_class,
                wanted.medium,
                wanted.external,
                wanted.specimen,
                one.issued_at,
                one.state,
                one.serial,
            ],
        ).rowcount
    )


def _write_scope(scope: Scope) -> dict[str, Any]:
    said: dict[str, Any] = {
        name: list(getattr(scope, name)) for name in ("networks", "areas", "agencies", "routes", "stops")
    }
    said |= {"origin": scope.origin, "destination": scope.destination}
    said["trips"] = [[day.isoformat(), trip] for day, trip in scope.trips]
    return {name: value for name, value in said.items() if value}


def _read_scope(said: dict[str, Any]) -> Scope:
    lists = {name: tuple(said.get(name, ())) for name in ("networks", "areas", "agencies", "routes", "stops")}
    trips = tuple((date.fromisoformat(day), trip) for day, trip in said.get("trips", ()))
    return Scope(**lists, origin=said.get("origin"), destination=said.get("destination"), trips=trips)


def read_row(row: Sequence[Any]) -> Ticket:
    """Read a row of `COLUMNS`."""
    said = dict(zip(COLUMNS.split(", "), row, strict=True))
    span, use, name = said["span_seconds"], said["use_seconds"], said["holder_name"]
    return Ticket(
        id=said["id"],
        key=said["key"],
        wanted=Wanted(
            **{
                word: said[word]
                for word in (
                    "product",
                    "version",
                    "category",
                    "valid_from",
                    "valid_until",
                    "cents",
                    "currency",
                    "vat_permille",
                    "fellows",
                    "rides",
                    "external",
                    "account",
                    "specimen",
                    "item",
                )
            },
            order=said["order_ref"],
            span=None if span is None else timedelta(seconds=span),
            use=None if use is None else timedelta(seconds=use),
            scope=_read_scope(said["scope"]),
            holder=None if name is None else Holder(name, said["holder_born"]),
            travel_class=TravelClass(said["travel_class"]),
            medium=Medium(said["medium"]),
        ),
        state=TicketState(said["state"]),
        serial=said["serial"],
        phone=said["phone"],
        issued_at=said["issued_at"],
        uses=said["uses"],
        first_used_at=said["first_used_at"],
        last_used_at=said["last_used_at"],
    )


def get_ticket(connection: Connection[Any], id_: str, *, lock: bool = False) -> Ticket:
    """Return a ticket; locked until the transaction ends, if asked.

    Raises
    ------
    NotFound
        ``unknown_ticket``.
    """
    which = f"{_SELECT} WHERE id = %s{' FOR UPDATE' if lock else ''}"
    row = connection.execute(which.encode(), [id_]).fetchone()
    if row is None:
        raise unknown_ticket(id_)
    return read_row(row)


def find_by(connection: Connection[Any], column: str, value: str) -> Ticket | None:
    """Find a ticket by its ``key`` or ``item``."""
    row = connection.execute(f"{_SELECT} WHERE {column} = %s".encode(), [value]).fetchone()
    return None if row is None else read_row(row)


def list_by(connection: Connection[Any], column: str, value: object, *, limit: int = 1_000) -> list[Ticket]:
    """List tickets by ``order_ref``, ``account``, ``external`` or ``state``, oldest first."""
    which = f"{_SELECT} WHERE {column} = %s ORDER BY issued_at, id LIMIT %s"
    return [read_row(row) for row in connection.execute(which.encode(), [value, limit])]


def list_tickets(connection: Connection[Any], ids: Collection[str], *, lock: bool = False) -> list[Ticket]:
    """List tickets by id, in the order of their ids; locked, if asked."""
    which = f"{_SELECT} WHERE id = ANY(%s) ORDER BY id{' FOR UPDATE' if lock else ''}"
    return [read_row(row) for row in connection.execute(which.encode(), [list(ids)])]


def set_state(connection: Connection[Any], id_: str, state: TicketState) -> None:
    """Write how a ticket stands."""
    connection.execute("UPDATE ticket SET state = %s WHERE id = %s", [state, id_])


def set_code_wanted(connection: Connection[Any], id_: str, serial: int, phone: bytes | None, key: str) -> None:
    """Write of which serial, and for which phone, the next code is to be, and by which key the ticket is found."""
    connection.execute(
        "UPDATE ticket SET serial = %s, phone = %s, key = %s, state = 'unsigned' WHERE id = %s",
        [serial, phone, key, id_],
    )


def forget_holders(connection: Connection[Any], before: datetime) -> int:
    """Forget whose tickets were, and their codes, where they ended before an instant; return how many."""
    connection.execute(
        "DELETE FROM ticket_code USING ticket WHERE ticket_code.ticket = ticket.id AND ticket.valid_until < %s",
        [before],
    )
    return connection.execute(
        "UPDATE ticket SET holder_name = NULL, holder_born = NULL, account = NULL, phone = NULL, external = NULL"
        " WHERE valid_until < %s"
        " AND (holder_name IS NOT NULL OR account IS NOT NULL OR phone IS NOT NULL OR external IS NOT NULL)",
        [before],
    ).rowcount


# ── codes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def put_code(connection: Connection[Any], one: CodeRow) -> None:
    """Write a ticket's code, in place of the one before."""
    connection.execute(
        "INSERT INTO ticket_code (ticket, serial, format, kid, data, made_at) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (ticket, format) DO UPDATE SET serial = excluded.serial, kid = excluded.kid,"
        " data = excluded.data, made_at = excluded.made_at",
        [one.ticket, one.serial, one.format, one.kid, one.data, one.made_at],
    )


def find_code(connection: Connection[Any], id_: str, format_: Format) -> CodeRow | None:
    """Find a ticket's present code."""
    row = connection.execute(
        "SELECT ticket, serial, format, kid, data, made_at FROM ticket_code WHERE ticket = %s AND format = %s",
        [id_, format_],
    ).fetchone()
    return None if row is None else CodeRow(row[0], row[1], Format(row[2]), *row[3:])


def list_signed_by(connection: Connection[Any], kid: int) -> list[str]:
    """List the tickets still good whose present code a key signed."""
    rows = connection.execute(
        "SELECT DISTINCT ticket_code.ticket FROM ticket_code JOIN ticket ON ticket.id = ticket_code.ticket"
        " WHERE kid = %s AND ticket.state = 'ready'",
        [kid],
    )
    return [row[0] for row in rows]


# ── history ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def note(connection: Connection[Any], id_: str, at: datetime, what: str, why: str | None = None) -> None:
    """Write a line of a ticket's history."""
    connection.execute(
        "INSERT INTO ticket_history (ticket, at, what, why) VALUES (%s, %s, %s, %s)", [id_, at, what, why]
    )


def list_history(connection: Connection[Any], id_: str) -> list[Event]:
    """List what happened to a ticket, in order."""
    rows = connection.execute("SELECT at, what, why FROM ticket_history WHERE ticket = %s ORDER BY id", [id_])
    return [Event(*row) for row in rows]


# ── denials ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def deny(connection: Connection[Any], one: Denial, now: datetime) -> None:
    """Put something on the deny list; what is there already is made stricter, never milder."""
    connection.execute(
        "INSERT INTO ticket_denial AS old (kind, value, below, until, since, why) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (kind, value) DO UPDATE SET"
        " below = CASE WHEN old.below IS NULL OR excluded.below IS NULL THEN NULL"
        " ELSE greatest(old.below, excluded.below) END,"
        " until = CASE WHEN old.until IS NULL OR excluded.until IS NULL THEN NULL"
        " ELSE greatest(old.until, excluded.until) END, why = excluded.why",
        [one.kind, one.value, one.below, one.until, now, one.why],
    )


def allow(connection: Connection[Any], kind: str, value: bytes) -> bool:
    """Take something off the deny list; tell whether it was on it."""
    return bool(connection.execute("DELETE FROM ticket_denial WHERE kind = %s AND value = %s", [kind, value]).rowcount)


def list_denials(connection: Connection[Any], now: datetime) -> list[Denial]:
    """List what is refused now."""
    rows = connection.execute(
        "SELECT kind, value, below, until, why FROM ticket_denial WHERE until IS NULL OR until > %s"
        " ORDER BY kind, value",
        [now],
    )
    return [Denial(*row) for row in rows]


def forget_denials(connection: Connection[Any], now: datetime) -> int:
    """Forget denials that are over; return how many."""
    return connection.execute("DELETE FROM ticket_denial WHERE until <= %s", [now]).rowcount


def list_missing(connection: Connection[Any], ids: Iterable[str]) -> set[str]:
    """Tell which of some tickets there are not."""
    wanted = set(ids)
    rows = connection.execute("SELECT id FROM ticket WHERE id = ANY(%s)", [list(wanted)])
    return wanted - {row[0] for row in rows}
