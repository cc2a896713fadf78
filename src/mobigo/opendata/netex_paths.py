"""Ways inside stations as NeTEx, French profile NETEX_ACCESSIBILITE: levels, nodes, and the links between them.

References
----------
NeTEx part 1, SitePathLink, PathJunction; GTFS: pathways.txt, levels.txt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.opendata.netex_xml import access, box, duration, place, refer, text, thing
from mobigo.transit.pathways import PathwayMode, Wheels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Row = dict[str, Any]

FEATURES = {
    PathwayMode.WALKWAY: "passage", PathwayMode.STAIRS: "stairs", PathwayMode.MOVING_SIDEWALK: "travelator",
    PathwayMode.ESCALATOR: "escalator", PathwayMode.ELEVATOR: "lift", PathwayMode.FARE_GATE: "barrier",
    PathwayMode.EXIT_GATE: "barrier",
}  # fmt: skip
"""AccessFeatureType by pathway_mode."""
WHEELS = {
    PathwayMode.STAIRS: Wheels.NOT_POSSIBLE,
    PathwayMode.ESCALATOR: Wheels.NOT_POSSIBLE,
    PathwayMode.ELEVATOR: Wheels.POSSIBLE,
}
"""Whether a wheelchair gets through, where the kind of a link says it."""
CLASSES = {None: "Quay", 0: "Quay", 1: "StopPlace", 2: "StopPlaceEntrance", 3: "PathJunction", 4: "BoardingPosition"}
"""By location_type."""
NODE, BOARDING_AREA = 3, 4


def list_paths(source: str, stops: Mapping[str, Row], levels: Iterable[Row], pathways: Iterable[Row]) -> Iterator[str]:
    """Write levels, the nodes that are no stop of their own, and links."""
    for level in levels:
        index = level["level_index"]
        yield thing(
            "Level",
            f"{source}:{level['level_id']}",
            text("Name", level["level_name"]),
            text("PublicCode", f"{index:g}"),
            text("RelativeLevelOrder", int(index) if float(index).is_integer() else None),
        )
    for row in stops.values():
        if row["location_type"] in {NODE, BOARDING_AREA} and row["stop_lon"] is not None:
            yield _write_node(source, row)
    for link in pathways:
        yield _write_link(source, stops, link)


def _write_node(source: str, row: Row) -> str:
    id_, where = f"{source}:{row['stop_id']}", place(row["stop_lon"], row["stop_lat"])
    if row["location_type"] == NODE:
        return thing("PathJunction", id_, text("Name", row["stop_name"]), where)
    return thing(
        "BoardingPosition",
        id_,
        text("Name", row["stop_name"]),
        box("Centroid", where),
        refer_level(source, row),
        text("PublicCode", row["stop_code"] or row["platform_code"]),
    )


def refer_level(source: str, row: Row) -> str:
    """Refer to the level that a stop is on."""
    return refer("Level", f"{source}:{row['level_id']}") if row["level_id"] else ""


def _write_link(source: str, stops: Mapping[str, Row], link: Row) -> str:
    id_, mode = f"{source}:{link['pathway_id']}", PathwayMode(link["pathway_mode"])
    width, steps = link["min_width"], link["stair_count"]
    slope = link["max_slope"]
    return thing(
        "SitePathLink",
        id_,
        box("keyList", box("KeyValue", text("Key", "max_slope"), text("Value", slope))) if slope is not None else "",
        text("Distance", None if link["length"] is None else f"{link['length']:g}"),
        box("From", _refer_node(source, stops, link["from_stop_id"])),
        box("To", _refer_node(source, stops, link["to_stop_id"])),
        access(f"{source}:SitePathLink.{link['pathway_id']}", WHEELS.get(mode, Wheels.UNKNOWN)),
        text("Towards", link["signposted_as"]),
        text("Back", link["reversed_signposted_as"]),
        text("NumberOfSteps", None if steps is None else abs(steps)),
        text("MinimumWidth", None if width is None else f"{width:g}"),
        text("AllowedUse", "twoWay" if link["is_bidirectional"] else "oneWay"),
        text("Transition", None if not steps else "up" if steps > 0 else "down"),
        text("AccessFeatureType", FEATURES[mode]),
        box("TransferDuration", text("DefaultDuration", _last(link["traversal_time"]))),
    )


def _last(seconds: int | None) -> str | None:
    return None if seconds is None else duration(seconds)


def _refer_node(source: str, stops: Mapping[str, Row], stop: str) -> str:
    row = stops[stop]
    return refer(CLASSES[row["location_type"]], f"{source}:{stop}", tag="PlaceRef") + refer_level(source, row)
