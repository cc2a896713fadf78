"""What can be done with catalogues: draft, change, publish, take back, and find what is in force."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mobigo.db.session import driver
from mobigo.fares import store
from mobigo.fares.catalogue import Catalogue, Words
from mobigo.fares.document import read_document, write_document
from mobigo.fares.feed_rows import read_loaded
from mobigo.fares.gtfs_read import read_fares
from mobigo.fares.gtfs_write import write_fares
from mobigo.fares.store import REGION, State, Version
from mobigo.fares.table_read import read_table
from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.transit.flex_store import list_active_versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.fares.catalogue import Product
    from mobigo.fares.gtfs_write import FareFiles

SERIES = re.compile(r"[^:\s\x00-\x1f]{1,60}")
"""Names of catalogues, as of feeds."""

AUTHOR = "mobigo"
"""Who publishes what a feed brings, as the history says."""


def find_catalogue(session: Session, day: date, series: str = REGION) -> Catalogue | None:
    """Find the catalogue that is sold from on a day.

    The same object is returned as long as the same version is in force, so that what is made of it can be kept beside.
    """
    return find_in_force(driver(session), day, series)


def find_in_force(connection: Connection[Any], day: date, series: str = REGION) -> Catalogue | None:
    """Find the catalogue in force, on a connection of one's own; as `find_catalogue`."""
    version = store.find_in_force(connection, series, day)
    return None if version is None else store.read_catalogue(connection, version)


def list_in_force(connection: Connection[Any], day: date) -> tuple[Catalogue, ...]:
    """List the catalogues in force: the region's first, then those of feeds that bring their own fares, by name."""
    found = [store.read_catalogue(connection, one) for one in store.list_series(connection, day)]
    return tuple(sorted(found, key=lambda one: (one.id != REGION, one.id)))


def find_before(connection: Connection[Any], catalogue: Catalogue) -> Catalogue | None:
    """Find what a version takes the place of: what would be in force on its first day without it."""
    version = store.find_in_force(connection, catalogue.id, catalogue.valid_from, but=catalogue.version)
    return None if version is None else store.read_catalogue(connection, version)


def write_gtfs(connection: Connection[Any], catalogue: Catalogue, feeds: Sequence[str], day: date) -> FareFiles:
    """Write fares as files of GTFS for feeds in service; without any for those that its tariffs speak of, else for all.

    Raises
    ------
    NotFound
        ``unknown_feed``.
    """
    active = [source for source, _ in list_active_versions(connection)]
    named = {source for tariff in catalogue.tariffs for source in tariff.sources}
    wanted = feeds or [source for source in active if source in named] or active
    return write_fares(catalogue, [read_loaded(connection, source, whole=True) for source in wanted], day)


def get_catalogue(session: Session, version: int) -> Catalogue:
    """Return a version's content, also a draft's.

    Raises
    ------
    NotFound
        ``unknown_catalogue``.
    """
    connection = driver(session)
    return store.read_catalogue(connection, get_version(connection, version))


def get_product(session: Session, version: int, product: str) -> tuple[Catalogue, Product]:
    """Return a version's catalogue and a product of it as it was sold, also long ago.

    Raises
    ------
    NotFound
        ``unknown_catalogue``, ``unknown_product``.
    """
    catalogue = get_catalogue(session, version)
    return catalogue, find_product(catalogue, product)


def find_product(catalogue: Catalogue, product: str) -> Product:
    """Return a product of a catalogue.

    Raises
    ------
    NotFound
        ``unknown_product``.
    """
    found = next((one for one in catalogue.products if one.id == product), None)
    if found is None:
        raise NotFound(
            f"version {catalogue.version} of the fares has no product {product!r}; GET /v1/fares/products lists what is"
            " sold",
            code="unknown_product",
        )
    return found


def note_sold(session: Session, version: int, *, now: datetime) -> None:
    """Write down, in the transaction of a sale, that something was sold from a version: it is not taken back any more.

    Raises
    ------
    Conflict
        ``catalogue_taken_back``: the version was taken back before this sale.
    """
    connection = driver(session)
    found = store.find(connection, version)
    if found is not None and found.sold_at is not None:
        return  # it stays so: sales do not wait for each other here
    found = store.find(connection, version, lock=True)
    if found is None or found.state is not State.PUBLISHED:
        raise Conflict(
            f"version {version} of the fares is not sold from any more; ask for a new offer",
            code="catalogue_taken_back",
        )
    store.note_sold(connection, version, now=now)


# ── by the staff ──────────────────────────────────────────────────────────────────────────────────────────────────────


def get_version(connection: Connection[Any], number: int, *, lock: bool = False) -> Version:
    """Return a version; as `get_catalogue`."""
    found = store.find(connection, number, lock=lock)
    if found is None:
        raise NotFound(f"no version {number} of the fares; GET /v1/fares/versions lists them", code="unknown_catalogue")
    return found


def draft(
    connection: Connection[Any], document: Mapping[str, Any], *, series: str, origin: str, by: str, now: datetime
) -> Version:
    """Add a draft; nothing is sold from it before it is published.

    Raises
    ------
    InvalidInput
        ``invalid_catalogue``.
    """
    return draft_catalogue(connection, read_document(document, id_=series), origin=origin, by=by, now=now)


def draft_catalogue(
    connection: Connection[Any], catalogue: Catalogue, *, origin: str, by: str, now: datetime
) -> Version:
    """Add a draft of what was read and checked.

    Raises
    ------
    InvalidInput
        ``invalid_catalogue``: the series has a name that none can have.
    """
    if not SERIES.fullmatch(catalogue.id):
        raise InvalidInput(
            f"{catalogue.id[:60]!r} is no name of a catalogue; use up to 60 signs without colon and blanks",
            code="invalid_catalogue",
        )
    return store.add(
        connection,
        catalogue.id,
        write_document(catalogue),
        valid_from=catalogue.valid_from,
        origin=origin,
        by=by,
        now=now,
    )


def copy(connection: Connection[Any], number: int, *, valid_from: date | None, by: str, now: datetime) -> Version:
    """Add a draft with the content of another version, maybe from another day on; as `get_version`."""
    version = get_version(connection, number)
    document = store.read_content(connection, number)
    if valid_from is not None:
        document["valid_from"] = valid_from.isoformat()
    return draft(connection, document, series=version.series, origin=f"copy of version {number}", by=by, now=now)


def change(
    connection: Connection[Any], number: int, document: Mapping[str, Any], *, seen: int, by: str, now: datetime
) -> Version:
    """Replace the content of a draft.

    Raises
    ------
    NotFound, InvalidInput
        As `get_version` and `draft`.
    Refused
        ``catalogue_published``: published versions stay as they are.
    Conflict
        ``catalogue_changed``: somebody changed it since revision ``seen``.
    """
    version = _draft(connection, number, seen)
    catalogue = read_document(document, id_=version.series)
    return store.rewrite(
        connection, version, write_document(catalogue), valid_from=catalogue.valid_from, by=by, now=now
    )


def change_table(connection: Connection[Any], number: int, text: str, *, seen: int, by: str, now: datetime) -> Version:
    """Replace the prices, or the points of sale, of a draft by those of a table, as `fares.tables` writes it.

    Prices of products that the table does not name stay, as do those by distance.

    Raises
    ------
    NotFound, Refused, Conflict
        As `change`.
    InvalidInput
        ``invalid_table``: it cannot be read; ``invalid_catalogue``: what it says makes no catalogue.
    """
    version = _draft(connection, number, seen)
    catalogue = read_document(store.read_content(connection, number), id_=version.series)
    changed = write_document(read_table(text, catalogue))
    return change(connection, number, changed, seen=seen, by=by, now=now)


def delete(connection: Connection[Any], number: int, *, by: str, now: datetime) -> None:
    """Delete a draft; as `change`."""
    store.delete(connection, _draft(connection, number, None), by=by, now=now)


def publish(
    connection: Connection[Any], number: int, *, seen: int | None, by: str, now: datetime, today: date
) -> Version:
    """Publish a draft: from its first day on tickets are sold from it.

    Raises
    ------
    NotFound, Refused, Conflict
        As `change`.
    InvalidInput
        ``catalogue_in_the_past``: it would change what was sold on days that are over.
    """
    version = _draft(connection, number, seen)
    store.lock_series(connection, version.series)
    before = store.find_in_force(connection, version.series, today)
    if before is not None and version.valid_from < today:
        raise InvalidInput(
            f"version {number} begins on {version.valid_from}, and until today ({today}) version {before.number} was"
            " sold from; set valid_from to today or later",
            code="catalogue_in_the_past",
        )
    read_document(store.read_content(connection, number), id_=version.series, version=number)
    return store.publish(connection, version, by=by, now=now)


def publish_feed(
    connection: Connection[Any], source: str, *, now: datetime, today: date
) -> tuple[int, list[str]] | None:
    """Publish the fares that a feed in service brings, as the series of its name, where they changed.

    The first ones hold from the feed's first day, those that take their place from today.

    Returns
    -------
    (int, list of str) or None
        The new version, and what of the feed it leaves out; None where the feed has no fares, or the same as before.
        Of a feed that has none any more an empty one is published: its rides have no price then.

    Raises
    ------
    NotFound
        ``unknown_feed``.
    InvalidInput
        ``invalid_catalogue``: no catalogue can be made of them.
    """
    rows = read_loaded(connection, source)
    store.lock_series(connection, source)
    before = store.find_in_force(connection, source, today)
    if before is None and not rows.speaks_of_fares:
        return None
    begins = today if before is not None or rows.first_day is None else min(today, rows.first_day)
    first = begins if before is None else before.valid_from
    if rows.speaks_of_fares:
        catalogue, notes = read_fares(rows, valid_from=first)
    else:
        catalogue, notes = Catalogue(id=source, version=0, name=Words(f"Sans tarifs ({source})"), valid_from=first), []
    if before is not None and store.read_content(connection, before.number) == write_document(catalogue):
        return None
    version = draft_catalogue(
        connection, replace(catalogue, valid_from=begins), origin=f"fares of feed {source}", by=AUTHOR, now=now
    )
    publish(connection, version.number, seen=version.revision, by=AUTHOR, now=now, today=today)
    return version.number, notes


def take_back(connection: Connection[Any], number: int, *, by: str, now: datetime) -> Version:
    """Make a draft again of what was published by mistake.

    Raises
    ------
    NotFound
        As `get_version`.
    Refused
        ``catalogue_sold``: something was sold from it; ``catalogue_not_published``.
    """
    version = get_version(connection, number, lock=True)
    if version.state is not State.PUBLISHED:
        raise Refused(f"version {number} of the fares is a draft; nothing to take back", code="catalogue_not_published")
    if version.sold_at is not None:
        raise Refused(
            f"something was sold from version {number} of the fares on {version.sold_at:%Y-%m-%d}; it stays. Publish a"
            " new version from a copy of the one before (POST /v1/fares/versions with copy)",
            code="catalogue_sold",
        )
    return store.take_back(connection, version, by=by, now=now)


def _draft(connection: Connection[Any], number: int, seen: int | None) -> Version:
    version = get_version(connection, number, lock=True)
    if version.state is not State.DRAFT:
        raise Refused(
            f"version {number} of the fares is published and stays as it is; change a copy of it"
            " (POST /v1/fares/versions with copy)",
            code="catalogue_published",
        )
    if seen is not None and version.revision != seen:
        raise Conflict(
            f"version {number} of the fares is at revision {version.revision}, not at {seen}; read it again and repeat"
            " the change",
            code="catalogue_changed",
        )
    return version
