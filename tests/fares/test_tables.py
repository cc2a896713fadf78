"""Tables of prices and points of sale: out to a spreadsheet and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobigo.fares.catalogue import Channel, PriceRow, SalesPoint, Words
from mobigo.fares.demonstration import read_demonstration
from mobigo.fares.table_read import read_amount, read_table
from mobigo.fares.tables import write_amount, write_prices, write_sales_points
from mobigo.kit.errors import InvalidInput

CATALOGUE = read_demonstration()


def test_prices_come_back_as_they_went() -> None:
    assert read_table(write_prices(CATALOGUE), CATALOGUE) == CATALOGUE


def test_points_of_sale_come_back_as_they_went() -> None:
    assert read_table(write_sales_points(CATALOGUE.sales_points), CATALOGUE) == CATALOGUE


def test_a_spreadsheet_may_use_semicolons_and_commas() -> None:
    text = "product_id;category;amount;since;until\ncoach_day;;4,50;2027-01-01;\ncoach_day;youth;2;;2027-06-30\n"
    found = read_table(text, CATALOGUE)
    (day,) = [one for one in found.products if one.id == "coach_day"]
    assert day.prices == (
        PriceRow(450, since=date(2027, 1, 1)),
        PriceRow(200, category="youth", until=date(2027, 6, 30)),
    )
    assert [one for one in found.products if one.id != "coach_day"] == [
        one for one in CATALOGUE.products if one.id != "coach_day"
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "or no rows"),
        ("product_id,price\ncoach_day,1", "neither the columns product_id and amount"),
        ("product_id,amount\nboat,1", "line 2 of the table: product 'boat' is not in the catalogue"),
        ("product_id,amount\ncoach_day,1.005", "'1.005' is no amount in EUR"),
        ("product_id,amount\ncoach_day,one", "'one' is no amount in EUR"),
        ("product_id,amount,currency\ncoach_day,1,USD", "currency 'USD'; the catalogue is in EUR"),
        ("product_id,amount,since\ncoach_day,1,1/2/2027", "'1/2/2027' is not a day"),
        ("id,name,channel,lat,lon\na,A,ship,1,2", "channel 'ship' is none of web, app"),
        ("id,name,channel,lat,lon\na,A,desk,north,2", "lat and lon are degrees"),
        ("id,name,channel,lat,lon,wheelchair\na,A,desk,1,2,maybe", "'maybe' is none of yes, no and nothing"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as told:
        read_table(text, CATALOGUE)
    assert sentence in str(told.value)


def test_no_cell_is_a_formula() -> None:
    point = SalesPoint("a", "=HYPERLINK(1)", 4.0, -47.5, Channel.DESK, address="+1 rue", phone="+33 1")
    text = write_sales_points([point])
    assert "'=HYPERLINK(1)" in text
    assert ",-47.5," in text
    assert read_table(text, CATALOGUE).sales_points == (point,)
    named = replace(CATALOGUE.products[0], name=Words("@cmd", "@cmd"))
    assert "'@cmd" in write_prices(replace(CATALOGUE, products=(named,)))


@given(st.integers(-(10**7), 10**7), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_amounts_are_written_and_read_exactly(cents: int, currency: str) -> None:
    assert read_amount(write_amount(cents, currency), currency) == cents
    assert read_amount(write_amount(cents, currency).replace(".", ","), currency) == cents


@settings(max_examples=200)
@given(st.text(max_size=200) | st.builds("product_id,amount\n{}".format, st.text(max_size=50)))
def test_hostile_tables_never_end_in_a_traceback(text: str) -> None:
    try:
        read_table(text, CATALOGUE)
    except InvalidInput:
        return
