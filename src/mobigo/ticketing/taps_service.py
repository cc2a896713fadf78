"""What is done with taps: taken from readers, made into rides, counted when the day is over.

A card's days are counted one after the other under its lock, so that however often and by whomever it is done, what
was charged is what the best price is: a day that is counted anew changes by the difference.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import structlog

from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.fares.price import price
from mobigo.kit.errors import InvalidInput, NotFound, Refused
from mobigo.ledger import service as ledger
from mobigo.ledger.model import Chart, Posting
from mobigo.ticketing import taps_store as store
from mobigo.ticketing.books import VAT, product_party
from mobigo.ticketing.noting import note_taps
from mobigo.ticketing.revenue_store import add_revenue
from mobigo.ticketing.taps import Held, Whole, day_begins, transport_day
from mobigo.ticketing.taps_shelf import TapShelf, add_splits, settle_all, sum_least
from mobigo.ticketing.taps_store import Counted
from mobigo.ticketing.taps_tariff import Known, TapTariff
from mobigo.ticketing.trips import build_rides

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.fares.catalogue import Catalogue
    from mobigo.ticketing.best import Offer
    from mobigo.ticketing.taps import Ride, Tap
    from mobigo.ticketing.taps_places import Places
    from mobigo.ticketing.taps_policy import Policy
    from mobigo.ticketing.taps_store import Card
    from mobigo.ticketing.taps_tariff import Priced

log = structlog.get_logger()

FRANCE = ZoneInfo("Europe/Paris")
"""In which transport days are, where a catalogue says nothing else."""

AHEAD = timedelta(minutes=2)
"""By which a reader's clock may go wrong."""

COMPLETE_AFTER = timedelta(minutes=10)
"""After a transport day has ended it is counted; what readers tell later changes it."""

BY = "taps"
"""Who counts."""

TOLD = "told:"
"""How the device of a tap begins that nobody made and somebody told of."""

MOST_TOLD = 2
"""Forgotten taps that are believed, of one card in two days."""

MOST_NAMED = 10
"""Stops that a refusal names."""

PRODUCT = "bank_card"
"""As what its revenue is shared between operators, whatever each ride would have been paid with."""


class Taken(StrEnum):
    """What became of a tap that was sent."""

    STORED = "stored"
    KNOWN = "known"
    """It had come before."""
    LATE = "late"
    """Stored; it is too old to be charged."""
    AHEAD = "ahead"
    """Not stored: it lies in the future; the reader's clock is wrong."""


def take(
    session: Session, policy: Policy, taps: Sequence[tuple[Tap, str | None]], *, now: datetime
) -> tuple[list[Taken], list[str]]:
    """Take what readers tell, in any order, as often as they like.

    Parameters
    ----------
    taps : sequence
        With the last digits of each card, where the reader knows them.

    Returns
    -------
    What became of each, in their order, and the ids of cards that were held up though they are on the deny list.
    """
    connection = driver(session)
    days = [transport_day(tap.at, FRANCE) for tap, _ in taps]
    usable = [tap.at <= now + AHEAD for tap, _ in taps]
    seen: dict[bytes, tuple[date, date, str | None]] = {}
    for (tap, digits), day, good in zip(taps, days, usable, strict=True):
        if good:
            hash_ = bytes.fromhex(tap.card)
            first, last, known = seen.get(hash_, (day, day, None))
            seen[hash_] = min(first, day), max(last, day), digits or known
    cards = store.ensure_cards(connection, seen) if seen else {}
    rows = [
        (tap, cards[bytes.fromhex(tap.card)][0], day)
        for (tap, _), day, good in zip(taps, days, usable, strict=True)
        if good
    ]
    new = store.add_taps(connection, rows, now)
    oldest = transport_day(now, FRANCE) - timedelta(days=policy.charge.latest_days)
    late = [tap for tap, _, day in rows if day < oldest and (tap.device, tap.seq) in new]
    store.set_too_late(connection, [(tap.device, tap.seq) for tap in late])
    fresh = {(tap.device, tap.seq): (tap, card, day) for tap, card, day in rows if (tap.device, tap.seq) in new}
    note_taps(session, [tap for tap, _, _ in fresh.values()], _find_outs(connection, policy, fresh.values()), now)
    told = []
    for (tap, _), day, good in zip(taps, days, usable, strict=True):
        if not good:
            told.append(Taken.AHEAD)
        elif (tap.device, tap.seq) not in new:
            told.append(Taken.KNOWN)
        else:
            new.discard((tap.device, tap.seq))  # sent twice in one batch, it is known the second time
            told.append(Taken.LATE if day < oldest else Taken.STORED)
    refused = {
        cards[bytes.fromhex(tap.card)][0]
        for (tap, _), what in zip(taps, told, strict=True)
        if what is Taken.STORED and not tap.accepted and cards[bytes.fromhex(tap.card)][1]
    }
    return told, sorted(refused)


def _find_outs(
    connection: Connection[Any], policy: Policy, fresh: Iterable[tuple[Tap, str, date]]
) -> set[tuple[str, int]]:
    """Find the taps with which somebody got off among those of readers that stand where one gets in and out."""
    unsure = {(card, day) for tap, card, day in fresh if tap.held is Held.EITHER and policy.find_rule(tap.agency).both}
    rides = [ride for card, day in unsure for ride in list_rides(connection, policy, card, day)]
    return {ride.taps[-1] for ride in rides if ride.whole in (Whole.WHOLE, Whole.TURNED_BACK, Whole.NO_IN)}


def find_id(session: Session, card: str) -> str:
    """Return the id of a card that was held up, by its hash."""
    found = store.find_card_by_hash(driver(session), bytes.fromhex(card))
    assert found is not None
    return found.id


# ── what was forgotten ────────────────────────────────────────────────────────────────────────────────────────────────


def list_known_rides(session: Session, policy: Policy, card: str, now: datetime) -> list[Ride]:
    """List the rides of a card that one still knows, oldest first."""
    today = transport_day(now, FRANCE)
    days = [today - timedelta(days=n) for n in (3, 2, 1, 0)]
    return [ride for day in days for ride in list_rides(driver(session), policy, card, day)]


def complete(
    session: Session, policy: Policy, places: Places, card: str, name: tuple[str, int], *, stop: str, now: datetime
) -> Ride:
    """Take a traveller's word for where they got in or out, when they forgot to tap; the day is counted anew.

    Raises
    ------
    NotFound
        ``unknown_ride``: none with this tap lacks anything.
    InvalidInput
        ``invalid_place``: the line does not go there.
    Refused
        ``too_often_told``.
    """
    connection = driver(session)
    store.find_card(connection, card, lock=True)
    rides = list_known_rides(session, policy, card, now)
    told = sum(1 for ride in rides for device, _ in ride.taps if device.startswith(TOLD))
    lacking = [one for one in rides if one.whole in (Whole.NO_IN, Whole.NO_OUT) and one.taps == (name,)]
    if not lacking:
        raise NotFound("no ride of this card lacks a tap there, or it is more than two days ago", code="unknown_ride")
    if told >= MOST_TOLD:
        raise Refused(
            f"{MOST_TOLD} forgotten taps in two days were told already; telephone the desk for more",
            code="too_often_told",
        )
    (ride,) = lacking
    forgot_out = ride.whole is Whole.NO_OUT
    may_be = {one.alight if forgot_out else one.board for one in places.list_rides(ride)}
    if stop not in may_be:
        known = ", ".join(sorted(one for one in may_be if one)[:MOST_NAMED]) or "no stop that is known"
        raise InvalidInput(
            f"{stop[:80]!r} is not on the way of this ride; it may have been {known}", code="invalid_place"
        )
    tap = next(one for one in store.list_all_taps(connection, card) if (one.device, one.seq) == name)
    later = timedelta(minutes=1) if forgot_out else -timedelta(minutes=1)
    added = replace(
        tap,
        device=f"{TOLD}{tap.device}",
        at=tap.at + later,
        held=Held.OUT if forgot_out else Held.IN,
        stop=stop,
    )
    store.add_taps(connection, [(added, card, transport_day(added.at, FRANCE))], now)
    return ride


# ── counting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Counting:
    """What days are counted with; kept from card to card.

    Parameters
    ----------
    key : bytes
        Of this home: hides areas in keys of offers.
    places : Places
    policy : Policy
    """

    key: bytes
    places: Places
    policy: Policy
    _tariffs: dict[int, TapTariff] = field(default_factory=dict)

    def find_tariffs(self, connection: Connection[Any], day: date) -> TapShelf | None:
        """Find the prices of a day; None where nothing is sold."""
        tariffs = [self.open(one) for one in fares.list_in_force(connection, day)]
        return TapShelf(tariffs) if tariffs else None

    def open(self, catalogue: Catalogue) -> TapTariff:
        """Lay out a catalogue, once."""
        found = self._tariffs.get(catalogue.version)
        if found is None:
            found = self._tariffs[catalogue.version] = TapTariff(catalogue, price, partial(hide, self.key))
        return found


def hide(key: bytes, text: str) -> str:
    """Make of a text a word that says nothing to whoever has not the key of this home."""
    return hmac.digest(key, f"mobigo taps {text}".encode(), "sha256").hex()[:16]


def list_due(connection: Connection[Any], now: datetime, limit: int) -> list[str]:
    """List cards with days that are over and not counted."""
    return store.list_uncounted(connection, transport_day(now - COMPLETE_AFTER, FRANCE), limit)


def count(session: Session, counting: Counting, card: str, now: datetime) -> int:
    """Count the days of a card that are over and not counted; return the cents by which they rose."""
    connection = driver(session)
    found = store.find_card(connection, card, lock=True)
    if found is None:
        return 0
    before = transport_day(now - COMPLETE_AFTER, FRANCE)
    return sum(
        _count_day(session, counting, found, day, now)
        for day in store.list_uncounted_days(connection, found.id, before)
    )


def _count_day(session: Session, counting: Counting, card: Card, day: date, now: datetime) -> int:
    connection = driver(session)
    days = store.list_days(connection, card.id)
    tariffs = counting.find_tariffs(connection, day)
    store.set_counted(connection, card.id, day)
    if not _is_after(day, card.carried_until):
        return 0  # it is too long ago for anybody to know what it would have cost
    rides = list_rides(connection, counting.policy, card.id, day)
    for one in days:
        if one.open and one.day.day == day:
            store.remove_day(connection, card.id, day, one.part)
    if not rides or tariffs is None:
        if rides:
            log.warning("rides of a day on which nothing is sold cost nothing", day=str(day), rides=len(rides))
        return _level(session, card, day, (), now=now)
    offers = store.read_offers(
        connection, {key for one in days for way in one.day.ways for some, _ in way.needs for key in some}
    )
    priced = tariffs.count(
        day, [_know(counting, ride) for ride in rides], card.category, _list_reaching(offers.values(), day)
    )
    if unpriced := sum(one.unpriced for one in priced):
        log.warning("rides without a price", day=str(day), rides=unpriced)
    first = 1 + max((one.part for one in days if one.day.day == day and not one.open), default=-1)
    for part, own in enumerate(priced, first):
        store.write_offers(connection, own.offers)
        store.write_day(connection, card.id, Counted(own.day, part, own.rides, own.vat, open=True), now)
    return _level(session, card, day, priced, now=now)


def list_rides(connection: Connection[Any], policy: Policy, card: str, day: date) -> list[Ride]:
    """List the rides of a card that began on a transport day, as far as its taps are still known."""
    longest = timedelta(seconds=max(rule.longest_seconds for rule in (policy.default, *policy.agencies.values())))
    begins, ends = day_begins(day, FRANCE), day_begins(day + timedelta(days=1), FRANCE)
    taps = store.list_taps(connection, card, begins - longest, ends + longest)
    return [one for one in build_rides(taps, policy.find_rule) if transport_day(one.departure, FRANCE) == day]


def _know(counting: Counting, ride: Ride) -> Known:
    rule = counting.policy.find_rule(ride.agency)
    forgotten = ride.whole in (Whole.NO_IN, Whole.NO_OUT)
    if forgotten and rule.missing_cents is not None:
        return Known(ride, (), rule.missing_cents)
    return Known(ride, counting.places.list_rides(ride), None)


def _list_reaching(offers: Iterable[Offer], day: date) -> list[Offer]:
    begins = day_begins(day, FRANCE)
    return [one for one in offers if one.till is not None and one.till > begins and one.first < day]


def owe(connection: Connection[Any], card: Card) -> int:
    """Work out the best price of a card's days that are not carried over."""
    days = [one for one in store.list_days(connection, card.id) if _is_after(one.day.day, card.carried_until)]
    keys = {key for one in days for way in one.day.ways for some, _ in way.needs for key in some}
    keys |= {item.key for labels in card.carried.values() for label in labels for item in label.items}
    offers = store.read_offers(connection, keys)
    after = settle_all(card.carried, [one.day for one in days], offers)
    return sum_least(after) - sum_least(card.carried)


def _is_after(day: date, carried: date | None) -> bool:
    return carried is None or day > carried


def _level(session: Session, card: Card, day: date, priced: Sequence[Priced], *, now: datetime) -> int:
    """Make what is charged equal to what is owed."""
    connection = driver(session)
    more = owe(connection, card) - card.carried_cents - store.sum_dues(connection, card.id, card.carried_until)
    if not more:
        return 0
    number = store.add_due(connection, card.id, day, more, now)
    alone = sum(one.day.ways[0].cents for one in priced)
    within = round(more * sum(one.vat for one in priced) / alone) if alone else 0
    party = product_party(PRODUCT)
    postings = [Posting(Chart.TRAVELLERS, more, f"card:{card.id}"), Posting(Chart.FARES, within - more, party)]
    if within:
        postings.append(Posting(VAT, -within, party))
    ledger.post(
        session,
        kind="tap_fare",
        reference=f"card:{card.id}",
        postings=postings,
        key=f"tap_due:{number}",
        by=BY,
        at=now,
        note=day.isoformat(),
    )
    earned = transport_day(now, FRANCE) if store.is_closed(connection, day) else day
    add_revenue(connection, earned, PRODUCT, add_splits(priced), more - within)
    return more
