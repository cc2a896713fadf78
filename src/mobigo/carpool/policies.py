"""Rules of pay as documents: by run (the regional lines), by journey (as national campaigns), and the legal bound.

All are data: dated, and written in revisions (`mobigo.carpool.policies_store`). A run is paid by the rule of its line
and by every rule of journeys that is in force on its day, together never above the legal bound.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, time
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, Self

from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, TypeAdapter, ValidationError, model_validator

from mobigo.carpool.amounts import exact
from mobigo.carpool.policy import WEEKDAYS, Policy, read_policy
from mobigo.carpool.runs import Extra, Kilometres, RunRule
from mobigo.kit.errors import InvalidInput
from mobigo.kit.parameters import Day

MOST_CENTS = 1_000_000
"""Of one amount in a rule: ten thousand euros are an error."""

TIME = r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$"

ALWAYS = "2000-01-01"
"""A day before which nobody carpooled."""

Cents = Annotated[float, Field(strict=True, ge=0, le=MOST_CENTS, allow_inf_nan=False)]
Class = Literal["A", "B", "C"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$")]


class _Dated(BaseModel):
    """What every rule says."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Annotated[str, Field(pattern=r"^[^\x00]*$", min_length=1, max_length=200)]
    first: Annotated[Day, Field(alias="from", description="First day of departure that it holds for.")]
    last: Annotated[Day | None, Field(alias="until", description="Last day; null: without end.")] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"it ends on {self.last}, before it begins on {self.first}")
        return self


class Window(BaseModel):
    """Hours of departure that are paid."""

    model_config = ConfigDict(extra="forbid")

    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    first: Annotated[str, Field(pattern=TIME, description="Local time", examples=["06:30"])]
    last: Annotated[str, Field(pattern=TIME, description="Not included", examples=["09:00"])]


class RunPolicyBody(_Dated):
    """Pays the driver by run: kilometres with somebody aboard, and additional passengers."""

    kind: Literal["run"] = "run"
    lines: Annotated[
        list[Word] | None, Field(max_length=500, description="Ids of the lines that it is for; null: all of them.")
    ] = None
    per_loaded_km_cents: Cents = 10
    per_extra_passenger_cents: Cents = 100
    extra_passenger_starts_at: Annotated[StrictInt, Field(ge=1, le=8)] = 2
    max_paid_extra_passengers: Annotated[StrictInt | None, Field(ge=0, le=8, description="null: no bound.")] = 3
    passenger_price_cents: Annotated[StrictInt, Field(ge=0, le=MOST_CENTS, description="Of a seat, to the Region.")] = (
        150
    )
    km_basis: Kilometres = Kilometres.LOADED
    extra_basis: Extra = Extra.RUN
    count: Annotated[
        Literal["seats", "bookings"], Field(description="What a passenger is: a seat, or a booking of several.")
    ] = "seats"
    pay_empty: Annotated[StrictBool, Field(description="Also where nobody rode (R.3132-4).")] = False
    only_line_stops: Annotated[
        StrictBool, Field(description="Passengers count only from a stop of the line to another one.")
    ] = True
    classes: Annotated[list[Class], Field(min_length=1, max_length=3, description="Proofs that count.")] = [
        "A",
        "B",
        "C",
    ]
    windows: Annotated[list[Window], Field(max_length=50, description="Hours that are paid; empty: all.")] = []


class JourneyPolicyBody(_Dated):
    """Pays the driver for each passenger's journey, as the national campaigns do."""

    kind: Literal["journey"]
    policy: Annotated[dict[str, Any], Field(description="As `/v1/carpool/policies/schema` describes it.")]


class CapPolicyBody(_Dated):
    """Bounds what a driver gets for a run: his costs (R.3132-3), but for two short runs a day (D.3132-5)."""

    kind: Literal["legal_cap"]
    cost_rate_cents_per_km: Annotated[float, Field(strict=True, gt=0, le=1_000, allow_inf_nan=False)]


PolicyBody = Annotated[RunPolicyBody | JourneyPolicyBody | CapPolicyBody, Field(discriminator="kind")]
"""The document of a rule."""

_ADAPTER: TypeAdapter[RunPolicyBody | JourneyPolicyBody | CapPolicyBody] = TypeAdapter(PolicyBody)


# ── rules, read and ready ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Rule:
    """A rule in force from a day to another."""

    id: str
    revision: int
    """0: as shipped."""
    first: date
    last: date | None

    @property
    def name(self) -> str:
        """Which rule in which wording."""
        return f"{self.id}@{self.revision}"

    def holds(self, day: date) -> bool:
        """Tell whether it is in force on a day."""
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True)
class LineRule(_Rule):
    """Pays runs of lines."""

    lines: frozenset[str] | None
    terms: RunRule
    by_booking: bool
    only_line_stops: bool
    classes: frozenset[str]
    windows: tuple[tuple[frozenset[int], time, time], ...]


@dataclass(frozen=True)
class JourneyRule(_Rule):
    """Pays journeys."""

    policy: Policy


@dataclass(frozen=True)
class CapRule(_Rule):
    """Bounds what runs are paid."""

    cents_per_km: Fraction


Rule = LineRule | JourneyRule | CapRule


@dataclass(frozen=True)
class Rules:
    """All rules there are."""

    lines: tuple[LineRule, ...]
    journeys: tuple[JourneyRule, ...]
    caps: tuple[CapRule, ...]

    def find_line_rule(self, line: str, day: date) -> LineRule | None:
        """Return the rule that pays a run of a line on a day; that for this line rather than that for all."""
        found = [one for one in self.lines if one.holds(day) and (one.lines is None or line in one.lines)]
        return min(found, key=lambda one: (one.lines is None, one.id), default=None)

    def list_journey_rules(self, day: date) -> list[JourneyRule]:
        """List the rules of journeys in force on a day."""
        return [one for one in self.journeys if one.holds(day)]

    def find_cap(self, day: date) -> CapRule | None:
        """Return the legal bound of a day: the strictest there is."""
        return min((one for one in self.caps if one.holds(day)), key=lambda one: one.cents_per_km, default=None)


def collect(rules: Iterable[Rule]) -> Rules:
    """Sort rules by what they do."""
    found = sorted(rules, key=lambda one: one.id)
    return Rules(
        tuple(one for one in found if isinstance(one, LineRule)),
        tuple(one for one in found if isinstance(one, JourneyRule)),
        tuple(one for one in found if isinstance(one, CapRule)),
    )


def read_rule(id_: str, revision: int, document: Mapping[str, Any]) -> Rule:
    """Read the document of a rule.

    Raises
    ------
    InvalidInput
        When something in it cannot be (``invalid_policy``); the sentence names the part.
    """
    try:
        body = _ADAPTER.validate_python(document)
    except ValidationError as error:
        first, *more = error.errors()
        place = ".".join(str(part) for part in first["loc"]) or "kind"
        rest = f" (and {len(more)} more)" if more else ""
        raise InvalidInput(f"policy {id_!r}: {place}: {first['msg']}{rest}", code="invalid_policy") from None
    return build_rule(id_, revision, body)


def read_loose(id_: str, document: object) -> Rule:
    """Read a rule that somebody wrote for itself: as `read_rule`, or a bare policy of runs or of journeys."""
    if not isinstance(document, dict):
        raise InvalidInput(f"policy {id_!r} is no JSON object", code="invalid_policy")
    if "kind" in document:
        return read_rule(id_, 0, document)
    if "formula" in document:
        return read_rule(id_, 0, {"kind": "journey", "name": id_, "from": ALWAYS, "policy": document})
    known = {name: document[name] for name in RunPolicyBody.model_fields if name in document}
    if isinstance(price := document.get("passenger_price"), dict):
        known["passenger_price_cents"] = price.get("cents", 150)
    if not known:
        raise InvalidInput(
            f"policy {id_!r} has neither kind, formula nor anything of a rule of runs", code="invalid_policy"
        )
    return read_rule(id_, 0, {"kind": "run", "name": id_, "from": ALWAYS, **known})


def build_rule(id_: str, revision: int, body: RunPolicyBody | JourneyPolicyBody | CapPolicyBody) -> Rule:
    """Make a rule of a document that was read; as `read_rule`."""
    match body:
        case RunPolicyBody():
            return _build_line_rule(id_, revision, body)
        case JourneyPolicyBody():
            _check_journey_document(id_, body.policy)
            return JourneyRule(id_, revision, body.first, body.last, read_policy(id_, body.policy))
    return CapRule(id_, revision, body.first, body.last, exact(body.cost_rate_cents_per_km))


def _build_line_rule(id_: str, revision: int, body: RunPolicyBody) -> LineRule:
    terms = replace(
        RunRule(),
        per_km=exact(body.per_loaded_km_cents),
        per_extra=exact(body.per_extra_passenger_cents),
        extra_starts_at=body.extra_passenger_starts_at,
        most_extra=body.max_paid_extra_passengers,
        kilometres=body.km_basis,
        extra=body.extra_basis,
        fare=body.passenger_price_cents,
        pay_empty=body.pay_empty,
    )
    windows = tuple(
        (
            frozenset(WEEKDAYS.index(day) for day in one.weekdays),
            time.fromisoformat(one.first),
            time.fromisoformat(one.last),
        )
        for one in body.windows
    )
    return LineRule(
        id=id_,
        revision=revision,
        first=body.first,
        last=body.last,
        lines=None if body.lines is None else frozenset(body.lines),
        terms=terms,
        by_booking=body.count == "bookings",
        only_line_stops=body.only_line_stops,
        classes=frozenset(body.classes),
        windows=windows,
    )


def _check_journey_document(id_: str, document: Mapping[str, Any]) -> None:
    error = next(iter(_validator().iter_errors(document)), None)
    if error is not None:
        place = ".".join(str(part) for part in error.absolute_path) or "policy"
        raise InvalidInput(f"policy {id_!r}: {place}: {error.message[:200]}", code="invalid_policy")


def read_schema() -> dict[str, Any]:
    """Return the JSON Schema of rules of journeys."""
    found: dict[str, Any] = json.loads(resources.files(__package__).joinpath("policy.schema.json").read_bytes())
    return found


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(read_schema())
