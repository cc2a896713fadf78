"""What is done with money: post, reverse, look up, export. Every room that deals with money calls these."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.ledger import store
from mobigo.ledger.model import Account, AccountKind, Entry, Line, Posting, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy.orm import Session

LARGEST = 10**13
"""Cents of one posting: a hundred billion euros are an error."""

WORD = re.compile(r"[a-z][a-z0-9_.]{0,59}")
"""What a kind and the code of an account look like."""

LONG_TEXT = 500
"""Characters of a reference, a key, a party or a note."""

COLUMNS = ("entry", "at", "kind", "reference", "account", "account_name", "party", "debit", "credit", "by", "note")
"""Of the export."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a text for a formula."""


def post(
    session: Session,
    *,
    kind: str,
    reference: str,
    postings: Sequence[Posting],
    key: str,
    by: str,
    at: datetime,
    note: str = "",
) -> Entry:
    """Write down what happened to money, in the caller's transaction.

    Parameters
    ----------
    kind : str
        What happened, a word of the calling room: ``fare``, ``late_cancellation``.
    reference : str
        What it is about: ``booking:ID``.
    postings : sequence
        Debits positive, credits negative; they add up to zero.
    key : str
        Of this one happening, as ``booking:ID/leg:ID/no_show``: posted twice, it is written once.
    by : str
        User who did it, or the name of the job.
    at : datetime
        When it happened.

    Returns
    -------
    Entry
        The one written, or the one that was there under this key.

    Raises
    ------
    InvalidInput
        When it does not balance, a posting is zero or beyond bounds, or an account is unknown.
    Conflict
        When the key is that of another entry.
    """
    return _write(session, Entry(0, at, kind, reference, tuple(postings), key, by, note))


def post_all(session: Session, entries: Sequence[Entry]) -> None:
    """Write down many happenings at once, as `post` does one; their ids are given here.

    Raises
    ------
    InvalidInput, Conflict
        As `post`; nothing is written then.
    """
    connection = driver(session)
    known = {account.code for account in store.list_accounts(connection)}
    for entry in entries:
        _check(entry)
        _refuse_unknown(entry, known)
    taken = store.list_keys(connection, [entry.key for entry in entries])
    for entry in entries:
        if entry.key in taken:
            _write(session, entry)
    store.add_entries(connection, [entry for entry in entries if entry.key not in taken])


def reverse(session: Session, id_: int, *, key: str, by: str, at: datetime, kind: str = "", note: str = "") -> Entry:
    """Undo an entry by its opposite; `kind` says why, as ``refund`` (default: that of the entry with ``_reversed``).

    Raises
    ------
    NotFound
        When there is no such entry.
    Refused
        When it is reversed already under another key, or is a reversal itself.
    """
    undone = get_entry(session, id_)
    if undone.reverses is not None:
        raise Refused(
            f"entry {id_} is itself the reversal of {undone.reverses}; post what is right instead",
            code="ledger_not_reversible",
        )
    before = store.find_reversal(driver(session), id_)
    if before is not None and before.key != key:
        raise Refused(f"entry {id_} was reversed by entry {before.id} already", code="ledger_not_reversible")
    opposite = tuple(replace(posting, cents=-posting.cents) for posting in undone.postings)
    kind = kind or f"{undone.kind}_reversed"
    return _write(session, Entry(0, at, kind, undone.reference, opposite, key, by, note, undone.id))


def _write(session: Session, entry: Entry) -> Entry:
    _check(entry)
    connection = driver(session)
    _refuse_unknown(entry, {account.code for account in store.list_accounts(connection)})
    id_ = store.add_entry(connection, entry)
    if id_ is not None:
        return replace(entry, id=id_)
    there = store.find_entry_by_key(connection, entry.key)
    assert there is not None
    if _said(there) != _said(entry):
        raise Conflict(
            f"the key {entry.key!r} is that of entry {there.id} ({there.kind} about {there.reference}), which says"
            " something else; a new happening needs a key of its own",
            code="ledger_key_reused",
        )
    return there


def _refuse_unknown(entry: Entry, known: AbstractSet[str]) -> None:
    for posting in entry.postings:
        if posting.account not in known:
            raise InvalidInput(
                f"there is no account {posting.account!r}; open it first, or use one of {', '.join(sorted(known))}"
            )


def _said(entry: Entry) -> tuple[object, ...]:
    return entry.kind, entry.reference, entry.postings, entry.reverses


def _check(entry: Entry) -> None:
    if not WORD.fullmatch(entry.kind):
        raise InvalidInput(f"{entry.kind!r} is no kind of entry; use a word of small letters, digits and underscores")
    if entry.at.tzinfo is None:
        raise InvalidInput(f"the time {entry.at.isoformat()} has no offset from UTC")
    for what, said in {"reference": entry.reference, "key": entry.key, "by": entry.by}.items():
        if not said.strip():
            raise InvalidInput(f"an entry needs its {what!r}")
    parties = [posting.party or "" for posting in entry.postings]
    for said in (entry.reference, entry.key, entry.by, entry.note, *parties):
        if len(said) > LONG_TEXT or "\0" in said:
            raise InvalidInput(f"{said[:40]!r}… is not a text of at most {LONG_TEXT} characters")
    for posting in entry.postings:
        if not posting.cents or abs(posting.cents) > LARGEST:
            raise InvalidInput(f"{posting.cents} cents cannot be posted; from 1 to {LARGEST}, with either sign")
    total = sum(posting.cents for posting in entry.postings)
    if total or len(entry.postings) < 2:  # noqa: PLR2004  double entry
        raise InvalidInput(
            f"the postings of {entry.kind} about {entry.reference} add up to {total} cents, not to 0"
            if total
            else f"an entry has at least two postings, {entry.kind} about {entry.reference} has {len(entry.postings)}",
            code="ledger_unbalanced",
        )


def open_account(session: Session, code: str, kind: AccountKind, name: str) -> Account:
    """Open an account; the same one may be opened again.

    Raises
    ------
    Conflict
        When the code is that of an account of another kind.
    """
    if not WORD.fullmatch(code):
        raise InvalidInput(f"{code!r} is no code of an account; use small letters, digits, dots and underscores")
    if not name.strip() or len(name) > LONG_TEXT or "\0" in name:
        raise InvalidInput(f"an account needs a name of 1 to {LONG_TEXT} characters")
    account = Account(code, kind, name)
    if not store.add_account(driver(session), account):
        there = next(one for one in list_accounts(session) if one.code == code)
        if there != account:
            raise Conflict(
                f"account {code!r} is there already as {there.kind} {there.name!r}; choose another code",
                code="account_exists",
            )
    return account


def list_accounts(session: Session) -> list[Account]:
    """List the chart of accounts, by code."""
    return store.list_accounts(driver(session))


def get_entry(session: Session, id_: int) -> Entry:
    """Return an entry with its postings."""
    found = store.find_entry(driver(session), id_)
    if found is None:
        raise NotFound(f"no entry {id_}", code="unknown_entry")
    return found


def list_entries(session: Session, reference: str) -> list[Entry]:
    """List what was posted about something, oldest first."""
    return store.list_entries(driver(session), reference)


def list_balances(session: Session, *, at: datetime | None = None) -> list[tuple[Account, int]]:
    """List all accounts with their balances before an instant (now, without one), each in its own direction."""
    return [(account, cents * account.kind.sign) for account, cents in store.list_balances(driver(session), at=at)]


def balance(session: Session, *, account: str | None = None, party: str | None = None) -> int:
    """Return what an account holds, or what concerns a party, in cents (see `model.Line`)."""
    return store.sum_before(driver(session), account, party) * _sign(session, account)


def sum_reference(session: Session, reference: str, *, kind: str, account: str) -> int:
    """Return what entries of a kind about something did to an account, in its own direction."""
    return store.sum_reference(driver(session), reference, kind, account) * _sign(session, account)


def read_statement(
    session: Session,
    *,
    account: str | None = None,
    party: str | None = None,
    since: datetime,
    until: datetime,
    cursor: str | None = None,
    limit: int = 500,
) -> Statement:
    """Read what happened on an account, to a party, or to both, from `since` until before `until`."""
    sign = _sign(session, account)
    connection = driver(session)
    place = _read_cursor(cursor) if cursor else None
    opening = sign * (
        store.sum_before(connection, account, party, place=place)
        if place
        else store.sum_before(connection, account, party, at=since)
    )
    found = store.list_lines(connection, account, party, since=since, until=until, after=place, limit=limit + 1)
    running = opening
    lines = []
    for entry, posting, _ in found[:limit]:
        running += posting.cents * sign
        lines.append(Line(entry, posting, running))
    more = None
    if len(found) > limit:
        entry, _, number = found[limit - 1]
        more = f"{entry.at.astimezone(UTC).isoformat()}/{entry.id}/{number}"
    return Statement(account, party, opening, tuple(lines), running, more)


def _sign(session: Session, account: str | None) -> int:
    if account is None:
        return 1
    kinds = {one.code: one.kind for one in list_accounts(session)}
    if account not in kinds:
        raise NotFound(f"no account {account!r}; there are {', '.join(sorted(kinds))}", code="unknown_account")
    return kinds[account].sign


def _read_cursor(text: str) -> tuple[datetime, int, int]:
    try:
        at, entry, number = text.split("/")
        instant, place = datetime.fromisoformat(at), (int(entry), int(number))
    except ValueError:
        instant, place = datetime.min, (0, 0)  # noqa: DTZ901  replaced by the refusal below
    if instant.tzinfo is None or not all(0 <= part < 2**63 for part in place):
        raise InvalidInput(f"{text[:80]!r} is no cursor of a statement; begin again without one", code="invalid_cursor")
    return instant, *place


def export_csv(session: Session, *, since: datetime, until: datetime) -> Iterator[str]:
    """Write the postings of some time as CSV, line by line: amounts in euros, texts that no spreadsheet computes."""
    names = {account.code: account.name for account in list_accounts(session)}
    yield _row(COLUMNS)
    for entry, posting in store.read_lines(driver(session), since=since, until=until):
        yield _row(
            (
                entry.id,
                entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                entry.kind,
                _plain(entry.reference),
                posting.account,
                _plain(names[posting.account]),
                _plain(posting.party or ""),
                _euros(posting.cents) if posting.cents > 0 else "",
                _euros(-posting.cents) if posting.cents < 0 else "",
                _plain(entry.by),
                _plain(entry.note),
            )
        )


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _plain(said: str) -> str:
    return f"'{said}" if said.startswith(FORMULA) else said


def _row(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
