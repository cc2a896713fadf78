"""A carpool line as the staff writes it and as it is kept: JSON, read into `model.Line`."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from mobigo.carpool.model import Guarantee, Hours, Line, LineStop
from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point, haversine
from mobigo.parking.model import ParkingPlace

ROAD = 1.3
"""Roads are so many times as long as the straight line, where nobody says how long."""

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=r"^[^\x00-\x1f]+$")
]
Id = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Clock = Annotated[str, StringConstraints(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
Weekdays = Annotated[list[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1, max_length=7)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StopBody(_Body):
    """A stop, where people wait and cars stop: where it is, or which place of a register it is."""

    id: Id
    place: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")] | None = Field(
        None,
        description="Id of a carpool place of a loaded register: name and place are its own, where left out",
        examples=["21023-C-001"],
    )
    name: Name | None = None
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)
    metres: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="From the first stop; null for all: shared out of `length`, else estimated",
    )

    @property
    def point(self) -> Point:
        """Where it is."""
        assert self.lat is not None
        assert self.lon is not None
        return Point(self.lon, self.lat)

    def settle(self, places: Mapping[str, ParkingPlace]) -> "StopBody":
        """Return it with its name and place, if need be from the registers.

        Raises
        ------
        InvalidInput
            When there is no such place (``invalid_line``), or neither it nor the stop says where it is.
        """
        if self.place is not None and self.place not in places:
            raise InvalidInput(
                f"stop {self.id} is at the carpool place {self.place!r}, which no loaded register has;"
                " `/v1/carpool/carpool-places` lists them",
                code="invalid_line",
            )
        known = None if self.place is None else places[self.place]
        if known is None and None in {self.name, self.lat, self.lon}:
            raise InvalidInput(
                f"stop {self.id} needs a `name`, `lat` and `lon`, or the `place` of a register", code="invalid_line"
            )
        if known is None:
            return self
        here = self.lat is None or self.lon is None
        return self.model_copy(
            update={
                "name": self.name or known.name or known.commune or self.id,
                "lat": known.point.lat if here else self.lat,
                "lon": known.point.lon if here else self.lon,
            }
        )


class HoursBody(_Body):
    """When the line runs, every week."""

    weekdays: Weekdays = Field(description="0 is Monday")
    first: Clock = Field(examples=["06:30"])
    last: Clock = Field(examples=["09:00"])

    @model_validator(mode="after")
    def _forwards(self) -> "HoursBody":
        if self.first >= self.last:
            raise ValueError(
                f"the hours from {self.first} to {self.last} end before they begin; split them at midnight"
            )
        return self

    def read(self) -> Hours:
        """Return the hours."""
        return Hours(frozenset(self.weekdays), _seconds(self.first), _seconds(self.last))


class GuaranteeBody(_Body):
    """What is promised to somebody who waits: after so long without a car a taxi is ordered."""

    wait_minutes: int = Field(ge=1, le=180)
    directions: Annotated[list[Annotated[int, Field(ge=0, le=1)]], Field(min_length=1, max_length=2)] = [0, 1]
    hours: list[HoursBody] | None = Field(None, max_length=50, description="Those of the line, unless told")
    taxi_phone: Annotated[str, StringConstraints(max_length=50)] | None = None
    taxi_email: Annotated[str, StringConstraints(max_length=300)] | None = None


class LineBody(_Body):
    """A carpool line, both ways."""

    name: Name
    stops: Annotated[list[StopBody], Field(min_length=2, max_length=100)]
    hours: list[HoursBody] = Field(default_factory=list, max_length=50)
    guarantee: GuaranteeBody | None = None
    timezone: str = "Europe/Paris"
    length: int | None = Field(None, ge=1, le=1_000_000, description="Metres, as published")
    by_road: bool = Field(default=False, description="Where streets are loaded, metres are those of the road")
    demonstration: bool = Field(default=False, description="Its stops stand for real ones")
    id: Id | None = Field(None, description="Where it is written in a list; else it is in the address")

    @field_validator("timezone")
    @classmethod
    def _known(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"{zone!r} is no time zone; write one like Europe/Paris")
        return zone

    @model_validator(mode="after")
    def _sound(self) -> "LineBody":
        ids = [stop.id for stop in self.stops]
        twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
        if twice is not None:
            raise ValueError(f"two stops have the id {twice!r}; each needs its own")
        told = [stop.metres for stop in self.stops if stop.metres is not None]
        if told and (len(told) < len(ids) or told[0] != 0 or any(a >= b for a, b in pairwise(told))):
            raise ValueError("metres begin with 0 and grow from stop to stop; give them for all stops or for none")
        places = [(stop.lat, stop.lon) for stop in self.stops]
        if any(a == b and a[0] is not None for a, b in pairwise(places)):
            raise ValueError("two stops that follow each other are at the same place")
        return self

    def read(self, id_: str) -> Line:
        """Return the line."""
        points = [stop.point for stop in self.stops]
        metres = [stop.metres for stop in self.stops]
        hours = tuple(one.read() for one in self.hours)
        return Line(
            id=id_,
            name=self.name,
            stops=tuple(
                LineStop(stop.id, stop.name or stop.id, point, far)
                for stop, point, far in zip(self.stops, points, _share(points, metres, self.length), strict=True)
            ),
            hours=hours,
            timezone=self.timezone,
            guarantee=None if self.guarantee is None else _read_guarantee(self.guarantee, hours),
            length=self.length,
            by_road=self.by_road,
            demonstration=self.demonstration,
        )


def write_body(line: Line) -> dict[str, Any]:
    """Write a line as its document."""
    promise = line.guarantee
    return LineBody(
        id=line.id,
        name=line.name,
        stops=[
            StopBody(id=stop.id, name=stop.name, lat=stop.point.lat, lon=stop.point.lon, metres=stop.metres)
            for stop in line.stops
        ],
        hours=[_write_hours(one) for one in line.hours],
        guarantee=promise
        and GuaranteeBody(
            wait_minutes=promise.wait // 60,
            directions=sorted(promise.directions),
            hours=None if promise.hours == line.hours else [_write_hours(one) for one in promise.hours],
            taxi_phone=promise.taxi_phone,
            taxi_email=promise.taxi_email,
        ),
        timezone=line.timezone,
        length=line.length,
        by_road=line.by_road,
        demonstration=line.demonstration,
    ).model_dump(mode="json")


def _read_guarantee(told: GuaranteeBody, hours: tuple[Hours, ...]) -> Guarantee:
    own = hours if told.hours is None else tuple(one.read() for one in told.hours)
    return Guarantee(told.wait_minutes * 60, own, frozenset(told.directions), told.taxi_phone, told.taxi_email)


def _write_hours(hours: Hours) -> HoursBody:
    return HoursBody(weekdays=sorted(hours.weekdays), first=_clock(hours.first), last=_clock(hours.last))


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"


def _share(points: list[Point], told: list[int | None], length: int | None) -> list[int]:
    """Return the metres of each stop: as told, else the line's length shared out by straight lines."""
    if told[0] is not None:
        return [one or 0 for one in told]
    legs = [float(haversine(a, b)) for a, b in pairwise(points)]
    stretch = ROAD if length is None else length / math.fsum(legs)
    return [round(stretch * math.fsum(legs[:count])) for count in range(len(points))]
