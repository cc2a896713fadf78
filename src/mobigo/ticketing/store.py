"""Orders, their parts, rides and history in the database; all SQL of orders.

An order with `next_at` has something to be done about it by then; a worker takes it up.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.kit.errors import NotFound
from mobigo.ticketing.model import Contact, Order, OrderState, Part, PartKind, PartState, Ride, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from psycopg import Connection

_ORDER = (
    "SELECT id, reference, state, version, currency, cents, credit, cash, channel, account, contact, until, attempts,"
    " booking, exchanges, problem, made_by, created_at FROM ticket_order"
)
_ORDER_FIELDS = (
    "id", "reference", "state", "version", "currency", "cents", "credit", "cash", "channel", "account", "contact",
    "until", "attempts", "booking", "exchanges", "problem", "by", "created_at",
)  # fmt: skip

_PART = (
    "SELECT id, order_id, number, kind, state, version, product, category, fellows, cents, vat_permille, vat,"
    " valid_from, valid_until, rides, areas, medium, ticket, split, earn_from, earn_days, earned, given_back,"
    " rests_on, rebate"
    " FROM order_part"
)
_PART_FIELDS = (
    "id", "order", "number", "kind", "state", "version", "product", "category", "fellows", "cents", "vat_permille",
    "vat", "valid_from", "valid_until", "rides", "areas", "medium", "ticket", "split", "earn_from", "earn_days",
    "earned", "given_back", "rests_on", "rebate",
)  # fmt: skip

_RIDE = (
    "SELECT order_id, number, kind, agency, route, board, alight, departure, arrival, service_date, trip, metres,"
    " alone, booking FROM order_ride"
)


def add_order(connection: Connection[Any], one: Order, next_at: datetime | None) -> bool:
    """Write an order down without its parts; False when its reference is taken."""
    added = connection.execute(
        "INSERT INTO ticket_order (id, reference, state, version, currency, cents, credit, cash, channel, account,"
        " contact, until, next_at, booking, exchanges, made_by, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (reference) DO NOTHING",
        [
            one.id,
            one.reference,
            one.state,
            one.version,
            one.currency,
            one.cents,
            one.credit,
            one.cash,
            one.channel,
            one.account,
            None if one.contact is None else Jsonb(asdict(one.contact)),
            one.until,
            next_at,
            one.booking,
            one.exchanges,
            one.by,
            one.created_at,
        ],
    )
    return bool(added.rowcount)


def add_parts(connection: Connection[Any], parts: Iterable[Part]) -> None:
    """Write parts down."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO order_part (id, order_id, number, kind, state, version, product, category, fellows, cents,"
            " vat_permille, vat, valid_from, valid_until, rides, areas, medium, split, rests_on,"
            " rebate)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    one.id,
                    one.order,
                    one.number,
                    one.kind,
                    one.state,
                    one.version,
                    one.product,
                    one.category,
                    one.fellows,
                    one.cents,
                    one.vat_permille,
                    one.vat,
                    one.valid_from,
                    one.valid_until,
                    list(one.rides),
                    list(one.areas),
                    one.medium,
                    Jsonb(one.split),
                    one.rests_on,
                    one.rebate,
                )
                for one in parts
            ],
        )


def add_rides(connection: Connection[Any], order: str, rides: Iterable[Ride]) -> None:
    """Write rides down."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO order_ride (order_id, number, kind, agency, route, board, alight, departure, arrival,"
            " service_date, trip, metres, alone, booking)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    order,
                    one.number,
                    one.kind,
                    one.agency,
                    one.route,
                    one.board,
                    one.alight,
                    one.departure,
                    one.arrival,
                    one.service_date,
                    one.trip,
                    one.metres,
                    one.alone,
                    one.booking,
                )
                for one in rides
            ],
        )


def get_order(connection: Connection[Any], id_: str) -> Order:
    """Return an order with its parts and rides.

    Raises
    ------
    NotFound
        ``unknown_order``.
    """
    found = next(iter(_orders(connection, "WHERE id = %s", [id_])), None)
    if found is None:
        raise unknown_order(id_)
    return found


def unknown_order(id_: str) -> NotFound:
    """Say that there is no such order."""
    return NotFound(f"no order {id_[:60]!r}", code="unknown_order")


def find_by_reference(connection: Connection[Any], reference: str) -> Order | None:
    """Find the order that is read aloud so."""
    return next(iter(_orders(connection, "WHERE reference = %s", [reference])), None)


def list_orders(connection: Connection[Any], account: str, before: datetime | None, limit: int) -> list[Order]:
    """List the orders of an account, those made last first."""
    where = (
        "WHERE account = %s AND (%s::timestamptz IS NULL OR created_at < %s) ORDER BY created_at DESC, id DESC LIMIT %s"
    )
    return _orders(connection, where, [account, before, before, limit])


def _orders(connection: Connection[Any], where: str, values: Sequence[object]) -> list[Order]:
    rows = connection.execute(f"{_ORDER} {where}".encode(), values).fetchall()
    ids = [row[0] for row in rows]
    parts: dict[str, list[Part]] = defaultdict(list)
    for part in list_parts(connection, ids):
        parts[part.order].append(part)
    rides: dict[str, list[Ride]] = defaultdict(list)
    for of, *ride in connection.execute(f"{_RIDE} WHERE order_id = ANY(%s) ORDER BY number".encode(), [ids]):
        rides[of].append(Ride(*ride))
    return [_order(row, parts[row[0]], rides[row[0]]) for row in rows]


def _order(row: Sequence[Any], parts: Sequence[Part], rides: Sequence[Ride]) -> Order:
    values = dict(zip(_ORDER_FIELDS, row, strict=True))
    values["state"] = OrderState(values["state"])
    values["contact"] = None if values["contact"] is None else Contact(**values["contact"])
    return Order(**values, parts=tuple(parts), rides=tuple(rides))


def list_parts(connection: Connection[Any], orders: Sequence[str]) -> list[Part]:
    """List the parts of orders."""
    rows = connection.execute(f"{_PART} WHERE order_id = ANY(%s) ORDER BY order_id, number".encode(), [list(orders)])
    return [_part(row) for row in rows]


def _part(row: Sequence[Any]) -> Part:
    values = dict(zip(_PART_FIELDS, row, strict=True))
    values["kind"], values["state"] = PartKind(values["kind"]), PartState(values["state"])
    values["rides"], values["areas"] = tuple(values["rides"]), tuple(values["areas"])
    return Part(**values)


def set_state(
    connection: Connection[Any],
    id_: str,
    state: OrderState,
    *,
    next_at: datetime | None,
    problem: str | None = None,
) -> None:
    """Write down what has become of an order."""
    connection.execute(
        "UPDATE ticket_order SET state = %s, next_at = %s, problem = %s WHERE id = %s", [state, next_at, problem, id_]
    )


def set_paid_at_desk(connection: Connection[Any], id_: str, cash: int, channel: str) -> None:
    """Write down what was paid at a desk."""
    connection.execute("UPDATE ticket_order SET cash = %s, channel = %s WHERE id = %s", [cash, channel, id_])


def set_swaps(connection: Connection[Any], id_: str, swaps: Mapping[str, int]) -> None:
    """Write down which parts of another order are given for one, and the cents that each counts."""
    connection.execute("UPDATE ticket_order SET swaps = %s WHERE id = %s", [Jsonb(dict(swaps)), id_])


def find_swaps(connection: Connection[Any], id_: str) -> Mapping[str, int]:
    """Find which parts of another order are given for one."""
    row = connection.execute("SELECT swaps FROM ticket_order WHERE id = %s", [id_]).fetchone()
    return {} if row is None or row[0] is None else row[0]


def count_attempt(connection: Connection[Any], id_: str, next_at: datetime) -> None:
    """Count an attempt at issuing, and say when somebody else may try."""
    connection.execute("UPDATE ticket_order SET attempts = attempts + 1, next_at = %s WHERE id = %s", [next_at, id_])


def move_parts(connection: Connection[Any], ids: Sequence[str], state: PartState) -> None:
    """Write down what has become of parts."""
    connection.execute("UPDATE order_part SET state = %s WHERE id = ANY(%s)", [state, list(ids)])


def set_issued(
    connection: Connection[Any],
    id_: str,
    *,
    ticket: str | None,
    split: Mapping[str, Any],
    earn_from: date | None,
    earn_days: int | None,
) -> None:
    """Write down what a part was issued as, and when its revenue is earned."""
    connection.execute(
        "UPDATE order_part SET state = 'fulfilled', ticket = %s, split = %s, earn_from = %s, earn_days = %s"
        " WHERE id = %s",
        [ticket, Jsonb(split), earn_from, earn_days, id_],
    )


def set_given_back(connection: Connection[Any], id_: str, cents: int, earned: int) -> None:
    """Write down that cents of a part were given back, and that nothing of it is to be earned any more."""
    connection.execute(
        "UPDATE order_part SET given_back = given_back + %s, earned = %s WHERE id = %s", [cents, earned, id_]
    )


def list_due(connection: Connection[Any], now: datetime, limit: int) -> list[str]:
    """List orders that something is to be done about, longest due first."""
    rows = connection.execute(
        "SELECT id FROM ticket_order WHERE next_at <= %s ORDER BY next_at, id LIMIT %s", [now, limit]
    )
    return [id_ for (id_,) in rows]


def list_paid(connection: Connection[Any], now: datetime, limit: int) -> list[str]:
    """List orders that are paid and not issued, longest due first."""
    rows = connection.execute(
        "SELECT id FROM ticket_order WHERE next_at <= %s AND state = 'paid' ORDER BY next_at, id LIMIT %s", [now, limit]
    )
    return [id_ for (id_,) in rows]


def list_called_off(connection: Connection[Any], since: datetime, limit: int) -> list[tuple[str, list[str]]]:
    """List orders with parts that are good, though their place in a car, or the ride on demand, was called off.

    Rides on demand that their own travellers gave up are given back when somebody asks: they may have taken another.
    Those that a taxi drove instead are paid for.

    Parameters
    ----------
    since : datetime
        Rides that were to arrive earlier are not looked at.
    """
    return connection.execute(
        "SELECT p.order_id, array_agg(p.id ORDER BY p.number) FROM order_ride r"
        " JOIN ticket_order o ON o.id = r.order_id AND o.state = 'issued'"
        " JOIN order_part p ON p.order_id = r.order_id AND r.number = ANY(p.rides)"
        " LEFT JOIN carpool_booking b ON r.kind = 'carpool' AND b.id = r.booking AND b.state = 'CANCELLED'"
        " LEFT JOIN ondemand_leg l ON r.kind = 'on_demand' AND l.id = r.booking"
        "   AND l.state IN ('cancelled_by_operator', 'failed') AND NOT EXISTS ("
        "     SELECT FROM ledger_entry e WHERE e.key = 'ondemand/' || l.id || '/fare_earned')"
        " WHERE r.booking IS NOT NULL AND r.arrival >= %s AND p.kind = r.kind AND p.state = 'fulfilled'"
        " AND (b.id IS NOT NULL OR l.id IS NOT NULL) GROUP BY p.order_id ORDER BY p.order_id LIMIT %s",
        [since, limit],
    ).fetchall()


def list_covered_off(connection: Connection[Any], since: datetime, limit: int) -> list[str]:
    """List orders with booked rides that a product pays for though they were called off.

    Parameters
    ----------
    since : datetime
        Rides that were to begin (of cars: to arrive) earlier are not looked at.
    """
    rows = connection.execute(
        "SELECT DISTINCT o.id FROM ondemand_leg l JOIN ondemand_booking b ON b.id = l.booking CROSS JOIN LATERAL ("
        "   SELECT max(e.reference) FILTER (WHERE e.kind = 'booking_covered') AS about, sum(p.cents) AS cents"
        "   FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id"
        "   WHERE p.party = 'booking:' || b.reference AND p.account = 'travellers'"
        "   AND e.kind IN ('fare', 'refund', 'booking_covered', 'booking_uncovered')"
        " ) m JOIN ticket_order o ON 'order:' || o.reference = m.about AND o.booking = b.id"
        " WHERE l.pickup_from >= %s AND m.cents < 0"
        " AND l.state IN ('cancelled_by_user', 'cancelled_by_operator', 'failed', 'no_show')"
        " UNION SELECT r.order_id FROM order_ride r JOIN carpool_booking c ON c.id = r.booking"
        " JOIN ledger_entry e ON e.key = 'order/' || r.order_id || '/ride' || r.number || '/covered'"
        " WHERE r.kind = 'carpool' AND r.arrival >= %s AND c.state = 'CANCELLED' AND NOT EXISTS ("
        "   SELECT FROM ledger_entry u WHERE u.key = 'order/' || r.order_id || '/ride' || r.number || '/uncovered'"
        " ) LIMIT %s",
        [since, since, limit],
    )
    return [id_ for (id_,) in rows]


# ── history ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def note(
    connection: Connection[Any],
    order: str,
    *,
    at: datetime,
    what: str,
    by: str,
    part: str | None = None,
    moved: tuple[str | None, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add to the history of an order."""
    before, after = moved or (None, None)
    connection.execute(
        "INSERT INTO order_event (order_id, part, at, what, before, after, made_by, details)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [order, part, at, what, before, after, by, Jsonb(dict(details or {}))],
    )


def list_history(connection: Connection[Any], order: str) -> list[Step]:
    """List what happened to an order, oldest first."""
    rows = connection.execute(
        "SELECT at, part, what, before, after, made_by, details FROM order_event WHERE order_id = %s ORDER BY id",
        [order],
    )
    return [Step(*row) for row in rows]


# ── refunds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_refund(
    connection: Connection[Any],
    id_: str,
    order: str,
    *,
    parts: Mapping[str, int],
    fee: int,
    why: str,
    payments: Sequence[str],
    by: str,
    at: datetime,
) -> None:
    """Write down that parts were refunded: cents by part, and the refunds of payments by which they go back."""
    connection.execute(
        "INSERT INTO order_refund (id, order_id, parts, cents, fee, why, payments, made_by, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [id_, order, Jsonb(dict(parts)), sum(parts.values()), fee, why, list(payments), by, at],
    )


def find_refunded_parts(connection: Connection[Any], payment_refund: str) -> tuple[str, list[str], list[str]] | None:
    """Find what a refund of a payment is for: the order, its parts, and all refunds by which they go back."""
    row = connection.execute(
        "SELECT order_id, parts, payments FROM order_refund WHERE %s = ANY(payments)", [payment_refund]
    ).fetchone()
    return None if row is None else (row[0], list(row[1]), list(row[2]))


def replace_refund(connection: Connection[Any], before: str, after: str) -> None:
    """Write down that a refund of a payment was sent again as another."""
    connection.execute(
        "UPDATE order_refund SET payments = array_replace(payments, %s, %s) WHERE %s = ANY(payments)",
        [before, after, before],
    )


def list_refunds(connection: Connection[Any], order: str) -> list[tuple[str, datetime, Mapping[str, int], int, str]]:
    """List what was refunded of an order: id, when, cents by part, what was kept, why."""
    rows = connection.execute(
        "SELECT id, at, parts, fee, why FROM order_refund WHERE order_id = %s ORDER BY at, id", [order]
    )
    return [(id_, at, parts, fee, why) for id_, at, parts, fee, why in rows]


# ── forgetting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def forget_contacts(connection: Connection[Any], before: datetime) -> int:
    """Forget who bought what is long over; return how many."""
    return connection.execute(
        "UPDATE ticket_order o SET contact = NULL WHERE contact IS NOT NULL AND created_at < %(before)s"
        " AND state NOT IN ('paid', 'compensating') AND NOT EXISTS"
        " (SELECT FROM order_part p WHERE p.order_id = o.id AND p.valid_until >= %(before)s)",
        {"before": before},
    ).rowcount


def forget_account(connection: Connection[Any], account: str) -> None:
    """Forget who an account's orders are of; whoever has their ids still has them."""
    connection.execute("UPDATE ticket_order SET account = NULL, contact = NULL WHERE account = %s", [account])


def forget_rides(connection: Connection[Any], before: datetime) -> int:
    """Forget which rides orders were for that ended before an instant; return how many."""
    return connection.execute("DELETE FROM order_ride WHERE arrival < %s", [before]).rowcount
