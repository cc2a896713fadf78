"""HTTP: draft networks and their trials, for the people who plan."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

import orjson
import psycopg
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.engine import libpq_conninfo
from mobigo.db.session import Database, driver
from mobigo.jobs.queue import enqueue
from mobigo.jobs.schedule import LONG
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.usage import drafts, trial_told
from mobigo.usage import drafts_store as store
from mobigo.usage.communes import list_communes
from mobigo.usage.draft import Changes, Document, Name
from mobigo.usage.draft_edit import Fault
from mobigo.usage.drafts import MOST_QUESTIONS, Author, Wanted
from mobigo.usage.drafts_store import Draft, Trial
from mobigo.usage.trial_book import write_trial
from mobigo.usage.trial_plan import Terms
from mobigo.usage.usage_api import SHEET, Planner, download

router = APIRouter(prefix="/v1/usage", tags=["usage"])

Drafter = Annotated[Person, Depends(require(Role.DISPATCHER, Role.PUBLISHER))]
"""Who may write drafts; whoever plans may read them."""
DraftId = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$", description="Id, or name")]
TrialId = Annotated[int, Path(ge=1, le=2**62)]
RevisionId = Annotated[int, Field(ge=1, le=2**31 - 1)]
MOST_BESIDE = 6
"""Trials that are set side by side."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewDraftBody(_Body):
    """A new draft: with changes of its own, or those of another one."""

    name: Name
    note: Annotated[str, Field(max_length=2_000)] = ""
    changes: Changes = Field(default_factory=list)
    copy_of: Annotated[str, Field(max_length=200)] | None = Field(None, description="Begin as this draft is")


class DraftBody(_Body):
    """All changes of a draft, in the order in which they are made."""

    changes: Changes
    note: Annotated[str, Field(max_length=2_000)] | None = Field(None, description="null: as it is")
    revision: RevisionId | None = Field(
        None, description="The one these were made from; refused if there is a later one"
    )


class FormerBody(_Body):
    """A former revision."""

    revision: RevisionId


class TermsBody(_Body):
    """How people weigh their time."""

    wait: Annotated[float, Field(ge=0, le=10)] = Field(Terms.wait, description="Of a minute before one leaves")
    change: Annotated[int, Field(ge=0, le=7_200)] = Field(Terms.change, description="Seconds, for each change")
    same: Annotated[int, Field(ge=0, le=3_600)] = Field(
        Terms.same, description="Seconds within which two ways are as good as each other"
    )


class TrialBody(_Body):
    """What is to be tried."""

    first: date | None = Field(None, description="Recorded demand from this day of travel on; null: four weeks")
    last: date | None = Field(None, description="Until this day; null: yesterday")
    days: Annotated[list[date], Field(max_length=31)] = Field(
        default_factory=list, description="Plan it on these days; none: the next one of each sort of day"
    )
    questions: Annotated[int, Field(ge=1, le=MOST_QUESTIONS)] = Field(2_000, description="At most, about")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    terms: TermsBody = Field(default_factory=TermsBody)

    def wanted(self) -> Wanted:
        """Return it as trying takes it."""
        terms = Terms(**self.terms.model_dump())
        return Wanted(self.first, self.last, tuple(self.days), self.questions, self.seed, terms)


class DraftAnswer(BaseModel):
    """A draft."""

    id: str
    name: str
    revision: int
    made_by: str
    made_at: datetime


class DraftsAnswer(BaseModel):
    """The drafts, latest first."""

    drafts: list[DraftAnswer]


class RevisionAnswer(BaseModel):
    """When a revision was written, and by whom."""

    revision: int
    note: str
    changes: int = Field(description="How many")
    written_by: str
    written_at: datetime


class TrialAnswer(BaseModel):
    """What became, or becomes, of trying a revision."""

    id: int
    draft: str
    revision: int
    state: Literal["waiting", "running", "done", "failed"]
    stage: Literal["", "read", "build", "plan", "count"] = Field(
        description="What is being done: reading, building the network, planning, counting"
    )
    asked: int = Field(description="Questions, as soon as they are drawn")
    answered: int
    cancelled: bool
    terms: dict[str, Any]
    problem: str | None
    asked_by: str
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class WholeDraftAnswer(DraftAnswer):
    """A draft with its changes, former revisions and trials."""

    note: str
    changes: list[dict[str, Any]]
    revisions: list[RevisionAnswer]
    trials: list[TrialAnswer]


class FaultAnswer(BaseModel):
    """Why a change cannot be made."""

    change: int = Field(description="Its place, from 0")
    code: str
    what: str


class FaultsAnswer(BaseModel):
    """What is wrong with a draft; an empty list: every change can be made."""

    faults: list[FaultAnswer]


class SaidAnswer(BaseModel):
    """A sentence."""

    text: str
    text_fr: str


class ResultAnswer(TrialAnswer):
    """What a trial found."""

    sentences: list[SaidAnswer]
    figures: dict[str, float] = Field(description="By which trials are set side by side; of the days of demand")
    errors: dict[str, float] = Field(description="Of those that are estimates: half the width at 95 %")
    result: dict[str, Any] = Field(
        description="Everything: people by verdict, minutes, communes, relations, lines, supply; of the days of demand"
    )


class BesideAnswer(BaseModel):
    """A trial among others."""

    trial: int
    draft: str
    name: str
    revision: int
    figures: dict[str, float]
    errors: dict[str, float]


class ComparedAnswer(BaseModel):
    """Trials side by side."""

    trials: list[BesideAnswer]
    alike: bool = Field(description="Whether all were asked the same questions, of the same days")


# ── drafts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/drafts", responses=problems(401, 403))
def list_usage_drafts(*, session: Database, person: Planner) -> DraftsAnswer:  # noqa: ARG001
    """List the drafts."""
    return DraftsAnswer(drafts=[DraftAnswer(**asdict(one)) for one in store.list_drafts(driver(session))])


@router.post("/drafts", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def make_usage_draft(*, session: Database, now: Now, person: Drafter, body: NewDraftBody) -> DraftAnswer:
    """Make a draft: what would change, in the order in which it is done."""
    connection, author = driver(session), Author(person.user, now)
    if body.copy_of is not None:
        return _draft(drafts.copy_draft(connection, body.copy_of, body.name, author))
    document = Document(name=body.name, note=body.note, changes=body.changes)
    return _draft(drafts.make_draft(connection, document, author))


@router.get("/drafts/{draft}", responses=problems(401, 403, 404, 422))
def get_usage_draft(*, session: Database, person: Planner, draft: DraftId) -> WholeDraftAnswer:  # noqa: ARG001
    """Read a draft."""
    connection = driver(session)
    one = store.get_draft(connection, draft)
    written = store.get_revision(connection, one.id, one.revision)
    return WholeDraftAnswer(
        **asdict(one),
        note=written.note,
        changes=written.changes,
        revisions=[
            RevisionAnswer(
                revision=former.revision,
                note=former.note,
                changes=len(former.changes),
                written_by=former.written_by,
                written_at=former.written_at,
            )
            for former in store.list_revisions(connection, one.id)
        ],
        trials=[_trial(trial) for trial in store.list_trials(connection, one.id)],
    )


@router.put("/drafts/{draft}", responses=problems(400, 401, 403, 404, 409, 422))
def write_usage_draft(*, session: Database, now: Now, person: Drafter, draft: DraftId, body: DraftBody) -> DraftAnswer:
    """Write the changes of a draft; the former ones stay readable and can be taken back to."""
    author = Author(person.user, now)
    return _draft(drafts.write_draft(driver(session), draft, body.changes, author, note=body.note, seen=body.revision))


@router.delete("/drafts/{draft}", status_code=204, responses=problems(401, 403, 404, 409, 422))
def remove_usage_draft(*, session: Database, person: Drafter, draft: DraftId) -> None:  # noqa: ARG001
    """Remove a draft with its trials."""
    drafts.remove_draft(driver(session), draft)


@router.get("/drafts/{draft}/document", responses=problems(401, 403, 404, 422))
def export_usage_draft(
    *,
    session: Database,
    person: Planner,  # noqa: ARG001
    draft: DraftId,
    revision: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Default: the newest")] = None,
) -> Document:
    """Export a draft as a document that can be posted as a new one."""
    return drafts.export_draft(driver(session), draft, revision)


@router.post("/drafts/{draft}/take-back", responses=problems(400, 401, 403, 404, 409, 422))
def take_back_usage_draft(
    *, session: Database, now: Now, person: Drafter, draft: DraftId, body: FormerBody
) -> DraftAnswer:
    """Go back to the changes of a former revision."""
    return _draft(drafts.take_back(driver(session), draft, body.revision, Author(person.user, now)))


@router.post("/drafts/{draft}/check", responses=problems(401, 403, 404, 422))
def check_usage_draft(
    *,
    request: Request,
    person: Planner,  # noqa: ARG001
    draft: DraftId,
) -> FaultsAnswer:
    """Say which changes cannot be made on the timetables and services of now, and why."""
    return FaultsAnswer(faults=[FaultAnswer(**asdict(one)) for one in check_apart(request, draft)])


def check_apart(request: Request, draft: str) -> list[Fault]:
    """Check a draft on a connection of its own: all tables are read as they are at one moment."""
    url = request.app.state.engine.url.render_as_string(hide_password=False)
    with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
        return drafts.check_draft(connection, draft)


# ── trials ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/drafts/{draft}/trials", status_code=202, responses=problems(400, 401, 403, 404, 409, 422))
def try_usage_draft(*, session: Database, now: Now, person: Drafter, draft: DraftId, body: TrialBody) -> TrialAnswer:
    """Have a draft tried on recorded demand; it goes on in the background, and its progress can be read."""
    connection = driver(session)
    number = drafts.ask_trial(connection, draft, body.wanted(), Author(person.user, now))
    enqueue(session, "usage.try", {"trial": number}, queue=LONG)
    return _trial(store.get_trial(connection, number))


@router.get("/trials/comparison", responses=problems(400, 401, 403, 404, 409, 422))
def compare_usage_trials(
    *,
    session: Database,
    person: Planner,  # noqa: ARG001
    trial: Annotated[list[Annotated[int, Field(ge=1, le=2**62)]], Query(min_length=1, max_length=MOST_BESIDE)],
) -> ComparedAnswer:
    """Set trials side by side."""
    connection = driver(session)
    found = []
    for number in trial:
        one = store.get_trial(connection, number)
        found.append((one, store.get_draft(connection, one.draft), store.get_result(connection, number)))
    asked = [(one.terms, result["people"], result["days"]) for one, _, result in found]
    return ComparedAnswer(
        trials=[
            BesideAnswer(
                trial=one.id,
                draft=draft.id,
                name=draft.name,
                revision=one.revision,
                figures=trial_told.list_figures(result),
                errors=trial_told.list_errors(result),
            )
            for one, draft, result in found
        ],
        alike=all(one == asked[0] for one in asked),
    )


@router.get("/trials/{trial}", responses=problems(401, 403, 404, 422))
def get_usage_trial(*, session: Database, person: Planner, trial: TrialId) -> TrialAnswer:  # noqa: ARG001
    """Read how far a trial is."""
    return _trial(store.get_trial(driver(session), trial))


@router.get("/trials/{trial}/result", responses=problems(401, 403, 404, 409, 422))
def get_usage_result(*, session: Database, person: Planner, trial: TrialId) -> ResultAnswer:  # noqa: ARG001
    """Read what a trial found."""
    connection = driver(session)
    result = store.get_result(connection, trial)
    return ResultAnswer(
        **_trial(store.get_trial(connection, trial)).model_dump(),
        sentences=[SaidAnswer(text=one.en, text_fr=one.fr) for one in trial_told.say_trial(result)],
        figures=trial_told.list_figures(result),
        errors=trial_told.list_errors(result),
        result={**result, "communes": trial_told.list_communes_told(result)},
    )


@router.get("/trials/{trial}/map", responses=problems(401, 403, 404, 409, 422))
def map_usage_trial(*, session: Database, person: Planner, trial: TrialId) -> Response:  # noqa: ARG001
    """Read where it becomes better and worse, by commune, as GeoJSON."""
    connection = driver(session)
    places = {id_: one.place for id_, one in list_communes(connection).items()}
    drawn = trial_told.draw_communes(store.get_result(connection, trial), places)
    return download(orjson.dumps(drawn), "application/geo+json", f"trial-{trial}.geojson")


@router.get("/trials/{trial}/workbook", responses=problems(401, 403, 404, 409, 422))
def export_usage_trial(
    *,
    session: Database,
    person: Planner,  # noqa: ARG001
    trial: TrialId,
    lang: Annotated[Literal["fr", "en"], Query(description="Of headers and sentences")] = "fr",
) -> Response:
    """Export a trial as a workbook."""
    return download(write_trial(store.get_result(driver(session), trial), lang), SHEET, f"trial-{trial}.xlsx")


@router.post("/trials/{trial}/cancel", responses=problems(401, 403, 404, 409, 422))
def cancel_usage_trial(*, session: Database, person: Drafter, trial: TrialId) -> TrialAnswer:  # noqa: ARG001
    """Take what was found so far instead of waiting."""
    connection = driver(session)
    drafts.cancel_trial(connection, trial)
    return _trial(store.get_trial(connection, trial))


def _draft(one: Draft) -> DraftAnswer:
    return DraftAnswer(**asdict(one))


def _trial(one: Trial) -> TrialAnswer:
    told = asdict(one)
    told["cancelled"] = told.pop("is_cancelled")
    return TrialAnswer(**told)
