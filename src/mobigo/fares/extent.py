"""Where a product is good that is bought by itself, without a journey that says its rides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mobigo.fares.catalogue import ProductKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.fares.catalogue import Catalogue, LegRule, Product, ThroughFare

BOOKED = {ProductKind.ON_DEMAND, ProductKind.CARPOOL}
"""Rides that are bought with their booking only."""


@dataclass(frozen=True)
class Extent:
    """Where one may ride; an empty field leaves everything open."""

    networks: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    agencies: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()


def find_extent(catalogue: Catalogue, product: Product) -> Extent | None:
    """Tell where a product is good by itself; None where only a journey tells.

    Some say it themselves, others through the rules that name them: a rule for a whole network, a fare for all lines of
    an operator or for some lines. What is for one way, from an area to another or at certain hours, is not good
    anywhere by itself.
    """
    covers = product.covers
    if covers is not None:
        return Extent(covers.networks, covers.areas)
    if product.kind is ProductKind.REDUCTION_CARD:
        return Extent()
    if product.kind in BOOKED:
        return None
    legs = _list_legs(catalogue, product)
    throughs = [one for tariff in catalogue.tariffs for one in tariff.throughs if one.product == product.id]
    if legs and not throughs and all(_is_for_all(leg) for leg in legs):
        return Extent(networks=tuple(sorted({leg.network for leg in legs if leg.network})))
    return _find_extent_through(throughs) if throughs and not legs else None


def _find_extent_through(throughs: Sequence[ThroughFare]) -> Extent | None:
    rows = [row for through in throughs for row in through.rows]
    if rows:
        whole = all(through.rows and through.agency is None for through in throughs)
        plain = all(row.route and not (row.from_area or row.to_area or row.contains) for row in rows)
        return Extent(routes=tuple(sorted({row.route for row in rows if row.route}))) if whole and plain else None
    agencies = [through.agency for through in throughs if through.agency]
    return Extent(agencies=tuple(sorted(set(agencies)))) if len(agencies) == len(throughs) else None


def _list_legs(catalogue: Catalogue, product: Product) -> list[LegRule]:
    """List the rules by which a ride is travelled with a product."""
    return [leg for tariff in catalogue.tariffs for leg in tariff.legs if leg.product == product.id]


def _is_for_all(leg: LegRule) -> bool:
    """Whether a rule is for every ride of its network, at any hour."""
    return leg.network is not None and not (leg.from_area or leg.to_area or leg.from_timeframe or leg.to_timeframe)
