"""Find places by name, and make sense of what a person gave as one end of a journey."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import parse_point
from mobigo.kit.names import fold
from mobigo.places import gather, store
from mobigo.places.match import Wanted, parse_question, split_house_number
from mobigo.places.model import NAMED_KINDS, AmbiguousPlace, Kind, Place, UnknownPlace

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

    import psycopg
    from sqlalchemy.orm import Session

    from mobigo.kit.geo import Point

STREETS_TRIED = 200
"""Streets of a name under which a house number is looked for."""

LIKE_AN_ID = re.compile(r"[^:\s]+:\S|(?:commune|street|place|poi)/")
"""``source:gtfs_id``, or one of our own; a person who gives an id does not want something alike."""

CHOICES = 6
"""Alternatives that a person is shown."""

CLEAR_LEAD = 0.25
"""By how much the best place must lead the second to be what was meant."""


def rebuild(connection: psycopg.Connection) -> dict[str, int]:
    """Gather all names anew from the feeds and the extract in service; in one transaction, readers are not held up.

    Returns
    -------
    dict
        Number of places by kind, and of ``house_numbers``.
    """
    with connection.transaction():
        return gather.rebuild(connection)


def find(
    session: Session,
    text: str,
    *,
    near: Point | None = None,
    limit: int = 10,
    kinds: Collection[Kind] = NAMED_KINDS,
) -> list[Place]:
    """Find places by name, as a person types: any accents, part of the words, a house number, small errors.

    The best come first: names that begin as asked, towns and main stations before small stops, near before far.
    """
    wanted = parse_question(text)
    if wanted is None:
        return []
    numbered = split_house_number(text) if Kind.ADDRESS in kinds else None
    for respell in (_as_typed, _respell_unknown, _respell_all):
        found = store.search(session, respell(session, wanted), near=near, limit=limit, kinds=kinds)
        if numbered:
            number, street = numbered
            found = _with_houses(session, found, number, respell(session, street), near=near, limit=limit)
        if found or wanted.letters <= store.FEW_LETTERS:
            return found
    return store.search_similar(session, wanted, near=near, limit=limit, kinds=kinds)


def _as_typed(session: Session, wanted: Wanted) -> Wanted:  # noqa: ARG001 - one of three ways
    return wanted


def _respell_unknown(session: Session, wanted: Wanted) -> Wanted:
    """Let a word that begins no word of any name mean those it resembles."""
    return replace(
        wanted,
        words=tuple(
            one if any(store.is_begun(session, word) for word in one) else (*one, *store.list_alike(session, one[0]))
            for one in wanted.words
        ),
    )


def _respell_all(session: Session, wanted: Wanted) -> Wanted:
    """Let every word mean also those it resembles: the misspelt one happens to be a word, too."""
    return replace(wanted, words=tuple((*one, *store.list_alike(session, one[0])) for one in wanted.words))


def _with_houses(
    session: Session, found: list[Place], number: str, street: Wanted, *, near: Point | None, limit: int
) -> list[Place]:
    streets = store.search(session, street, near=near, limit=STREETS_TRIED, kinds=[Kind.ADDRESS])
    points = store.list_houses(session, [one.id for one in streets], number)
    houses = [store.at_house(one, number, points[one.id]) for one in streets if one.id in points]
    if not houses and not found:
        return streets[:limit]
    return sorted([*houses, *found], key=lambda place: -place.score)[:limit]


STREETS_AROUND, STREET_METRES = 30, 1500.0
"""Streets whose house numbers are looked at around a point, and how far their middles may be."""


def find_address_at(session: Session, point: Point, radius: float = 200.0) -> tuple[Place, float] | None:
    """Find the address nearest to a point with its metres: a house number, else a street; None further off."""
    around = store.list_near(session, point, radius=STREET_METRES, kinds=[Kind.ADDRESS], limit=STREETS_AROUND)
    streets = {street.id: street for street, _ in around}
    house = store.find_house_near(session, list(streets), point) if streets else None
    nearest = around[0] if around and around[0][1] <= radius else None
    if house is None or house[3] > radius or (nearest is not None and nearest[1] < house[3]):
        return nearest
    street_id, number, place, metres = house
    return store.at_house(streets[street_id], number, place), metres


def list_stops(
    session: Session,
    *,
    text: str | None,
    near: Point | None,
    radius: float | None,
    box: store.Box | None,
    after: tuple[Decimal, str] | None,
    limit: int,
) -> store.StopPage:
    """List a page of stations and stops; a text without letters finds none."""
    wanted = parse_question(text) if text is not None else None
    if text is not None and wanted is None:
        return store.StopPage([], None)
    return store.list_stops(session, wanted=wanted, near=near, radius=radius, box=box, after=after, limit=limit)


def resolve(session: Session, text: str) -> Place:
    """Tell which one place a person means by ``LAT,LON``, an id, or a name.

    Raises
    ------
    UnknownPlace
        When nothing has this id or name.
    AmbiguousPlace
        When several places have this name and none of them stands out; carries them.
    InvalidInput
        When it looks like coordinates and is none, or holds no letter.
    """
    asked = text.strip()
    if _looks_like_point(asked):
        point = parse_point(asked)
        name = f"{point.lat:.6g},{point.lon:.6g}"
        return Place(asked, Kind.POINT, name, name, point.lat, point.lon, (), 0.0)
    if known := store.find_by_id(session, asked):
        return known
    if LIKE_AN_ID.match(asked):
        raise UnknownPlace(f"no place has the id {text!r}; /v1/places finds places by name")
    if parse_question(asked) is None:
        raise InvalidInput(f"{text!r} is neither LAT,LON nor an id nor a name; write it like 47.4906,4.3347")
    found = find(session, asked, limit=CHOICES)
    if not found:
        raise UnknownPlace(f"nothing here is called {text!r}; give another spelling, a stop id, or LAT,LON")
    return _choose(asked, found)


def _choose(asked: str, found: list[Place]) -> Place:
    folded = fold(asked)
    same = [place for place in found if folded in (fold(place.name), fold(place.label))]
    # a town and its station share a name: the town is meant, and its stops are part of it
    towns = [place for place in same if place.kind == Kind.COMMUNE]
    for choice in (towns, same):
        if len(choice) == 1:
            return choice[0]
    if same:
        raise AmbiguousPlace(asked, same)
    if len(found) == 1 or found[0].score - found[1].score >= CLEAR_LEAD:
        return found[0]
    raise AmbiguousPlace(asked, found)


def _looks_like_point(text: str) -> bool:
    first, comma, second = text.partition(",")
    return bool(comma) and all(part.strip(" +-.0123456789eE") == "" and part.strip() for part in (first, second))
