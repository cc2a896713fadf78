"""What staff do with scenarios: make, copy, change, take back, plan, compare, approve, publish, withdraw.

A scenario's register is the year's of the moment in which it is planned. Publishing puts the plan's circuits in the
place of those that are not locked, in one transaction, and keeps what it replaced, so that withdrawing puts it back;
what staff changed meanwhile stays as they left it.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.kit.errors import Conflict, InvalidInput
from mobigo.school import register_store, scenario_store
from mobigo.school.adopting import adopt
from mobigo.school.book import change, read_book, read_frame, read_riders, ring
from mobigo.school.comparing import compare
from mobigo.school.demand import MORNING
from mobigo.school.fleet import choose_vehicles, is_priced, list_models
from mobigo.school.rechecking import Break, recheck
from mobigo.school.register import DOOR, SHEETS, Stop
from mobigo.school.relinking import Relinked, relink
from mobigo.school.roads import open_roads
from mobigo.school.scenario_store import Scenario
from mobigo.school.sentences import Said, say
from mobigo.school.today import tell_today
from mobigo.school.yearplan import Effort, Told, list_doors, plan_year

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from psycopg import Connection

    from mobigo.kit.clock import Clock
    from mobigo.school.book import Book
    from mobigo.school.register_service import Actor
    from mobigo.school.roads import Roads, RoadsKeeper

REPLACED = ("circuits", "runs", "calls", "seats")
"""Lists that publishing writes, those that refer to others last."""

LEAST_BETWEEN = 1.0
"""Seconds between two looks at whether a plan was cancelled."""


def make_scenario(
    connection: Connection[Any], year: str, name: str, actor: Actor, *, copy_of: str | None = None
) -> Scenario:
    """Make a scenario, without changes or with those of another one of the year."""
    changes: list[dict[str, Any]] = []
    if copy_of is not None:
        other = scenario_store.get_scenario(connection, copy_of)
        if other.year != year:
            raise InvalidInput(
                f"scenario {other.name!r} is of {other.year}, not of {year}; copy one of the same year",
                code="other_year",
            )
        changes = scenario_store.get_changes(connection, other.id, other.revision)
    made = Scenario(secrets.token_hex(8), year, name, 1, "draft", actor.user, actor.now, None)
    scenario_store.add_scenario(connection, made, changes)
    scenario_store.note(connection, made.id, actor.now, actor.user, "made", name=name, copy_of=copy_of)
    return made


def change_scenario(
    connection: Connection[Any], id_: str, changes: Sequence[Mapping[str, Any]], actor: Actor, *, revision: int | None
) -> Scenario:
    """Write another revision of a draft's changes.

    Parameters
    ----------
    revision
        The one that the changes were made from; None: whatever there is.

    Raises
    ------
    Conflict
        ``changed_meanwhile``, or ``not_a_draft``.
    InvalidInput
        ``unknown_in_change``.
    """
    found = _lock_draft(connection, id_)
    if revision is not None and revision != found.revision:
        raise Conflict(
            f"scenario {found.name!r} has revision {found.revision} by now, not {revision}; read it again",
            code="changed_meanwhile",
        )
    change(read_book(connection, found.year), changes)
    scenario_store.add_revision(connection, id_, found.revision + 1, changes, actor.user, actor.now)
    scenario_store.note(connection, id_, actor.now, actor.user, "changed", revision=found.revision + 1)
    return scenario_store.get_scenario(connection, id_)


def take_back(connection: Connection[Any], id_: str, revision: int, actor: Actor) -> Scenario:
    """Write the changes of a former revision once more; taking back is taken back the same way."""
    _lock_draft(connection, id_)
    changes = scenario_store.get_changes(connection, id_, revision)
    again = change_scenario(connection, id_, changes, actor, revision=None)
    scenario_store.note(connection, id_, actor.now, actor.user, "taken back", to=revision)
    return again


def ask_plan(connection: Connection[Any], id_: str, effort: Effort, actor: Actor) -> int:
    """Ask for a plan of a draft's present revision; return its number. The caller queues the job."""
    found = _lock_draft(connection, id_)
    asked = {"seconds": effort.seconds, "work": effort.work, "seed": effort.seed}
    number = scenario_store.ask_plan(connection, found, asked, actor.user, actor.now)
    scenario_store.note(connection, id_, actor.now, actor.user, "plan asked", plan=number, revision=found.revision)
    return number


def cancel_plan(connection: Connection[Any], plan: int, actor: Actor) -> None:
    """Ask for the best so far instead of waiting.

    Raises
    ------
    Conflict
        ``already_planned``.
    """
    found = scenario_store.get_plan(connection, plan)
    if not scenario_store.cancel_plan(connection, plan):
        raise Conflict(f"plan {plan} is {found.state} already; there is nothing to cancel", code="already_planned")
    scenario_store.note(connection, found.scenario, actor.now, actor.user, "plan cancelled", plan=plan)


def run_plan(
    connect: Callable[[], Connection[Any]], plan: int, folder: Path, clock: Clock, *, say: Callable[[Told], None]
) -> None:
    """Make a plan that was asked for; what it is at is written down while it runs.

    Parameters
    ----------
    connect
        Opens a connection that commits each statement.
    folder
        Where tables of drives are kept.
    """
    with connect() as connection:
        if not scenario_store.begin_plan(connection, plan, clock.now()):
            return
        asked = scenario_store.get_plan(connection, plan)
        scenario = scenario_store.get_scenario(connection, asked.scenario)
        changes = scenario_store.get_changes(connection, scenario.id, asked.revision)
        try:
            book = change(read_book(connection, scenario.year), changes)
            connection.commit()
            roads = open_roads(connection, folder)
        except (InvalidInput, Conflict) as error:
            scenario_store.fail_plan(connection, plan, str(error), clock.now())
            return

        priced = is_priced(list_models(book.vehicles, book.limits.seats))

        def tell(told: Told) -> None:
            found = {"vehicles": told.vehicles, "bound": told.bound}
            if told.cost and priced:
                found |= {"cents": round(told.cost), "cents_bound": math.ceil(told.cost_bound)}
            scenario_store.tell_progress(connection, plan, told.session, found)
            say(told)

        document = plan_year(
            book,
            roads,
            Effort(**asked.effort),
            progress=tell,
            stopped=_Look(lambda: scenario_store.is_cancelled(connection, plan)).ask,
        )
        scenario_store.end_plan(connection, plan, _with_today(document, book, roads), clock.now())


def _with_today(document: dict[str, Any], book: Book, roads: Roads) -> dict[str, Any]:
    """Add to a plan how it compares with the circuits of today, where there are any."""
    today = tell_today(book, roads)
    if not today["figures"]["runs"]:
        return document
    found = compare(today, document, {})
    more = {"moved": found["pupils_moved"], "closed": len(found["closed"]), "opened": len(found["opened"])}
    return {**document, "today": today["figures"], "figures": {**document["figures"], **more}}


class _Look:
    """Asks a question of the database now and then, and says between what was answered last."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._ask, self._answer, self._at = ask, False, 0.0

    def ask(self) -> bool:
        """Return the latest answer; once it is yes, it stays."""
        if not self._answer and time.monotonic() - self._at >= LEAST_BETWEEN:
            self._answer, self._at = self._ask(), time.monotonic()
        return self._answer


def find_plan(connection: Connection[Any], id_: str) -> int:
    """Return the latest plan of a scenario that is done.

    Raises
    ------
    Conflict
        ``not_planned``.
    """
    for one in scenario_store.list_plans(connection, id_):
        if one.state == "done":
            return one.id
    name = scenario_store.get_scenario(connection, id_).name
    raise Conflict(f"scenario {name!r} has no plan yet; ask for one and wait for it", code="not_planned")


def compare_scenarios(connection: Connection[Any], before: str, after: str) -> dict[str, Any]:
    """Compare the latest plans of two scenarios of a year."""
    ends = [scenario_store.get_scenario(connection, one) for one in (before, after)]
    if ends[0].year != ends[1].year:
        raise InvalidInput(
            f"scenario {ends[0].name!r} is of {ends[0].year} and {ends[1].name!r} of {ends[1].year}; compare two of the"
            " same year",
            code="other_year",
        )
    plans = [scenario_store.get_document(connection, find_plan(connection, one.id)) for one in ends]
    return compare(plans[0], plans[1], list_stop_names(connection, ends[0].year))


def list_stop_names(connection: Connection[Any], year: str) -> dict[str, str]:
    """List the names of a year's stops by id."""
    return {row["id"]: row["name"] for row in register_store.list_rows(connection, year, SHEETS["stops"])}


@dataclass
class Bench:
    """What changes are tried on: the roads, and the documents of plans that were read lately."""

    roads: RoadsKeeper
    documents: scenario_store.Documents = field(default_factory=scenario_store.Documents)


class Tried(NamedTuple):
    """A plan after changes by hand."""

    runs: list[dict[str, Any]]
    """Those that change, as in the document and with the ``session``."""
    breaks: list[Break]
    relinked: list[Relinked]
    """Of sessions in which bells moved or a vehicle would come too late: what it takes when runs change vehicles."""


def check_changes(connection: Connection[Any], plan: int, changes: Sequence[Mapping[str, Any]], bench: Bench) -> Tried:
    """Try changes on a plan that is done, without planning anew.

    See Also
    --------
    mobigo.school.rechecking, mobigo.school.relinking
    """
    asked = scenario_store.get_plan(connection, plan)
    document = bench.documents.get(connection, plan)
    scenario = scenario_store.get_scenario(connection, asked.scenario)
    made_with = scenario_store.get_changes(connection, scenario.id, asked.revision)
    pupils = {one["pupil"] for one in (*made_with, *changes) if one["kind"] == "pupil"}
    planned = ring(change(read_frame(connection, scenario.year, pupils), made_with), document)
    after = change(planned, changes)
    roads = bench.roads.find(connection)
    runs, breaks = recheck(
        planned,
        after,
        document,
        roads.drives,
        lambda keys: {one.key: one for one in read_riders(connection, scenario.year, keys)},
    )
    return Tried(runs, breaks, relink(after, document, runs, breaks, roads.drives))


def keep_by_hand(
    connection: Connection[Any], plan: int, changes: Sequence[Mapping[str, Any]], bench: Bench, actor: Actor
) -> int:
    """Add changes to a draft and keep its latest plan as they leave it, with vehicles linked anew; the new plan.

    Raises
    ------
    Conflict
        ``not_a_draft``; ``plan_outdated``: of another revision, or not the latest; ``plan_breaks``: with the ``breaks``
        that no linking mends.
    """
    asked = scenario_store.get_plan(connection, plan)
    found = _lock_draft(connection, asked.scenario)
    if any(one["kind"] == "vehicle" for one in changes):
        raise Conflict(
            "a vehicle that is otherwise counts once the scenario is planned anew; add it to the changes and plan",
            code="plan_outdated",
        )
    if asked.revision != found.revision or find_plan(connection, found.id) != plan:
        raise Conflict(
            f"plan {plan} is not the latest of {found.name!r} as it is by now; try the changes on that",
            code="plan_outdated",
        )
    tried = check_changes(connection, plan, changes, bench)
    broken = [one for one in tried.breaks if one.kind != "link"]
    if broken:
        raise Conflict(
            f"{len(broken)} things break, the first: {broken[0].text}",
            code="plan_breaks",
            members={"breaks": [one._asdict() for one in broken]},
        )
    known = scenario_store.get_changes(connection, found.id, found.revision)
    former = bench.documents.get(connection, plan)
    book = change(ring(change(read_book(connection, found.year), known), former), changes)
    document = adopt(book, former, tried.runs, tried.relinked, bench.roads.find(connection).drives)
    changed = change_scenario(connection, found.id, [*known, *changes], actor, revision=found.revision)
    number = scenario_store.ask_plan(connection, changed, asked.effort, actor.user, actor.now)
    scenario_store.begin_plan(connection, number, actor.now)
    scenario_store.end_plan(connection, number, document, actor.now)
    scenario_store.note(connection, found.id, actor.now, actor.user, "adopted", plan=number, revision=changed.revision)
    return number


# ── decided ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def approve(connection: Connection[Any], id_: str, actor: Actor) -> Scenario:
    """Approve a draft with its latest plan, which must be of its present revision.

    Raises
    ------
    Conflict
        ``not_a_draft``, ``not_planned``, or ``plan_outdated``.
    """
    found = _lock_draft(connection, id_)
    plan = scenario_store.get_plan(connection, find_plan(connection, id_))
    if plan.revision != found.revision:
        raise Conflict(
            f"the latest plan of {found.name!r} is of revision {plan.revision}, and it has {found.revision} by now;"
            " plan it again",
            code="plan_outdated",
        )
    scenario_store.set_state(connection, id_, "approved", plan.id)
    scenario_store.note(connection, id_, actor.now, actor.user, "approved", plan=plan.id, figures=plan.figures)
    return scenario_store.get_scenario(connection, id_)


def reopen(connection: Connection[Any], id_: str, actor: Actor) -> Scenario:
    """Make an approved scenario a draft again."""
    found = scenario_store.get_scenario(connection, id_, lock=True)
    if found.state not in {"approved", "withdrawn"}:
        raise Conflict(
            f"scenario {found.name!r} is {found.state}; only an approved one is reopened", code="not_approved"
        )
    scenario_store.set_state(connection, id_, "draft", None)
    scenario_store.note(connection, id_, actor.now, actor.user, "reopened")
    return scenario_store.get_scenario(connection, id_)


def publish(connection: Connection[Any], id_: str, actor: Actor) -> Scenario:
    """Put an approved plan's circuits into the register in the place of those that are not locked.

    Raises
    ------
    Conflict
        ``not_approved``, or ``other_published``.
    """
    found = scenario_store.get_scenario(connection, id_, lock=True)
    if found.state != "approved" or found.plan is None:
        raise Conflict(f"scenario {found.name!r} is {found.state}; approve it first", code="not_approved")
    register_store.lock_year(connection, found.year)
    other = scenario_store.find_published(connection, found.year)
    if other is not None:
        name = scenario_store.get_scenario(connection, other).name
        raise Conflict(f"{found.year} has scenario {name!r} published; withdraw that first", code="other_published")
    changes = scenario_store.get_changes(connection, id_, found.revision)
    before = {
        name: register_store.list_rows(connection, found.year, SHEETS[name])
        for name in (*REPLACED, "bells", "stops", "vehicles")
    }
    changed = {one["vehicle"] for one in changes if one["kind"] == "vehicle"}
    before["vehicles"] = [row for row in before["vehicles"] if row["id"] in changed]
    document = scenario_store.get_document(connection, found.plan)
    book = ring(change(read_book(connection, found.year), changes), document)
    written = _write_changed(connection, found.year, before, book)
    _replace(connection, found.year, before, _write_circuits(document, book), book)
    scenario_store.set_state(connection, id_, "published", found.plan, {**before, "written": written})
    scenario_store.note(connection, id_, actor.now, actor.user, "published", plan=found.plan)
    return scenario_store.get_scenario(connection, id_)


def withdraw(connection: Connection[Any], id_: str, actor: Actor) -> Scenario:
    """Put back what publishing replaced; see `preview_withdrawal` for what was changed since.

    Raises
    ------
    Conflict
        ``not_published``; ``withdrawal_dangles``: circuits of before name what is not in the register any more.
    """
    found = _lock_published(connection, id_)
    register_store.lock_year(connection, found.year)
    now, wanted, told = _plan_withdrawal(connection, found)
    for name in ("stops", "bells", "vehicles", *REPLACED):
        _put(connection, found.year, name, now[name], wanted[name])
    dangling = register_store.list_dangling(connection, found.year)
    if dangling:
        sheet, field, named = dangling[0]
        raise Conflict(
            f"{sheet.titles[0]} of before name {sheet.columns[field].titles[0]} {named}, which was removed since; add"
            " it again, then withdraw",
            code="withdrawal_dangles",
        )
    scenario_store.set_state(connection, id_, "withdrawn", found.plan)
    counts = {**{f"kept_{name}": len(some) for name, some in told.kept.items()}, "lost": told.lost}
    scenario_store.note(connection, id_, actor.now, actor.user, "withdrawn", **counts)
    return scenario_store.get_scenario(connection, id_)


class Withdrawal(NamedTuple):
    """What withdrawing does with that which was changed since publishing."""

    kept: dict[str, list[str]]
    """Of the lists ``bells`` (schools), ``stops`` and ``vehicles``: what stays as it is now."""
    lost: int
    """Halts and seats of published runs that were changed, and go with their runs."""
    unseated: int
    """Pupils who gave their seats back, or left: they get none of before."""

    def say(self) -> list[Said]:
        """Say it, a sentence each."""
        return [
            *(
                say(f"withdraw_kept_{name}", n=len(some), names=", ".join(some))
                for name, some in self.kept.items()
                if some
            ),
            *([say("withdraw_lost", n=self.lost)] if self.lost else ()),
            *([say("withdraw_unseated", n=self.unseated)] if self.unseated else ()),
        ]


def preview_withdrawal(connection: Connection[Any], id_: str) -> Withdrawal:
    """Tell what withdrawing a published scenario would not put back, or take away; nothing is changed."""
    return _plan_withdrawal(connection, _lock_published(connection, id_))[2]


Lists = dict[str, list[dict[str, Any]]]


def _plan_withdrawal(connection: Connection[Any], found: Scenario) -> tuple[Lists, Lists, Withdrawal]:
    """Return the lists as they are, as they are to be, and what is to be said of it."""
    former = scenario_store.get_replaced(connection, found.id)
    now: Lists = {
        name: register_store.list_rows(connection, found.year, SHEETS[name]) for name in (*LISTED, "vehicles")
    }
    written = former.get("written", {})
    wanted: Lists = {}
    kept: dict[str, list[str]] = {}
    wanted["bells"], kept["bells"] = _merge(now, former, written, "bells", ("school", "trip", "riders"))
    wanted["stops"], kept["stops"] = _merge(now, former, written, "stops", ("id",))
    wanted["vehicles"], kept["vehicles"] = _merge(now, former, written, "vehicles", ("id",))
    named = {row["stop"] for name in ("calls", "seats") for row in former[name]}
    there = {row["id"] for row in wanted["stops"]}
    wanted["stops"] += [row for row in former["stops"] if row["id"] in named - there]
    vehicles, lots = ({row["id"] for row in some} for some in (now["vehicles"], _list_lots(connection, found.year)))
    wanted["circuits"] = [
        {
            **row,
            "vehicle": row["vehicle"] if row["vehicle"] in vehicles else None,
            "lot": row["lot"] if row["lot"] in lots else None,
        }
        for row in former["circuits"]
    ]
    wanted["runs"], wanted["calls"] = former["runs"], former["calls"]
    document = scenario_store.get_document(connection, found.plan or 0)
    ran = {run["id"] for session in document["sessions"] for run in session["runs"]}
    seats, calls = _list_seats(document), _list_calls(document)
    sat = {pupil for pupil, *_ in seats}
    gone = sat - {row["pupil"] for row in now["seats"]}
    keys = {row["key"] for row in register_store.list_rows(connection, found.year, SHEETS["pupils"])}
    wanted["seats"] = [row for row in former["seats"] if row["pupil"] in keys - gone]
    seated = {(row["pupil"], row["run"], row["home"], row["stop"]) for row in now["seats"] if row["run"] in ran}
    halts = {
        (row["run"], row["position"], row["at"], row["stop"], row["school"])
        for row in now["calls"]
        if row["run"] in ran
    }
    changed = {one[:3] for one in seated ^ seats if one[0] not in gone}
    lost = len(changed) + len({one[:2] for one in halts ^ calls})
    return now, wanted, Withdrawal(kept, lost, len({row["pupil"] for row in former["seats"]} - keys) + len(gone & keys))


LISTED = (*REPLACED, "bells", "stops")


def _list_lots(connection: Connection[Any], year: str) -> list[dict[str, Any]]:
    return register_store.list_rows(connection, year, SHEETS["lots"])


def _merge(
    now: Lists, former: Mapping[str, Any], written: Mapping[str, Any], name: str, by: tuple[str, ...]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Put rows back that are as publishing left them; return all, and the first field of those that are otherwise.

    Rows that publishing did not touch stay as they are; doors of pupils that it added go.
    """

    def sort(rows: Sequence[dict[str, Any]]) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
        found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in rows:
            found.setdefault(tuple(row[one] for one in by), []).append(row)
        return found

    mine, before = sort(now[name]), sort(former.get(name, ()))
    # a publication of before this was noted touched all that it replaced
    after = sort(written[name]) if name in written else {key: mine[key] for key in mine if key in before}
    rows: list[dict[str, Any]] = []
    kept: list[str] = []
    for key in {**mine, **after}:
        if key not in after:
            rows += [row for row in mine[key] if not str(key[0]).startswith(DOOR)]
        elif _plain(mine.get(key, [])) == _plain(after[key]):
            rows += before.get(key, [])
        else:
            rows += mine.get(key, [])
            kept.append(str(key[0]))
    return rows, sorted(set(kept))


def _plain(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return rows so that they compare as what was kept of them does."""
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def _lock_published(connection: Connection[Any], id_: str) -> Scenario:
    found = scenario_store.get_scenario(connection, id_, lock=True)
    if found.state != "published":
        raise Conflict(f"scenario {found.name!r} is {found.state}, not published", code="not_published")
    return found


def _lock_draft(connection: Connection[Any], id_: str) -> Scenario:
    found = scenario_store.get_scenario(connection, id_, lock=True)
    if found.state != "draft":
        raise Conflict(
            f"scenario {found.name!r} is {found.state} and stays as it is; copy it, or reopen it", code="not_a_draft"
        )
    return found


def _write_circuits(document: Mapping[str, Any], book: Book) -> dict[str, list[dict[str, Any]]]:
    """Write a plan as lists of the register: a circuit is what one vehicle of each session does."""
    locked = {circuit.id for circuit in book.circuits if circuit.locked}
    names: dict[int, str] = {}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in REPLACED}
    for session in document["sessions"]:
        for run in session["runs"]:
            if run["vehicle"] not in names:
                names[run["vehicle"]] = _free_name(run["vehicle"] + 1, locked)
            rows["runs"].append(
                {
                    "id": run["id"],
                    "circuit": names[run["vehicle"]],
                    "trip": run["trip"],
                    "weekdays": tuple(session["weekdays"]),
                    "riders": run["riders"],
                }
            )
    rows["calls"] = [
        {"run": run, "position": position, "at": at, "stop": stop, "school": school}
        for run, position, at, stop, school in sorted(_list_calls(document), key=lambda one: one[:2])
    ]
    rows["seats"] = [
        {"pupil": pupil, "run": run, "stop": stop, "home": home}
        for pupil, run, home, stop in sorted(_list_seats(document))
    ]
    vehicles = choose_vehicles(document, book)
    rows["circuits"] = [
        {
            "id": name,
            "name": f"Circuit {name[1:]}",
            "lot": vehicles[number].lot if number in vehicles else None,
            "vehicle": vehicles[number].id if number in vehicles else None,
            "locked": False,
        }
        for number, name in names.items()
    ]
    return rows


def _list_calls(document: Mapping[str, Any]) -> set[tuple[str, int, int, str | None, str | None]]:
    """List the halts of a plan's runs: run, position, time, stop, school."""
    found = set()
    for session in document["sessions"]:
        for run in session["runs"]:
            halts = [(call["at"], call["stop"], None) for call in run["calls"]]
            school = (run["at"], None, run["school"])
            way = [*halts, school] if session["way"] == MORNING else [school, *halts]
            found |= {(run["id"], n, *call) for n, call in enumerate(way, 1)}
    return found


def _list_seats(document: Mapping[str, Any]) -> set[tuple[str, str, int, str]]:
    """List who rides on a plan's runs: pupil, run, home, stop."""
    return {
        (pupil, run["id"], int(home), call["stop"])
        for session in document["sessions"]
        for run in session["runs"]
        for call in run["calls"]
        for pupil, _, home in (rider.partition("/") for rider in call["pupils"])
    }


def _free_name(number: int, taken: set[str]) -> str:
    name = f"C{number:03}"
    while name in taken:
        number += 1_000
        name = f"C{number:03}"
    return name


def _replace(
    connection: Connection[Any],
    year: str,
    before: Mapping[str, Any],
    written: Mapping[str, list[dict[str, Any]]],
    book: Book,
) -> None:
    """Write a plan's rows, and remove those of former circuits that its scenario has not locked."""
    locked = {circuit.id for circuit in book.circuits if circuit.locked}
    runs = {row["id"] for row in before["runs"] if row["circuit"] in locked}
    stays = {
        "circuits": [{**row, "locked": True} for row in before["circuits"] if row["id"] in locked],
        "runs": [row for row in before["runs"] if row["id"] in runs],
        "calls": [row for row in before["calls"] if row["run"] in runs],
        "seats": [row for row in before["seats"] if row["run"] in runs],
    }
    taken = {row["id"] for row in written["runs"]} & runs
    if taken:
        raise Conflict(
            f"run {min(taken)} of a locked circuit has the name of a new one; rename it in the register first",
            code="name_taken",
        )
    for name in REPLACED:
        _put(connection, year, name, before[name], [*stays[name], *written[name]])


def _write_changed(connection: Connection[Any], year: str, before: Mapping[str, Any], book: Book) -> Lists:
    """Write bells, vehicles and stops as the scenario has them, and the doors of pupils as stops that are shut.

    A vehicle that the scenario does not use stays in the register. Returned is what is otherwise now.
    """
    used = {one.id: asdict(one) for one in book.vehicles}
    vehicles = [used.get(row["id"], row) for row in before["vehicles"]]
    _put(connection, year, "vehicles", before["vehicles"], vehicles)
    bells = [asdict(one) for one in book.bells]
    doors = [
        {**asdict(Stop(id_, "Domicile", point.lat, point.lon)), "open": False}
        for id_, point in list_doors(book).items()
    ]
    _put(connection, year, "bells", before["bells"], bells)
    own = {one["id"] for one in doors}
    stops = [asdict(one) for one in book.stops if one.id not in own]
    _put(connection, year, "stops", before["stops"], [*stops, *doors])
    former = {row["id"]: row for row in before["stops"]}
    return {
        "vehicles": vehicles,
        "bells": bells,
        "stops": [row for row in stops if _plain([row]) != _plain([former[row["id"]]])],
    }


def _put(
    connection: Connection[Any], year: str, name: str, now: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]]
) -> None:
    """Make a list hold the wanted rows and no others."""
    sheet = SHEETS[name]

    def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(tuple(v) if isinstance(v := row[one], list) else v for one in sheet.key)

    keep = {key(row) for row in wanted}
    register_store.remove_rows(connection, year, sheet, [key(row) for row in now if key(row) not in keep])
    register_store.write_rows(connection, year, sheet, list(sheet.columns), list(wanted))
