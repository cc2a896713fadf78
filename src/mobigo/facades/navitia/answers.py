"""What all answers have in common: context, pages, links, disruptions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast
from urllib.parse import quote, urlencode

import orjson
from fastapi import Depends, Request, Response

from mobigo.facades.navitia.catalogue import Catalogue
from mobigo.facades.navitia.errors import NavitiaError, unknown_object, write_error
from mobigo.facades.navitia.selection import COLLECTIONS, read_coord
from mobigo.facades.navitia.times import write_instant
from mobigo.facades.navitia.view import View
from mobigo.journeys.network import Network
from mobigo.kit.requests import Now

Json = dict[str, Any]

REGION = "mobigo"
"""The one coverage."""
LARGEST = 10_000_000
"""Bytes of an answer."""
MOST = 1000
"""Objects of a page, at most."""
LIST_PARAMETERS = (
    "forbidden_uris",
    "forbidden_id",
    "allowed_id",
    "first_section_mode",
    "last_section_mode",
    "direct_path_mode",
    "boundary_duration",
    "add_poi_infos",
    "type",
)
"""Parameters that are written with brackets."""


@dataclass(frozen=True)
class Around:
    """What every request starts from."""

    request: Request
    network: Network
    catalogue: Catalogue
    now: datetime

    @property
    def base(self) -> str:
        """Address of this API."""
        url = self.request.url
        return f"{url.scheme}://{url.netloc}{self.request.scope.get('root_path', '')}/v1"

    @property
    def coverage(self) -> str:
        """Address of the coverage."""
        return f"{self.base}/coverage/{REGION}"

    def view(self, *, running: bool = True, depth: int = 1, language: str = "fr-FR", quiet: bool = False) -> View:
        """Look at the network; see `View`."""
        spoken = "fr" if language.startswith("fr") else "en"
        view = View(self.network, self.catalogue, self.now, running=running, depth=depth, language=spoken)
        view.quiet = quiet
        return view

    def check_region(self, region: str) -> None:
        """Refuse a coverage that is not ours: neither its name nor a point in it.

        Raises
        ------
        NavitiaError
            ``unknown_object``.
        """
        point = read_coord(region)
        if point is None and region == REGION:
            return
        west, south, east, north = self.catalogue.box()
        if point is None:
            raise unknown_object(f"there is no coverage {region!r}; the one here is {REGION!r}, /coverage describes it")
        if not (west <= point.lon <= east and south <= point.lat <= north):
            raise unknown_object(f"no coverage holds the point {region!r}; /coverage describes the one here")


def _open_around(request: Request, now: Now) -> Around:
    network = request.app.state.networks.current()
    return Around(request, network, request.app.state.navitia.of(network), now)


Asker = Annotated[Around, Depends(_open_around)]
"""The network that serves, the time, and the request."""


def page_of(items: list[Any], start_page: int, count: int) -> tuple[list[Any], Json]:
    """Cut a page out of a list, and say which."""
    page = items[start_page * count : (start_page + 1) * count]
    return page, paginate(len(items), start_page, count, len(page))


def paginate(total: int, start_page: int, count: int, on_page: int) -> Json:
    """Say which page this is."""
    return {"start_page": start_page, "items_on_page": on_page, "items_per_page": count, "total_result": total}


def link_pages(around: Around, pagination: Json) -> list[Json]:
    """Link the pages around this one."""
    page, total, per = pagination["start_page"], pagination["total_result"], pagination["items_per_page"]
    last = max(0, (total - 1) // per) if per else 0
    targets = {"first": None, "last": last}
    if page > 0:
        targets["previous"] = page - 1
    if page < last:
        targets["next"] = page + 1
    return [
        {"href": again(around, {"start_page": None if at is None else str(at)}), "type": rel, "rel": rel}
        | {"templated": False}
        for rel, at in targets.items()
    ]


def again(around: Around, changes: Mapping[str, str | list[str] | None], path: str | None = None) -> str:
    """Return the address of the same question with other parameters; None leaves one out."""
    url = around.request.url
    kept = [(key, value) for key, value in around.request.query_params.multi_items() if key not in changes]
    for key, value in changes.items():
        kept += [(key, one) for one in ([value] if isinstance(value, str) else value or [])]
    query = urlencode(kept, safe=":;~")
    address = path if path is not None else f"{url.scheme}://{url.netloc}{quote(url.path, safe='/:;~')}"
    return f"{address}?{query}" if query else address


def link_objects(around: Around, kinds: Iterable[str]) -> list[Json]:
    """Link where the objects that an answer names are described."""
    collections = {kind: collection for collection, kind in COLLECTIONS.items()}
    return [
        {
            "href": f"{around.coverage}/{collections[kind]}/{{{kind}.id}}",
            "rel": collections[kind],
            "type": kind,
            "templated": True,
        }
        for kind in dict.fromkeys(kinds)
    ]


def answer(
    around: Around,
    view: View | None,
    items: Json,
    *,
    pagination: Json | None = None,
    links: Iterable[Json] = (),
    error: NavitiaError | None = None,
    notes: Iterable[str] = (),
) -> Response:
    """Write an answer.

    Parameters
    ----------
    view : View, optional
        Its disruptions are in the answer.
    items : dict
        What was asked for, by name.
    """
    zone = around.network.manifest.zone
    body: Json = {
        "links": [*links, *(link_pages(around, pagination) if pagination else ())],
        "disruptions": list(view.disruptions.values()) if view is not None else [],
        "notes": [
            {"id": f"note:{n}", "type": "notes", "category": "comment", "comment_type": "information", "value": text}
            for n, text in enumerate(notes, 1)
        ],
        "exceptions": [],
        "feed_publishers": publishers(around.network),
        "context": {"timezone": zone.key, "current_datetime": write_instant(around.now, zone)},
        **items,
    }
    if pagination is not None:
        body["pagination"] = pagination
    if error is not None:
        body["error"] = {"id": error.name, "message": str(error)}
    return respond(body, 200 if error is None else error.status)


def respond(body: Json, status: int = 200) -> Response:
    """Write JSON; what is too much for a client is refused."""
    content = orjson.dumps(body)
    if len(content) > LARGEST:
        said = (
            f"the answer has {len(content)} bytes, more than {LARGEST}; take smaller pages, a lower depth or duration"
        )
        return write_error(413, "bad_format", said)
    return Response(content, status, media_type="application/json")


def publishers(network: Network) -> list[Json]:
    """Name the feeds that a network was built from."""
    return [
        {"id": source, "name": str(told.get("name") or source), "url": "", "license": ""}
        for source, told in sorted(network.manifest.feeds.items())
    ]


def schema(**names: str) -> dict[int | str, dict[str, Any]]:
    """Describe an answer by what it holds, and errors, for OpenAPI.

    Parameters
    ----------
    names
        What the answer has, each with what it is.
    """
    usual = {
        "links": "HATEOAS links; those that are `templated` hold `{type.id}`",
        "disruptions": "What the objects' links of type `disruption` name",
        "context": "`timezone` of all date-times, and `current_datetime`",
    }
    properties = {
        name: {"type": "object" if name in OBJECTS else "array", "description": text}
        for name, text in (names | usual).items()
    }
    fault = {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "message": {"type": "string"}},
                "required": ["id", "message"],
            }
        },
        "required": ["error"],
    }
    told = {"content": {"application/json": {"schema": {"type": "object", "properties": properties}}}}
    return cast(
        "dict[int | str, dict[str, Any]]",
        {200: {"description": "The answer", **told}}
        | {
            status: {"description": text, "content": {"application/json": {"schema": fault}}}
            for status, text in (
                (400, "`bad_format`, `bad_filter`, `unknown_api`: the request is wrong, or cannot be honoured"),
                (404, "`unknown_object`, `date_out_of_bounds`, `no_origin`, ...: it is not there"),
                (503, "`service_unavailable`: not now"),
            )
        },
    )


OBJECTS = {"context", "pagination", "address"}
