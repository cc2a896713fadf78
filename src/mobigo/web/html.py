"""How a page is rendered and sent: compressed, in the reader's language, allowed to load nothing from elsewhere."""

from __future__ import annotations

import gzip
import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from mobigo.web.assets import takes_gzip

if TYPE_CHECKING:
    from fastapi import Request

    from mobigo.web.words import Words

DEMONSTRATION = "demonstration"
"""Source of the feed whose timetables this project invented."""

READ = ["GET", "HEAD"]
"""Methods of everything that is only read."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:;"
    " font-src 'self'; connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
"""What a page may load: nothing from elsewhere. The nonce is for the lines' colours."""


def page(request: Request, template: str, speak: Words, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - templates take anything
    """Render a page, compressed when the browser takes it, allowed to load nothing from elsewhere."""
    nonce = secrets.token_urlsafe(12)
    fixed = "lang" in request.query_params
    path = request.url.path
    network = request.app.state.networks.find_current()
    shared = {
        "invented": network is not None and DEMONSTRATION in network.manifest.feeds,
        "words": speak,
        "assets": request.app.state.assets,
        "nonce": nonce,
        "lang_fixed": fixed,
        "url": lambda **changes: f"{path}?{urlencode({**request.query_params, **changes})}",
    }
    body = _templates().get_template(template).render({**shared, **values}).encode()
    headers = {
        "Content-Security-Policy": POLICY.format(nonce=nonce),
        "Content-Language": speak.language,
        "Cache-Control": "no-cache",
        "Vary": "Accept-Language, Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
    if takes_gzip(request):
        body = gzip.compress(body, 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, status, headers, media_type="text/html; charset=utf-8")


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
