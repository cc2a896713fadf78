"""What families are told when a plan is published or withdrawn: where and when their child gets on from now on.

A child with two homes rides from each on its days, and so it is written; a parent who is known by an address of their
own reads of their home alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.db.session import driver
from mobigo.messages.model import Recipient
from mobigo.messages.service import send
from mobigo.school import register_store
from mobigo.school.demand import MORNING
from mobigo.school.network import read_network
from mobigo.school.register import Run
from mobigo.school.sheets import find_rides

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.school.network import Network


def tell_families(session: Session, year: str, *, before: Mapping[str, Any], about: str, now: datetime) -> int:
    """Write to the family of every pupil whose stops or times have changed, unless it wants no messages.

    Return of how many pupils the families were written to.

    Parameters
    ----------
    before
        The lists ``calls``, ``runs``, ``seats`` and ``stops`` as they were, as `register_store.list_rows` gives them.
    about : str
        What it concerns; said twice about the same, it goes out once.
    """
    connection = driver(session)
    network = read_network(connection, year)
    people = {row["key"]: row for row in register_store.list_people(connection, year)}
    new = _list_halts(network, people)
    old = _list_former(before, network, people)
    told = 0
    for key in sorted(new.keys() | old.keys()):
        person = people[key]
        if not person["messages"]:
            continue
        reached = False
        for who, homes in _list_guardians(person):
            was, now_ = ([halt[1:] for halt in some.get(key, []) if halt[0] in homes] for some in (old, new))
            if was == now_:
                continue
            halts = [{"trip": trip, "days": days, "stop": stop, "clock": clock} for trip, days, clock, stop in now_]
            written = send(
                session,
                "school_changed" if halts else "school_ended",
                who,
                {"pupil": person["first_name"] or "votre enfant", "halts": halts, "year": year},
                key=f"{about}:{key}:{homes[0]}",
                about=f"school:{key}",
                now=now,
            )
            reached = reached or bool(written)
        told += reached
    return told


def _list_guardians(person: Mapping[str, Any]) -> list[tuple[Recipient, tuple[int, ...]]]:
    """List who is written to, each with the homes of which they read."""
    first = Recipient(email=person["email"], phone=person["phone"])
    if not (person["second_email"] or person["second_phone"]):
        return [(first, (1, 2))]
    return [(first, (1,)), (Recipient(email=person["second_email"], phone=person["second_phone"]), (2,))]


Halt = tuple[int, str, str, str, str]
"""Home, trip, days, clock and name of the stop, as families read them."""

TRIPS = {MORNING: "Matin", "noon": "Mercredi midi", "evening": "Soir"}
SHORT = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")
WEEKS = {"all": "", "even": ", semaines paires", "odd": ", semaines impaires"}


def _say(run: Run, person: Mapping[str, Any], home: int, at: int, stop: str) -> Halt | None:
    """Say a halt; None where the pupil never rides with this run from that home."""
    rides = find_rides(person, run, home)
    if not rides.weekdays:
        return None
    days = " ".join(SHORT[day - 1] for day in rides.weekdays) + WEEKS[rides.weeks]
    return home, TRIPS[run.trip], days, f"{at // 3600:02}:{at // 60 % 60:02}", stop


def _list_halts(network: Network, people: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Halt]]:
    found: dict[str, list[Halt]] = {}
    for run, seats in network.seats.items():
        at = {call.stop: call.at for call in network.calls.get(run, ())}
        for seat in seats:
            if seat.stop in at and seat.pupil in people:
                name = network.stops[seat.stop].name
                halt = _say(network.runs[run], people[seat.pupil], seat.home, at[seat.stop], name)
                found.setdefault(seat.pupil, []).extend([halt] if halt else ())
    return {key: sorted(halts) for key, halts in found.items()}


def _list_former(
    before: Mapping[str, Any], network: Network, people: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Halt]]:
    runs = {row["id"]: Run(**row) for row in before["runs"]}
    at = {(row["run"], row["stop"]): row["at"] for row in before["calls"]}
    names = {row["id"]: row["name"] for row in before["stops"]} | {one.id: one.name for one in network.stops.values()}
    found: dict[str, list[Halt]] = {}
    for seat in before["seats"]:
        clock = at.get((seat["run"], seat["stop"]))
        if clock is not None and seat["pupil"] in people:
            name = names.get(seat["stop"], seat["stop"])
            halt = _say(runs[seat["run"]], people[seat["pupil"]], seat["home"], clock, name)
            found.setdefault(seat["pupil"], []).extend([halt] if halt else ())
    return {key: sorted(halts) for key, halts in found.items()}
