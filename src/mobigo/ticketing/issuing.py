"""From a paid part to its ticket, and to how its revenue will be earned and shared."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mobigo.fares import service as fares
from mobigo.fares.catalogue import MediumKind, ProductKind, Unit, ValidityMode
from mobigo.fares.extent import find_extent
from mobigo.fares.validity import span
from mobigo.ticketing.model import PartKind
from mobigo.tickets.model import Holder, Medium, Scope
from mobigo.tickets.model import Wanted as WantedTicket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy.orm import Session

    from mobigo.fares.catalogue import Catalogue, LegRule, Product
    from mobigo.ticketing.model import Order, Part, Ride

ZONE = ZoneInfo("Europe/Paris")
"""Of rides that no catalogue sells."""

UNUSED = timedelta(days=365)
"""After the sale, what counts from its first use is earned though nobody used it; it can be used until then."""

MEDIA = {MediumKind.PAPER: Medium.PAPER, MediumKind.CARD: Medium.CARD}

MARGIN = timedelta(hours=6)
"""After its arrival, a ticket for a booked ride is still good: vehicles are late."""

EARLY = timedelta(hours=2)
"""Before its departure it is good already."""


@dataclass(frozen=True)
class Sold:
    """A product as it was sold, with its catalogue."""

    catalogue: Catalogue
    product: Product


def find_sold(session: Session, part: Part) -> Sold | None:
    """Find the product of a part; None of rides at their service's own price."""
    if not part.version:
        return None
    catalogue = fares.get_catalogue(session, part.version)
    product = next((one for one in catalogue.products if one.id == part.product), None)
    return None if product is None else Sold(catalogue, product)


def want_ticket(order: Order, part: Part, sold: Sold | None) -> WantedTicket:
    """Say which ticket a part is to be issued as."""
    rides = [order.rides[n] for n in part.rides if n < len(order.rides)]
    since, until, lasts = _find_validity(order, part, sold, rides)
    personal = sold is not None and sold.product.personal
    name = order.contact.name if order.contact is not None else ""
    single = part.kind is not PartKind.ADMISSION or sold is None or sold.product.kind is ProductKind.SINGLE
    return WantedTicket(
        product=part.product,
        version=part.version,
        category=part.category,
        valid_from=since,
        valid_until=until,
        cents=part.cents,
        currency=order.currency,
        vat_permille=part.vat_permille,
        fellows=part.fellows,
        span=lasts,
        rides=len(rides) if single and rides else _count_rides(sold),
        use=lasts if single and (rides or lasts) else _find_window(sold),
        scope=_find_scope(part, sold, rides),
        holder=Holder(name) if personal and name else None,
        medium=_find_medium(part, sold),
        order=order.reference,
        account=order.account,
        item=part.id,
    )


def _count_rides(sold: Sold | None) -> int | None:
    """Return for how many rides something is good that was bought without a journey; None: they are not counted."""
    if sold is None:
        return None
    product = sold.product
    if product.kind is ProductKind.REDUCTION_CARD:
        return 0
    once = product.kind is ProductKind.SINGLE and product.validity.mode is not ValidityMode.FIRST_USE
    return product.rides or (1 if once else None)


def _find_validity(
    order: Order, part: Part, sold: Sold | None, rides: Sequence[Ride]
) -> tuple[datetime | None, datetime | None, timedelta | None]:
    if part.valid_from is not None and part.valid_until is not None:
        return part.valid_from, part.valid_until, None
    if sold is not None:
        validity = sold.product.validity
        begins = order.created_at.astimezone(ZoneInfo(sold.catalogue.timezone))
        if validity.mode is ValidityMode.FIRST_USE:
            first, end = span(validity, begins, ZoneInfo(sold.catalogue.timezone))
            exact = {Unit.MINUTE: timedelta(minutes=1), Unit.HOUR: timedelta(hours=1)}.get(validity.unit)
            lasts = validity.count * exact if exact is not None else end - first
            return None, order.created_at + UNUSED, lasts
        first, end = span(validity, begins, ZoneInfo(sold.catalogue.timezone))
        return first, end, None
    if rides:
        return rides[0].departure - EARLY, rides[-1].arrival + MARGIN, None
    return order.created_at, order.created_at + UNUSED, None


def _find_window(sold: Sold | None) -> timedelta | None:
    """Return within which time getting on again is a change and no further ride: the longest that is free."""
    if sold is None or not _count_rides(sold):
        return None
    windows = [
        rule.seconds or 0
        for tariff in sold.catalogue.tariffs
        for groups in ({leg.group for leg in tariff.legs if _is_covered(sold, leg)},)
        for rule in tariff.transfers
        if rule.product is None and rule.from_group in groups and rule.to_group in groups
    ]
    longest = max(windows, default=0)
    return timedelta(seconds=longest) if longest else None


def _is_covered(sold: Sold, leg: LegRule) -> bool:
    covers = sold.product.covers
    if covers is None:
        return leg.product == sold.product.id
    return not covers.networks or leg.network in covers.networks


def _find_scope(part: Part, sold: Sold | None, rides: Sequence[Ride]) -> Scope:
    if rides:
        booked = all(ride.booking for ride in rides)
        return Scope(
            agencies=() if booked else tuple(sorted({ride.agency for ride in rides if ride.agency})),
            routes=tuple(sorted({ride.route for ride in rides if ride.route})),
            origin=rides[0].board,
            destination=rides[-1].alight,
        )
    extent = None if sold is None else find_extent(sold.catalogue, sold.product)
    if extent is None:
        return Scope(areas=part.areas)
    return Scope(extent.networks, part.areas or extent.areas, extent.agencies, extent.routes)


def _find_medium(part: Part, sold: Sold | None) -> Medium:
    """Return what the ticket is on; cards are written by who hands them out, paper is what one can print."""
    kinds = {} if sold is None else {one.id: one.kind for one in sold.catalogue.media}
    kind = kinds.get(part.medium or "")
    found = Medium.PHONE if kind is None else MEDIA.get(kind, Medium.PHONE)
    return Medium.PAPER if found is Medium.CARD else found


def find_split(order: Order, part: Part, sold: Sold | None) -> dict[str, Any]:
    """Return what each operator does for a part, by the rides it is for: rides, metres, cents of the ride alone."""
    operators = {} if sold is None else {agency: one.id for one in sold.catalogue.operators for agency in one.agencies}
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for n in part.rides:
        if n >= len(order.rides):
            continue
        ride = order.rides[n]
        own = found[operators.get(ride.agency, ride.agency) or f"unknown:{ride.kind}"]
        own[0] += part.fellows
        own[1] += part.fellows * ride.metres
        own[2] += ride.alone
    return {operator: found[operator] for operator in sorted(found)}


def find_earning(order: Order, part: Part, sold: Sold | None, now: datetime) -> tuple[date, int]:
    """Return the first day on which a part's revenue is earned, and over how many days."""
    zone = ZONE if sold is None else ZoneInfo(sold.catalogue.timezone)
    rides = [order.rides[n] for n in part.rides if n < len(order.rides)]
    kind = None if sold is None else sold.product.kind
    if rides and kind not in {ProductKind.WEEK, ProductKind.MONTH, ProductKind.YEAR, ProductKind.PASS}:
        return rides[0].service_date, 1
    if part.valid_from is None or part.valid_until is None:
        return (now + UNUSED).astimezone(zone).date(), 1
    first = part.valid_from.astimezone(zone).date()
    last = (part.valid_until.astimezone(UTC) - timedelta(seconds=1)).astimezone(zone)
    starts = 0 if sold is None else sold.product.validity.day_starts
    end = (last - timedelta(seconds=starts)).date()
    return first, max(1, (end - first).days + 1)
