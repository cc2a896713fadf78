"""Checks a plan against the raw file, by code that shares nothing with the solver: plain loops over plain numbers."""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def check_cvrplib(file: Path, plan: dict[str, Any]) -> list[str]:
    """Everything wrong with a plan of points in the plane, distances rounded; nothing when it holds."""
    text = file.read_text()
    header = dict(re.findall(r"^([A-Z_]+)\s*:\s*(\S+)", text, re.MULTILINE))
    points = _section(text, "NODE_COORD_SECTION")
    demand = {node: row[0] for node, row in _section(text, "DEMAND_SECTION").items()}
    depot = int(re.search(r"DEPOT_SECTION\s+(\d+)", text)[1])  # type: ignore[index]
    nodes = [node for node in sorted(points) if node != depot]
    numbered = dict(enumerate(nodes, 1))

    def apart(a: int, b: int) -> int:
        return int(math.dist(points[a], points[b]) + 0.5)

    wrong = _visits(plan, set(numbered))
    total = 0
    for route in plan["routes"]:
        stops = [depot, *(numbered[customer] for customer in route), depot]
        total += sum(apart(a, b) for a, b in itertools.pairwise(stops))
        load = sum(demand[stop] for stop in stops)
        if load > int(header["CAPACITY"]):
            wrong.append(f"route {route} carries {load}")
    if total != plan["cost"]:
        wrong.append(f"cost is {total}, {plan['cost']} is said")
    return wrong


def check_solomon(file: Path, plan: dict[str, Any]) -> list[str]:
    """Everything wrong with a plan under time windows, distances cut off to tenths; nothing when it holds."""
    vehicles, capacity = map(int, re.search(r"CAPACITY\s+(\d+)\s+(\d+)", file.read_text()).groups())  # type: ignore[union-attr]
    table = file.read_text().split("SERVICE TIME", 1)[1]
    rows = [list(map(float, line.split())) for line in table.splitlines() if line.strip()]
    by_number = {int(row[0]): row for row in rows}
    depot = rows[0]

    def tenths(a: list[float], b: list[float]) -> int:
        return int(10 * math.hypot(a[1] - b[1], a[2] - b[2]))

    wrong = _visits(plan, set(by_number) - {int(depot[0])})
    if len(plan["routes"]) > vehicles:
        wrong.append(f"{len(plan['routes'])} routes, {vehicles} vehicles")
    total = 0
    for route in plan["routes"]:
        here, now, load = depot, 10 * depot[4], 0.0
        for row in [*(by_number[customer] for customer in route), depot]:
            total += tenths(here, row)
            now = max(now + tenths(here, row), 10 * row[4])
            if now > 10 * row[5]:
                wrong.append(f"{row[0]:.0f} is reached at {now / 10}, due {row[5]}")
            now += 10 * row[6]
            load, here = load + row[3], row
        if load > capacity:
            wrong.append(f"route {route} carries {load}")
    if abs(total / 10 - plan["cost"]) > 1e-9:
        wrong.append(f"cost is {total / 10}, {plan['cost']} is said")
    return wrong


def _visits(plan: dict[str, Any], customers: set[int]) -> list[str]:
    seen = [customer for route in plan["routes"] for customer in route]
    wrong = [f"customer {one} is visited {seen.count(one)} times" for one in customers if seen.count(one) != 1]
    wrong += [f"there is no customer {one}" for one in sorted(set(seen) - customers)]
    return wrong + ["a route is empty" for route in plan["routes"] if not route]


def _section(text: str, name: str) -> dict[int, list[float]]:
    lines = text.split(name, 1)[1].splitlines()[1:]
    found: dict[int, list[float]] = {}
    for line in lines:
        words = line.split()
        if not words or not words[0].isdigit():
            break
        found[int(words[0])] = [float(word) for word in words[1:]]
    return found
