"""An extract of OpenStreetMap into PostGIS: the one door to osmium.

The file is read three times as a stream, so that memory does not grow with what is not kept: first ways and relations
(which nodes streets share, turn restrictions, members of areas), then nodes (positions, barriers, places, addresses),
then ways again (streets, areas, lines), with the rows on their way to the database while the next are made. Positions
of nodes lie in a temporary file that is mapped, so the system may take that memory back.

One extract is in service at a time. To serve several, join them first, which counts objects of both once:
``osmium merge A.osm.pbf B.osm.pbf -o AB.osm.pbf``.
"""

from __future__ import annotations

import os
from array import array
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import osmium
import psycopg
import shapely
from osmium.osm import NODE, RELATION, WAY

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Refused
from mobigo.osm.access import (
    BICYCLE,
    CAR,
    EVERYBODY,
    RELEVANT,
    Street,
    is_closed_to_wheelchairs,
    is_crossing,
    read_barrier,
    read_street,
    street_class,
)
from mobigo.osm.extract import detect_format, hash_file
from mobigo.osm.features import (
    AREA_KEYS,
    PLACES,
    POI_CLASSES,
    area_zoom,
    parse_count,
    parse_population,
    read_area,
    read_line,
    read_parking,
    read_poi,
    street_zoom,
)
from mobigo.osm.report import LoadReport, Tally
from mobigo.osm.store import (
    CLOSED_TO_WHEELCHAIRS,
    CROSSING,
    Flag,
    Staging,
    copy_line,
    drop_former_versions,
    escape,
    find_active_extract,
    hex_line,
    hex_point,
    lock_loading,
)
from mobigo.osm.streets import WayNodes, cut_ways, find_junctions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from numpy.typing import NDArray

FORMAT = "3"
"""Counted up when the same file would give other rows; part of what "unchanged" compares."""

BUILDINGS_LIMIT = 40_000_000
"""Bytes; buildings of larger extracts are not kept."""

SMALL = 20_000_000
"""Bytes; positions of nodes of smaller extracts stay in memory."""

ON_DISK = "/var/tmp"  # noqa: S108  a folder of a random name is made in it
"""Where positions lie: many systems keep /tmp in memory."""

SORT_LIMIT = 100_000_000
"""Bytes; smaller files whose objects are out of order are sorted in memory, larger ones refused."""

OUT_OF_ORDER = "out of order"
"""What osmium says of ways and relations that do not ascend."""

BATCH_NODES = 400_000
BATCH_AREAS = 5_000
"""Streets are cut, and areas measured, so many at a time."""

STREET_KEYS = ("highway", "route", "railway", "public_transport")
LINE_KEYS = ("waterway", "boundary")

Tags = dict[str, str]


@dataclass
class FirstPass:
    """What must be known before the first street can be cut."""

    refs: array[int] = field(default_factory=lambda: array("q"))
    ways: array[int] = field(default_factory=lambda: array("q"))
    first: array[int] = field(default_factory=lambda: array("q", [0]))
    restrictions: list[tuple[int, str, int, int | None, list[int], int, int]] = field(default_factory=list)
    street_of: dict[tuple[str, int], str] = field(default_factory=dict)
    """Street of the houses of associatedStreet relations, by type and id."""


def load_osm(path: Path, url: str, *, now: datetime, progress: Callable[[str], None] | None = None) -> LoadReport:
    """Load an extract and put it in service in place of the former one.

    Parameters
    ----------
    path : Path
        ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``; recognised by content.
    url : str
        Address of the database.
    now : datetime
        The instant of loading.
    progress : callable, optional
        Told what is being done, in a few words.

    Raises
    ------
    Refused
        When the file is not an extract, is broken, or holds no street. The former extract serves on.
    """
    say = progress or (lambda _: None)
    format_ = detect_format(path)
    digest = f"{FORMAT}:{hash_file(path)}"
    with psycopg.connect(libpq_conninfo(url)) as connection, lock_loading(connection):
        active = find_active_extract(connection)
        if active is not None and active.hash == digest:
            return LoadReport("unchanged", active.version, active.name, active.counts, {}, ())
        connection.rollback()
        with _explained(path), TemporaryDirectory(prefix="mobigo-osm-") as folder:
            file = osmium.io.File(str(path), format_)
            try:
                report = _load(path, file, Staging(connection, path.name, digest, now), say)
            except RuntimeError as error:
                if OUT_OF_ORDER not in str(error) or path.stat().st_size > SORT_LIMIT:
                    raise
                say("sorting")
                ordered = _sort(path, format_, Path(folder) / "sorted.osm.pbf")
                report = _load(path, ordered, Staging(connection, path.name, digest, now), say)
        connection.autocommit = True
        drop_former_versions(connection)
        connection.autocommit = False
    return report


def _load(path: Path, file: Any, staging: Staging, say: Callable[[str], None]) -> LoadReport:  # noqa: ANN401
    with staging:
        loader = _Loader(path, file, staging, say)
        loader.read()
        return loader.finish()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what osmium says of a broken file into a sentence."""
    try:
        yield
    except (RuntimeError, ValueError, osmium.InvalidLocationError) as error:
        remedy = "sort it with osmium sort" if OUT_OF_ORDER in str(error) else "download it again"
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise Refused(
            f"{path.name} is broken ({reason}); {remedy}. The former extract serves on", code="broken_extract"
        ) from error


def _sort(path: Path, format_: str, to: Path) -> Any:  # noqa: ANN401  osmium's file
    """Write the objects of a file in order of type and id, the newest of each."""
    merged = osmium.MergeInputReader()
    merged.add_buffer(path.read_bytes(), format_)
    with osmium.SimpleWriter(str(to)) as writer:
        merged.apply(writer)
    return osmium.io.File(str(to), "pbf")


class _Loader:
    """One load under way: what the passes have found so far."""

    def __init__(self, path: Path, file: Any, staging: Staging, say: Callable[[str], None]) -> None:  # noqa: ANN401
        self.path = path
        self.file = file
        self.staging = staging
        self.say = say
        self.size = path.stat().st_size
        self.tally = Tally(path.name)
        self.areas = osmium.area.AreaManager()
        self.passable: dict[int, int] = {}
        self.ways = 0
        self.streets: dict[tuple[tuple[str, str], ...], Street | None] = {}
        self.wkb = osmium.geom.WKBFactory()

    # ------------------------------------------------------------------------------------------------- the passes

    def read(self) -> None:
        header = osmium.io.Reader(self.file, osmium.osm.NOTHING).header()
        if header.has_multiple_object_versions:
            raise Refused(f"{self.path.name} holds the history of objects; load an extract of one moment")
        self.say("reading ways and relations")
        seen = self._read_structure()
        if not seen.ways:
            raise Refused(f"{self.path.name} holds no street; load an extract that has highways", code="no_streets")
        self.seen = seen
        with TemporaryDirectory(prefix="mobigo-osm-", dir=ON_DISK if os.access(ON_DISK, os.W_OK) else None) as folder:
            kind = "sparse_mem_array" if self.size < SMALL else f"sparse_file_array,{folder}/positions"
            positions = osmium.NodeLocationsForWays(osmium.index.create_map(kind))
            positions.ignore_errors()
            self.say("reading nodes")
            self._read_nodes(positions)
            self.junctions = find_junctions(
                np.frombuffer(seen.refs, np.int64),
                np.frombuffer(seen.first, np.int64),
                np.array([ref for ref, bits in self.passable.items() if bits != EVERYBODY | CROSSING], np.int64),
            )
            self.node_points = np.full((len(self.junctions), 2), np.nan)
            self.further: dict[int, tuple[int, float, float]] = {}
            self.say("reading streets and areas")
            self._read_ways(positions)
        self._check_box(header.box())

    def _objects(self, entities: Any, *handlers: Any) -> Iterator[Any]:  # noqa: ANN401  osmium's own objects
        with osmium.io.Reader(self.file, entities) as reader:
            yield from osmium.OsmFileIterator(reader, *handlers)

    def _tags(self, entity: Any) -> Tags | None:  # noqa: ANN401
        try:
            return dict(entity.tags)
        except UnicodeDecodeError:
            self.tally.add("bad_text", f"{entity.type_str()}{entity.id}")
            return None

    def _read_structure(self) -> FirstPass:
        seen = FirstPass()
        wanted = osmium.filter.KeyFilter(*STREET_KEYS, "type")
        last = None
        for entity in self._objects(WAY | RELATION, self.areas.first_pass_handler(), wanted):
            tags = self._tags(entity)
            if tags is None:
                continue
            if entity.is_relation():
                self._read_relation(entity, tags, seen)
            elif street_class(tags) is not None:
                if entity.id == last:
                    self.tally.add("duplicate_way", f"way {entity.id}")
                    continue
                last = entity.id
                refs = [node.ref for node in entity.nodes]
                if len(refs) < 2:  # noqa: PLR2004
                    self.tally.add("way_without_nodes", f"way {entity.id}")
                    continue
                seen.refs.extend(refs)
                seen.ways.append(entity.id)
                seen.first.append(len(seen.refs))
        return seen

    def _read_relation(self, relation: Any, tags: Tags, seen: FirstPass) -> None:  # noqa: ANN401
        members = [(member.type, member.ref, member.role) for member in relation.members]
        if tags.get("type") == "associatedStreet" and "name" in tags:
            seen.street_of.update({(kind, ref): tags["name"] for kind, ref, role in members if role == "house"})
        if tags.get("type") != "restriction":
            return
        kind, modes = _read_restriction(tags)
        if kind is None:
            return
        from_ways = [ref for type_, ref, role in members if role == "from" and type_ == "w"]
        to_ways = [ref for type_, ref, role in members if role == "to" and type_ == "w"]
        via_node = next((ref for type_, ref, role in members if role == "via" and type_ == "n"), None)
        via_ways = [ref for type_, ref, role in members if role == "via" and type_ == "w"]
        if not from_ways or not to_ways or (via_node is None and not via_ways):
            self.tally.add("bad_restriction", f"relation {relation.id}")
            return
        if modes:
            seen.restrictions.extend(
                (relation.id, kind, start, via_node, via_ways, end, modes) for start, end in product(from_ways, to_ways)
            )

    def _read_nodes(self, positions: Any) -> None:  # noqa: ANN401
        for node in self._objects(NODE, positions, osmium.filter.EmptyTagFilter()):
            tags = self._tags(node)
            if tags is None or not node.location.valid():
                continue
            passable = read_barrier(tags)
            if is_closed_to_wheelchairs(tags):
                passable |= CLOSED_TO_WHEELCHAIRS
            if is_crossing(tags):
                passable |= CROSSING
            if passable != EVERYBODY:
                self.passable[node.id] = passable
            lon, lat = node.location.lon, node.location.lat
            self._add_place(node.id, tags, lon, lat)
            self._add_names("node", node.id, tags, lon, lat)

    def _read_ways(self, positions: Any) -> None:  # noqa: ANN401
        keys = set(AREA_KEYS)
        if self.size > BUILDINGS_LIMIT:
            keys.remove("building")  # areas that are nothing else never leave osmium
            self.tally.add("buildings_left_out", f"{self.size / 1e6:.0f} MB")
        finished = osmium.BufferIterator(osmium.filter.KeyFilter(*keys))
        handler = self.areas.second_pass_to_buffer(finished)
        streets, areas = _StreetBatch(self), _AreaBatch(self)
        wanted = osmium.filter.KeyFilter(*STREET_KEYS, *LINE_KEYS)
        for way in self._objects(WAY, positions, handler, wanted):
            tags = self._tags(way)
            if tags is not None:
                if street_class(tags) is not None:
                    streets.add(way, tags)
                else:
                    self._add_line(way, tags)
            for area in finished:
                areas.add(area)
        for area in finished:
            areas.add(area)
        streets.flush()
        areas.flush()

    # --------------------------------------------------------------------------------------------------- the rows

    def _add_place(self, node_id: int, tags: Tags, lon: float, lat: float) -> None:
        kind = tags.get("place")
        name = tags.get("name")
        if kind not in PLACES or name is None:
            return
        postcode = tags.get("addr:postcode") or tags.get("postal_code")
        row = copy_line(
            "node", node_id, kind, name, parse_population(tags.get("population")), postcode,
            tags.get("ref:INSEE"), PLACES[kind], hex_point(lon, lat),
        )  # fmt: skip
        self.staging.add("osm_place", row)

    def _add_names(self, type_: str, id_: int, tags: Tags, lon: float, lat: float) -> None:
        """Add what a node or area is found by: its address, what it is."""
        number = tags.get("addr:housenumber")
        if number is not None:
            street = tags.get("addr:street") or tags.get("addr:place") or self.seen.street_of.get((type_[0], id_))
            city = tags.get("addr:city")
            row = copy_line(type_, id_, number, street, tags.get("addr:postcode"), city, hex_point(lon, lat))
            self.staging.add("osm_address", row)
        poi = read_poi(tags)
        if poi is not None:
            name = tags.get("name")
            point = hex_point(lon, lat)
            row = copy_line(type_, id_, poi.cls, poi.kind, name, poi.min_zoom, point)
            self.staging.add("osm_poi", row)

        parking = read_parking(tags)
        if parking is not None:
            capacity, disabled = parse_count(tags.get("capacity")), parse_count(tags.get("capacity:disabled"))
            name = tags.get("name")
            row = copy_line(type_, id_, parking, name, capacity, disabled, hex_point(lon, lat))
            self.staging.add("osm_parking", row)

    def _add_line(self, way: Any, tags: Tags) -> None:  # noqa: ANN401
        line = read_line(tags)
        if line is None:
            return
        points = [(node.lon, node.lat) for node in way.nodes if node.location.valid()]
        if len(points) < 2:  # noqa: PLR2004
            return
        flags = Flag.TUNNEL * (tags.get("tunnel", "no") != "no") | Flag.BRIDGE * (tags.get("bridge", "no") != "no")
        row = copy_line(
            way.id, line.cls, line.kind, tags.get("name"), line.admin_level, int(flags), line.min_zoom,
            hex_line(np.array(points)),
        )  # fmt: skip
        self.staging.add("osm_line", row)

    def read_street(self, tags: Tags) -> Street | None:
        """Read a street's tags; ways with the same tags are read once."""
        key = tuple(sorted((k, v) for k, v in tags.items() if k in RELEVANT))
        if key not in self.streets:
            self.streets[key] = read_street(tags)
        return self.streets[key]

    def node_index(self, ref: int, point: NDArray[np.float64], junction: int) -> int:
        """Return the row of a node: a junction's own, or a further one where the extract cuts a way."""
        if junction < len(self.junctions) and self.junctions[junction] == ref:
            return junction
        if ref not in self.further:
            self.further[ref] = (len(self.junctions) + len(self.further), float(point[0]), float(point[1]))
        return self.further[ref][0]

    # ----------------------------------------------------------------------------------------------------- the end

    def _check_box(self, box: Any) -> None:  # noqa: ANN401
        west, south, east, north = self._node_box()
        if box.valid():
            low, high = box.bottom_left, box.top_right
            if low.lon > west or low.lat > south or high.lon < east or high.lat < north:
                self.tally.add("wrong_box", f"box {low.lon:.4f},{low.lat:.4f},{high.lon:.4f},{high.lat:.4f}")

    def _node_box(self) -> tuple[float, float, float, float]:
        points = self.node_points[~np.isnan(self.node_points[:, 0])]
        if len(points) == 0:
            raise Refused(f"{self.path.name} holds streets but no node of them; load a complete extract")
        (west, south), (east, north) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return west, south, east, north

    def finish(self) -> LoadReport:
        """Write nodes and restrictions, then put the version in service."""
        staging = self.staging
        for start in range(0, len(self.junctions), BATCH_NODES):
            part = slice(start, start + BATCH_NODES)
            rows = zip(self.junctions[part].tolist(), self.node_points[part].tolist(), strict=True)
            for index, (ref, (lon, lat)) in enumerate(rows, start):
                if lon == lon:  # noqa: PLR0124  not a number: the node is in no edge
                    staging.add("street_node", f"{index}\t{ref}\t{lon}\t{lat}\t{self.passable.get(ref, EVERYBODY)}\n")
        for ref, (index, lon, lat) in self.further.items():
            staging.add("street_node", f"{index}\t{ref}\t{lon}\t{lat}\t{EVERYBODY}\n")
        for relation, kind, start, node, ways, end, modes in self.seen.restrictions:
            via = "{" + ",".join(map(str, ways)) + "}"
            staging.add("turn_restriction", copy_line(relation, kind, start, node, via, end, modes))
        staging.finish_rows()
        self.say("finding streets by name, drawing main roads")
        staging.derive()
        made = staging.rows
        counts = {
            "ways": self.ways,
            "nodes": made["street_node"],
            "edges": made["street_edge"],
            "restrictions": len({restriction[0] for restriction in self.seen.restrictions}),
            "places": made["osm_place"],
            "addresses": made["osm_address"],
            "pois": made["osm_poi"],
            "areas": made["osm_area"],
            "lines": made["osm_line"],
            "parkings": made["osm_parking"],
        }
        report = LoadReport(
            "active", staging.version, self.path.name, counts, self.tally.dropped(), self.tally.findings()
        )
        self.say("indexing")
        staging.activate(self._node_box(), counts, report.as_json())
        return report


def _read_restriction(tags: Tags) -> tuple[str | None, int]:
    """Return the kind of a turn restriction and the modes it binds; (None, 0) when it binds lorries only, or times."""
    modes = 0
    kind = tags.get("restriction")
    if kind is not None:
        modes = BICYCLE | CAR
    else:
        for key in ("restriction:motorcar", "restriction:motor_vehicle", "restriction:bicycle"):
            if key in tags:
                kind = tags[key]
                modes |= BICYCLE if key.endswith("bicycle") else CAR
    if kind is None or not kind.startswith(("no_", "only_")):
        return None, 0
    excepted = {mode.strip() for mode in tags.get("except", "").split(";")}
    if "bicycle" in excepted:
        modes &= ~BICYCLE
    if excepted & {"motorcar", "motor_vehicle", "vehicle"}:
        modes &= ~CAR
    return kind, modes


class _StreetBatch:
    """Streets read but not yet cut."""

    def __init__(self, loader: _Loader) -> None:
        self.loader = loader
        self.next = 0
        self.ways = loader.seen.ways
        self.first = loader.seen.first
        self.refs = np.frombuffer(loader.seen.refs, np.int64)
        self._clear()

    def _clear(self) -> None:
        self.fields: list[tuple[int, Street, str, str]] = []
        self.chunks: list[NDArray[np.float64]] = []
        self.chunk_refs: list[NDArray[np.int64]] = []
        self.size = 0

    def add(self, way: Any, tags: Tags) -> None:  # noqa: ANN401
        """Add the next street; it is the next one of the first pass, or one that was left out there."""
        if self.next >= len(self.ways) or self.ways[self.next] != way.id:
            return
        refs = self.refs[self.first[self.next] : self.first[self.next + 1]]
        self.next += 1
        street = self.loader.read_street(tags)
        assert street is not None
        try:
            wkb = self.loader.wkb.create_linestring(way.nodes, osmium.geom.use_nodes.ALL)
            points = np.frombuffer(bytes.fromhex(wkb), np.float64, offset=9).reshape(-1, 2)
        except (osmium.InvalidLocationError, RuntimeError):
            self._add_known_part(way, refs, street, tags)
            return
        self._append(way.id, refs, points, street, tags)
        self.loader.ways += 1

    def _append(
        self, way_id: int, refs: NDArray[np.int64], points: NDArray[np.float64], street: Street, tags: Tags
    ) -> None:
        self.fields.append((way_id, street, escape(tags.get("name")), escape(tags.get("ref"))))
        self.chunks.append(points)
        self.chunk_refs.append(refs)
        self.size += len(refs)
        if self.size > BATCH_NODES:
            self.flush()

    def _add_known_part(self, way: Any, refs: NDArray[np.int64], street: Street, tags: Tags) -> None:  # noqa: ANN401
        """Add the runs of nodes that have a position, of a way that the extract cuts."""
        valid = np.array([node.location.valid() for node in way.nodes])
        points = np.array([(n.lon, n.lat) if ok else (0.0, 0.0) for n, ok in zip(way.nodes, valid, strict=True)])
        edges = np.flatnonzero(np.diff(np.concatenate([[False], valid, [False]]).astype(np.int8)))
        runs = [(a, b) for a, b in edges.reshape(-1, 2).tolist() if b - a > 1]
        self.loader.tally.add("way_cut" if runs else "way_without_nodes", f"way {way.id}")
        for a, b in runs:
            self._append(way.id, refs[a:b], points[a:b], street, tags)
        self.loader.ways += bool(runs)

    def flush(self) -> None:
        """Cut what there is and pass the rows on."""
        if not self.fields:
            return
        loader, staging = self.loader, self.loader.staging
        sizes = [len(chunk) for chunk in self.chunks]
        nodes = WayNodes(
            np.concatenate([[0], np.cumsum(sizes)]), np.concatenate(self.chunk_refs), np.concatenate(self.chunks)
        )
        pieces = cut_ways(nodes, loader.junctions)
        at = np.searchsorted(loader.junctions, nodes.refs)
        inside = np.minimum(at, len(loader.junctions) - 1)
        known = loader.junctions[inside] == nodes.refs
        loader.node_points[inside[known]] = nodes.points[known]
        tails = [self._tail(*fields) for fields in self.fields]
        edge = staging.rows["street_edge"]
        for way, start, end, metres in zip(*(column.tolist() for column in pieces), strict=True):
            from_node = loader.node_index(int(nodes.refs[start]), nodes.points[start], int(at[start]))
            to_node = loader.node_index(int(nodes.refs[end]), nodes.points[end], int(at[end]))
            geom = hex_line(nodes.points[start : end + 1])
            row = f"{edge}\t{self.fields[way][0]}\t{from_node}\t{to_node}\t{metres:.2f}\t{tails[way]}\t{geom}\n"
            staging.add("street_edge", row)
            edge += 1
        self._clear()

    @staticmethod
    def _tail(_way_id: int, street: Street, name: str, ref: str) -> str:
        seconds = "\\N" if street.seconds is None else street.seconds
        return (
            f"{street.cls}\t{name}\t{ref}\t{street.foot}\t{street.bicycle}\t{street.car}\t{street.kmh_forward}\t"
            f"{street.kmh_backward}\t{seconds}\t{street.flags}\t{street.wheelchair}\t{street.coach}\t"
            f"{street_zoom(street.cls)}"
        )


class _AreaBatch:
    """Areas assembled but not yet measured."""

    def __init__(self, loader: _Loader) -> None:
        self.loader = loader
        self._clear()

    def _clear(self) -> None:
        self.areas: list[tuple[str, int, Tags, str | None]] = []
        self.shapes: list[str] = []

    def add(self, area: Any) -> None:  # noqa: ANN401
        """Add an assembled area if its tags mean something to us."""
        tags = self.loader._tags(area)  # noqa: SLF001  one machine in three parts
        if tags is None:
            return
        kind = read_area(tags)
        if kind == "pedestrian" and area.from_way() and tags.get("area") != "yes":
            kind = None
        if kind == "building" and self.loader.size > BUILDINGS_LIMIT:
            kind = None
        if kind is None and "addr:housenumber" not in tags and not any(key in tags for key in POI_CLASSES):
            return
        try:
            shape = self.loader.wkb.create_multipolygon(area)
        except (osmium.InvalidLocationError, RuntimeError):
            return
        self.areas.append(("way" if area.from_way() else "relation", area.orig_id(), tags, kind))
        self.shapes.append(shape)
        if len(self.areas) >= BATCH_AREAS:
            self.flush()

    def flush(self) -> None:
        """Measure what there is and pass the rows on."""
        if not self.areas:
            return
        shapes = shapely.from_wkb(self.shapes)
        centres = shapely.centroid(shapes)
        lon, lat = shapely.get_x(centres), shapely.get_y(centres)
        square_metres = shapely.area(shapes) * 111_195.0**2 * np.cos(np.radians(lat))
        for (type_, id_, tags, kind), shape, x, y, size in zip(
            self.areas, self.shapes, lon.tolist(), lat.tolist(), square_metres.tolist(), strict=True
        ):
            self.loader._add_names(type_, id_, tags, x, y)  # noqa: SLF001
            if kind is not None:
                level = int(tags["admin_level"]) if kind == "administrative" else None
                ewkb = f"0106000020E6100000{shape[10:]}"
                row = copy_line(type_, id_, kind, tags.get("name"), round(size, 1), level, area_zoom(kind, size), ewkb)
                self.loader.staging.add("osm_area", row)
        self._clear()
