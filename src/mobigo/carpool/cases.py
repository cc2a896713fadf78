"""Worked cases of policies, read from files and evaluated: what ``mobigo carpool evaluate`` does.

A file holds ``policies`` with ``incentive_cases`` (journeys under a policy, with what was counted before), or a
regional ``policy`` with ``cases`` (runs), ``legal_cap`` and ``local_policy``; or both.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from mobigo.carpool.amounts import exact
from mobigo.carpool.model import CounterKey, Journey, Place
from mobigo.carpool.policy import read_policy
from mobigo.carpool.runs import DEFAULT, READINGS, Costs, Extra, Kilometres, Passenger, RunRule, award_run, cap
from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mobigo.carpool.policy import Policy

    Raw = Mapping[str, Any]

Context = TypeVar("Context")

OVERRIDES = {"territory_selector", "max_amount_cents", "booster_dates"}
"""What a case may say in place of its policy."""


def evaluate(document: object, reading: str = "default") -> list[dict[str, Any]]:
    """Evaluate every case of a document, in its order.

    Raises
    ------
    InvalidInput
        When the document, a policy or a case cannot be read; the sentence names it.
    """
    if not isinstance(document, dict):
        raise InvalidInput("a file of cases is a JSON object with policies and incentive_cases, or policy and cases")
    known = [name for name in ("incentive_cases", "cases", "legal_cap", "local_policy") if name in document]
    if not known:
        raise InvalidInput(
            f"no cases in the file: it has {', '.join(document) or 'nothing'}; wanted are policies and"
            " incentive_cases, or policy with cases, legal_cap or local_policy"
        )
    with _reading("the document"):
        _check_objects(document, ("policy", "policies", "places", "legal_cap", "local_policy"))
        rule = read_rule(document.get("policy", {}), reading)
        local = document.get("local_policy")
        policy = None if local is None else read_local(local["policy"])
    found = [_named(case, _evaluate_journeys, document) for case in _list_cases(document, "incentive_cases")]
    found += [_named(case, _evaluate_run, rule) for case in _list_cases(document, "cases")]
    found += [_named(case, _evaluate_cap, rule) for case in _list_cases(document.get("legal_cap", {}), "cases")]
    if local is not None and policy is not None:
        found += [_named(case, _evaluate_local, policy) for case in _list_cases(local, "cases")]
    return found


def _check_objects(document: Raw, names: Sequence[str]) -> None:
    for name in names:
        if not isinstance(document.get(name, {}), dict):
            raise InvalidInput(f"{name} is a JSON object, and {document[name]!r:.60} is none")


def _list_cases(document: Raw, name: str) -> list[Raw]:
    cases = document.get(name, [])
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise InvalidInput(f"{name} is a list of JSON objects, one per case; {cases!r:.60} is none")
    return cases


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Let whatever cannot be read be told by its place."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{what}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, IndexError) as error:
        raise InvalidInput(f"{what} cannot be read: {type(error).__name__} {error}") from None


def _named(case: Raw, work_out: Callable[[Context, Raw], dict[str, Any]], context: Context) -> dict[str, Any]:
    """Evaluate a case; an error names it."""
    name = case.get("id") or case.get("od")
    with _reading(f"case {name!r}"):
        return {"id": name, **work_out(context, case)}


# ── journeys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _evaluate_journeys(document: Raw, case: Raw) -> dict[str, Any]:
    policies, places = document.get("policies", {}), document.get("places", {})
    if case["policy"] not in policies:
        raise InvalidInput(f"there is no policy {case['policy']!r} in the file")
    policy = _override(case["policy"], policies[case["policy"]], case.get("policy_overrides") or {})
    counters = {_key(one): int(one["value"]) for one in case.get("counters_before", [])}
    awards = [policy.award(_journey(one, places), counters) for one in case["journeys"]]
    return {
        "cents": [award.cents for award in awards],
        "counters": [
            _counter(key, value) for key, value in sorted(counters.items()) if key.counter == "amount" and value
        ],
        "because": [[step._asdict() for step in award.steps] for award in awards],
    }


def _override(name: str, raw: Raw, overrides: Raw) -> Policy:
    """Read a policy with what a case says in its place."""
    unknown = sorted(set(overrides) - OVERRIDES)
    if unknown:
        raise InvalidInput(f"policy_overrides names {', '.join(unknown)}; known are {', '.join(sorted(OVERRIDES))}")
    changed = dict(raw)
    if "booster_dates" in overrides:
        changed["booster"] = {**(raw.get("booster") or {}), "dates": overrides["booster_dates"]}
    if "max_amount_cents" in overrides:
        whole = ("amount", "campaign", "global")
        changed["limits"] = [
            {**one, "max": overrides["max_amount_cents"]}
            if (one["counter"], one["period"], one["scope"]) == whole
            else one
            for one in raw.get("limits", [])
        ]
    return read_policy(name, changed, territory=overrides.get("territory_selector"))


def _key(raw: Raw) -> CounterKey:
    return CounterKey(raw["counter"], raw["period"], raw["scope"], raw.get("person", ""), raw["key"])


def _counter(key: CounterKey, value: int) -> dict[str, Any]:
    whole = key._asdict() | {"value": value}
    return {name: one for name, one in whole.items() if name != "person" or one}


def _journey(raw: Raw, places: Mapping[str, Raw]) -> Journey:
    start_at = datetime.fromisoformat(raw["datetime"])
    if start_at.tzinfo is None:
        raise InvalidInput(f"journey {raw['journey_id']!r} starts at {raw['datetime']!r}, which has no offset")
    if raw["distance_m"] < 0 or raw["seats"] < 0:
        raise InvalidInput(f"journey {raw['journey_id']!r} has a negative distance or number of seats")
    return Journey(
        id=raw["journey_id"],
        trip=raw["operator_trip_id"],
        operator=raw["operator"],
        proof=raw["class"],
        start_at=start_at,
        metres=raw["distance_m"],
        seats=raw["seats"],
        driver=raw["driver"],
        passenger=raw["passenger"],
        adult=raw["passenger_is_over_18"],
        driver_revenue=raw["driver_revenue_cents"],
        passenger_contribution=raw["passenger_contribution_cents"],
        start=_place(raw, "start", places),
        end=_place(raw, "end", places),
    )


def _place(raw: Raw, end: str, places: Mapping[str, Raw]) -> Place:
    codes = places[raw[end]] if isinstance(raw[end], str) else raw[end]
    lat, lon = raw.get(f"{end}_lat"), raw.get(f"{end}_lon")
    point = Point(lon, lat) if lat is not None and lon is not None else None
    return Place({key: str(code) for key, code in codes.items()}, point)


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_rule(raw: Raw, reading: str) -> RunRule:
    """Read the regional rule from its document, in one of its readings (a name of `READINGS`, or how it begins)."""
    names = [name for name in READINGS if name == reading.split(" ", maxsplit=1)[0]]
    if not names:
        raise InvalidInput(f"there is no reading {reading!r}; there are {', '.join(READINGS)}")
    written = replace(
        DEFAULT,
        per_km=exact(raw.get("per_loaded_km_cents", DEFAULT.per_km)),
        per_extra=exact(raw.get("per_extra_passenger_cents", DEFAULT.per_extra)),
        extra_starts_at=raw.get("extra_passenger_starts_at", DEFAULT.extra_starts_at),
        most_extra=raw.get("max_paid_extra_passengers", DEFAULT.most_extra),
        kilometres=Kilometres(raw.get("km_basis", DEFAULT.kilometres)),
        extra=Extra(raw.get("extra_basis", DEFAULT.extra)),
        pay_empty=bool(raw.get("pay_empty", DEFAULT.pay_empty)),
        fare=raw.get("passenger_price", {}).get("cents", DEFAULT.fare),
    )
    other = READINGS[names[0]]
    differing = {
        name: getattr(other, name)
        for name in ("extra_starts_at", "kilometres", "extra")
        if getattr(other, name) != getattr(DEFAULT, name)
    }
    return replace(written, **differing)


def _evaluate_run(rule: RunRule, case: Raw) -> dict[str, Any]:
    passengers = [
        Passenger(one["seats"], one["board_m"], one["alight_m"], one["validated"]) for one in case["passengers"]
    ]
    for one in passengers:
        if not 0 <= one.board <= one.alight:
            raise InvalidInput(f"a passenger gets off at {one.alight} m, before getting on at {one.board} m")
    award = award_run(rule, case["driver_run_m"], passengers)
    return {
        "driver_cents": award.driver,
        "passengers_pay_cents_total": award.passengers,
        "region_net_cost_cents": award.region,
        "because": [step._asdict() for step in award.steps],
    }


def _evaluate_cap(rule: RunRule, case: Raw) -> dict[str, Any]:
    metres = exact(case["distance_km"]) * 1000
    if metres.denominator != 1:
        raise InvalidInput(f"{case['distance_km']} km is no whole number of metres")
    before = case.get("allocation_before_cap_cents")
    if before is None:
        extra = case.get("extra_passengers", 0)
        aboard = [Passenger(1, 0, int(metres), validated=True)] * (extra + rule.extra_starts_at - 1)
        before = award_run(rule, int(metres), aboard).driver
    costs = Costs(
        exact(case["cost_rate_cents_per_km"]),
        case.get("toll_cents", 0),
        case.get("paid_by_passengers_to_driver_cents", 0),
    )
    cents, derogated = cap(
        before, int(metres), costs, short_runs_today=case.get("driver_runs_already_derogated_today", 0)
    )
    return {"cents": [cents], "derogation_applies": derogated}


# ── a local rule in the short form of the press ───────────────────────────────────────────────────────────────────────


def read_local(raw: Raw) -> Policy:
    """Read a policy written by slices of kilometres, per passenger and trip."""
    slices = []
    for one in raw["slices"]:
        start, end = one.get("from_km", 0), one.get("to_km")
        slices.append(
            {
                "from_m": _metres(start),
                "to_m": None if end is None else _metres(end),
                "per_seat_cents": one.get("fixed_cents", 0),
                "per_seat_per_km_cents": one.get("per_km_cents", 0),
                "km_from_m": _metres(one.get("km_from", start)),
                "km_to_m": None if end is None else _metres(end),
            }
        )
    document: dict[str, Any] = {"classes": ["A", "B", "C"], "formula": {"mode": "sum", "slices": slices}}
    if raw.get("max_cents") is not None:
        most = {"counter": "amount", "period": "trip", "scope": "passenger", "max": raw["max_cents"], "priority": 10}
        document["limits"] = [most]
    return read_policy(str(raw.get("id", "local")), document)


def _metres(kilometres: float) -> int:
    return int(exact(kilometres) * 1000)


def _evaluate_local(policy: Policy, case: Raw) -> dict[str, Any]:
    nowhere = Place({})
    journey = Journey(
        id=str(case.get("id", case.get("od"))),
        trip="1",
        operator="",
        proof="C",
        start_at=datetime.fromisoformat(case.get("datetime", "2024-09-02T07:00:00+02:00")),
        metres=_metres(case["km"]),
        seats=case.get("seats", 1),
        driver="driver",
        passenger="passenger",
        adult=True,
        driver_revenue=0,
        passenger_contribution=0,
        start=nowhere,
        end=nowhere,
    )
    cents = policy.award(journey, {}).cents
    return {"cents": [cents], "driver_cents": cents}
