"""The map's tiles, cut out of the database as they are asked for: OpenStreetMap's ground, our lines and stops."""

import gzip
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from mobigo.db.session import Database
from mobigo.kit.errors import InvalidInput
from mobigo.web import store
from mobigo.web.assets import takes_gzip
from mobigo.web.html import READ

router = APIRouter(prefix="/tiles", include_in_schema=False)

MVT = "application/vnd.mapbox-vector-tile"

LASTING = "public, max-age=31536000, immutable"
PASSING = "public, max-age=300"

Zoom = Annotated[int, Path(ge=0, le=22)]
Step = Annotated[int, Path(ge=0)]
Version = Annotated[str, Query(max_length=100)]

KEPT_ZOOM = 12
"""Tiles up to here show much of the region, and everybody asks for them."""
KEPT_BYTES = 32_000_000

Key = tuple[str, str, int, int, int]
"""Layer, version of what it is cut from, zoom, column, row."""


@dataclass
class Kept:
    """Tiles of wide views, compressed; when there are too many, those not asked for longest go."""

    _tiles: OrderedDict[Key, bytes] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: Key, cut: Callable[[], bytes]) -> bytes:
        """Return a tile; cut it if it is not there."""
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
        tile = _pack(cut())
        with self._lock:
            self._bytes += len(tile) - len(self._tiles.get(key, b""))
            self._tiles[key] = tile
            while self._bytes > KEPT_BYTES:
                self._bytes -= len(self._tiles.popitem(last=False)[1])
        return tile


@router.api_route("/ground.json", methods=READ)
def ground(request: Request, session: Database) -> dict[str, object]:
    """Say what the map may ask for, and where it should look first."""
    found = store.read_ground(session)
    return {
        "base": f"/tiles/base/{{z}}/{{x}}/{{y}}.mvt?v={found.version or ''}",
        "stops": f"/tiles/stops/{{z}}/{{x}}/{{y}}.mvt?v={_network_version(request)}",
        "minzoom": store.FIRST_ZOOM,
        "maxzoom": store.LAST_ZOOM,
        "bounds": found.bounds,
        "attribution": "© OpenStreetMap contributors",
    }


@router.api_route("/base/{z}/{x}/{y}.mvt", methods=READ)
def base_tile(request: Request, session: Database, z: Zoom, x: Step, y: Step, *, v: Version = "") -> Response:
    """Answer with a tile of the base map; with the version of the extract in its address it is kept for ever."""
    _check(z, x, y)
    current = str(store.find_extract(session) or "")
    return _answer(request, ("base", v, z, x, y), lambda: store.read_base_tile(session, z, x, y), fresh=v == current)


@router.api_route("/stops/{z}/{x}/{y}.mvt", methods=READ)
def stops_tile(request: Request, session: Database, z: Zoom, x: Step, y: Step, *, v: Version = "") -> Response:
    """Answer with a tile of stops and lines; with the version of the network in its address it is kept for ever."""
    _check(z, x, y)
    fresh = v == _network_version(request)
    return _answer(request, ("stops", v, z, x, y), lambda: store.read_network_tile(session, z, x, y), fresh=fresh)


def _network_version(request: Request) -> str:
    network = request.app.state.networks.find_current()
    return str(network.manifest.version) if network else ""


def _check(z: int, x: int, y: int) -> None:
    if max(x, y) >= 2**z:
        raise InvalidInput(f"no tile {z}/{x}/{y}: at zoom {z} columns and rows go from 0 to {2**z - 1}")


def _answer(request: Request, key: Key, cut: Callable[[], bytes], *, fresh: bool) -> Response:
    """Answer with a tile; `fresh` says that the version asked for is the one in service."""
    lasting = fresh and bool(key[1])
    kept: Kept = request.app.state.tiles
    tile = kept.get(key, cut) if lasting and key[2] <= KEPT_ZOOM else _pack(cut())
    etag = f'"{sha256(tile).hexdigest()[:20]}"'
    headers = {"Cache-Control": LASTING if lasting else PASSING, "ETag": etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    if tile and takes_gzip(request):
        return Response(tile, media_type=MVT, headers={**headers, "Content-Encoding": "gzip"})
    return Response(gzip.decompress(tile) if tile else b"", media_type=MVT, headers=headers)


def _pack(tile: bytes) -> bytes:
    """Compress a tile; an empty one stays empty."""
    return gzip.compress(tile, 5, mtime=0) if tile else b""
