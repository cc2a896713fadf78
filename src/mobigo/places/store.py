"""The table of names and its queries."""

from __future__ import annotations

import re
from dataclasses import replace
from math import cos, radians
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    REAL,
    Column,
    Double,
    Index,
    Numeric,
    Table,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from mobigo.db.engine import metadata
from mobigo.kit.geo import Point
from mobigo.places.model import Kind, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from sqlalchemy import ColumnElement, Row
    from sqlalchemy.orm import Session

    from mobigo.places.match import Wanted

PLACE = Table(
    "place",
    metadata,
    Column("id", Text, primary_key=True, doc="As in `model.Place`."),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("commune", Text, nullable=False, doc="Name of the commune it lies in; empty where none is known."),
    Column("folded", Text, nullable=False, doc="The name, folded."),
    Column("words", Text, nullable=False, doc="A space, then folded: name, commune, postcode, other names."),
    Column("importance", REAL, nullable=False, doc="0 to 1: what most people mean when names are alike."),
    Column("lon", Double, nullable=False, doc="Degrees, WGS84."),
    Column("lat", Double, nullable=False),
    Column("stop_ids", ARRAY(Text), nullable=False, doc="Stops that are this place or serve it, main one first."),
)
Index("place_words_index", PLACE.c.words, postgresql_using="gin", postgresql_ops={"words": "gin_trgm_ops"})
Index("place_folded_index", PLACE.c.folded, postgresql_ops={"folded": "text_pattern_ops"})

PLACE_STOP = Table(
    "place_stop",
    metadata,
    Column("stop_id", Text, primary_key=True, doc="``source:gtfs_id`` of a stop, platform or station."),
    Column("place_id", Text, nullable=False, doc="The place it belongs to."),
    Column("name", Text, nullable=False),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
)

HOUSE_NUMBER = Table(
    "house_number",
    metadata,
    Column("street_id", Text, nullable=False, doc="Place of the street."),
    Column("number", Text, nullable=False, doc="Lower case, without spaces: ``12bis``."),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
    Index("house_number_street_id_number_index", "street_id", "number"),
)

PLACE_WORD = Table(
    "place_word",
    metadata,
    Column("word", Text, primary_key=True, doc="Each different word of ``place.words``, once."),
)
Index("place_word_begins_index", PLACE_WORD.c.word, postgresql_ops={"word": "text_pattern_ops"})
Index("place_word_alike_index", PLACE_WORD.c.word, postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"})

POINT: ColumnElement[Any] = literal_column("ST_SetSRID(ST_MakePoint(place.lon, place.lat), 4326)")
"""As written in ``place_point_index``."""

EXACT, BEGINS, NAMED, PARTLY, NEARBY = 3.3, 3.0, 2.0, 1.0, 0.0
"""Score of a name that is the question, begins with it, holds all its words, some of them, none (its commune does)."""

IMPORTANCE_WEIGHT = 1.2
"""Below the step from `BEGINS` to `NAMED` only for places of little importance: a town beats a lane of its name."""

NEAR_WEIGHT, NEAR_KM = 0.8, 25.0
"""What a place beside the person gains; it fades with the distance, to a third at `NEAR_KM`."""

FAR = 100.0
"""Times `NEAR_KM`, beyond which all places are as far: exp would underflow, an error to PostgreSQL."""

FEW_LETTERS = 2
"""Questions this short find only stops and communes, by the beginning of their names."""

ALIKE, MOST_ALIKE = 0.25, 5
"""Trigram similarity from which a word may be meant by a misspelt one, and how many such words are tried."""

SIMILAR = 0.5
"""Trigram word similarity from which a name is offered when its words cannot be told apart."""


def search(session: Session, wanted: Wanted, *, near: Point | None, limit: int, kinds: Iterable[Kind]) -> list[Place]:
    """Find places all of whose required words begin a word of the name or of its commune, best first."""
    chosen = {kind.value for kind in kinds}
    if wanted.letters <= FEW_LETTERS:
        chosen &= {Kind.STOP, Kind.COMMUNE}
    score = _score(wanted, near).label("score")
    query = (
        select(PLACE, score)
        .where(_fits(wanted), PLACE.c.kind.in_(sorted(chosen)))
        .order_by(score.desc(), PLACE.c.id)
        .limit(limit)
    )
    return [_place(row) for row in session.execute(query)]


class Box(NamedTuple):
    """A rectangle of degrees; across the 180th meridian when its west is greater than its east."""

    west: float
    south: float
    east: float
    north: float


class StopPage(NamedTuple):
    """Stops one after another, and the sort key of the last when there are more."""

    stops: list[tuple[Place, str, float | None]]
    """Place, its commune, and metres from where the person is."""
    last: tuple[str, str] | None


def list_stops(
    session: Session,
    *,
    wanted: Wanted | None,
    near: Point | None,
    radius: float | None,
    box: Box | None,
    after: tuple[Decimal, str] | None,
    limit: int,
) -> StopPage:
    """List stations and stops: best fit first with a question, else nearest first with a place, else by id."""
    metres = _metres(near) if near else null()
    key: ColumnElement[Any] = literal_column("0")
    if wanted:
        key = -_score(wanted, near)
    elif near:
        key = metres
    key = func.round(cast(key, Numeric), 6)
    query = select(PLACE, literal_column("0.0").label("score"), metres.label("metres"), key.label("key"))
    query = query.where(PLACE.c.kind == Kind.STOP)
    if wanted:
        query = query.where(_fits(wanted))
    if near and radius is not None:
        query = query.where(_within(_around(near, radius)), metres <= radius)
    if box:
        query = query.where(_within(box))
    if after:
        query = query.where(or_(key > after[0], and_(key == after[0], PLACE.c.id > after[1])))
    rows = session.execute(query.order_by(key, PLACE.c.id).limit(limit + 1)).all()
    stops = [(_place(row), row.commune, row.metres) for row in rows[:limit]]
    last = (str(rows[limit - 1].key), rows[limit - 1].id) if len(rows) > limit else None
    return StopPage(stops, last)


def list_near(
    session: Session, near: Point, *, radius: float, kinds: Iterable[Kind], limit: int
) -> list[tuple[Place, float]]:
    """List the places around a point with their metres from it, nearest first; a street is where its middle is."""
    metres = _metres(near)
    query = (
        select(PLACE, literal_column("0.0").label("score"), metres.label("metres"))
        .where(PLACE.c.kind.in_([kind.value for kind in kinds]), _within(_around(near, radius)), metres <= radius)
        .order_by(metres, PLACE.c.id)
        .limit(limit)
    )
    return [(_place(row), float(row.metres)) for row in session.execute(query)]


def find_house_near(session: Session, street_ids: Sequence[str], near: Point) -> tuple[str, str, Point, float] | None:
    """Return the house number of some streets that is nearest: its street, number, place and metres."""
    there = func.ST_SetSRID(func.ST_MakePoint(HOUSE_NUMBER.c.lon, HOUSE_NUMBER.c.lat), 4326)
    here = func.ST_SetSRID(func.ST_MakePoint(near.lon, near.lat), 4326)
    metres = func.ST_DistanceSphere(there, here)
    query = (
        select(HOUSE_NUMBER, metres.label("metres"))
        .where(HOUSE_NUMBER.c.street_id.in_(street_ids))
        .order_by(metres, HOUSE_NUMBER.c.street_id, HOUSE_NUMBER.c.number)
        .limit(1)
    )
    row = session.execute(query).first()
    return None if row is None else (row.street_id, row.number, Point(row.lon, row.lat), float(row.metres))


def list_alike(session: Session, word: str) -> tuple[str, ...]:
    """List the words of names that a misspelt word may mean, most alike first."""
    session.execute(select(func.set_config("pg_trgm.similarity_threshold", str(ALIKE), True)))
    query = (
        select(PLACE_WORD.c.word)
        .where(PLACE_WORD.c.word.op("%", is_comparison=True)(word))
        .order_by(func.similarity(PLACE_WORD.c.word, word).desc(), PLACE_WORD.c.word)
        .limit(MOST_ALIKE)
    )
    return tuple(session.scalars(query))


def is_begun(session: Session, word: str) -> bool:
    """Tell whether any word of a name begins so."""
    query = select(literal(1)).where(PLACE_WORD.c.word.like(f"{word}%")).limit(1)
    return session.execute(query).first() is not None


def search_similar(
    session: Session, wanted: Wanted, *, near: Point | None, limit: int, kinds: Iterable[Kind]
) -> list[Place]:
    """Find places whose name or commune resembles the question: for typing errors."""
    session.execute(select(func.set_config("pg_trgm.word_similarity_threshold", str(SIMILAR), True)))
    text = wanted.texts[0]
    alike = func.word_similarity(text, PLACE.c.words) + func.similarity(text, PLACE.c.folded)
    score = (alike + IMPORTANCE_WEIGHT / 4 * PLACE.c.importance + _nearness(near) / 4).label("score")
    query = (
        select(PLACE, score)
        .where(PLACE.c.words.op("%>", is_comparison=True)(text), PLACE.c.kind.in_([kind.value for kind in kinds]))
        .order_by(score.desc(), PLACE.c.id)
        .limit(limit)
    )
    return [_place(row) for row in session.execute(query)]


def list_houses(session: Session, street_ids: Sequence[str], number: str) -> dict[str, Point]:
    """Return where a house number is in each of the streets that have it."""
    query = select(HOUSE_NUMBER.c.street_id, HOUSE_NUMBER.c.lon, HOUSE_NUMBER.c.lat).where(
        HOUSE_NUMBER.c.street_id.in_(street_ids), HOUSE_NUMBER.c.number == number
    )
    return {street_id: Point(lon, lat) for street_id, lon, lat in session.execute(query)}


def find_by_id(session: Session, id_: str) -> Place | None:
    """Find a place, a stop of a place (a platform), or a house number of a street, by its id."""
    query = select(PLACE, literal_column("0.0").label("score"))
    if row := session.execute(query.where(PLACE.c.id == id_)).first():
        return _place(row)
    platform = select(PLACE_STOP).where(PLACE_STOP.c.stop_id == id_)
    if stop := session.execute(platform).first():
        return Place(stop.stop_id, Kind.STOP, stop.name, stop.name, stop.lat, stop.lon, (stop.stop_id,), 0.0)
    street_id, _, number = id_.rpartition("/")
    row = session.execute(query.where(PLACE.c.id == street_id, PLACE.c.kind == Kind.ADDRESS)).first()
    if row and (point := list_houses(session, [street_id], number).get(street_id)):
        return at_house(_place(row), number, point)
    return None


def at_house(street: Place, number: str, point: Point) -> Place:
    """Return the place of a house number of a street."""
    written = re.sub(r"(?<=\d)(bis|ter|quater)$", r" \1", number)
    return replace(
        street,
        id=f"{street.id}/{number}",
        name=f"{written} {street.name}",
        label=f"{written} {street.label}",
        lat=point.lat,
        lon=point.lon,
    )


def _fits(wanted: Wanted) -> ColumnElement[bool]:
    if wanted.letters <= FEW_LETTERS:
        return or_(*(PLACE.c.folded.like(f"{text}%") for text in wanted.texts))
    # a whole town's streets are no answer to the town's name
    own_name = or_(PLACE.c.kind.in_([Kind.STOP, Kind.COMMUNE]), *_named(wanted))
    return and_(own_name, *(_begins_word(PLACE.c.words, spellings) for spellings in wanted.words))


def _score(wanted: Wanted, near: Point | None) -> ColumnElement[Any]:
    named = _named(wanted)
    tier = case(
        (PLACE.c.folded.in_(wanted.texts), EXACT),
        (or_(*(PLACE.c.words.like(f" {text}%") for text in wanted.texts)), BEGINS),
        (and_(*named), NAMED),
        (or_(*named), PARTLY),
        else_=NEARBY,
    )
    return tier + IMPORTANCE_WEIGHT * PLACE.c.importance + _nearness(near)


def _named(wanted: Wanted) -> list[ColumnElement[bool]]:
    return [_begins_word(literal(" ").concat(PLACE.c.folded), spellings) for spellings in wanted.words]


def _begins_word(column: ColumnElement[str], spellings: Sequence[str]) -> ColumnElement[bool]:
    return or_(false(), *(column.like(f"% {spelling}%") for spelling in spellings))


def _nearness(near: Point | None) -> ColumnElement[Any]:
    if near is None:
        return literal_column("0.0")
    north = (PLACE.c.lat - near.lat) * 111.2
    east = (PLACE.c.lon - near.lon) * (111.2 * cos(radians(near.lat)))
    return NEAR_WEIGHT * func.exp(-func.least(func.sqrt(north * north + east * east) / NEAR_KM, FAR))


def _metres(near: Point) -> ColumnElement[Any]:
    return func.ST_DistanceSphere(POINT, func.ST_SetSRID(func.ST_MakePoint(near.lon, near.lat), 4326))


def _around(near: Point, radius: float) -> Box:
    north = radius / 111_000
    east = north / max(0.01, cos(radians(near.lat)))
    return Box(near.lon - east, near.lat - north, near.lon + east, near.lat + north)


def _within(box: Box) -> ColumnElement[bool]:
    parts = [box] if box.west <= box.east else [box._replace(east=180), box._replace(west=-180)]
    return or_(*(POINT.op("&&", is_comparison=True)(func.ST_MakeEnvelope(*part, 4326)) for part in parts))


def _place(row: Row[Any]) -> Place:
    return Place(
        id=row.id,
        kind=Kind(row.kind),
        name=row.name,
        label=row.label,
        lat=row.lat,
        lon=row.lon,
        stop_ids=tuple(row.stop_ids),
        score=round(float(row.score), 6),
    )
