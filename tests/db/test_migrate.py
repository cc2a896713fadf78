"""Migrations: once, whoever comes first, and never backwards over what a newer program made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.engine import make_url

from mobigo.db import migrate
from mobigo.db.engine import SCHEMA, libpq_conninfo, open_engine
from mobigo.kit.errors import Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.config import Config

FIRST_RELEASE = "0004_places"
"""The newest revision of release 0.1.0."""


@pytest.fixture
def bare_url(test_cluster: str) -> Iterator[str]:
    """Address of a database with nothing in it."""
    url = make_url(test_cluster)
    admin = libpq_conninfo(url.set(database="postgres").render_as_string(hide_password=False))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bare")
        yield url.set(database="bare").render_as_string(hide_password=False)
        connection.execute("DROP DATABASE bare WITH (FORCE)")


def test_programs_that_start_at_once_migrate_once(bare_url: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate.upgrade, [bare_url] * 3))
    with psycopg.connect(libpq_conninfo(bare_url)) as connection:
        assert connection.execute("SELECT version_num FROM mobigo.alembic_version").fetchall() == [
            (migrate.newest_revision(),)
        ]
        schemas = connection.execute(
            "SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            " AND tablename <> 'spatial_ref_sys'"
        ).fetchall()
    assert schemas == [("mobigo",)]  # nothing of ours elsewhere


def test_what_the_first_release_stored_survives_and_the_way_back_is_clean(bare_url: str) -> None:
    engine = open_engine(bare_url, pool_size=1)

    def step(go: Callable[[Config, str], None], revision: str) -> None:
        config = migrate._config()
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
            config.attributes["connection"] = connection
            go(config, revision)

    def read() -> tuple[object, object]:
        with psycopg.connect(libpq_conninfo(bare_url)) as connection:
            feeds = connection.execute("SELECT source FROM feed").fetchall()
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'mobigo'").fetchall()
        return feeds, sorted(tables)

    try:
        step(command.upgrade, FIRST_RELEASE)
        with psycopg.connect(libpq_conninfo(bare_url)) as connection:
            connection.execute("INSERT INTO feed VALUES ('ter', NULL)")
        before = read()
        migrate.upgrade(bare_url)
        assert read()[0] == [("ter",)]
        step(command.downgrade, FIRST_RELEASE)
        assert read() == before
    finally:
        engine.dispose()


def test_a_database_of_a_newer_program_is_left_alone(database_url: str) -> None:
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_future'")
    with pytest.raises(Refused, match="revision 9999_future, which this mobigo"):
        migrate.upgrade(database_url)


def test_an_address_where_nothing_answers_is_said_without_its_password(test_cluster: str) -> None:
    url = make_url(test_cluster).set(database="nowhere", password="secret")
    with pytest.raises(Unavailable, match="no database answers at postgresql") as raised:
        migrate.upgrade(url.render_as_string(hide_password=False))
    assert "secret" not in str(raised.value)


def test_connections_look_into_our_schema_in_utc(database_url: str) -> None:
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        seen = connection.execute("SELECT current_setting('search_path'), current_setting('timezone')").fetchone()
    assert seen == ("mobigo,public", "UTC")
