"""The streets as arrays: built once from the tables of an extract, then only read."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels.dijkstra import Adjacency, Bans, Points
from mobigo.kernels.nearest import UNIT, Grid, Shapes, find_components, list_cells
from mobigo.kit.packed import Strings, pack_strings
from mobigo.osm.store import Wheelchair
from mobigo.street.relief import Heights, Relief, measure, slow_down

STEPS, FERRY, UNPAVED, LIFT = 2, 4, 32, 128
"""Bits of an edge's flags that change how long it takes; all of them are in `mobigo.osm.store.Flag`."""


class Profile(IntEnum):
    """Who moves; the value is the bit in `passable` and `solid`."""

    FOOT = 1
    BICYCLE = 2
    CAR = 4
    WHEELCHAIR = 8
    """On foot, without steps and what else is known to stop wheels."""

    @property
    def walks(self) -> bool:
        """Whether the pace is the traveller's own, and turn restrictions bind nobody."""
        return self in {Profile.FOOT, Profile.WHEELCHAIR}


WALK_SPEED = 1.2
"""Metres per second at which `StreetGraph.foot` is reckoned."""

STEPS_FACTOR = 2.0
"""How much longer a metre of steps takes than one on the flat."""

LIMITED_FACTOR = 1.5
"""How much longer a wheelchair takes where it fares badly: rough ground, steep slopes."""

LIFT_SECONDS = 45.0
FERRY_SPEED = 4.0
"""Metres per second of a ferry whose crossing time is not tagged."""

BICYCLE_SPEED, BICYCLE_SLOW_SPEED = 4.4, 3.0
"""Metres per second on a road, and on paths, tracks and unpaved ground."""

SLOW_FOR_BICYCLES = {"path", "track", "footway", "pedestrian", "bridleway", "platform", "corridor"}

SOLID_NODES = 200
"""Nodes of a component from which it counts as large; smaller ones are islands unless there is nothing larger."""

CELL_DEGREES = (0.003, 0.002)
MAX_CELLS = 6_000_000
"""Cells of the grid: about 220 m, larger when an extract is so wide that there would be too many."""


class StreetGraph(NamedTuple):
    """Streets of one extract.

    Edge `e` is drawn from ``edge_from[e]`` to ``edge_to[e]`` and makes two arcs: ``2 * e`` along it, ``2 * e + 1``
    against it. Nodes and edges near each other on the ground are near each other here.
    """

    points: Points
    """Of nodes, degrees."""
    net: Adjacency
    node_osm: NDArray[np.int64]
    """int64[n_nodes], id in OpenStreetMap."""
    edge_from: NDArray[np.int32]
    edge_to: NDArray[np.int32]
    """int32[n_edges], node."""
    edge_metres: NDArray[np.float32]
    """float32[n_edges]."""
    edge_way: NDArray[np.int64]
    """int64[n_edges], way in OpenStreetMap."""
    edge_name: NDArray[np.int32]
    """int32[n_edges], index into `names`."""
    edge_class: NDArray[np.uint8]
    """uint8[n_edges], index into `classes`."""
    edge_flags: NDArray[np.uint8]
    """uint8[n_edges], sum of `mobigo.osm.store.Flag`."""
    edge_wheelchair: NDArray[np.uint8]
    """uint8[n_edges], `mobigo.osm.store.Wheelchair`."""
    edge_coach: NDArray[np.uint8]
    """uint8[n_edges], which way a coach may go: 1 along, 2 against, 3 both."""
    solid: NDArray[np.uint8]
    """uint8[n_edges], bits of the profiles for which the edge lies in a large connected part."""
    foot: NDArray[np.float32]
    """float32[2 * n_edges], seconds by arc at `WALK_SPEED`; infinite where one may not go."""
    bicycle: NDArray[np.float32]
    car: NDArray[np.float32]
    wheelchair: NDArray[np.float32]
    fastest: NDArray[np.float32]
    """float32[4], metres per second that no arc exceeds: foot, bicycle, car, wheelchair."""
    shapes: Shapes
    grid: Grid
    bans: Bans
    names: Strings
    """Names of streets, else their numbers (``D 905``); the first is empty."""
    classes: Strings
    """Highway values."""

    def cost(self, profile: Profile) -> NDArray[np.float32]:
        """Return the seconds by arc of a profile."""
        return {
            Profile.FOOT: self.foot,
            Profile.BICYCLE: self.bicycle,
            Profile.CAR: self.car,
            Profile.WHEELCHAIR: self.wheelchair,
        }[profile]


class Streets(NamedTuple):
    """What a graph is built from, as the tables of an extract hold it; rows in any order."""

    node_id: NDArray[np.int64]
    node_osm: NDArray[np.int64]
    node_lon: NDArray[np.float64]
    node_lat: NDArray[np.float64]
    node_passable: NDArray[np.uint8]
    edge_way: NDArray[np.int64]
    edge_from: NDArray[np.int64]
    edge_to: NDArray[np.int64]
    edge_metres: NDArray[np.float32]
    edge_class: list[str] | NDArray[np.str_]
    """Of each edge, n_edges."""
    edge_name: NDArray[np.int32]
    """int32[n_edges], index into `names`."""
    edge_directions: NDArray[np.uint8]
    """uint8[n_edges, 4]: foot, bicycle, car, coach; 1 along, 2 against, 3 both."""
    edge_kmh: NDArray[np.float32]
    """float32[n_edges, 2]: along, against."""
    edge_seconds: NDArray[np.float32]
    """float32[n_edges], crossing time of a ferry, else not a number."""
    edge_flags: NDArray[np.uint8]
    edge_wheelchair: NDArray[np.uint8]
    shape_first: NDArray[np.int64]
    """int64[n_edges + 1]."""
    shape_points: NDArray[np.float64]
    """float64[n_points, 2], degrees."""
    names: list[str]
    restrictions: list[Restriction]


class Restriction(NamedTuple):
    """A turn restriction at a node."""

    kind: str
    """``no_...`` or ``only_...``."""
    from_way: int
    via_node: int
    """Ids of OpenStreetMap."""
    to_way: int
    modes: int


def build_graph(streets: Streets) -> StreetGraph:
    """Build the graph of a flat land; every array of it is read-only."""
    return _build(_order_by_place(streets), None)


def build_hilly_graph(streets: Streets, heights: Heights) -> tuple[StreetGraph, Relief]:
    """Build the graph of a land of known heights, and how high its edges lie; every array is read-only."""
    streets = _order_by_place(streets)
    relief = measure(streets, heights)
    return _build(streets, relief), frozen(relief)


def _build(streets: Streets, relief: Relief | None) -> StreetGraph:
    """Build the graph of streets in their order."""
    n_nodes, n_edges = len(streets.node_id), len(streets.edge_way)
    tail = np.empty(2 * n_edges, np.int32)
    head = np.empty(2 * n_edges, np.int32)
    tail[0::2] = head[1::2] = streets.edge_from
    tail[1::2] = head[0::2] = streets.edge_to
    arc = np.argsort(tail, kind="stable").astype(np.int32)
    first = _offsets(np.bincount(tail, minlength=n_nodes))
    net = Adjacency(first, arc, head, streets.node_passable)
    classes, edge_class = np.unique(np.asarray(streets.edge_class, dtype=np.str_), return_inverse=True)
    foot, bicycle, car, wheelchair = _costs(streets, relief)
    shapes = Shapes(
        streets.shape_first.astype(np.int32),
        np.rint(streets.shape_points[:, 0] / UNIT).astype(np.int32),
        np.rint(streets.shape_points[:, 1] / UNIT).astype(np.int32),
    )
    solid = np.zeros(n_edges, np.uint8)
    for bit, cost in zip(Profile, (foot, bicycle, car, wheelchair), strict=True):
        solid |= np.where(find_solid(net, cost, streets.edge_from, streets.edge_to), np.uint8(bit), np.uint8(0))
    return frozen(  # type: ignore[no-any-return]
        StreetGraph(
            points=Points(streets.node_lon, streets.node_lat),
            net=net,
            node_osm=streets.node_osm,
            edge_from=streets.edge_from.astype(np.int32),
            edge_to=streets.edge_to.astype(np.int32),
            edge_metres=streets.edge_metres.astype(np.float32),
            edge_way=streets.edge_way,
            edge_name=streets.edge_name,
            edge_class=edge_class.astype(np.uint8).reshape(-1),
            edge_flags=streets.edge_flags,
            edge_wheelchair=streets.edge_wheelchair,
            edge_coach=streets.edge_directions[:, 3],
            solid=solid,
            foot=foot,
            bicycle=bicycle,
            car=car,
            wheelchair=wheelchair,
            fastest=np.array(
                [find_fastest(streets.edge_metres, cost) for cost in (foot, bicycle, car, wheelchair)], np.float32
            ),
            shapes=shapes,
            grid=_build_grid(shapes),
            bans=_build_bans(streets, net),
            names=pack_strings(streets.names),
            classes=pack_strings(classes.tolist()),
        )
    )


def frozen(value: Any) -> Any:  # noqa: ANN401  an array, or tuples of them
    """Return the same contiguous and read-only, as mapped arrays are: kernels then compile one signature."""
    if isinstance(value, tuple):
        parts = [frozen(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    array = np.ascontiguousarray(value).view()
    array.flags.writeable = False
    return array


def _offsets(counts: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def _order_by_place(streets: Streets) -> Streets:
    """Number nodes along a Morton curve and edges by their first node, so that a search stays in few pages."""
    order = np.argsort(morton(streets.node_lon, streets.node_lat), kind="stable")
    by_id = np.argsort(streets.node_id)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))

    def renumber(ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return rank[by_id[np.searchsorted(streets.node_id, ids, sorter=by_id)]]

    edge_from, edge_to = renumber(streets.edge_from), renumber(streets.edge_to)
    edges = np.lexsort((streets.edge_way, edge_to, edge_from))
    sizes = np.diff(streets.shape_first)[edges]
    shape_first = np.concatenate([[0], np.cumsum(sizes)])
    picked = np.repeat(streets.shape_first[:-1][edges] - shape_first[:-1], sizes) + np.arange(shape_first[-1])
    return streets._replace(
        node_id=np.arange(len(order)),
        node_osm=streets.node_osm[order],
        node_lon=streets.node_lon[order],
        node_lat=streets.node_lat[order],
        node_passable=streets.node_passable[order],
        edge_way=streets.edge_way[edges],
        edge_from=edge_from[edges],
        edge_to=edge_to[edges],
        edge_metres=streets.edge_metres[edges],
        edge_class=np.asarray(streets.edge_class, dtype=np.str_)[edges],
        edge_name=streets.edge_name[edges],
        edge_directions=streets.edge_directions[edges],
        edge_kmh=streets.edge_kmh[edges],
        edge_seconds=streets.edge_seconds[edges],
        edge_flags=streets.edge_flags[edges],
        edge_wheelchair=streets.edge_wheelchair[edges],
        shape_first=shape_first,
        shape_points=streets.shape_points[picked],
    )


def morton(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Interleave longitude and latitude, 24 bits each: places near each other get near numbers; uint64[n]."""
    code = np.zeros(len(lon), np.uint64)
    for shift, (value, low, high) in enumerate(((lon, -180.0, 360.0), (lat, -90.0, 180.0))):
        bits = ((value - low) / high * ((1 << 24) - 1)).astype(np.uint64)
        for bit in range(24):
            code |= ((bits >> np.uint64(bit)) & np.uint64(1)) << np.uint64(2 * bit + shift)
    return code


def _costs(streets: Streets, relief: Relief | None) -> tuple[NDArray[np.float32], ...]:
    """Return the seconds by arc on foot, by bicycle, by car and in a wheelchair; without relief on the flat."""
    metres, flags = streets.edge_metres.astype(np.float64), streets.edge_flags
    crossing = np.where(np.isnan(streets.edge_seconds), metres / FERRY_SPEED, streets.edge_seconds)
    ferry = flags & FERRY != 0
    slow = np.isin(np.asarray(streets.edge_class, dtype=np.str_), list(SLOW_FOR_BICYCLES)) | (flags & UNPAVED != 0)
    foot = metres / WALK_SPEED * np.where(flags & STEPS, STEPS_FACTOR, 1.0) + np.where(flags & LIFT, LIFT_SECONDS, 0.0)
    ride = np.where(slow, BICYCLE_SLOW_SPEED, BICYCLE_SPEED)
    bicycle = metres / ride
    car = metres[:, None] / (streets.edge_kmh / 3.6)
    limited = np.where(streets.edge_wheelchair == Wheelchair.LIMITED, LIMITED_FACTOR, 1.0)
    wheels = metres / WALK_SPEED * limited
    wheels += np.where(flags & LIFT, LIFT_SECONDS, 0.0)
    both = np.stack([foot, foot, bicycle, bicycle, car[:, 0], car[:, 1], wheels, wheels], axis=1)
    if relief is not None:
        slower = slow_down(streets, relief, WALK_SPEED, ride, ~slow)
        both[:, 0:2] *= slower.foot
        both[:, 2:4] *= slower.bicycle
        both[:, 6:8] *= np.maximum(slower.wheelchair / limited[:, None], 1.0)  # the worse of both: they may be one
    both[ferry] = crossing[ferry, None]
    both[streets.edge_wheelchair == Wheelchair.NO, 6:] = np.inf
    unknown_steps = (flags & STEPS != 0) & (streets.edge_wheelchair == Wheelchair.UNKNOWN)
    both[unknown_steps, 6:] = np.inf  # of an extract loaded before wheelchairs were asked about
    arcs = []
    for column, who in enumerate((0, 1, 2, 0)):
        directions = streets.edge_directions[:, who]
        cost = both[:, 2 * column : 2 * column + 2].copy()
        cost[directions & 1 == 0, 0] = np.inf
        cost[directions & 2 == 0, 1] = np.inf
        arcs.append(cost.reshape(-1).astype(np.float32))
    return tuple(arcs)


def find_fastest(metres: NDArray[np.float32], cost: NDArray[np.float32]) -> float:
    """Return the metres per second that no arc exceeds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = np.repeat(metres, 2) / cost
    speed = speed[np.isfinite(speed)]
    return float(speed.max()) if len(speed) else 1.0


def find_solid(
    net: Adjacency, cost: NDArray[np.float32], edge_from: NDArray[Any], edge_to: NDArray[Any]
) -> NDArray[np.bool_]:
    """Tell which edges lie within the largest strongly connected component, or another large one; bool[n_edges]."""
    n_nodes = len(net.first) - 1
    if n_nodes == 0:
        return np.zeros(0, bool)
    component = np.empty(n_nodes, np.int32)
    find_components(frozen(net), frozen(cost), component)
    size = np.bincount(component)
    large = size >= min(SOLID_NODES, int(size.max()))
    usable = np.isfinite(cost[0::2]) | np.isfinite(cost[1::2])
    same = component[edge_from] == component[edge_to]
    return np.asarray(usable & same & large[component[edge_from]], dtype=bool)


def _build_grid(shapes: Shapes) -> Grid:
    if len(shapes.lon) == 0:
        nothing = np.zeros(0, np.int32)
        return Grid(np.array([0.0, 0.0, 1.0, 1.0]), np.array([1, 1], np.int32), np.zeros(2, np.int32), nothing)
    west, south = shapes.lon.min() * UNIT - 1e-6, shapes.lat.min() * UNIT - 1e-6
    width, height = shapes.lon.max() * UNIT + 1e-6 - west, shapes.lat.max() * UNIT + 1e-6 - south
    coarse = max(1.0, (width * height / (CELL_DEGREES[0] * CELL_DEGREES[1]) / MAX_CELLS) ** 0.5)
    cell = (CELL_DEGREES[0] * coarse, CELL_DEGREES[1] * coarse)
    frame = np.array([west, south, *cell])
    size = np.array([int(width / cell[0]) + 1, int(height / cell[1]) + 1], np.int32)
    first = np.zeros(int(size[0]) * int(size[1]) + 1, np.int32)
    list_cells(shapes, frame, size, first, np.zeros(0, np.int32))
    np.cumsum(first, out=first)
    edge = np.empty(int(first[-1]), np.int32)
    list_cells(shapes, frame, size, first[:-1].copy(), edge)
    return Grid(frame, size, first, edge)


def _build_bans(streets: Streets, net: Adjacency) -> Bans:
    """Turn restrictions into pairs of arcs; one that names ways or nodes we do not have binds nobody.

    Restrictions whose via is a way are stored with the others but not kept here: a pair of arcs cannot say them.
    """
    n_arcs = len(net.arc)
    by_osm = np.argsort(streets.node_osm)
    turns: dict[int, int] = {}
    marked = np.zeros(len(net.first) - 1, np.uint8)
    for kind, from_way, via_node, to_way, modes in streets.restrictions:
        at = int(np.searchsorted(streets.node_osm, via_node, sorter=by_osm))
        if at >= len(by_osm) or streets.node_osm[by_osm[at]] != via_node:
            continue
        node = int(by_osm[at])
        leaving = net.arc[net.first[node] : net.first[node + 1]]
        ways = streets.edge_way[leaving >> 1]
        entering = leaving[ways == from_way] ^ 1
        wanted = leaving[ways == to_way]
        if len(wanted) == 0:
            continue
        banned = wanted if kind.startswith("no_") else leaving[ways != to_way]
        for arc_in in entering.tolist():
            for arc_out in banned.tolist():
                turns[arc_in * n_arcs + arc_out] = turns.get(arc_in * n_arcs + arc_out, 0) | modes
                marked[node] = 1
    turn = np.array(sorted(turns), np.int64)
    return Bans(turn, np.array([turns[key] for key in turn.tolist()], np.uint8), marked)
