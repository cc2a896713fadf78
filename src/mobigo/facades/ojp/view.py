"""What the answer to one request is written from, and what its context will have to name: stops and messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING

from mobigo.facades.ojp.wire import in_siri, position, said, told
from mobigo.journeys.model import Mode
from mobigo.journeys.modes import mode_of
from mobigo.kit.errors import NotFound
from mobigo.opendata import siri_writer
from mobigo.opendata.siri_xml import frame, trim, unframe
from mobigo.places import store as places_store
from mobigo.transit.boards import lines_at, stops_meant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fastapi import Request
    from sqlalchemy.orm import Session

    from mobigo.facades.ojp.wire import Node
    from mobigo.journeys.network import Network
    from mobigo.opendata.siri_xml import Tree
    from mobigo.transit.timetable import Timetable

PT_MODES = {
    Mode.TRAM: "tram",
    Mode.SUBWAY: "metro",
    Mode.RAIL: "rail",
    Mode.BUS: "bus",
    Mode.COACH: "coach",
    Mode.FERRY: "water",
    Mode.CABLE_CAR: "cableway",
    Mode.FUNICULAR: "funicular",
    Mode.AIR: "air",
}
"""By mode; all others are ``other``."""
SAID_MODES = {
    "fr": {"tram": "Tram", "metro": "Métro", "rail": "Train", "bus": "Bus", "coach": "Car", "water": "Bateau",
           "cableway": "Téléphérique", "funicular": "Funiculaire", "air": "Avion", "other": "Autre"},
    "en": {"tram": "Tram", "metro": "Metro", "rail": "Train", "bus": "Bus", "coach": "Coach", "water": "Ferry",
           "cableway": "Cable car", "funicular": "Funicular", "air": "Plane", "other": "Other"},
}  # fmt: skip
REFS = ("StopPointRef", "StopPlaceRef", "TopographicPlaceRef", "PointOfInterestRef", "AddressRef")
"""How a place is named by its id."""


class UnknownPlaceRef(NotFound):
    """A place that a request names is not known."""


def pt_mode(mode: Mode) -> str:
    """Return OJP's word for how a vehicle travels."""
    return PT_MODES.get(mode, "other")


@dataclass
class View:
    """A request under answer."""

    request: Request
    session: Session
    now: datetime
    language: str
    network: Network
    """As it serves."""
    stops: dict[str, None] = field(default_factory=dict)
    """Ids of the stops that the answer names."""
    alerts: dict[str, None] = field(default_factory=dict)
    """Ids of the messages that the answer names."""

    @property
    def timetable(self) -> Timetable:
        """As vehicles run, where that is known."""
        live = self.network.live
        return live.overlay.timetable if live else self.network.timetable

    def find_place(self, node: Node | None) -> str:
        """Return a place as the planner takes it: a stop's id or a point.

        Raises
        ------
        UnknownPlaceRef
            When there is no such place.
        """
        if node is None:
            raise UnknownPlaceRef("there is no PlaceRef")
        position_ = node.child("GeoPosition")
        if position_ is not None:
            point = position_.point()
            return f"{point.lat:.7f},{point.lon:.7f}"
        for ref in REFS:
            text = node.text(ref)
            if text is None:
                continue
            id_ = unframe(text)
            if id_ in self.network.stop_index:
                return id_
            found = places_store.find_by_id(self.session, id_.replace("\0", ""))
            if found is None:
                raise UnknownPlaceRef(f"{ref} {text!r} is not known; OJPLocationInformationRequest finds places")
            return f"{found.lat:.7f},{found.lon:.7f}"
        raise UnknownPlaceRef(f"a PlaceRef names a GeoPosition or one of {', '.join(REFS)}")

    def stop_ref(self, stop_id: str) -> str:
        """Refer to a stop; the context will name it."""
        self.stops[stop_id] = None
        return frame("Quay", stop_id)

    def place_ref(self, name: str, lat: float, lon: float, stop_id: str | None) -> Tree:
        """Refer to where a leg begins or ends."""
        at: Tree = (
            {"GeoPosition": position(lon, lat)} if stop_id is None else {"siri:StopPointRef": self.stop_ref(stop_id)}
        )
        return at | {"Name": said(name or f"{lat:.5f}, {lon:.5f}")}

    def situation_refs(self, alerts: Iterable[str]) -> Tree | None:
        """Refer to messages; the context will hold them."""
        named = [one for one in alerts if one in self._told]
        self.alerts.update(dict.fromkeys(named))
        return {"SituationFullRef": [_name_situation(one) for one in named]} if named else None

    @cached_property
    def _told(self) -> dict[str, Tree]:
        """Messages that may be passed on, by id."""
        at = self.request.app.state.live_feeds.moment()
        return {_id_of(one): one for one in siri_writer.list_situations(at)} if at is not None else {}

    def context(self, *, places: bool, situations: bool) -> Tree | None:
        """Write what the answer named."""
        timetable = self.timetable
        indices = [self.network.stop_index[one] for one in self.stops if one in self.network.stop_index]
        stations = {int(timetable.stop_parent[stop]) for stop in indices} - {-1}
        named = [self._stop_place(stop) for stop in sorted(stations) if self._is_somewhere(stop)]
        named += [self._stop_point(stop) for stop in indices if self._is_somewhere(stop)]
        told_of = [in_siri(self._told[one]) for one in self.alerts]
        return (
            trim(
                {
                    "Places": {"Place": named} if places and named else None,
                    "Situations": {"PtSituation": told_of} if situations and told_of else None,
                }
            )
            or None
        )

    def _stop_place(self, stop: int) -> Tree:
        name = self.timetable.stop_names.at(stop)
        inside = {"StopPlaceRef": frame("StopPlace", self.timetable.stop_ids.at(stop)), "StopPlaceName": said(name)}
        return {"StopPlace": inside, "Name": said(name), "GeoPosition": self._where(stop)}

    def _stop_point(self, stop: int) -> Tree:
        timetable = self.timetable
        name, parent = timetable.stop_names.at(stop), int(timetable.stop_parent[stop])
        platform = timetable.stop_platforms.at(stop)
        wheelchair = {1: True, 2: False}.get(int(timetable.stop_wheelchair[stop]))
        point = {
            "siri:StopPointRef": frame("Quay", timetable.stop_ids.at(stop)),
            "StopPointName": said(name),
            "PlannedQuay": said(platform) if platform else None,
            "ParentRef": frame("StopPlace", timetable.stop_ids.at(parent)) if parent >= 0 else None,
            "WheelchairAccessible": wheelchair,
        }
        return {"StopPoint": trim(point), "Name": said(name), "GeoPosition": self._where(stop)}

    def _is_somewhere(self, stop: int) -> bool:
        """Tell whether a feed says where a stop is."""
        return isfinite(self.timetable.stop_lat[stop]) and isfinite(self.timetable.stop_lon[stop])

    def _where(self, stop: int) -> Tree:
        return position(float(self.timetable.stop_lon[stop]), float(self.timetable.stop_lat[stop]))

    def mode(self, mode: Mode) -> Tree:
        """Write how a vehicle travels, also in words."""
        word = pt_mode(mode)
        name = told({self.language: SAID_MODES[self.language][word]}, self.language)
        return trim({"PtMode": word, "Name": name})

    def modes_at(self, stop_ids: Iterable[str]) -> list[Tree]:
        """Write how one may leave some stops."""
        timetable, index = self.network.timetable, self.network.stop_index
        found: dict[str, Tree] = {}
        for stop in (index[one] for one in stop_ids if one in index):
            for route in lines_at(timetable, stops_meant(timetable, stop)):
                mode = mode_of(int(timetable.route_type[route]))
                found.setdefault(pt_mode(mode), self.mode(mode))
        return list(found.values())


def _name_situation(alert: str) -> Tree:
    source, _, number = alert.partition(":")
    return {"siri:ParticipantRef": source, "siri:SituationNumber": number or source}


def _id_of(situation: Tree) -> str:
    number = str(situation["SituationNumber"]["value"])
    participant = situation.get("ParticipantRef")
    return f"{participant['value']}:{number}" if participant else number
