"""What a plan of the school-bus benchmark promises, worked out afresh from the instance's two files.

Nothing of the optimiser is used here. `check_plan` verifies routes and buses, `check_certificate` the bound: it
searches, in its own way (all sets of stops, no memory that forgets), for a route that costs less than the certificate
says it is worth.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

SPEED, SEATS, UNLOADING = 29.3333333, 66, 154.4
NEAR = 1e-6
STEP = 10.0
"""Seconds into which rides are cut where what fits into them is bounded."""
STATED = 1e-3
"""Seconds that written times may be off."""


class Place(NamedTuple):
    x: float
    y: float


class Stop(NamedTuple):
    place: Place
    school: int
    pupils: int

    @property
    def dwell(self) -> float:
        return 19 + 2.6 * self.pupils


class Prices(NamedTuple):
    """Of stops, of a free bus at a school, of a school's routes, of those that buses begin with."""

    pi: dict[int, float]
    mu: dict[int, float]
    nu: dict[int, float]
    sigma: dict[int, float]


class School(NamedTuple):
    place: Place
    bell: float


def read(folder: Path) -> tuple[dict[int, School], dict[int, Stop]]:
    schools, stops = {}, {}
    for line in (folder / "Schools.txt").read_text().splitlines()[1:]:
        if line:
            number, x, y, early, *_ = line.split("\t")
            bell = 60 * (60 * (int(early) // 100) + int(early) % 100)
            schools[int(number)] = School(Place(float(x), float(y)), bell)
    for line in (folder / "Stops.txt").read_text().splitlines()[1:]:
        if line:
            number, x, y, school, pupils = line.split("\t")
            stops[int(number)] = Stop(Place(float(x), float(y)), int(school), int(pupils))
    return schools, stops


def drive(here: Place, there: Place) -> float:
    return (abs(here.x - there.x) + abs(here.y - there.y)) / SPEED


def rides(route: dict[str, Any], schools: dict[int, School], stops: dict[int, Stop]) -> list[float]:
    """Of the pupils of each stop: from their stop's end of boarding to the arrival at the school."""
    found = []
    for at in range(len(route["stops"])):
        rest = [stops[number] for number in route["stops"][at:]]
        ride = drive(rest[-1].place, schools[route["school"]].place)
        for here, there in pairwise(rest):
            ride += drive(here.place, there.place) + there.dwell
        found.append(ride)
    return found


def check_plan(folder: Path, max_ride: float, plan: dict[str, Any]) -> list[str]:
    """List what is wrong with a plan; nothing when it is right."""
    schools, stops = read(folder)
    wrong = []
    for number, route in enumerate(plan["routes"]):
        if route["school"] not in schools or not route["stops"] or any(one not in stops for one in route["stops"]):
            return [f"route {number}: unknown school or stop, or no stop"]
        wrong += [f"route {number}: {what}" for what in _check_route(route, max_ride, schools, stops)]
    visited = [stop for route in plan["routes"] for stop in route["stops"]]
    if sorted(visited) != sorted(stops):
        wrong.append(f"{len(visited)} visits of {len(set(visited))} stops, there are {len(stops)}")
    driven = [number for block in plan["blocks"] for number in block]
    if sorted(driven) != list(range(len(plan["routes"]))) or not all(plan["blocks"]):
        return [*wrong, "the buses do not drive every route once"]
    wrong += _check_links(plan, schools, stops)
    if plan["buses"] != len(plan["blocks"]):
        wrong.append(f"{plan['buses']} buses, {len(plan['blocks'])} blocks")
    if plan["lower_bound"] > plan["buses"]:
        wrong.append("the bound is above the plan")
    return wrong


def _check_links(plan: dict[str, Any], schools: dict[int, School], stops: dict[int, Stop]) -> list[str]:
    wrong = []
    for block in plan["blocks"]:
        for here, there in pairwise(block):
            before, after = plan["routes"][here], plan["routes"][there]
            source, first = schools[before["school"]], stops[after["stops"][0]]
            free = source.bell + drive(source.place, first.place)
            service = first.dwell + rides(after, schools, stops)[0]
            if free + service + UNLOADING > schools[after["school"]].bell + NEAR:
                wrong.append(f"route {there} is late after route {here}")
            if after["start"] is not None and after["start"] < free - STATED:
                wrong.append(f"route {there} starts before its bus can be there")
    return wrong


def _check_route(
    route: dict[str, Any], max_ride: float, schools: dict[int, School], stops: dict[int, Stop]
) -> list[str]:
    own = [stops[one] for one in route["stops"]]
    wrong = ["stop of another school" for one in own if one.school != route["school"]]
    if sum(one.pupils for one in own) > SEATS:
        wrong.append(f"{sum(one.pupils for one in own)} pupils")
    longest = rides(route, schools, stops)
    wrong += [f"{ride} s of ride" for ride in longest if ride > max_ride + NEAR]
    latest = schools[route["school"]].bell - UNLOADING
    service = own[0].dwell + longest[0]
    start, end = route.get("start"), route.get("end")
    if end is not None and end > latest + STATED:
        wrong.append(f"arrives {end - latest} s late")
    if start is not None and end is not None:
        if end - start < service - STATED:
            wrong.append(f"{end - start} s for a service of {service} s")
        if end - (start + own[0].dwell) > max_ride + STATED:
            wrong.append(f"first pupils wait and ride {end - start} s")
    return wrong


def check_certificate(folder: Path, max_ride: float, plan: dict[str, Any]) -> list[str]:
    """List what is wrong with the proof of a plan's bound."""
    schools, stops = read(folder)
    proof = plan["certificate"]
    prices = Prices(
        {number: proof["pi"][str(number)] for number in stops},
        {number: proof["mu"][str(number)] for number in schools},
        {number: proof["nu"][str(number)] for number in schools},
        {number: proof["sigma"][str(number)] for number in schools},
    )
    n = {number: proof["n"][str(number)] for number in schools}
    m = {number: proof["m"][str(number)] for number in schools}
    wrong = [f"a price is negative: {price}" for of in prices for price in of.values() if price < 0]
    value = sum(prices.pi.values())
    value += sum(prices.nu[number] * n[number] + prices.sigma[number] * m[number] for number in schools)
    if plan["lower_bound"] != math.ceil(value - NEAR):
        wrong.append(f"the bound is {plan['lower_bound']}, the prices prove {value}")
    for school in schools:
        used = sum(route["school"] == school for route in plan["routes"])
        if used < n[school]:
            wrong.append(f"school {school}: the plan has {used} routes, fewer than it is said to need ({n[school]})")
        begun = sum(plan["routes"][block[0]]["school"] == school for block in plan["blocks"])
        if begun < m[school]:
            wrong.append(f"school {school}: {begun} buses begin with it, fewer than it is said to need ({m[school]})")
        least = _Search(school, schools, stops, prices).least_cost(max_ride)
        if least < -NEAR:
            wrong.append(f"school {school}: a route has reduced cost {least}")
    return wrong


class _Search:
    """Looks at every set of stops of one school that can pay; keeps, by first stop, its quickest order."""

    def __init__(self, school: int, schools: dict[int, School], stops: dict[int, Stop], prices: Prices) -> None:
        self.here = schools[school]
        self.own = [stop for stop in stops.values() if stop.school == school]
        self.price = [prices.pi[number] for number, stop in stops.items() if stop.school == school]
        worth = prices.mu[school] + prices.nu[school]
        self.base = 1 - worth - prices.sigma[school]
        self.sources = [
            (other, prices.mu[number] - worth)
            for number, other in schools.items()
            if other.bell + UNLOADING < self.here.bell
        ]
        self.cheapest = min([self.base, *(cost for _, cost in self.sources)])
        self.gain = [0.0] * (SEATS + 1)  # most that stops bring, by free seats
        for stop, price in zip(self.own, self.price, strict=True):
            for seats in range(SEATS, stop.pupils - 1, -1):
                self.gain[seats] = max(self.gain[seats], self.gain[seats - stop.pupils] + price)
        self.apart = [[drive(a.place, b.place) for b in self.own] for a in self.own]
        # most that stops bring, by steps of ride left: each takes its dwell, but for the first, and a drive
        near = [min((row[b] for b in range(len(row)) if b != a), default=0.0) for a, row in enumerate(self.apart)]
        self.longest_dwell = max((stop.dwell for stop in self.own), default=0.0)
        self.by_step = [0.0] * 1000
        for at, stop in enumerate(self.own):
            steps = int((near[at] + stop.dwell) / STEP)
            for left in range(len(self.by_step) - 1, steps - 1, -1):
                self.by_step[left] = max(self.by_step[left], self.by_step[left - steps] + self.price[at])

    def most(self, seats: int, seconds: float) -> float:
        """Bound what more stops bring."""
        steps = int(max(0.0, seconds + self.longest_dwell) / STEP) + 1
        return min(self.gain[seats], self.by_step[min(steps, len(self.by_step) - 1)])

    def least_cost(self, max_ride: float) -> float:
        """Find the least reduced cost of a route; of routes of 0 or more, it may be missed which is least."""
        least = math.inf
        level = {}
        for at, stop in enumerate(self.own):
            ride = drive(stop.place, self.here.place)
            if ride <= max_ride:
                level[1 << at, at] = (ride, stop.pupils, self.price[at])
        while level:
            longer: dict[tuple[int, int], tuple[float, int, float]] = {}
            for (visited, first), (ride, pupils, worth) in level.items():
                service = ride + self.own[first].dwell
                least = min(least, self.cost(first, service, worth))
                for at, stop in enumerate(self.own):
                    full, later = pupils + stop.pupils, service + self.apart[at][first]
                    if visited >> at & 1 or full > SEATS or later > max_ride or self.price[at] == 0.0:
                        continue
                    if worth + self.price[at] + self.most(SEATS - full, max_ride - later - stop.dwell) <= self.cheapest:
                        continue
                    key = (visited | 1 << at, at)
                    if key not in longer or later < longer[key][0]:
                        longer[key] = (later, full, worth + self.price[at])
            level = longer
        return least

    def cost(self, first: int, service: float, worth: float) -> float:
        """Reduced cost from the cheapest source that is in time."""
        costs = [self.base]
        for other, cost in self.sources:
            free = other.bell + drive(other.place, self.own[first].place)
            if free + service + UNLOADING <= self.here.bell:
                costs.append(cost)
        return min(costs) - worth
