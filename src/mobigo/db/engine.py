"""Engine, sessions and names. All tables live in the schema ``mobigo``; PostGIS and its friends in ``public``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.conninfo import make_conninfo
from sqlalchemy import MetaData, create_engine, event
from sqlalchemy.engine import URL, make_url

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

SCHEMA = "mobigo"
"""The one schema of ours; dropping it removes all we stored and nothing else."""

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_index",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    },
)
"""Every room's tables; the names are those PostgreSQL itself would choose."""

POOL_SIZE = 16
"""Connections of one process; its threads never outnumber them."""


def normalise_url(url: str) -> URL:
    """Read a database URL, whatever dialect name it carries, as one for psycopg."""
    return make_url(url).set(drivername="postgresql+psycopg")


def open_engine(url: str, *, pool_size: int = POOL_SIZE) -> Engine:
    """Open the engine of a process; each connection looks first into our schema, in UTC."""
    engine = create_engine(normalise_url(url), pool_size=pool_size, max_overflow=0, pool_pre_ping=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET search_path TO {SCHEMA}, public")
        cursor.execute("SET timezone TO 'UTC'")
        cursor.close()
        connection.commit()

    return engine


def libpq_conninfo(url: str) -> str:
    """Return the same address for psycopg alone (COPY, LISTEN, job queue), with our search path."""
    plain = normalise_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return make_conninfo(plain, options=f"-csearch_path={SCHEMA},public -ctimezone=UTC")
