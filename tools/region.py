"""Make an OpenStreetMap extract of a region that looks like one: for measuring, at any size, without downloading.

    tools/make_region --seed 1 --communes 3734 --out region.osm.pbf

Over real outlines of communes it lays roads of every class between their centres, street grids as large as their
population, hamlets, tracks and footways, houses with addresses, land use, streams, railways, boundaries, barriers and
turn restrictions. The same seed and communes give the same file. Objects are written as they are made, one commune at
a time, so memory does not grow with the region; each commune is therefore made three times: for its nodes, its ways,
its relations.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import osmium
import shapely
from osmium.osm.mutable import Node, Relation, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Points = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[1]

DEGREE = 111_195.08
"""Metres."""

TOWN = 3_000
"""Inhabitants from which streets are oneway in turn."""

HOUSEHOLD = 2.3
"""Persons per house."""

NAMES = [
    "de l'Église", "de la Mairie", "du Lavoir", "du Moulin", "des Écoles", "de la Gare", "du Château", "Haute",
    "Basse", "de la Fontaine", "du Four", "des Vignes", "des Champs", "du Puits", "de la Forge", "des Tilleuls",
    "du Stade", "de Bourgogne", "de Dijon", "de Paris", "du 8 Mai 1945", "du 11 Novembre", "Victor Hugo", "Pasteur",
    "Jean Jaurès", "Jules Ferry", "de Verdun", "de la République", "de la Liberté", "des Jardins", "de la Croix",
    "du Bois", "des Prés", "de la Montagne", "de la Rivière", "du Pont", "Neuve", "Saint-Martin", "Notre-Dame",
    "des Roses", "de la Poste",
]  # fmt: skip
POIS = [
    (0, {"amenity": "townhall", "name": "Mairie"}), (0, {"amenity": "place_of_worship", "name": "Église Saint-Martin"}),
    (300, {"amenity": "school", "name": "École"}), (600, {"shop": "bakery", "name": "Boulangerie"}),
    (1200, {"amenity": "pharmacy", "name": "Pharmacie du Centre"}),
    (2500, {"shop": "supermarket", "name": "Supermarché"}),
    (4000, {"amenity": "school", "name": "Collège"}), (5000, {"railway": "station", "name": "Gare"}),
    (9000, {"amenity": "hospital", "name": "Centre hospitalier"}), (20000, {"tourism": "museum", "name": "Musée"}),
]  # fmt: skip
"""From how many inhabitants, and what."""


class Tier(NamedTuple):
    """A class of road, and which communes it joins."""

    cls: str
    kmh: int
    share: float
    """Of all communes, the most populous first."""
    least: int
    km: float
    """The longest such road."""


TIERS = [
    Tier("motorway", 130, 0.004, 3, 120),
    Tier("trunk", 110, 0.01, 4, 90),
    Tier("primary", 80, 0.04, 6, 60),
    Tier("secondary", 80, 0.15, 10, 35),
    Tier("tertiary", 80, 0.5, 12, 20),
    Tier("unclassified", 80, 1.0, 12, 15),
]


class Commune(NamedTuple):
    """What is read about a commune."""

    insee: str
    name: str
    population: int
    centre: tuple[float, float]
    outline: Points
    """Degrees, closed."""


class Part:
    """Nodes, ways and relations of one commune, or of one road; ids count from its own first ones."""

    def __init__(self) -> None:
        self.points: list[Points] = []
        self.size = 0
        self.node_tags: dict[int, dict[str, str]] = {}
        self.ways: list[tuple[list[int] | range, dict[str, str]]] = []
        self.relations: list[tuple[list[tuple[str, int, str]], dict[str, str]]] = []

    def add(self, points: Points) -> range:
        """Add nodes; their indices."""
        self.points.append(points)
        first, self.size = self.size, self.size + len(points)
        return range(first, self.size)

    def way(self, refs: list[int] | range, **tags: str) -> int:
        """Add a way; its index. In keys, ``__`` stands for a colon."""
        self.ways.append((refs, {key.replace("__", ":"): value for key, value in tags.items()}))
        return len(self.ways) - 1


def read_communes(file: Path, wanted: int) -> list[Commune]:
    """Read the communes nearest to the most populous one, itself first."""
    communes = []
    for feature in json.loads(gzip.decompress(file.read_bytes()))["features"]:
        shape = feature["geometry"]
        rings = [shape["coordinates"][0]] if shape["type"] == "Polygon" else [part[0] for part in shape["coordinates"]]
        outline = np.array(max(rings, key=len))
        inside = shapely.Polygon(outline).representative_point()
        about = feature["properties"]
        people = about.get("population") or 80
        communes.append(Commune(about["insee"], about["name"], people, (inside.x, inside.y), outline))
    first = max(communes, key=lambda one: one.population)
    communes.sort(
        key=lambda one: (np.hypot(one.centre[0] - first.centre[0], 1.5 * (one.centre[1] - first.centre[1])), one.insee)
    )
    return communes[:wanted]


def metric(centre: tuple[float, float]) -> Points:
    """Degrees per metre, east and north, at a place."""
    return np.array([1 / DEGREE / np.cos(np.radians(centre[1])), 1 / DEGREE])


def curve(a: Points, b: Points, rng: np.random.Generator, step: float, bend: float) -> Points:
    """A winding line between two points, ends left out; float64[n, 2], degrees."""
    scale = metric((a[0], a[1]))
    along = (b - a) / scale
    length = float(np.hypot(*along))
    n = max(1, int(length / step))
    t = np.linspace(0, 1, n + 2)[1:-1, None]
    across = np.array([-along[1], along[0]]) / max(length, 1.0)
    swing = sum(np.sin(np.pi * k * t) * rng.normal(0, bend * length / k**1.5) for k in range(1, 6))
    return a + (t * along + swing * across) * scale


def blob(centre: Points, radius: float, n: int, rng: np.random.Generator) -> Points:
    """A round-ish outline, not closed; float64[n, 2], degrees."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    wave = 1 + sum(np.sin(k * angle + rng.uniform(0, 7)) * rng.uniform(0, 0.25) / k for k in range(2, 6))
    return centre + np.stack([np.cos(angle), np.sin(angle)], axis=1) * (radius * wave)[:, None] * metric(
        (centre[0], centre[1])
    )


def make_commune(commune: Commune, rng: np.random.Generator) -> Part:
    """Make a commune; its node 0 is the centre, where roads from elsewhere arrive."""
    part = Part()
    part.add(np.array([commune.centre]))
    kinds = [(50_000, "city"), (5_000, "town"), (200, "village"), (0, "hamlet")]
    kind = next(kind for people, kind in kinds if commune.population >= people)
    place = part.add(np.array([commune.centre]) + 30 * metric(commune.centre))[0]
    part.node_tags[place] = {
        "place": kind, "name": commune.name, "population": str(commune.population), "ref:INSEE": commune.insee,
        "postal_code": commune.insee[:2] + "000",
    }  # fmt: skip
    radius = make_grid(part, commune, rng)
    make_countryside(part, commune, radius, rng)
    ring = part.add(commune.outline[:-1])
    outline = part.way([*ring, ring[0]], boundary="administrative", admin_level="8")
    about = {"type": "boundary", "boundary": "administrative", "admin_level": "8", "name": commune.name}
    part.relations.append(([("w", outline, "outer")], about | {"ref:INSEE": commune.insee}))
    return part


def make_grid(part: Part, commune: Commune, rng: np.random.Generator) -> float:
    """Lay streets, houses and what a centre has; returns the radius of the built-up ground, metres."""
    houses = max(8, int(commune.population / HOUSEHOLD))
    n = max(3, round((houses / 8) ** 0.5)) | 1
    block = 95.0
    turn = rng.uniform(0, np.pi / 2)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = n // 2
    cells = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), axis=-1).reshape(-1, 2) - middle
    shift = rng.normal(0, 9, cells.shape)
    shift[middle * n + middle] = 0
    grid = (commune.centre + (cells * block + shift) @ spin.T * metric(commune.centre)).reshape(n, n, 2)
    ids = np.array(part.add(grid.reshape(-1, 2))).reshape(n, n)
    ids[middle, middle] = 0
    per_street = max(1, houses // (2 * n))
    for across in (False, True):
        for line in range(n):
            main = line == middle
            tags = street_tags(line, rng, main=main, across=across, town=commune.population > TOWN)
            make_street(part, (ids[:, line] if across else ids[line]).tolist(), tags, commune, rng, main=main)
            make_houses(part, grid[:, line] if across else grid[line], per_street, tags["name"], commune, rng)
    make_centre(part, commune, ids, grid, rng)
    half = n * block / 2 + 60
    ring = part.add(blob(np.array(commune.centre), half * 1.15, 40, rng))
    part.way([*ring, ring[0]], landuse="residential")
    return float(half * 1.2)


def street_tags(line: int, rng: np.random.Generator, *, main: bool, across: bool, town: bool) -> dict[str, str]:
    """Say what a street of the grid is."""
    if main:
        tags = {"highway": "tertiary", "name": "Grande Rue" if across else "Rue Principale"}
    else:
        tags = {"highway": "living_street" if rng.random() < 0.15 else "residential", "name": f"Rue {pick_name(rng)}"}
        if town and line % 3 == 0:
            tags |= {"oneway": "yes"} | ({"oneway:bicycle": "no"} if rng.random() < 0.5 else {})
    if rng.random() < 0.4:
        tags |= {"maxspeed": "30" if town else "50", "surface": "asphalt", "lit": "yes"}
    return tags


def make_centre(
    part: Part, commune: Commune, ids: NDArray[np.int64], grid: NDArray[np.float64], rng: np.random.Generator
) -> None:
    """Add footways across the blocks, some behind a bollard, some of steps; and what people look for."""
    n = len(ids)
    for _ in range(n * n // 6 + 1):
        i, j = rng.integers(0, n - 1, 2)
        mid = part.add((grid[i, j] + grid[i + 1, j + 1])[None] / 2)[0]
        if rng.random() < 0.2:
            part.node_tags[mid] = {"barrier": "bollard"}
        kind = "steps" if rng.random() < 0.1 else "footway"
        part.way([int(ids[i, j]), mid, int(ids[i + 1, j + 1])], highway=kind, surface="paved")
    for people, tags in POIS:
        if commune.population >= people:
            where = part.add(np.array([commune.centre]) + rng.uniform(-150, 150, (1, 2)) * metric(commune.centre))[0]
            part.node_tags[where] = dict(tags)


def pick_name(rng: np.random.Generator) -> str:
    """Return what a street is named after."""
    return NAMES[int(rng.integers(len(NAMES)))]


def make_street(
    part: Part, crossings: list[int], tags: dict[str, str], commune: Commune, rng: np.random.Generator, *, main: bool
) -> None:
    """Add a street along its crossings; the two main ones are cut at the centre, where a turn is forbidden."""
    if not main:
        part.way(crossings, **{key.replace(":", "__"): value for key, value in tags.items()})
        return
    middle = len(crossings) // 2
    first = part.way(crossings[: middle + 1], **tags)
    part.way(crossings[middle:], **tags)
    if first >= 2 and commune.population > 400:
        other = next(i for i, (refs, _) in enumerate(part.ways) if refs[-1] == 0)
        kind = ("no_left_turn", "no_right_turn", "only_straight_on")[int(rng.integers(3))]
        end = first + 1 if kind == "only_straight_on" else other
        tags_ = {"type": "restriction", "restriction": kind} | ({"except": "bicycle"} if rng.random() < 0.3 else {})
        part.relations.append(([("w", first, "from"), ("n", 0, "via"), ("w", end, "to")], tags_))


def make_houses(part: Part, line: Points, number: int, street: str, commune: Commune, rng: np.random.Generator) -> None:
    """Add houses on both sides of a street: a building, and the address before its door."""
    if len(line) < 2:
        return
    scale = metric(commune.centre)
    at = np.sort(rng.uniform(0, len(line) - 1, number))
    base = np.stack([np.interp(at, np.arange(len(line)), line[:, axis]) for axis in range(2)], axis=1)
    along = (line[-1] - line[0]) / scale
    along /= max(1.0, np.hypot(*along))
    across = np.array([-along[1], along[0]])
    side = np.where(np.arange(number) % 2 == 0, 1.0, -1.0)[:, None]
    doors = part.add(base + side * across * 7 * scale)
    for i, door in enumerate(doors):
        part.node_tags[door] = {
            "addr:housenumber": str(i + 1),
            "addr:street": street,
            "addr:postcode": commune.insee[:2] + "000",
        }
    size = rng.uniform(7, 14, (number, 1))
    corners = [
        base + (side * across * (9 + d) + along * w) * scale
        for d, w in ((0, -size), (0, size), (size, size), (size, -size))
    ]
    walls = part.add(np.stack(corners, axis=1).reshape(-1, 2))[0] if number else 0
    for i in range(number):
        first = walls + 4 * i
        part.way([first, first + 1, first + 2, first + 3, first], building="house" if i % 3 else "yes")


def make_countryside(part: Part, commune: Commune, radius: float, rng: np.random.Generator) -> None:
    """Fill a commune with hamlets, tracks, paths, fields, woods and a stream."""
    centre, scale = np.array(commune.centre), metric(commune.centre)
    span = (commune.outline.max(axis=0) - commune.outline.min(axis=0)) / scale
    reach = float(max(radius * 1.3, span.min() / 2.2))
    for _ in range(int(rng.integers(4, 9))):
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(radius, reach)
        heart = centre + np.array([np.cos(angle), np.sin(angle)]) * away * scale
        spot = part.add(heart[None])[0]
        part.node_tags[spot] = {"place": "hamlet", "name": f"Les {pick_name(rng).split()[-1]}"}
        lane = part.add(np.concatenate([curve(centre, heart, rng, 28, 0.05), heart[None] + 5 * scale]))
        part.way([0, *lane], highway="unclassified", name=f"Route {pick_name(rng)}")
        yard = part.add(curve(heart, heart + rng.uniform(-200, 200, 2) * scale, rng, 30, 0.1))
        part.way([lane[-1], *yard], highway="service" if rng.random() < 0.5 else "residential")
        for _ in range(int(rng.integers(3, 7))):  # tracks into the fields
            goal = heart + rng.normal(0, 900, 2) * scale
            track = part.add(np.concatenate([curve(heart, goal, rng, 22, 0.12), goal[None]]))
            if rng.random() < 0.2:
                part.node_tags[track[0]] = {"barrier": "gate"}
            part.way([lane[-1], *track], highway="track", tracktype=f"grade{int(rng.integers(1, 6))}")
            if rng.random() < 0.5:
                path = part.add(curve(goal, goal + rng.normal(0, 500, 2) * scale, rng, 15, 0.15))
                part.way([track[-1], *path], highway="path")
    kinds = [
        ("landuse", "forest"),
        ("landuse", "farmland"),
        ("landuse", "meadow"),
        ("landuse", "vineyard"),
        ("natural", "water"),
    ]
    area = float(np.prod(span)) / 1e6
    for _ in range(int(20 + 5 * min(area, 40))):
        key, value = kinds[int(rng.choice(5, p=[0.3, 0.35, 0.25, 0.07, 0.03]))]
        heart = centre + rng.uniform(-0.5, 0.5, 2) * span * scale
        ring = part.add(blob(heart, float(rng.lognormal(5.2, 0.6)), int(rng.integers(25, 90)), rng))
        part.way([*ring, ring[0]], **{key: value})
    west = centre - span / 2 * scale * [1, rng.normal(0, 0.3)]
    east = centre + span / 2 * scale * [1, 0]
    stream = part.add(curve(west, east, rng, 18, 0.08))
    part.way(
        stream,
        waterway="stream" if rng.random() < 0.8 else "river",
        name=f"Ruisseau {pick_name(rng)}",
    )


def make_road(a: Commune, b: Commune, tier: Tier, rng: np.random.Generator) -> Part:
    """Make the road between two communes; indices -1 and -2 stand for their centres."""
    part = Part()
    start, end = np.array(a.centre), np.array(b.centre)
    if tier.cls == "motorway":  # two carriageways, joined to the centres' streets by links; and a railway
        side = np.array([-(end - start)[1], (end - start)[0]]) * 0.02
        for refs, offset in (((-1, -2), side), ((-2, -1), side * 1.05)):
            lane = list(part.add(curve(start + offset, end + offset, rng, 60, 0.0)))
            ordered = lane if refs == (-1, -2) else lane[::-1]
            part.way(ordered, highway="motorway", ref="A 38", oneway="yes", maxspeed="130")
            part.way([refs[0], ordered[0]], highway="motorway_link", oneway="yes")
            part.way([ordered[-1], refs[1]], highway="motorway_link", oneway="yes")
        part.way(part.add(curve(start, end, rng, 60, 0.04)), railway="rail", usage="main")
        return part
    line = part.add(curve(start, end, rng, 32, 0.03))
    limit = str(tier.kmh) if rng.random() < 0.5 else "FR:rural"
    number = f"{'N' if tier.cls == 'trunk' else 'D'} {int(rng.integers(1, 999))}"
    part.way([-1, *line, -2], highway=tier.cls, ref=number, maxspeed=limit, surface="asphalt")
    return part


def plan_roads(communes: list[Commune]) -> list[tuple[int, int, Tier]]:
    """Say which communes are joined by which class of road.

    Neighbours among the more populous ones get the better roads; where one may walk along such a road, no lesser one
    is laid beside it.
    """
    ranked = sorted(range(len(communes)), key=lambda i: (-communes[i].population, i))
    joined: set[tuple[int, int]] = set()
    roads = []
    for tier in TIERS:
        chosen = ranked[: max(tier.least, int(tier.share * len(communes)))]
        pairs = [pair for pair in neighbours(communes, sorted(chosen), tier.km) if pair not in joined]
        roads += [(*pair, tier) for pair in pairs]
        if tier.cls not in {"motorway", "trunk"}:
            joined.update(pairs)
    return roads


def neighbours(communes: list[Commune], chosen: list[int], km: float) -> list[tuple[int, int]]:
    """Return the neighbours in Delaunay's triangulation of the chosen communes that are not too far apart."""
    centres = np.array([communes[i].centre for i in chosen])
    if len(centres) < 3:
        return [(chosen[i], chosen[i + 1]) for i in range(len(centres) - 1)]
    index = {point: i for i, point in zip(chosen, map(tuple, centres.tolist()), strict=True)}
    lines = shapely.get_parts(shapely.delaunay_triangles(shapely.MultiPoint(centres), only_edges=True))
    pairs = sorted({tuple(sorted(index[point] for point in line.coords)) for line in lines})
    away = {(a, b): np.subtract(communes[a].centre, communes[b].centre) * [0.68, 1.0] for a, b in pairs}
    return [pair for pair, gap in away.items() if np.hypot(*gap) * DEGREE < km * 1000]


def parts(communes: list[Commune], roads: list[tuple[int, int, Tier]], seed: int) -> Iterator[tuple[int, int, Part]]:
    """Make every part; for a road the communes it joins, for a commune itself twice."""
    for i, commune in enumerate(communes):
        yield i, i, make_commune(commune, np.random.default_rng([seed, 0, i]))
    for i, j, tier in roads:
        yield i, j, make_road(communes[i], communes[j], tier, np.random.default_rng([seed, 1, i, j, tier.kmh]))


def write_region(communes: list[Commune], seed: int, out: Path) -> dict[str, int]:
    """Write the extract; counts of what is in it."""
    roads = plan_roads(communes)
    counts = {
        "communes": len(communes),
        "nodes": 0,
        "ways": 0,
        "highways": 0,
        "relations": 0,
        "restrictions": 0,
        "addresses": 0,
    }
    centre: list[int] = []
    first_node = first_way = 1
    with osmium.SimpleWriter(str(out), overwrite=True) as writer:
        for _, _, part in parts(communes, roads, seed):
            if len(centre) < len(communes):
                centre.append(first_node)
            where = np.round(np.concatenate(part.points), 7).tolist()
            for i, (lon, lat) in enumerate(where):
                tags = part.node_tags.get(i)
                writer.add_node(Node(id=first_node + i, location=(lon, lat), tags=tags, version=1))
                counts["addresses"] += tags is not None and "addr:housenumber" in tags
            first_node += part.size
        counts["nodes"] = first_node - 1
        first_node = 1
        for a, b, part in parts(communes, roads, seed):
            ends = {-1: centre[a], -2: centre[b]}
            for refs, tags in part.ways:
                nodes = [first_node + ref if ref >= 0 else ends[ref] for ref in refs]
                writer.add_way(Way(id=first_way, nodes=nodes, tags=tags, version=1))
                first_way += 1
                counts["highways"] += "highway" in tags
            first_node += part.size
        counts["ways"] = first_way - 1
        first_node = first_way = first_relation = 1
        for _, _, part in parts(communes, [], seed):
            for members, tags in part.relations:
                real = [
                    (kind, (first_node if kind == "n" else first_way) + index, role) for kind, index, role in members
                ]
                writer.add_relation(Relation(id=first_relation, members=real, tags=tags, version=1))
                first_relation += 1
                counts["restrictions"] += tags["type"] == "restriction"
            first_node += part.size
            first_way += len(part.ways)
        counts["relations"] = first_relation - 1
    return counts


def main() -> None:
    """Read the command line and write the file."""
    data = Path(os.environ.get("MOBIGO_TEST_DATA") or ROOT.parent / "shared/data")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument(
        "--communes", type=int, required=True, help="how many, nearest to the largest one; 3734 are all"
    )
    parser.add_argument("--out", type=Path, required=True, help="the .osm.pbf to write")
    parser.add_argument(
        "--communes-file", type=Path, default=data / "bfc/communes.geojson.gz", help="GeoJSON of outlines"
    )
    asked = parser.parse_args()
    if asked.communes < 1:
        parser.error("--communes must be at least 1")
    if not asked.communes_file.exists():
        parser.error(f"there is no file {asked.communes_file}; give one with --communes-file")
    start = time.monotonic()
    counts = write_region(read_communes(asked.communes_file, asked.communes), asked.seed, asked.out)
    took, size = time.monotonic() - start, asked.out.stat().st_size
    print(json.dumps({**counts, "bytes": size, "seconds": round(took, 1)}))
