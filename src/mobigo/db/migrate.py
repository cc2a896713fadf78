"""Bring a database to the schema this program needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import mobigo
from mobigo.db.engine import SCHEMA, open_engine
from mobigo.kit.errors import Refused, Unavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

LOCK = 0x6D6F6269676F
"""Advisory lock of the database under which it is migrated ("mobigo" in ASCII)."""


def scripts_folder() -> Path:
    """Return the folder of the migrations: beside the package in a wheel, at the top level of a clone."""
    package = Path(mobigo.__file__).parent
    installed = package / "_data/alembic"
    return installed if installed.exists() else package.parents[1] / "alembic"


def upgrade(url: str) -> None:
    """Migrate a database to the newest revision, in one transaction; quick when it is there already.

    Raises
    ------
    Unavailable
        When nothing answers at this address.
    Refused
        When the database was migrated by a newer mobigo.
    """
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    engine = open_engine(url, pool_size=1)
    try:
        with engine.begin() as connection:
            if current_revision(connection) == scripts.get_current_head():
                return
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            revision = current_revision(connection)  # somebody may have migrated while we waited
            if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
                raise Refused(
                    f"the database is at revision {revision}, which this mobigo {mobigo.__version__} does not know; "
                    "run the newer mobigo that made it"
                )
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise Unavailable(f"no database answers at {engine.url!r}: {error.orig}") from None
    finally:
        engine.dispose()


def newest_revision() -> str | None:
    """Return the revision that this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts_folder()))
    return config


def current_revision(connection: Connection) -> str | None:
    """Return the revision a database is at; None before the first."""
    return MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA}).get_current_revision()
