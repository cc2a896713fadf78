"""Cards, taps and what is billed of them; all SQL of it.

``tap_card``: ``id`` (drawn by lot), ``hash`` (salted, made by the reader), ``token`` (the payment provider's word for
the card, sealed), ``account`` of who linked it, ``category`` they proved; ``denied_at``, ``denied_because``;
``carried`` (by series of catalogues, labels of `best.carry` after the day ``carried_until``; a list: the region's),
``carried_cents`` (charged up to then beyond what the best price was)
``tap``: what a reader said; ``card`` is gone after two days, and with it the trip and the minute; ``counted``: billed
``tap_offer``: products that ways of days name; areas that were chosen are hidden in their keys
``tap_day``: ``card, day, part``; ``ways`` to pay, ``rides`` (what each would cost by itself, no place); ``open`` while
its taps still know their card: then it is counted anew with every tap that comes late, later ones are another part
``tap_due``: what a day came to, one row each time it changed; ``charge`` that asked for it
``tap_flow``: how many rode from where to where in which hour
``tap_policy``: rules of readers and of charges, every revision
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.fares.store import REGION
from mobigo.ticketing.best import Day, Item, Label, Offer, Way, Window
from mobigo.ticketing.taps import Held, Tap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from psycopg import Connection


@dataclass(frozen=True)
class Card:
    """A bank card that was held to a reader."""

    id: str
    hash: bytes
    last_digits: str | None
    account: str | None
    category: str | None
    """Rider category that its owner has proved; None: the one of everybody."""
    denied_at: datetime | None
    denied_because: str | None
    first_day: date
    last_day: date
    carried: Mapping[str, tuple[Label, ...]] = field(default_factory=dict)
    """By series of catalogues."""
    carried_until: date | None = None
    carried_cents: int = 0


@dataclass(frozen=True)
class Billed:
    """A ride as a bill says it: no place."""

    product: str | None
    """What it would be paid with by itself; None: a forgotten tap's price, or one in another currency."""
    version: int | None
    """Of the catalogue; None: the price of a forgotten tap."""
    cents: int
    whole: str
    """`taps.Whole`."""


@dataclass(frozen=True)
class Counted:
    """What a part of a day came to."""

    day: Day
    part: int
    rides: tuple[Billed, ...]
    vat: int
    """Cents of VAT in the price of the first way."""
    open: bool


# ── cards ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_CARD = (
    "SELECT id, hash, last_digits, account, category, denied_at, denied_because, first_day, last_day, carried,"
    " carried_until, carried_cents FROM tap_card"
)


def ensure_cards(
    connection: Connection[Any], seen: Mapping[bytes, tuple[date, date, str | None]]
) -> dict[bytes, tuple[str, bool]]:
    """Write down cards by their hashes with the first and last day they were seen and their last digits.

    Returns
    -------
    dict
        Id of each, and whether it is on the deny list.
    """
    ordered = sorted(seen)  # alike for all, so that nobody waits for each other
    rows = connection.execute(
        """
        INSERT INTO tap_card (id, hash, first_day, last_day, last_digits)
        SELECT * FROM unnest(%s::text[], %s::bytea[], %s::date[], %s::date[], %s::text[])
        ON CONFLICT (hash) DO UPDATE SET first_day = least(tap_card.first_day, excluded.first_day),
            last_day = greatest(tap_card.last_day, excluded.last_day),
            last_digits = coalesce(excluded.last_digits, tap_card.last_digits)
        RETURNING hash, id, denied_at IS NOT NULL
        """,
        [
            [f"c{secrets.token_urlsafe(15)}" for _ in ordered],
            ordered,
            [seen[one][0] for one in ordered],
            [seen[one][1] for one in ordered],
            [seen[one][2] for one in ordered],
        ],
    )
    return {bytes(hash_): (id_, denied) for hash_, id_, denied in rows}


def find_card(connection: Connection[Any], id_: str, *, lock: bool = False) -> Card | None:
    """Find a card."""
    return _one(connection, "id = %s", id_, lock=lock)


def find_card_by_hash(connection: Connection[Any], hash_: bytes) -> Card | None:
    """Find a card by what a reader makes of it."""
    return _one(connection, "hash = %s", hash_)


def _one(connection: Connection[Any], where: str, value: object, *, lock: bool = False) -> Card | None:
    query = f"{_CARD} WHERE {where}{' FOR UPDATE' if lock else ''}"
    row = connection.execute(query.encode(), [value]).fetchone()
    return None if row is None else _card(row)


def list_cards(connection: Connection[Any], account: str) -> list[Card]:
    """List the cards that somebody linked to their account."""
    rows = connection.execute(f"{_CARD} WHERE account = %s ORDER BY first_day, id".encode(), [account])
    return [_card(row) for row in rows]


def _card(row: Sequence[Any]) -> Card:
    id_, hash_, digits, account, category, denied_at, because, first, last, carried, until, cents = row
    by_series = {REGION: carried} if isinstance(carried, list) else carried or {}
    labels = {series: read_labels(own) for series, own in by_series.items()}
    return Card(id_, bytes(hash_), digits, account, category, denied_at, because, first, last, labels, until, cents)


def set_token(connection: Connection[Any], id_: str, token: bytes) -> None:
    """Keep the payment provider's word for a card, sealed."""
    connection.execute("UPDATE tap_card SET token = %s WHERE id = %s", [token, id_])


def find_token(connection: Connection[Any], id_: str) -> bytes | None:
    """Find what `set_token` kept."""
    row = connection.execute("SELECT token FROM tap_card WHERE id = %s", [id_]).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def set_owner(connection: Connection[Any], id_: str, account: str | None, category: str | None) -> None:
    """Say whose card it is, and what they have proved to be."""
    connection.execute("UPDATE tap_card SET account = %s, category = %s WHERE id = %s", [account, category, id_])


def set_denied(connection: Connection[Any], id_: str, at: datetime | None, because: str | None) -> None:
    """Put a card on the deny list, or (with None) take it off."""
    connection.execute("UPDATE tap_card SET denied_at = %s, denied_because = %s WHERE id = %s", [at, because, id_])


def count_paid(connection: Connection[Any], card: str) -> int:
    """Count the charges of a card that were paid."""
    row = connection.execute("SELECT count(*) FROM tap_charge WHERE card = %s AND state = 'paid'", [card]).fetchone()
    assert row
    return int(row[0])


# ── taps ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_taps(connection: Connection[Any], taps: Sequence[tuple[Tap, str, date]], now: datetime) -> set[tuple[str, int]]:
    """Write taps with the ids of their cards and their transport days; return the names of those that are new."""
    columns = list(
        zip(
            *(
                (
                    tap.device, tap.seq, tap.at, card, day, tap.held, tap.accepted, tap.agency, tap.stop, tap.route,
                    tap.trip, tap.service_date,
                )
                for tap, card, day in sorted(taps, key=lambda one: (one[0].device, one[0].seq))
            ),
            strict=True,
        )
    )  # fmt: skip
    if not columns:
        return set()
    rows = connection.execute(
        """
        INSERT INTO tap (device, seq, at, card, day, held, accepted, agency, stop, route, trip, service_date,
            received_at)
        SELECT *, %s::timestamptz FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[], %s::text[], %s::date[],
            %s::text[], %s::bool[], %s::text[], %s::text[], %s::text[], %s::text[], %s::date[])
        ON CONFLICT (device, seq) DO NOTHING RETURNING device, seq
        """,
        [now, *(list(column) for column in columns)],
    )
    return {(device, seq) for device, seq in rows}


def set_too_late(connection: Connection[Any], names: Sequence[tuple[str, int]]) -> None:
    """Note that taps are not charged."""
    connection.execute(
        "UPDATE tap SET counted = true FROM unnest(%s::text[], %s::bigint[]) AS late (device, seq)"
        " WHERE tap.device = late.device AND tap.seq = late.seq",
        [[device for device, _ in names], [seq for _, seq in names]],
    )


def list_taps(connection: Connection[Any], card: str, since: datetime, until: datetime) -> list[Tap]:
    """List what a card did, as long as that is known."""
    rows = connection.execute(
        """
        SELECT tap.device, seq, at, encode(hash, 'hex'), held, accepted, agency, stop, route, trip, service_date
        FROM tap JOIN tap_card ON tap_card.id = tap.card
        WHERE tap.card = %s AND at >= %s AND at < %s ORDER BY at, device, seq
        """,
        [card, since, until],
    )
    return [
        Tap(device, seq, at, hash_, Held(held), accepted, agency, stop, route, trip, day)
        for device, seq, at, hash_, held, accepted, agency, stop, route, trip, day in rows
    ]


def list_all_taps(connection: Connection[Any], card: str) -> list[Tap]:
    """List all that a card did, as long as that is known."""
    return list_taps(connection, card, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def list_uncounted(connection: Connection[Any], before: date, limit: int) -> list[str]:
    """List cards with taps of days before one that are not billed yet."""
    rows = connection.execute(
        "SELECT DISTINCT card FROM tap WHERE NOT counted AND day < %s AND card IS NOT NULL ORDER BY card LIMIT %s",
        [before, limit],
    )
    return [card for (card,) in rows]


def list_uncounted_days(connection: Connection[Any], card: str, before: date) -> list[date]:
    """List the days before one of which a card has taps that are not billed yet."""
    rows = connection.execute(
        "SELECT DISTINCT day FROM tap WHERE card = %s AND day < %s AND NOT counted ORDER BY day", [card, before]
    )
    return [day for (day,) in rows]


def set_counted(connection: Connection[Any], card: str, day: date) -> None:
    """Note that the taps of a day are billed."""
    connection.execute("UPDATE tap SET counted = true WHERE card = %s AND day = %s AND NOT counted", [card, day])


def count_accepted(connection: Connection[Any], card: str) -> int:
    """Count how often a card was let through, as long as that is known."""
    row = connection.execute("SELECT count(*) FROM tap WHERE card = %s AND accepted", [card]).fetchone()
    assert row
    return int(row[0])


# ── days ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_offers(connection: Connection[Any], offers: Iterable[Offer]) -> None:
    """Keep products that days may be paid with; known ones stay as they are."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tap_offer (key, document) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [(one.key, Jsonb(write_offer(one))) for one in sorted(offers, key=lambda one: one.key)],
        )


def read_offers(connection: Connection[Any], keys: Iterable[str]) -> dict[str, Offer]:
    """Read products by their keys."""
    rows = connection.execute("SELECT key, document FROM tap_offer WHERE key = ANY(%s)", [sorted(set(keys))])
    return {key: read_offer(key, document) for key, document in rows}


def list_days(connection: Connection[Any], card: str) -> list[Counted]:
    """List what is kept of a card's days, in order."""
    rows = connection.execute(
        "SELECT day, part, ways, rides, vat, open FROM tap_day WHERE card = %s ORDER BY day, part", [card]
    )
    return [
        Counted(Day(day, read_ways(ways)), part, tuple(Billed(**one) for one in rides), vat, is_open)
        for day, part, ways, rides, vat, is_open in rows
    ]


def write_day(connection: Connection[Any], card: str, one: Counted, now: datetime) -> None:
    """Write a part of a day, new or anew."""
    connection.execute(
        """
        INSERT INTO tap_day (card, day, part, ways, rides, vat, open, counted_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (card, day, part) DO UPDATE SET ways = excluded.ways, rides = excluded.rides, vat = excluded.vat,
            counted_at = excluded.counted_at
        """,
        [
            card,
            one.day.day,
            one.part,
            Jsonb(write_ways(one.day.ways)),
            Jsonb([asdict(ride) for ride in one.rides]),
            one.vat,
            one.open,
            now,
        ],
    )


def remove_day(connection: Connection[Any], card: str, day: date, part: int) -> None:
    """Remove a part of a day that has no rides any more."""
    connection.execute("DELETE FROM tap_day WHERE card = %s AND day = %s AND part = %s", [card, day, part])


def sum_dues(connection: Connection[Any], card: str, after: date | None) -> int:
    """Add up what the days of a card came to, those after one."""
    row = connection.execute(
        "SELECT coalesce(sum(cents), 0)::bigint FROM tap_due WHERE card = %s AND (%s::date IS NULL OR day > %s)",
        [card, after, after],
    ).fetchone()
    assert row
    return int(row[0])


def add_due(connection: Connection[Any], card: str, day: date, cents: int, now: datetime) -> int:
    """Write down what a day came to more (or less) than before; return its number."""
    row = connection.execute(
        "INSERT INTO tap_due (card, day, cents, at) VALUES (%s, %s, %s, %s) RETURNING id", [card, day, cents, now]
    ).fetchone()
    assert row
    return int(row[0])


def is_closed(connection: Connection[Any], day: date) -> bool:
    """Tell whether the revenue of a day's month was shared."""
    row = connection.execute(
        "SELECT FROM revenue_month WHERE month = date_trunc('month', %s::date)::date", [day]
    ).fetchone()
    return row is not None


def list_dues(connection: Connection[Any], card: str) -> list[tuple[date, int, str | None]]:
    """List what the days of a card came to, and the charge of each: in order of days."""
    rows = connection.execute(
        "SELECT day, sum(cents)::bigint, charge FROM tap_due WHERE card = %s GROUP BY day, charge ORDER BY day, charge",
        [card],
    )
    return [(day, int(cents), charge) for day, cents, charge in rows]


def carry(
    connection: Connection[Any], card: str, until: date, labels: Mapping[str, Sequence[Label]], cents: int
) -> None:
    """Keep what is held after a day, and what was charged up to it beyond the best price."""
    connection.execute(
        "UPDATE tap_card SET carried = %s, carried_until = %s, carried_cents = %s WHERE id = %s",
        [Jsonb({series: write_labels(own) for series, own in labels.items()}), until, cents, card],
    )


# ── forgetting ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Flow:
    """How many rode."""

    hour: int
    agency: str
    route: str | None
    board: str | None
    alight: str | None
    rides: int


def list_movements(connection: Connection[Any], before: datetime) -> list[tuple[str, date]]:
    """List cards that one still knows were somewhere before an instant, with their days; all billed."""
    rows = connection.execute(
        "SELECT DISTINCT card, day FROM tap WHERE card IS NOT NULL AND at < %s ORDER BY card, day", [before]
    )
    return [(card, day) for card, day in rows]


def add_flows(connection: Connection[Any], rides: Sequence[tuple[date, int, str, str, str, str]]) -> None:
    """Count rides by day, hour, agency, route and stops."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tap_flow (day, hour, agency, route, board, alight, rides) VALUES (%s, %s, %s, %s, %s, %s, 1)"
            " ON CONFLICT (day, hour, agency, route, board, alight) DO UPDATE SET rides = tap_flow.rides + 1",
            rides,
        )


def forget_movements(connection: Connection[Any], before: datetime) -> int:
    """Forget which card a tap was of, and when to the hour; that it happened stays, so that it is not taken twice."""
    connection.execute(
        "UPDATE tap_day SET open = false WHERE open AND EXISTS ("
        " SELECT FROM tap WHERE tap.card = tap_day.card AND tap.day = tap_day.day AND tap.at < %s)",
        [before],
    )
    return connection.execute(
        "UPDATE tap SET card = NULL, counted = true, at = date_trunc('hour', at), trip = NULL, service_date = NULL,"
        " received_at = date_trunc('day', received_at) WHERE card IS NOT NULL AND at < %s",
        [before],
    ).rowcount


def list_flows(connection: Connection[Any], first: date, last: date, fewest: int) -> list[Flow]:
    """Add up rides of some days by hour and stretch, where there were enough."""
    rows = connection.execute(
        "SELECT hour, agency, nullif(route, ''), nullif(board, ''), nullif(alight, ''), sum(rides)::bigint"
        " FROM tap_flow WHERE day BETWEEN %s AND %s GROUP BY hour, agency, route, board, alight HAVING sum(rides) >= %s"
        " ORDER BY hour, agency, route, board, alight",
        [first, last, fewest],
    )
    return [Flow(*row) for row in rows]


def list_to_carry(connection: Connection[Any], until: date) -> list[str]:
    """List cards with days up to one that are not carried over."""
    rows = connection.execute(
        "SELECT DISTINCT card FROM tap_day JOIN tap_card ON tap_card.id = card"
        " WHERE day <= %s AND (carried_until IS NULL OR day > carried_until) ORDER BY card",
        [until],
    )
    return [card for (card,) in rows]


def forget_days(connection: Connection[Any], before: date) -> int:
    """Forget what days before one came to, where they are carried over and asked for."""
    connection.execute(
        "DELETE FROM tap_due USING tap_card AS known WHERE known.id = card AND day < %s AND day <= carried_until"
        " AND charge IN (SELECT id FROM tap_charge WHERE state IN ('paid', 'written_off'))",
        [before],
    )
    connection.execute(
        "UPDATE tap_charge SET card = NULL WHERE last < %s AND card IS NOT NULL AND state IN ('paid', 'written_off')",
        [before],
    )
    return connection.execute(
        "DELETE FROM tap_day USING tap_card AS known WHERE known.id = card AND day < %s AND day <= carried_until",
        [before],
    ).rowcount


def forget_cards(connection: Connection[Any], before: date) -> list[bytes]:
    """Forget cards that were not held up since a day and owe nothing; return their hashes."""
    rows = connection.execute(
        "DELETE FROM tap_card AS known WHERE last_day < %s"
        " AND NOT EXISTS (SELECT FROM tap_charge WHERE card = known.id AND state NOT IN ('paid', 'written_off'))"
        " AND NOT EXISTS (SELECT FROM tap_due WHERE card = known.id AND charge IS NULL)"
        " AND NOT EXISTS (SELECT FROM tap WHERE card = known.id AND NOT counted) RETURNING hash",
        [before],
    )
    return [bytes(hash_) for (hash_,) in rows]


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_policy(connection: Connection[Any]) -> tuple[int, dict[str, Any]] | None:
    """Find the rules in force, and their revision."""
    row = connection.execute("SELECT revision, document FROM tap_policy ORDER BY revision DESC LIMIT 1").fetchone()
    return None if row is None else (int(row[0]), row[1])


def add_policy(connection: Connection[Any], document: Mapping[str, Any], by: str, now: datetime) -> int:
    """Write new rules; return their revision."""
    row = connection.execute(
        "INSERT INTO tap_policy (document, written_by, at) VALUES (%s, %s, %s) RETURNING revision",
        [Jsonb(document), by, now],
    ).fetchone()
    assert row
    return int(row[0])


# ── as documents ──────────────────────────────────────────────────────────────────────────────────────────────────────


def write_offer(one: Offer) -> dict[str, Any]:
    """Write a product as a document."""
    said = {name: value for name, value in asdict(one).items() if name != "key"}
    for name in ("first", "last", "ends", "since", "till"):
        said[name] = said[name].isoformat() if said[name] is not None else None
    return said


def read_offer(key: str, said: Mapping[str, Any]) -> Offer:
    """Read what `write_offer` wrote."""
    read = {"first": date, "last": date, "ends": date, "since": datetime, "till": datetime}
    when = {name: None if said[name] is None else kind.fromisoformat(said[name]) for name, kind in read.items()}
    return Offer(**{**said, **when, "key": key, "window": Window(said["window"])})


def write_ways(ways: Sequence[Way]) -> list[Any]:
    """Write ways to pay as a document."""
    return [[way.cents, *([*keys, uses] for keys, uses in way.needs)] for way in ways]


def read_ways(said: Sequence[Sequence[Any]]) -> tuple[Way, ...]:
    """Read what `write_ways` wrote."""
    return tuple(Way(cents, tuple((tuple(keys), uses) for *keys, uses in needs)) for cents, *needs in said)


def write_labels(labels: Sequence[Label]) -> list[Any]:
    """Write labels without their past as a document."""
    return [[one.cents, *([item.key, item.until.isoformat(), item.left] for item in one.items)] for one in labels]


def read_labels(said: Sequence[Sequence[Any]]) -> tuple[Label, ...]:
    """Read what `write_labels` wrote."""
    return tuple(
        Label(cents, tuple(Item(key, date.fromisoformat(until), left) for key, until, left in items))
        for cents, *items in said
    )
