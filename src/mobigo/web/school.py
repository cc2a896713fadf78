"""School transport for its staff: the school years, their register, and what it lacks to be planned.

What the pages do they do through the services of the school room, as its API does. Names, addresses and homes are not
shown here: pupils appear by their keys.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response, UploadFile
from fastapi.responses import RedirectResponse
from psycopg import Connection

from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.errors import InvalidInput, MobigoError, Refused
from mobigo.kit.requests import Now
from mobigo.school import deciding, outputs_api, register_api, register_service, register_store, scenario_store
from mobigo.school.gaps import Gap, find_gaps
from mobigo.school.reading import LARGEST
from mobigo.school.register import REQUESTS, SHEETS
from mobigo.school.register import Request as Asked
from mobigo.school.register_service import Actor
from mobigo.web import words
from mobigo.web.desk import price_in
from mobigo.web.forms import Form as Fields
from mobigo.web.html import READ, page
from mobigo.web.offers import zone_of
from mobigo.web.signin import admit

router = APIRouter(prefix="/staff/school", include_in_schema=False)

SchoolStaff = Annotated[Person, Depends(admit(Role.SCHOOL))]

Id = Annotated[str, Query(max_length=60)]
YearId = Annotated[str, Path(pattern=register_service.YEAR)]

HOME = "/staff/school"

GAPS_SHOWN = 20
"""Of each kind; the others are counted."""
NONE = "\u2013"
"""Where a figure is not known."""
FAULTS_SHOWN = 50
"""Of a file that is refused."""

FIGURES = (
    "vehicles", "bound", "runs", "drivers", "loaded_km", "empty_km", "hours", "cents", "cents_bound", "co2_kg",
    "pupils", "stops", "ride_mean", "ride_p95", "ride_longest", "moved", "closed", "opened",
)  # fmt: skip
"""Of a plan, in the order in which staff read them."""


class Office:
    """Somebody of the school transport's staff who asks for something.

    Parameters
    ----------
    request : Request
    person : Person
        Who has signed in.
    session : Session
    now : datetime
    """

    def __init__(self, *, request: Request, person: SchoolStaff, session: Database, now: Now) -> None:
        self.request, self.person, self.session, self.now = request, person, session, now
        self.speak = words.choose(request)
        self.zone = zone_of(request)

    @property
    def connection(self) -> Connection[Any]:
        """The connection of the session."""
        return driver(self.session)

    @property
    def actor(self) -> Actor:
        """Who is noted as having done what is done."""
        return Actor(self.person.user, self.person.role.value, self.now)

    def tell(self, figures: dict[str, Any] | None, name: str) -> str:
        """Write a figure of a plan with its unit."""
        value = None if figures is None else figures.get(name)
        if value is None:
            return NONE
        if name in {"bound", "cents_bound"} and not value:
            return NONE
        if name in {"cents", "cents_bound"}:
            return self.group(price_in(self.speak)(value))
        if name.startswith("ride_"):
            return f"{round(value / 60)}\u00a0min"
        text = f"{value:,}".replace(",", "\u202f")
        text = text.replace(".", ",") if self.speak.language == "fr" else text
        unit = {"loaded_km": "km", "empty_km": "km", "hours": "h", "co2_kg": "kg"}.get(name)
        return f"{text}\u00a0{unit}" if unit else text

    def group(self, price: str) -> str:
        """Write the euros of a price in groups of thousands."""
        mark = "\u202f" if self.speak.language == "fr" else ","
        return re.sub(r"\d{4,}", lambda found: f"{int(found[0]):,}".replace(",", mark), price)

    def share(self, value: float) -> str:
        """Write a share in percent."""
        said = f"{value:.1f}"
        return f"{said.replace('.', ',')}\u00a0%" if self.speak.language == "fr" else f"{said}%"

    def said(self, one: Any) -> str:  # noqa: ANN401  a dict of a plan or a dataclass
        """Say what planning says of something in the reader's language."""
        if not isinstance(one, dict):
            one = {name: getattr(one, name) for name in ("text", "text_fr", "what", "what_fr") if hasattr(one, name)}
        english = one.get("text") or one.get("what") or ""
        french = one.get("text_fr") or one.get("what_fr") or english
        return str(french if self.speak.language == "fr" else english)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401  templates take anything
        """Write a page that nobody keeps."""
        answer = page(
            self.request,
            template,
            self.speak,
            status=status,
            person=self.person,
            zone=self.zone,
            now=self.now,
            tell=self.tell,
            said=self.said,
            share=self.share,
            figure_names=FIGURES,
            **values,
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @property
    def language(self) -> Literal["fr", "en"]:
        """What is printed is in the reader's language."""
        return "en" if self.speak.language == "en" else "fr"

    def local(self, instant: datetime) -> datetime:
        """Return an instant in the zone of the network."""
        return instant.astimezone(self.zone)


AtOffice = Annotated[Office, Depends(Office)]


# ── years ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.api_route("", methods=READ)
def list_years(at: AtOffice) -> Response:
    """Show the school years, the latest first."""
    return _years(at)


@router.post("/years")
def begin_year(at: AtOffice, form: Fields) -> Response:
    """Begin a year: empty, or with the network of another."""
    year, source = form.get("year"), form.get("from")
    try:
        if source:
            register_service.roll_over(at.connection, source, year)
        else:
            register_service.begin_year(at.connection, year)
    except MobigoError as error:
        at.session.rollback()
        return _years(at, problem=str(error))
    return RedirectResponse(f"{HOME}/years/{year}", 303)


def _years(at: Office, problem: str = "") -> Response:
    years = [
        {
            "id": one.id,
            "first": one.first,
            "last": one.last,
            "counts": register_store.count_rows(at.connection, one.id),
            "published": _name_published(at, one.id),
        }
        for one in sorted(register_store.list_years(at.connection), key=lambda one: one.id, reverse=True)
    ]
    begins = at.now.year + (1 if at.now.month >= 3 else 0)  # noqa: PLR2004 - from spring on the next year is prepared
    return at.page(
        "school_years.html",
        status=409 if problem else 200,
        years=years,
        problem=problem,
        proposed=f"{begins}-{begins + 1}",
    )


def _name_published(at: Office, year: str) -> str:
    found = scenario_store.find_published(at.connection, year)
    return "" if found is None else scenario_store.get_scenario(at.connection, found).name


# ── a year ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.api_route("/years/{year}", methods=READ)
def show_year(at: AtOffice, year: YearId) -> Response:
    """Show a year: its lists, what they lack, and its scenarios side by side."""
    return _year(at, year)


@router.post("/years/{year}/import")
def import_lists(
    at: AtOffice, year: YearId, file: UploadFile, *, replace: Annotated[str, Form(max_length=1)] = ""
) -> Response:
    """Take the lists of a file over, or say everything that is wrong with it."""
    content = file.file.read(LARGEST + 1)
    name = (file.filename or "file").rpartition("/")[2].replace("\0", "")[-200:] or "file"
    try:
        report = register_service.import_file(at.connection, year, content, name, at.actor, replace=replace == "1")
    except Refused as error:
        at.session.rollback()
        faults = error.members.get("faults")
        problem = at.speak("school.nothing_imported", name=name) if faults else str(error)
        return _year(at, year, problem=problem, faults=faults if isinstance(faults, list) else [])
    except MobigoError as error:
        at.session.rollback()
        return _year(at, year, problem=str(error))
    return _year(at, year, imported={"name": name, "counts": report.counts, "notes": report.said})


@router.api_route("/years/{year}/lists.xlsx", methods=READ)
def give_workbook(at: AtOffice, year: YearId) -> Response:
    """Give all lists as a workbook, without names."""
    return register_api.export_school_workbook(session=at.session, now=at.now, person=at.person, year=year)


@router.api_route("/years/{year}/sheet.pdf", methods=READ)
def print_sheet(at: AtOffice, year: YearId, circuit: Id) -> Response:
    """Print a circuit for its driver."""
    return outputs_api.print_driver_sheet(
        session=at.session, now=at.now, person=at.person, year=year, circuit=circuit, language=at.language
    )


@router.api_route("/years/{year}/list.pdf", methods=READ)
def print_list(at: AtOffice, year: YearId, school: Id) -> Response:
    """Print who is brought to a school, with names; this is logged."""
    return outputs_api.print_class_list(
        session=at.session,
        now=at.now,
        person=register_api.let_staff_in(at.person),
        year=year,
        school=school,
        language=at.language,
    )


@router.post("/years/{year}/requests")
def decide_request(at: AtOffice, year: YearId, form: Fields) -> Response:
    """Grant or refuse a family's request; what it does is said."""
    try:
        received = date.fromisoformat(form.get("received"))
        key = (form.get("pupil"), received, form.get("kind"))
        decided = deciding.decide(at.connection, year, key, at.actor, grant=form.get("grant") == "yes")
    except ValueError:
        return _year(at, year, problem=at.speak("school.changed_meanwhile"))
    except MobigoError as error:
        at.session.rollback()
        return _year(at, year, problem=str(error))
    effects = [one.fr if at.speak.language == "fr" else one.en for one in decided.effects]
    return _year(at, year, effects=[at.speak(f"school.request.{decided.request.state}"), *effects])


@router.post("/years/{year}/requests/new")
def take_down_request(at: AtOffice, year: YearId, form: Fields) -> Response:
    """Take down what a family asks for by telephone, by letter or at the counter."""
    register_api.let_staff_in(at.person)
    kind = form.get("kind")
    try:
        if kind not in REQUESTS:
            raise InvalidInput(f"a request is of one kind of {', '.join(REQUESTS)}", code="incomplete_request")
        received = date.fromisoformat(form.get("received")) if form.get("received") else at.local(at.now).date()
        numbers = register_store.list_numbers(at.connection, year)
        asked = Asked(
            numbers.get(form.get("pupil"), form.get("pupil")),
            received,
            kind,
            (form.get("school") or None) if kind in {"change", "new"} else None,
            (form.get("stop") or None) if kind in {"stop", "new"} else None,
        )
        deciding.take_down(at.connection, year, asked, at.actor)
    except ValueError:
        return _year(at, year, problem=at.speak("school.no_date"))
    except MobigoError as error:
        at.session.rollback()
        return _year(at, year, problem=str(error))
    return RedirectResponse(f"{HOME}/years/{year}#requests", 303)


def _year(
    at: Office,
    year: str,
    *,
    problem: str = "",
    faults: Sequence[Any] = (),
    imported: dict[str, Any] | None = None,
    effects: Sequence[str] = (),
) -> Response:
    register_service.get_year(at.connection, year)
    found = find_gaps(at.connection, year)
    scenarios = [
        {"scenario": one, "plan": next((plan for plan in plans if plan.state == "done"), None), "latest": plans[:1]}
        for one in scenario_store.list_scenarios(at.connection, year)
        for plans in [scenario_store.list_plans(at.connection, one.id)]
    ]
    return at.page(
        "school_year.html",
        status=409 if problem else 200,
        year=year,
        counts=register_store.count_rows(at.connection, year),
        lists=list(SHEETS),
        imports=register_store.list_imports(at.connection, year, 5),
        gaps=_group(found),
        gap_count=len(found),
        scenarios=scenarios,
        today=scenario_store.find_today(at.connection, year),
        requests=[
            one for one in register_store.list_rows(at.connection, year, SHEETS["requests"]) if one["state"] == "open"
        ],
        rows={
            name: [
                (row["id"], row["name"])
                for row in register_store.list_rows(at.connection, year, SHEETS[name], doors=False)
            ]
            for name in ("circuits", "schools", "stops")
        },
        today_date=at.local(at.now).date().isoformat(),
        effects=effects,
        local=at.local,
        problem=problem,
        faults=faults[:FAULTS_SHOWN],
        more_faults=max(0, len(faults) - FAULTS_SHOWN),
        imported=imported,
    )


def _group(found: Sequence[Gap]) -> list[dict[str, Any]]:
    """Put gaps of a kind together."""
    counts = Counter(gap.code for gap in found)
    return [
        {
            "code": code,
            "count": count,
            "shown": [gap for gap in found if gap.code == code][:GAPS_SHOWN],
            "more": max(0, count - GAPS_SHOWN),
        }
        for code, count in sorted(counts.items())
    ]
