"""Files a browser fetches: our own and, when set up, those of npm packages. Read, compressed once, cached for ever.

An address holds the content's digest (ours) or the package's version (vendor), so it never changes its meaning and a
slow line never fetches the same bytes twice.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.responses import Response

from mobigo.kit.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

log = structlog.get_logger()

STATIC = Path(__file__).parent / "static"

SETUP = "npm ci --ignore-scripts && python tools/vendor"
"""What brings the browser files of a clone."""

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
"""By suffix; a file of another kind is not served."""

FOREVER = "public, max-age=31536000, immutable"
SMALLEST_GZIP = 600
"""Bytes under which compressing gains nothing."""


@dataclass(frozen=True)
class Asset:
    """One file as it is served."""

    media_type: str
    body: bytes
    gzipped: bytes | None


@dataclass(frozen=True)
class Assets:
    """All files of one installation, by their path after ``/static/``."""

    files: Mapping[str, Asset]
    digest: str
    """Of our own files; the first part of their path."""
    packages: Mapping[str, str]
    """Folder of each npm package that is there, by name."""

    def own(self, name: str) -> str:
        """Return the address of a file of ours."""
        return f"/static/{self.digest}/{name}"

    def vendor(self, package: str, name: str) -> str:
        """Return the address of a file of an npm package that is there."""
        return f"/static/vendor/{self.packages[package]}/{name}"


def read_assets(folder: Path = STATIC) -> Assets:
    """Read our files and, from the folder ``vendor``, those of npm packages; say how to get them when it is empty."""
    own = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in MEDIA_TYPES}
    digest = hashlib.sha256(b"".join(name.encode() + body for name, body in own.items())).hexdigest()[:12]
    files = {f"{digest}/{name}": _asset(name, body, None) for name, body in own.items()}
    manifest = folder / "vendor" / "manifest.json"
    if not manifest.exists():
        log.warning("no map in pages: browser files are not installed", remedy=SETUP)
        return Assets(files, digest, {})
    packages = json.loads(manifest.read_text())["packages"]
    for package in packages:
        for name in package["files"]:
            path = folder / "vendor" / package["folder"] / name
            if path.suffix in MEDIA_TYPES:
                gz = path.with_name(f"{name}.gz")
                ready = gz.read_bytes() if gz.exists() else None
                files[f"vendor/{package['folder']}/{name}"] = _asset(name, path.read_bytes(), ready)
    return Assets(files, digest, {package["name"]: package["folder"] for package in packages})


def _asset(name: str, body: bytes, gzipped: bytes | None) -> Asset:
    media_type = MEDIA_TYPES[Path(name).suffix]
    if gzipped is None and not media_type.startswith("font/") and len(body) >= SMALLEST_GZIP:
        gzipped = gzip.compress(body, 9, mtime=0)
    return Asset(media_type, body, gzipped)


def serve(request: Request, assets: Assets, path: str) -> Response:
    """Answer with a file, compressed when the browser takes it.

    Raises
    ------
    NotFound
        When no such file is installed.
    """
    asset = assets.files.get(path)
    if asset is None:
        raise NotFound(f"no file {path!r} in this version; reload the page")
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if asset.gzipped is not None and takes_gzip(request):
        return Response(asset.gzipped, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(asset.body, media_type=asset.media_type, headers=headers)


def takes_gzip(request: Request) -> bool:
    """Tell whether the browser reads gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")
