"""A draft network as a document: what somebody who plans would change, in the order in which it is done.

A document is a list of changes to the network of today; none gives ids to things of its own but by saying so, and what
a change adds is named ``draft:ID`` by those after it. Nothing in it is checked against a network here: that is done
where it is applied (`mobigo.usage.draft_edit`, `mobigo.usage.draft_zones`).
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from mobigo.kit.errors import InvalidInput
from mobigo.kit.holidays import find_school_holiday, is_public_holiday
from mobigo.ondemand.documents import GeometryBody

SOURCE = "draft"
"""Source of everything that a draft adds."""

MOST_CHANGES = 500
"""Changes of a draft."""

SUNDAY = 7


def read_clock(text: str) -> int:
    """Return the seconds after the service day's midnight of ``HH:MM`` or ``HH:MM:SS``."""
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return 3600 * hours + 60 * minutes + (seconds[0] if seconds else 0)


def write_clock(seconds: int) -> str:
    """Write seconds after the service day's midnight as ``HH:MM``, with the seconds where there are some."""
    hours, rest = divmod(seconds, 3600)
    text = f"{hours:02d}:{rest // 60:02d}"
    return f"{text}:{rest % 60:02d}" if rest % 60 else text


PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
CLOCK = r"[0-9]{1,2}:[0-5][0-9](?::[0-5][0-9])?"
NEW_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,59}$")


def _check_new(text: str) -> str:
    if not NEW_ID.match(text):
        raise ValueError("an id of a draft has letters of ASCII, digits, dots, hyphens and underscores, at most 60")
    return text


Id = Annotated[str, Field(min_length=1, max_length=240, pattern=PRINTABLE, description="`source:id`")]
New = Annotated[str, AfterValidator(_check_new), Field(description="Later changes name it `draft:ID`")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PRINTABLE)]
Clock = Annotated[str, Field(pattern=f"^{CLOCK}$", description="HH:MM of the service day; beyond 24:00 after midnight")]
Stay = Annotated[str, Field(pattern=f"^{CLOCK}(?:-{CLOCK})?$")]
Minutes = Annotated[float, Field(ge=0, le=600)]
Lat = Annotated[float, Field(ge=-90, le=90)]
Lon = Annotated[float, Field(ge=-180, le=180)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Days(_Body):
    """Days on which something runs; a public holiday counts as a Sunday."""

    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(
        default_factory=lambda: [1, 2, 3, 4, 5, 6, 7], min_length=1, max_length=7, description="1 Monday to 7 Sunday"
    )
    school: Literal["any", "only", "never"] = Field(
        "any", description="`only`: when schools are open; `never`: in school holidays"
    )
    first: date | None = Field(None, description="First day; null: as long as there are timetables")
    last: date | None = None

    def has(self, day: date) -> bool:
        """Tell whether a day is one of them."""
        weekday = SUNDAY if is_public_holiday(day) else day.isoweekday()
        if weekday not in self.weekdays:
            return False
        if (self.first is not None and day < self.first) or (self.last is not None and day > self.last):
            return False
        return self.school == "any" or (find_school_holiday(day) is None) == (self.school == "only")

    def of(self, days: Iterable[date]) -> list[date]:
        """Return those of some days that are among them."""
        return [day for day in days if self.has(day)]


class Which(_Body):
    """Which trips a change is about: all that fit everything that is said."""

    line: Id | None = Field(None, description="Of this line")
    trips: Annotated[list[Id], Field(min_length=1, max_length=5_000)] | None = Field(None, description="These")
    direction: Literal[0, 1] | None = None
    first: Clock | None = Field(None, description="That leave their first stop at this time or later")
    last: Clock | None = Field(None, description="... and not after this one")
    days: Days | None = Field(None, description="On these days only; on the others all stays as it is")

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if self.line is None and self.trips is None:
            raise ValueError("name a line, or trips")
        return self


class Halt(_Body):
    """A stop of a line, and when it is reached."""

    stop: Id
    after: Minutes = Field(0, description="Minutes since leaving the stop before")
    dwell: Annotated[float, Field(ge=0, le=120)] = Field(0, description="Minutes until leaving it")


Halts = Annotated[list[Halt], Field(min_length=2, max_length=200)]


class Every(_Body):
    """Departures in a regular interval."""

    first: Clock
    last: Clock
    minutes: Annotated[int, Field(ge=1, le=1_440)]


class Departures(_Body):
    """When trips leave their first stop."""

    times: Annotated[list[Clock], Field(max_length=500)] = Field(default_factory=list)
    every: Annotated[list[Every], Field(max_length=24)] = Field(default_factory=list)

    def instants(self) -> list[int]:
        """List them in order, each once: seconds after midnight."""
        found = {read_clock(one) for one in self.times}
        for one in self.every:
            found.update(range(read_clock(one.first), read_clock(one.last) + 1, 60 * one.minutes))
        return sorted(found)


# ── changes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class AddStop(_Body):
    """A new stop."""

    kind: Literal["add_stop"]
    id: New
    name: Name
    lat: Lat
    lon: Lon


class MoveStop(_Body):
    """A stop elsewhere."""

    kind: Literal["move_stop"]
    stop: Id
    lat: Lat
    lon: Lon


class CloseStop(_Body):
    """A stop, or a station with all its stops, at which no vehicle calls any more."""

    kind: Literal["close_stop"]
    stop: Id


class AddLine(_Body):
    """A new line."""

    kind: Literal["add_line"]
    id: New
    name: Name
    long_name: Annotated[str, Field(max_length=200)] = ""
    route_type: Annotated[int, Field(ge=0, le=1_702)] = Field(
        3, description="Of GTFS: 3 bus, 2 rail, 0 tram, 200 coach"
    )
    agency: Id | None = Field(None, description="Who runs it; null: the first of the timetables")
    stops: Halts
    there: Departures
    back: Departures | None = Field(None, description="The same stops the other way round, in the same times")
    days: Days = Field(default_factory=Days)


class MoveTrips(_Body):
    """Trips earlier or later."""

    kind: Literal["move_trips"]
    which: Which
    minutes: Annotated[float, Field(ge=-1_440, le=1_440)] = Field(description="Later; negative: earlier")


class RetimeTrip(_Body):
    """A trip at other times."""

    kind: Literal["retime_trip"]
    trip: Id
    times: Annotated[
        list[Annotated[str, Field(pattern=f"^{CLOCK}(?:-{CLOCK})?$")]], Field(min_length=2, max_length=500)
    ] = Field(description="Of each of its stops in turn: `08:10`, or `08:10-08:12` where it waits")


class RunOn(_Body):
    """Trips on other days than now."""

    kind: Literal["run_on"]
    which: Which
    days: Days


class RemoveTrips(_Body):
    """Trips that no longer run; of a line: all of them."""

    kind: Literal["remove_trips"]
    which: Which


class ExtendTrips(_Body):
    """Trips that begin before, or go on after, what is an end of theirs today."""

    kind: Literal["extend_trips"]
    which: Which
    end: Literal["first", "last"] = Field("last", description="At which end")
    stops: Annotated[list[Halt], Field(min_length=1, max_length=100)] = Field(
        description="In the order of travel; `after` counts from the stop before, at the first end to the next one"
    )


class SkipStop(_Body):
    """Trips that no longer call at a stop."""

    kind: Literal["skip_stop"]
    which: Which
    stop: Id
    saves: Minutes = Field(0, description="Minutes by which they are earlier at all stops after it")


class InsertStop(_Body):
    """Trips that also call at another stop."""

    kind: Literal["insert_stop"]
    which: Which
    behind: Id = Field(description="The stop that they call at before it")
    stop: Id
    after: Minutes = Field(description="Minutes since leaving the stop before")
    adds: Minutes = Field(0, description="Minutes by which they are later at all stops after it")


class Hours(_Body):
    """Hours in which a service on demand fetches people."""

    first: Clock
    last: Clock


class OpenZone(_Body):
    """A new zone of transport on demand: within it, or between it and some stops."""

    kind: Literal["open_zone"]
    id: New
    name: Name
    area: GeometryBody = Field(description="Polygon or MultiPolygon of GeoJSON")
    hours: Annotated[list[Hours], Field(min_length=1, max_length=10)]
    days: Days = Field(default_factory=Days)
    stops: Annotated[list[Id], Field(max_length=500)] = Field(
        default_factory=list, description="Between the zone and these only; empty: anywhere within the zone"
    )


class CloseZone(_Body):
    """A service on demand that is no more."""

    kind: Literal["close_zone"]
    service: Id


class ChangeHours(_Body):
    """A service on demand at other hours, on other days."""

    kind: Literal["change_hours"]
    service: Id
    hours: Hours | None = Field(None, description="Of all its windows; null: as they are")
    days: Days | None = Field(None, description="Null: as they are")


Change = Annotated[
    AddStop
    | MoveStop
    | CloseStop
    | AddLine
    | MoveTrips
    | RetimeTrip
    | RunOn
    | RemoveTrips
    | ExtendTrips
    | SkipStop
    | InsertStop
    | OpenZone
    | CloseZone
    | ChangeHours,
    Field(discriminator="kind"),
]

OfZones = OpenZone | CloseZone | ChangeHours
"""Changes of transport on demand; all others are of the timetable."""

Changes = Annotated[list[Change], Field(max_length=MOST_CHANGES)]

_CHANGES: TypeAdapter[list[Change]] = TypeAdapter(Changes)


class Document(_Body):
    """A draft as it is exported and imported."""

    name: Name
    note: Annotated[str, Field(max_length=2_000)] = ""
    changes: Changes


def read_changes(raw: object) -> list[Change]:
    """Read changes as they are stored, or as somebody wrote them.

    Raises
    ------
    InvalidInput
        Code ``invalid_draft``: naming the first that is none, and what is wrong with it.
    """
    try:
        return _CHANGES.validate_python(raw)
    except ValidationError as error:
        raise _say(error) from None


def read_document(text: bytes) -> Document:
    """Read a draft out of a file.

    Raises
    ------
    InvalidInput
        Code ``invalid_draft``.
    """
    try:
        return Document.model_validate_json(text)
    except ValidationError as error:
        raise _say(error) from None


def _say(error: ValidationError) -> InvalidInput:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the document"
    return InvalidInput(f"{where}: {first['msg']}; correct it and try again", code="invalid_draft")


def plain(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Write changes as they are stored: only what was said."""
    return [one.model_dump(mode="json", exclude_defaults=True) | {"kind": one.kind} for one in changes]
