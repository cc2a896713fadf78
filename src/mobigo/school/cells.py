"""What stands in a cell of a list that somebody typed, and how it is written back.

A kind reads a cell as it comes from a workbook (text, number, date, time) or a text file (text), in French or English,
with or without accents. A sentence about a cell of personal data never repeats what stands in it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from mobigo.school.sentences import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Cell = str | int | float | bool | date | time | timedelta | None

DAY_ZERO = date(1899, 12, 30)
"""Of workbooks: their dates count days from it."""
DAY_SECONDS = 86_400
LONGEST = 300
"""Letters of a text."""
MONTHS = [
    "janvier",
    "fevrier",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "aout",
    "septembre",
    "octobre",
    "novembre",
    "decembre",
]
DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
ENGLISH_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHORT_DAYS = {"l": 1, "ma": 2, "me": 3, "j": 4, "v": 5, "s": 6, "d": 7}
SHORT_DAYS |= {"lu": 1, "je": 4, "ve": 5, "sa": 6, "di": 7, "mo": 1, "tu": 2, "we": 3, "th": 4, "fr": 5, "su": 7}
_ROSE = ("n", "nne", "ne", "ene", "e", "ese", "se", "sse", "s", "sso", "so", "oso", "o", "ono", "no", "nno")
COMPASS = {
    word: 22.5 * step
    for step, word in enumerate(
        ["n", "nne", "ne", "ene", "e", "ese", "se", "sse", "s", "sso", "so", "oso", "o", "ono", "no", "nno"]
    )
}
COMPASS |= {"nord": 0.0, "est": 90.0, "sud": 180.0, "ouest": 270.0, "w": 270.0, "nw": 315.0, "sw": 225.0}

NAME = re.compile(r"[A-Za-z0-9À-ÿ](?:[A-Za-z0-9À-ÿ _./:-]{0,58}[A-Za-z0-9À-ÿ])?")
"""Of a row."""


class CellError(Exception):
    """What is wrong with a cell and what to write, as the end of a sentence in both languages."""

    def __init__(self, sentence: str, **values: object) -> None:
        self.said = say(f"cell_{sentence}", **values)
        super().__init__(self.said.en)


@dataclass(frozen=True)
class Kind:
    """How a column's cells are read and written."""

    read: Callable[[Cell], Any]
    """From a cell that is not blank; raises CellError."""
    write: Callable[[Any], Cell] = lambda value: value
    silent: bool = False
    """What stands in a cell is not repeated when it is wrong: people write there what nobody should read."""


def plain(text: str) -> str:
    """Return a text as it is compared: small letters and digits, without accents, one space between words."""
    flat = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "oe").replace("ß", "ss")).casefold()
    return " ".join(re.findall(r"[a-z0-9]+", "".join(one for one in flat if not unicodedata.combining(one))))


def is_blank(cell: Cell) -> bool:
    """Tell whether nothing stands in a cell."""
    return cell is None or (isinstance(cell, str) and not cell.strip(" \t\r\n\u00a0\u202f\ufeff"))


def tidy(cell: Cell) -> str:
    """Return a cell's text: no odd spaces, no control characters, numbers without a needless fraction."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:  # noqa: PLR2004 - whole in a double
        cell = int(cell)
    found = str(cell)
    if not found.isascii():
        found = unicodedata.normalize("NFC", found)
    if not found.isprintable():
        found = "".join(one if one.isprintable() else " " for one in found)
    return " ".join(found.split())


def _text(most: int) -> Callable[[Cell], str]:
    def read(cell: Cell) -> str:
        found = tidy(cell)
        if found[:1] == "'" and found[1:2] in "=+-@":  # how a text file says that this is no formula
            found = found[1:]
        if len(found) > most:
            raise CellError("letters", n=len(found), most=most)
        return found

    return read


def _id(cell: Cell) -> str:
    found = tidy(cell)
    if not NAME.fullmatch(found):
        raise CellError("id")
    return found


def _number(cell: Cell) -> float:
    if isinstance(cell, bool | date | time | timedelta):
        raise CellError("number")
    if isinstance(cell, int | float):
        found = float(cell)
    else:
        text = re.sub(r"[\s\u00a0\u202f]|€|eur(?:os?)?$", "", tidy(cell), flags=re.IGNORECASE)
        if "," in text and "." in text:  # the last one is the decimal sign
            text = text.replace("." if text.rfind(",") > text.rfind(".") else ",", "")
        try:
            found = float(text.replace(",", "."))
        except ValueError:
            raise CellError("number") from None
    if not math.isfinite(found):
        raise CellError("number")
    return found


def _decimal(least: float, most: float) -> Callable[[Cell], float]:
    def read(cell: Cell) -> float:
        found = _number(cell)
        if not least <= found <= most:
            raise CellError("between", least=f"{least:g}", most=f"{most:g}")
        return found

    return read


def _whole(least: int, most: int) -> Callable[[Cell], int]:
    def read(cell: Cell) -> int:
        found = _number(cell)
        if found != int(found) or not least <= found <= most:
            raise CellError("whole", least=least, most=most)
        return int(found)

    return read


def _cents(cell: Cell) -> int:
    found = round(100 * _number(cell), 6)
    if found != int(found) or not 0 <= found <= 10**11:
        raise CellError("euros")
    return int(found)


def _latitude(cell: Cell) -> float:
    return _degrees(cell, 90, "latitude")


def _longitude(cell: Cell) -> float:
    return _degrees(cell, 180, "longitude")


SEXAGESIMAL = re.compile(
    r"""([NSEOW]?)(\d{1,3})[°º] ?(\d{1,2})['\u2019\u2032] ?(?:(\d{1,2}(?:[.,]\d+)?)["\u201d\u2033])? ?([NSEOW]?)"""
)


def _degrees(cell: Cell, most: int, what: str) -> float:
    refused = CellError(what)
    parts = SEXAGESIMAL.fullmatch(tidy(cell).upper().replace("''", '"')) if isinstance(cell, str) else None
    if parts is not None:
        before, degrees, minutes, seconds, after = parts.groups()
        found = int(degrees) + int(minutes) / 60 + float((seconds or "0").replace(",", ".")) / 3600
        found = -found if {before, after} & {"S", "O", "W"} else found
    else:
        try:
            found = _number(cell)
        except CellError:
            raise refused from None
    if abs(found) > most:
        raise refused
    return found


def _bearing(cell: Cell) -> float:
    if isinstance(cell, str) and plain(cell) in COMPASS:
        return COMPASS[plain(cell)]
    found = _number(cell)
    if not 0 <= found <= 360:  # noqa: PLR2004 - degrees of a circle
        raise CellError("bearing")
    return found % 360


def _day(cell: Cell) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    refused = CellError("day")
    if isinstance(cell, str) and re.fullmatch(r"\d{5}(?:[.,]0+)?", tidy(cell)):  # a workbook's number, saved as text
        cell = int(tidy(cell)[:5])
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if not 20_000 <= cell < 80_000:  # noqa: PLR2004 - the years 1954 to 2119
            raise refused
        return DAY_ZERO + timedelta(days=int(cell))
    text = plain(tidy(cell).split("T")[0])
    for index, month in enumerate(MONTHS, 1):
        text = re.sub(
            rf"\b{month[:4]}[a-z]*\b" if month not in {"juin", "juillet"} else rf"\b{month}\b", str(index), text
        )
    words = re.sub(r"^(?:le |lundi |mardi |mercredi |jeudi |vendredi |samedi |dimanche )+", "", text)
    found = re.fullmatch(r"(\d{1,4})(?:er)? (\d{1,2}) (\d{1,4})(?: 0{1,2}(?: 0{1,2}){1,2})?", words)
    if found is None:
        raise refused
    first, month_, last = found.groups()
    year, day = (first, last) if len(first) == 4 else (last, first)  # noqa: PLR2004 - digits of a year
    if len(year) == 2:  # noqa: PLR2004 - likewise
        year = f"20{year}" if int(year) < 70 else f"19{year}"  # noqa: PLR2004 - nobody's school year is further away
    try:
        return date(int(year), int(month_), int(day))
    except ValueError:
        raise refused from None


def _clock(cell: Cell) -> int:
    refused = CellError("clock")
    if isinstance(cell, datetime):
        cell = cell.time()
    if isinstance(cell, time):
        return cell.hour * 3600 + cell.minute * 60 + cell.second
    if isinstance(cell, timedelta):
        seconds = round(cell.total_seconds())
    elif isinstance(cell, int | float) and not isinstance(cell, bool):
        seconds = round(cell * DAY_SECONDS)
        if not 0 < cell < 1:
            raise refused
    else:
        found = re.fullmatch(
            r"(\d{1,2}) ?(?:h|heures?|[ :.])? ?(?:(\d{2})(?:[ :.](\d{2}))?)? ?(?:mn?|min)?", _hours(cell)
        )
        if found is None:
            raise refused
        hour, minute, second = (int(one or 0) for one in found.groups())
        if minute > 59 or second > 59:  # noqa: PLR2004 - of an hour, of a minute
            raise refused
        seconds = hour * 3600 + minute * 60 + second
    if not 0 <= seconds < DAY_SECONDS:
        raise refused
    return seconds


def _hours(cell: Cell) -> str:
    text = tidy(cell).casefold()
    if re.fullmatch(r"\d{1,2}", text):
        raise CellError("clock")
    return text


def _weekdays(cell: Cell) -> tuple[int, ...]:
    refused = CellError("weekdays")
    text = plain(tidy(cell))
    if text in {"tous", "tous les jours", "semaine", "all", "weekdays"}:
        return (1, 2, 3, 4, 5)
    if text == "lmmjv":
        return (1, 2, 3, 4, 5)
    span = re.fullmatch(r"(?:du )?(\w+) (?:a|au|to|through) (\w+)", text)
    if span is not None:
        first, last = _weekday(span[1]), _weekday(span[2])
        if not first or not last or first > last:
            raise refused
        return tuple(range(first, last + 1))
    words = [word for word in text.split() if word not in {"et", "and"}]
    if len(words) == 1 and re.fullmatch(r"[1-7]{1,7}", words[0]):
        words = list(words[0])
    found = [_weekday(word) for word in words]
    if words == ["l", "m", "m", "j", "v"]:
        return (1, 2, 3, 4, 5)
    if not all(found):
        raise refused
    return tuple(sorted({day for day in found if day}))


def _weekday(word: str) -> int | None:
    if word in SHORT_DAYS:
        return SHORT_DAYS[word]
    if re.fullmatch(r"[1-7]", word):
        return int(word)
    for names in (DAYS, ENGLISH_DAYS):
        for number, name in enumerate(names, 1):
            if len(word) >= 3 and name.startswith(word.removesuffix("s") if word not in names else word):  # noqa: PLR2004
                return number
    return None


def _yes_no(cell: Cell) -> bool:
    if isinstance(cell, bool):
        return cell
    word = plain(tidy(cell))
    if word in {"oui", "o", "x", "1", "vrai", "yes", "y", "true"}:
        return True
    if word in {"non", "n", "0", "faux", "no", "false"}:
        return False
    raise CellError("yes_no")


def _phone(cell: Cell) -> str:
    found = re.sub(r"[^\d+]", "", _text(40)(cell))
    if re.fullmatch(r"[1-9]\d{8}", found):  # a workbook took it for a number and dropped its first zero
        found = f"0{found}"
    if not re.fullmatch(r"\+?\d{6,15}", found):
        raise CellError("phone")
    return found


def _email(cell: Cell) -> str:
    found = tidy(cell).removeprefix("mailto:")
    if not re.fullmatch(r"[^\s@<>]{1,64}@[^\s@<>]{1,180}\.[^\s@<>.]{2,}", found):
        raise CellError("email")
    return found


def _postcode(cell: Cell) -> str:
    found = tidy(cell).replace(" ", "").upper()
    if re.fullmatch(r"\d{4}", found):
        found = f"0{found}"
    if not re.fullmatch(r"\d{5}", found):
        raise CellError("postcode")
    return found


def _commune(cell: Cell) -> str:
    found = tidy(cell).replace(" ", "").upper()
    if re.fullmatch(r"\d{4}", found):
        found = f"0{found}"
    if not re.fullmatch(r"(?:\d{2}|2[AB])\d{3}", found):
        raise CellError("commune")
    return found


def write_clock(seconds: int) -> str:
    """Write a time of day."""
    rest = f":{seconds % 60:02}" if seconds % 60 else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}{rest}"


def text(most: int = LONGEST) -> Kind:
    """Any text up to a length."""
    return Kind(_text(most))


def decimal(least: float, most: float) -> Kind:
    """A number between bounds."""
    return Kind(_decimal(least, most))


def whole(least: int, most: int) -> Kind:
    """A whole number between bounds."""
    return Kind(_whole(least, most))


def choice(words: Mapping[str, tuple[str, ...]]) -> Kind:
    """One of a few values, each by any of its words; written by the first."""
    known = {plain(word): value for value, names in words.items() for word in (value, *names)}

    def read(cell: Cell) -> str:
        value = known.get(plain(tidy(cell)))
        if value is None:
            raise CellError("choice", words=", ".join(names[0] for names in words.values()))
        return value

    return Kind(read, lambda value: words[value][0])


def codes(words: Mapping[str, tuple[str, ...]], more: str) -> Kind:
    """Any of a few codes, separated by commas, semicolons or +; `more` names the end of what is said of others."""
    one = choice(words)

    def read(cell: Cell) -> tuple[str, ...]:
        try:
            return tuple(sorted({one.read(part) for part in re.split(r"[,;+/|\n]", str(cell)) if not is_blank(part)}))
        except CellError:
            raise CellError("codes", words=", ".join(names[0] for names in words.values()), more=say(more)) from None

    return Kind(read, lambda value: ", ".join(words[part][0] for part in value), silent=True)


ID = Kind(_id)
EUROS = Kind(_cents, lambda value: value / 100)
LATITUDE, LONGITUDE, BEARING = Kind(_latitude), Kind(_longitude), Kind(_bearing)
DAY = Kind(_day)
CLOCK = Kind(_clock, write_clock)
WEEKDAYS = Kind(_weekdays, lambda value: " ".join(DAYS[day - 1][:3] for day in value))
YES_NO = Kind(_yes_no, lambda value: "oui" if value else "non")
PHONE, EMAIL, POSTCODE, COMMUNE = Kind(_phone), Kind(_email), Kind(_postcode), Kind(_commune)
