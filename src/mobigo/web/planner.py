"""From the planner's answer to what the page shows: names as typed, waits worth saying, colours, the map's data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.fares.explain import say, say_money
from mobigo.journeys.model import Booked, Mode
from mobigo.web.colours import paint
from mobigo.web.words import full_minute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from mobigo.journeys.model import Journey, Leg, Line, Plan, Step, ToBook
    from mobigo.journeys.pricing import Priced
    from mobigo.transit.live import Alert
    from mobigo.web.colours import Paint
    from mobigo.web.question import Question
    from mobigo.web.words import Words

WORTH_SAYING = timedelta(minutes=2)
"""A wait shorter than this is part of changing."""


@dataclass(frozen=True)
class LegView:
    """A leg as it is listed."""

    leg: Leg
    start: str
    end: str
    paint: int
    """Index of the line's colours; -1 on foot."""
    wait: timedelta | None
    """Before this leg, when it is worth saying."""


@dataclass(frozen=True)
class JourneyView:
    """A journey as it is listed."""

    journey: Journey
    legs: tuple[LegView, ...]
    on_foot: float
    """Metres."""

    @property
    def quotes(self) -> str:
        """What its rides on demand that are booked here are booked with, a space between two; empty without any."""
        return " ".join(one.quote for one in self._on_demand if one.quote)

    @property
    def price_cents(self) -> int | None:
        """Price of all rides on demand; None: free or unknown."""
        known = [one.price_cents for one in self._on_demand if one.price_cents is not None]
        return sum(known) if known else None

    @property
    def _on_demand(self) -> list[ToBook]:
        bookings = [leg.booking for leg in self.journey.legs if leg.booking]
        return [one for one in bookings if one.kind is Booked.ON_DEMAND]

    @property
    def alone(self) -> str:
        """Mode of a journey without any vehicle of public transport: its longest leg's."""
        longest: Mode = max(self.journey.legs, key=lambda leg: leg.arrival - leg.departure).mode
        return longest

    @property
    def trouble(self) -> str | None:
        """What breaks the journey, by live data: ``canceled``, ``missed``."""
        return next(
            (what for what in ("canceled", "missed") if any(getattr(leg, what) for leg in self.journey.legs)), None
        )

    @property
    def late(self) -> timedelta | None:
        """How much later than by the timetable the last vehicle arrives, when it is worth saying."""
        known = [leg for leg in self.journey.legs if leg.planned_arrival]
        late = known[-1].arrival - known[-1].planned_arrival if known and known[-1].planned_arrival else timedelta()
        return late if late >= WORTH_SAYING else None

    @property
    def arrival(self) -> datetime:
        """The full minute by which it has arrived."""
        return full_minute(self.journey.arrival)

    @property
    def lasting(self) -> timedelta:
        """Between the two minutes shown."""
        return self.arrival - self.journey.departure.replace(second=0, microsecond=0)

    @property
    def days(self) -> int:
        """Midnights between departure and arrival."""
        return (self.arrival.date() - self.journey.departure.date()).days


class FareLine(NamedTuple):
    """One thing that is paid, or used."""

    amount: str
    text: str


class FareView(NamedTuple):
    """What a journey costs, in words."""

    total: str
    complete: bool
    demonstration: bool
    lines: tuple[FareLine, ...]


def view_fare(priced: Priced, language: str) -> FareView:
    """Put a price into words."""
    found, _, shelf = priced

    def money(cents: int) -> str:
        return say_money(cents, found.currency, language).replace(" ", "\u00a0")

    return FareView(
        money(found.cents),
        found.complete,
        any(shelf.book_of(item.version).catalogue.demonstration for item in found.items),
        tuple(
            FareLine(
                money(item.cents), " ".join(say(shelf.book_of(item.version), item, why, language) for why in item.why)
            )
            for item in found.items
        ),
    )


@dataclass(frozen=True)
class PlanView:
    """All the journeys, and their lines' colours in the order of `LegView.paint`."""

    journeys: tuple[JourneyView, ...]
    paints: tuple[Paint, ...]


def view_plan(plan: Plan, question: Question) -> PlanView:
    """Prepare an answer for the page."""
    lines: dict[Line, int] = {}
    journeys = tuple(
        JourneyView(
            journey,
            tuple(_view_legs(journey.legs, question, lines)),
            sum(leg.metres or 0 for leg in journey.legs if leg.mode is Mode.WALK),
        )
        for journey in plan.journeys
    )
    return PlanView(journeys, tuple(paint(line.color, line.text_color) for line in lines))


def _view_legs(legs: Sequence[Leg], question: Question, lines: dict[Line, int]) -> Iterable[LegView]:
    before: datetime | None = None
    for place, leg in enumerate(legs):
        wait = leg.departure - before if before else timedelta()
        yield LegView(
            leg,
            question.origin.text if place == 0 and leg.start.stop_id is None else leg.start.name,
            question.destination.text if place == len(legs) - 1 and leg.end.stop_id is None else leg.end.name,
            lines.setdefault(leg.line, len(lines)) if leg.line else -1,
            wait if wait >= WORTH_SAYING and not leg.stay_seated else None,
        )
        before = leg.arrival


def say_alerts(alerts: Mapping[str, Alert], language: str) -> dict[str, dict[str, str]]:
    """Write messages in one language, else in whichever there is."""

    def said(texts: Mapping[str, str]) -> str:
        return texts.get(language) or texts.get("") or next(iter(texts.values()), "")

    return {name: {"header": said(one.header), "description": said(one.description)} for name, one in alerts.items()}


def step_text(step: Step, words: Words) -> str:
    """Say one instruction of a walk; a direction without words of its own is going on."""
    key = f"step.{step.direction.lower()}"
    if words.find(key) is None:
        key = "step.continue"
    return words(f"{key}.on", street=step.street) if step.street else words(key)


def map_journeys(view: PlanView) -> list[dict[str, Any]]:
    """List what the map draws of each journey: coordinates to a metre, and the colours of the list."""
    return [
        {
            "legs": [
                {
                    "coordinates": [[round(lon, 5), round(lat, 5)] for lon, lat in one.leg.geometry],
                    "color": view.paints[one.paint].ground if one.paint >= 0 else None,
                    "name": one.leg.line.name if one.leg.line else None,
                    "from": one.start,
                    "to": one.end,
                }
                for one in shown.legs
            ],
        }
        for shown in view.journeys
    ]
