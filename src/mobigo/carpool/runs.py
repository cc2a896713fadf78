"""The rule of the regional lines: per driver run, by kilometres with somebody aboard and additional passengers.

Each point that the public texts leave open is a parameter; the default reading is that of the Region's own words. Also
the legal bound on what a driver may receive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING

from mobigo.carpool.amounts import round_half_up
from mobigo.carpool.model import Step
from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence


class Kilometres(StrEnum):
    """Which kilometres are paid."""

    LOADED = "loaded"
    """Those with a passenger aboard, each once."""
    DRIVER_RUN = "driver_run"
    """All that the driver drove."""
    PER_PASSENGER = "per_passenger"
    """Those of each passenger."""


class Extra(StrEnum):
    """Which passengers are additional ones."""

    RUN = "run"
    """Of all seats of the run."""
    MAX_ONBOARD = "max_onboard"
    """Of the seats taken at once."""


@dataclass(frozen=True)
class RunRule:
    """What a run is paid; amounts in cents."""

    per_km: Fraction = Fraction(10)
    per_extra: Fraction = Fraction(100)
    extra_starts_at: int = 2
    """Which passenger is the first additional one."""
    most_extra: int | None = 3
    kilometres: Kilometres = Kilometres.LOADED
    extra: Extra = Extra.RUN
    fare: int = 150
    """What each passenger pays, per seat and trip."""
    pay_empty: bool = False


DEFAULT = RunRule()

READINGS = {
    "default": DEFAULT,
    "every_passenger_paid": replace(DEFAULT, extra_starts_at=1),
    "km_basis=driver_run": replace(DEFAULT, kilometres=Kilometres.DRIVER_RUN),
    "extra=max_simultaneous_on_board": replace(DEFAULT, extra=Extra.MAX_ONBOARD),
    "rpc_style_per_passenger_km": replace(DEFAULT, kilometres=Kilometres.PER_PASSENGER),
}
"""The other readings of the rule, by name."""


@dataclass(frozen=True)
class Passenger:
    """A booking of a run; metres from where the run begins."""

    seats: int
    board: int
    alight: int
    validated: bool


@dataclass(frozen=True)
class RunAward:
    """What a run costs whom, in cents."""

    driver: int
    passengers: int
    """What the passengers pay together, to the Region."""
    steps: tuple[Step, ...]

    @property
    def region(self) -> int:
        """What the Region pays in the end; negative: a surplus."""
        return self.driver - self.passengers


def award_run(rule: RunRule, metres: int, passengers: Sequence[Passenger]) -> RunAward:
    """Work out what a run is paid: passengers count once they are validated.

    Parameters
    ----------
    metres : int
        Of the whole run.
    """
    aboard = [one for one in passengers if one.validated and one.seats > 0]
    seats = sum(one.seats for one in aboard)
    if not seats and not rule.pay_empty:
        return RunAward(0, 0, (Step("nobody", 0, "no validated passenger"),))
    paid = {
        Kilometres.LOADED: loaded_metres(aboard),
        Kilometres.DRIVER_RUN: metres,
        Kilometres.PER_PASSENGER: sum(one.seats * (one.alight - one.board) for one in aboard),
    }[rule.kilometres]
    counted = seats if rule.extra is Extra.RUN else _most_aboard(aboard)
    extra = max(0, counted - rule.extra_starts_at + 1)
    bounded = extra if rule.most_extra is None else min(extra, rule.most_extra)
    ways = rule.per_km * paid / 1000
    driver = round_half_up(ways + rule.per_extra * bounded)
    steps = (
        Step("kilometres", round_half_up(ways), f"{paid / 1000:g} km at {float(rule.per_km) / 100:.2f} EUR"),
        Step("passengers", driver, f"{bounded} of {extra} additional passengers"),
    )
    return RunAward(driver, rule.fare * seats, steps)


def loaded_metres(passengers: Sequence[Passenger]) -> int:
    """Metres with somebody aboard, each once."""
    total = reached = 0
    for one in sorted(passengers, key=lambda one: one.board):
        begin = max(one.board, reached)
        total += max(0, one.alight - begin)
        reached = max(reached, one.alight)
    return total


def _most_aboard(passengers: Sequence[Passenger]) -> int:
    """Seats taken at once, at most; where one gets off another may get on."""
    changes = [(one.board, 1, one.seats) for one in passengers] + [(one.alight, 0, -one.seats) for one in passengers]
    return max(accumulate(seats for _, _, seats in sorted(changes)), default=0)


# ── the law ───────────────────────────────────────────────────────────────────────────────────────────────────────────

SHORT_METRES = 15_000
"""Below this the bound may be passed, ..."""

SHORT_RUNS_A_DAY = 2
"""... so often a day and driver (code des transports, D.3132-5)."""


@dataclass(frozen=True)
class Costs:
    """What a run costs its driver (R.3132-1): by the kilometre, and tolls."""

    cents_per_km: Fraction
    toll: int = 0
    paid_by_passengers: int = 0
    """To the driver."""


def cap(cents: int, metres: int, costs: Costs, *, short_runs_today: int) -> tuple[int, bool]:
    """Bound what an authority may pay a driver: his costs less what passengers paid him (R.3132-3).

    Parameters
    ----------
    short_runs_today : int
        Runs of that driver that passed the bound already that day.

    Returns
    -------
    tuple
        The cents that may be paid, and whether the derogation for short runs was used for it.
    """
    if metres < 0 or cents < 0:
        raise InvalidInput(f"a run of {metres} m for {cents} cents cannot be")
    costs_cents = costs.cents_per_km * metres / 1000 + costs.toll - costs.paid_by_passengers
    ceiling = max(0, costs_cents.numerator // costs_cents.denominator)
    if cents <= ceiling:
        return cents, False
    if metres < SHORT_METRES and short_runs_today < SHORT_RUNS_A_DAY:
        return cents, True
    return ceiling, False
