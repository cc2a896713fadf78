"""What of bank cards is forgotten, and when.

=====================  ===================================================================================
two days after a tap   which card it was, and the minute, the trip and the reader's order: only counts stay
35 days after a day    a best price does not look back further: what is still held of it stays (`best.carry`)
four months            what each day came to, what was asked for, the hash and the provider's word for a card
for ever               how many rode from where to where in which hour, told only where six or more did
=====================  ===================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from mobigo.db.session import driver
from mobigo.ticketing import taps_store as store
from mobigo.ticketing.best import carry
from mobigo.ticketing.taps import transport_day
from mobigo.ticketing.taps_service import FRANCE, list_rides
from mobigo.ticketing.taps_shelf import settle_all, sum_least
from mobigo.tickets import service as tickets

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.ticketing.taps import Ride
    from mobigo.ticketing.taps_policy import Policy

MOVEMENTS_KEPT = timedelta(hours=47)
"""How long one knows which card was where: forgotten every hour, nothing is known for more than two days."""

LOOKED_BACK = timedelta(days=35)
"""After this a day is carried over; later than `ChargeRule.latest_days` nothing comes for it."""

BILLS_KEPT = timedelta(days=122)
"""Four months."""

FEWEST = 6
"""Rides of one stretch, hour and month that are told; of fewer one might know who it was."""


@dataclass(frozen=True)
class Forgotten:
    """What was forgotten."""

    taps: int
    days: int
    cards: int


def forget_movements(session: Session, policy: Policy, now: datetime) -> int:
    """Forget which cards were where more than two days ago; how many rode from where to where is kept."""
    connection = driver(session)
    before = now - MOVEMENTS_KEPT
    for card, day in store.list_movements(connection, before):
        begins = [one for one in list_rides(connection, policy, card, day) if one.departure < before]
        store.add_flows(
            connection,
            [
                (
                    day,
                    one.departure.astimezone(FRANCE).hour,
                    one.agency,
                    one.route or "",
                    one.board or "",
                    one.alight or "",
                )
                for one in begins
            ],
        )
    return store.forget_movements(connection, before)


def _flow(day: date, one: Ride) -> tuple[date, int, str, str, str, str]:
    hour = one.departure.astimezone(FRANCE).hour
    return day, hour, one.agency, one.route or "", one.board or "", one.alight or ""


def carry_over(session: Session, now: datetime) -> int:
    """Carry over the days that no best price looks back to; return of how many cards."""
    connection = driver(session)
    until = transport_day(now, FRANCE) - LOOKED_BACK
    cards = store.list_to_carry(connection, until)
    for id_ in cards:
        card = store.find_card(connection, id_, lock=True)
        if card is None:
            continue
        days = [
            one
            for one in store.list_days(connection, id_)
            if card.carried_until is None or one.day.day > card.carried_until
        ]
        keys = {key for one in days for way in one.day.ways for some, _ in way.needs for key in some}
        keys |= {item.key for labels in card.carried.values() for label in labels for item in label.items}
        offers = store.read_offers(connection, keys)
        after = settle_all(card.carried, [one.day for one in days if one.day.day <= until], offers)
        charged = store.sum_dues(connection, id_, card.carried_until) - store.sum_dues(connection, id_, until)
        beyond = card.carried_cents + charged - (sum_least(after) - sum_least(card.carried))
        store.carry(connection, id_, until, {series: carry(own, until) for series, own in after.items()}, beyond)
    return len(cards)


def forget_bills(session: Session, now: datetime) -> Forgotten:
    """Forget what days came to four months ago, and cards that were not held up since and owe nothing."""
    connection = driver(session)
    before = transport_day(now - BILLS_KEPT, FRANCE)
    days = store.forget_days(connection, before)
    gone = store.forget_cards(connection, before)
    for hash_ in gone:
        tickets.allow_card(session, hash_)
    return Forgotten(0, days, len(gone))


def list_flows(connection: Connection[Any], first: date, last: date) -> list[store.Flow]:
    """List how many rode from where to where in which hour of some days, where six or more did."""
    return store.list_flows(connection, first, last, FEWEST)
