"""Fares that loaded feeds bring: published with the feed, and again only when they change."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.fares.test_gtfs import BASE, archive

from mobigo.db.engine import libpq_conninfo
from mobigo.fares import store
from mobigo.fares.service import find_in_force, list_in_force, publish_feed
from mobigo.kit.errors import NotFound
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.fares.catalogue import Catalogue

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
TODAY = NOW.date()
NEXT = date(2026, 11, 24)

PRODUCTS = "fare_product_id,amount,currency\none,1.50,EUR"
RULES = "fare_product_id,rule_priority\none,"


def in_force(url: str, source: str, day: date = TODAY) -> Catalogue | None:
    with psycopg.connect(libpq_conninfo(url)) as connection:
        return find_in_force(connection, day, source)


def publish(url: str, source: str, today: date = TODAY) -> tuple[int, list[str]] | None:
    with psycopg.connect(libpq_conninfo(url)) as connection:
        return publish_feed(connection, source, now=NOW, today=today)


def test_fares_come_with_their_feed(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no feed 'x' is in service"):
        publish(database_url, "x")
    load_gtfs(archive(tmp_path, fare_products=PRODUCTS, fare_leg_rules=RULES), "x", database_url, now=NOW)
    found = publish(database_url, "x")
    assert found is not None
    assert found[1] == []
    assert publish(database_url, "x", NEXT) is None  # nothing changed
    catalogue = in_force(database_url, "x")
    assert catalogue is not None
    assert catalogue.tariffs[0].priorities  # the column is there, though empty
    assert catalogue.valid_from == date(2026, 1, 1)  # the feed's first day
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        assert [one.id for one in list_in_force(connection, TODAY)] == ["x"]


def test_a_feed_that_changes_its_prices_or_loses_them_gets_a_new_version(database_url: str, tmp_path: Path) -> None:
    load_gtfs(archive(tmp_path, fare_products=PRODUCTS, fare_leg_rules=RULES), "x", database_url, now=NOW)
    publish(database_url, "x")
    dearer = archive(tmp_path, "2.zip", fare_products=PRODUCTS.replace("1.50", "1.80"), fare_leg_rules=RULES)
    load_gtfs(dearer, "x", database_url, now=NOW)
    publish(database_url, "x", NEXT)
    today, tomorrow = in_force(database_url, "x"), in_force(database_url, "x", NEXT)
    assert today is not None
    assert tomorrow is not None
    assert [one.products[0].prices[0].cents for one in (today, tomorrow)] == [150, 180]
    load_gtfs(archive(tmp_path, "3.zip", agency=BASE["agency"].replace("Bus", "Cars")), "x", database_url, now=NOW)
    publish(database_url, "x", NEXT)
    gone = in_force(database_url, "x", NEXT)
    assert gone is not None
    assert gone.products == ()
    assert publish(database_url, "x", NEXT) is None
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        assert len(store.list_versions(connection, "x")) == 3


@pytest.mark.parametrize(("name", "products"), [("transcollines", 3), ("ctran", 22)])
def test_real_feeds_with_fares_are_loaded(database_url: str, test_data: Path, name: str, products: int) -> None:
    report = load_gtfs(test_data / f"fares/{name}.gtfs.zip", name, database_url, now=NOW)
    assert report.status == "active", report.as_text()
    found = publish(database_url, name)
    assert found is not None
    assert found[1] == []
    catalogue = in_force(database_url, name)
    assert catalogue is not None
    assert len(catalogue.products) == products
