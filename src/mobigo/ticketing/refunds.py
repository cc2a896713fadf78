"""Refunds: quoted by the rules of sale, then confirmed as they were quoted.

What is given back of a part is the least of three: what its rules leave in time, what of it is unused, what was paid.
A booked ride follows its service's own terms: it is cancelled with the refund, and what that costs is kept.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mobigo.carpool.model import BookingState
from mobigo.carpool.states import OPEN
from mobigo.db.session import driver
from mobigo.fares.catalogue import Partly
from mobigo.kit.errors import Conflict, Forbidden, NotFound, Refused
from mobigo.ondemand import obligations
from mobigo.ondemand import store as ondemand_store
from mobigo.ondemand.service import Bookings
from mobigo.ondemand.states import ENDS, WAITING
from mobigo.payments import service as payments
from mobigo.payments import store as payments_store
from mobigo.payments.model import PaymentState, RefundState
from mobigo.ticketing import books, covers, earnings, revenue_store, store
from mobigo.ticketing.issuing import find_sold
from mobigo.ticketing.model import OrderState, PartKind, PartState
from mobigo.tickets import service as tickets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from mobigo.fares.catalogue import AfterSales, AfterSalesStep
    from mobigo.ticketing.issuing import Sold
    from mobigo.ticketing.model import Order, Part, Ride
    from mobigo.ticketing.service import Orders
    from mobigo.tickets.service import Uses

WHOLE = 1000

ALONE_UP_TO = 5_000
"""Cents that one of the staff gives back against the rules without a second one's consent."""


@dataclass(frozen=True)
class Quoted:
    """What a part would give back."""

    part: Part
    cents: int
    kept: int
    why: str
    """In a word: ``in_time``, ``fee``, ``partly``, ``rebate``, ``waived``, ``booked_ride``."""


@dataclass(frozen=True)
class Left:
    """A booked ride that would be called off and that no part of its order pays for: something held does."""

    ride: Ride
    owed: int
    """Cents that its service asks for leaving it now; what is held does not pay for that."""


def list_covered(orders: Orders, order: Order) -> list[Ride]:
    """List the booked rides that what was held pays for, as far as they are to come."""
    paid = {number for part in order.parts for number in part.rides}
    return [
        ride
        for ride in order.rides
        if ride.booking is not None and ride.number not in paid and _is_waiting(orders, ride)
    ]


def quote_rides(orders: Orders, order: Order, numbers: Sequence[int] | None) -> list[Left]:
    """Say what leaving rides costs that something held pays for; all that are to come, unless told.

    Raises
    ------
    NotFound
        When the order has no such ride (``unknown_part``).
    """
    if order.state is not OrderState.ISSUED:
        return []
    known = {ride.number: ride for ride in list_covered(orders, order)}
    for number in numbers or ():
        if number not in known:
            raise NotFound(
                f"order {order.reference} has no ride {number} to come that something held pays for; it has"
                f" {', '.join(map(str, known)) or 'none'}",
                code="unknown_part",
            )
    return [Left(known[n], _cost_of_leaving(orders, known[n])) for n in (known if numbers is None else numbers)]


def quote(orders: Orders, order: Order, ids: Sequence[str] | None, *, exchange: bool = False) -> list[Quoted]:
    """Say what parts of an order would give back now; all that are good, unless told.

    Parameters
    ----------
    exchange : bool
        For something else rather than for money.

    Raises
    ------
    Conflict
        When the order is not issued, or a part is not good any more (``not_refundable_now``).
    Refused
        When its rules give nothing back (``not_refundable``).
    """
    chosen = _choose(order, ids)
    uses = tickets.list_uses(orders.session, [part.ticket for part in chosen if part.ticket])
    quoted = [_quote_part(orders, order, part, uses.get(part.ticket or ""), exchange=exchange) for part in chosen]
    return [_keep_rebates(order, one, {part.number for part in chosen}) for one in quoted]


def _keep_rebates(order: Order, one: Quoted, given_back: AbstractSet[int]) -> Quoted:
    """Keep of a part what others that stay good are cheaper for having been bought with it."""
    lost = sum(
        part.rebate
        for part in order.parts
        if part.rests_on == one.part.number and part.state is PartState.FULFILLED and part.number not in given_back
    )
    cents = max(0, one.cents - lost)
    return one if cents == one.cents else replace(one, cents=cents, kept=one.part.cents - cents, why="rebate")


def _choose(order: Order, ids: Sequence[str] | None) -> list[Part]:
    """Choose the parts, each with the others that pay for the same booked ride."""
    known = {part.id: part for part in order.parts}
    for id_ in ids or ():
        if id_ not in known:
            raise NotFound(
                f"order {order.reference} has no part {id_[:60]!r}; it has {', '.join(known)}", code="unknown_part"
            )
    wanted = set(ids) if ids else {part.id for part in order.parts if part.state is PartState.FULFILLED}
    booked = {ride.number for ride in order.rides if ride.booking is not None}
    for part in order.parts:
        shared = booked & set(part.rides)
        if part.id in wanted and shared:
            wanted |= {one.id for one in order.parts if shared & set(one.rides)}
    chosen = [part for part in order.parts if part.id in wanted]
    if order.state is not OrderState.ISSUED:
        raise Conflict(
            f"order {order.reference} is {order.state}; what can be given back is what is issued",
            code="not_refundable_now",
        )
    for part in chosen:
        if part.state is not PartState.FULFILLED:
            raise Conflict(
                f"part {part.id} is {part.state.replace('_', ' ')}; only tickets that are good can be given back",
                code="not_refundable_now",
            )
    if not chosen:
        raise Conflict(f"nothing of order {order.reference} is good any more", code="not_refundable_now")
    return chosen


def _quote_part(orders: Orders, order: Order, part: Part, uses: Uses | None, *, exchange: bool) -> Quoted:
    rides = [ride for ride in order.rides if ride.number in part.rides]
    booked = [ride for ride in rides if ride.booking is not None]
    if part.kind is not PartKind.ADMISSION:
        return _quote_booked(orders, order, part, booked)
    sold = find_sold(orders.session, part)
    cents, why = _apply_rules(orders, part, sold, uses, exchange=exchange)
    costs = sum(_share_cost(orders, order, part, ride) for ride in booked)
    cents = max(0, cents - costs)
    return Quoted(part, cents, part.cents - cents, why)


def _share_cost(orders: Orders, order: Order, part: Part, ride: Ride) -> int:
    """Return what leaving a ride keeps of a part that covers it: nothing where other parts pay for the ride."""
    fellows = [one for one in order.parts if ride.number in one.rides]
    if any(one.kind is not PartKind.ADMISSION for one in fellows):
        return 0
    cost, mine = _cost_of_leaving(orders, ride), fellows.index(part)
    return cost * (mine + 1) // len(fellows) - cost * mine // len(fellows)


def _quote_booked(orders: Orders, order: Order, part: Part, booked: Sequence[Ride]) -> Quoted:
    """Quote a ride at its service's own price: its terms are those of its room, divided among who pays for it."""
    if not booked:
        raise Refused(f"the ride of part {part.id} is over", code="not_refundable")
    (ride,) = booked
    debt = orders.find_debt(ride)
    assert debt is not None
    if not _is_waiting(orders, ride) and not orders.is_called_off(ride):
        raise Refused(f"the ride of part {part.id} has begun or is over", code="not_refundable")
    fellows = [one for one in order.parts if ride.number in one.rides and one.kind is not PartKind.ADMISSION]
    kept = _cost_of_leaving(orders, ride)
    total = sum(one.cents for one in fellows)
    if not _is_waiting(orders, ride):
        kept = max(kept, total - books.find_credit(orders.session, debt[0]))
        if kept >= total > 0:
            raise Refused(
                f"nothing is left of what was paid for the ride of part {part.id}: another ride took its place, or its"
                " service's terms keep it",
                code="not_refundable",
            )
    before = sum(one.cents for one in fellows[: fellows.index(part)])
    mine = (kept * (before + part.cents) // total - kept * before // total) if total else 0
    mine = min(mine, part.cents)
    return Quoted(part, part.cents - mine, mine, "booked_ride")


def _is_waiting(orders: Orders, ride: Ride) -> bool:
    assert ride.booking is not None
    if ride.kind == "on_demand":
        return ondemand_store.get_leg(driver(orders.session), ride.booking).state in WAITING
    seat = orders.find_seat(ride.booking)
    return seat.state in OPEN and (seat.boarded_at is None or seat.state is not BookingState.CONFIRMED)


def _cost_of_leaving(orders: Orders, ride: Ride) -> int:
    """Return what leaving a booked ride costs now by its service's terms; of one that was called off, what is owed."""
    assert ride.booking is not None
    if ride.kind != "on_demand":
        return 0
    leg = ondemand_store.get_leg(driver(orders.session), ride.booking)
    if leg.state in ENDS:
        booking = ondemand_store.get_booking(driver(orders.session), leg.booking)
        return obligations.find_owed(orders.session, booking, leg.id)
    late = int(orders.now.timestamp()) > leg.cancel_until + leg.shifted
    return leg.late_cancel_cents if late and leg.state in WAITING else 0


def _apply_rules(
    orders: Orders, part: Part, sold: Sold | None, uses: Uses | None, *, exchange: bool
) -> tuple[int, str]:
    rules = None if sold is None else _find_rules(sold)
    steps = () if rules is None else rules.exchanges if exchange else rules.refunds
    if rules is None or not steps:
        raise Refused(
            f"{part.product} is not {'exchanged' if exchange else 'refunded'}: its conditions of sale say so",
            code="not_refundable",
        )
    step = _find_step(steps, part, orders.now)
    if step is None:
        raise Refused(
            f"{part.product} could be {'exchanged' if exchange else 'refunded'} earlier only; its validity began"
            f" at {part.valid_from:%Y-%m-%dT%H:%M:%SZ}" if part.valid_from else f"{part.product} is over",
            code="not_refundable",
        )  # fmt: skip
    base, why = _find_rest(orders, part, sold, rules, uses)
    kept = step.fee + base * step.kept_permille // WHOLE
    if kept:
        why = "fee"
    return max(0, base - kept), why


def _find_rules(sold: Sold) -> AfterSales | None:
    return next((one for one in sold.catalogue.after_sales if one.id == sold.product.after_sales), None)


def _find_step(steps: Sequence[AfterSalesStep], part: Part, now: datetime) -> AfterSalesStep | None:
    """Find the first step whose limit still holds."""
    for step in steps:
        if step.until_seconds is None:
            if part.valid_until is None or now < part.valid_until:
                return step
        elif part.valid_from is None or now <= part.valid_from - timedelta(seconds=step.until_seconds):
            return step
    return None


def _find_rest(orders: Orders, part: Part, sold: Sold | None, rules: AfterSales, uses: Uses | None) -> tuple[int, str]:
    """Return what of a price is unused, as its rules count it."""
    used = 0 if uses is None else uses.count
    begun = part.valid_from is not None and orders.now >= part.valid_from
    if not used and not begun:
        return part.cents, "in_time"
    rides = None if sold is None else sold.product.rides
    if rules.partly is Partly.RIDES_LEFT and rides:
        return part.cents * max(0, rides - used) // rides, "partly"
    if rules.partly in {Partly.DAYS_LEFT, Partly.MONTHS_LEFT} and part.earn_from is not None and part.earn_days:
        gone = (earnings.today(orders.now) - part.earn_from).days + 1
        days = part.earn_days
        if rules.partly is Partly.MONTHS_LEFT:
            months = max(1, round(days / 30.4375))
            gone_months = min(months, -(-max(0, gone) * months // days))
            return part.cents * (months - gone_months) // months, "partly"
        return part.cents * max(0, days - max(0, gone)) // days, "partly"
    if used:
        raise Refused(f"{part.product} was used; it is not given back in part", code="not_refundable")
    return part.cents, "in_time"


# ── confirmed ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def waive(orders: Orders, order: Order, ids: Sequence[str] | None, cents: int | None) -> list[Quoted]:
    """Quote a refund by the staff's own judgement: against the rules, up to what was paid.

    Raises
    ------
    Forbidden
        To everybody but the staff; above `ALONE_UP_TO` to one alone (finance may).
    """
    if not orders.buyer.staff:
        raise Forbidden("only the staff gives back more than the rules do", code="role_required")
    chosen = _choose(order, ids)
    total = sum(part.cents for part in chosen)
    wanted = total if cents is None else min(cents, total)
    if wanted > ALONE_UP_TO and orders.buyer.role not in {"finance", "admin"}:
        raise Forbidden(
            f"a desk gives back up to {ALONE_UP_TO} cents by its own judgement, not {wanted}; ask finance",
            code="role_required",
        )
    quoted, given, before = [], 0, 0
    for part in chosen:
        before += part.cents
        share = wanted * before // total - given if total else 0
        given += share
        quoted.append(Quoted(part, share, part.cents - share, "waived"))
    return quoted


def confirm(
    orders: Orders, order: Order, quoted: Sequence[Quoted], *, left: Sequence[Left] = (), why: str
) -> list[str]:
    """Give parts back as they were quoted, and leave rides, in the caller's transaction.

    Returns
    -------
    list of str
        Refunds of payments, to be carried out after the commit.
    """
    give_back(orders, order, quoted, left=left, towards=books.REFUNDS)
    cents = sum(one.cents for one in quoted)
    refunds, cash = pay_back(orders, order, cents)
    store.add_refund(
        driver(orders.session),
        f"r{secrets.token_urlsafe(12)}",
        order.id,
        parts={one.part.id: one.cents for one in quoted},
        fee=sum(one.kept for one in quoted),
        why=why,
        payments=refunds,
        by=orders.buyer.name,
        at=orders.now,
    )
    parts = [one.part for one in quoted]
    orders.move_parts(parts, PartState.REFUND_ONGOING if refunds else PartState.REFUNDED)
    details = {"cents": cents, "cash": cash, "why": why}
    if left:
        details["rides"] = [one.ride.number for one in left]
    orders.note(orders.get(order.id), "refund", details=details)
    return refunds


def give_back(
    orders: Orders, order: Order, quoted: Sequence[Quoted], *, left: Sequence[Left] = (), towards: str
) -> None:
    """Take parts back: their tickets end, their rides are free, the books say who is owed."""
    session, now, by = orders.session, orders.now, orders.buyer.name
    why = "refunded" if towards == books.REFUNDS else "exchanged"
    tickets.void(session, [one.part.ticket for one in quoted if one.part.ticket], why=why, now=now)
    debts = _leave_rides(orders, order, [one.part for one in quoted], left)
    for one in quoted:
        part = one.part
        if part.kind is PartKind.ADMISSION:
            kept = books.refund_part(session, order, part, one.cents, towards=towards, key="given_back", by=by, at=now)
            store.set_given_back(driver(session), part.id, one.cents, part.net)
            if kept:
                day = earnings.today(now)
                revenue_store.add_revenue(driver(session), day, part.product, part.split, kept)
        else:
            books.refund_booking(
                session, order, part, one.cents, debts[part.rides[0]], towards=towards, key="given_back", by=by, at=now
            )
            store.set_given_back(driver(session), part.id, one.cents, part.earned)


def _leave_rides(orders: Orders, order: Order, parts: Sequence[Part], left: Sequence[Left]) -> dict[int, str]:
    """Cancel the booked rides of parts, and those that are left; return whom the ledger names for each."""
    numbers = {number for part in parts for number in part.rides} | {one.ride.number for one in left}
    debts: dict[int, str] = {}
    legs: list[str] = []
    for ride in order.rides:
        if ride.number not in numbers or ride.booking is None:
            continue
        debt = orders.find_debt(ride)
        assert debt is not None
        debts[ride.number] = debt[0]
        if not _is_waiting(orders, ride) and not orders.is_called_off(ride):
            continue
        covers.take_back(orders, order, ride)
        paying = [part.kind for part in order.parts if ride.number in part.rides]
        if paying and all(kind is PartKind.ADMISSION for kind in paying):
            product = next(part.product for part in parts if ride.number in part.rides)
            books.pay_penalty(
                orders.session, order, _cost_of_leaving(orders, ride), debt[0], product,
                key=f"ride{ride.number}", by=orders.buyer.name, at=orders.now,
            )  # fmt: skip
        if ride.kind == "on_demand":
            legs += [ride.booking] if _is_waiting(orders, ride) else []
        else:
            orders.give_seat_back(ride.booking)
    if legs and order.booking is not None and orders.places.supply is not None:
        bookings = Bookings(
            orders.session, orders.places.supply, orders.places.key, orders.caller_of(order), orders.now
        )
        bookings.cancel(order.booking, legs, reason="refunded")
    return debts


def pay_back(orders: Orders, order: Order, cents: int) -> tuple[list[str], int]:
    """Send cents back the ways they came: cards first, then the desk's till; return refunds, and cents of the till.

    What was given for the order in exchange came with the payments of the order before it.
    """
    session, now = orders.session, orders.now
    connection = driver(session)
    refunds: list[str] = []
    payer: Order | None = order
    while payer is not None and cents:
        known = payments_store.list_payments(connection, "order", payer.id)
        back = payments_store.list_refunds(connection, [one.id for one in known])
        for payment in known:
            if payment.state is not PaymentState.SUCCEEDED:
                continue
            spent = sum(one.cents for one in back if one.payment == payment.id and one.state is not RefundState.FAILED)
            share = min(cents, payment.cents - spent)
            if share <= 0:
                continue
            made = payments.pay_back(session, payment, share, reason="requested", now=now)
            refunds.append(made.id)
            cents -= share
            if payer.id != order.id:
                books.move_owed(session, order, payer, share, key=made.id, by=orders.buyer.name, at=now)
        payer = None if payer.exchanges is None else store.get_order(connection, payer.exchanges)
    if cents:
        key = f"refund{int(now.timestamp())}.{len(store.list_refunds(connection, order.id))}"
        books.hand_back(session, order, cents, key=key, by=orders.buyer.name, at=now)
    return refunds, cents
