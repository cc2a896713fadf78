"""What tags mean on a map and in a search: places, points of interest, areas, lines, and their first zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

NEVER = 20
"""A zoom level beyond every map's: for rows that are looked up, not drawn."""

STREET_ZOOM = {
    "motorway": 5, "trunk": 6, "primary": 8, "secondary": 9, "tertiary": 10, "motorway_link": 10, "trunk_link": 10,
    "primary_link": 11, "secondary_link": 11, "tertiary_link": 12, "ferry": 9, "unclassified": 11, "residential": 12,
    "living_street": 12, "road": 12, "pedestrian": 13, "track": 13, "service": 13, "cycleway": 13, "busway": 13,
}  # fmt: skip
"""First zoom of a street's class; all others from 14."""

PLACES = {
    "city": 5, "town": 8, "village": 11, "suburb": 12, "borough": 12, "quarter": 13, "neighbourhood": 14, "hamlet": 13,
    "isolated_dwelling": 15, "locality": 15, "farm": 15, "island": 12, "municipality": 11,
}  # fmt: skip
"""Kinds of place, and the zoom from which their names show."""


def street_zoom(cls: str) -> int:
    """Return the first zoom at which a street of a class is drawn."""
    return STREET_ZOOM.get(cls, 14)


# ---------------------------------------------------------------------------------------------- points of interest

POI_CLASSES = (
    "amenity",
    "shop",
    "tourism",
    "leisure",
    "healthcare",
    "office",
    "historic",
    "railway",
    "aeroway",
    "sport",
)
"""Keys in the order in which they name a thing that carries several."""

UNNAMED_POIS = {
    "pharmacy", "toilets", "drinking_water", "parking", "bicycle_parking", "charging_station", "post_box", "atm",
    "bicycle_rental", "car_sharing", "school", "kindergarten", "townhall", "post_office", "hospital", "police",
    "place_of_worship", "playground", "viewpoint", "information", "station", "halt",
}  # fmt: skip
"""Kinds worth keeping without a name; all others need one."""

NO_POIS = {"bench", "waste_basket", "yes", "no", "parking_space", "hunting_stand", "grave", "vending_machine", "rail",
           "level_crossing", "crossing", "signal", "switch", "buffer_stop", "milestone", "platform", "garden", "pitch",
           "boundary_stone", "tram", "subway", "light_rail", "abandoned", "disused", "razed", "proposed",
           "construction", "swimming_pool", "vacant"}  # fmt: skip

EARLY_POIS = {"station": 12, "halt": 13, "aerodrome": 11, "hospital": 13, "university": 13, "castle": 13, "museum": 14,
              "townhall": 14, "school": 15, "college": 15, "tram_stop": 15}  # fmt: skip


class Poi(NamedTuple):
    """A point of interest."""

    cls: str
    kind: str
    min_zoom: int


def read_poi(tags: Mapping[str, str]) -> Poi | None:
    """Read a point of interest out of tags, if they describe one that people look for."""
    named = "name" in tags
    for key in POI_CLASSES:
        kind = tags.get(key)
        if kind is None or kind in NO_POIS or not (named or kind in UNNAMED_POIS):
            continue
        return Poi(key, kind.partition(";")[0], EARLY_POIS.get(kind, 16))
    return None


# --------------------------------------------------------------------------------------------------------- car parks

FOR_SOME = {"no", "private", "permit", "customers", "military", "employees", "residents", "delivery"}
"""Values of ``access`` of a car park where a traveller may not leave a car."""

NOT = {"", "no"}


def read_parking(tags: Mapping[str, str]) -> str | None:
    """Return what a car park is to travellers, ``park_ride`` or ``carpool``; None for any other, or for no car park."""
    amenity = tags.get("amenity")
    if amenity not in {"parking", "car_pooling"} or tags.get("access") in FOR_SOME:
        return None
    if tags.get("park_ride", "") not in NOT:
        return "park_ride"
    if amenity == "car_pooling" or tags.get("carpool", "") not in NOT:
        return "carpool"
    return None


def parse_count(text: str | None) -> int | None:
    """Read a number of places; None when there is none or it is not a number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else None  # noqa: PLR2004


# ------------------------------------------------------------------------------------------------------------ areas

AREAS: dict[str, dict[str, str]] = {
    "natural": {
        "water": "water", "wetland": "wetland", "wood": "forest", "grassland": "grass", "scrub": "scrub",
        "heath": "heath", "bare_rock": "rock", "scree": "rock", "sand": "sand", "beach": "sand", "bay": "water",
    },
    "landuse": {
        "forest": "forest", "grass": "grass", "meadow": "grass", "village_green": "park", "recreation_ground": "park",
        "farmland": "farmland", "orchard": "orchard", "vineyard": "vineyard", "residential": "residential",
        "commercial": "commercial", "retail": "commercial", "industrial": "industrial", "quarry": "industrial",
        "railway": "railway", "cemetery": "cemetery", "reservoir": "water", "basin": "water", "military": "industrial",
        "allotments": "orchard", "plant_nursery": "orchard", "farmyard": "residential",
    },
    "waterway": {"riverbank": "water", "dock": "water"},
    "leisure": {
        "park": "park", "garden": "park", "nature_reserve": "park", "golf_course": "park", "pitch": "sport",
        "sports_centre": "sport", "stadium": "sport", "playground": "park", "swimming_pool": "water",
    },
    "amenity": {
        "school": "school", "college": "school", "university": "school", "kindergarten": "school",
        "hospital": "hospital", "parking": "parking", "grave_yard": "cemetery",
    },
    "aeroway": {"aerodrome": "aerodrome", "runway": "parking", "apron": "parking"},
}  # fmt: skip
"""Key, value: kind of area; the first key that matches says what it is."""

AREA_KEYS = (*AREAS, "building", "boundary", "highway", "addr:housenumber", "shop", "tourism", "historic", "healthcare",
             "office", "railway", "place", "public_transport", "man_made")  # fmt: skip
"""Keys of areas that may be worth assembling."""

LARGE = ((8e7, 6), (2e7, 7), (5e6, 8), (1.2e6, 9), (3e5, 10), (8e4, 11), (2e4, 12), (3e3, 13))
"""Square metres: zoom; an area shows from where it covers some pixels."""


def read_area(tags: Mapping[str, str]) -> str | None:
    """Return the kind of area, or None if it is none of ours."""
    if tags.get("boundary") == "administrative":
        return "administrative" if tags.get("admin_level", "").isdigit() else None
    for key, kinds in AREAS.items():
        kind = kinds.get(tags.get(key, ""))
        if kind is not None:
            return kind
    if tags.get("highway") in {"pedestrian", "footway"}:
        return "pedestrian"
    return "building" if tags.get("building", "no") != "no" else None


def area_zoom(kind: str, square_metres: float) -> int:
    """Return the first zoom at which an area of a size is drawn."""
    if kind == "administrative":
        return NEVER
    if kind == "building":
        return 15
    return next((zoom for size, zoom in LARGE if square_metres >= size), 14)


# ------------------------------------------------------------------------------------------------------------ lines

RAILWAYS = {"rail": 9, "light_rail": 11, "subway": 12, "tram": 12, "narrow_gauge": 11, "funicular": 12, "monorail": 12}
WATERWAYS = {"river": 8, "canal": 10, "stream": 13, "ditch": 15, "drain": 15}
BOUNDARIES = {2: 4, 4: 5, 6: 7, 8: 12}
"""Administrative level: first zoom."""

SIDINGS = {"yard", "siding", "spur", "crossover"}


class Line(NamedTuple):
    """A line of the base map that is no street."""

    cls: str
    kind: str
    admin_level: int | None
    min_zoom: int


def read_line(tags: Mapping[str, str]) -> Line | None:
    """Read a railway, waterway or boundary out of a way's tags."""
    railway, waterway = tags.get("railway", ""), tags.get("waterway", "")
    if railway in RAILWAYS:
        return Line("railway", railway, None, 13 if tags.get("service") in SIDINGS else RAILWAYS[railway])
    if waterway in WATERWAYS:
        return Line("waterway", waterway, None, WATERWAYS[waterway])
    if tags.get("boundary") == "administrative":
        level = tags.get("admin_level", "")
        if level.isdigit() and int(level) in BOUNDARIES:
            return Line("boundary", "administrative", int(level), BOUNDARIES[int(level)])
    return None


def parse_population(text: str | None) -> int | None:
    """Read a population, however it is grouped; None when there is none or it is not a number."""
    digits = (text or "").replace(" ", "").replace("\u202f", "").replace(",", "").replace("'", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 9 else None  # noqa: PLR2004
