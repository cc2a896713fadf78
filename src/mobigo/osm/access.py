"""Who may use a street: tags of ways and barriers read as OpenStreetMap defines them.

A more specific key beats a more general one (``foot`` over ``access``; ``motorcar`` over ``motor_vehicle`` over
``vehicle`` over ``access``), and any key beats the default of the highway class.

References
----------
https://wiki.openstreetmap.org/wiki/Key:access and .../OSM_tags_for_routing/Access_restrictions
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from mobigo.osm.store import Flag, Wheelchair

if TYPE_CHECKING:
    from collections.abc import Mapping

FOOT, BICYCLE, CAR = 1, 2, 4
"""Bits of a mode, in `Barrier` and in turn restrictions."""

FORWARD, BACKWARD, BOTH = 1, 2, 3
"""Bits of a direction along a way."""


class Street(NamedTuple):
    """What the tags of a way say to a router."""

    cls: str
    """The highway value; ``ferry``, ``platform``."""
    foot: int
    """0, FORWARD, BACKWARD or BOTH; likewise for the others."""
    bicycle: int
    car: int
    kmh_forward: int
    """Expected speed of a car."""
    kmh_backward: int
    seconds: int | None
    """Crossing time of a ferry, when the way says it."""
    flags: int
    wheelchair: int
    """A `Wheelchair`."""
    coach: int
    """Like `car`, of a coach of usual size in public service."""


class Class(NamedTuple):
    """Defaults of a highway class."""

    modes: int
    kmh: int


EVERYBODY = FOOT | BICYCLE | CAR
CLASSES: dict[str, Class] = {
    "motorway": Class(CAR, 100),
    "motorway_link": Class(CAR, 45),
    "trunk": Class(CAR, 85),
    "trunk_link": Class(CAR, 40),
    "primary": Class(EVERYBODY, 65),
    "primary_link": Class(EVERYBODY, 30),
    "secondary": Class(EVERYBODY, 55),
    "secondary_link": Class(EVERYBODY, 25),
    "tertiary": Class(EVERYBODY, 40),
    "tertiary_link": Class(EVERYBODY, 20),
    "unclassified": Class(EVERYBODY, 30),
    "residential": Class(EVERYBODY, 25),
    "living_street": Class(EVERYBODY, 10),
    "service": Class(EVERYBODY, 15),
    "road": Class(EVERYBODY, 25),
    "track": Class(FOOT | BICYCLE, 15),
    "pedestrian": Class(FOOT, 10),
    "footway": Class(FOOT, 10),
    "path": Class(FOOT | BICYCLE, 10),
    "cycleway": Class(FOOT | BICYCLE, 10),
    "bridleway": Class(FOOT, 10),
    "steps": Class(FOOT, 10),
    "corridor": Class(FOOT, 10),
    "elevator": Class(FOOT, 10),
    "platform": Class(FOOT, 10),
    "busway": Class(0, 30),
    "bus_guideway": Class(0, 30),
    "ferry": Class(FOOT | BICYCLE, 10),
}
"""Modes allowed and speed expected when nothing else is tagged."""

YES = {"yes", "permissive", "designated", "official", "public", "discouraged", "unknown", "allowed", "use_sidepath"}
"""``use_sidepath`` among them: where the extract lacks the path beside, the road stands in for it."""

DESTINATION = {"destination", "customers", "delivery", "residents"}
NO = {
    "no", "private", "permit", "military", "emergency", "agricultural", "forestry", "restricted",
    "official_only", "bus", "psv", "none",
}  # fmt: skip
KEYS: dict[int, tuple[str, ...]] = {
    FOOT: ("foot", "access"),
    BICYCLE: ("bicycle", "vehicle", "access"),
    CAR: ("motorcar", "motor_vehicle", "vehicle", "access"),
}
"""Most specific first."""

ONEWAY = {"yes": FORWARD, "true": FORWARD, "1": FORWARD, "-1": BACKWARD, "reverse": BACKWARD, "no": BOTH, "false": BOTH,
          "0": BOTH, "reversible": 0, "alternating": BOTH}  # fmt: skip

RELEVANT = frozenset({
    "highway", "route", "railway", "public_transport", "foot", "bicycle", "vehicle", "motor_vehicle", "motorcar",
    "access", "motorroad", "sidewalk", "oneway", "oneway:bicycle", "oneway:foot", "oneway:motor_vehicle",
    "oneway:motorcar", "junction", "cycleway", "cycleway:left", "cycleway:right", "cycleway:both",
    "cycleway:left:oneway", "cycleway:right:oneway", "cycleway:both:oneway", "bicycle:forward", "bicycle:backward",
    "motor_vehicle:forward", "motor_vehicle:backward", "maxspeed", "maxspeed:forward", "maxspeed:backward",
    "maxspeed:type", "source:maxspeed", "zone:maxspeed", "zone:traffic", "duration", "tunnel", "bridge", "surface",
    "tracktype", "conveying", "wheelchair", "ramp", "ramp:wheelchair", "smoothness", "incline", "width", "bus", "psv",
    "oneway:bus", "oneway:psv", "busway", "service", "maxheight", "maxheight:physical", "maxwidth", "maxwidth:physical",
    "maxweight", "maxweight:bus", "maxlength", "maxlength:bus",
})  # fmt: skip
"""Keys that `read_street` looks at; the rest of a way's tags cannot change its answer."""


def street_class(tags: Mapping[str, str]) -> str | None:
    """Return the class under which a way enters the street graph, or None if it is no street."""
    highway = tags.get("highway")
    if highway in CLASSES:
        return highway
    if highway is not None:
        return None
    if tags.get("route") == "ferry":
        return "ferry"
    if "platform" in {tags.get("railway"), tags.get("public_transport")}:
        return "platform"
    return None


def read_street(tags: Mapping[str, str]) -> Street | None:
    """Read a way's tags; None when the way is no street."""
    cls = street_class(tags)
    if cls is None:
        return None
    defaults = CLASSES[cls].modes
    if tags.get("motorroad") == "yes":
        defaults &= CAR
    if cls.startswith("trunk") and tags.get("sidewalk") in {"both", "left", "right", "yes"}:
        defaults |= FOOT
    if cls == "track" and tags.get("tracktype") == "grade1":
        defaults |= CAR
    allowed, destination = read_modes(tags, defaults)
    forward, backward = _read_speeds(tags, cls)
    return Street(
        cls,
        foot=_foot_directions(tags) if allowed & FOOT else 0,
        bicycle=_bicycle_directions(tags, cls) if allowed & BICYCLE else 0,
        car=_car_directions(tags, cls) if allowed & CAR else 0,
        kmh_forward=forward,
        kmh_backward=backward,
        seconds=parse_duration(tags.get("duration", "")) if cls == "ferry" else None,
        flags=_read_flags(tags, cls) | (Flag.DESTINATION if destination & CAR else 0),
        wheelchair=int(_read_wheelchair(tags, cls)),
        coach=_coach_directions(tags, cls),
    )


def read_modes(tags: Mapping[str, str], defaults: int) -> tuple[int, int]:
    """Apply the access keys to default modes.

    Returns
    -------
    allowed, destination : int
        Modes that may pass; and those among them that may only come here to reach something.
    """
    allowed, destination = 0, 0
    for mode, keys in KEYS.items():
        value = next((tags[key] for key in keys if key in tags), None)
        value = value.partition(";")[0].strip() if value else None
        if value in YES or (value == "dismount" and mode == BICYCLE):
            allowed |= mode
        elif value in DESTINATION:
            allowed |= mode
            destination |= mode
        elif value not in NO:
            allowed |= defaults & mode
    return allowed, destination


BLOCKING: dict[str, int] = {
    "bollard": FOOT | BICYCLE, "block": FOOT | BICYCLE, "cycle_barrier": FOOT | BICYCLE, "motorcycle_barrier": FOOT
    | BICYCLE, "bus_trap": FOOT | BICYCLE, "sump_buster": FOOT | BICYCLE, "jersey_barrier": FOOT | BICYCLE,
    "planter": FOOT | BICYCLE, "log": FOOT | BICYCLE, "chain": FOOT | BICYCLE, "bar": FOOT | BICYCLE,
    "turnstile": FOOT, "full-height_turnstile": FOOT, "kissing_gate": FOOT, "stile": FOOT, "wicket_gate": FOOT
    | BICYCLE, "horse_stile": FOOT, "debris": FOOT | BICYCLE, "kerb": EVERYBODY, "fence": 0, "wall": 0, "hedge": 0,
    "ditch": 0, "city_wall": 0, "retaining_wall": 0, "spikes": 0, "yes": FOOT | BICYCLE,
}  # fmt: skip
"""Who passes a barrier that says nothing else; a kind not listed (gates, toll booths, cattle grids) lets all pass."""


def read_barrier(tags: Mapping[str, str]) -> int:
    """Return the modes that may pass a node; all of them for a node without a barrier."""
    kind = tags.get("barrier")
    if kind is None and not any(key in tags for keys in KEYS.values() for key in keys):
        return EVERYBODY
    if kind is None and "highway" not in tags:
        return EVERYBODY  # access tags of a shop or parking that happens to share the node
    defaults = EVERYBODY if kind is None else BLOCKING.get(kind, EVERYBODY)
    if kind in {"gate", "lift_gate", "swing_gate", "sliding_gate"} and tags.get("locked") == "yes":
        defaults = 0
    return read_modes(tags, defaults)[0]


def _foot_directions(tags: Mapping[str, str]) -> int:
    if tags.get("conveying") in {"forward", "backward"}:
        return FORWARD if tags["conveying"] == "forward" else BACKWARD
    return ONEWAY.get(tags.get("oneway:foot", "no"), BOTH)


def _implied_oneway(tags: Mapping[str, str], cls: str) -> int:
    if "oneway" in tags:
        return ONEWAY.get(tags["oneway"], BOTH)
    roundabout = tags.get("junction") in {"roundabout", "circular"}
    return FORWARD if roundabout or cls == "motorway" else BOTH


def _car_directions(tags: Mapping[str, str], cls: str) -> int:
    directions = _implied_oneway(tags, cls)
    for key in ("oneway:motor_vehicle", "oneway:motorcar"):
        directions = ONEWAY.get(tags.get(key, ""), directions)
    if tags.get("motor_vehicle:forward") == "no":
        directions &= BACKWARD
    if tags.get("motor_vehicle:backward") == "no":
        directions &= FORWARD
    return directions


COACH_KEYS = ("bus", "psv", "motor_vehicle", "vehicle", "access")
"""Most specific first; signs against lorries (``hgv``) and tourists' coaches bind no line."""

COACH_ACCESS = YES | DESTINATION | {"bus", "psv"}

COACH_LIMITS = {
    "maxheight": 3.8, "maxheight:physical": 3.8, "maxwidth": 2.6, "maxwidth:physical": 2.6, "maxweight:bus": 18.0,
    "maxweight": 18.0, "maxlength:bus": 12.0, "maxlength": 12.0,
}  # fmt: skip
"""Metres and tonnes of a coach of 12 m with 55 seats; where less is allowed it does not pass."""

NO_COACH = {"track", "pedestrian", "footway", "path", "cycleway", "bridleway", "steps", "corridor", "elevator",
            "platform", "bus_guideway", "ferry"}  # fmt: skip

NO_COACH_SERVICE = {"driveway", "parking_aisle", "drive-through", "alley", "emergency_access"}

COACH_WIDTH = 3.0
"""Metres that a lane must have where its width is tagged."""


def _coach_directions(tags: Mapping[str, str], cls: str) -> int:
    """Tell which way a coach may go, where it has the room and the right."""
    if cls in NO_COACH or tags.get("service") in NO_COACH_SERVICE or tags.get("surface") in SOFT:
        return 0
    value = next((tags[key] for key in COACH_KEYS if key in tags), None)
    value = value.partition(";")[0].strip() if value else None
    if value in NO - {"bus", "psv"} or (value not in COACH_ACCESS and not CLASSES[cls].modes & CAR and cls != "busway"):
        return 0
    for key, least in COACH_LIMITS.items():
        stated = parse_quantity(tags.get(key, ""))
        if stated is not None and stated < least:
            return 0
    width = parse_quantity(tags.get("width", ""))
    if width is not None and width < COACH_WIDTH:
        return 0
    directions = _car_directions(tags, cls)
    if any(tags.get(key) == "no" for key in ("oneway:bus", "oneway:psv")) or tags.get("busway") == "opposite_lane":
        directions = BOTH
    return directions


UNITS = {
    "": 1.0, "m": 1.0, "cm": 0.01, "ft": 0.3048, "'": 0.3048, "t": 1.0, "kg": 0.001, "st": 0.90718474,
    "lbs": 0.00045359237,
}  # fmt: skip
"""Metres or tonnes."""


def parse_quantity(value: str) -> float | None:
    """Read a bound in metres or tonnes: ``3.8``, ``3,8 m``, ``12'6"``, ``7.5 t``, ``3500 kg``; None if unclear."""
    value = value.partition(";")[0].strip()
    if feet := re.fullmatch(r"""(\d{1,3})'\s*(?:(\d{1,2})")?""", value):
        return 0.3048 * int(feet[1]) + 0.0254 * int(feet[2] or 0)
    found = re.fullmatch(r"(\d{1,6}(?:[.,]\d{1,3})?)\s*([a-z]*)", value)
    if found is None or found[2] not in UNITS:
        return None
    return float(found[1].replace(",", ".")) * UNITS[found[2]]


def is_crossing(tags: Mapping[str, str]) -> bool:
    """Tell whether people on foot cross at a node as they are meant to: marked, or with lights."""
    kind = tags.get("crossing")
    return tags.get("highway") in {"crossing", "traffic_signals"} and kind not in {"no", "unmarked"}


def _bicycle_directions(tags: Mapping[str, str], cls: str) -> int:
    if "oneway:bicycle" in tags:
        return ONEWAY.get(tags["oneway:bicycle"], BOTH)
    directions = _implied_oneway(tags, cls)
    if directions in {FORWARD, BACKWARD}:
        sides = ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both")
        contraflow = any(tags.get(side, "").startswith("opposite") for side in sides)
        contraflow |= any(tags.get(f"{side}:oneway") in {"-1", "no"} for side in sides[1:])
        contraflow |= tags.get("bicycle:backward" if directions == FORWARD else "bicycle:forward") in YES
        if contraflow:
            return BOTH
    return directions


UNPAVED = {"unpaved", "gravel", "fine_gravel", "dirt", "earth", "ground", "grass", "sand", "mud", "pebblestone",
           "compacted", "woodchips", "rock"}  # fmt: skip


def _read_flags(tags: Mapping[str, str], cls: str) -> int:
    flags = Flag(0)
    if tags.get("junction") in {"roundabout", "circular"}:
        flags |= Flag.ROUNDABOUT
    if cls == "steps":
        flags |= Flag.STEPS
    if cls == "elevator":
        flags |= Flag.LIFT
    if cls == "ferry":
        flags |= Flag.FERRY
    if tags.get("tunnel", "no") != "no":
        flags |= Flag.TUNNEL
    if tags.get("bridge", "no") != "no":
        flags |= Flag.BRIDGE
    unpaved_class = cls == "track" and tags.get("tracktype") != "grade1"
    if tags.get("surface") in UNPAVED or ("surface" not in tags and unpaved_class):
        flags |= Flag.UNPAVED
    return int(flags)


NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*(mph|knots|km/h|kmh|kph)?")

STATED = {
    "yes": Wheelchair.YES, "designated": Wheelchair.YES, "official": Wheelchair.YES, "limited": Wheelchair.LIMITED,
    "bad": Wheelchair.LIMITED, "no": Wheelchair.NO, "impassable": Wheelchair.NO,
}  # fmt: skip
"""What the tag ``wheelchair`` says."""

SMOOTHNESS = {
    "excellent": Wheelchair.YES, "good": Wheelchair.YES, "intermediate": Wheelchair.YES, "bad": Wheelchair.LIMITED,
    "very_bad": Wheelchair.NO, "horrible": Wheelchair.NO, "very_horrible": Wheelchair.NO, "impassable": Wheelchair.NO,
}  # fmt: skip

SOFT = {"sand", "mud", "rock", "grass", "pebblestone", "woodchips"}
"""Grounds on which wheels sink in or get stuck."""

ROUGH = UNPAVED - SOFT | {"cobblestone", "unhewn_cobblestone", "sett", "grass_paver"}

STEEP, TOO_STEEP = 6.0, 12.0
"""Percent from which a slope needs help, and from which it is none for wheelchairs."""

NARROW = 0.8
"""Metres that a wheelchair needs."""


def _read_wheelchair(tags: Mapping[str, str], cls: str) -> Wheelchair:
    """Tell how a wheelchair fares: what the way states, else what its ground, slope and width allow.

    Streets about which nothing is tagged are unknown, not fine.
    """
    stated = STATED.get(tags.get("wheelchair", ""))
    if stated is not None:
        return stated
    if cls == "steps":
        ramp = tags.get("ramp:wheelchair") == "yes" and tags.get("conveying", "no") == "no"
        return Wheelchair.LIMITED if ramp else Wheelchair.NO
    found = [SMOOTHNESS[tags["smoothness"]]] if tags.get("smoothness") in SMOOTHNESS else []
    slope, width = parse_incline(tags.get("incline", "")), NUMBER.match(tags.get("width", ""))
    if slope is not None:
        found.append(
            Wheelchair.NO if slope > TOO_STEEP else Wheelchair.LIMITED if slope > STEEP else Wheelchair.UNKNOWN
        )
    if width is not None and float(width[1]) < NARROW and cls in {"footway", "path", "corridor"}:
        found.append(Wheelchair.NO)
    if "smoothness" not in tags:
        surface, grade = tags.get("surface"), tags.get("tracktype")
        if surface in SOFT or grade in {"grade4", "grade5"}:
            found.append(Wheelchair.NO)
        elif surface in ROUGH or (surface is None and cls == "track" and grade not in {"grade1", "grade2"}):
            found.append(Wheelchair.LIMITED)
    return max(found, default=Wheelchair.UNKNOWN)


def parse_incline(value: str) -> float | None:
    """Read a slope as percent, up or down: ``8%``, ``-12 %``, ``5°``; None if it gives no number."""
    found = re.fullmatch(r"[+-]?(\d{1,3}(?:[.,]\d+)?)\s*(%|°)?", value.strip())
    if found is None:
        return None
    number = float(found[1].replace(",", "."))
    if found[2] == "°":
        return math.tan(math.radians(number)) * 100 if number < 45 else 100.0  # noqa: PLR2004  degrees
    return number


CLOSED_TO_WHEELCHAIRS = {
    "stile", "horse_stile", "kissing_gate", "turnstile", "full-height_turnstile", "cycle_barrier",
    "motorcycle_barrier", "log", "debris", "cattle_grid",
}  # fmt: skip
"""Barriers that stop wheels unless they are tagged otherwise."""

KERB_METRES = 0.03
"""The highest kerb that wheels climb."""


def is_closed_to_wheelchairs(tags: Mapping[str, str]) -> bool:
    """Tell whether a node is known to stop a wheelchair: a barrier, a raised kerb, a lift or door that is tagged so.

    A crossing is no obstacle to those who go along the street, whatever its kerbs.
    """
    kind, kerb = tags.get("barrier"), tags.get("kerb")
    if tags.get("highway") == "crossing":
        return False
    if kind is None and kerb is None and tags.get("highway") != "elevator" and not {"entrance", "door"} & set(tags):
        return False  # a shop or a sight that shares the node
    stated = STATED.get(tags.get("wheelchair", ""))
    if stated is not None:
        return stated is Wheelchair.NO
    height = NUMBER.match(tags.get("kerb:height", ""))
    if height is not None:
        metres = float(height[1]) / (100 if tags["kerb:height"].rstrip().endswith("cm") else 1)
        return metres > KERB_METRES
    width = NUMBER.match(tags.get("maxwidth:physical", ""))
    if width is not None:
        return float(width[1]) < NARROW
    return kerb == "raised" or kind in CLOSED_TO_WHEELCHAIRS


FREE_FLOW = 0.85
"""Share of the limit that cars reach on average, stops and bends included."""

ZONES = {
    "urban": 50, "rural": 80, "trunk": 110, "motorway": 130, "living_street": 20, "pedestrian_zone": 6,
    "nsl_single": 96, "nsl_dual": 112, "nsl_restricted": 48, "bicycle_road": 30, "school": 30, "express": 100,
}  # fmt: skip
COUNTRY_ZONES = {"DE:rural": 100, "AT:rural": 100, "CH:motorway": 120, "CH:trunk": 100, "BE:motorway": 120,
                 "ES:motorway": 120, "ES:rural": 90, "IT:rural": 90, "DE:living_street": 7, "AT:urban": 50}  # fmt: skip
"""Implicit limits; a country's own first, then what most countries mean (and France says)."""

MPH, KNOT = 1.609344, 1.852
MAX_KMH = 200


def parse_maxspeed(value: str) -> float | None:
    """Read a speed limit in km/h: ``50``, ``30 mph``, ``FR:urban``, ``FR:zone30``, ``walk``; None if unclear."""
    value = value.partition(";")[0].strip()
    if value == "walk":
        return 7.0
    if value == "none":
        return 130.0
    if number := NUMBER.fullmatch(value):
        kmh = float(number[1]) * {"mph": MPH, "knots": KNOT}.get(number[2], 1.0)
        return kmh if 0 < kmh <= MAX_KMH else None
    if value in COUNTRY_ZONES:
        return float(COUNTRY_ZONES[value])
    zone = value.partition(":")[2] or value
    if zone in ZONES:
        return float(ZONES[zone])
    digits = re.fullmatch(r"(?:zone)?:?(\d+)", zone)
    return float(digits[1]) if digits and 0 < int(digits[1]) <= MAX_KMH else None


def _read_speeds(tags: Mapping[str, str], cls: str) -> tuple[int, int]:
    limit = None
    for key in ("maxspeed", "maxspeed:type", "source:maxspeed", "zone:maxspeed", "zone:traffic"):
        if key in tags and limit is None:
            limit = parse_maxspeed(tags[key])
    sides = []
    for key in ("maxspeed:forward", "maxspeed:backward"):
        own = parse_maxspeed(tags[key]) if key in tags else None
        sides.append(_expected(own if own is not None else limit, cls))
    return sides[0], sides[1]


def _expected(limit: float | None, cls: str) -> int:
    usual = CLASSES[cls].kmh
    if limit is None:
        return usual
    reached = limit * FREE_FLOW
    if cls in {"service", "living_street", "track", "residential", "unclassified"}:
        reached = min(reached, usual * 1.6)  # nobody drives 80 on a lane because the limit outside towns says so
    return max(5, round(reached))


def parse_duration(value: str) -> int | None:
    """Read how long a ferry takes, in seconds: ``00:25``, ``1:05:00``, ``25`` (minutes), ``PT25M``; None if unclear."""
    if clock := re.fullmatch(r"(\d{1,3}):(\d{2})(?::(\d{2}))?", value):
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3] or 0)
    if value.isdigit():
        return int(value) * 60
    if iso := re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", value):
        return (int(iso[1] or 0) * 3600 + int(iso[2] or 0) * 60 + int(iso[3] or 0)) or None
    return None
