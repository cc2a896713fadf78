"""Accounts, entries and postings in the database; all SQL of money.

The database itself guards what matters, whoever writes: an entry's postings add up to zero when its transaction
commits, nothing is changed or deleted, and nothing is added to an entry of another transaction.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from mobigo.ledger.model import Account, AccountKind, Entry, Posting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from psycopg import Connection

_ENTRY = "SELECT id, at, kind, reference, key, written_by, note, reverses FROM ledger_entry"

BATCH = 2_000
"""Rows fetched at a time by what reads everything."""


def list_accounts(connection: Connection[Any]) -> list[Account]:
    """List the chart of accounts, by code."""
    rows = connection.execute("SELECT code, kind, name FROM ledger_account ORDER BY code")
    return [Account(code, AccountKind(kind), name) for code, kind, name in rows]


def add_account(connection: Connection[Any], one: Account) -> bool:
    """Open an account; False when its code is taken."""
    added = connection.execute(
        "INSERT INTO ledger_account (code, kind, name) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (one.code, one.kind, one.name),
    )
    return bool(added.rowcount)


def add_entry(connection: Connection[Any], one: Entry) -> int | None:
    """Write an entry (its `id` is given here) with its postings; None when its key is taken."""
    row = connection.execute(
        "INSERT INTO ledger_entry (at, kind, reference, key, written_by, note, reverses)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING RETURNING id",
        (one.at, one.kind, one.reference, one.key, one.by, one.note, one.reverses),
    ).fetchone()
    if row is None:
        return None
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ledger_posting (entry_id, number, account, party, cents) VALUES (%s, %s, %s, %s, %s)",
            [(row[0], n, posting.account, posting.party, posting.cents) for n, posting in enumerate(one.postings)],
        )
    return int(row[0])


def add_entries(connection: Connection[Any], entries: Sequence[Entry]) -> list[int]:
    """Write many entries (their ids are given here) whose keys are free; return their ids, in order."""
    rows = connection.execute(
        "SELECT nextval(pg_get_serial_sequence('mobigo.ledger_entry', 'id')) FROM generate_series(1, %s)",
        (len(entries),),
    )
    ids = [int(id_) for (id_,) in rows]
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY ledger_entry (id, at, kind, reference, key, written_by, note, reverses) FROM STDIN") as copy,
    ):
        for id_, one in zip(ids, entries, strict=True):
            copy.write_row((id_, one.at, one.kind, one.reference, one.key, one.by, one.note, one.reverses))
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY ledger_posting (entry_id, number, account, party, cents) FROM STDIN") as copy,
    ):
        for id_, one in zip(ids, entries, strict=True):
            for number, posting in enumerate(one.postings):
                copy.write_row((id_, number, posting.account, posting.party, posting.cents))
    return ids


def list_keys(connection: Connection[Any], keys: Sequence[str]) -> set[str]:
    """List those of some keys that are taken."""
    rows = connection.execute("SELECT key FROM ledger_entry WHERE key = ANY(%s)", (list(keys),))
    return {key for (key,) in rows}


def sum_reference(connection: Connection[Any], reference: str, kind: str, account: str) -> int:
    """Add up debits less credits of an account in entries of a kind about something."""
    row = connection.execute(
        "SELECT coalesce(sum(p.cents), 0)::bigint FROM ledger_entry e JOIN ledger_posting p ON p.entry_id = e.id"
        " WHERE e.reference = %s AND e.kind = %s AND p.account = %s",
        (reference, kind, account),
    ).fetchone()
    assert row
    return int(row[0])


def find_entry(connection: Connection[Any], id_: int) -> Entry | None:
    """Find an entry."""
    return next(iter(_entries(connection, f"{_ENTRY} WHERE id = %s", (id_,))), None)


def find_entry_by_key(connection: Connection[Any], key: str) -> Entry | None:
    """Find the entry of a key."""
    return next(iter(_entries(connection, f"{_ENTRY} WHERE key = %s", (key,))), None)


def find_reversal(connection: Connection[Any], id_: int) -> Entry | None:
    """Find the entry that undid one."""
    return next(iter(_entries(connection, f"{_ENTRY} WHERE reverses = %s", (id_,))), None)


def list_entries(connection: Connection[Any], reference: str) -> list[Entry]:
    """List what was posted about something, oldest first."""
    return _entries(connection, f"{_ENTRY} WHERE reference = %s ORDER BY id", (reference,))


def _entries(connection: Connection[Any], query: str, values: Sequence[object]) -> list[Entry]:
    rows = connection.execute(query.encode(), values).fetchall()
    postings: dict[int, list[Posting]] = defaultdict(list)
    for id_, account, cents, party in connection.execute(
        "SELECT entry_id, account, cents, party FROM ledger_posting WHERE entry_id = ANY(%s) ORDER BY entry_id, number",
        ([row[0] for row in rows],),
    ):
        postings[id_].append(Posting(account, cents, party))
    return [_entry(row, postings[row[0]]) for row in rows]


def _entry(row: Sequence[Any], postings: Sequence[Posting]) -> Entry:
    id_, at, kind, reference, key, by, note, reverses = row
    return Entry(id_, at, kind, reference, tuple(postings), key, by, note, reverses)


_LINES = """
    FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id
    WHERE (%(account)s::text IS NULL OR p.account = %(account)s)
      AND (%(party)s::text IS NULL OR p.party = %(party)s)
"""


def sum_before(
    connection: Connection[Any],
    account: str | None,
    party: str | None,
    *,
    at: datetime | None = None,
    place: tuple[datetime, int, int] | None = None,
) -> int:
    """Add up debits less credits before an instant, or up to and with one posting; without either, all of them."""
    instant, entry, number = place or (None, None, None)
    row = connection.execute(
        f"""
        SELECT coalesce(sum(p.cents), 0)::bigint {_LINES}
          AND (%(at)s::timestamptz IS NULL OR e.at < %(at)s)
          AND (%(instant)s::timestamptz IS NULL OR (e.at, e.id, p.number) <= (%(instant)s, %(entry)s, %(number)s))
        """.encode(),
        {"account": account, "party": party, "at": at, "instant": instant, "entry": entry, "number": number},
    ).fetchone()
    assert row
    return int(row[0])


def list_lines(
    connection: Connection[Any],
    account: str | None,
    party: str | None,
    *,
    since: datetime,
    until: datetime,
    after: tuple[datetime, int, int] | None,
    limit: int,
) -> list[tuple[Entry, Posting, int]]:
    """List postings from `since` until before `until` in order of time, with their numbers.

    Entries come with this one posting only.
    """
    instant, entry, number = after or (None, None, None)
    rows = connection.execute(
        f"""
        SELECT e.id, e.at, e.kind, e.reference, e.key, e.written_by, e.note, e.reverses,
               p.number, p.account, p.cents, p.party {_LINES}
          AND e.at >= %(since)s AND e.at < %(until)s
          AND (%(instant)s::timestamptz IS NULL OR (e.at, e.id, p.number) > (%(instant)s, %(entry)s, %(number)s))
        ORDER BY e.at, e.id, p.number LIMIT %(limit)s
        """.encode(),
        {
            "account": account,
            "party": party,
            "since": since,
            "until": until,
            "instant": instant,
            "entry": entry,
            "number": number,
            "limit": limit,
        },
    )
    return [(_entry(row[:8], (posting := Posting(*row[9:]),)), posting, row[8]) for row in rows]


def read_lines(connection: Connection[Any], *, since: datetime, until: datetime) -> Iterator[tuple[Entry, Posting]]:
    """Read all postings of some time in order, a batch at a time; the connection is in a transaction until the end."""
    with connection.cursor(name="ledger_lines") as cursor:
        cursor.itersize = BATCH
        cursor.execute(
            f"""
            SELECT e.id, e.at, e.kind, e.reference, e.key, e.written_by, e.note, e.reverses, p.account, p.cents, p.party
            {_LINES} AND e.at >= %(since)s AND e.at < %(until)s ORDER BY e.at, e.id, p.number
            """.encode(),
            {"account": None, "party": None, "since": since, "until": until},
        )
        for row in cursor:
            posting = Posting(*row[8:])
            yield _entry(row[:8], (posting,)), posting


def list_balances(connection: Connection[Any], *, at: datetime | None = None) -> list[tuple[Account, int]]:
    """List accounts with debits less credits before an instant (all of them without one), by code."""
    rows = connection.execute(
        """
        SELECT a.code, a.kind, a.name,
               coalesce(sum(p.cents) FILTER (WHERE %(at)s::timestamptz IS NULL OR e.at < %(at)s), 0)::bigint
        FROM ledger_account a
        LEFT JOIN ledger_posting p ON p.account = a.code LEFT JOIN ledger_entry e ON e.id = p.entry_id
        GROUP BY a.code ORDER BY a.code
        """,
        {"at": at},
    )
    return [(Account(code, AccountKind(kind), name), cents) for code, kind, name, cents in rows]
