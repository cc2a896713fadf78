"""HTTP: what the network is used for, for the people who plan. Each answer as JSON, CSV, XLSX and GeoJSON.

Days, hours and times are local. Money is in cents, shares are from 0 to 1, kilometres and kilograms have a decimal. A
count that could name somebody is the text ``<6``.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.parameters import Day
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.ondemand.catalogue import Catalogue
from mobigo.trace.model import Service
from mobigo.usage import answers, attention, demand_answers, economy, economy_answers, figures, quality_answers, writing
from mobigo.usage.answers import Answer, Wanted
from mobigo.usage.loads_answers import Loads
from mobigo.usage.model import DayType
from mobigo.usage.service import ZONE

if TYPE_CHECKING:
    from collections.abc import Collection

router = APIRouter(prefix="/v1/usage", tags=["usage"])

PLANNERS = (Role.DISPATCHER, Role.FINANCE, Role.PUBLISHER)
"""Who may know what the network is used for."""
Planner = Annotated[Person, Depends(require(*PLANNERS))]
Finance = Annotated[Person, Depends(require(Role.FINANCE))]

READS = problems(400, 401, 403, 404, 422, 503)
WEEKS = timedelta(days=28)
"""The period when none is given: what ended yesterday."""
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONG_ID = 300
PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""Texts without control characters."""


class Form(StrEnum):
    """How an answer is written."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    GEOJSON = "geojson"


FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "As `format` says",
        "content": {
            "text/csv": {},
            SHEET: {},
            "application/geo+json": {},
        },
    }
}


BOOK: dict[int | str, dict[str, Any]] = {200: {"description": "A workbook", "content": {SHEET: {}}}}


class UsageColumn(BaseModel):
    """A column of an answer."""

    name: str
    kind: answers.Kind
    title: str = Field(description="In English, with the unit")
    title_fr: str


class UsageNote(BaseModel):
    """What has to be known to read an answer."""

    text: str
    text_fr: str


class UsageAnswer(BaseModel):
    """An answer: a table."""

    answer: str
    first: date
    last: date
    days_counted: int = Field(description="Days of the period that were counted")
    counted_at: datetime | None = Field(description="When any of them was counted last")
    columns: list[UsageColumn]
    rows: list[dict[str, str | int | float | bool | None]]
    notes: list[UsageNote]


class FindingAnswer(BaseModel):
    """Something to look at."""

    kind: str
    about: str = Field(description="Id of the line, trip, service or commune")
    people_a_week: float = Field(description="Concerned, as far as that can be counted")
    text: str
    text_fr: str


class AttentionAnswer(BaseModel):
    """What to look at first."""

    first: date
    last: date
    findings: list[FindingAnswer]


class RateBody(BaseModel):
    """What running vehicles costs from a day on, and how many sit in them."""

    model_config = ConfigDict(extra="forbid")

    service: Service
    line: Annotated[
        str,
        Field(max_length=LONG_ID, pattern=PLAIN, description="`source:route_id`; `source`: all its lines; empty: all"),
    ] = ""
    starts: Day
    kilometre_cents: Annotated[float | None, Field(strict=True, ge=0, le=10**7, allow_inf_nan=False)] = None
    hour_cents: Annotated[float | None, Field(strict=True, ge=0, le=10**7, allow_inf_nan=False)] = None
    run_cents: Annotated[float | None, Field(strict=True, ge=0, le=10**7, allow_inf_nan=False)] = None
    seats: Annotated[int | None, Field(strict=True, ge=1, le=10_000)] = None
    origin: Annotated[
        str,
        Field(min_length=1, max_length=300, pattern=PLAIN, description="Contract or publication"),
    ]


class RateAnswer(BaseModel):
    """A rate that counts."""

    service: str
    line: str = Field(description="Empty: all")
    route_types: list[list[int]] = Field(description="Of GTFS, from and to (exclusive); empty: all")
    starts: date | None = Field(description="null: always")
    kilometre_cents: float | None
    hour_cents: float | None
    run_cents: float | None
    seats: int | None
    origin: str
    said_by: str | None = Field(description="null: it comes with the program")
    said_at: datetime | None


class RatesAnswer(BaseModel):
    """Rates that count on a day, the most particular first."""

    rates: list[RateAnswer]


class Desk:
    """One question of somebody who plans: who asks, of which days, of what part of the supply, in which form.

    Parameters
    ----------
    request : Request
    session : Session
    now : datetime
    first, last : date, optional
        The period; without it the four weeks that ended yesterday.
    """

    def __init__(
        self,
        *,
        request: Request,
        session: Database,
        now: Now,
        _: Planner,
        first: Annotated[
            Day | None,
            Query(alias="from", description="First day; else four weeks before `to`", examples=["2026-10-26"]),
        ] = None,
        last: Annotated[Day | None, Query(alias="to", description="Last day, included; else yesterday")] = None,
        day_type: Annotated[list[DayType] | None, Query(description="Only such days; may be repeated")] = None,
        service: Annotated[Service | None, Query(description="Only this service")] = None,
        source: Annotated[str, Query(max_length=LONG_ID, pattern=PLAIN, description="Only this source")] = "",
        line: Annotated[
            str, Query(max_length=LONG_ID, pattern=PLAIN, description="Only this line: `source:route_id`")
        ] = "",
        form: Annotated[Form, Query(alias="format", description="How it is written")] = Form.JSON,
        lang: Annotated[Literal["fr", "en"], Query(description="Of a workbook's headers")] = "fr",
    ) -> None:
        self.request, self.session, self.form, self.language = request, session, form, lang
        last = last or now.astimezone(ZONE).date() - timedelta(days=1)
        first = first or last - WEEKS + timedelta(days=1)
        self.wanted = choose(first, last, day_types=day_type or (), service=service, source=source, line=line)

    @property
    def connection(self) -> Connection[Any]:
        """The connection of the session."""
        return driver(self.session)

    @property
    def rates(self) -> economy.Rates:
        """What vehicles cost, and how many they seat."""
        return economy.read_rates(self.connection)

    @property
    def catalogue(self) -> Catalogue:
        """The services on demand."""
        return cast("Catalogue", self.request.app.state.catalogues.current(self.connection))

    def send(self, answer: Answer) -> Any:  # noqa: ANN401  a model, or a file
        """Send an answer in the form that was asked for."""
        name = f"{answer.name}-{self.wanted.first}-{self.wanted.last}"
        if self.form is Form.CSV:
            return download(writing.write_csv(answer), "text/csv; charset=utf-8", f"{name}.csv")
        if self.form is Form.GEOJSON:
            return download(writing.write_geojson(answer), "application/geo+json", f"{name}.geojson")
        if self.form is Form.XLSX:
            return download(writing.write_workbook([answer], self.wanted, self.language), SHEET, f"{name}.xlsx")
        return tell(self.connection, answer, self.wanted)


AtDesk = Annotated[Desk, Depends(Desk)]


def choose(
    first: date,
    last: date,
    *,
    day_types: "Collection[DayType]",
    service: Service | None,
    source: str,
    line: str,
) -> Wanted:
    """Put together what is asked for; a line brings its source.

    Raises
    ------
    InvalidInput
        When the period cannot be, or the line is not written ``source:route_id``.
    """
    route = ""
    if line:
        source, route = answers.split_id(line, "line")
    return answers.want(first, last, day_types=tuple(day_types), service=service, source=source, route=route)


def tell(connection: Connection[Any], answer: Answer, wanted: Wanted) -> UsageAnswer:
    """Return an answer as JSON."""
    period = answers.read_period(connection, wanted)
    return UsageAnswer(
        answer=answer.name,
        first=wanted.first,
        last=wanted.last,
        days_counted=period.counted,
        counted_at=period.newest,
        columns=[
            UsageColumn(name=one.name, kind=one.kind, title=writing.title(one, "en"), title_fr=writing.title(one, "fr"))
            for one in answer.columns
        ],
        rows=answer.as_dicts(),
        notes=[UsageNote(text=one.en, text_fr=one.fr) for one in answer.notes],
    )


def download(content: str | bytes, media_type: str, name: str) -> Response:
    """Send a file by its name; nobody keeps it."""
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


# ── loads ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/loads", response_model=UsageAnswer, responses=FILES | READS)
def list_usage_loads(
    desk: AtDesk,
    by: Annotated[Literal["line", "trip", "stop", "hour"], Query(description="What is told one by one")] = "line",
) -> Any:  # noqa: ANN401  a model, or a file
    """List how full lines, trips and stops are, by sort of day: mean, on nine days of ten at most, highest."""
    loads = Loads(desk.connection, desk.wanted, desk.rates)
    ways = {
        "line": loads.list_lines,
        "trip": loads.list_trips,
        "stop": loads.list_stops,
        "hour": loads.list_hours,
    }
    return desk.send(ways[by]())


@router.get("/loads/trip", response_model=UsageAnswer, responses=FILES | READS)
def follow_usage_trip(
    desk: AtDesk,
    trip: Annotated[
        str, Query(max_length=LONG_ID, pattern=PLAIN, description="`source:trip_id`", examples=["mobigo:t1"])
    ],
) -> Any:  # noqa: ANN401  a model, or a file
    """Follow how many are aboard of one trip, from stop to stop."""
    return desk.send(follow(desk.connection, desk.wanted, desk.rates, trip))


def follow(connection: Connection[Any], wanted: Wanted, rates: economy.Rates, trip: str) -> Answer:
    """Return the load of a trip along its stops.

    Raises
    ------
    InvalidInput
        When it is not written ``source:trip_id``.
    NotFound
        When nothing was counted of it in the period.
    """
    source, id_ = answers.split_id(trip, "trip")
    of = answers.want(wanted.first, wanted.last, day_types=wanted.day_types, source=source)
    answer = Loads(connection, of, rates).follow_trip(id_)
    if not answer.rows:
        raise answers.NothingCounted(
            f"nothing was counted of trip {trip} from {wanted.first} to {wanted.last};"
            " /v1/usage/loads?by=trip lists them"
        )
    return answer


# ── quality ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/punctuality", response_model=UsageAnswer, responses=FILES | READS)
def list_usage_punctuality(
    desk: AtDesk,
    by: Annotated[
        list[Literal["line", "stop", "hour", "day_type", "day"]] | None,
        Query(description="What is told one by one; may be repeated"),
    ] = None,
) -> Any:  # noqa: ANN401  a model, or a file
    """List how calls kept their time."""
    return desk.send(quality_answers.list_punctuality(desk.connection, desk.wanted, by or ["line"]))


@router.get("/changes", response_model=UsageAnswer, responses=FILES | READS)
def list_usage_changes(
    desk: AtDesk, *, hourly: Annotated[bool, Query(description="Each hour by itself")] = False
) -> Any:  # noqa: ANN401  a model, or a file
    """List changes between lines in journeys that were answered, and how many were missed."""
    return desk.send(quality_answers.list_changes(desk.connection, desk.wanted, hourly=hourly))


# ── demand ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/unserved", response_model=UsageAnswer, responses=FILES | READS)
def list_usage_unserved(
    desk: AtDesk,
    by: Annotated[
        Literal["origin", "destination", "pair", "cell", "hour", "reason"], Query(description="What is told one by one")
    ] = "origin",
) -> Any:  # noqa: ANN401  a model, or a file
    """List searches, and how many of them found nothing and why; by commune, pair, square, hour or reason."""
    return desk.send(demand_answers.Demand(desk.connection, desk.wanted).list_searches(by))


@router.get("/refusals", response_model=UsageAnswer, responses=FILES | READS)
def list_usage_refusals(
    desk: AtDesk, *, by: Annotated[Literal["service", "commune"], Query(description="Also by commune")] = "service"
) -> Any:  # noqa: ANN401  a model, or a file
    """List seats that were asked for and refused, by service and reason."""
    demand = demand_answers.Demand(desk.connection, desk.wanted)
    return desk.send(demand.list_refusals(by_commune=by == "commune"))


@router.get("/villages", response_model=UsageAnswer, responses=FILES | READS)
def list_usage_villages(desk: AtDesk) -> Any:  # noqa: ANN401  a model, or a file
    """List communes with inhabitants, departures within a kilometre and services on demand; unserved ones first."""
    return desk.send(demand_answers.Demand(desk.connection, desk.wanted).list_villages(desk.catalogue))


# ── money and air ─────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/economy", response_model=UsageAnswer, responses=FILES | READS)
def list_usage_economy(
    desk: AtDesk, by: Annotated[Literal["line", "service"], Query(description="What is told one by one")] = "line"
) -> Any:  # noqa: ANN401  a model, or a file
    """List cost, subsidy, fares and CO2, also per passenger kilometre."""
    return desk.send(economy_answers.list_economy(desk.connection, desk.wanted, desk.rates, by_line=by == "line"))


@router.get("/rates", responses=problems(401, 403, 422, 503))
def list_usage_rates(
    *,
    session: Database,
    now: Now,
    _: Planner,
    on: Annotated[Day | None, Query(description="Day; else today")] = None,
) -> RatesAnswer:
    """List what vehicles cost and how many they seat, as it counts on a day."""
    found = economy.list_in_force(economy.read_rates(driver(session)), on or now.date())
    return RatesAnswer(rates=[_rate(one) for one in found])


@router.post("/rates", status_code=201, responses=problems(400, 401, 403, 422, 503))
def say_usage_rate(*, session: Database, now: Now, person: Finance, body: RateBody) -> RateAnswer:
    """Say what a line's, a source's or a service's vehicles cost from a day on, and how many they seat."""
    source, _, route = body.line.partition(":")
    rate = economy.Rate(
        body.service, source, route, body.starts, body.kilometre_cents, body.hour_cents, body.run_cents, body.seats,
        body.origin, person.user, now,
    )  # fmt: skip
    economy.say_rate(driver(session), rate)
    return _rate(rate)


def _rate(one: economy.Rate) -> RateAnswer:
    return RateAnswer(
        service=one.service,
        line=answers.join_id(one.source, one.route),
        route_types=[list(kinds) for kinds in one.route_types],
        starts=None if one.starts == date.min else one.starts,
        kilometre_cents=one.kilometre_cents,
        hour_cents=one.hour_cents,
        run_cents=one.run_cents,
        seats=one.seats,
        origin=one.origin,
        said_by=one.said_by or None,
        said_at=one.said_at if one.said_by else None,
    )


# ── all of it ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/trends", response_model=UsageAnswer, responses=FILES | READS)
def list_usage_trends(desk: AtDesk) -> Any:  # noqa: ANN401  a model, or a file
    """List the key figures of the period beside those of the period before."""
    return desk.send(figures.list_trends(desk.connection, desk.wanted, desk.rates))


@router.get("/attention", response_model=AttentionAnswer, responses=FILES | READS)
def list_usage_attention(desk: AtDesk) -> Any:  # noqa: ANN401  a model, or a file
    """Say what to look at first, in sentences; a table is in one language, as `lang` says."""
    loads = Loads(desk.connection, desk.wanted, desk.rates)
    demand = demand_answers.Demand(desk.connection, desk.wanted)
    if desk.form is not Form.JSON:
        return desk.send(attention.list_attention(loads, demand, desk.catalogue, desk.language))
    found = attention.find_attention(loads, demand, desk.catalogue)
    return AttentionAnswer(
        first=desk.wanted.first,
        last=desk.wanted.last,
        findings=[
            FindingAnswer(
                kind=one.kind,
                about=one.about,
                people_a_week=round(one.weight, 1),
                text=one.text.en,
                text_fr=one.text.fr,
            )
            for one in found
        ],
    )


@router.get("/workbook.xlsx", response_class=Response, responses=BOOK | READS)
def write_usage_workbook(desk: AtDesk) -> Response:
    """Give all answers of a period as a workbook, a sheet each."""
    found = list_all(desk.connection, desk.wanted, desk.rates, desk.catalogue, desk.language)
    return download(
        writing.write_workbook(found, desk.wanted, desk.language),
        SHEET,
        f"usage-{desk.wanted.first}-{desk.wanted.last}.xlsx",
    )


def list_all(
    connection: Connection[Any], wanted: Wanted, rates: economy.Rates, catalogue: Catalogue, language: str
) -> list[Answer]:
    """List all answers of a period, in the order in which they are read."""
    loads, demand = Loads(connection, wanted, rates), demand_answers.Demand(connection, wanted)
    return [
        figures.list_trends(connection, wanted, rates),
        attention.list_attention(loads, demand, catalogue, language),
        loads.list_lines(),
        loads.list_trips(),
        loads.list_stops(),
        loads.list_hours(),
        quality_answers.list_punctuality(connection, wanted, {"line", "hour"}),
        quality_answers.list_changes(connection, wanted),
        *(demand.list_searches(by) for by in ("origin", "destination", "pair", "hour", "reason")),
        demand.list_refusals(by_commune=True),
        demand.list_villages(catalogue),
        economy_answers.list_economy(connection, wanted, rates, by_line=False),
        economy_answers.list_economy(connection, wanted, rates, by_line=True),
    ]
