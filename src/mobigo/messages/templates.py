"""What messages say, in French and English: one JSON catalogue per language, the same templates in both.

A template has a text per channel: lines of an e-mail (with its subject) or of a driver's sheet, sentences of an SMS. A
line of which a value is missing, None or empty is left out, so that a text suits whoever has no telephone and whatever
costs nothing. ``{"each": "rides", "lines": […]}`` repeats its lines for every item of a list; inside, the item's own
values come first.

After a colon stands how a value is written: ``day`` and ``hour`` of an instant (in the recipient's zone) or a date,
``euros`` of cents, ``minutes`` of seconds, ``phone`` of a number.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mobigo.kit.errors import InvalidInput
from mobigo.messages.addresses import read_phone, say_phone
from mobigo.messages.model import Channel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LANGUAGES = ("fr", "en")
"""The first is for everybody whose language we do not speak."""

TEXTS = Path(__file__).parent / "texts"

LONGEST_VALUE = 300
"""Characters of one value: names of places are shorter, and nobody writes a letter through a name."""

CHANNELS: dict[str, tuple[Channel, ...]] = {
    "booking_confirmed": (Channel.EMAIL, Channel.SMS),
    "booking_changed": (Channel.EMAIL, Channel.SMS),
    "booking_cancelled": (Channel.EMAIL, Channel.SMS),
    "series_booked": (Channel.EMAIL, Channel.SMS),
    "suspended": (Channel.EMAIL, Channel.SMS),
    "booking_cancelled_by_operator": (Channel.SMS, Channel.EMAIL),
    "reminder": (Channel.SMS, Channel.EMAIL),
    "pickup_shifted": (Channel.SMS, Channel.EMAIL),
    "ride_late": (Channel.SMS, Channel.EMAIL),
    "ride_moved": (Channel.SMS, Channel.EMAIL),
    "taxi_ordered": (Channel.SMS, Channel.EMAIL),
    "ride_failed": (Channel.SMS, Channel.EMAIL),
    "alternative_found": (Channel.SMS, Channel.EMAIL),
    "no_show": (Channel.SMS, Channel.EMAIL),
    "taxi_order": (Channel.SMS, Channel.EMAIL),
    "carpool_asked": (Channel.SMS, Channel.EMAIL),
    "carpool_taken": (Channel.EMAIL, Channel.SMS),
    "carpool_confirmed": (Channel.EMAIL, Channel.SMS),
    "carpool_reminder": (Channel.SMS, Channel.EMAIL),
    "carpool_late": (Channel.SMS, Channel.EMAIL),
    "carpool_refused": (Channel.SMS, Channel.EMAIL),
    "carpool_unanswered": (Channel.SMS, Channel.EMAIL),
    "carpool_missed": (Channel.SMS, Channel.EMAIL),
    "carpool_given_up": (Channel.SMS, Channel.EMAIL),
    "carpool_unproven": (Channel.EMAIL, Channel.SMS),
    "carpool_looked_into": (Channel.EMAIL, Channel.SMS),
    "carpool_decided": (Channel.EMAIL, Channel.SMS),
    "carpool_message": (Channel.EMAIL, Channel.SMS),
    "carpool_report_answered": (Channel.EMAIL, Channel.SMS),
    "carpool_waiting": (Channel.SMS, Channel.EMAIL),
    "carpool_taxi": (Channel.SMS, Channel.EMAIL),
    "carpool_elsewhere_offered": (Channel.SMS, Channel.EMAIL),
    "carpool_elsewhere_confirmed": (Channel.SMS, Channel.EMAIL),
    "carpool_elsewhere_cancelled": (Channel.SMS, Channel.EMAIL),
    "carpool_elsewhere_message": (Channel.EMAIL, Channel.SMS),
    "school_changed": (Channel.EMAIL, Channel.SMS),
    "school_ended": (Channel.EMAIL, Channel.SMS),
    "pass_reminder": (Channel.EMAIL, Channel.SMS),
    "pass_renewed": (Channel.EMAIL, Channel.SMS),
    "pass_failed": (Channel.EMAIL, Channel.SMS),
    "proof_decided": (Channel.EMAIL, Channel.SMS),
    "opendata_failed": (Channel.EMAIL,),
    "opendata_expires": (Channel.EMAIL,),
    "opendata_unanswered": (Channel.EMAIL,),
    "sheet_ride_added": (Channel.SHEET,),
    "sheet_ride_removed": (Channel.SHEET,),
    "sheet_ride_changed": (Channel.SHEET,),
    "sheet_hold": (Channel.SHEET,),
    "sheet_note": (Channel.SHEET,),
}
"""Every template, and its channels: the first by which somebody can be reached is used."""

EVERY_CHANNEL = frozenset({"booking_cancelled_by_operator", "ride_failed", "taxi_order"})
"""Templates that go out on each of their channels: it would be bad to miss them."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""What no value may bring into a text: line breaks, control characters, marks that turn the direction of writing."""


@dataclass(frozen=True)
class Text:
    """What a message says."""

    subject: str | None
    """Of an e-mail only."""
    body: str


def render(
    template: str, channel: Channel, language: str, zone: str, values: Mapping[str, object], *, by_default: str = "fr"
) -> Text:
    """Write a message.

    Parameters
    ----------
    template : str
        One of `CHANNELS`.
    values : mapping
        Texts, numbers, aware datetimes, dates, None, and lists of such mappings; texts lose line breaks and control
        characters.

    Raises
    ------
    InvalidInput
        When the template is unknown, or nothing is left of its text.
    """
    if template not in CHANNELS:
        raise InvalidInput(f"there is no message {template!r}; there are {', '.join(CHANNELS)}")
    catalogue = read_texts(language if language in LANGUAGES else by_default)
    writing = _Writing(catalogue, ZoneInfo(zone))
    text = catalogue[template]
    lines = [line for line in _lines(writing, text[channel], values) if line is not None]
    body = (" " if channel is Channel.SMS else "\n").join(_without_doubled_gaps(lines)).strip()
    if not body:
        raise InvalidInput(f"the message {template!r} says nothing with {', '.join(values) or 'no values'}")
    subject = writing.fill(text["subject"], values) if channel is Channel.EMAIL else None
    return Text(subject, body)


def _lines(writing: _Writing, lines: Sequence[str | dict[str, Any]], values: Mapping[str, object]) -> list[str | None]:
    written: list[str | None] = []
    for line in lines:
        if isinstance(line, str):
            written.append(writing.fill(line, values))
            continue
        each = values.get(line["each"]) or ()
        assert isinstance(each, (list, tuple))
        for item in each:
            written += _lines(writing, line["lines"], {**values, **item})
    return written


def _without_doubled_gaps(lines: Sequence[str]) -> list[str]:
    return [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]


class _Writing(Formatter):
    """How one language writes values into a line."""

    def __init__(self, catalogue: Mapping[str, Any], zone: ZoneInfo) -> None:
        self._catalogue = catalogue
        self._zone = zone

    def fill(self, line: str, values: Mapping[str, object]) -> str | None:
        """Write a line; None when a value is missing."""
        names = {name for _, name, _, _ in self.parse(line) if name}
        if any(values.get(name) in (None, "", 0) for name in names):
            return None
        return self.vformat(line, (), values)

    def format_field(self, value: object, format_spec: str) -> str:
        """Write one value."""
        if isinstance(value, datetime):
            local = value.astimezone(self._zone)
            return f"{local:%H:%M}" if format_spec == "hour" else self._day(local.date())
        if isinstance(value, date):
            return self._day(value)
        if isinstance(value, int) and format_spec == "euros":
            euros, cents = divmod(value, 100)
            return str(self._catalogue["euros"]).format(euros=euros, cents=f"{cents:02d}")
        if isinstance(value, int) and format_spec == "minutes":
            return str(self._catalogue["minutes"]).format(n=max(1, round(value / 60)))
        if format_spec == "phone":
            return _say_phone(str(value))
        return CONTROL.sub(" ", str(value)).strip()[:LONGEST_VALUE]

    def _day(self, day: date) -> str:
        weekday = self._catalogue["weekdays"].split()[day.weekday()]
        month = self._catalogue["months"].split()[day.month - 1]
        number = self._catalogue["first"] if day.day == 1 else str(day.day)
        return str(self._catalogue["day"]).format(weekday=weekday, day=number, month=month)


def _say_phone(number: str) -> str:
    try:
        return say_phone(read_phone(number))
    except InvalidInput:  # an operator's, as it was written
        return CONTROL.sub(" ", number).strip()[:LONGEST_VALUE]


@cache
def read_texts(language: str) -> dict[str, Any]:
    """Read the catalogue of a language."""
    catalogue = json.loads((TEXTS / f"{language}.json").read_text(encoding="utf-8"))
    assert isinstance(catalogue, dict)
    return catalogue
