"""The map's tiles, cut out of the database as they are asked for: OpenStreetMap's ground, our lines and stops."""

import gzip
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

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


@router.api_route("/ground.json", methods=READ)
def ground(session: Database) -> dict[str, object]:
    """Say what the map may ask for, and where it should look first."""
    found = store.read_ground(session)
    version = "" if found.version is None else f"?v={found.version}"
    return {
        "base": f"/tiles/base/{{z}}/{{x}}/{{y}}.mvt{version}",
        "stops": "/tiles/stops/{z}/{x}/{y}.mvt",
        "minzoom": store.FIRST_ZOOM,
        "maxzoom": store.LAST_ZOOM,
        "bounds": found.bounds,
        "attribution": "© OpenStreetMap contributors",
    }


@router.api_route("/base/{z}/{x}/{y}.mvt", methods=READ)
def base_tile(request: Request, session: Database, z: Zoom, x: Step, y: Step, *, v: int | None = None) -> Response:
    """Answer with a tile of the base map; with the extract's version in the address it is kept for ever."""
    _check(z, x, y)
    return _answer(request, store.read_base_tile(session, z, x, y), LASTING if v is not None else PASSING)


@router.api_route("/stops/{z}/{x}/{y}.mvt", methods=READ)
def stops_tile(request: Request, session: Database, z: Zoom, x: Step, y: Step) -> Response:
    """Answer with a tile of the stops and of the lines that join them."""
    _check(z, x, y)
    return _answer(request, store.read_network_tile(session, z, x, y), PASSING)


def _check(z: int, x: int, y: int) -> None:
    if max(x, y) >= 2**z:
        raise InvalidInput(f"no tile {z}/{x}/{y}: at zoom {z} columns and rows go from 0 to {2**z - 1}")


def _answer(request: Request, tile: bytes, caching: str) -> Response:
    etag = f'"{sha256(tile).hexdigest()[:20]}"'
    headers = {"Cache-Control": caching, "ETag": etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    if tile and takes_gzip(request):
        tile = gzip.compress(tile, 5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(tile, media_type=MVT, headers=headers)
