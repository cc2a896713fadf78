"""The bundle for devices is made here, by the process that has the keys, whenever what it holds has changed."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mobigo.fares import service as fares
from mobigo.kit.errors import Unavailable
from mobigo.tickets import bundle as bundles
from mobigo.tickets import devices_store, keys_store, store
from mobigo.tickets.bundle import ANY, CARD, Bundle, Extract, FareNetwork
from mobigo.tickets.devices_store import BundleRow
from mobigo.tickets.keys import Use
from mobigo.tickets.railway import LOCAL

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection

    from mobigo.tickets.signer import Signer

LASTS = timedelta(days=7)
"""How long a device may go on without being told anew before it says so."""

RENEWED = timedelta(hours=12)
"""After which a bundle is made anew though nothing has changed."""

KEPT = 20
"""Bundles from which a device is told only what has changed."""


def make(connection: Connection[Any], signer: Signer, now: datetime) -> int | None:
    """Make a bundle if there is something new to say; return its number, or None.

    Raises
    ------
    Unavailable
        ``no_signing_key``.
    """
    connection.execute("LOCK TABLE ticket_bundle IN SHARE ROW EXCLUSIVE MODE")
    last = devices_store.find_bundle(connection)
    bundle = _gather(connection, 1 + (last.version if last else 0), now)
    said = bundles.digest(bundle)
    if last is not None and last.digest == said and now - last.made_at < RENEWED:
        return None
    key = signer.choose(connection, Use.BUNDLE, now)
    sign = signer.hold(key)
    payload = bundles.pack(bundle)
    deltas = {
        row.version: b64encode(
            bundles.seal(bundles.pack_delta(bundles.unpack(row.payload, None), bundle), key.kid, sign)
        ).decode()
        for row in devices_store.list_bundles(connection, KEPT)
    }
    sealed = bundles.seal(payload, key.kid, sign)
    row = BundleRow(bundle.version, bundle.made_at, bundle.valid_until, said, payload, key.kid, sealed)
    devices_store.add_bundle(connection, row, deltas, KEPT)
    return bundle.version


def _gather(connection: Connection[Any], version: int, now: datetime) -> Bundle:
    tickets, cards = dict[int, int](), set[bytes]()
    for one in store.list_denials(connection, now):
        if one.kind == "card":
            cards.add(one.value[:CARD])
        else:
            tickets[int.from_bytes(one.value)] = ANY if one.below is None else one.below
    return Bundle(
        version=version,
        made_at=now.replace(microsecond=0),
        valid_until=(now + LASTS).replace(microsecond=0),
        keys=tuple(keys_store.list_keys(connection, believed_at=now)),
        extract=_extract(connection, now),
        tickets=tickets,
        cards=frozenset(cards),
    )


def _extract(connection: Connection[Any], now: datetime) -> Extract:
    """Take what devices need from the catalogues in force; where two know an id, the region's counts."""
    listed = fares.list_in_force(connection, now.astimezone(LOCAL).date())[::-1]
    return Extract(
        products={one.id: (one.name.of("fr"), one.name.of("en")) for each in listed for one in each.products},
        networks={
            one.id: FareNetwork(
                frozenset(one.routes), frozenset(one.agencies), frozenset(one.sources), frozenset(map(str, one.kinds))
            )
            for each in listed
            for one in each.networks
        },
        areas={one.id: frozenset(one.stops) for each in listed for one in each.areas},
    )


@dataclass(frozen=True)
class Given:
    """What a device is handed."""

    version: int
    data: bytes | None
    """None: it has the newest."""


def hand_out(connection: Connection[Any], since: int | None) -> Given:
    """Return what a device needs that has a bundle, or none.

    Raises
    ------
    Unavailable
        When no bundle was made yet (``no_bundle``).
    """
    last = devices_store.find_bundle(connection)
    if last is None:
        raise Unavailable("no bundle was made yet; the worker makes one within a minute", code="no_bundle")
    if since == last.version:
        return Given(last.version, None)
    delta = None if since is None else devices_store.find_delta(connection, last.version, since)
    return Given(last.version, last.signed if delta is None else b64decode(delta))
