"""The nouns of a price. Money is whole cents of one currency; instants are aware; ids are those of GTFS."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime


class RideKind(StrEnum):
    """What kind of vehicle service a ride is of."""

    LINE = "line"
    """By a timetable: road, rail, tram."""
    ON_DEMAND = "on_demand"
    CARPOOL = "carpool"


@dataclass(frozen=True)
class FareRide:
    """One leg of a journey as a fare sees it: from boarding to alighting of one vehicle."""

    kind: RideKind
    agency: str
    """``source:agency_id`` of who runs it."""
    route: str
    """``source:route_id``; of on-demand services and carpool lines their id."""
    networks: tuple[str, ...]
    """Fare networks the route is of, as the catalogue says."""
    board: str | None
    """``source:stop_id``; None where one boards at a place without a stop."""
    alight: str | None
    departure: datetime
    """Planned."""
    arrival: datetime
    metres: int
    """Along the way, for distance scales."""
    service_date: date
    trip: str | None = None
    """``source:trip_id``; a ride that stays seated into the next trip is one ride."""
    quoted: int | None = None
    """Cents for one traveller that the service itself says (on-demand, carpool); None: the catalogue decides."""
    shares: tuple[int, ...] = ()
    """Of what the service says for all together, each traveller's cents in their order; empty: `quoted` of each."""
    passes: tuple[str, ...] = ()
    """``source:stop_id`` of all calls, both ends included; empty: only the ends are known."""
    stations: tuple[str | None, str | None] = (None, None)
    """``source:stop_id`` of the stations where one boards and alights, where the stops are of one."""


@dataclass(frozen=True)
class Held:
    """Something a traveller already has: a pass, a carnet with rides left, a reduction card."""

    id: str
    """Of the ticket."""
    product: str
    version: int
    """Of the catalogue it was sold from."""
    valid_from: datetime | None
    """None: from first use."""
    valid_until: datetime | None
    rides_left: int | None = None
    """None: unlimited."""
    areas: tuple[str, ...] = ()
    """Zones or stations chosen when it was bought, where the product asks for them."""


@dataclass(frozen=True)
class Fellow:
    """One of those who travel together."""

    id: str
    """Of this question only: ``1``, ``2``; never a name."""
    category: str
    """Rider category of the catalogue."""
    held: tuple[Held, ...] = ()


@dataclass(frozen=True)
class Reason:
    """Why a line of a price is what it is: a word and what it speaks of, put into sentences at the border."""

    code: str
    """``leg_rule``, ``covers``, ``through_fare``, ``transfer``, ``joined``, ``band``, ``reduction``, ``held``,
    ``quoted``, ``ticket_cheaper``, ``group``, ``carnet``, ``card_pays_off``: see `fares.explain`."""
    about: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One product bought (or held and used) for some rides of some travellers."""

    product: str
    version: int
    """Of the catalogue."""
    fellows: tuple[str, ...]
    """Ids of those it is for."""
    rides: tuple[int, ...]
    """Indices of the rides it covers."""
    cents: int
    """With VAT; 0 for what is held; below zero for a rebate."""
    vat_permille: int
    valid_from: datetime | None
    valid_until: datetime | None
    why: tuple[Reason, ...]
    held: str | None = None
    """Id of the ticket held, where nothing is bought."""
    medium: str | None = None


@dataclass(frozen=True)
class Price:
    """The cheapest lawful way to pay for a journey."""

    cents: int
    """Sum of the items."""
    currency: str
    items: tuple[Item, ...]
    unknown: tuple[int, ...] = ()
    """Indices of rides that no product of the catalogue covers: the price is then that of the others only."""

    @property
    def complete(self) -> bool:
        """Whether every ride has a price."""
        return not self.unknown
