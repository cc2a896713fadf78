"""Products, prices and points of sale as rows: for pages, CSV and GeoJSON."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from mobigo.fares.catalogue import Catalogue, DistanceScale, PriceRow, Product, SalesPoint

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


@dataclass(frozen=True)
class PriceLine:
    """What a product costs somebody on some day."""

    product: Product
    row: PriceRow
    scale: DistanceScale | None


def list_prices(catalogue: Catalogue, day: date | None = None) -> Iterator[PriceLine]:
    """List the prices of all products that hold on a day (None: on any), in the catalogue's order."""
    scales = {one.id: one for one in catalogue.scales}
    for product in catalogue.products:
        for row in product.prices:
            if day is None or holds(row, day):
                yield PriceLine(product, row, scales.get(row.scale or ""))


def holds(row: PriceRow, day: date) -> bool:
    """Whether a price is that of a day of travel."""
    return (row.since is None or row.since <= day) and (row.until is None or day <= row.until)


def is_sold(product: Product, day: date) -> bool:
    """Whether a product is sold on a day."""
    begun = product.sold_from is None or product.sold_from <= day
    return begun and (product.sold_until is None or day <= product.sold_until)


PRICE_COLUMNS = (
    "product_id", "name_fr", "name_en", "kind", "category", "medium", "since", "until", "currency", "amount",
    "up_to_metres", "amount_per_km", "minimum", "rounded_to", "vat_percent", "demonstration",
)  # fmt: skip


def write_prices(catalogue: Catalogue, day: date | None = None) -> str:
    """Write prices as CSV: a row for each, of a distance scale one for each band. Amounts have a decimal point."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(PRICE_COLUMNS)
    for line in list_prices(catalogue, day):
        product, row, scale = line.product, line.row, line.scale
        begin = (product.id, product.name.fr, product.name.of("en"), product.kind.value, row.category, row.medium,
                 row.since, row.until, catalogue.currency)  # fmt: skip
        end = (product.vat_permille / 10, int(catalogue.demonstration))
        money = partial(write_amount, currency=catalogue.currency)
        amounts: list[tuple[object, ...]] = [(money(row.cents or 0), None, None, None, None)]
        if scale is not None:
            least, step = money(scale.minimum), money(scale.step)
            amounts = [
                (money(one.cents), one.up_to, money(one.millicents_per_km / 1000, more=3), least, step)
                for one in scale.bands
            ]
        for columns in amounts:
            writer.writerow([guard(value) for value in (*begin, *columns, *end)])
    return out.getvalue()


POINT_COLUMNS = (
    "id", "name", "channel", "address", "municipality", "lat", "lon", "hours", "phone", "url", "stop_id", "products",
    "wheelchair",
)  # fmt: skip


def write_sales_points(points: Iterable[SalesPoint]) -> str:
    """Write points of sale as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(POINT_COLUMNS)
    for one in points:
        wheelchair = {None: "", True: "yes", False: "no"}[one.wheelchair]
        row = (one.id, one.name, one.channel.value, one.address, one.municipality, one.lat, one.lon, one.hours,
               one.phone, one.url, one.stop, " ".join(one.products), wheelchair)  # fmt: skip
        writer.writerow([guard(value) for value in row])
    return out.getvalue()


def draw_sales_points(points: Iterable[SalesPoint]) -> dict[str, Any]:
    """Return points of sale as GeoJSON."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": one.id,
                "geometry": {"type": "Point", "coordinates": [one.lon, one.lat]},
                "properties": {
                    "name": one.name,
                    "channel": one.channel.value,
                    "address": one.address,
                    "municipality": one.municipality,
                    "hours": one.hours,
                    "phone": one.phone,
                    "url": one.url,
                    "stop": one.stop,
                    "products": list(one.products),
                    "wheelchair": one.wheelchair,
                },
            }
            for one in points
        ],
    }


def guard(value: object) -> object:
    """Keep a text from being a formula of a spreadsheet; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(DANGEROUS) and not _is_number(value):
        return f"'{value}"
    return "" if value is None else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_amount(cents: float, currency: str, *, more: int = 0) -> str:
    """Write money with a decimal point and the digits of its currency (`more`: digits besides)."""
    digits = digits_of(currency)
    return f"{cents / 10**digits:.{digits + more}f}"


WITHOUT_CENTS = frozenset({
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
    "XAF", "XOF", "XPF",
})  # fmt: skip
THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Currencies whose minor unit is not a hundredth (ISO 4217)."""


def digits_of(currency: str) -> int:
    """Return how many digits a currency has after the point."""
    return 0 if currency in WITHOUT_CENTS else 3 if currency in THOUSANDTHS else 2
