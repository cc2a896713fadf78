"""HTTP: what is sold, where and at what price, for all; versions of the catalogue, written by the staff."""

from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.fares import service, store, tables
from mobigo.fares.catalogue import (
    AfterSales,
    Cap,
    Catalogue,
    Channel,
    Coverage,
    DistanceScale,
    Medium,
    Operator,
    Product,
    ProductKind,
    Reduction,
    RiderCategory,
    Validity,
    Words,
)
from mobigo.fares.document import describe_document
from mobigo.fares.feed_rows import read_loaded
from mobigo.fares.gtfs_read import read_fares
from mobigo.fares.gtfs_write import write_archive
from mobigo.fares.preview import Effect, JourneyChange, PartChange, ProductChange, count_samples, preview
from mobigo.fares.samples import MOST, list_samples
from mobigo.fares.store import REGION, State, Version
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.parameters import Day
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1/fares", tags=["fares"])

SERIES = f"^{service.SERIES.pattern}$"

Reader = Annotated[Person, Depends(require(Role.FINANCE, Role.DESK, Role.PUBLISHER))]
Writer = Annotated[Person, Depends(require(Role.FINANCE))]
Series = Annotated[
    str,
    Query(
        pattern=SERIES,
        description="Which catalogue: `region`, or the feed whose own fares it holds",
    ),
]
On = Annotated[Day | None, Query(description="Day of travel; today if not said")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Of a version", examples=[1])]
Seen = Annotated[
    int,
    Query(alias="revision", ge=1, le=2**31 - 1, description="That you read; if somebody changed it since: 409"),
]
ProductId = Annotated[str, Path(alias="id", min_length=1, max_length=200, description="Of a product")]
Document = Annotated[
    dict[str, Any], Body(description="A catalogue, as `GET /v1/fares/schema` describes it", examples=[{}])
]


MOST_BYTES = 2**21
"""Of a table."""


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise InvalidInput(f"the table is larger than {MOST_BYTES} bytes; send it in parts", code="invalid_table")
    return body


class PriceAnswer(BaseModel):
    """What a product costs somebody."""

    category: str | None = Field(description="null: of any category")
    medium: str | None = Field(description="null: on any medium")
    cents: int | None = Field(description="With VAT; null: by distance")
    by_distance: DistanceScale | None
    since: date | None
    until: date | None


class ProductAnswer(BaseModel):
    """Something that is sold."""

    id: str
    version: int = Field(description="Of the catalogue")
    name: Words
    kind: ProductKind
    prices: list[PriceAnswer]
    currency: str
    vat_permille: int = Field(description="Within the prices")
    validity: Validity
    rides: int | None
    covers: Coverage | None = Field(description="null: single rides, by the tariff's rules")
    min_fellows: int
    max_fellows: int = Field(description="How many travel on one; the price is that of all of them together")
    operator: str | None
    media: list[str] = Field(description="Empty: any")
    channels: list[Channel] = Field(description="Empty: any")
    after_sales: AfterSales | None = Field(description="null: neither refunded nor exchanged")
    reductions: list[Reduction] = Field(description="That a reduction card gives")
    personal: bool
    conditions: Words | None
    demonstration: bool = Field(description="An example: nobody charges it")


class ProductsAnswer(BaseModel):
    """What is sold, in the catalogue's order."""

    products: list[ProductAnswer]


class NamedAnswer(BaseModel):
    """A network or zone."""

    id: str
    name: Words | None


class CatalogueAnswer(BaseModel):
    """A catalogue in force, without its products."""

    series: str
    version: int
    name: Words
    valid_from: date
    currency: str
    timezone: str
    demonstration: bool
    operators: list[Operator]
    categories: list[RiderCategory]
    media: list[Medium]
    networks: list[NamedAnswer]
    areas: list[NamedAnswer]
    reductions: list[Reduction] = Field(description="The best one counts, never two")
    caps: list[Cap] = Field(description="The most that is charged afterwards for the rides of a time")


class CataloguesAnswer(BaseModel):
    """Catalogues in force: the region's, and those of feeds that bring their own fares."""

    catalogues: list[CatalogueAnswer]


class VersionAnswer(BaseModel):
    """A version of a catalogue."""

    version: int
    series: str
    state: State
    valid_from: date
    revision: int
    origin: str
    written_by: str
    written_at: datetime
    published_by: str | None
    published_at: datetime | None
    sold_at: datetime | None = Field(description="When something was first sold from it: it is not taken back any more")


class VersionsAnswer(BaseModel):
    """Versions, the newest first."""

    versions: list[VersionAnswer]


class ContentAnswer(VersionAnswer):
    """A version with its content."""

    document: dict[str, Any]


class DeedAnswer(BaseModel):
    """Something that was done to a version."""

    did: str
    revision: int
    by: str
    at: datetime


class FareHistoryAnswer(BaseModel):
    """What was done to a version, the first deed first."""

    deeds: list[DeedAnswer]


class PreviewAnswer(BaseModel):
    """What changes for whom."""

    version: int
    instead_of: int | None = Field(description="What would be in force on its first day; null: nothing")
    products: list[ProductChange] = Field(description="Prices by category before and after, cents; and what else")
    parts: list[PartChange] = Field(description="Everything else, by id; rules in words")
    effects: dict[str, dict[Effect, int]] = Field(description="Sample journeys by category and what becomes of them")
    journeys: list[JourneyChange] = Field(description="Whose price changes most; straight distances between stops")


class ImportBody(BaseModel):
    """Fares of a loaded feed."""

    model_config = ConfigDict(extra="forbid")

    feed: Annotated[str, Field(pattern=SERIES, description="Its source")]
    series: Annotated[str | None, Field(pattern=SERIES, description="Catalogue; the feed's own if not said")] = None
    valid_from: Annotated[Day | None, Field(description="First day of sale; today if not said")] = None


class ImportAnswer(BaseModel):
    """A draft of a feed's fares."""

    version: VersionAnswer
    left_out: list[str] = Field(description="What of the feed contradicts the specification or refers to nothing")


class CopyBody(BaseModel):
    """A draft to be made of another version."""

    model_config = ConfigDict(extra="forbid")

    copy_of: Annotated[int, Field(alias="copy", ge=1, le=2**31 - 1, description="Version to copy")]
    valid_from: Annotated[Day | None, Field(description="First day of sale; as of the other if not said")] = None


class DraftBody(BaseModel):
    """A draft from a document."""

    model_config = ConfigDict(extra="forbid")

    document: Annotated[dict[str, Any], Field(description="As `GET /v1/fares/schema` describes it")]
    series: Annotated[str, Field(pattern=SERIES)] = REGION


# ── for all ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("", responses=problems(422))
def list_catalogues(*, session: Database, now: Now, on: On = None) -> CataloguesAnswer:
    """List the catalogues in force, with their categories, media, networks and zones."""
    connection = driver(session)
    found = [store.read_catalogue(connection, one) for one in store.list_series(connection, on or _today(now))]
    return CataloguesAnswer(catalogues=[_catalogue(one) for one in found])


@router.get("/products", responses=problems(404, 422))
def list_products(
    *,
    session: Database,
    now: Now,
    on: On = None,
    series: Series = REGION,
    kind: Annotated[ProductKind | None, Query(description="Only of this kind")] = None,
) -> ProductsAnswer:
    """List what is sold on a day, with its prices then."""
    day = on or _today(now)
    catalogue = _in_force(session, day, series)
    sold = [
        one
        for one in catalogue.products
        if tables.is_sold(one, day) and (kind is None or one.kind is kind) and one.kind is not ProductKind.TRANSFER
    ]
    return ProductsAnswer(products=[_product(catalogue, one, day) for one in sold])


@router.get("/products/{id}", responses=problems(404, 422))
def get_product(
    *,
    session: Database,
    now: Now,
    id: ProductId,  # noqa: A002 - the path's own name
    on: On = None,
    series: Series = REGION,
    version: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="As it was in this version, with all its prices")
    ] = None,
) -> ProductAnswer:
    """Read a product: as it is sold on a day, or as it was in a version that a ticket names."""
    if version is None:
        day = on or _today(now)
        catalogue = _in_force(session, day, series)
        product = service.find_product(catalogue, id)
        return _product(catalogue, product, day)
    if service.get_version(driver(session), version).state is not State.PUBLISHED:
        raise NotFound(f"no version {version} of the fares is published", code="unknown_catalogue")
    catalogue, product = service.get_product(session, version, id)
    return _product(catalogue, product, None)


@router.get(
    "/prices.csv",
    responses={200: {"content": {"text/csv": {}}}, **problems(404, 422)},
    response_class=Response,
)
def export_prices(*, session: Database, now: Now, on: On = None, series: Series = REGION) -> Response:
    """Take away the table of prices of a day; of a distance scale a row for each band."""
    day = on or _today(now)
    return _file(tables.write_prices(_in_force(session, day, series), day), f"prices-{day}.csv")


@router.get("/sales-points", responses=problems(404, 422))
def list_sales_points(
    *,
    session: Database,
    now: Now,
    series: Series = REGION,
    channel: Annotated[Channel | None, Query(description="Only of this channel")] = None,
    product: Annotated[str | None, Query(max_length=200, description="Only where this is sold")] = None,
) -> dict[str, Any]:
    """List where tickets are sold, as GeoJSON."""
    catalogue = _in_force(session, _today(now), series)
    return tables.draw_sales_points(
        one
        for one in catalogue.sales_points
        if (channel is None or one.channel is channel)
        and (product is None or not one.products or product in one.products)
    )


@router.get(
    "/gtfs.zip",
    responses={200: {"content": {"application/zip": {}}}, **problems(404, 422)},
    response_class=Response,
)
def export_gtfs_fares(
    *,
    session: Database,
    now: Now,
    on: On = None,
    series: Series = REGION,
    feed: Annotated[list[Annotated[str, Field(pattern=SERIES)]] | None, Query(max_length=50)] = None,
) -> Response:
    """Take away fares as files of GTFS, for the routes and stops of some feeds (all that the tariffs speak of)."""
    day = on or _today(now)
    files = service.write_gtfs(driver(session), _in_force(session, day, series), tuple(feed or ()), day)
    return Response(
        write_archive(files),
        media_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="fares.zip"'},
    )


@router.get(
    "/sales-points.csv",
    responses={200: {"content": {"text/csv": {}}}, **problems(404, 422)},
    response_class=Response,
)
def export_sales_points(*, session: Database, now: Now, series: Series = REGION) -> Response:
    """Take away where tickets are sold."""
    catalogue = _in_force(session, _today(now), series)
    return _file(tables.write_sales_points(catalogue.sales_points), "sales-points.csv")


@router.get("/schema")
def get_catalogue_schema() -> dict[str, Any]:
    """Return the JSON Schema of catalogues as documents."""
    return describe_document()


# ── for the staff ─────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/versions", responses=problems(401, 403, 422))
def list_fare_versions(
    *,
    session: Database,
    person: Reader,  # noqa: ARG001 - only guards
    series: Annotated[str | None, Query(pattern=SERIES, description="Only of this catalogue")] = None,
) -> VersionsAnswer:
    """List versions of catalogues, drafts too, the newest first."""
    return VersionsAnswer(versions=[_version(one) for one in store.list_versions(driver(session), series)])


@router.post("/versions", status_code=201, responses=problems(400, 401, 403, 404, 422))
def add_fare_version(*, session: Database, now: Now, person: Writer, body: DraftBody | CopyBody) -> VersionAnswer:
    """Add a draft: from a document, or as a copy of another version."""
    connection = driver(session)
    if isinstance(body, DraftBody):
        return _version(
            service.draft(connection, body.document, series=body.series, origin="document", by=person.user, now=now)
        )
    return _version(service.copy(connection, body.copy_of, valid_from=body.valid_from, by=person.user, now=now))


@router.post("/imports", status_code=201, responses=problems(400, 401, 403, 404, 422))
def import_feed_fares(*, session: Database, now: Now, person: Writer, body: ImportBody) -> ImportAnswer:
    """Add a draft with the fares that a loaded feed brings (GTFS Fares v2, else v1)."""
    connection = driver(session)
    rows = read_loaded(connection, body.feed)
    catalogue, notes = read_fares(rows, valid_from=body.valid_from or _today(now), series=body.series)
    made = service.draft_catalogue(connection, catalogue, origin=f"fares of feed {body.feed}", by=person.user, now=now)
    return ImportAnswer(version=_version(made), left_out=notes)


@router.get("/versions/{version}", responses=problems(401, 403, 404, 422))
def get_fare_version(*, session: Database, person: Reader, version: Number) -> ContentAnswer:  # noqa: ARG001
    """Read a version and its document."""
    connection = driver(session)
    found = service.get_version(connection, version)
    return ContentAnswer(**_version(found).model_dump(), document=store.read_content(connection, version))


@router.put("/versions/{version}", responses=problems(400, 401, 403, 404, 409, 422))
def change_fare_version(
    *, session: Database, now: Now, person: Writer, version: Number, seen: Seen, document: Document
) -> VersionAnswer:
    """Replace the content of a draft by its next revision."""
    return _version(service.change(driver(session), version, document, seen=seen, by=person.user, now=now))


@router.put(
    "/versions/{version}/table",
    responses=problems(400, 401, 403, 404, 409, 422),
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def change_fare_table(
    *, session: Database, now: Now, person: Writer, version: Number, seen: Seen, table: Annotated[bytes, Depends(_body)]
) -> VersionAnswer:
    """Replace prices or points of sale of a draft by those of a CSV, as `prices.csv` and `sales-points.csv` are."""
    text = table.decode("utf-8-sig", "replace")
    return _version(service.change_table(driver(session), version, text, seen=seen, by=person.user, now=now))


@router.delete("/versions/{version}", status_code=204, responses=problems(401, 403, 404, 422))
def delete_fare_version(*, session: Database, now: Now, person: Writer, version: Number) -> None:
    """Delete a draft."""
    service.delete(driver(session), version, by=person.user, now=now)


@router.get("/versions/{version}/history", responses=problems(401, 403, 404, 422))
def list_fare_history(*, session: Database, person: Reader, version: Number) -> FareHistoryAnswer:  # noqa: ARG001
    """List what was done to a version, also of one that was deleted."""
    deeds = store.list_history(driver(session), version)
    if not deeds:
        service.get_version(driver(session), version)
    return FareHistoryAnswer(
        deeds=[DeedAnswer(did=one.did, revision=one.revision, by=one.by, at=one.at) for one in deeds]
    )


@router.get("/versions/{version}/preview", responses=problems(401, 403, 404, 422))
def preview_fare_version(
    *,
    session: Database,
    person: Reader,  # noqa: ARG001 - only guards
    version: Number,
    most: Annotated[int, Query(ge=0, le=MOST, description="Journeys whose change is listed")] = 50,
) -> PreviewAnswer:
    """Say what changes for whom: against what would be in force on its first day, prices and sample journeys."""
    connection = driver(session)
    after = service.get_catalogue(session, version)
    before = service.find_before(connection, after)
    found = preview(before, after, list_samples(connection, after.valid_from, count_samples(after)))
    return PreviewAnswer(
        version=version,
        instead_of=None if before is None else before.version,
        products=list(found.products),
        parts=list(found.parts),
        effects=found.effects,
        journeys=list(found.journeys[:most]),
    )


@router.post("/versions/{version}/publish", responses=problems(400, 401, 403, 404, 409, 422))
def publish_fare_version(*, session: Database, now: Now, person: Writer, version: Number, seen: Seen) -> VersionAnswer:
    """Publish a draft: from its first day on, tickets are sold from it."""
    found = service.publish(driver(session), version, seen=seen, by=person.user, now=now, today=_today(now))
    return _version(found)


@router.post("/versions/{version}/take-back", responses=problems(401, 403, 404, 422))
def take_back_fare_version(*, session: Database, now: Now, person: Writer, version: Number) -> VersionAnswer:
    """Make a draft again of what was published by mistake; refused once something was sold from it."""
    return _version(service.take_back(driver(session), version, by=person.user, now=now))


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _today(now: datetime) -> date:
    return now.astimezone(ZoneInfo(Catalogue.timezone)).date()


def _in_force(session: Database, day: date, series: str) -> Catalogue:
    found = service.find_catalogue(session, day, series)
    if found is None:
        raise NotFound(
            f"no fares of {series!r} are in force on {day}; GET /v1/fares lists those that are",
            code="unknown_catalogue",
        )
    return found


def _file(text: str, name: str) -> Response:
    return Response(
        text.encode(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _catalogue(catalogue: Catalogue) -> CatalogueAnswer:
    return CatalogueAnswer(
        series=catalogue.id,
        version=catalogue.version,
        name=catalogue.name,
        valid_from=catalogue.valid_from,
        currency=catalogue.currency,
        timezone=catalogue.timezone,
        demonstration=catalogue.demonstration,
        operators=list(catalogue.operators),
        categories=list(catalogue.categories),
        media=list(catalogue.media),
        networks=[NamedAnswer(id=one.id, name=one.name) for one in catalogue.networks],
        areas=[NamedAnswer(id=one.id, name=one.name) for one in catalogue.areas],
        reductions=list(catalogue.reductions),
        caps=list(catalogue.caps),
    )


def _product(catalogue: Catalogue, product: Product, day: date | None) -> ProductAnswer:
    scales = {one.id: one for one in catalogue.scales}
    return ProductAnswer(
        id=product.id,
        version=catalogue.version,
        name=product.name,
        kind=product.kind,
        prices=[
            PriceAnswer(
                category=row.category,
                medium=row.medium,
                cents=row.cents,
                by_distance=scales.get(row.scale or ""),
                since=row.since,
                until=row.until,
            )
            for row in product.prices
            if day is None or tables.holds(row, day)
        ],
        currency=catalogue.currency,
        vat_permille=product.vat_permille,
        validity=product.validity,
        rides=product.rides,
        covers=product.covers,
        min_fellows=product.min_fellows,
        max_fellows=product.max_fellows,
        operator=product.operator,
        media=list(product.media),
        channels=list(product.channels),
        after_sales=next((one for one in catalogue.after_sales if one.id == product.after_sales), None),
        reductions=[one for one in catalogue.reductions if one.card == product.id],
        personal=product.personal,
        conditions=product.conditions,
        demonstration=catalogue.demonstration,
    )


def _version(version: Version) -> VersionAnswer:
    return VersionAnswer(
        version=version.number,
        series=version.series,
        state=version.state,
        valid_from=version.valid_from,
        revision=version.revision,
        origin=version.origin,
        written_by=version.written_by,
        written_at=version.written_at,
        published_by=version.published_by,
        published_at=version.published_at,
        sold_at=version.sold_at,
    )
