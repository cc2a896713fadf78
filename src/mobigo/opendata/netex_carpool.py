"""Carpool lines and places to leave a car as NeTEx: French profile, new modes and parkings.

A line is a service with its hours; its stops are meeting points at meeting places; the rides that it offers are pairs
of meeting points, both ways, each with its metres.

References
----------
NeTEx part 5, CEN/TS 16614-5: CarPoolingService, VehicleMeetingPoint; French profile: NETEX_PARKING.
"""

from __future__ import annotations

import zipfile
from itertools import permutations
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mobigo.opendata.netex_xml import add_frame, box, day_clock, name, place, quote, refer, text, thing
from mobigo.parking.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from mobigo.carpool.model import Hours, Line, LineStop
    from mobigo.parking.model import ParkingPlace

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ZONE = ZoneInfo("Europe/Paris")
POOLING = "commuter"
"""Id of the one mode of operation."""
PARKING_TYPES = {Kind.PARK_RIDE: "parkAndRide", Kind.CARPOOL: "liftShareParking"}


def write_lines(lines: Sequence[Line], path: Path, made_at: datetime, *, publisher: str) -> None:
    """Write carpool lines as one NeTEx delivery.

    Parameters
    ----------
    lines : sequence of Line
        By id.
    path : Path
        Where the archive is written.
    made_at : datetime
        When what it says was written down.
    publisher : str
        Who runs the lines.
    """
    with zipfile.ZipFile(path, "w", compresslevel=6) as archive:
        made = (str(ZONE), made_at.astimezone(ZONE))
        add_frame(archive, "covoiturage_commun.xml", ("NETEX_COMMUN", "covoiturage", *made), _list_shared(publisher))
        add_frame(archive, "covoiturage_calendriers.xml", ("NETEX_CALENDRIER", "covoiturage", *made), _list_days(lines))
        members = (element for line in lines for element in _list_line(line))
        add_frame(archive, "covoiturage_lignes.xml", ("NETEX_RESEAU", "covoiturage", *made), members)


def _list_shared(publisher: str) -> Iterator[str]:
    yield thing("Operator", "carpool", text("Name", publisher), text("OrganisationType", "operator"))
    yield thing(
        "VehiclePooling", POOLING, text("Name", "Covoiturage"), text("VehiclePoolingType", "commuterCarPooling")
    )


def _list_days(lines: Sequence[Line]) -> Iterator[str]:
    """Write each set of days of the week, and each span of the day, that a line runs on."""
    hours = [one for line in lines for one in line.hours]
    for days in sorted({_name_days(one) for one in hours}):
        words = " ".join(WEEK[int(number)] for number in days)
        yield thing("DayType", f"carpool.{days}", box("properties", box("PropertyOfDay", text("DaysOfWeek", words))))
    for first, last in sorted({(one.first, one.last) for one in hours}):
        yield thing(
            "Timeband",
            f"carpool.{first}.{last}",
            day_clock("StartTime", first),
            day_clock("EndTime", last, "DayOffset"),
        )


def _name_days(hours: Hours) -> str:
    return "".join(str(number) for number in sorted(hours.weekdays))


def _list_line(line: Line) -> Iterator[str]:
    for stop in line.stops:
        yield from _list_stop(line, stop)
    yield thing(
        "CarPoolingService",
        line.id,
        box("validityConditions", *(_write_hours(line, number, one) for number, one in enumerate(line.hours, 1))),
        text("Name", line.name),
        text("PublicCode", line.id),
        text("Description", _describe(line)),
        refer("Operator", "carpool"),
        text("BookingRequired", "false"),
        text("RegistrationRequired", "true"),
        refer("VehiclePooling", POOLING),
    )
    ways = [_write_way(line, start, end) for start, end in permutations(line.stops, 2)]
    yield from (element for _, element in ways)
    yield thing(
        "Tariff",
        line.id,
        text("Name", line.name),
        refer("CarPoolingService", line.id),
        text("TariffBasis", "pointToPoint"),
        box("distanceMatrixElements", *(refer("DistanceMatrixElement", id_) for id_, _ in ways)),
    )


def _describe(line: Line) -> str:
    said = []
    if line.guarantee is not None:
        said.append(f"Départ garanti : un taxi après {line.guarantee.wait // 60} minutes sans voiture.")
    if line.demonstration:
        said.append("Arrêts d'exemple, placés au centre des communes.")
    return " ".join(said)


def _write_hours(line: Line, number: int, hours: Hours) -> str:
    return thing(
        "AvailabilityCondition",
        f"{line.id}.{number}",
        text("IsAvailable", "true"),
        box("dayTypes", refer("DayType", f"carpool.{_name_days(hours)}")),
        box("timebands", refer("Timeband", f"carpool.{hours.first}.{hours.last}")),
    )


def name_stop(line: Line, stop: LineStop) -> str:
    """Name a stop of a line: by the line, since ids of stops are of one line."""
    return f"{line.id}:{stop.id}"


def _list_stop(line: Line, stop: LineStop) -> Iterator[str]:
    id_, where = name_stop(line, stop), place(stop.point.lon, stop.point.lat)
    yield thing("VehicleMeetingPlace", id_, text("Name", stop.name), box("Centroid", where))
    yield thing("VehicleMeetingPoint", id_, text("Name", stop.name), where)
    yield thing(
        "VehicleMeetingPointAssignment",
        id_,
        refer("VehicleMeetingPoint", id_),
        refer("VehicleMeetingPlace", id_),
        order=1,
    )


def _write_way(line: Line, start: LineStop, end: LineStop) -> tuple[str, str]:
    id_ = f"{line.id}:{start.id}:{end.id}"
    return id_, thing(
        "DistanceMatrixElement",
        id_,
        text("Distance", abs(end.metres - start.metres)),
        refer("VehicleMeetingPoint", name_stop(line, start), tag="StartMeetingPointRef"),
        refer("VehicleMeetingPoint", name_stop(line, end), tag="EndMeetingPointRef"),
    )


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_places(places: Sequence[ParkingPlace], path: Path, made_at: datetime) -> None:
    """Write places to leave a car, or to wait for a lift, as one NeTEx delivery."""
    with zipfile.ZipFile(path, "w", compresslevel=6) as archive:
        delivery = ("NETEX_PARKING", "covoiturage", str(ZONE), made_at.astimezone(ZONE))
        add_frame(archive, "parkings.xml", delivery, (_write_place(one) for one in places))


def _write_place(one: ParkingPlace) -> str:
    id_ = f"{one.source}:{one.id}"
    where = box("Centroid", place(one.point.lon, one.point.lat))
    if one.kind is Kind.HITCH_HIKING:
        return thing("VehicleMeetingPlace", id_, text("Name", one.name), where)
    bays = ""
    if one.disabled is not None:
        bays = thing(
            "ParkingProperties",
            id_,
            text("ParkingUserTypes", "registeredDisabled"),
            box("spaces", _write_bays(id_, one.disabled)),
        )
    return thing(
        "Parking",
        id_,
        text("Name", one.name or one.commune),
        where,
        text("ParkingType", PARKING_TYPES[one.kind]),
        text("ParkingVehicleTypes", "car"),
        text("TotalCapacity", one.capacity),
        box("parkingProperties", bays),
    )


def _write_bays(id_: str, number: int) -> str:
    return (
        f'<ParkingCapacity id={quote(name("ParkingCapacity", id_))} version="any">'
        + text("ParkingUserType", "registeredDisabled")
        + text("NumberOfSpaces", number)
        + "</ParkingCapacity>"
    )
