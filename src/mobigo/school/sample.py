"""Registers drawn by lot: pupils where people live, stops in their villages, and the circuits of a network that grew.

Nobody in them exists. The same places and seed give the same rows. They are written as a workbook and come in through
the import that staff use.

The circuits drawn are those of a network planned school by school: each has its own vehicle, which goes out along one
bearing and comes back through its stops.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
import tomllib
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import date
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from shapely.geometry import shape

from mobigo.kit.geo import Point, haversine
from mobigo.school.register import (
    SHEETS,
    Bell,
    Call,
    Circuit,
    Lot,
    Operator,
    Pupil,
    Rule,
    Run,
    School,
    Seat,
    Sector,
    Stop,
    Vehicle,
)
from mobigo.school.writing import write_workbook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STREETS = ("rue de l'Église", "Grande Rue", "rue du Lavoir", "chemin des Vignes", "rue de la Mairie", "route de Dijon")
FIRST = ("Adèle", "Basile", "Chloé", "Désiré", "Élise", "Félix", "Gaëlle", "Hugo", "Inès", "Jules", "Léa", "Malo")
LAST = ("Aubépine", "Bruyère", "Cèdre", "Érable", "Frêne", "Genêt", "Houx", "Lierre", "Mélèze", "Noisetier", "Orme")
"""Plants: nobody is meant."""

HAMLET = 180
"""Inhabitants for each further stop of a village, unless somebody says otherwise."""
STOPS_OF_VILLAGE = 8
"""At most."""
REACH = {"college": 25_000.0, "lycee": 35_000.0, "primary": 8_000.0}
"""Metres from which pupils come, by level."""
NEAREST = 2_000.0
"""Metres from a school within which hardly anybody takes a coach."""
SEATS, MINIBUS = 57, 8
CALLS = 10
"""Stops of a circuit, at most."""
LONGEST = 2_500
"""Seconds that a present circuit takes, about."""
SPEED, DETOUR, HALT, EACH = 10.0, 1.3, 20, 4
"""Metres a second, how much longer a road is than the straight line, seconds per halt and per pupil."""
WEEK = (1, 2, 4, 5)
NOON = (3,)
SHARED, WHEELCHAIRS, BOARDERS = 0.07, 0.003, 0.12
"""Shares of pupils with two homes, in wheelchairs, and of boarders in lycées."""
PLACES, SEATS_OF_PLACE = 3, 2
"""For wheelchairs in a minibus, and the seats that each takes away."""


class Village(NamedTuple):
    """Where pupils live."""

    name: str
    commune: str
    point: Point
    population: int


@dataclass(frozen=True)
class Sample:
    """A register, list by list."""

    lists: dict[str, list[Any]]

    def as_workbook(self) -> bytes:
        """Write it as staff would send it."""
        return write_workbook(
            [
                (SHEETS[name], tuple(SHEETS[name].columns), [asdict(row) for row in rows])
                for name, rows in self.lists.items()
            ]
        )


class _Place(NamedTuple):
    """A stop with who gets on there, while circuits are drawn."""

    id: str
    point: Point
    pupils: list[tuple[str, int]]
    """Number, and from which of the homes."""


def read_district() -> tuple[list[School], list[Village]]:
    """Read the schools and villages of the demonstration."""
    found = tomllib.loads((resources.files("mobigo.school") / "demonstration.toml").read_text("utf-8"))
    villages = [
        Village(one["name"], one["commune"], Point(one["lon"], one["lat"]), one["population"])
        for one in found["village"]
    ]
    return [School(**one) for one in found["school"]], villages


def read_department(colleges: Path, communes: Path, code: str, *, schools: int) -> tuple[list[School], list[Village]]:
    """Read the collèges and communes of a department from open data, and add lycées in the largest communes.

    Parameters
    ----------
    colleges
        CSV of the ministry of education: ``numero_uai, appellation_officielle, code_commune, latitude, longitude``.
    communes
        GeoJSON, packed by gzip: outlines with ``insee, name, population``.
    code
        How the communes' codes begin.
    schools
        How many at most: all collèges first.
    """
    villages = []
    for feature in json.loads(gzip.decompress(communes.read_bytes()))["features"]:
        properties = feature["properties"]
        if properties["insee"].startswith(code) and properties["population"]:
            middle = shape(feature["geometry"]).representative_point()
            place = Point(middle.x, middle.y)
            villages.append(Village(properties["name"], properties["insee"], place, properties["population"]))
    found = []
    with colleges.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["code_commune"].startswith(code) and row["latitude"]:
                place = Point(float(row["longitude"]), float(row["latitude"]))
                name = row["appellation_officielle"]
                found.append(School(row["numero_uai"], name, "college", place.lat, place.lon, row["code_commune"]))
    for village in sorted(villages, key=lambda one: (-one.population, one.commune))[: max(0, schools - len(found))]:
        point, id_ = village.point, f"LYC{village.commune}"
        found.append(
            School(id_, f"Lycée de {village.name}", "lycee", _round(point.lat), _round(point.lon), village.commune)
        )
    return found[:schools], sorted(villages, key=lambda one: one.commune)


def draw_register(
    schools: Sequence[School],
    villages: Sequence[Village],
    *,
    pupils: int,
    seed: int,
    year: int,
    hamlet: int = HAMLET,
) -> Sample:
    """Draw a register.

    Parameters
    ----------
    schools
        With places.
    pupils
        How many, shared among villages by population and distance.
    year
        In which the school year begins.
    hamlet
        Inhabitants for each further stop of a village.
    """
    drawing = _Drawing(list(schools), list(villages), random.Random(seed), year)  # noqa: S311 - a drawing
    return drawing.draw(pupils, hamlet)


class _Drawing:
    """One register while it is drawn."""

    def __init__(self, schools: list[School], villages: list[Village], chance: random.Random, year: int) -> None:
        self._schools, self._villages, self._chance, self._year = schools, villages, chance, year
        self._lists: dict[str, list[Any]] = {name: [] for name in SHEETS}
        self._stops: dict[str, list[_Place]] = {}
        self._vehicles = 0

    def draw(self, pupils: int, hamlet: int) -> Sample:
        """Draw everything."""
        self._lists["schools"] += self._schools
        self._draw_stops(hamlet)
        self._draw_bells()
        self._draw_firms()
        shares = self._share_pupils(pupils)
        boarding = self._draw_pupils(shares)
        for school in self._schools:
            self._draw_circuits(school, boarding[school.id])
        self._lists["rules"] += [
            Rule(
                "college",
                date(self._year, 9, 1),
                3_000,
                True,
                level="college",
                text="Règlement (démonstration), art. 4",
            ),
            Rule(
                "lycee", date(self._year, 9, 1), 3_000, False, level="lycee", text="Règlement (démonstration), art. 5"
            ),
            Rule(
                "primary",
                date(self._year, 9, 1),
                3_000,
                True,
                level="primary",
                text="Règlement (démonstration), art. 3",
            ),
        ]
        return Sample(self._lists)

    def _draw_stops(self, hamlet: int) -> None:
        for village in self._villages:
            count = min(STOPS_OF_VILLAGE, 1 + village.population // hamlet)
            for number in range(1, count + 1):
                point = village.point if number == 1 else self._scatter(village.point, 350 + 250 * number)
                name = f"{village.name}, {'mairie' if number == 1 else f'hameau {number - 1}'}"
                id_ = f"{village.commune}-{number}"
                place = _Place(id_, point, [])
                self._stops.setdefault(village.commune, []).append(place)
                self._lists["stops"].append(
                    Stop(id_, name, _round(point.lat), _round(point.lon), None, village.commune)
                )

    def _draw_bells(self) -> None:
        for school in self._schools:
            late = self._chance.choice((0, 0, 900, 1_800))
            morning = (8 if school.level != "primary" else 8.5) * 3600 + late
            evening = (16.5 if school.level == "primary" else 17) * 3600 + self._chance.choice((0, 900, 1_800))
            for trip, days, at in (
                ("morning", (*WEEK[:2], 3, *WEEK[2:]), morning),
                ("noon", NOON, 12 * 3600 + late),
                ("evening", WEEK, evening),
            ):
                seconds = int(at)
                self._lists["bells"].append(
                    Bell(school.id, trip, tuple(sorted(days)), seconds, "all", seconds - 900, seconds + 900)
                )

    def _draw_firms(self) -> None:
        for number, name in enumerate(
            ("Cars du Pays", "Autocars de la Plaine", "Voyages du Canal", "Transports des Collines"), 1
        ):
            self._lists["operators"].append(Operator(f"T{number}", f"{name} (démonstration)"))
            self._lists["lots"].append(
                Lot(
                    f"L{number}", f"Lot {number}", f"T{number}", date(self._year - 1, 9, 1), date(self._year + 3, 7, 31)
                )
            )

    def _share_pupils(self, pupils: int) -> list[tuple[Village, School]]:
        """Draw for every pupil the village and the school."""
        pairs: list[tuple[Village, School]] = []
        weights: list[float] = []
        for level in sorted({school.level for school in self._schools}):
            mine = [school for school in self._schools if school.level == level]
            for village in self._villages:
                school = min(mine, key=lambda one: _apart(one, village))
                if NEAREST < _apart(school, village) < REACH[level]:
                    pairs.append((village, school))
                    weights.append(village.population * {"college": 1.0, "lycee": 0.8, "primary": 0.3}[level])
                    if level != "lycee":
                        self._lists["sectors"].append(Sector(school.id, village.commune))
        if not pairs:
            return []
        return sorted(self._chance.choices(pairs, weights, k=pupils), key=lambda pair: (pair[0].commune, pair[1].id))

    def _draw_pupils(self, shares: list[tuple[Village, School]]) -> dict[str, dict[str, list[tuple[str, int]]]]:
        """Draw the pupils; by school and stop, who gets on there."""
        boarding: dict[str, dict[str, list[tuple[str, int]]]] = {
            school.id: defaultdict(list) for school in self._schools
        }
        chance = self._chance
        near: dict[str, list[Village]] = defaultdict(list)
        for village, school in shares:
            near[school.id].append(village)
        for nth, (village, school) in enumerate(shares, 1):
            place = chance.choice(self._stops[village.commune])
            home = self._scatter(place.point, 250)
            number = f"{self._year % 100}{nth:07}"
            boarding[school.id][place.id].append((number, 1))
            second: dict[str, Any] = {}
            if chance.random() < SHARED:
                elsewhere = chance.choice(near[school.id])
                there = chance.choice(self._stops[elsewhere.commune])
                boarding[school.id][there.id].append((number, 2))
                other = self._scatter(there.point, 250)
                second = {
                    "second_address": f"{chance.randint(1, 60)} {chance.choice(STREETS)}",
                    "second_city": elsewhere.name,
                    "second_commune": elsewhere.commune,
                    "second_lat": _round(other.lat),
                    "second_lon": _round(other.lon),
                    "second_weekdays": (4, 5),
                    "second_weeks": "all",
                }
            self._lists["pupils"].append(
                Pupil(
                    number,
                    school.id,
                    school.level,
                    grade={"college": "5e", "lycee": "2nde", "primary": "CM1"}[school.level],
                    boarding="boarder" if school.level == "lycee" and chance.random() < BOARDERS else "half_board",
                    needs=("wheelchair",) if chance.random() < WHEELCHAIRS else (),
                    last_name=chance.choice(LAST),
                    first_name=chance.choice(FIRST),
                    born=date(
                        self._year - {"college": 13, "lycee": 16, "primary": 9}[school.level], chance.randint(1, 12), 15
                    ),
                    address=f"{chance.randint(1, 60)} {chance.choice(STREETS)}",
                    city=village.name,
                    commune=village.commune,
                    lat=_round(home.lat),
                    lon=_round(home.lon),
                    weekdays=(1, 2, 3) if second else (1, 2, 3, 4, 5),
                    **second,
                )
            )
        return boarding

    def _draw_circuits(self, school: School, boarding: dict[str, list[tuple[str, int]]]) -> None:
        """Draw circuits along bearings: the farthest stop first, then what lies nearest on the way in."""
        assert school.lat is not None
        assert school.lon is not None
        gate = Point(school.lon, school.lat)
        known = {place.id: place for places in self._stops.values() for place in places}
        left = [_Place(id_, known[id_].point, pupils) for id_, pupils in sorted(boarding.items())]
        left.sort(key=lambda place: math.atan2(place.point.lat - gate.lat, place.point.lon - gate.lon))
        way: list[_Place] = []
        ways: list[list[_Place]] = []
        for place in (part for whole in left for part in _split(whole)):
            longer = sorted([*way, place], key=lambda one: -haversine(one.point, gate))
            if way and (
                len(longer) > CALLS or sum(len(one.pupils) for one in longer) > SEATS or _time(longer, gate) > LONGEST
            ):
                ways.append(way)
                longer = [place]
            way = longer
        for number, one in enumerate([*ways, way] if way else ways, 1):
            self._write_circuit(school, gate, number, one)

    def _write_circuit(self, school: School, gate: Point, number: int, way: list[_Place]) -> None:
        lists = self._lists
        self._vehicles += 1
        pupils = sum(len(place.pupils) for place in way)
        lot = 1 + self._vehicles % 4
        small = pupils <= MINIBUS
        vehicle = f"V{self._vehicles:03}"
        lists["vehicles"].append(
            Vehicle(
                vehicle,
                f"T{lot}",
                "minibus" if small else "coach",
                MINIBUS if small else SEATS,
                f"L{lot}",
                PLACES if small else 0,
                SEATS_OF_PLACE if small else 0,
                day_cents=9_000 if small else 19_000,
                km_cents=70 if small else 130,
                hour_cents=2_800,
                grams=280 if small else 850,
            )
        )
        circuit = f"{school.id}-{number:02}"
        last = next(stop.name.partition(",")[0] for stop in lists["stops"] if stop.id == way[0].id)
        lists["circuits"].append(Circuit(circuit, f"{last} - {school.name}", f"L{lot}", vehicle))
        for trip, letter in (("morning", "M"), ("noon", "MI"), ("evening", "S")):
            bell = next(one for one in lists["bells"] if one.school == school.id and one.trip == trip)
            run = f"{circuit}-{letter}"
            lists["runs"].append(Run(run, circuit, trip, bell.weekdays))
            lists["calls"] += _write_calls(run, school, gate, way, bell)
            lists["seats"] += [Seat(pupil, run, place.id, home) for place in way for pupil, home in place.pupils]

    def _scatter(self, point: Point, metres: float) -> Point:
        angle, far = self._chance.uniform(0, 2 * math.pi), metres * math.sqrt(self._chance.random())
        north = far * math.cos(angle) / 111_195
        east = far * math.sin(angle) / (111_195 * math.cos(math.radians(point.lat)))
        return Point(point.lon + east, point.lat + north)


def _split(place: _Place) -> list[_Place]:
    """Part a stop where more get on than a vehicle has seats."""
    return [_Place(place.id, place.point, place.pupils[at : at + SEATS]) for at in range(0, len(place.pupils), SEATS)]


def _write_calls(run: str, school: School, gate: Point, way: list[_Place], bell: Bell) -> list[Call]:
    """Time a run: in the morning at the school ten minutes before the bell, else from the bell on."""
    inward = bell.trip == "morning"
    order = way if inward else way[::-1]
    points = [*(place.point for place in order), gate] if inward else [gate, *(place.point for place in order)]
    halts = [HALT + EACH * len(place.pupils) for place in order]
    halts = [*halts, 0] if inward else [0, *halts]
    at, times = 0, [0]
    for (here, there), halt in zip(pairwise(points), halts, strict=False):
        at += halt + int(DETOUR * haversine(here, there) / SPEED)
        times.append(at)
    begin = bell.at - 600 - at if inward else bell.at + 300
    calls = []
    for position, (seconds, index) in enumerate(zip(times, range(len(points)), strict=True), 1):
        is_gate = index == (len(points) - 1 if inward else 0)
        stop = None if is_gate else order[index if inward else index - 1].id
        calls.append(Call(run, position, (begin + seconds) // 60 * 60, stop, school.id if is_gate else None))
    return calls


def _time(way: list[_Place], gate: Point) -> float:
    points = [*(place.point for place in way), gate]
    drive = sum(haversine(here, there) for here, there in pairwise(points)) * DETOUR / SPEED
    return drive + sum(HALT + EACH * len(place.pupils) for place in way)


def _apart(school: School, village: Village) -> float:
    assert school.lat is not None
    assert school.lon is not None
    return haversine(Point(school.lon, school.lat), village.point)


def _round(degrees: float) -> float:
    return round(degrees, 5)
