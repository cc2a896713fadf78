"""What families are told when a plan is published: where and when their child gets on from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.db.session import driver
from mobigo.messages.model import Recipient
from mobigo.messages.service import send
from mobigo.school import register_store
from mobigo.school.demand import MORNING
from mobigo.school.network import read_network

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.school.network import Network


def tell_families(session: Session, year: str, *, before: Mapping[str, Any], about: str, now: datetime) -> int:
    """Write to the family of every pupil whose stops or times have changed; return how many were written to.

    Parameters
    ----------
    before
        The lists ``calls``, ``runs`` and ``seats`` as they were, as `register_store.list_rows` gives them.
    about : str
        What it concerns; said twice about the same, it goes out once.
    """
    connection = driver(session)
    network = read_network(connection, year)
    new = _list_halts(network)
    old = _list_former(before, network)
    people = {row["key"]: row for row in register_store.list_people(connection, year)}
    told = 0
    for key in sorted(new.keys() | old.keys()):
        if new.get(key, []) == old.get(key, []) or key not in people:
            continue
        person = people[key]
        to = Recipient(email=person["email"], phone=person["phone"])
        halts = [
            {"trip": trip, "days": days, "stop": stop, "clock": clock} for trip, days, clock, stop in new.get(key, [])
        ]
        written = send(
            session,
            "school_changed" if halts else "school_ended",
            to,
            {"pupil": person["first_name"] or "votre enfant", "halts": halts, "year": year},
            key=f"{about}:{key}",
            about=f"school:{key}",
            now=now,
        )
        told += bool(written)
    return told


Halt = tuple[str, str, str, str]
"""Trip, days, clock and name of the stop, as families read them."""

TRIPS = {MORNING: "Matin", "noon": "Mercredi midi", "evening": "Soir"}
SHORT = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")


def _say(trip: str, weekdays: Any, at: int, stop: str) -> Halt:  # noqa: ANN401 - list or tuple of the register
    days = " ".join(SHORT[day - 1] for day in weekdays)
    return TRIPS[trip], days, f"{at // 3600:02}:{at // 60 % 60:02}", stop


def _list_halts(network: Network) -> dict[str, list[Halt]]:
    found: dict[str, list[Halt]] = {}
    for run, seats in network.seats.items():
        at = {call.stop: call.at for call in network.calls.get(run, ())}
        one = network.runs[run]
        for seat in seats:
            if seat.stop in at:
                halt = _say(one.trip, one.weekdays, at[seat.stop], network.stops[seat.stop].name)
                found.setdefault(seat.pupil, []).append(halt)
    return {key: sorted(halts) for key, halts in found.items()}


def _list_former(before: Mapping[str, Any], network: Network) -> dict[str, list[Halt]]:
    runs = {row["id"]: row for row in before["runs"]}
    at = {(row["run"], row["stop"]): row["at"] for row in before["calls"]}
    names = {row["id"]: row["name"] for row in before["stops"]} | {one.id: one.name for one in network.stops.values()}
    found: dict[str, list[Halt]] = {}
    for seat in before["seats"]:
        halt = at.get((seat["run"], seat["stop"]))
        if halt is not None:
            run = runs[seat["run"]]
            said = _say(run["trip"], run["weekdays"], halt, names.get(seat["stop"], seat["stop"]))
            found.setdefault(seat["pupil"], []).append(said)
    return {key: sorted(halts) for key, halts in found.items()}
