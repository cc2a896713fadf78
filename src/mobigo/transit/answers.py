"""What routes of several rooms answer about lines and stops, and how they find them."""

from enum import StrEnum
from math import isnan
from typing import Annotated, Protocol, cast

from fastapi import Path, Request
from pydantic import BaseModel, Field

from mobigo.kit.errors import NotFound
from mobigo.transit.live import Alert
from mobigo.transit.live_snapshot import LiveSnapshot
from mobigo.transit.timetable import Timetable


class Manifest(Protocol):
    """What a network says of itself."""

    @property
    def version(self) -> str:
        """Its name."""


class Network(Protocol):
    """What these routes read of the network that serves."""

    @property
    def timetable(self) -> Timetable:
        """Stops, lines and trips."""

    @property
    def stop_index(self) -> dict[str, int]:
        """Index of each stop id."""

    @property
    def manifest(self) -> Manifest:
        """Of what it was built."""

    @property
    def live(self) -> LiveSnapshot | None:
        """What live data say now."""


def find_network(request: Request) -> Network | None:
    """Return the network that serves, if any has been built."""
    return cast("Network | None", request.app.state.networks.find_current())


StopId = Annotated[
    str,
    Path(
        description="`source:gtfs_id` of a stop, platform or station",
        openapi_examples={"station": {"value": "ter:StopArea:OCE87713412"}},
    ),
]


LineId = Annotated[
    str, Path(description="`source:gtfs_id` of a line", openapi_examples={"line": {"value": "mobigo:L120"}})
]


class LineAnswer(BaseModel):
    """A line as travellers know it (GTFS: route)."""

    id: str = Field(description="`source:gtfs_id`", examples=["mobigo:L120"])
    name: str = Field(description="As painted on the vehicle: the short name, else the long one", examples=["120"])
    long_name: str | None = Field(examples=["Montbard - Semur-en-Auxois"])
    route_type: int = Field(description="GTFS route_type, basic or extended: 0 tram, 2 rail, 3 bus ...", examples=[3])
    color: str | None = Field(description="RRGGBB", examples=["0B6E4F"])
    text_color: str | None = Field(description="RRGGBB", examples=["FFFFFF"])
    agency: str | None = Field(description="Name of the operator", examples=["Mobigo"])


class StopOfLine(BaseModel):
    """A stop on the way of a line."""

    id: str = Field(description="`source:gtfs_id`")
    name: str
    lat: float | None = Field(description="Degrees, WGS84")
    lon: float | None = Field(description="Degrees, WGS84")


class Wheelchair(StrEnum):
    """Whether somebody in a wheelchair can board."""

    UNKNOWN = "unknown"
    POSSIBLE = "possible"
    NOT_POSSIBLE = "not_possible"


class AlertAnswer(BaseModel):
    """A message to travellers."""

    id: str = Field(description="`source:id`", examples=["mobigo:17"])
    header: dict[str, str] = Field(
        description='By language; "" where the source does not say which',
        examples=[{"fr": "Arrêt Gare reporté", "en": "Stop Gare moved"}],
    )
    description: dict[str, str]
    url: dict[str, str]
    cause: str = Field(description="GTFS-Realtime Cause", examples=["CONSTRUCTION"])
    effect: str = Field(description="GTFS-Realtime Effect", examples=["STOP_MOVED"])
    severity: str = Field(description="GTFS-Realtime SeverityLevel", examples=["WARNING"])


def get_stop_of(network: Network | None, id_: str) -> tuple[Network, int]:
    """Return the network and the stop of an id.

    Raises
    ------
    NotFound
        When there is no such stop.
    """
    stop = network.stop_index.get(id_) if network else None
    if network is None or stop is None:
        raise NotFound(f"no stop {id_!r}; /v1/stops lists them", code="unknown_stop")
    return network, stop


def get_line_of(network: Network | None, id_: str) -> tuple[Network, int]:
    """Return the network and the line of an id.

    Raises
    ------
    NotFound
        When there is no such line.
    """
    route = network.timetable.route_ids.find(id_) if network else -1
    if network is None or route < 0:
        raise NotFound(f"no line {id_!r}; /v1/lines lists them", code="unknown_line")
    return network, route


def describe_alert(alert: Alert) -> AlertAnswer:
    """Describe a message."""
    return AlertAnswer(
        id=alert.id,
        header=alert.header,
        description=alert.description,
        url=alert.url,
        cause=alert.cause,
        effect=alert.effect,
        severity=alert.severity,
    )


def describe_line(timetable: Timetable, route: int) -> LineAnswer:
    """Describe a line, by its route index."""
    short, long = timetable.route_short_names.at(route), timetable.route_long_names.at(route)
    agency = int(timetable.route_agency[route])
    return LineAnswer(
        id=timetable.route_ids.at(route),
        name=short or long,
        long_name=long or None,
        route_type=int(timetable.route_type[route]),
        color=timetable.route_colors.at(route) or None,
        text_color=timetable.route_text_colors.at(route) or None,
        agency=(timetable.agency_names.at(agency) or None) if agency >= 0 else None,
    )


def three_states(value: int) -> Wheelchair:
    """Put 0, 1, 2 of wheelchair and bicycle columns in words."""
    return {1: Wheelchair.POSSIBLE, 2: Wheelchair.NOT_POSSIBLE}.get(value, Wheelchair.UNKNOWN)


def degrees(value: float) -> float | None:
    """Return a coordinate, None where the feed has none."""
    return None if isnan(value) else float(value)


def describe_stop(timetable: Timetable, stop: int) -> StopOfLine:
    """Describe a stop, by its index."""
    return StopOfLine(
        id=timetable.stop_ids.at(stop),
        name=timetable.stop_names.at(stop),
        lat=degrees(timetable.stop_lat[stop]),
        lon=degrees(timetable.stop_lon[stop]),
    )
