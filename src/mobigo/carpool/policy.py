"""Incentive policies as data: who is paid, how much, up to which limits.

A policy is a JSON document (its schema: ``policy.schema.json`` beside this file). A journey goes through it in this
order: operators, classes and dates; zones; distance (all of these exclude: nothing is paid or counted); slices or a
written formula; multiplier or top-up; rounding, half up, once; limits by ascending priority. Days, months and years are
those of the policy's time zone.

References
----------
The national register of carpool proofs (betagouv/preuve-covoiturage), whose campaigns this expresses as data.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from shapely.geometry import Point as ShapelyPoint
from shapely.geometry import shape
from shapely.prepared import prep

from mobigo.carpool.amounts import Worked, add_slices, exact, match_slice, read_expression, read_slices, round_half_up
from mobigo.carpool.model import Award, CounterKey, Journey, Place, Step
from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence

    from mobigo.carpool.amounts import Slice

    Selector = Mapping[str, frozenset[str]]
    Zone = Callable[[Journey], bool]
    Counters = MutableMapping[CounterKey, int]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

EARLIEST = datetime.min.replace(tzinfo=ZoneInfo("UTC"))

COUNTERS = frozenset({"amount", "trips", "passengers"})
"""What limits count: cents, journeys, or seats."""

SCOPES = frozenset({"driver", "passenger", "trip", "global"})
"""Whose journeys a limit counts together; ``trip``: those in one car."""


@dataclass(frozen=True)
class Limit:
    """How much or how often a policy pays, at most."""

    counter: str
    period: str
    scope: str
    most: int
    priority: int

    @property
    def about(self) -> str:
        """Say what it bounds."""
        return f"{self.most} per {self.period}" + ("" if self.scope == "global" else f" and {self.scope}")

    def key(self, journey: Journey, day: str) -> CounterKey:
        """Return what counts for a journey of a local day (``2024-05-15``)."""
        return CounterKey(self.counter, self.period, self.scope, self._find(journey), self._name(journey, day))

    def _find(self, journey: Journey) -> str:
        """Return whose journeys are counted together."""
        match self.scope:
            case "driver":
                return journey.driver
            case "passenger":
                return journey.passenger
            case "trip":
                return journey.trip
        return ""

    def _name(self, journey: Journey, day: str) -> str:
        """Return which period a journey lies in."""
        match self.period:
            case "day":
                return day
            case "month":
                return day[:7]
            case "year":
                return day[:4]
            case "trip":
                return journey.trip
        return "campaign"


@dataclass(frozen=True)
class Booster:
    """Days on which a policy pays more."""

    multiplier: Fraction
    slices: tuple[Slice, ...] | None
    """Instead of the usual ones."""
    dates: frozenset[date]
    first: datetime | None
    """A stretch of time, in which only some communes count."""
    last: datetime | None
    communes: frozenset[str]

    def holds(self, journey: Journey, day: date) -> bool:
        """Tell whether it holds for a journey of a local day."""
        if day in self.dates:
            return True
        if self.first is None or self.last is None or not self.first <= journey.start_at <= self.last:
            return False
        return any(place.codes.get("com") in self.communes for place in (journey.start, journey.end))


@dataclass(frozen=True)
class Policy:
    """A policy, read and ready."""

    id: str
    zone: ZoneInfo
    first: datetime | None
    last: datetime | None
    classes: tuple[tuple[datetime, frozenset[str]], ...]
    """From which instant which classes of proof, in order."""
    operators: tuple[tuple[datetime, frozenset[str]], ...]
    """Likewise; empty: any."""
    zones: tuple[tuple[str, Zone], ...]
    adult_only: bool
    weekdays_off: frozenset[int]
    contribution_from: datetime | None
    min_metres: int
    end_metres: int | None
    """Not included."""
    mode: str
    slices: tuple[Slice, ...]
    versions: tuple[tuple[datetime, tuple[Slice, ...]], ...]
    """Slices of journeys before an instant, the earliest first."""
    expression: Worked | None
    booster: Booster | None
    top_up: bool
    limits: tuple[Limit, ...]

    def award(self, journey: Journey, counters: Counters) -> Award:
        """Work out what a journey is paid, and count it.

        Journeys are given in the order of their departure; `counters` holds what was counted before and is changed.
        """
        day = journey.start_at.astimezone(self.zone).date()
        excluded = self._exclude(journey, day)
        if excluded is not None:
            return Award(0, (excluded,))
        steps = []
        amount = self._formula(journey, day)
        steps.append(Step("formula", round_half_up(amount), f"{journey.metres} m, {journey.seats} seats"))
        if self.booster is not None and self.booster.slices is None and self.booster.holds(journey, day):
            amount *= self.booster.multiplier
            steps.append(Step("booster", round_half_up(amount), f"times {float(self.booster.multiplier):g} that day"))
        if self.top_up and journey.driver_revenue > amount:
            amount = Fraction(journey.driver_revenue)
            steps.append(Step("top_up", journey.driver_revenue, "raised to what the driver asked: the ride is free"))
        cents = max(0, round_half_up(amount))
        written = day.isoformat()
        for limit in self.limits:
            if cents == 0:
                break
            cents = self._limit(limit, limit.key(journey, written), cents, journey.seats, counters, steps)
        return Award(cents, tuple(steps))

    def _exclude(self, journey: Journey, day: date) -> Step | None:
        """Return why a journey is not paid at all."""
        at = journey.start_at
        if (self.first is not None and at < self.first) or (self.last is not None and at > self.last):
            return Step("not_in_force", 0, f"policy {self.id} is not in force on {day}")
        if self.operators and journey.operator not in _since(self.operators, at):
            return Step("operator", 0, f"{journey.operator} takes no part on {day}")
        if journey.metres < self.min_metres:
            return Step("too_short", 0, f"{journey.metres} m is less than {self.min_metres} m")
        if self.end_metres is not None and journey.metres >= self.end_metres:
            return Step("too_long", 0, f"{journey.metres} m is not less than {self.end_metres} m")
        if self.weekdays_off and day.weekday() in self.weekdays_off:
            return Step("weekday", 0, f"nothing is paid on a {WEEKDAYS[day.weekday()]}")
        return self._exclude_people(journey) or self._exclude_place(journey)

    def _exclude_people(self, journey: Journey) -> Step | None:
        at = journey.start_at
        if journey.proof not in _since(self.classes, at):
            return Step("class", 0, f"proofs of class {journey.proof} do not count then")
        if self.adult_only and not journey.adult:
            return Step("adult_only", 0, "only adults' journeys count")
        if self.contribution_from is not None and at >= self.contribution_from and journey.passenger_contribution <= 0:
            return Step("contribution", 0, "the passenger has to pay something")
        return None

    def _exclude_place(self, journey: Journey) -> Step | None:
        broken = next((rule for rule, holds in self.zones if not holds(journey)), None)
        return None if broken is None else Step("zone", 0, f"outside: {broken}")

    def _formula(self, journey: Journey, day: date) -> Fraction:
        if self.expression is not None:
            return self.expression(
                {
                    "distance_m": journey.metres,
                    "seats": journey.seats,
                    "driver_revenue": journey.driver_revenue,
                    "passenger_contribution": journey.passenger_contribution,
                }
            )
        slices = next((found for before, found in self.versions if journey.start_at < before), self.slices)
        if self.booster is not None and self.booster.slices is not None and self.booster.holds(journey, day):
            slices = self.booster.slices
        pay = match_slice if self.mode == "match" else add_slices
        return pay(slices, journey.metres, journey.seats)

    @staticmethod
    def _limit(  # noqa: PLR0917 - by position, as it is called a million times
        limit: Limit, key: CounterKey, cents: int, seats: int, counters: Counters, steps: list[Step]
    ) -> int:
        """Cut an amount to what a limit leaves of it, and count it."""
        used = counters.get(key, 0)
        if limit.counter != "amount":
            if used >= limit.most:
                steps.append(
                    Step(f"{limit.counter}_limit", 0, f"{used} {limit.counter} are paid already, of {limit.about}")
                )
                return 0
            counters[key] = used + (seats if limit.counter == "passengers" else 1)
            return cents
        left = max(0, limit.most - used)
        if cents > left:
            steps.append(Step("amount_limit", left, f"{left} cents are left of {limit.about}"))
            cents = left
        counters[key] = used + cents
        return cents


def _since(steps: Sequence[tuple[datetime, frozenset[str]]], at: datetime) -> frozenset[str]:
    """Return what holds at an instant, of what holds from instants on."""
    index = bisect_right(steps, at, key=lambda one: one[0])
    return steps[index - 1][1] if index else frozenset()


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_policy(name: str, raw: Mapping[str, Any], *, territory: Mapping[str, Sequence[str]] | None = None) -> Policy:
    """Read a policy's document.

    Parameters
    ----------
    territory : mapping, optional
        Selector of the territory whose policy it is: journeys start or end there.

    Raises
    ------
    InvalidInput
        When something in it cannot be read; the sentence names the policy and the part.
    """
    try:
        return _read(name, raw, territory)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"policy {name!r} cannot be read: {type(error).__name__} {error}") from None
    except InvalidInput as error:
        raise InvalidInput(f"policy {name!r}: {error}") from None


def _read(name: str, raw: Mapping[str, Any], territory: Mapping[str, Sequence[str]] | None) -> Policy:
    props = raw.get("props", {})
    formula = raw["formula"]
    if formula["mode"] not in {"sum", "match", "expression"}:
        raise InvalidInput(f"formula.mode {formula['mode']!r} is none of sum, match, expression")
    zones = [(one["rule"], _read_zone(one, props)) for one in raw.get("zones", [])]
    if territory is not None:
        zones.insert(0, ("territory", _read_zone({"rule": "start_or_end_in", "selector": territory}, props)))
    classes = [(EARLIEST, frozenset(raw["classes"]))]
    classes += [(_instant(one["from"]), frozenset(one["classes"])) for one in raw.get("classes_versions", [])]
    return Policy(
        id=name,
        zone=ZoneInfo(raw.get("timezone", "Europe/Paris")),
        first=_instant(raw["from"]) if raw.get("from") else None,
        last=_instant(raw["until"]) if raw.get("until") else None,
        classes=tuple(sorted(classes, key=lambda one: one[0])),
        operators=tuple(
            sorted(
                ((_instant(one["from"]), frozenset(one["operators"])) for one in raw.get("operators", [])),
                key=lambda one: one[0],
            )
        ),
        zones=tuple(zones),
        adult_only=bool(raw.get("adult_only", False)),
        weekdays_off=frozenset(WEEKDAYS.index(one) for one in raw.get("exclude_weekdays", [])),
        contribution_from=_instant(at) if (at := raw.get("require_positive_contribution_from")) else None,
        min_metres=raw.get("distance_min_m") or 0,
        end_metres=raw.get("distance_max_m_exclusive"),
        mode=formula["mode"],
        slices=read_slices(formula.get("slices", [])),
        versions=tuple(
            sorted(
                ((_instant(one["before"]), read_slices(one["slices"])) for one in raw.get("versions", [])),
                key=lambda one: one[0],
            )
        ),
        expression=read_expression(formula["expression"]) if formula["mode"] == "expression" else None,
        booster=_read_booster(raw["booster"], props) if raw.get("booster") else None,
        top_up=bool(raw.get("top_up_to_driver_revenue", False)),
        limits=_read_limits(raw.get("limits", [])),
    )


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise InvalidInput(f"{text!r} has no offset from UTC")
    return instant


def _meant(value: Any, props: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the document holds there
    """Follow a reference into the policy's own props."""
    if isinstance(value, str) and value.startswith("props."):
        return props[value.removeprefix("props.")]
    return value


def _read_limits(raw: Sequence[Mapping[str, Any]]) -> tuple[Limit, ...]:
    limits = [Limit(one["counter"], one["period"], one["scope"], one["max"], one["priority"]) for one in raw]
    for one in limits:
        if one.counter not in COUNTERS or one.scope not in SCOPES:
            raise InvalidInput(f"a limit of {one.counter} per {one.scope} is not known")
        if one.period not in {"trip", "day", "month", "year", "campaign"} or one.most < 0:
            raise InvalidInput(f"a limit of {one.most} per {one.period} is not known")
    return tuple(sorted(limits, key=lambda one: one.priority))


def _read_booster(raw: Mapping[str, Any], props: Mapping[str, Any]) -> Booster:
    dates = _meant(raw.get("dates", []), props)
    period = _meant(raw.get("zone_period"), props)
    return Booster(
        exact(raw.get("multiplier", 1)),
        read_slices(raw["slices"]) if "slices" in raw else None,
        frozenset(date.fromisoformat(one) for one in ([] if isinstance(dates, str) else dates)),
        _instant(period["start_date"]) if period else None,
        _instant(period["end_date"]) if period else None,
        frozenset(period["coms"]) if period else frozenset(),
    )


def _read_zone(raw: Mapping[str, Any], props: Mapping[str, Any]) -> Zone:  # noqa: C901, PLR0911 - a table of rules
    rule = raw["rule"]
    if rule == "any_of":
        rules = [_read_zone(one, props) for one in raw["rules"]]
        return lambda journey: any(one(journey) for one in rules)
    if rule == "not_same":
        field, spared = raw["field"], frozenset(raw.get("except", []))
        return lambda journey: (
            journey.start.codes.get(field) != journey.end.codes.get(field) or journey.start.codes.get(field) in spared
        )
    if rule == "not_start_and_end_inside_polygon":
        area = prep(shape(_meant(raw["polygon"], props)))
        return lambda journey: not (_covers(area, journey.start) and _covers(area, journey.end))
    selector = {key: frozenset(map(str, codes)) for key, codes in _meant(raw["selector"], props).items()}

    def start(journey: Journey) -> bool:
        return _is_in(journey.start, selector)

    def end(journey: Journey) -> bool:
        return _is_in(journey.end, selector)

    match rule:
        case "start_in":
            return start
        case "end_in":
            return end
        case "start_not_in":
            return lambda journey: not start(journey)
        case "end_not_in":
            return lambda journey: not end(journey)
        case "start_and_end_in":
            return lambda journey: start(journey) and end(journey)
        case "start_or_end_in":
            return lambda journey: start(journey) or end(journey)
        case "not_start_and_end_in":
            return lambda journey: not (start(journey) and end(journey))
        case "not_start_or_end_in":
            return lambda journey: not (start(journey) or end(journey))
    raise InvalidInput(f"the zone rule {rule!r} is not known")


def _is_in(place: Place, selector: Selector) -> bool:
    return any(place.codes.get(key) in codes for key, codes in selector.items())


def _covers(area: Any, place: Place) -> bool:  # noqa: ANN401 - shapely's prepared geometry has no type
    return place.point is not None and bool(area.covers(ShapelyPoint(place.point.lon, place.point.lat)))
