"""Territories that the ends of rides lie in, as rules about zones name them: commune, department, region, country.

Communes come with the extract of OpenStreetMap. Associations of communes (``epci``, ``aom``, ``reseau``) are in no
extract; a rule of this region names their communes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.carpool.awards import nowhere
from mobigo.carpool.openfile_store import find_communes, find_department

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from psycopg import Connection

    from mobigo.carpool.awards import Ride
    from mobigo.carpool.policies import Rules
    from mobigo.kit.geo import Point

FRANCE = "XXXXX"
"""As the national register codes it."""

REGIONS = {
    "01": "971", "02": "972", "03": "973", "04": "974", "06": "976", "11": "75 77 78 91 92 93 94 95",
    "24": "18 28 36 37 41 45", "27": "21 25 39 58 70 71 89 90", "28": "14 27 50 61 76", "32": "02 59 60 62 80",
    "44": "08 10 51 52 54 55 57 67 68 88", "52": "44 49 53 72 85", "53": "22 29 35 56",
    "75": "16 17 19 23 24 33 40 47 64 79 86 87", "76": "09 11 12 30 31 32 34 46 48 65 66 81 82",
    "84": "01 03 07 15 26 38 42 43 63 69 73 74", "93": "04 05 06 13 83 84", "94": "2A 2B",
}  # fmt: skip
"""Departments of each region, by their codes (INSEE, 2026)."""

REGION_OF = {department: region for region, departments in REGIONS.items() for department in departments.split()}


def find_codes(
    connection: Connection[Any], rules: Rules, rides: Iterable[Ride]
) -> Callable[[Point], Mapping[str, str]]:
    """Find the codes of the territories that rides begin and end in; none where no rule could ask for them."""
    if not rules.journeys:
        return nowhere
    points = {point for ride in rides for one in ride.aboard for point in one.ends}
    communes = find_communes(connection, points)
    found = {point: _code(one.insee) for point, one in communes.items() if one.insee}
    return lambda point: found.get(point, {})


def _code(insee: str) -> dict[str, str]:
    department = find_department(insee)
    return {
        "com": insee,
        "arr": insee,
        "dep": department,
        "reg": REGION_OF.get(department, ""),
        "country": FRANCE,
    }
