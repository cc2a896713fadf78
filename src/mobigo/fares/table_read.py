"""Tables that come back from a spreadsheet: prices and points of sale, as `fares.tables` writes them.

A comma, a semicolon or a tab stands between columns; amounts have a point or a comma. Columns are known by their names.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, NoReturn

from mobigo.fares.catalogue import Channel, PriceRow, SalesPoint
from mobigo.fares.tables import digits_of
from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from mobigo.fares.catalogue import Catalogue, Product

AMOUNT = re.compile(r"(-?)([0-9]{1,8})(?:[.,]([0-9]{1,5}))?")
MOST_ROWS = 20_000
WHEELCHAIR = {"": None, "yes": True, "no": False}


def read_table(text: str, catalogue: Catalogue) -> Catalogue:
    """Put a table of prices or of points of sale into a catalogue; which of both its columns say.

    Raises
    ------
    InvalidInput
        ``invalid_table``: with the line that cannot be read.
    """
    rows = _read_rows(text)
    names = rows[0][1].keys() if rows else set()
    if {"product_id", "amount"} <= names:
        return replace(catalogue, products=_put_prices(rows, catalogue))
    if {"id", "name", "channel", "lat", "lon"} <= names:
        return replace(catalogue, sales_points=tuple(_read_point(line, row) for line, row in rows))
    raise InvalidInput(
        "the table has neither the columns product_id and amount nor id, name, channel, lat and lon, or no rows; begin"
        " from prices.csv or sales-points.csv",
        code="invalid_table",
    )


def read_amount(text: str, currency: str) -> int | None:
    """Read money as people write it; None when it is none, or has more digits than its currency."""
    digits = digits_of(currency)
    found = AMOUNT.fullmatch(text.replace("\u2212", "-").replace("\u00a0", "").strip())
    decimals = (found[3] or "").rstrip("0") if found else ""
    if found is None or len(decimals) > digits:
        return None
    cents = int(found[2] + decimals.ljust(digits, "0"))
    return -cents if found[1] else cents


def _read_rows(text: str) -> list[tuple[int, dict[str, str]]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    found: list[tuple[int, dict[str, str]]] = []
    try:
        for row in reader:
            cells = {
                (name or "").strip(): _plain(value) for name, value in row.items() if isinstance(value, str | None)
            }
            if any(cells.values()):
                found.append((reader.line_num, cells))
            if len(found) > MOST_ROWS:
                _refuse(reader.line_num, f"more than {MOST_ROWS} rows")
    except csv.Error as error:
        _refuse(reader.line_num, str(error))
    return found


def _plain(value: str | None) -> str:
    """Return a cell without what keeps it from being a formula."""
    text = (value or "").strip()
    return text.removeprefix("'")


def _refuse(line: int, what: str) -> NoReturn:
    raise InvalidInput(f"line {line} of the table: {what}; correct it and send it again", code="invalid_table")


def _put_prices(rows: list[tuple[int, dict[str, str]]], catalogue: Catalogue) -> tuple[Product, ...]:
    known = {one.id for one in catalogue.products}
    prices: dict[str, list[PriceRow]] = defaultdict(list)
    for line, row in rows:
        product = row["product_id"]
        if product not in known:
            _refuse(line, f"product {product!r} is not in the catalogue")
        if row.get("currency", catalogue.currency) not in {"", catalogue.currency}:
            _refuse(line, f"currency {row['currency']!r}; the catalogue is in {catalogue.currency}")
        prices.setdefault(product, [])
        if row.get("up_to_metres") or row.get("amount_per_km"):
            continue  # by distance: of the catalogue's scales
        cents = read_amount(row["amount"], catalogue.currency)
        if cents is None:
            _refuse(line, f"{row['amount'][:40]!r} is no amount in {catalogue.currency}, as 1.50")
        prices[product].append(
            PriceRow(
                cents=cents,
                category=row.get("category") or None,
                medium=row.get("medium") or None,
                since=_read_day(line, row.get("since", "")),
                until=_read_day(line, row.get("until", "")),
            )
        )
    return tuple(
        replace(one, prices=(*(row for row in one.prices if row.scale is not None), *prices[one.id]))
        if one.id in prices
        else one
        for one in catalogue.products
    )


def _read_day(line: int, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        _refuse(line, f"{text[:40]!r} is not a day, as 2027-01-04")


def _read_point(line: int, row: dict[str, str]) -> SalesPoint:
    try:
        channel = Channel(row["channel"])
    except ValueError:
        _refuse(line, f"channel {row['channel'][:40]!r} is none of {', '.join(Channel)}")
    try:
        lon, lat = (float(row[name].replace(",", ".")) for name in ("lon", "lat"))
    except ValueError:
        _refuse(line, "lat and lon are degrees, as 47.4906 and 4.3347")
    wheelchair = row.get("wheelchair", "").lower()
    if wheelchair not in WHEELCHAIR:
        _refuse(line, f"wheelchair {wheelchair[:40]!r} is none of yes, no and nothing")
    return SalesPoint(
        id=row["id"],
        name=row["name"],
        lon=lon,
        lat=lat,
        channel=channel,
        address=row.get("address", ""),
        municipality=row.get("municipality", ""),
        hours=row.get("hours", ""),
        phone=row.get("phone") or None,
        url=row.get("url") or None,
        stop=row.get("stop_id") or None,
        products=tuple(row.get("products", "").split()),
        wheelchair=WHEELCHAIR[wheelchair],
    )
