"""HTTP: what leaves school transport: sheets and lists on paper, plans as workbooks, and open data without pupils.

Papers with names are for the staff of school transport; every one is logged with who asked for it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from psycopg import Connection
from pydantic import BaseModel, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.errors import NotFound, Refused
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.school import open_data, register_service, register_store, scenario_store, sheets
from mobigo.school.network import Network, read_network
from mobigo.school.plan_book import write_plan_book
from mobigo.school.register import Run
from mobigo.school.register_api import Trusted
from mobigo.school.register_service import Actor
from mobigo.school.roads import Line, Way
from mobigo.school.scenarios import list_stop_names

router = APIRouter(prefix="/v1/school", tags=["school transport"])

Staff = Annotated[Person, Depends(require(Role.SCHOOL))]
YearId = Annotated[str, Path(pattern=register_service.YEAR, examples=["2026-2027"])]
Name = Annotated[str, Path(min_length=1, max_length=80)]
PlanId = Annotated[int, Path(ge=1, le=2**62)]
Language = Annotated[Literal["fr", "en"], Query()]
PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {}}, "description": "Tagged PDF (PDF/UA-1)"}
}
PUBLISHER = "Transport scolaire"
DRAWING = 3.0
"""Seconds of an answer that go into drawing what was never drawn before."""


class HaltAnswer(BaseModel):
    """Who gets on or off at a halt."""

    at: int = Field(description="Seconds after midnight")
    stop: str
    pupils: list[str] = Field(description="Keys")


class BoardingAnswer(BaseModel):
    """Who gets on or off a run on a day."""

    run: str
    day: date
    halts: list[HaltAnswer]


@router.get(
    "/years/{year}/circuits/{circuit}/sheet.pdf",
    response_class=Response,
    responses={**PDF, **problems(401, 403, 404, 422)},
)
def print_driver_sheet(
    *,
    session: Database,
    now: Now,
    person: Staff,  # noqa: ARG001 - only guards
    year: YearId,
    circuit: Name,
    language: Language = "fr",
) -> Response:
    """Print a circuit for its driver: halts, times, sides of the road, numbers of pupils; nobody's name."""
    connection = driver(session)
    register_service.get_year(connection, year)
    return _pdf(sheets.write_driver_sheet(read_network(connection, year), circuit, language=language, now=now))


@router.get(
    "/years/{year}/schools/{school}/list.pdf",
    response_class=Response,
    responses={**PDF, **problems(401, 403, 404, 422)},
)
def print_class_list(
    *, session: Database, now: Now, person: Trusted, year: YearId, school: Name, language: Language = "fr"
) -> Response:
    """Print who is brought to a school, with names; this is logged."""
    connection = driver(session)
    register_service.get_year(connection, year)
    network = read_network(connection, year)
    network.get_school(school)
    people = register_service.show_people(connection, year, f"list of school {school}", _actor(person, now))
    return _pdf(sheets.write_class_list(network, school, people, language=language, now=now))


@router.get("/years/{year}/runs/{run}/boarding", responses=problems(401, 403, 404, 422))
def list_boarding(
    *,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
    year: YearId,
    run: Name,
    day: date,
) -> BoardingAnswer:
    """List who gets on or off a run on a day, by keys."""
    connection = driver(session)
    register_service.get_year(connection, year)
    network = read_network(connection, year)
    _check_run(run, network.runs)
    people = register_store.list_people(connection, year)
    halts = sheets.list_boarding(network, run, people, day)
    return BoardingAnswer(
        run=run, day=day, halts=[HaltAnswer(at=one.at, stop=one.stop, pupils=list(one.pupils)) for one in halts]
    )


@router.get(
    "/years/{year}/runs/{run}/boarding.pdf",
    response_class=Response,
    responses={**PDF, **problems(401, 403, 404, 422)},
)
def print_boarding_list(
    *, session: Database, now: Now, person: Trusted, year: YearId, run: Name, day: date, language: Language = "fr"
) -> Response:
    """Print who gets on or off a run on a day, with names; this is logged."""
    connection = driver(session)
    register_service.get_year(connection, year)
    network = read_network(connection, year)
    _check_run(run, network.runs)
    people = register_service.show_people(connection, year, f"boarding list of run {run}", _actor(person, now))
    return _pdf(sheets.write_boarding_list(network, run, people, day, language=language, now=now))


@router.get(
    "/plans/{plan}/plan.xlsx",
    response_class=Response,
    responses={
        200: {
            "content": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {}},
            "description": "A workbook",
        },
        **problems(401, 403, 404, 409, 422),
    },
)
def export_school_plan(*, session: Database, person: Staff, plan: PlanId) -> Response:  # noqa: ARG001 - only guards
    """Give a plan as a workbook: figures, sessions, runs, halts, pupils by key, troubles."""
    connection = driver(session)
    found = scenario_store.get_plan(connection, plan)
    document = scenario_store.get_document(connection, plan)
    year = scenario_store.get_scenario(connection, found.scenario).year
    return Response(
        write_plan_book(document, list_stop_names(connection, year)),
        media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        headers={"Content-Disposition": f'attachment; filename="plan-{plan}.xlsx"'},
    )


@router.get(
    "/open-data/{year}/gtfs.zip",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "GTFS"}, **problems(404, 422)},
)
def give_school_gtfs(*, request: Request, session: Database, year: YearId) -> Response:
    """Give the school network as GTFS: open to everybody, nothing in it about pupils."""
    connection = driver(session)
    found = register_service.get_year(connection, year)
    network = read_network(connection, year)
    content = open_data.write_gtfs(
        network, found, publisher=PUBLISHER, url=str(request.base_url), ways=_draw(request, connection, network)
    )
    name = f'attachment; filename="school-{year}.zip"'
    return Response(content, media_type="application/zip", headers={"Content-Disposition": name})


@router.get(
    "/open-data/{year}/circuits.geojson",
    response_class=Response,
    responses={200: {"content": {"application/geo+json": {}}, "description": "GeoJSON"}, **problems(404, 422)},
)
def give_school_map(*, request: Request, session: Database, year: YearId) -> Response:
    """Give the school network as GeoJSON: open to everybody, nothing in it about pupils."""
    connection = driver(session)
    register_service.get_year(connection, year)
    network = read_network(connection, year)
    content = open_data.write_map(network, _draw(request, connection, network))
    return Response(content, media_type="application/geo+json")


def _draw(request: Request, connection: Connection[Any], network: Network) -> dict[Way, Line]:
    """Draw the ways of a network on the streets, as many as are drawn in a moment; the others are drawn later."""
    try:
        roads = request.app.state.school_bench.roads.find(connection)
    except Refused:
        return {}
    drawn: dict[Way, Line] = roads.draw(open_data.list_ways(network), seconds=DRAWING)
    return drawn


def _check_run(run: str, runs: Mapping[str, Run]) -> None:
    if run not in runs:
        raise NotFound(f"there is no run {run[:40]!r} in this year; list its runs", code="unknown_run")


def _actor(person: Person, now: datetime) -> Actor:
    return Actor(person.user, person.role.value, now)


def _pdf(content: bytes) -> Response:
    return Response(content, media_type="application/pdf")
