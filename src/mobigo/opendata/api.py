"""HTTP: the open-data platform for programs. No key, no limit, permanent addresses; HEAD wherever GET is."""

from dataclasses import replace
from datetime import date, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, cast
from xml.etree.ElementTree import Element, SubElement, tostring

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from mobigo.db.session import Database, driver
from mobigo.kit.errors import NotFound
from mobigo.kit.problems import problems
from mobigo.opendata import store
from mobigo.opendata.answers import register_read, send_file, send_model, send_text
from mobigo.opendata.live_sets import find_any_standing, list_all_standings
from mobigo.opendata.making import Publisher
from mobigo.opendata.model import Severity, Standing, Version

if TYPE_CHECKING:
    from mobigo.opendata.catalogue_texts import CatalogueTexts

router = APIRouter(prefix="/opendata", tags=["open data"])

DatasetId = Annotated[str, Path(pattern=r"^[a-z0-9][A-Za-z0-9_.~-]{0,99}$", examples=["gtfs"])]
FileName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$", examples=["gtfs.zip"])]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
FEED = 50
"""Entries of the Atom feed."""


class OpenFile(BaseModel):
    """A file of a version."""

    name: str
    format: str = Field(description="As catalogues say it", examples=["GTFS"])
    media_type: str
    bytes: int | None = Field(description="null of what is written anew all the time")
    sha256: str | None = Field(description="Likewise")
    url: str = Field(description="Permanent: of this data set's newest version")
    version_url: str | None = Field(
        description="Permanent: of this version, for good; null of what is written anew all the time"
    )


class OpenProblem(BaseModel):
    """Something a validator found."""

    validator: str
    code: str
    severity: Severity
    count: int
    sample: str


class OpenVersion(BaseModel):
    """A version of a data set."""

    number: int
    made_at: datetime
    licence: str = Field(description="SPDX id, or `unstated`")
    attributions: list[str]
    first_day: date | None
    last_day: date | None
    extent: tuple[float, float, float, float] | None = Field(description="West, south, east, north")
    counts: dict[str, int] = Field(description="Rows by table")
    features: dict[str, bool] = Field(description="What is in it, and what is missing")
    changed: dict[str, dict[str, int]] = Field(description="Rows by table, before and after, where they differ")
    problems: list[OpenProblem] = Field(description="What validators said, errors first")
    files: list[OpenFile]


class OpenDataset(BaseModel):
    """A data set, and the version in place."""

    id: str
    title: dict[str, str]
    about: dict[str, str]
    theme: str
    checked_at: datetime = Field(description="When it was made last, changed or not")
    failed_at: datetime | None = Field(description="When one was made that validators refused; the one before stays")
    failure: list[OpenProblem]
    current: OpenVersion | None


class OpenDatasets(BaseModel):
    """All data sets."""

    datasets: list[OpenDataset]


class OpenVersions(BaseModel):
    """All versions of a data set, newest first."""

    versions: list[OpenVersion]


class OpenDifference(BaseModel):
    """What changed between two versions."""

    before: int
    after: int
    counts: dict[str, dict[str, int]] = Field(description="Rows by table, before and after, where they differ")
    features_gained: list[str]
    features_lost: list[str]
    same_files: list[str] = Field(description="Files whose bytes are the same")


def find_publisher(request: Request) -> Publisher:
    """Return who publishes, at the address that the client sees, or that the settings name."""
    kept: Publisher = request.app.state.publisher
    return kept if kept.url else replace(kept, url=str(request.base_url) + "opendata")


def describe(standing: Standing, base: str) -> OpenDataset:
    """Return a data set as the API tells it."""
    return OpenDataset(
        id=standing.dataset.id,
        title=standing.dataset.title,
        about=standing.dataset.about,
        theme=standing.dataset.theme,
        checked_at=standing.checked_at,
        failed_at=standing.failed_at,
        failure=[OpenProblem(**vars(one)) for one in standing.problems],
        current=describe_version(standing.current, base) if standing.current else None,
    )


def describe_version(version: Version, base: str) -> OpenVersion:
    """Return a version as the API tells it."""
    said, where = version.said, f"{base}/{version.dataset}"
    return OpenVersion(
        number=version.number,
        made_at=version.made_at,
        licence=said.licence,
        attributions=list(said.attributions),
        first_day=said.first_day,
        last_day=said.last_day,
        extent=said.extent,
        counts=dict(said.counts),
        features=dict(said.features),
        changed={name: dict(one) for name, one in said.changed.items()},
        problems=[OpenProblem(**vars(one)) for one in said.problems],
        files=[
            OpenFile(
                name=piece.name,
                format=piece.format,
                media_type=piece.media_type,
                bytes=piece.size if piece.sha256 else None,
                sha256=piece.sha256 or None,
                url=f"{where}/{piece.name}",
                version_url=f"{where}/versions/{version.number}/{piece.name}" if piece.sha256 else None,
            )
            for piece in version.pieces
        ],
    )


def find_dataset(session: Database, dataset: str) -> Standing:
    """Return how a data set stands.

    Raises
    ------
    NotFound
        When there is none of this id.
    """
    found = find_any_standing(driver(session), dataset)
    if found is None:
        raise NotFound(f"no data set {dataset!r}; /opendata/datasets.json lists them", code="unknown_dataset")
    return found


def _find_version(session: Database, dataset: str, number: int) -> Version:
    found = store.get_version(driver(session), dataset, number)
    if found is None:
        raise NotFound(
            f"data set {dataset!r} has no version {number}; /opendata/{dataset}/versions.json lists them",
            code="unknown_version",
        )
    return found


def _send(request: Request, version: Version, name: str, *, lasting: bool) -> Response:
    piece = next((one for one in version.pieces if one.name == name), None)
    if piece is None:
        names = ", ".join(one.name for one in version.pieces)
        raise NotFound(f"{version.dataset!r} has no file {name!r}; it has {names}", code="unknown_file")
    return send_file(request, request.app.state.shelf, piece, version.made_at, lasting=lasting)


def _catalogue(request: Request, session: Database, form: str, media_type: str) -> Response:
    publisher = find_publisher(request)
    standings = list_all_standings(driver(session))
    state = "".join(f"{one.dataset} {one.current and one.current.number} {one.checked_at}\n" for one in standings)
    tag = sha256(f"{publisher}{form}{state}".encode()).hexdigest()[:32]
    made_at = max((one.checked_at for one in standings), default=datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
    texts = cast("CatalogueTexts", request.app.state.catalogue_texts)
    known = texts.find(form, publisher, tag)
    if known is None and request.method == "HEAD":  # who only looks whether it is there does not wait for its length
        response = send_text(request, None, media_type, tag, made_at)
        if "content-length" in response.headers:
            del response.headers["content-length"]
        return response
    text = known or texts.write(form, publisher, standings, tag)
    return send_text(request, text, media_type, tag, made_at)


FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {"application/octet-stream": {}}},
    206: {"description": "The bytes asked for"},
    304: {"description": "What the client has is what there is"},
    **problems(404, 422),
}

KNOWN: dict[int | str, dict[str, Any]] = {304: {"description": "What the client has is what there is"}}

_read = partial(register_read, router)


@_read("/catalog.jsonld", response_class=Response, responses={304: {"description": "Known"}})
def catalogue_jsonld(request: Request, session: Database) -> Response:
    """List every data set and every distribution as DCAT-AP and mobilityDCAT-AP, in JSON-LD."""
    return _catalogue(request, session, "json-ld", "application/ld+json")


@_read("/catalog.ttl", response_class=Response, responses={304: {"description": "Known"}})
def catalogue_ttl(request: Request, session: Database) -> Response:
    """List the same in Turtle."""
    return _catalogue(request, session, "turtle", "text/turtle")


@_read("/datasets.json", response_model=OpenDatasets, responses=KNOWN)
def list_open_datasets(request: Request, session: Database) -> Response:
    """List all data sets with their versions in place, what validators said, and why a newer one is not there."""
    base = find_publisher(request).url
    standings = list_all_standings(driver(session))
    return send_model(request, OpenDatasets(datasets=[describe(one, base) for one in standings]))


@_read("/atom.xml", response_class=Response, responses={304: {"description": "Known"}})
def tell_open_news(request: Request, session: Database) -> Response:
    """Tell of every version that was put in place, newest first, as an Atom feed."""
    publisher = find_publisher(request)
    newest = store.list_newest(driver(session), FEED)
    titles = {one.dataset.id: one.dataset.title for one in store.list_standings(driver(session))}
    feed = Element("feed", xmlns="http://www.w3.org/2005/Atom")
    SubElement(feed, "id").text = f"{publisher.url}/atom.xml"
    SubElement(feed, "title").text = f"{publisher.name} - données ouvertes"
    SubElement(feed, "link", rel="self", href=f"{publisher.url}/atom.xml")
    made_at = newest[0].made_at if newest else request.app.state.clock.now()
    SubElement(feed, "updated").text = made_at.isoformat()
    SubElement(SubElement(feed, "author"), "name").text = publisher.name
    for one in newest:
        entry = SubElement(feed, "entry")
        where = f"{publisher.url}/{one.dataset}"
        SubElement(entry, "id").text = f"{where}/versions/{one.number}"
        SubElement(entry, "title").text = f"{titles[one.dataset]['fr']}, version {one.number}"
        SubElement(entry, "updated").text = one.made_at.isoformat()
        SubElement(entry, "link", rel="alternate", href=f"{where}/")
        for piece in one.pieces:
            SubElement(entry, "link", rel="enclosure", href=f"{where}/versions/{one.number}/{piece.name}")
        changes = [f"{name}: {two['before']} → {two['after']}" for name, two in one.said.changed.items()]
        SubElement(entry, "summary").text = ", ".join(changes) or "Contenu modifié sans changer le nombre de lignes."
    text = tostring(feed, "utf-8", xml_declaration=True)
    return send_text(request, text, "application/atom+xml", sha256(text).hexdigest()[:32], made_at)


@_read("/{dataset}/versions.json", response_model=OpenVersions, responses={**KNOWN, **problems(404, 422)})
def list_open_versions(request: Request, session: Database, dataset: DatasetId) -> Response:
    """List every version that was ever in place; each stays at its address."""
    find_dataset(session, dataset)
    base = find_publisher(request).url
    versions = [describe_version(one, base) for one in store.list_versions(driver(session), dataset)]
    return send_model(request, OpenVersions(versions=versions))


@_read("/{dataset}/diff/{before}/{after}", response_model=OpenDifference, responses={**KNOWN, **problems(404, 422)})
def compare_open_versions(
    request: Request, session: Database, dataset: DatasetId, before: Number, after: Number
) -> Response:
    """Say what changed between two versions."""
    old, new = _find_version(session, dataset, before), _find_version(session, dataset, after)
    tables = sorted({*old.said.counts, *new.said.counts})
    counts = {name: {"before": old.said.counts.get(name, 0), "after": new.said.counts.get(name, 0)} for name in tables}
    had = {name for name, there in old.said.features.items() if there}
    has = {name for name, there in new.said.features.items() if there}
    hashes = {piece.name: piece.sha256 for piece in old.pieces}
    difference = OpenDifference(
        before=before,
        after=after,
        counts={name: two for name, two in counts.items() if two["before"] != two["after"]},
        features_gained=sorted(has - had),
        features_lost=sorted(had - has),
        same_files=[piece.name for piece in new.pieces if hashes.get(piece.name) == piece.sha256],
    )
    return send_model(request, difference)


@_read("/{dataset}/versions/{number}/{name}", response_class=Response, responses=FILE)
def get_open_version_file(
    request: Request, session: Database, dataset: DatasetId, number: Number, name: FileName
) -> Response:
    """Return a file of a version, for good."""
    return _send(request, _find_version(session, dataset, number), name, lasting=True)


@_read("/{dataset}/{name}", response_class=Response, responses=FILE)
def get_open_file(request: Request, session: Database, dataset: DatasetId, name: FileName) -> Response:
    """Return a file of the version in place; the address never changes."""
    standing = find_dataset(session, dataset)
    if standing.current is None:
        raise NotFound(f"data set {dataset!r} was never published; it failed", code="unknown_version")
    return _send(request, standing.current, name, lasting=False)
