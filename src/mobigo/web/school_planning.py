"""School transport for its staff: scenarios changed, planned, compared, tried by hand, approved and published.

Pages work without scripts; with them a plan's progress and bound come by themselves, and stops are dragged on the map.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import TypeAdapter, ValidationError

from mobigo.jobs.queue import enqueue
from mobigo.jobs.schedule import LONG
from mobigo.kit.errors import InvalidInput, MobigoError, Refused
from mobigo.school import outputs_api, register_service, register_store, scenario_store, scenarios, scenarios_api
from mobigo.school.cells import EUROS, CellError, write_clock
from mobigo.school.demand import MORNING
from mobigo.school.register import SHEETS
from mobigo.school.scenario_store import Planned, Scenario
from mobigo.school.scenarios_api import Changes
from mobigo.school.yearplan import Effort, list_all_runs
from mobigo.web.desk import price_in
from mobigo.web.forms import Fields, Form
from mobigo.web.html import READ
from mobigo.web.school import HOME, AtOffice, Office, YearId

router = APIRouter(prefix=HOME, include_in_schema=False)

ScenarioId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
End = Annotated[str, Query(pattern=r"^[0-9a-f]{16}$")]
"""A scenario of a comparison."""
PlanId = Annotated[int, Path(ge=1, le=2**62)]

CHANGES: TypeAdapter[Any] = TypeAdapter(Changes)

COSTS = ("day_cents", "km_cents", "hour_cents")
WHOLE_LIMITS = {"seats": 1, "shift": 60, "mixed": 60, "amplitude": 3_600}
"""Of all runs, with the seconds of the unit in which staff write them."""
LEVELS = ("primary", "college", "lycee")
MOVED_SHOWN = 200
"""Pupils of a comparison on one page."""
TROUBLES_SHOWN = 50
SECONDS, LONGEST = 300, 7_200
"""That a plan may take, unless somebody says otherwise; and at most."""


def _address(scenario: str) -> str:
    return f"{HOME}/scenarios/{scenario}"


# ── scenarios ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/years/{year}/scenarios")
def make_scenario(at: AtOffice, year: YearId, form: Form) -> Response:
    """Make a scenario of a year, empty or as a copy."""
    register_service.get_year(at.connection, year)
    name = form.get("name", long=100) or at.speak("school.unnamed")
    made = scenarios.make_scenario(at.connection, year, name, at.actor, copy_of=form.get("copy_of") or None)
    return RedirectResponse(_address(made.id), 303)


@router.api_route("/scenarios/{scenario}", methods=READ)
def show_scenario(at: AtOffice, scenario: ScenarioId) -> Response:
    """Show a scenario: its changes, its latest plan with what it lacks, and what can be done with it."""
    return _scenario(at, scenario)


@router.post("/scenarios/{scenario}/changes")
def change_scenario(at: AtOffice, scenario: ScenarioId, form: Form) -> Response:
    """Add a change to a draft, or only try what it would break."""
    try:
        change = _name_pupil(at, scenario, _read_change(form))
        if form.get("act") == "try":
            return _scenario(at, scenario, tried=[change], form=form)
        if form.get("act") == "adopt":
            plan = scenarios.find_plan(at.connection, scenario)
            scenarios.keep_by_hand(at.connection, plan, [change], at.request.app.state.school_bench, at.actor)
            return RedirectResponse(f"{_address(scenario)}#plan", 303)
        _add(at, scenario, [change])
    except MobigoError as error:
        at.session.rollback()
        return _scenario(at, scenario, problem=str(error))
    return RedirectResponse(f"{_address(scenario)}#changes", 303)


@router.post("/scenarios/{scenario}/changes/remove")
def remove_change(at: AtOffice, scenario: ScenarioId, form: Form) -> Response:
    """Leave one change of a draft out."""

    def work() -> None:
        found = scenario_store.get_scenario(at.connection, scenario)
        changes = scenario_store.get_changes(at.connection, scenario, found.revision)
        number = form.count("number", len(changes))
        if not 1 <= number <= len(changes) or form.get("revision") != str(found.revision):
            raise InvalidInput(at.speak("school.changed_meanwhile"), code="changed_meanwhile")
        left = [*changes[: number - 1], *changes[number:]]
        scenarios.change_scenario(at.connection, scenario, left, at.actor, revision=found.revision)

    return _do(at, scenario, work, "changes")


@router.post("/scenarios/{scenario}/take-back")
def take_back(at: AtOffice, scenario: ScenarioId, form: Form) -> Response:
    """Go back to the changes of a former revision."""
    revision = form.count("revision", 9_999)
    return _do(at, scenario, lambda: scenarios.take_back(at.connection, scenario, revision, at.actor), "changes")


@router.post("/scenarios/{scenario}/plan")
def plan_scenario(at: AtOffice, scenario: ScenarioId, form: Form) -> Response:
    """Have a draft planned in the background."""
    seconds = min(max(form.count("minutes", LONGEST // 60) * 60, 60), LONGEST) if "minutes" in form else SECONDS

    def work() -> None:
        number = scenarios.ask_plan(at.connection, scenario, Effort(seconds=float(seconds)), at.actor)
        enqueue(at.session, "school.plan", {"plan": number}, queue=LONG)

    return _do(at, scenario, work, "plan")


@router.post("/scenarios/{scenario}/{step}")
def decide(
    at: AtOffice,
    scenario: ScenarioId,
    step: Literal["approve", "reopen", "publish", "withdraw"],
    form: Form,
) -> Response:
    """Approve a planned draft, reopen it, publish its circuits into the register, or withdraw them again."""

    def work() -> None:
        scenarios_api.decide_school_scenario(
            session=at.session,
            now=at.now,
            person=at.person,
            scenario=scenario,
            step=step,
            tell=form.get("tell") == "1",
        )

    return _do(at, scenario, work, "decide")


def _do(at: Office, scenario: str, work: Any, anchor: str) -> Response:  # noqa: ANN401 - what it returns is not used
    try:
        work()
    except MobigoError as error:
        at.session.rollback()
        return _scenario(at, scenario, problem=str(error))
    return RedirectResponse(f"{_address(scenario)}#{anchor}", 303)


def _add(at: Office, scenario: str, changes: Sequence[Mapping[str, Any]]) -> Scenario:
    found = scenario_store.get_scenario(at.connection, scenario)
    known = scenario_store.get_changes(at.connection, scenario, found.revision)
    return scenarios.change_scenario(at.connection, scenario, [*known, *changes], at.actor, revision=found.revision)


def _read_change(form: Fields) -> dict[str, Any]:
    """Read one change as the API takes it.

    Raises
    ------
    InvalidInput
        Naming the field.
    """
    kind = form.get("kind")
    raw: dict[str, Any] = {"kind": kind}
    for name in ("school", "trip", "at", "stop", "pupil", "circuit", "vehicle", "lat", "lon"):
        if form.get(name):
            raw[name] = form.get(name).replace(",", ".") if name in {"lat", "lon"} else form.get(name)
    if kind == "stop" and form.get("open"):
        raw["open"] = form.get("open") == "yes"
    if kind == "pupil" and form.get("home"):
        raw["home"] = form.count("home", 9)
    if kind == "lock":
        raw["locked"] = form.get("locked") != "no"
    if kind == "stops":
        raw["keep"] = form.get("keep") == "yes"
    if kind == "vehicle":
        raw["in_use"] = form.get("in_use") != "no"
        raw |= {name: form.count(name, 999) for name in ("seats", "wheelchairs") if form.get(name)}
        raw |= {name: _read_euros(form.get(name)) for name in COSTS if form.get(name)}
    if kind == "limits":
        raw |= {name: unit * form.count(name, 999) for name, unit in WHOLE_LIMITS.items() if form.get(name)}
        for name, unit in (("ride", 60), ("walk", 1)):
            found = {
                level: unit * form.count(f"{name}_{level}", 9_999) for level in LEVELS if form.get(f"{name}_{level}")
            }
            raw |= {name: found} if found else {}
    return _read_changes([raw])[0]


def _read_euros(text: str) -> int:
    try:
        return int(EUROS.read(text))
    except CellError as error:
        raise InvalidInput(f"{text[:40]!r} {error}") from None


def _name_pupil(at: Office, scenario: str, change: dict[str, Any]) -> dict[str, Any]:
    """Take a pupil's number for the key, as staff have it on their lists."""
    if change["kind"] != "pupil":
        return change
    year = scenario_store.get_scenario(at.connection, scenario).year
    numbers = register_store.list_numbers(at.connection, year)
    return {**change, "pupil": numbers.get(change["pupil"], change["pupil"])}


def _read_changes(raw: object) -> list[dict[str, Any]]:
    try:
        return [one.plain() for one in CHANGES.validate_python(raw)]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][2:]) or "kind"
        raise InvalidInput(f"{where}: {first['msg']}; correct it and try again") from None


# ── plans ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.api_route("/plans/{plan}/progress", methods=READ)
def tell_progress(at: AtOffice, plan: PlanId) -> Response:
    """Tell how far a plan is, for scripts: vehicles and bound by session."""
    found = scenario_store.get_plan(at.connection, plan)
    return JSONResponse(_progress(at, found), headers={"Cache-Control": "no-store"})


def _progress(at: Office, plan: Planned) -> dict[str, Any]:
    begun = plan.started_at or plan.asked_at
    seconds = ((plan.ended_at or at.now) - begun).total_seconds()
    return {
        "state": plan.state,
        "said": at.speak(f"school.plan_state.{plan.state}"),
        "cancelled": plan.is_cancelled,
        "seconds": max(0, round(seconds)),
        "most": round(plan.effort["seconds"]),
        "sessions": [
            {
                "title": _name_session(at, name),
                "vehicles": one["vehicles"],
                "bound": one["bound"],
                "cost": at.tell(one, "cents"),
                "least": at.tell(one, "cents_bound"),
            }
            for name, one in sorted(plan.progress.items())
        ],
    }


@router.post("/plans/{plan}/cancel")
def cancel_plan(at: AtOffice, plan: PlanId) -> Response:
    """Take the best that was found so far."""
    scenario = scenario_store.get_plan(at.connection, plan).scenario
    return _do(at, scenario, lambda: scenarios.cancel_plan(at.connection, plan, at.actor), "plan")


@router.api_route("/plans/{plan}/plan.xlsx", methods=READ)
def give_workbook(at: AtOffice, plan: PlanId) -> Response:
    """Give a plan as a workbook."""
    return outputs_api.export_school_plan(session=at.session, person=at.person, plan=plan)


@router.api_route("/plans/{plan}/map.json", methods=READ)
def give_map(at: AtOffice, plan: PlanId) -> Response:
    """Give a plan for the map: schools, stops and runs; homes at which pupils are fetched are left out."""
    found = scenario_store.get_plan(at.connection, plan)
    scenario = scenario_store.get_scenario(at.connection, found.scenario)
    drawn = _draw(at, scenario, scenario_store.get_document(at.connection, plan))
    _follow_roads(at, drawn)
    return JSONResponse(drawn, headers={"Cache-Control": "no-store"})


def _follow_roads(at: Office, drawn: Mapping[str, Any]) -> None:
    """Lay the runs of a drawn plan along the roads, as far as they are drawn in a moment; else they stay straight."""
    try:
        roads = at.request.app.state.school_bench.roads.find(at.connection)
    except Refused:
        return
    runs = [run for session in drawn["sessions"] for run in session["runs"]]
    legs = {run["id"]: list(pairwise(tuple(point) for point in run["line"])) for run in runs}
    ways = roads.draw([way for some in legs.values() for way in some], seconds=outputs_api.DRAWING)
    for run in runs:
        mine = legs[run["id"]]
        if mine and all(way in ways for way in mine):
            run["line"] = [point for way in mine for point in ways[way]]


@router.post("/plans/{plan}/check")
def check(at: AtOffice, plan: PlanId, body: Annotated[dict[str, Any], Body()]) -> Response:
    """Try changes on a plan at once, for scripts: the runs with their new times, and what breaks."""
    found = scenarios.check_changes(
        at.connection, plan, _read_changes(body.get("changes")), at.request.app.state.school_bench
    )
    return JSONResponse(
        {
            "runs": [{"id": run["id"], "session": run["session"]} for run in found.runs],
            "breaks": [{"kind": one.kind, "text": at.said(one)} for one in found.breaks],
            "relinked": [{"session": one.session, "before": one.before, "after": one.after} for one in found.relinked],
        },
        headers={"Cache-Control": "no-store"},
    )


def _draw(at: Office, scenario: Scenario, document: Mapping[str, Any]) -> dict[str, Any]:
    """Write a plan as the map's script takes it."""
    changes = scenario_store.get_changes(at.connection, scenario.id, scenario.revision)
    moved = {one["stop"]: one for one in changes if one["kind"] == "stop" and "lat" in one}
    stops = {}
    for row in register_store.list_rows(at.connection, scenario.year, SHEETS["stops"], doors=False):
        new = moved.get(row["id"], row)
        stops[row["id"]] = {"name": row["name"], "at": [new.get("lon", row["lon"]), new["lat"]]}
    schools = {one["id"]: one for one in _list_schools(at, scenario.year)}
    waiting = Counter(document["stops"].values())
    return {
        "schools": list(schools.values()),
        "stops": [{"id": id_, **one, "pupils": waiting[id_]} for id_, one in stops.items()],
        "sessions": [
            {
                "name": session["name"],
                "title": _name_session(at, session["name"]),
                "runs": [_draw_run(run, session["way"], stops, schools) for run in list_all_runs(session)],
            }
            for session in document["sessions"]
        ],
    }


def _draw_run(
    run: Mapping[str, Any],
    way: str,
    stops: Mapping[str, Any],
    schools: Mapping[str, Any],
) -> dict[str, Any]:
    line = [stops[call["stop"]]["at"] for call in run["calls"] if call["stop"] in stops]
    gate = [schools[run["school"]]["at"]] if run["school"] in schools else []
    return {
        "id": run["id"],
        "vehicle": run["vehicle"] + 1,
        "school": run["school"],
        "pupils": sum(len(call["pupils"]) for call in run["calls"]),
        "line": [*line, *gate] if way == MORNING else [*gate, *line],
        "stops": [call["stop"] for call in run["calls"] if call["stop"] in stops],
    }


# ── the page of a scenario ────────────────────────────────────────────────────────────────────────────────────────────


def _scenario(
    at: Office,
    id_: str,
    *,
    problem: str = "",
    tried: Sequence[Mapping[str, Any]] | None = None,
    form: Fields | None = None,
) -> Response:
    found = scenario_store.get_scenario(at.connection, id_)
    changes = scenario_store.get_changes(at.connection, id_, found.revision)
    plans = scenario_store.list_plans(at.connection, id_)
    done = next((one for one in plans if one.state == "done"), None)
    document = at.request.app.state.school_bench.documents.get(at.connection, done.id) if done else None
    rows = {
        name: register_store.list_rows(at.connection, found.year, SHEETS[name], doors=False)
        for name in ("schools", "stops", "circuits", "vehicles")
    }
    names = {(name[:-1], row["id"]): row["name"] for name, some in rows.items() for row in some if "name" in row}
    checked = None
    if tried is not None and done is not None:
        try:
            checked = scenarios.check_changes(at.connection, done.id, tried, at.request.app.state.school_bench)
        except MobigoError as error:
            problem = str(error)
    troubles = document["troubles"] if document else []
    return at.page(
        "school_scenario.html",
        status=409 if problem else 200,
        scenario=found,
        changes=[_say_change(at, one, names) for one in changes],
        former=list(range(found.revision - 1, 0, -1)),
        plan=plans[0] if plans else None,
        done=done,
        progress=_progress(at, plans[0]) if plans else None,
        sessions=[_tell_session(at, one, names) for one in document["sessions"]] if document else [],
        troubles=troubles[:TROUBLES_SHOWN],
        more_troubles=max(0, len(troubles) - TROUBLES_SHOWN),
        rows=rows,
        levels=LEVELS,
        breaks=checked.breaks if checked else None,
        relinked=[
            {
                "title": _name_session(at, one.session),
                "before": one.before,
                "after": one.after,
                "moved": len(one.moved),
            }
            for one in (checked.relinked if checked else ())
        ],
        tried=[_say_change(at, one, names) for one in tried or ()],
        tried_fields={name: form.get(name) for name in form.values if name != "act"} if form else {},
        others=[one for one in scenario_store.list_scenarios(at.connection, found.year) if one.id != id_],
        history=scenario_store.list_history(at.connection, id_),
        withdrawal=scenarios.preview_withdrawal(at.connection, id_).say() if found.state == "published" else [],
        local=at.local,
        problem=problem,
        clock=write_clock,
        script_words=_script_words(at),
    )


def _script_words(at: Office) -> dict[str, str]:
    """Return what the map's script says."""
    own = ("school.map.", "map", "school.adopt", "school.nothing_breaks")
    return {key: said for key, said in at.speak.catalogue.items() if key.startswith(own)}


def _tell_session(at: Office, session: Mapping[str, Any], names: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    vehicles, bound = session["vehicles"], session["bound"]
    return {
        "name": session["name"],
        "title": _name_session(at, session["name"]),
        "vehicles": vehicles,
        "bound": bound,
        "gap": 100 * (vehicles - bound) / vehicles if vehicles else 0.0,
        "runs": [
            {
                **run,
                "school_name": names.get(("school", run["school"]), run["school"]),
                "pupils": sum(len(call["pupils"]) for call in run["calls"]),
                "halts": [
                    {
                        "name": names.get(("stop", call["stop"]), at.speak("school.door")),
                        "at": call["at"],
                        "pupils": call["pupils"],
                    }
                    for call in run["calls"]
                ],
            }
            for run in list_all_runs(session)
        ],
    }


def _name_session(at: Office, name: str) -> str:
    """Say a session as people do: ``matin lun mar mer jeu ven``."""
    way, _, days = name.partition(" ")
    weekdays = at.speak("weekdays").split()
    return f"{at.speak('school.way.' + way)} {' '.join(weekdays[int(day) - 1][:3] for day in days if day.isdigit())}"


def _say_change(at: Office, one: Mapping[str, Any], names: Mapping[tuple[str, str], str]) -> str:
    """Say a change in the reader's language."""
    speak, kind = at.speak, one["kind"]
    said: dict[str, Any] = {
        name: names.get((name, one[name]), one[name]) for name in ("school", "stop", "circuit", "pupil") if name in one
    }
    if kind == "bell":
        said |= {"trip": speak(f"school.trip.{one['trip']}"), "at": write_clock(one["at"])}
    elif kind == "limits":
        said["what"] = _say_limits(at, one)
    elif kind == "stop":
        kind = "moved" if "lat" in one or "lon" in one else "opened" if one.get("open") else "closed"
    elif kind == "vehicle":
        said |= {"vehicle": one["vehicle"], "what": _say_vehicle(at, one)}
        kind = "vehicle" if one.get("in_use", True) else "unused"
    elif kind == "lock":
        kind = "locked" if one.get("locked", True) else "unlocked"
    elif kind == "stops":
        kind = "keep" if one["keep"] else "anew"
    return speak(f"school.change.{kind}", **said)


def _say_vehicle(at: Office, one: Mapping[str, Any]) -> str:
    parts = [
        at.speak(f"school.limit.{name}", n=price_in(at.speak)(one[name]) if name in COSTS else one[name])
        for name in ("seats", "wheelchairs", *COSTS)
        if name in one
    ]
    return ", ".join(parts) or at.speak("school.no_change")


def _say_limits(at: Office, one: Mapping[str, Any]) -> str:
    speak = at.speak
    parts = [
        speak(f"school.limit.{name}", n=f"{one[name] / unit:g}") for name, unit in WHOLE_LIMITS.items() if name in one
    ]
    for name, unit in (("ride", 60), ("walk", 1)):
        parts += [
            speak(f"school.limit.{name}", level=speak(f"school.level.{level}"), n=value // unit)
            for level, value in one.get(name, {}).items()
        ]
    parts += [f"{name} {one[name]:g} s" for name in ("halt", "each", "unloading") if name in one]
    return ", ".join(parts)


# ── side by side ──────────────────────────────────────────────────────────────────────────────────────────────────────


@router.api_route("/comparison", methods=READ)
def compare(at: AtOffice, before: End, after: End, start: Annotated[int, Query(ge=0, le=10**6)] = 0) -> Response:
    """Show two plans side by side: figures, stops, every pupil who is moved and why."""
    ends = before, after
    scenarios_of = [scenario_store.get_scenario(at.connection, one) for one in ends]
    problem, found = "", None
    try:
        found = scenarios.compare_scenarios(at.connection, *ends)
    except MobigoError as error:
        problem = str(error)
    names = scenarios.list_stop_names(at.connection, scenarios_of[0].year)
    moved = found["moved"] if found else []
    return at.page(
        "school_comparison.html",
        status=409 if problem else 200,
        before=scenarios_of[0],
        after=scenarios_of[1],
        problem=problem,
        found=found,
        stops={name: [names.get(one, one) for one in found[name]] for name in ("opened", "closed")} if found else {},
        session_title=lambda name: _name_session(at, name),
        kinds=sorted(Counter(one["kind"] for one in moved).items()),
        moved=moved[start : start + MOVED_SHOWN],
        start=start,
        shown=MOVED_SHOWN,
        more_moved=max(0, len(moved) - start - MOVED_SHOWN),
        script_words=_script_words(at),
    )


@router.api_route("/comparison.json", methods=READ)
def draw_comparison(at: AtOffice, before: End, after: End) -> Response:
    """Give what differs between two plans for the map: stops opened and closed, and from where to where pupils move."""
    ends = before, after
    year = scenario_store.get_scenario(at.connection, ends[1]).year
    documents = [
        at.request.app.state.school_bench.documents.get(at.connection, scenarios.find_plan(at.connection, one))
        for one in ends
    ]
    waiting = [Counter(document["stops"].values()) for document in documents]
    moves = Counter(
        (stop, documents[1]["stops"][pupil])
        for pupil, stop in documents[0]["stops"].items()
        if documents[1]["stops"].get(pupil, stop) != stop
    )
    shifted = {stop for ends_of in moves for stop in ends_of}
    rows = register_store.list_rows(at.connection, year, SHEETS["stops"], doors=False)
    places = {row["id"]: [row["lon"], row["lat"]] for row in rows}
    stops = []
    for row in rows:
        was, now = (one[row["id"]] for one in waiting)
        kind = "closed" if was and not now else "opened" if now and not was else "moved"
        if was != now or row["id"] in shifted:
            stops.append({"id": row["id"], "name": row["name"], "at": places[row["id"]], "pupils": now, "kind": kind})
    lines = [
        {"line": [places[one], places[other]], "pupils": count, "color": "#a35b00"}
        for (one, other), count in sorted(moves.items())
        if one in places and other in places
    ]
    return JSONResponse(
        {"schools": _list_schools(at, year), "stops": stops, "lines": lines}, headers={"Cache-Control": "no-store"}
    )


def _list_schools(at: Office, year: str) -> list[dict[str, Any]]:
    return [
        {"id": row["id"], "name": row["name"], "at": [row["lon"], row["lat"]]}
        for row in register_store.list_rows(at.connection, year, SHEETS["schools"])
        if row["lat"] is not None and row["lon"] is not None
    ]
