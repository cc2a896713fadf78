"""Families' requests: taken down, granted or refused; what is granted takes effect in the register at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.school import register_store as store
from mobigo.school.register import SHEETS, Request
from mobigo.school.register_service import get_year
from mobigo.school.sentences import say

if TYPE_CHECKING:
    from datetime import date

    import psycopg

    from mobigo.school.register_service import Actor
    from mobigo.school.sentences import Said

WISHES = {"change": "school", "stop": "stop"}
"""What a request of a kind must name."""


@dataclass(frozen=True)
class Decided:
    """A request with what its decision did."""

    request: Request
    effects: list[Said]
    """A sentence each; who is named is a key."""


def take_down(connection: psycopg.Connection[Any], year: str, asked: Request, actor: Actor) -> Request:
    """Take a request down, dated today unless it says when it came.

    Raises
    ------
    NotFound
        No such pupil, school or stop.
    InvalidInput
        A change of school without a school, of the stop without a stop.
    Conflict
        The pupil asked the same on that day.
    """
    get_year(connection, year)
    store.lock_year(connection, year)
    wished = WISHES.get(asked.kind)
    if wished is not None and getattr(asked, wished) is None:
        raise InvalidInput(f"a request of kind {asked.kind} must say which {wished}; add it", code="incomplete_request")
    for name, code, id_ in (
        ("pupils", "unknown_pupil", asked.pupil),
        ("schools", "unknown_school", asked.school),
        ("stops", "unknown_stop", asked.stop),
    ):
        if id_ is not None and not store.has_row(connection, year, SHEETS[name], id_):
            raise NotFound(f"{year} has no {name[:-1]} {id_[:40]!r}; its list of {name} has them all", code=code)
    if _find(connection, year, asked.pupil, asked.received, asked.kind) is not None:
        raise Conflict(
            f"pupil {asked.pupil} asked for {asked.kind} on {asked.received} already; decide that request",
            code="request_exists",
        )
    written = Request(asked.pupil, asked.received, asked.kind, asked.school, asked.stop)
    _write(connection, year, written)
    store.note_access(
        connection, store.Access(0, actor.now, actor.user, actor.role, f"took down {asked.kind}", year, asked.pupil, 1)
    )
    return written


def decide(
    connection: psycopg.Connection[Any],
    year: str,
    key: tuple[str, date, str],
    actor: Actor,
    *,
    grant: bool,
) -> Decided:
    """Grant or refuse a request.

    Granted, a cancellation gives the pupil's seats back; a change of school moves the pupil there and gives the seats
    back, to be planned anew; another stop is taken on every run of the pupil's that calls there.

    Parameters
    ----------
    key
        Pupil, when the request came, its kind.

    Raises
    ------
    NotFound
        No such request.
    Conflict
        It is decided already.
    Refused
        No run of the pupil's calls at the stop.
    """
    get_year(connection, year)
    store.lock_year(connection, year)
    found = _find(connection, year, *key)
    if found is None:
        raise NotFound(
            f"pupil {key[0][:40]!r} did not ask for {key[2]} on {key[1]}; the list of requests has them all",
            code="unknown_request",
        )
    if found.state != "open":
        raise Conflict(f"the request was {found.state} on {found.decided}; take a new one down", code="request_decided")
    effects = _put_into_effect(connection, year, found) if grant else []
    state = "granted" if grant else "refused"
    written = Request(found.pupil, found.received, found.kind, found.school, found.stop, state, actor.now.date())
    _write(connection, year, written)
    what = f"{state} {found.kind}"
    store.note_access(connection, store.Access(0, actor.now, actor.user, actor.role, what, year, found.pupil, 1))
    return Decided(written, effects)


def _find(connection: psycopg.Connection[Any], year: str, pupil: str, received: date, kind: str) -> Request | None:
    for row in store.list_about(connection, year, SHEETS["requests"], pupil):
        if (row["received"], row["kind"]) == (received, kind):
            return Request(**row)
    return None


def _write(connection: psycopg.Connection[Any], year: str, one: Request) -> None:
    sheet = SHEETS["requests"]
    store.write_rows(connection, year, sheet, list(sheet.columns), [asdict(one)])


def _put_into_effect(connection: psycopg.Connection[Any], year: str, one: Request) -> list[Said]:
    seats = store.list_about(connection, year, SHEETS["seats"], one.pupil)
    if one.kind == "stop":
        return _move(connection, year, one, seats)
    if one.kind == "new":
        return []
    effects = []
    if one.kind == "change":
        assert one.school is not None
        store.move_pupil(connection, year, one.pupil, one.school)
        effects.append(say("effect_school", pupil=one.pupil, school=one.school))
    sheet = SHEETS["seats"]
    store.remove_rows(connection, year, sheet, [tuple(seat[part] for part in sheet.key) for seat in seats])
    return effects + [say("effect_no_seat", pupil=one.pupil, run=seat["run"]) for seat in seats]


def _move(connection: psycopg.Connection[Any], year: str, one: Request, seats: list[dict[str, Any]]) -> list[Said]:
    """Take another stop on the runs that call there; on others the pupil stays where they are."""
    assert one.stop is not None
    calling = store.list_runs_at(connection, year, one.stop)
    moved = [{**seat, "stop": one.stop} for seat in seats if seat["run"] in calling]
    if not moved:
        raise Refused(
            f"no run of pupil {one.pupil} calls at stop {one.stop}; refuse the request, or plan a scenario in which one"
            " does",
            code="stop_not_served",
        )
    sheet = SHEETS["seats"]
    store.write_rows(connection, year, sheet, list(sheet.columns), moved)
    stays = [seat for seat in seats if seat["run"] not in calling]
    return [
        *(say("effect_stop", pupil=one.pupil, run=seat["run"], stop=one.stop) for seat in moved),
        *(say("effect_stays", pupil=one.pupil, run=seat["run"], stop=seat["stop"]) for seat in stays),
    ]
