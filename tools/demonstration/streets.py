"""Draw the demonstration's streets from the facts: nets in towns, bending roads between them, what lies beside."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import networkx as nx
import shapely
from shapely import STRtree
from shapely.geometry import LineString, MultiPoint
from tools.demonstration import facts

HOUSE_ASIDE = 12.0
"""Metres from the middle of the street to a house."""

MERGED = 4.0
"""Metres within which a stop takes a node that the street has already."""

FIRST_ID = 20_000_000_000
"""Above every id that OpenStreetMap has given, so that the demonstration is never taken for it."""

METRES_PER_DEGREE = 111_195.0
STEP = 320.0
"""Metres between the points of a road."""

DRIVEN = ("primary", "secondary", "tertiary", "unclassified", "residential", "living_street")
WALKED = (*DRIVEN, "pedestrian", "footway", "path", "track", "cycleway", "steps")
SPEED = {"primary": 62, "secondary": 57, "tertiary": 50, "unclassified": 42, "residential": 25, "living_street": 15}
"""Kilometres per hour that a coach makes on average."""

Position = tuple[float, float]
"""Longitude, latitude."""


def metres(a: Position, b: Position) -> float:
    """Distance on the ground, exact enough within the region."""
    east = (b[0] - a[0]) * math.cos(math.radians((a[1] + b[1]) / 2))
    return math.hypot(east, b[1] - a[1]) * METRES_PER_DEGREE


def moved(origin: Position, east: float, north: float) -> Position:
    """Return the position so many metres east and north of another."""
    lon = origin[0] + east / (METRES_PER_DEGREE * math.cos(math.radians(origin[1])))
    return lon, origin[1] + north / METRES_PER_DEGREE


def bearing(a: Position, b: Position) -> float:
    """Degrees clockwise from north."""
    east = (b[0] - a[0]) * math.cos(math.radians(a[1]))
    return math.degrees(math.atan2(east, b[1] - a[1])) % 360


class Snap(NamedTuple):
    """A place beside a street."""

    position: Position
    node: int
    """The street's nearest point."""


@dataclass
class Way:
    """A line or area of the map."""

    nodes: list[int]
    tags: dict[str, str]


@dataclass
class Map:
    """The map while it is drawn."""

    nodes: list[Position] = field(default_factory=list)
    node_tags: dict[int, dict[str, str]] = field(default_factory=dict)
    ways: list[Way] = field(default_factory=list)
    relations: list[tuple[list[tuple[str, int, str]], dict[str, str]]] = field(default_factory=list)
    centres: dict[str, int] = field(default_factory=dict)
    exits: dict[str, list[int]] = field(default_factory=dict)
    """Nodes at which roads enter a town."""
    nets: dict[str, list[int]] = field(default_factory=dict)
    """Nodes of a town's own streets."""
    houses: list[tuple[str, Way]] = field(default_factory=list)
    """Town and street whose houses get numbers."""

    def add(self, position: Position, **tags: str) -> int:
        """Add a node."""
        self.nodes.append((round(position[0], 5), round(position[1], 5)))
        if tags:
            self.node_tags[len(self.nodes) - 1] = tags
        return len(self.nodes) - 1

    def way(self, nodes: list[int], **tags: str) -> Way:
        """Add a way; empty tags are left out."""
        way = Way(nodes, {name: value for name, value in tags.items() if value})
        self.ways.append(way)
        return way

    def line(self, positions: list[Position], **tags: str) -> Way:
        """Add a way of new nodes."""
        return self.way([self.add(position) for position in positions], **tags)

    def area(self, positions: list[Position], **tags: str) -> Way:
        """Add a closed way."""
        nodes = [self.add(position) for position in positions]
        return self.way([*nodes, nodes[0]], **tags)

    def length(self, nodes: list[int]) -> float:
        """Metres along nodes."""
        return sum(metres(self.nodes[a], self.nodes[b]) for a, b in pairwise(nodes))

    def streets(self, kinds: tuple[str, ...]) -> list[Way]:
        """Return the ways of some kinds of street."""
        return [way for way in self.ways if way.tags.get("highway") in kinds]


def draw() -> Map:
    """Draw everything."""
    drawn = Map()
    for town in facts.TOWNS:
        _draw_town(drawn, town)
    for village in (*facts.VILLAGES, *facts.QUARTERS):
        drawn.centres[village.name] = drawn.add((village.lon, village.lat))
    _draw_roads(drawn)
    _join_crossings(drawn)
    for village in (*facts.VILLAGES, *facts.QUARTERS):
        _draw_lanes(drawn, village)
    for motorway in facts.MOTORWAYS:
        _draw_motorway(drawn, *motorway)
    _draw_restrictions(drawn)
    _draw_surroundings(drawn)
    _draw_places(drawn)
    return drawn


def _draw_town(drawn: Map, town: facts.Town) -> None:
    random = Random(town.name)
    columns, rows = len(town.along), len(town.across)
    middle, main = columns // 2, rows // 2
    turn = math.radians(town.turn)
    net: list[list[int]] = []
    for i in range(columns):
        net.append([])
        for j in range(rows):
            east = (i - middle + (random.uniform(-0.16, 0.16) if (i, j) != (middle, main) else 0)) * town.spacing
            north = (j - main + (random.uniform(-0.16, 0.16) if (i, j) != (middle, main) else 0)) * town.spacing
            position = moved(
                (town.lon, town.lat),
                east * math.cos(turn) - north * math.sin(turn),
                east * math.sin(turn) + north * math.cos(turn),
            )
            net[i].append(drawn.add(position))
    drawn.nets[town.name] = [node for column in net for node in column]
    drawn.centres[town.name] = net[middle][main]
    drawn.exits[town.name] = [net[0][main], net[-1][main], net[middle][0], net[middle][-1]]
    if town.name == "Dijon":
        drawn.exits[town.name] = [*net[0], *net[-1], *(column[k] for column in net for k in (0, -1))]
    lines = [(name, [net[i][j] for i in range(columns)], j == main) for j, name in enumerate(town.across)]
    lines += [(name, net[i], i == middle) for i, name in enumerate(town.along)]
    for name, nodes, is_main in lines:
        tags = {"name": name, "highway": "secondary" if is_main else "residential", "maxspeed": "50"}
        if not is_main and name in facts.PEDESTRIAN:
            tags = {"name": name, "highway": "pedestrian"}
        elif not is_main and name in facts.ONE_WAY:
            tags |= {"oneway": "yes", "oneway:bicycle": "no", "maxspeed": "30"}
        elif not is_main:
            tags["maxspeed"] = "30"
        street = drawn.way(list(nodes), **tags)
        if town.name in facts.ADDRESSED:
            drawn.houses.append((town.name, street))
    # a way on foot across two blocks, and steps up a third
    for (i, j), kind in (((middle, main - 1), "footway"), ((middle - 1, main), "footway"), ((middle - 2, 0), "steps")):
        drawn.way([net[i][j], net[i + 1][j + 1]], highway=kind, name="Passage" if kind == "footway" else "")


def _draw_roads(drawn: Map) -> None:
    for road in facts.ROADS:
        for (start, end), km in zip(pairwise(road.places), road.km, strict=True):
            _draw_stretch(drawn, road, start, end, km)


def _draw_stretch(drawn: Map, road: facts.Road, start: str, end: str, km: float | None) -> None:
    a, b = _exit(drawn, start, end), _exit(drawn, end, start)
    inside = _inside(drawn, start, a) + _inside(drawn, end, b)
    straight = metres(drawn.nodes[a], drawn.nodes[b])
    wanted = straight * 1.04 if km is None else km * 1000 - inside
    if wanted < straight:
        raise ValueError(f"{road.ref} {start} - {end}: {km} km is less than {(straight + inside) / 1000:.2f} km")
    inner = _bent(drawn.nodes[a], drawn.nodes[b], wanted, Random(f"{road.ref} {start} {end}"))
    tags = {"highway": road.highway, "ref": road.ref}
    if road.highway in DRIVEN:
        tags["maxspeed"] = "80" if road.ref else "50"
    if not road.ref and road.highway == "secondary":
        tags["name"] = f"Avenue de {end}" if end in drawn.exits or end == "Talant" else "Avenue du Tramway"
    if road.highway == "cycleway":
        tags |= {"name": "Vélo-route du canal", "foot": "yes"}
    if road.highway == "path":
        tags["name"] = "Sentier d'Alésia"
    drawn.way([a, *(drawn.add(position) for position in inner), b], **tags)


def _exit(drawn: Map, place: str, towards: str) -> int:
    target = drawn.nodes[drawn.centres[towards]]
    exits = drawn.exits.get(place, [drawn.centres[place]])
    return min(exits, key=lambda node: (metres(drawn.nodes[node], target), node))


def _inside(drawn: Map, place: str, node: int) -> float:
    """Metres from a town's centre to one of its exits along the main street."""
    if place not in drawn.exits:
        return 0.0
    centre = drawn.centres[place]
    for way in drawn.ways:
        if centre in way.nodes and node in way.nodes:
            a, b = sorted((way.nodes.index(centre), way.nodes.index(node)))
            return drawn.length(way.nodes[a : b + 1])
    return metres(drawn.nodes[centre], drawn.nodes[node]) * 1.25


def _bent(a: Position, b: Position, wanted: float, random: Random) -> list[Position]:
    """Return the inner points of a bending line from `a` to `b` that is `wanted` metres long."""
    straight = metres(a, b)
    count = max(2, round(wanted / STEP))
    bends = max(1, round(straight / 2200))
    phases = [random.uniform(0.6, 1.0) * (-1) ** random.randrange(2) for _ in range(3)]
    ahead = math.radians(bearing(a, b))

    def points(amplitude: float) -> list[Position]:
        line = []
        for k in range(1, count):
            t = k / count
            side = amplitude * (
                phases[0] * math.sin(math.pi * bends * t)
                + 0.45 * phases[1] * math.sin(math.pi * (2 * bends + 1) * t)
                + 0.6 * phases[2] * math.sin(math.pi * t)
            )
            line.append(
                moved(
                    a,
                    straight * t * math.sin(ahead) + side * math.cos(ahead),
                    straight * t * math.cos(ahead) - side * math.sin(ahead),
                )
            )
        return line

    low, high = 0.0, straight
    for _ in range(40):
        amplitude = (low + high) / 2
        length = sum(metres(p, q) for p, q in pairwise([a, *points(amplitude), b]))
        low, high = (amplitude, high) if length < wanted else (low, amplitude)
    return points(low)


def _join_crossings(drawn: Map) -> None:
    """Make a crossing where two roads cross: they lie on the same ground. A stretch is cut once per round."""
    while True:
        segments, owners = [], []
        for way in drawn.streets(WALKED):
            for at, (a, b) in enumerate(pairwise(way.nodes)):
                segments.append(LineString([drawn.nodes[a], drawn.nodes[b]]))
                owners.append((way, at))
        crossing = STRtree(segments).query(segments, predicate="crosses").T.tolist()
        cuts: dict[int, int] = {}
        for left, right in sorted((left, right) for left, right in crossing if left < right):
            if left not in cuts and right not in cuts:
                point = segments[left].intersection(segments[right])
                cuts[left] = cuts[right] = drawn.add((point.x, point.y))
        if not cuts:
            return
        for segment in sorted(cuts, reverse=True):
            way, at = owners[segment]
            way.nodes.insert(at + 1, cuts[segment])


LANES = ("Rue de l'Église", "Rue du Lavoir", "Ruelle du Puits", "Rue de l'École")


def _draw_lanes(drawn: Map, village: facts.Village) -> None:
    """Draw lanes into the widest gaps between the roads of a village."""
    random = Random(village.name)
    centre = drawn.centres[village.name]
    origin = drawn.nodes[centre]
    if village.name.startswith("Échangeur"):
        return
    roads = []
    for way in drawn.streets(WALKED):
        for a, b in pairwise(way.nodes):
            if centre in (a, b):
                roads.append(bearing(origin, drawn.nodes[b if a == centre else a]))
    roads.sort()
    gaps = sorted(((b - a) % 360 or 360, a) for a, b in zip(roads, [*roads[1:], roads[0]], strict=True))[::-1]
    for name, (gap, start) in zip(LANES[: 3 if village.population > 300 else 2], gaps, strict=False):
        direction = start + gap / 2 + random.uniform(-12, 12)
        lane = [centre]
        for reach in (70, 140, 210):
            angle = math.radians(direction + random.uniform(-10, 10))
            lane.append(drawn.add(moved(origin, reach * math.sin(angle), reach * math.cos(angle))))
        label = name if village.population else f"Impasse {village.name}"
        drawn.way(lane, highway="residential", name=label, maxspeed="30")
        if village.population and name == LANES[1]:
            angle = math.radians(direction)
            end = [
                drawn.add(moved(origin, r * math.sin(angle + r / 4000), r * math.cos(angle))) for r in (360, 520, 690)
            ]
            drawn.way([lane[-1], *end], highway="track")


def _draw_motorway(
    drawn: Map, ref: str, name: str, speed: int, course: tuple[Position, ...], exits: tuple[str, ...]
) -> None:
    """Draw two carriageways, and at each exit the ramps between them and the road below."""
    middle = [(lon, lat) for lat, lon in course]
    dense: list[Position] = []
    for a, b in pairwise(middle):
        steps = max(1, round(metres(a, b) / 1200))
        dense += [(a[0] + (b[0] - a[0]) * k / steps, a[1] + (b[1] - a[1]) * k / steps) for k in range(steps)]
    dense.append(middle[-1])
    tags = {"highway": "motorway", "ref": ref, "name": name, "oneway": "yes", "maxspeed": str(speed), "lanes": "2"}
    for positions in (dense, dense[::-1]):
        nodes = []
        for k, position in enumerate(positions):
            a, b = positions[max(0, k - 1)], positions[min(len(positions) - 1, k + 1)]
            right = math.radians(bearing(a, b) + 90)
            nodes.append(drawn.add(moved(position, 12 * math.sin(right), 12 * math.cos(right))))
        drawn.way(nodes, **tags)
        for place in exits:
            ground = drawn.centres[place]
            nearest = min(range(len(nodes)), key=lambda k, at=ground: metres(drawn.nodes[nodes[k]], drawn.nodes[at]))
            if nearest > 0:
                drawn.way([nodes[nearest - 1], ground], highway="motorway_link", oneway="yes", maxspeed="70")
            if nearest < len(nodes) - 1:
                drawn.way([ground, nodes[nearest + 1]], highway="motorway_link", oneway="yes", maxspeed="70")


def _draw_restrictions(drawn: Map) -> None:
    for place, restriction in facts.FOUR_WAYS:
        via = drawn.centres[place]
        arms = []
        for way in [way for way in drawn.ways if via in way.nodes and way.tags.get("highway") == "secondary"]:
            at = way.nodes.index(via)
            if 0 < at < len(way.nodes) - 1:
                rest = drawn.way(way.nodes[at:], **way.tags)
                way.nodes = way.nodes[: at + 1]
                drawn.houses += [(town, rest) for town, street in drawn.houses if street is way]
            arms += [
                other for other in drawn.ways if other.tags == way.tags and via in (other.nodes[0], other.nodes[-1])
            ]
        index = {id(way): k for k, way in enumerate(drawn.ways)}
        arms = sorted({index[id(way)] for way in arms})
        first = drawn.ways[arms[0]]
        before = first.nodes[-2] if first.nodes[-1] == via else first.nodes[1]
        heading = bearing(drawn.nodes[before], drawn.nodes[via])
        to = min(arms[1:], key=lambda k: abs(_turn(drawn, heading, via, drawn.ways[k]) - WANTED_TURN[restriction]))
        if restriction == "no_u_turn":
            to = arms[0]
        drawn.relations.append(
            (
                [("way", arms[0], "from"), ("node", via, "via"), ("way", to, "to")],
                {"type": "restriction", "restriction": restriction},
            )
        )


WANTED_TURN = {"no_left_turn": -90.0, "no_right_turn": 90.0, "no_u_turn": 180.0}


def _turn(drawn: Map, heading: float, via: int, way: Way) -> float:
    after = way.nodes[1] if way.nodes[0] == via else way.nodes[-2]
    return (bearing(drawn.nodes[via], drawn.nodes[after]) - heading + 180) % 360 - 180


def _draw_surroundings(drawn: Map) -> None:
    rail = [(lon, lat) for lat, lon in facts.RAILWAY]
    drawn.line(rail, railway="rail", name="Ligne de Paris-Lyon à Marseille", usage="main", electrified="contact_line")
    for kind, name, course in facts.RIVERS:
        drawn.line(_rounded([(lon, lat) for lat, lon in course]), waterway=kind, name=name)
    for name, shore in facts.LAKES:
        drawn.area([(lon, lat) for lat, lon in shore], natural="water", water="lake", name=name)
    for name, lat, lon, radius in facts.WOODS:
        random = Random(name)
        edge = [
            moved((lon, lat), reach * math.sin(k * math.tau / 14), reach * math.cos(k * math.tau / 14))
            for k, reach in enumerate(radius * random.uniform(0.6, 1.0) for _ in range(14))
        ]
        drawn.area(edge, landuse="forest", name=name)


def _rounded(course: list[Position]) -> list[Position]:
    """Cut the corners of a line once (Chaikin)."""
    line = [course[0]]
    for a, b in pairwise(course):
        line += [(a[0] * (1 - t) + b[0] * t, a[1] * (1 - t) + b[1] * t) for t in (0.25, 0.75)]
    return [*line, course[-1]]


def _draw_places(drawn: Map) -> None:
    for town in facts.TOWNS:
        around = [drawn.nodes[node] for node in drawn.nets[town.name]]
        hull = MultiPoint(around).convex_hull.buffer(0.0009, quad_segs=2)
        drawn.area(list(hull.exterior.coords)[:-1], landuse="residential")
        kind = "city" if town.population > 100_000 else "town" if town.population > 1_900 else "village"
        drawn.add(moved((town.lon, town.lat), 8, 8), place=kind, name=town.name, population=str(town.population))
    for village in facts.VILLAGES:
        origin = (village.lon, village.lat)
        edge = [moved(origin, 240 * math.sin(k * math.tau / 6), 240 * math.cos(k * math.tau / 6)) for k in range(6)]
        drawn.area(edge, landuse="residential")
        drawn.add(moved(origin, 8, 8), place="village", name=village.name, population=str(village.population))
    for quarter in facts.QUARTERS:
        if not quarter.name.startswith("Échangeur"):
            drawn.add(moved((quarter.lon, quarter.lat), 8, 8), place="quarter", name=quarter.name)
    for name, lat, lon in facts.STATIONS:
        _draw_station(drawn, name, (lon, lat))
    for town, east, north, name, tags in facts.POINTS:
        drawn.add(moved(drawn.nodes[drawn.centres[town]], east, north), name=name, **tags)
    for town, street in drawn.houses:
        _number(drawn, town, street)


def _draw_station(drawn: Map, name: str, at: Position) -> None:
    """Draw a station, its building and forecourt, and a way on foot to the nearest street."""
    street = nearest_node(drawn, at, WALKED)
    towards = math.radians(bearing(at, drawn.nodes[street]))
    side = (math.sin(towards), math.cos(towards))
    forecourt = drawn.add(moved(at, 35 * side[0], 35 * side[1]))
    drawn.add(at, railway="station", public_transport="station", name=name, train="yes")
    if metres(drawn.nodes[street], at) > 1:
        drawn.way([street, forecourt], highway="unclassified", name="Place de la Gare", maxspeed="30")
    platform = drawn.add(moved(at, 8 * side[0], 8 * side[1]))
    drawn.way([forecourt, platform], highway="footway")
    corners = [moved(at, 20 * side[0] + e, 20 * side[1] + n) for e, n in ((-18, -5), (18, -5), (18, 5), (-18, 5))]
    drawn.area(corners, building="train_station", name=f"Gare de {name}")


def _number(drawn: Map, town: str, street: Way) -> None:
    """Give the houses of a street numbers: odd on the left, even on the right."""
    number, left = 1, 30.0
    for a, b in pairwise(street.nodes):
        p, q = drawn.nodes[a], drawn.nodes[b]
        length = metres(p, q)
        ahead = math.radians(bearing(p, q))
        while left < length:
            side = -HOUSE_ASIDE if number % 2 else HOUSE_ASIDE
            east = left * math.sin(ahead) + side * math.cos(ahead)
            north = left * math.cos(ahead) - side * math.sin(ahead)
            house = {
                "addr:housenumber": str(number),
                "addr:street": street.tags["name"],
                "addr:postcode": facts.POSTCODES[town],
                "addr:city": town,
            }
            if town in facts.BUILT:
                corners = ((-6, -4), (6, -4), (6, 5), (-6, 5))
                drawn.area(
                    [
                        moved(
                            p,
                            east + along * math.sin(ahead) + aside * math.cos(ahead),
                            north + along * math.cos(ahead) - aside * math.sin(ahead),
                        )
                        for along, aside in corners
                    ],
                    building="house",
                    **house,
                )
            else:
                drawn.add(moved(p, east, north), **house)
            number += 3
            left += 62
        left -= length


def nearest_node(drawn: Map, at: Position, kinds: tuple[str, ...]) -> int:
    """Return the street node nearest to a position."""
    nodes = {node for way in drawn.streets(kinds) for node in way.nodes}
    return min(nodes, key=lambda node: (metres(drawn.nodes[node], at), node))


def beside_street(drawn: Map, at: Position, name: str, aside: float = 6.0) -> Snap:
    """Return the place some metres to the right of the nearest driven street, and the street's node there."""
    best: tuple[float, Position, Way, int] | None = None
    for way in drawn.streets(DRIVEN):
        for k, (a, b) in enumerate(pairwise(way.nodes)):
            p, q = drawn.nodes[a], drawn.nodes[b]
            if abs(p[1] - at[1]) > 0.03 or abs(p[0] - at[0]) > 0.04:
                continue
            scale = math.cos(math.radians(at[1]))
            dx, dy = (q[0] - p[0]) * scale, q[1] - p[1]
            ex, ey = (at[0] - p[0]) * scale, at[1] - p[1]
            t = min(1.0, max(0.0, (dx * ex + dy * ey) / (dx * dx + dy * dy)))
            spot = (p[0] + (q[0] - p[0]) * t, p[1] + (q[1] - p[1]) * t)
            if best is None or metres(spot, at) < best[0]:
                best = (metres(spot, at), spot, way, k)
    assert best is not None
    _, spot, way, k = best
    a, b = way.nodes[k], way.nodes[k + 1]
    right = math.radians(bearing(drawn.nodes[a], drawn.nodes[b]) + 90)
    beside = moved(spot, aside * math.sin(right), aside * math.cos(right))
    for node in (a, b):
        if metres(drawn.nodes[node], spot) < MERGED:
            return Snap(beside, node)
    node = drawn.add(spot, highway="bus_stop", name=name)
    way.nodes.insert(k + 1, node)
    return Snap(beside, node)


def road_graph(drawn: Map) -> nx.DiGraph:
    """Return the streets that a coach drives, with metres and seconds."""
    graph = nx.DiGraph()
    for way in drawn.streets(DRIVEN):
        for a, b in pairwise(way.nodes):
            length = metres(drawn.nodes[a], drawn.nodes[b])
            seconds = length / SPEED[way.tags["highway"]] * 3.6
            graph.add_edge(a, b, metres=length, seconds=seconds)
            if way.tags.get("oneway") != "yes":
                graph.add_edge(b, a, metres=length, seconds=seconds)
    return graph


def write_osm(drawn: Map) -> str:
    """Write the map as OSM XML."""
    west, south, east, north = shapely.total_bounds(MultiPoint(drawn.nodes))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<osm version="0.6" generator="mobigo demonstration" license="CC0-1.0">',
        f'<bounds minlat="{south:.5f}" minlon="{west:.5f}" maxlat="{north:.5f}" maxlon="{east:.5f}"/>',
    ]
    for index, (lon, lat) in enumerate(drawn.nodes):
        head = f'<node id="{FIRST_ID + index}" lat="{lat:.5f}" lon="{lon:.5f}"'
        tags = _tags(drawn.node_tags.get(index, {}))
        lines.append(f"{head}>{tags}</node>" if tags else f"{head}/>")
    for index, way in enumerate(drawn.ways):
        refs = "".join(f'<nd ref="{FIRST_ID + node}"/>' for node in way.nodes)
        lines.append(f'<way id="{FIRST_ID + index}">{refs}{_tags(way.tags)}</way>')
    for index, (members, tags) in enumerate(drawn.relations):
        refs = "".join(f'<member type="{kind}" ref="{FIRST_ID + ref}" role="{role}"/>' for kind, ref, role in members)
        lines.append(f'<relation id="{FIRST_ID + index}">{refs}{_tags(tags)}</relation>')
    return "\n".join([*lines, "</osm>", ""])


def _tags(tags: dict[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(name)} v={quoteattr(value)}/>" for name, value in tags.items())
