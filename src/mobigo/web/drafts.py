"""Draft networks for those who plan: written change by change, tried on recorded demand, set side by side.

What the pages do they do through the services of the usage room, as its API does.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from psycopg import Connection

from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.jobs.queue import enqueue
from mobigo.jobs.schedule import LONG
from mobigo.kit.errors import InvalidInput, MobigoError
from mobigo.kit.requests import Now
from mobigo.usage import drafts, drafts_api, trial_told
from mobigo.usage import drafts_store as store
from mobigo.usage.communes import list_communes
from mobigo.usage.draft import SOURCE, AddLine, Document, plain, read_changes, read_document
from mobigo.usage.draft_edit import Fault
from mobigo.usage.draft_told import say_change
from mobigo.usage.drafts import Author, Wanted
from mobigo.usage.sentences import Said, say, write_number
from mobigo.usage.usage_api import PLANNERS
from mobigo.web import words
from mobigo.web.draft_forms import Names, read_change
from mobigo.web.forms import Fields, Form
from mobigo.web.html import READ, page
from mobigo.web.signin import admit

router = APIRouter(prefix="/staff/drafts", include_in_schema=False)

Reader = Annotated[Person, Depends(admit(*PLANNERS))]
Writer = Annotated[Person, Depends(admit(Role.DISPATCHER, Role.PUBLISHER))]
DraftId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
TrialId = Annotated[int, Path(ge=1, le=2**62)]
Trials = Annotated[list[Annotated[int, Query(ge=1, le=2**62)]] | None, Query(max_length=drafts_api.MOST_BESIDE)]

HOME = "/staff/drafts"
QUESTIONS = (500, 2_000, 10_000)
"""How many questions a trial may be asked from the page."""
ROWS_SHOWN = 15
"""Of tables on the page; all rows are in the workbook."""
NONE = "\u2013"
SHADES = (-10.0, -1.0, 1.0, 10.0)
"""Minutes that somebody of a commune gains, between which the map has one colour."""
FIGURES = (
    *("people", "better", "worse", "new", "lost", "same", "none", "minutes"),
    *("kilometres", "hours", "rides", "cents", "co2_kg"),
)
"""Of trials side by side, in the order in which people read them."""
CENTS = 100


class Table:
    """Somebody who plans, and what they do.

    Parameters
    ----------
    request : Request
    person : Person
    session : Session
    now : datetime
    """

    def __init__(self, *, request: Request, person: Reader, session: Database, now: Now) -> None:
        self.request, self.person, self.session, self.now = request, person, session, now
        self.speak = words.choose(request)

    @property
    def connection(self) -> Connection[Any]:
        """The connection of the session."""
        return driver(self.session)

    @property
    def author(self) -> Author:
        """Who is noted as having done what is done."""
        return Author(self.person.user, self.now)

    @property
    def may_write(self) -> bool:
        """Whether the page offers to change anything."""
        return self.person.role in {Role.DISPATCHER, Role.PUBLISHER, Role.ADMIN}

    def names(self) -> Names:
        """Names of what is there today."""
        state = self.request.app.state
        return Names(state.networks.find_current(), state.catalogues.current(self.connection).services)

    def said(self, one: Said) -> str:
        """Say a sentence in the reader's language."""
        return one.of(self.speak.language)

    def number(self, value: float, digits: int = 0) -> str:
        """Write a number as people do."""
        return write_number(value, self.speak.language, digits)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401  templates take anything
        """Write a page that nobody keeps."""
        shared = {
            "person": self.person,
            "may_write": self.may_write,
            "said": self.said,
            "number": self.number,
            "column": lambda name: self.said(say(f"trial_column.{name}")),
            "figure": self.figure,
            "home": HOME,
        }
        answer = page(self.request, template, self.speak, status=status, **shared, **values)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def figure(self, name: str, value: float | None, error: float | None = None) -> str:
        """Write a figure of a trial, with its error where it has one."""
        if value is None:
            return NONE
        value, error = (value / CENTS, None) if name == "cents" else (value, error)
        text = f"{self.number(value)}\u00a0€" if name == "cents" else self.number(value)
        return f"{text} ±\u00a0{self.number(error)}" if error and round(error) else text


AtTable = Annotated[Table, Depends(Table)]


# ── drafts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.api_route("", methods=READ)
def list_all(at: AtTable) -> Response:
    """Show the drafts, and what came of the last trial of each."""
    return _list(at)


def _list(at: Table, *, problem: str = "") -> Response:
    trials = store.list_trials(at.connection)
    last: dict[str, store.Trial] = {}
    done: dict[str, store.Trial] = {}
    for one in trials:
        last.setdefault(one.draft, one)
        if one.state == "done":
            done.setdefault(one.draft, one)
    found = store.list_drafts(at.connection)
    status = 409 if problem else 200
    return at.page("drafts.html", status=status, drafts=found, last=last, done=done, problem=problem)


@router.post("")
def make(at: AtTable, person: Writer, form: Form) -> Response:  # noqa: ARG001 - may write
    """Make a draft: empty, or of a document."""
    try:
        if text := form.get("document", long=200_000):
            document = read_document(text.encode())
        else:
            document = Document(name=form.get("name") or NONE, changes=[])
        one = drafts.make_draft(at.connection, document, at.author)
    except MobigoError as error:
        at.session.rollback()
        return _list(at, problem=str(error))
    return RedirectResponse(f"{HOME}/{one.id}", 303)


@router.api_route("/comparison", methods=READ)
def compare(at: AtTable, trial: Trials = None) -> Response:
    """Show trials side by side."""
    if not trial:
        return RedirectResponse(HOME, 303)
    found = drafts_api.compare_usage_trials(session=at.session, person=at.person, trial=trial)
    return at.page("drafts_comparison.html", trials=found.trials, alike=found.alike, figures=FIGURES)


@router.api_route("/{draft}", methods=READ)
def show(at: AtTable, draft: DraftId) -> Response:
    """Show a draft: what it changes, what cannot be made, what came of trying it."""
    return _show(at, draft)


def _show(at: Table, id_: str, *, problem: str = "", faults: Sequence[Fault] | None = None) -> Response:
    one = store.get_draft(at.connection, id_)
    written = store.get_revision(at.connection, one.id, one.revision)
    changes = read_changes(written.changes)
    names = at.names()
    name = names.own(changes)
    trials = store.list_trials(at.connection, one.id)
    document = {"name": one.name, "note": written.note, "changes": written.changes}
    return at.page(
        "draft.html",
        status=409 if problem else 200,
        draft=one,
        note=written.note,
        changes=[at.said(say_change(change, name)) for change in changes],
        wrong={fault.change: fault.what for fault in faults or ()},
        checked=faults is not None,
        former=store.list_revisions(at.connection, one.id)[1:],
        trials=trials,
        running=next((trial for trial in trials if trial.state in {"waiting", "running"}), None),
        lines=sorted(names.lines.items(), key=lambda line: line[1]),
        own_lines=[(f"{SOURCE}:{change.id}", change.name) for change in changes if isinstance(change, AddLine)],
        services=sorted(names.services.items()),
        communes=sorted(list_communes(at.connection).values(), key=lambda commune: commune.name),
        document=orjson.dumps(document, option=orjson.OPT_INDENT_2).decode(),
        questions=QUESTIONS,
        problem=problem,
    )


@router.post("/{draft}/changes")
def add_change(at: AtTable, person: Writer, draft: DraftId, form: Form) -> Response:  # noqa: ARG001 - may write
    """Add a change."""

    def work() -> None:
        one = store.get_draft(at.connection, draft, lock=True)
        known = read_changes(store.get_revision(at.connection, one.id, one.revision).changes)
        new = read_changes([read_change(at.connection, form, at.names(), known)])
        drafts.write_draft(at.connection, draft, [*known, *new], at.author)

    return _do(at, draft, work, "changes")


@router.post("/{draft}/remove-change")
def remove_change(at: AtTable, person: Writer, draft: DraftId, form: Form) -> Response:  # noqa: ARG001 - may write
    """Take a change out."""

    def work() -> None:
        one = store.get_draft(at.connection, draft, lock=True)
        known = read_changes(store.get_revision(at.connection, one.id, one.revision).changes)
        place = form.count("change", len(known))
        drafts.write_draft(
            at.connection, draft, [*known[:place], *known[place + 1 :]], at.author, seen=form.count("revision", 9_999)
        )

    return _do(at, draft, work, "changes")


@router.post("/{draft}/document")
def write_document(at: AtTable, person: Writer, draft: DraftId, form: Form) -> Response:  # noqa: ARG001 - may write
    """Write the whole draft anew, as a document."""

    def work() -> None:
        document = read_document(form.get("document", long=200_000).encode())
        drafts.write_draft(at.connection, draft, document.changes, at.author, note=document.note)

    return _do(at, draft, work, "changes")


@router.post("/{draft}/take-back")
def take_back(at: AtTable, person: Writer, draft: DraftId, form: Form) -> Response:  # noqa: ARG001 - may write
    """Go back to a former revision."""
    revision = form.count("revision", 9_999)
    return _do(at, draft, lambda: drafts.take_back(at.connection, draft, revision, at.author), "changes")


@router.post("/{draft}/copy")
def copy(at: AtTable, person: Writer, draft: DraftId, form: Form) -> Response:  # noqa: ARG001 - may write
    """Make a draft that begins as this one is."""
    try:
        document = Document(name=form.get("name") or NONE, changes=[])
        one = drafts.copy_draft(at.connection, draft, document.name, at.author)
    except MobigoError as error:
        at.session.rollback()
        return _show(at, draft, problem=str(error))
    return RedirectResponse(f"{HOME}/{one.id}", 303)


@router.post("/{draft}/remove")
def remove(at: AtTable, person: Writer, draft: DraftId) -> Response:  # noqa: ARG001 - may write
    """Remove a draft with its trials."""
    try:
        drafts.remove_draft(at.connection, draft)
    except MobigoError as error:
        at.session.rollback()
        return _show(at, draft, problem=str(error))
    return RedirectResponse(HOME, 303)


@router.post("/{draft}/check")
def check(at: AtTable, draft: DraftId) -> Response:
    """Say which changes cannot be made."""
    try:
        return _show(at, draft, faults=drafts_api.check_apart(at.request, draft))
    except MobigoError as error:
        return _show(at, draft, problem=str(error))


@router.post("/{draft}/trials")
def attempt(at: AtTable, person: Writer, draft: DraftId, form: Form) -> Response:  # noqa: ARG001 - may write
    """Have a draft tried in the background."""

    def work() -> None:
        wanted = Wanted(_day(form, "first"), _day(form, "last"), (), int(form.get("questions") or QUESTIONS[1]))
        number = drafts.ask_trial(at.connection, draft, wanted, at.author)
        enqueue(at.session, "usage.try", {"trial": number}, queue=LONG)

    return _do(at, draft, work, "trials")


def _do(at: Table, draft: str, work: Callable[[], object], anchor: str) -> Response:
    try:
        work()
    except (MobigoError, ValueError) as error:
        at.session.rollback()
        return _show(at, draft, problem=str(error))
    return RedirectResponse(f"{HOME}/{draft}#{anchor}", 303)


def _day(form: Fields, name: str) -> date | None:
    text = form.get(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidInput(f"{text[:20]!r} is no day; write it like 2026-11-24") from None


# ── trials ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.api_route("/trials/{trial}", methods=READ)
def show_trial(at: AtTable, trial: TrialId) -> Response:
    """Show what a trial found, or how far it is."""
    one = store.get_trial(at.connection, trial)
    draft = store.get_draft(at.connection, one.draft)
    result = store.get_result(at.connection, trial) if one.state == "done" else None
    return at.page("draft_trial.html", trial=one, draft=draft, **(_tell(result) if result else {"result": None}))


def _tell(result: Mapping[str, Any]) -> dict[str, Any]:
    communes = trial_told.list_communes_told(result)
    rows = trial_told.list_rows(result)
    return {
        "result": result,
        "sentences": trial_told.say_trial(result),
        "figures": trial_told.list_figures(result),
        "errors": trial_told.list_errors(result),
        "names": FIGURES,
        "communes": communes[:ROWS_SHOWN],
        "more_communes": max(0, len(communes) - ROWS_SHOWN),
        "relations": result["relations"][:ROWS_SHOWN],
        "rows": rows[:ROWS_SHOWN],
        "more_rows": max(0, len(rows) - ROWS_SHOWN),
    }


@router.api_route("/trials/{trial}/progress", methods=READ)
def tell_progress(at: AtTable, trial: TrialId) -> Response:
    """Tell how far a trial is, for scripts."""
    one = store.get_trial(at.connection, trial)
    said = at.speak(f"drafts.stage.{one.stage or 'waiting'}")
    told = {"state": one.state, "said": said, "asked": one.asked, "answered": one.answered}
    return JSONResponse(told, headers={"Cache-Control": "no-store"})


@router.post("/trials/{trial}/cancel")
def cancel(at: AtTable, person: Writer, trial: TrialId) -> Response:  # noqa: ARG001 - may write
    """Take what was found so far."""
    one = store.get_trial(at.connection, trial)
    return _do(at, one.draft, lambda: drafts.cancel_trial(at.connection, trial), "trials")


@router.api_route("/trials/{trial}/map.json", methods=READ)
def give_map(at: AtTable, trial: TrialId) -> Response:
    """Give the communes for the map, each with its colour."""
    places = {id_: one.place for id_, one in list_communes(at.connection).items()}
    drawn = trial_told.draw_communes(store.get_result(at.connection, trial), places)
    for one in drawn["features"]:
        told = one["properties"]
        each = 0.0 if told["few"] else told["per_person"]
        told["shade"] = sum(each > bound for bound in SHADES)
        told["said"] = at.speak("drafts.few") if told["few"] else _say_commune(at, told)
    return JSONResponse(drawn, headers={"Cache-Control": "no-store"})


def _say_commune(at: Table, told: Mapping[str, Any]) -> str:
    return at.speak(
        "drafts.commune_said",
        people=at.number(told["people"]),
        minutes=at.number(told["per_person"], 1),
        better=at.number(told["better"]),
        worse=at.number(told["worse"]),
        new=at.number(told["new"]),
        lost=at.number(told["lost"]),
    )


@router.api_route("/trials/{trial}/trial.xlsx", methods=READ)
def give_workbook(at: AtTable, trial: TrialId) -> Response:
    """Give a trial as a workbook."""
    language: Literal["fr", "en"] = "en" if at.speak.language == "en" else "fr"
    return drafts_api.export_usage_trial(session=at.session, person=at.person, trial=trial, lang=language)


@router.api_route("/trials/{trial}/map.geojson", methods=READ)
def give_geojson(at: AtTable, trial: TrialId) -> Response:
    """Give the communes as GeoJSON."""
    return drafts_api.map_usage_trial(session=at.session, person=at.person, trial=trial)


@router.api_route("/{draft}/draft.json", methods=READ)
def give_document(at: AtTable, draft: DraftId) -> Response:
    """Give a draft as a document."""
    found = drafts.export_draft(at.connection, draft)
    document = {"name": found.name, "note": found.note, "changes": plain(found.changes)}
    answer = Response(orjson.dumps(document, option=orjson.OPT_INDENT_2), media_type="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="draft-{draft}.json"'
    return answer
