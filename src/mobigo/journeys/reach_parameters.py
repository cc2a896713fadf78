"""What may be asked of what is reached, and of times between many places."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from mobigo.journeys.model import JourneyRequest, Realtime
from mobigo.journeys.parameters import ANY_PATTERN, ONLY_PATTERN
from mobigo.kit.parameters import INSTANT_PATTERN, read_instant

MINUTES_PATTERN = r"^(?:[1-9][0-9]?|1[0-7][0-9]|180)(?:,(?:[1-9][0-9]?|1[0-7][0-9]|180)){0,7}$"
"""What `minutes` takes: one to eight numbers from 1 to 180."""

MOST_SWEPT, MOST_PLACES = 100, 1_000
"""Places of one side of a matrix from which all is searched, and of the other."""

_REALTIME = "`on`: as vehicles really run; `annotate` and `off`: by the timetable"

_Only = Annotated[str, Field(max_length=210, pattern=ONLY_PATTERN)]
_Word = Annotated[str, Field(max_length=210, pattern=ANY_PATTERN)]
_PlaceText = Annotated[str, Field(min_length=1, max_length=200)]


class Wishes(BaseModel):
    """What may be asked of all journeys from a place."""

    at: str | None = Field(
        default=None,
        description="ISO 8601 instant; without an offset, local time of the network; default now",
        json_schema_extra={"pattern": INSTANT_PATTERN},
        examples=["2026-11-23T07:30"],
    )
    arrive_by: bool = Field(default=False, description="Be there by `at`, instead of leaving then")
    max_transfers: int = Field(default=15, ge=0, le=15, description="Changes of vehicle, at most")
    max_walk_minutes: int = Field(default=30, ge=0, le=120, description="Longest single walk, also all the way")
    walk_speed: float = Field(default=1.2, ge=0.3, le=3, description="Metres per second on foot")
    min_change_minutes: int = Field(default=0, ge=0, le=120, description="Minutes from getting off to getting on")
    slack_minutes: int = Field(default=0, ge=0, le=120, description="Minutes added to what each change takes")
    only: list[_Only] = Field(
        default_factory=list,
        max_length=50,
        description="Ride only `mode:tram`, `line:ID`, `agency:ID`, as for `/v1/journeys`",
        examples=[["mode:rail", "mode:tram"]],
    )
    forbid: list[_Word] = Field(
        default_factory=list,
        max_length=50,
        description="Never ride a `mode:`, `line:`, `agency:`; never board, get off or change at a `stop:`",
        examples=[["stop:val:pont"]],
    )
    wheelchair: bool = Field(default=False, description="Leave out what is known to be impossible in a wheelchair")
    realtime: Realtime = Field(default=Realtime.ON, description=_REALTIME)

    def question(self, place: str, budget_ms: int, now: datetime, zone: ZoneInfo) -> JourneyRequest:
        """Turn it into the words of the planner.

        Raises
        ------
        InvalidInput
            When `at` is no instant.
        """
        return JourneyRequest(
            origin=place,
            destination=place,
            at=read_instant(self.at, zone) if self.at is not None else now.astimezone(zone),
            arrive_by=self.arrive_by,
            max_transfers=self.max_transfers,
            max_walk=60 * self.max_walk_minutes,
            budget=budget_ms / 1000,
            only=tuple(self.only),
            forbid=tuple(self.forbid),
            walk_speed=self.walk_speed,
            min_change=60 * self.min_change_minutes,
            slack=60 * self.slack_minutes,
            wheelchair=self.wheelchair,
            realtime=self.realtime,
        )


class AskedReach(Wishes):
    """What may be asked of what is reached."""

    from_: _PlaceText = Field(
        alias="from",
        description="`LAT,LON` or a stop id; with `arrive_by`, the place where one wants to be",
        examples=["47.4906,4.3347"],
    )
    minutes: str = Field(
        default="15,30,45,60",
        pattern=MINUTES_PATTERN,
        description="Bands: one to eight numbers of minutes from 1 to 180",
        examples=["15,30,45,60"],
    )
    budget_ms: int = Field(default=1000, ge=10, le=10_000, description="Computing time for the search, at most")

    @property
    def bands(self) -> list[int]:
        """The minutes asked for, each once, shortest first."""
        return sorted({int(one) for one in self.minutes.split(",")})


class AskedMatrix(Wishes):
    """What may be asked of times between many places; as JSON, whose types are not guessed."""

    model_config = ConfigDict(strict=True)

    origins: list[_PlaceText] = Field(
        min_length=1,
        max_length=MOST_PLACES,
        description="`LAT,LON` or stop ids; at most 100, with `arrive_by` 1,000",
        examples=[["47.4906,4.3347"]],
    )
    destinations: list[_PlaceText] = Field(
        min_length=1,
        max_length=MOST_PLACES,
        description="The same; at most 1,000, with `arrive_by` 100",
        examples=[["47.3234,5.0272"]],
    )
    max_minutes: int = Field(default=180, ge=1, le=720, description="Longer ones are none")
    window_minutes: int = Field(
        default=0,
        ge=0,
        le=180,
        description="Also leave at every minute from `at` on (with `arrive_by`: be there by every minute back from it)"
        " for so long; `window` then tells how times differ",
    )
    budget_ms: int = Field(default=10_000, ge=10, le=60_000, description="Computing time, at most")
    realtime: Annotated[Realtime, Field(strict=False)] = Field(default=Realtime.ON, description=_REALTIME)
