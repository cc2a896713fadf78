"""Telling apart what two services call by one id: in a feed, which has all of them, an id means one thing.

Services are documents, each with its own calendars, rules and places; the staff may change those of one service while
another goes on with what its feed says. What differs gets the name of its route behind its id, with all that refers
to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mobigo.ondemand.model import Call, Service, Trip

PLACE, CALENDAR, RULE, SHAPE, AGENCY = "place", "calendar", "rule", "shape", "agency"
"""The spaces of ids; stops, groups and zones share one."""

Key = tuple[str, str]
"""Space and id."""


def tell_apart(services: Sequence[Service], taken: Iterable[Key] = ()) -> list[Service]:
    """Rename in services of one source what an earlier one of them calls the same and is not.

    Parameters
    ----------
    services : sequence of Service
        The first ones keep their ids.
    taken : iterable of Key
        What the feed has besides, for things that no service has.
    """
    nameless = {"agency_id" not in service.agency for service in services}
    known: dict[Key, Any] = dict.fromkeys(taken)
    known |= {(AGENCY, ""): None} if len(nameless) > 1 else {}
    found = []
    for service in services:
        new: dict[Key, str] = {}
        renamed = service
        while True:
            clashing = [key for key, part in _parts(renamed) if known.get(key, part) != part]
            if not clashing:
                break
            # what refers to something renamed is another thing by that: look again
            new |= {_first_name(new, key): _free_name(service, key, known) for key in clashing}
            renamed = _rename(service, new)
        known |= dict(_parts(renamed))
        found.append(renamed)
    return found


def _first_name(new: dict[Key, str], key: Key) -> Key:
    """Return how a part that may have been renamed already was called at first."""
    space, name = key
    return next(((space, old) for (other, old), now in new.items() if (other, now) == (space, name)), key)


def _free_name(service: Service, key: Key, known: dict[Key, Any]) -> str:
    space, name = key
    route = service.id.partition(":")[2]
    candidate = f"{name}.{route}" if name else route
    while (space, candidate) in known:
        candidate += "."
    return candidate


def _parts(service: Service) -> Iterator[tuple[Key, Any]]:
    yield (AGENCY, service.agency.get("agency_id", "")), dict(service.agency)
    for space, parts in (
        (CALENDAR, service.calendars),
        (RULE, service.rules),
        (SHAPE, service.shapes),
        (PLACE, service.stops),
        (PLACE, service.groups),
        (PLACE, service.zones),
    ):
        for key, part in parts.items():
            yield (space, key), part


def _rename(service: Service, new: dict[Key, str]) -> Service:
    def name(space: str, old: str) -> str:
        return new.get((space, old), old)

    def perhaps(space: str, old: str | None) -> str | None:
        return None if old is None else name(space, old)

    def cells(told: Any, column: str, space: str) -> dict[str, str]:  # noqa: ANN401 - any mapping of cells
        return {key: name(space, value) if key == column else value for key, value in told.items()}

    def call(one: Call) -> Call:
        return replace(
            one,
            place=name(PLACE, one.place),
            pickup_rule=perhaps(RULE, one.pickup_rule),
            drop_off_rule=perhaps(RULE, one.drop_off_rule),
        )

    def trip(one: Trip) -> Trip:
        return replace(
            one,
            calendar=name(CALENDAR, one.calendar),
            calls=tuple(call(part) for part in one.calls),
            fields=cells(one.fields, "shape_id", SHAPE),
        )

    source = service.id.partition(":")[0]
    agency = name(AGENCY, service.agency.get("agency_id", ""))
    named = {"agency_id": agency} if agency else {}
    calendars = [replace(one, id=name(CALENDAR, one.id)) for one in service.calendars.values()]
    rules = [
        replace(one, id=name(RULE, one.id), service_id=perhaps(CALENDAR, one.service_id))
        for one in service.rules.values()
    ]
    stops = [
        replace(
            one,
            id=name(PLACE, one.id),
            fields=cells(one.fields, "parent_station", PLACE),
            same_as=one.same_as or (f"{source}:{one.id}" if (PLACE, one.id) in new else None),
        )
        for one in service.stops.values()
    ]
    groups = [
        replace(one, id=name(PLACE, one.id), stop_ids=tuple(name(PLACE, stop) for stop in one.stop_ids))
        for one in service.groups.values()
    ]
    zones = [replace(one, id=name(PLACE, one.id)) for one in service.zones.values()]
    return replace(
        service,
        agency={**service.agency, **named},
        route={**service.route, **named},
        trips=tuple(trip(one) for one in service.trips),
        calendars={one.id: one for one in calendars},
        rules={one.id: one for one in rules},
        stops={one.id: one for one in stops},
        groups={one.id: one for one in groups},
        zones={one.id: one for one in zones},
        shapes={name(SHAPE, key): points for key, points in service.shapes.items()},
    )
