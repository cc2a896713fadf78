"""The demonstration's prices: every kind of product, marked as examples."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from mobigo.fares import service, store
from mobigo.fares.document import read_toml
from mobigo.fares.store import REGION

if TYPE_CHECKING:
    from datetime import date, datetime

    from psycopg import Connection

    from mobigo.fares.catalogue import Catalogue

AUTHOR = "mobigo"
ORIGIN = "demonstration"


def read_demonstration() -> Catalogue:
    """Read the demonstration's catalogue, as it ships."""
    text = resources.files(__package__).joinpath("demonstration.toml").read_text("utf-8")
    return read_toml(text, id_=REGION)


def publish_demonstration(connection: Connection[Any], *, now: datetime, today: date) -> int | None:
    """Publish the demonstration's catalogue where the region has none, not even a draft.

    Returns
    -------
    int or None
        Its version; None where there is a catalogue already.
    """
    store.lock_series(connection, REGION)
    if store.list_versions(connection, REGION):
        return None
    version = service.draft_catalogue(connection, read_demonstration(), origin=ORIGIN, by=AUTHOR, now=now)
    return service.publish(connection, version.number, seen=version.revision, by=AUTHOR, now=now, today=today).number
