"""What a traveller asked: the address of the page read into a question. The address is the whole state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import parse_point

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from mobigo.places.model import Place

FIELDS = ("from", "from_place", "to", "to_place", "date", "time", "by", "window", "changes", "lang")
"""Of the form, in the order an address has them."""

WINDOWS = ("", "60", "120", "240", "480", "1440")
"""Minutes offered; empty: the next journeys whenever they leave."""
CHANGES = ("", "0", "1", "2", "3")
"""Most changes offered; empty: any number."""

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
    arrive_by: bool = False
    window: str = ""
    changes: str = ""
    malformed: bool = False
    """The date or the time cannot be read; `at` is now."""

    @property
    def asked(self) -> bool:
        """Whether any end was given."""
        return bool(self.origin.text or self.destination.text)

    @property
    def ready(self) -> bool:
        """Whether both ends are understood."""
        return bool(self.origin.place and self.destination.place) and not self.malformed

    @property
    def has_options(self) -> bool:
        """Whether the collapsed part of the form says something."""
        return bool(self.window or self.changes)


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
        arrive_by=fields.get("by") == "arrive",
        window=_one_of(fields.get("window", ""), WINDOWS),
        changes=_one_of(fields.get("changes", ""), CHANGES),
        malformed=malformed,
    )


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
