"""What a ride costs by the fares of a feed, where they say one price for a route whatever the place and hour."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mobigo.transit.flex_store import Row

FARES = (
    "route_networks", "rider_categories", "fare_products", "fare_leg_rules", "fare_attributes", "fare_rules",
)  # fmt: skip
"""Files that this reads."""

EURO = "EUR"
"""Prices here are whole cents of it."""


def find_fare(route: Row, tables: Mapping[str, list[Row]]) -> tuple[str | None, int | None]:
    """Find the fare of a route: its product, and what one ride of an adult costs.

    Returns
    -------
    str or None
        Id of the fare product (Fares v2) or fare (v1), where there is exactly one.
    int or None
        Cents; None where it is not in euros or depends on more than the route.
    """
    if tables.get("fare_leg_rules"):
        return _find_product(route, tables)
    return _find_plain_fare(route, tables)


def _find_product(route: Row, tables: Mapping[str, list[Row]]) -> tuple[str | None, int | None]:
    networks = {row["network_id"] for row in tables["route_networks"] if row["route_id"] == route["route_id"]}
    networks |= {route["network_id"]} - {None}
    rules = tables["fare_leg_rules"]
    own = [rule for rule in rules if rule["network_id"] in networks]
    # a rule without a network is of all networks that no rule names
    found = own or [rule for rule in rules if rule["network_id"] is None]
    depends = ("from_area_id", "to_area_id", "from_timeframe_group_id", "to_timeframe_group_id")
    products = {rule["fare_product_id"] for rule in found}
    if len(products) != 1 or any(rule[name] is not None for rule in found for name in depends):
        return None, None
    (product,) = products
    usual = {row["rider_category_id"] for row in tables["rider_categories"] if row["is_default_fare_category"] == 1}
    rows = [row for row in tables["fare_products"] if row["fare_product_id"] == product]
    of_adults = [row for row in rows if row["rider_category_id"] in usual | {None}] or rows
    return product, _one_price([(row["amount"], row["currency"]) for row in of_adults])


def _find_plain_fare(route: Row, tables: Mapping[str, list[Row]]) -> tuple[str | None, int | None]:
    rules = tables.get("fare_rules", [])
    fares = {row["fare_id"]: row for row in tables.get("fare_attributes", [])}
    ruled = {row["fare_id"] for row in rules}
    places = ("origin_id", "destination_id", "contains_id")
    own = {row["fare_id"] for row in rules if row["route_id"] == route["route_id"]}
    found = own or fares.keys() - ruled
    if len(found) != 1 or any(row[name] is not None for row in rules if row["fare_id"] in own for name in places):
        return None, None
    (fare,) = found
    if fare not in fares:
        return None, None
    return fare, _one_price([(fares[fare]["price"], fares[fare]["currency_type"])])


def _one_price(prices: list[tuple[Decimal, str]]) -> int | None:
    """Return the highest of several prices (by medium), in cents; None unless all are in euros."""
    if not prices or any(currency.upper() != EURO for _, currency in prices):
        return None
    return int(max(Decimal(amount) for amount, _ in prices) * 100)
