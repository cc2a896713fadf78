"""Taxis where nothing else goes: a register that somebody keeps, and what a ride costs by the decree it names.

The register is a file that is loaded whole: whom one calls, where they drive, and the tariffs of a prefecture's decree
(A by day and B by night with passengers on the way back, C and D with an empty way back; B and D on Sundays and public
holidays too). What it says is an estimate: traffic, luggage and the meter are left out.
"""

import tomllib
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mobigo.journeys.model import Leg, Taken
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.geo import Point, haversine
from mobigo.kit.holidays import is_public_holiday
from mobigo.kit.units import Cents

FILE = "taxis.toml"
"""Of a home."""
MOST_BYTES = 4 << 20
SUNDAY = 6

_Cents = Annotated[int, Field(ge=0, le=100_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tariffs(_Strict):
    """What a decree fixes, in cents."""

    pick_up: _Cents
    minimum: _Cents
    a: _Cents
    """By kilometre."""
    b: _Cents
    c: _Cents
    d: _Cents
    night_from: time
    night_until: time


class Taxi(_Strict):
    """Whom one calls."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    phone: Annotated[str, Field(min_length=3, max_length=30)]
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    km: Annotated[float, Field(gt=0, le=300)]
    """How far from there they fetch and bring people, straight."""
    wait_minutes: Annotated[int, Field(ge=0, le=240)] = 15
    """From the call until the taxi is there."""
    empty_back: bool = True
    """They drive back without passengers: tariffs C and D."""
    wheelchair: bool = False


class Register(_Strict):
    """A register of taxis."""

    dated: date
    source: Annotated[str, Field(min_length=1, max_length=300)]
    example: bool = False
    """It names nobody who drives."""
    tariffs: Tariffs
    taxi: Annotated[tuple[Taxi, ...], Field(max_length=10_000)] = ()


@dataclass(frozen=True)
class Hire:
    """A taxi of a register."""

    taxi: Taxi
    register: Register

    @property
    def wait(self) -> int:
        """Seconds from the call until it is there."""
        return 60 * self.taxi.wait_minutes

    def tell(self, leg: Leg) -> Leg:
        """Say on a leg who drives, and what it is expected to cost."""
        tariff = name_tariff(self.register.tariffs, leg.departure, empty_back=self.taxi.empty_back)
        return replace(
            leg,
            taxi=Taken(
                name=self.taxi.name,
                phone=self.taxi.phone,
                wait=self.wait,
                estimate=estimate_fare(self.register.tariffs, tariff, leg.metres or 0.0),
                tariff=tariff,
                source=self.register.source,
                dated=self.register.dated,
                example=self.register.example,
            ),
        )


def name_tariff(tariffs: Tariffs, at: datetime, *, empty_back: bool) -> str:
    """Name the tariff of a ride that begins at a local instant: ``A`` to ``D``."""
    clock = at.time()
    if tariffs.night_from <= tariffs.night_until:
        night = tariffs.night_from <= clock < tariffs.night_until
    else:
        night = clock >= tariffs.night_from or clock < tariffs.night_until
    dear = night or at.weekday() == SUNDAY or is_public_holiday(at.date())
    return ("D" if dear else "C") if empty_back else ("B" if dear else "A")


def estimate_fare(tariffs: Tariffs, tariff: str, metres: float) -> Cents:
    """Reckon a ride: what getting in costs and each kilometre, at least the minimum; rounded once."""
    kilometre = {"A": tariffs.a, "B": tariffs.b, "C": tariffs.c, "D": tariffs.d}[tariff]
    return Cents(max(tariffs.minimum, round(tariffs.pick_up + kilometre * metres / 1000)))


# ── the register ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read_register(content: bytes) -> Register:
    """Read a register.

    Raises
    ------
    InvalidInput
        When it is no register; the message says what to correct.
    """
    try:
        raw: dict[str, Any] = tomllib.loads(content.decode())
        return Register.model_validate(raw)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the register of taxis is no TOML: {error}; correct it there") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"the register of taxis, {where}: {first['msg']}; correct it there") from None


def load_register(home: Path, content: bytes) -> Register:
    """Take a register into service, in place of the one before.

    Raises
    ------
    InvalidInput
        When it is no register.
    """
    if len(content) > MOST_BYTES:
        raise InvalidInput(f"{len(content):,} bytes are no register of taxis; at most {MOST_BYTES:,} are read")
    register = read_register(content)
    new = home / f"{FILE}.new"
    new.write_bytes(content)
    new.replace(home / FILE)
    return register


def remove_register(home: Path) -> None:
    """Offer no taxis any more.

    Raises
    ------
    NotFound
        When none is in service.
    """
    try:
        (home / FILE).unlink()
    except FileNotFoundError:
        raise NotFound("no register of taxis is in service; load one with `mobigo taxis load FILE`") from None


class Taxis:
    """The register of a home, looked up anew whenever it is asked for."""

    def __init__(self, home: Path) -> None:
        self._file = home / FILE
        self._stamp = -1
        self._register: Register | None = None

    def current(self) -> Register | None:
        """Return the register in service; None without one."""
        try:
            stamp = self._file.stat().st_mtime_ns
            if stamp != self._stamp:
                self._register, self._stamp = read_register(self._file.read_bytes()), stamp
        except FileNotFoundError:
            return None
        return self._register

    def find(self, point: Point, *, wheelchair: bool) -> Hire | None:
        """Find the taxi whose place is nearest, of those that come to a point; None where none does."""
        register = self.current()
        if register is None:
            return None
        reach = [
            (float(haversine(point, Point(one.lon, one.lat))), one)
            for one in register.taxi
            if one.wheelchair or not wheelchair
        ]
        near = min((pair for pair in reach if pair[0] <= 1000 * pair[1].km), key=lambda pair: pair[0], default=None)
        return None if near is None else Hire(near[1], register)
