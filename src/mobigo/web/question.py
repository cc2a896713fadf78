"""What a traveller asked: the address of the page read into a question. The address is the whole state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from mobigo.journeys.model import Access, Criterion, JourneyRequest, Mode, OfDay
from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import parse_point
from mobigo.ondemand.model import Party

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from mobigo.journeys.model import Suggestion
    from mobigo.places.model import Place

FIELDS = (
    *("from", "from_place", "via", "via_place", "stay", "to", "to_place", "date", "time", "by", "window", "changes"),
    *("ride", "pace", "walk", "access", "wheelchair", "bicycle", "rather"),
    *("passengers", "children", "luggage", "cursor", "lang"),
)
"""Of the form, in the order an address has them."""

BY = ("depart", "arrive", "first", "last")
"""What the date and the time mean; of the first and the last journey only the date."""
WINDOWS = ("", "60", "120", "240", "480", "1440")
"""Minutes offered; empty: the next journeys whenever they leave."""
CHANGES = ("", "0", "1", "2", "3")
"""Most changes offered; empty: any number."""
STAYS = ("", "15", "30", "60", "120")
"""Minutes at the place on the way; empty: passing is enough."""
WALKS = ("10", "", "45", "60")
"""Longest walk in minutes; empty: half an hour."""
USUAL_WALK = JourneyRequest.max_walk // 60
PACES = {"slow": 0.8, "": 1.2, "fast": 1.6}
"""Metres per second."""
RATHER = ("", *Criterion)
"""What is weighed beside time and changes."""
ACCESS: dict[str, tuple[Access, ...]] = {
    "": (Access.WALK,),
    "bicycle": (Access.WALK, Access.BICYCLE),
    "shared_bicycle": (Access.WALK, Access.SHARED_BICYCLE),
    "shared_vehicle": (Access.WALK, Access.SHARED_VEHICLE),
    "car_park": (Access.WALK, Access.CAR_PARK),
    "car_drop_off": (Access.WALK, Access.CAR_DROP_OFF),
    "taxi": (Access.WALK, Access.TAXI),
}
"""Ways to the first stop."""
ALONE = {"bicycle": (Mode.BICYCLE,), "taxi": (Mode.TAXI,)}
"""Ways all the way that go with them."""
RIDES: dict[str, tuple[Mode, ...]] = {
    "rail": (Mode.RAIL,),
    "tram": (Mode.TRAM, Mode.SUBWAY),
    "bus": (Mode.BUS, Mode.COACH),
    "on_demand": (Mode.ON_DEMAND,),
    "carpool": (Mode.CARPOOL,),
    "other": (Mode.FERRY, Mode.CABLE_CAR, Mode.FUNICULAR, Mode.AIR, Mode.TAXI, Mode.OTHER),
}
"""What one may be willing to ride."""

WITHOUT = {
    "max_transfers": ("changes",),
    "window_minutes": ("window",),
    "only": ("ride",),
    "via": ("via", "via_place", "stay"),
    "wheelchair": ("wheelchair",),
    "bicycle_aboard": ("bicycle",),
    "criterion": ("rather",),
}
"""Fields to leave out so that a parameter of the API is not given."""

MOST = 50
"""People, or pieces of luggage, of one question."""

EARLY = time(6)
"""When a day starts for somebody who names another day and no hour."""


@dataclass(frozen=True)
class End:
    """One end of the journey, as typed and as understood."""

    text: str
    place: str | None = None
    """``LAT,LON`` or a stop id, once understood."""
    fallback: str | None = None
    """Main stop of a commune, when nothing is in reach of its middle."""
    choices: tuple[Place, ...] = ()
    """What the text may mean, when it means several things."""
    problem: str = ""

    @property
    def pinned(self) -> str:
        """What the form remembers so that a place once chosen is not asked again: ``id|text``."""
        return f"{self.place}|{self.text}" if self.place and self.place != self.text else ""


@dataclass(frozen=True)
class Question:
    """The form, filled in."""

    origin: End
    destination: End
    at: datetime
    """Aware, in the zone of the network."""
    by: str = "depart"
    window: str = ""
    changes: str = ""
    via: End | None = None
    stay: str = ""
    ride: tuple[str, ...] = ()
    """Of `RIDES`; empty: all of them."""
    pace: str = ""
    walk: str = ""
    access: str = ""
    wheelchair: bool = False
    bicycle: bool = False
    rather: str = ""
    passengers: int = 1
    """Adults."""
    children: int = 0
    """With a child seat each."""
    luggage: int = 0
    cursor: str | None = None
    malformed: bool = False
    """The date or the time cannot be read; `at` is now."""

    @property
    def arrive_by(self) -> bool:
        """Whether the time is that of arriving."""
        return self.by == "arrive"

    def ends(self) -> list[tuple[str, End]]:
        """List the places named, with the names of their fields here."""
        via = [("via", self.via)] if self.via else []
        return [("origin", self.origin), ("destination", self.destination), *via]

    @property
    def asked(self) -> bool:
        """Whether any end was given."""
        return bool(self.origin.text or self.destination.text)

    @property
    def ready(self) -> bool:
        """Whether both ends are understood."""
        return all(end.place for _, end in self.ends()) and not self.malformed

    @property
    def has_options(self) -> bool:
        """Whether the collapsed part of the form says something."""
        said = self.window, self.changes, self.via, self.ride, self.pace, self.walk, self.access, self.rather
        party = self.passengers > 1 or self.children or self.luggage
        return any(said) or self.wheelchair or self.bicycle or bool(party)

    def request(self) -> JourneyRequest:
        """Put it to the planner."""
        ride = self.ride or tuple(RIDES)
        return JourneyRequest(
            origin=self.origin.place or "",
            destination=self.destination.place or "",
            at=self.at,
            arrive_by=self.arrive_by,
            of_day=OfDay(self.by) if self.by in tuple(OfDay) else None,
            window=int(self.window) * 60 if self.window else None,
            max_transfers=int(self.changes) if self.changes else JourneyRequest.max_transfers,
            vias=((self.via.place or "", int(self.stay or 0) * 60),) if self.via else (),
            only=() if len(ride) == len(RIDES) else tuple(f"mode:{mode}" for name in ride for mode in RIDES[name]),
            walk_speed=PACES[self.pace],
            max_walk=int(self.walk) * 60 if self.walk else JourneyRequest.max_walk,
            access=ACCESS[self.access],
            direct=(Mode.WALK, *ALONE.get(self.access, (Mode.BICYCLE,) if self.bicycle else ())),
            wheelchair=self.wheelchair,
            bicycle_aboard=self.bicycle,
            criterion=Criterion(self.rather) if self.rather else None,
            cursor=self.cursor,
            party=Party(self.passengers, children=self.children, luggage=self.luggage),
            names=(self.origin.text, self.destination.text),
        )


def read_question(fields: Mapping[str, str], now: datetime, zone: ZoneInfo) -> Question:
    """Read the form; a date or time that cannot be read is marked, everything else falls back to its default."""
    local = now.astimezone(zone)
    malformed = False
    try:
        at = read_moment(fields.get("date", ""), fields.get("time", ""), local)
    except ValueError:
        at, malformed = local, True
    return Question(
        origin=read_end(fields.get("from", ""), fields.get("from_place", "")),
        destination=read_end(fields.get("to", ""), fields.get("to_place", "")),
        at=at.replace(second=0, microsecond=0),
        by=_one_of(fields.get("by", ""), BY) or BY[0],
        window=_one_of(fields.get("window", ""), WINDOWS),
        changes=_one_of(fields.get("changes", ""), CHANGES),
        via=read_end(fields["via"], fields.get("via_place", "")) if fields.get("via") else None,
        stay=_one_of(fields.get("stay", ""), STAYS),
        ride=tuple(name for name in RIDES if name in fields.get("ride", "").split(",")),
        pace=_one_of(fields.get("pace", ""), tuple(PACES)),
        walk=_one_of(fields.get("walk", ""), WALKS),
        access=_one_of(fields.get("access", ""), tuple(ACCESS)),
        wheelchair=bool(fields.get("wheelchair")),
        bicycle=bool(fields.get("bicycle")),
        rather=_one_of(fields.get("rather", ""), RATHER),
        passengers=max(1, _count(fields.get("passengers", ""))),
        children=_count(fields.get("children", "")),
        luggage=_count(fields.get("luggage", "")),
        cursor=fields.get("cursor") or None,
        malformed=malformed,
    )


def _count(text: str) -> int:
    """Read how many; 0 for what is no number."""
    return min(int(text), MOST) if text.isascii() and text.isdigit() and len(text) < 4 else 0  # noqa: PLR2004 - digits


def read_end(text: str, pinned: str) -> End:
    """Read one end: coordinates, or a place chosen before whose text was not changed since."""
    text = text.strip()
    place, _, label = pinned.partition("|")
    if text and place and label == text:
        return End(text, place)
    try:
        parse_point(text)
    except InvalidInput:
        return End(text)
    return End(text, text.replace(" ", ""))


def settle(end: End, place: Place) -> End:
    """Give an end the place it means."""
    if place.kind == "stop":
        return replace(end, text=place.label, place=place.id)
    main = place.stop_ids[0] if place.stop_ids else None
    return replace(end, text=place.label, place=f"{place.lat:.6f},{place.lon:.6f}", fallback=main)


def address(fields: Mapping[str, str], **changes: str | None) -> str:
    """Write the address of a page: known fields that say something, with some changed."""
    merged = {**fields, **changes}
    query = {name: value for name in FIELDS if (value := merged.get(name))}
    return f"/?{urlencode(query)}" if query else "/"


def change_fields(suggestion: Suggestion, leaves: datetime) -> dict[str, str | None] | None:
    """Say which fields of the form make the change that a suggestion names; None when the form cannot.

    Parameters
    ----------
    leaves : datetime
        When the journey found leaves, local.
    """
    if suggestion.parameter == "at":
        return {"date": leaves.date().isoformat(), "time": f"{leaves:%H:%M}", "by": "depart"}
    if suggestion.parameter == "max_walk_minutes":
        fitting = [walk for walk in WALKS if int(walk or USUAL_WALK) >= int(suggestion.value or 0)]
        return {"walk": fitting[0]} if fitting else None
    fields = WITHOUT.get(suggestion.parameter)
    return dict.fromkeys(fields) if fields else None


def read_moment(date: str, clock: str, local: datetime) -> datetime:
    """Read a local date and time; what is missing is now, or early on another day."""
    if not date and not clock:
        return local
    day = datetime.strptime(date, "%Y-%m-%d").date() if date else local.date()  # noqa: DTZ007 - only the day is kept
    if clock:
        return datetime.combine(day, time.fromisoformat(clock).replace(tzinfo=None), local.tzinfo)
    return local if day == local.date() else datetime.combine(day, EARLY, local.tzinfo)


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    return value if value in allowed else ""
