"""The valley's home, into which live data are written: what its buses do now, said in a line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from tests.journeys.conftest import at

from mobigo.journeys import service
from mobigo.journeys.live import write_live
from mobigo.journeys.model import JourneyRequest, Realtime
from mobigo.journeys.network import Networks
from mobigo.transit.live import CallUpdate, LiveFeed, TripUpdate
from mobigo.transit.overlay import lay_over

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.journeys.model import Journey, Plan
    from mobigo.journeys.network import Network
    from mobigo.transit.live import Alert, Vehicle

MONDAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
"""07:30 in Paris."""


@dataclass
class LiveValley:
    """A copy of the valley's home into which live data are written."""

    home: Path

    @property
    def network(self) -> Network:
        return Networks(self.home).current()

    def say(self, *trips: TripUpdate, alerts: tuple[Alert, ...] = (), vehicles: tuple[Vehicle, ...] = ()) -> Network:
        """Let the source say this, and nothing else."""
        moment = int(NOW.timestamp())
        network = self.network
        feed = LiveFeed("val", moment, trips, vehicles, alerts)
        overlay, reports = lay_over(network.timetable, [feed], [], now=moment)
        assert [report.rate for report in reports] == [1.0]
        write_live(
            network.folder,
            overlay,
            [("val", alert) for alert in alerts],
            [("val", vehicle) for vehicle in vehicles],
            reports,
            now=NOW,
        )
        return self.network

    def ask(self, when: str, realtime: Realtime = Realtime.ON, **more: object) -> Plan:
        """Ask from one end of the valley to the other."""
        request = JourneyRequest(at(0), at(10_000), local(when), window=0, realtime=realtime, **more)  # type: ignore[arg-type]
        return service.plan(self.network, request)


def local(text: str) -> datetime:
    """Read an hour of that Monday in Paris."""
    return datetime.fromisoformat(f"2026-11-23T{text}:00+01:00")


def late(trip: str, minutes: float, first: int = 1, **more: object) -> TripUpdate:
    """Say that a trip is late from a call on."""
    call = CallUpdate(sequence=first, departure_delay=int(60 * minutes))
    return TripUpdate(trip, MONDAY, calls=(call,), at=int(NOW.timestamp()), **more)  # type: ignore[arg-type]


def rides(journey: Journey) -> list[str]:
    return [
        f"{leg.trip_id} {leg.departure:%H:%M}-{leg.arrival:%H:%M}" + (" canceled" if leg.canceled else "")
        + (" missed" if leg.missed else "")
        for leg in journey.legs
        if leg.trip_id
    ]  # fmt: skip
