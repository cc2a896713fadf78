"""HTTP: scenarios of school transport and their plans, for its staff; pupils appear by their keys only."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.jobs.queue import enqueue
from mobigo.jobs.schedule import LONG
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.school import register_service, register_store, scenario_store, scenarios
from mobigo.school.cells import ENGLISH_DAYS
from mobigo.school.families import tell_families
from mobigo.school.register import SHEETS
from mobigo.school.register_service import Actor
from mobigo.school.scenario_store import Planned, Scenario
from mobigo.school.yearplan import Effort

router = APIRouter(prefix="/v1/school", tags=["school transport"])

Staff = Annotated[Person, Depends(require(Role.SCHOOL))]
YearId = Annotated[str, Path(pattern=register_service.YEAR, examples=["2026-2027"])]
ScenarioId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
PlanId = Annotated[int, Path(ge=1, le=2**62)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Level = Literal["primary", "college", "lycee"]
Seconds = Annotated[int, Field(ge=60, le=4 * 3600)]
Metres = Annotated[int, Field(ge=0, le=20_000)]


class Change(BaseModel):
    """Something that a scenario has otherwise than the register."""

    model_config = ConfigDict(extra="forbid")

    def plain(self) -> dict[str, Any]:
        """Return it as planning takes it."""
        return self.model_dump(exclude_none=True)


class BellChange(Change):
    """A bell at another time."""

    kind: Literal["bell"]
    school: str = Field(max_length=60)
    trip: Literal["morning", "noon", "evening"]
    at: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["08:20"])
    weekdays: list[Weekday] | None = Field(None, min_length=1, max_length=7, description="Of these; else of all")

    def plain(self) -> dict[str, Any]:
        """Return it as planning takes it: seconds after midnight, 1 for Monday."""
        hours, _, minutes = self.at.partition(":")
        days = None if self.weekdays is None else [ENGLISH_DAYS.index(one) + 1 for one in self.weekdays]
        return {**super().plain(), "at": 3600 * int(hours) + 60 * int(minutes), "weekdays": days}


class StopChange(Change):
    """A stop opened, closed, or put elsewhere."""

    kind: Literal["stop"]
    stop: str = Field(max_length=80)
    open: bool | None = None
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)
    bearing: float | None = Field(None, ge=0, lt=360, description="In which a coach stands there")


class PupilChange(Change):
    """A pupil sent to a stop."""

    kind: Literal["pupil"]
    pupil: str = Field(max_length=40)
    home: Literal[1, 2] = 1
    stop: str = Field(max_length=80)


class LimitsChange(Change):
    """What runs keep to."""

    kind: Literal["limits"]
    seats: int | None = Field(None, ge=1, le=200)
    halt: float | None = Field(None, ge=0, le=600, description="Seconds of a stop ...")
    each: float | None = Field(None, ge=0, le=120, description="... and of each pupil there")
    unloading: float | None = Field(None, ge=0, le=3600, description="Seconds at the school before the bell, or after")
    shift: int | None = Field(
        None, ge=0, le=3600, description="Seconds by which planning may move bells, within their windows"
    )
    amplitude: int | None = Field(
        None, ge=3600, le=86_400, description="Seconds of a driver's day, from the first halt to the last"
    )
    mixed: int | None = Field(
        None,
        ge=0,
        le=3600,
        description="Seconds from the bell that pupils may be at school where a vehicle serves several; 0: none does",
    )
    ride: dict[Level, Seconds] | None = Field(None, description="Longest, by level")
    walk: dict[Level, Metres] | None = Field(None, description="Longest to a stop, by level")


class LockChange(Change):
    """A circuit that planning leaves as it is."""

    kind: Literal["lock"]
    circuit: str = Field(max_length=60)
    locked: bool = True


class StopsChange(Change):
    """Whether pupils keep the stop they have; else all stops are chosen anew."""

    kind: Literal["stops"]
    keep: bool


class VehicleChange(Change):
    """A vehicle that is otherwise, or not used; it takes effect when the scenario is planned."""

    kind: Literal["vehicle"]
    vehicle: str = Field(max_length=60)
    in_use: bool = True
    make: Literal["coach", "midicoach", "minibus", "car"] | None = None
    seats: int | None = Field(None, ge=1, le=200)
    wheelchairs: int | None = Field(None, ge=0, le=20)
    seats_per_wheelchair: int | None = Field(None, ge=0, le=20)
    day_cents: int | None = Field(None, ge=0, le=10**9)
    km_cents: int | None = Field(None, ge=0, le=10**6)
    hour_cents: int | None = Field(None, ge=0, le=10**7)
    grams: int | None = Field(None, ge=0, le=10_000, description="Of CO2, by kilometre")


AnyChange = Annotated[
    BellChange | StopChange | PupilChange | LimitsChange | LockChange | StopsChange | VehicleChange,
    Field(discriminator="kind"),
]
Changes = Annotated[list[AnyChange], Field(max_length=2_000)]


class ScenarioBody(BaseModel):
    """A new scenario."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, pattern=r"\S")
    copy_of: str | None = Field(None, pattern=r"^[0-9a-f]{16}$", description="Begin with the changes of this one")


class ChangesBody(BaseModel):
    """All changes of a scenario, in their order."""

    model_config = ConfigDict(extra="forbid")

    changes: Changes
    revision: int | None = Field(
        None, ge=1, description="The one these were made from; refused if there is a later one"
    )


class BackBody(BaseModel):
    """A former revision."""

    model_config = ConfigDict(extra="forbid")

    revision: int = Field(ge=1)


class EffortBody(BaseModel):
    """How much to put into a plan."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(300.0, ge=1, le=7_200, description="For all sessions together")
    work: int | None = Field(None, ge=1, le=100_000, description="Parts planned anew, instead of seconds: repeatable")
    seed: int = Field(1, ge=0, lt=2**31)


class ScenarioAnswer(BaseModel):
    """A scenario."""

    id: str
    year: str
    name: str
    state: Literal["draft", "approved", "published", "withdrawn"]
    revision: int
    made_by: str
    made_at: datetime
    plan: int | None = Field(description="That was approved")


class DecisionAnswer(ScenarioAnswer):
    """A scenario after something was decided."""

    told: int = Field(description="Families that were written to")


class ScenariosAnswer(BaseModel):
    """Scenarios of a year, latest first."""

    scenarios: list[ScenarioAnswer]


class NoteAnswer(BaseModel):
    """Something that was done."""

    at: datetime
    by: str
    what: str
    details: dict[str, Any]


class PlanAnswer(BaseModel):
    """What became of a revision."""

    id: int
    scenario: str
    revision: int
    state: Literal["waiting", "running", "done", "failed"]
    effort: EffortBody
    progress: dict[str, dict[str, int]] = Field(
        description="By session: vehicles, and the bound below them; then cents of a day and theirs"
    )
    cancelled: bool
    figures: dict[str, Any] | None
    problem: str | None
    asked_by: str
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class WholeScenarioAnswer(ScenarioAnswer):
    """A scenario with its changes, plans and history."""

    changes: list[dict[str, Any]]
    plans: list[PlanAnswer]
    history: list[NoteAnswer]


class DocumentAnswer(PlanAnswer):
    """A plan with all its runs."""

    document: dict[str, Any]


class CheckBody(BaseModel):
    """Changes to try on a plan, in addition to those it was made with."""

    model_config = ConfigDict(extra="forbid")

    changes: Changes


class BreakAnswer(BaseModel):
    """Something that would not hold any more."""

    kind: Literal["seats", "ride", "link", "stop_closed", "no_run", "unreached", "locked", "lock"]
    session: str
    run: str
    text: str
    text_fr: str


class RelinkedAnswer(BaseModel):
    """A session whose runs change, when each may be driven by another vehicle."""

    session: str
    before: int = Field(description="Vehicles of the plan")
    after: int = Field(description="The fewest that can drive these runs")
    vehicles: dict[str, int] = Field(description="By run")
    moved: list[str] = Field(description="Runs that another vehicle drives")


class CheckAnswer(BaseModel):
    """A plan after changes, without planning anew."""

    runs: list[dict[str, Any]] = Field(description="Those that change, with their new times")
    breaks: list[BreakAnswer] = Field(description="While every run keeps its vehicle")
    relinked: list[RelinkedAnswer]


class SentenceAnswer(BaseModel):
    """Something to know, in both languages."""

    text: str
    text_fr: str


class WithdrawalAnswer(BaseModel):
    """What withdrawing would not put back as it was, or take away, of what was changed since publishing."""

    kept: dict[str, list[str]] = Field(description="By list (bells by school, stops, vehicles): stays as it is now")
    lost: int = Field(description="Halts and seats of published runs that were changed by hand, and go with their runs")
    unseated: int = Field(description="Pupils who left or gave their seats back, and get none again")
    sentences: list[SentenceAnswer]


class ComparisonAnswer(BaseModel):
    """Two plans side by side."""

    figures: dict[str, Any]
    sessions: list[dict[str, Any]]
    opened: list[str]
    closed: list[str]
    pupils_moved: int
    moved: list[dict[str, Any]]


@router.get("/years/{year}/scenarios", responses=problems(401, 403, 404, 422))
def list_school_scenarios(*, session: Database, person: Staff, year: YearId) -> ScenariosAnswer:  # noqa: ARG001
    """List the scenarios of a year."""
    connection = driver(session)
    register_service.get_year(connection, year)
    return ScenariosAnswer(scenarios=[_scenario(one) for one in scenario_store.list_scenarios(connection, year)])


@router.post("/years/{year}/scenarios", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def make_school_scenario(
    *, session: Database, now: Now, person: Staff, year: YearId, body: ScenarioBody
) -> ScenarioAnswer:
    """Make a scenario of a year; it begins as the register is, or as a copy."""
    connection = driver(session)
    register_service.get_year(connection, year)
    return _scenario(
        scenarios.make_scenario(connection, year, body.name.strip(), _actor(person, now), copy_of=body.copy_of)
    )


@router.get("/scenarios/{scenario}", responses=problems(401, 403, 404, 422))
def get_school_scenario(*, session: Database, person: Staff, scenario: ScenarioId) -> WholeScenarioAnswer:  # noqa: ARG001
    """Read a scenario."""
    connection = driver(session)
    found = scenario_store.get_scenario(connection, scenario)
    return WholeScenarioAnswer(
        **asdict(found),
        changes=scenario_store.get_changes(connection, scenario, found.revision),
        plans=[_plan(one) for one in scenario_store.list_plans(connection, scenario)],
        history=[NoteAnswer(**asdict(one)) for one in scenario_store.list_history(connection, scenario)],
    )


@router.put("/scenarios/{scenario}/changes", responses=problems(400, 401, 403, 404, 409, 422))
def change_school_scenario(
    *, session: Database, now: Now, person: Staff, scenario: ScenarioId, body: ChangesBody
) -> ScenarioAnswer:
    """Write the changes of a draft; the former ones stay readable and can be taken back to."""
    changes = [one.plain() for one in body.changes]
    return _scenario(
        scenarios.change_scenario(driver(session), scenario, changes, _actor(person, now), revision=body.revision)
    )


@router.post("/scenarios/{scenario}/take-back", responses=problems(400, 401, 403, 404, 409, 422))
def take_back_school_scenario(
    *, session: Database, now: Now, person: Staff, scenario: ScenarioId, body: BackBody
) -> ScenarioAnswer:
    """Go back to the changes of a former revision."""
    return _scenario(scenarios.take_back(driver(session), scenario, body.revision, _actor(person, now)))


@router.post("/scenarios/{scenario}/plans", status_code=202, responses=problems(401, 403, 404, 409, 422))
def plan_school_scenario(
    *, session: Database, now: Now, person: Staff, scenario: ScenarioId, body: EffortBody
) -> PlanAnswer:
    """Have a draft planned; it goes on in the background, and its progress can be read."""
    connection = driver(session)
    number = scenarios.ask_plan(connection, scenario, Effort(**body.model_dump()), _actor(person, now))
    enqueue(session, "school.plan", {"plan": number}, queue=LONG)
    return _plan(scenario_store.get_plan(connection, number))


@router.get("/plans/{plan}", responses=problems(401, 403, 404, 422))
def get_school_plan(*, session: Database, person: Staff, plan: PlanId) -> PlanAnswer:  # noqa: ARG001
    """Read how far a plan is."""
    return _plan(scenario_store.get_plan(driver(session), plan))


@router.get("/plans/{plan}/document", responses=problems(401, 403, 404, 409, 422))
def get_school_plan_document(*, session: Database, person: Staff, plan: PlanId) -> DocumentAnswer:  # noqa: ARG001
    """Read a plan that is done, with all its runs."""
    connection = driver(session)
    found = scenario_store.get_plan(connection, plan)
    return DocumentAnswer(**_plan(found).model_dump(), document=scenario_store.get_document(connection, plan))


@router.post("/plans/{plan}/check", responses=problems(400, 401, 403, 404, 409, 422))
def check_school_plan(
    *,
    request: Request,
    session: Database,
    person: Staff,  # noqa: ARG001
    plan: PlanId,
    body: CheckBody,
) -> CheckAnswer:
    """Try changes on a plan at once: new times of its runs, and a sentence for everything that breaks."""
    changes = [one.plain() for one in body.changes]
    found = scenarios.check_changes(driver(session), plan, changes, request.app.state.school_bench)
    return CheckAnswer(
        runs=found.runs,
        breaks=[BreakAnswer(**one._asdict()) for one in found.breaks],
        relinked=[RelinkedAnswer(**one._asdict()) for one in found.relinked],
    )


@router.post("/plans/{plan}/keep", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def keep_school_plan(
    *, request: Request, session: Database, now: Now, person: Staff, plan: PlanId, body: CheckBody
) -> PlanAnswer:
    """Add changes that were tried to the draft, and keep its plan as they leave it; nothing is planned anew."""
    connection = driver(session)
    changes = [one.plain() for one in body.changes]
    kept = scenarios.keep_by_hand(connection, plan, changes, request.app.state.school_bench, _actor(person, now))
    return _plan(scenario_store.get_plan(connection, kept))


@router.post("/plans/{plan}/cancel", responses=problems(401, 403, 404, 409, 422))
def cancel_school_plan(*, session: Database, now: Now, person: Staff, plan: PlanId) -> PlanAnswer:
    """Take the best that was found so far instead of waiting."""
    connection = driver(session)
    scenarios.cancel_plan(connection, plan, _actor(person, now))
    return _plan(scenario_store.get_plan(connection, plan))


@router.get("/comparison", responses=problems(400, 401, 403, 404, 409, 422))
def compare_school_scenarios(
    *,
    session: Database,
    person: Staff,  # noqa: ARG001
    before: Annotated[str, Query(pattern=r"^[0-9a-f]{16}$")],
    after: Annotated[str, Query(pattern=r"^[0-9a-f]{16}$")],
) -> ComparisonAnswer:
    """Compare the latest plans of two scenarios: figures, stops, and each pupil for whom something changes."""
    return ComparisonAnswer(**scenarios.compare_scenarios(driver(session), before, after))


@router.get("/scenarios/{scenario}/withdrawal", responses=problems(401, 403, 404, 409, 422))
def preview_school_withdrawal(*, session: Database, person: Staff, scenario: ScenarioId) -> WithdrawalAnswer:  # noqa: ARG001
    """Tell what withdrawing a published scenario would do with what was changed since; nothing is changed."""
    found = scenarios.preview_withdrawal(driver(session), scenario)
    sentences = [SentenceAnswer(text=one.en, text_fr=one.fr) for one in found.say()]
    return WithdrawalAnswer(kept=found.kept, lost=found.lost, unseated=found.unseated, sentences=sentences)


@router.post("/scenarios/{scenario}/{step}", responses=problems(400, 401, 403, 404, 409, 422))
def decide_school_scenario(
    *,
    session: Database,
    now: Now,
    person: Staff,
    scenario: ScenarioId,
    step: Literal["approve", "reopen", "publish", "withdraw"],
    tell: Annotated[
        bool, Query(description="Write to families whose stops or times change; of publishing and withdrawing")
    ] = False,
) -> DecisionAnswer:
    """Approve a planned draft, reopen it, publish its circuits into the register, or withdraw them again."""
    decide = {
        "approve": scenarios.approve,
        "reopen": scenarios.reopen,
        "publish": scenarios.publish,
        "withdraw": scenarios.withdraw,
    }[step]
    connection = driver(session)
    year = scenario_store.get_scenario(connection, scenario).year
    tell = tell and step in {"publish", "withdraw"}
    before = {
        name: register_store.list_rows(connection, year, SHEETS[name]) if tell else []
        for name in ("calls", "runs", "seats", "stops")
    }
    decided = decide(connection, scenario, _actor(person, now))
    told = 0
    if tell:
        about = f"school-plan:{decided.plan}:{step}:{now.isoformat()}"  # published again, it is told again
        told = tell_families(session, year, before=before, about=about, now=now)
    return DecisionAnswer(**asdict(decided), told=told)


def _actor(person: Person, now: datetime) -> Actor:
    return Actor(person.user, person.role.value, now)


def _scenario(one: Scenario) -> ScenarioAnswer:
    return ScenarioAnswer(**asdict(one))


def _plan(one: Planned) -> PlanAnswer:
    return PlanAnswer(**{**asdict(one), "cancelled": one.is_cancelled})
