"""What a driver is told of a month: each run, why it is paid what it is, and what was sent to the bank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mobigo.carpool import lines, money_store, policies_store, store
from mobigo.carpool.month import last_day
from mobigo.carpool.papers import find_words
from mobigo.carpool.terms import FRANCE
from mobigo.db.session import driver
from mobigo.kit.errors import NotFound
from mobigo.papers.pdf import Paper, Table, write_day, write_euros, write_kilometres, write_pdf

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from mobigo.carpool.awards import Reason
    from mobigo.carpool.money_store import Award, Month, Payout


@dataclass(frozen=True)
class Statement:
    """A driver's month."""

    month: Month
    person: str
    awards: tuple[Award, ...]
    """Counted in this month, or paid in it, by day."""
    runs: dict[str, tuple[str, datetime]]
    """Name of the line of each run, empty where it is on none, and when it departed."""
    rules: dict[str, str]
    """Names of rules, by id and revision."""
    payout: Payout | None

    @property
    def earned(self) -> int:
        """Cents counted in this month."""
        return sum(one.cents for one in self.awards if one.month == self.month.month)

    @property
    def paid(self) -> int:
        """Cents sent to the bank."""
        return 0 if self.payout is None else self.payout.cents


def read_statement(session: Session, month: date, person: str) -> Statement:
    """Read a driver's month.

    Raises
    ------
    NotFound
        When the month is not closed (``month_not_closed``).
    """
    connection = driver(session)
    closed = money_store.find_month(connection, month)
    if closed is None:
        raise NotFound(f"{month:%Y-%m} is not closed yet; statements are made when it is", code="month_not_closed")
    payout = next(iter(money_store.list_payouts(connection, month=month, person=person)), None)
    counted = money_store.list_awards(connection, person=person, month=month)
    paid = [] if payout is None else money_store.list_awards(connection, payout=payout.id)
    awards = {(one.run, one.number): one for one in [*counted, *paid]}
    names = {line.id: line.name for line in lines.list_lines(connection)}
    departures = money_store.list_departures(connection, [run for run, _ in awards])
    return Statement(
        closed,
        person,
        tuple(sorted(awards.values(), key=lambda one: (one.service_date, one.run, one.number))),
        {run: (names.get(line or "", line or ""), departed) for run, (line, departed) in departures.items()},
        policies_store.list_names(connection),
        payout,
    )


def write_statement(session: Session, one: Statement, *, author: str, now: datetime) -> bytes:
    """Write a driver's month as a tagged PDF in the driver's language."""
    person = store.get_person(driver(session), one.person)
    language = person.language
    words = find_words(language)
    first, last = one.month.month, last_day(one.month.month)
    payout = one.payout
    if payout is None:
        sent = write_euros(0, language)
    else:
        sent = f"{write_euros(payout.cents, language)}, {write_day(one.month.execution, language)}, {payout.id}"
        sent += f", {words['returned']}" if payout.returned_at is not None else ""
    facts = (
        (words["driver"], person.name or person.id),
        (words["period"], f"{write_day(first, language)} \N{EN DASH} {write_day(last, language)}"),
        (words["account"], words["no_account"] if payout is None else payout.masked),
        (words["sent"], sent),
        (words["earned"], write_euros(one.earned, language)),
        (words["made"], write_day(now.astimezone(FRANCE).date(), language)),
    )
    return write_pdf(
        Paper(
            language=language,
            title=f"{words['statement']} {first:%m/%Y}",
            author=author,
            facts=facts,
            texts=() if one.awards else (words["no_runs"],),
            tables=(_table_runs(one, words, language), _table_rules(one, words, language)) if one.awards else (),
        ),
        at=now,
    )


def _table_runs(one: Statement, words: dict[str, str], language: str) -> Table:
    return Table(
        header=tuple(words[name] for name in ("day", "line", "km", "seats", "amount", "state")),
        widths=(2.2, 4, 2.6, 2, 2, 2.2),
        numbers=(False, False, True, True, True, False),
        rows=tuple(
            (
                write_day(award.service_date, language),
                words["correction"] if award.number else one.runs[award.run][0] or words["off_line"],
                write_kilometres(award.metres, language),
                str(award.seats),
                write_euros(award.cents, language),
                words["waits" if award.payout is None else "paid"],
            )
            for award in one.awards
        ),
    )


def _table_rules(one: Statement, words: dict[str, str], language: str) -> Table:
    """Say how each amount came about, as the rules tell it."""
    return Table(
        title=words["rules"],
        header=(words["day"], words["departure"], words["rules"], words["rule"], words["amount"]),
        widths=(2, 1.6, 4.5, 5, 1.9),
        numbers=(False, False, False, False, True),
        rows=tuple(
            (
                write_day(award.service_date, language),
                f"{one.runs[award.run][1].astimezone(FRANCE):%H:%M}",
                words.get(f"because_{reason.code}", reason.text),
                one.rules.get(reason.policy, reason.policy),
                write_euros(cents, language),
            )
            for award in one.awards
            for reason, cents in list_parts(award)
        ),
    )


CONTINUES = frozenset({"passengers", "booster", "top_up", "trips_limit", "passengers_limit", "amount_limit"})
"""Steps that change an amount begun by the step before."""

WHOLE = frozenset({"legal_cap", "short_run"})
"""Steps that change the sum of all rules."""


def list_parts(award: Award) -> list[tuple[Reason, int]]:
    """List the reasons of an award with what each adds to it, or takes off: they add up to the award."""
    if award.number:
        return [(award.reasons[-1], award.cents)]
    found, total, before = [], 0, 0
    for reason in award.reasons:
        base = total if reason.code in WHOLE else before if reason.code in CONTINUES else 0
        found.append((reason, reason.cents - base))
        total += reason.cents - base
        before = reason.cents
    return found
