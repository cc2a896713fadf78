"""Elements of NeTEx as text: written in order, references told apart from what they refer to.

Ids are ``CODESPACE:Class:source:id:LOC``; of stops ``FR::Class:source:id:LOC``. What stands within the frame of an id
is the id of every other format, verbatim.

References
----------
NeTEx French profile, common elements, identifiers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from mobigo.opendata.archive import add_member

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterable
    from datetime import datetime

CODESPACE = "MOBIGO"
STOPS = frozenset({"StopPlace", "Quay", "StopPlaceEntrance", "BoardingPosition", "FlexibleStopPlace"})
"""Classes whose ids the national register frames."""
HEAD = (
    '<PublicationDelivery xmlns="http://www.netex.org.uk/netex" xmlns:gml="http://www.opengis.net/gml/3.2"'
    ' xmlns:siri="http://www.siri.org.uk/siri" version="1.10:FR-NETEX-2.2">'
)
DAY = 86_400
BREAKS = dict.fromkeys(range(32), " ") | {0xFFFE: " ", 0xFFFF: " "}
"""Characters that XML has no words for."""


def name(kind: str, id_: str) -> str:
    """Return the NeTEx id of something that has an id in every format."""
    return f"FR::{kind}:{id_}:LOC" if kind in STOPS else f"{CODESPACE}:{kind}:{id_}:LOC"


def text(tag: str, value: object) -> str:
    """Write an element of text; nothing for None or an empty text."""
    if value is None or value == "":
        return ""
    return f"<{tag}>{escape(str(value).translate(BREAKS))}</{tag}>"


def box(tag: str, *inside: str) -> str:
    """Write an element around others; nothing around nothing."""
    within = "".join(inside)
    return f"<{tag}>{within}</{tag}>" if within else ""


def thing(kind: str, id_: str, *inside: str, order: int | None = None) -> str:
    """Write something with an id."""
    ordered = "" if order is None else f' order="{order}"'
    return f'<{kind} id={quote(name(kind, id_))} version="any"{ordered}>{"".join(inside)}</{kind}>'


def refer(kind: str, id_: str, *, tag: str | None = None, elsewhere: bool = False) -> str:
    """Refer to something of this delivery; `elsewhere` in another of its files, whose version is named then."""
    version = ' versionRef="any"' if elsewhere else ""
    return f"<{tag or kind + 'Ref'} ref={quote(name(kind, id_))}{version}/>"


def quote(value: str) -> str:
    """Write the value of an attribute."""
    return quoteattr(value.translate(BREAKS))


def clock(tag: str, seconds: int | None) -> str:
    """Write a time of the service day: the hour of the clock, and the days after."""
    if seconds is None:
        return ""
    days, rest = divmod(seconds, DAY)
    hour = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"<{tag}Time>{hour}</{tag}Time><{tag}DayOffset>{days}</{tag}DayOffset>"


def day_clock(tag: str, seconds: int, offset: str | None = None) -> str:
    """Write an hour of the day, with the days after in an element of their own where one is named."""
    days, rest = divmod(seconds, DAY)
    hour = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return text(tag, hour) + (text(offset, days) if offset and days else "")


def duration(seconds: int) -> str:
    """Write a span as ISO 8601 does."""
    return f"PT{seconds}S"


def place(lon: float, lat: float) -> str:
    """Write where something is."""
    return f"<Location><Longitude>{lon:.7f}</Longitude><Latitude>{lat:.7f}</Latitude></Location>"


def access(id_: str, wheelchair: int | None) -> str:
    """Write whether a wheelchair gets there: GTFS says 1 yes, 2 no, else unknown."""
    said = {1: "true", 2: "false"}.get(wheelchair or 0, "unknown")
    return thing(
        "AccessibilityAssessment",
        id_,
        text("MobilityImpairedAccess", said),
        box("limitations", box("AccessibilityLimitation", text("WheelchairAccess", said))),
    )


def open_delivery(frame: str, part: str, zone: str, made_at: datetime) -> str:
    """Write what stands before the members of a general frame: ``NETEX_ARRET``, ..."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + HEAD
        + text("PublicationTimestamp", made_at.isoformat(timespec="seconds"))
        + text("ParticipantRef", CODESPACE)
        + "<dataObjects>"
        + f'<CompositeFrame id={quote(f"FR:CompositeFrame:NETEX_FRANCE-{part}:LOC")} version="any">'
        + box(
            "FrameDefaults",
            box("DefaultLocale", text("TimeZone", zone), text("DefaultLanguage", "fr")),
            text("DefaultLocationSystem", "WGS84"),
        )
        + "<frames>"
        + f'<GeneralFrame id={quote(f"FR:GeneralFrame:{frame}-{part}:LOC")} version="any">'
        + f'<TypeOfFrameRef ref="FR:TypeOfFrame:{frame}"/>'
        + "<members>\n"
    )


CLOSE = "\n</members></GeneralFrame></frames></CompositeFrame></dataObjects></PublicationDelivery>\n"


def add_frame(
    archive: zipfile.ZipFile, file: str, delivery: tuple[str, str, str, datetime], members: Iterable[str]
) -> None:
    """Write a file of one frame; none without members.

    Parameters
    ----------
    archive : ZipFile
        Where it is written.
    file : str
        Its name.
    delivery : tuple
        What `open_delivery` wants to know: frame, part, time zone, when it was made.
    members : iterable of str
        What is in the frame.
    """
    first = next(iterator := iter(members), None)
    if first is None:
        return
    with add_member(archive, file) as stream:
        stream.write(open_delivery(*delivery).encode())
        stream.write(first.encode())
        for member in iterator:
            stream.write(member.encode())
        stream.write(CLOSE.encode())
