"""What Navitia's clients ask of journeys, in the planner's words; what cannot be honoured is refused."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mobigo.facades.navitia.answers import Around
from mobigo.facades.navitia.errors import bad_format, unknown_object
from mobigo.facades.navitia.ids import read_id
from mobigo.facades.navitia.modes import ALIASES, OF_KEY
from mobigo.facades.navitia.selection import find_ways
from mobigo.facades.navitia.times import read_instant
from mobigo.journeys.model import Access, JourneyRequest, Mode, Realtime

SectionMode = Literal["walking", "car", "car_no_park", "bike", "bss", "ridesharing", "taxi"]
TravelerType = Literal["standard", "slow_walker", "fast_walker", "luggage", "wheelchair"]

SPEEDS = {"standard": 1.12, "slow_walker": 0.83, "fast_walker": 1.67, "luggage": 1.12, "wheelchair": 0.83}
"""Metres per second on foot, of a kind of traveller."""
LUGGAGE_SLACK = 120
"""Seconds that each change takes longer with luggage."""
BIKE_SPEED, CAR_SPEED = 4.1, 16.8
"""What Navitia takes without being told; ours are those of the streets, and nobody can change them."""
SLOWEST, FASTEST = 0.3, 3.0
"""Metres per second on foot that the planner takes."""
LONGEST_ACCESS = 7200
"""Seconds to the first stop, at most."""
USUAL = 6
"""Journeys that an answer holds, at most, where nobody says."""
MOST_TRANSFERS = 15
MOST_REACHED = 10_800
"""Seconds within which stops are looked for from one end."""
WIDEST = 86_400
BUDGET = 4.0
"""Seconds of computing: clients of Navitia are used to wait rather than to get less."""
ACCESS = {
    "walking": (Access.WALK,),
    "bike": (Access.BICYCLE,),
    "bss": (Access.WALK, Access.SHARED_BICYCLE),
    "car": (Access.CAR_PARK,),
    "car_no_park": (Access.CAR_DROP_OFF,),
    "ridesharing": (Access.WALK,),
}
"""How one gets to the stop, by the mode of the first or last section."""
DIRECT = {"walking": Mode.WALK, "bike": Mode.BICYCLE, "car": Mode.CAR, "car_no_park": Mode.CAR}
"""Ways without public transport, by mode."""
TUNED = ("walking_", "bike_")
"""How parameters of another street engine begin."""


class AskedJourneys(BaseModel):
    """What may be asked of journeys."""

    model_config = ConfigDict(populate_by_name=True)

    from_: str | None = Field(default=None, alias="from", max_length=300, description="`LON;LAT` or an id")
    to: str | None = Field(
        default=None, max_length=300, description="Without it (or without `from`): all stops that are reached"
    )
    datetime_: str | None = Field(
        default=None, alias="datetime", max_length=40, description="`YYYYMMDDTHHMMSS`, local time; default now"
    )
    datetime_represents: Literal["departure", "arrival"] = "departure"
    traveler_type: TravelerType = Field(
        default="standard", description="Pace on foot; `luggage`: two minutes more per change; `wheelchair`: accessible"
    )
    data_freshness: Literal["base_schedule", "realtime", "adapted_schedule"] = Field(
        default="base_schedule",
        description="`base_schedule`: by the timetable, with what is known of it as `status` and disruptions;"
        " `realtime`: as vehicles really run",
    )
    forbidden_uris: list[str] = Field(
        default_factory=list,
        alias="forbidden_uris[]",
        max_length=50,
        description="Lines, networks, modes never to ride; stop areas, stop points never to board, leave or change at",
    )
    forbidden_id: list[str] = Field(default_factory=list, alias="forbidden_id[]", max_length=50)
    allowed_id: list[str] = Field(
        default_factory=list, alias="allowed_id[]", max_length=50, description="Lines, networks, modes: ride only these"
    )
    first_section_mode: list[SectionMode] = Field(
        default_factory=list,
        alias="first_section_mode[]",
        max_length=7,
        description="`walking` (default), `bike`, `bss`, `car` (to a car park), `car_no_park`, `ridesharing`",
    )
    last_section_mode: list[SectionMode] = Field(default_factory=list, alias="last_section_mode[]", max_length=7)
    direct_path: Literal["indifferent", "none", "only", "only_with_alternatives"] = "indifferent"
    direct_path_mode: list[SectionMode] = Field(default_factory=list, alias="direct_path_mode[]", max_length=7)
    max_duration_to_pt: int = Field(default=1800, ge=0, le=LONGEST_ACCESS, description="Seconds to the first stop")
    max_walking_duration_to_pt: int | None = Field(default=None, ge=0, le=LONGEST_ACCESS)
    max_bike_duration_to_pt: int | None = Field(default=None, ge=0, le=LONGEST_ACCESS)
    max_car_duration_to_pt: int | None = Field(default=None, ge=0, le=LONGEST_ACCESS)
    walking_speed: float | None = Field(default=None, ge=SLOWEST, le=FASTEST, description="Metres per second")
    bike_speed: float | None = Field(default=None, description="Only 4.1, the default")
    bss_speed: float | None = Field(default=None, description="Only 4.1, the default")
    car_speed: float | None = Field(default=None, description="Only 16.8, the default")
    min_nb_journeys: int | None = Field(
        default=None, ge=0, le=50, description="Also later ones, until there are so many"
    )
    max_nb_journeys: int | None = Field(default=None, ge=1, le=100)
    count: int | None = Field(default=None, ge=1, le=50, description="Exactly so many, if there are")
    max_nb_transfers: int = Field(default=10, ge=0, le=100)
    min_nb_transfers: int = Field(default=0, ge=0, le=MOST_TRANSFERS)
    max_duration: int = Field(
        default=WIDEST, ge=0, le=WIDEST, description="Seconds; without one end at most 10800 are searched"
    )
    timeframe_duration: int | None = Field(default=None, ge=0, le=WIDEST, description="Leave (arrive) within so long")
    wheelchair: bool | None = None
    free_radius_from: int = Field(default=0, description="Only 0")
    free_radius_to: int = Field(default=0, description="Only 0")
    park_mode: Literal["none"] = "none"
    add_poi_infos: list[str] = Field(default_factory=list, alias="add_poi_infos[]", max_length=5)
    language: str = Field(default="fr-FR", max_length=10)
    depth: int = Field(default=1, ge=0, le=3)
    debug: bool = Field(default=False, description="Every journey that none beats, without choosing among them")
    is_journey_schedules: bool = False
    disable_geojson: bool = False

    @property
    def running(self) -> bool:
        """Whether journeys are asked for as vehicles really run."""
        return self.data_freshness != "base_schedule"

    @property
    def arrival(self) -> bool:
        """Whether the date-time is that of the arrival."""
        return self.datetime_represents == "arrival"

    @property
    def first_modes(self) -> list[str]:
        """Modes of the first section."""
        return list(dict.fromkeys(self.first_section_mode)) or ["walking"]

    @property
    def last_modes(self) -> list[str]:
        """Modes of the last section."""
        return list(dict.fromkeys(self.last_section_mode)) or ["walking"]

    @property
    def least(self) -> int:
        """How many journeys there must be, if there are so many."""
        return self.count or self.min_nb_journeys or 0

    @property
    def most(self) -> int | None:
        """How many journeys there may be; None: as many as are worth taking."""
        told = self.count or self.max_nb_journeys
        return max(self.least, USUAL) if told is None and self.least else told

    def at(self, around: Around) -> datetime:
        """Return the instant asked for.

        Raises
        ------
        NavitiaError
            ``bad_format``; ``date_out_of_bounds`` when the timetable says nothing of that day.
        """
        zone = around.network.manifest.zone
        return read_instant("datetime", self.datetime_, zone) if self.datetime_ else around.now.astimezone(zone)

    def request(self, around: Around, origin: str, destination: str) -> JourneyRequest:
        """Turn it into a question to the planner.

        Raises
        ------
        NavitiaError
            When something cannot be honoured.
        """
        self._refuse(around)
        modes = {*self.first_modes, *self.last_modes}
        walk = self.max_walking_duration_to_pt
        access, egress = (tuple(dict.fromkeys(_access(each))) for each in (self.first_modes, self.last_modes))
        return JourneyRequest(
            origin=origin,
            destination=destination,
            at=self.at(around),
            arrive_by=self.arrival,
            window=self.timeframe_duration or None,
            max_transfers=min(self.max_nb_transfers, MOST_TRANSFERS),
            max_walk=self.max_duration_to_pt if walk is None else walk,
            max_ride=_or(self.max_bike_duration_to_pt, self.max_duration_to_pt),
            max_drive=_or(self.max_car_duration_to_pt, self.max_duration_to_pt),
            only=tuple(self._only(around)),
            forbid=tuple(self._forbid(around)),
            walk_speed=self.walking_speed or SPEEDS[self.traveler_type],
            slack=LUGGAGE_SLACK if self.traveler_type == "luggage" else 0,
            wheelchair=self.traveler_type == "wheelchair" if self.wheelchair is None else self.wheelchair,
            access=access,
            egress=egress,
            direct=tuple(dict.fromkeys(self._direct())),
            realtime=Realtime.ON if self.running else Realtime.ANNOTATE,
            most=max(self.most or 0, USUAL),
            everything=self.debug or self.least > 1,  # who wants many wants each departure of a line
            carpool="ridesharing" in modes,
            budget=BUDGET,
        )

    def _refuse(self, around: Around) -> None:
        """Refuse what cannot be honoured."""
        for name, told, usual in (
            ("bike_speed", self.bike_speed, BIKE_SPEED),
            ("bss_speed", self.bss_speed, BIKE_SPEED),
            ("car_speed", self.car_speed, CAR_SPEED),
        ):
            if told is not None and told != usual:
                raise bad_format(f"{name}={told:g}: speeds of vehicles are those of the streets here; leave it out")
        if self.free_radius_from or self.free_radius_to:
            raise bad_format("free_radius_from and free_radius_to are not honoured: every walk is counted here")
        asked = {*self.first_section_mode, *self.last_section_mode, *self.direct_path_mode}
        if "taxi" in asked:
            raise bad_format("mode taxi: nobody promises a taxi here; on-demand transport is found without asking")
        if self.direct_path_mode and (odd := [one for one in self.direct_path_mode if one not in DIRECT]):
            raise bad_format(f"direct_path_mode[]={odd[0]}: all the way one is led on foot, by bike or by car only")
        tuned = [
            key
            for key in around.request.query_params
            if key.startswith(TUNED) and key not in {"walking_speed", "bike_speed"}
        ]
        if tuned:
            raise bad_format(f"{tuned[0]}: the street engine here takes no such parameter; leave it out")

    def _direct(self) -> Iterator[Mode]:
        if self.direct_path != "none":
            for name in self.direct_path_mode or self.first_modes:
                if name in DIRECT:
                    yield DIRECT[name]

    def _forbid(self, around: Around) -> Iterator[str]:
        for name in dict.fromkeys([*self.forbidden_uris, *self.forbidden_id]):
            kind, own = read_id(name)
            if kind == "line":
                yield f"line:{_known(around, name, own)}"
            elif kind in {"network", "company"}:
                yield f"agency:{_known(around, name, own)}"
            elif kind in {"physical_mode", "commercial_mode"}:
                if own not in OF_KEY:
                    raise unknown_object(f"no mode has the id {name!r}; /physical_modes lists them")
                if own not in ALIASES:  # a finer mode than feeds tell: nothing is known to be of it
                    yield f"mode:{OF_KEY[own]}"
            elif kind in {"stop_area", "stop_point"}:
                if own not in around.network.stop_index:
                    raise unknown_object(f"no {kind} has the id {name!r}; /{kind}s lists them")
                yield f"stop:{own}"
            else:
                raise bad_format(
                    f"forbidden_uris[]={name!r} is not honoured; there are lines, networks, modes, stop areas and stop"
                    " points"
                )

    def _only(self, around: Around) -> Iterator[str]:
        """Say what may be ridden: every line that any of the ids names."""
        if not self.allowed_id:
            return
        lines = np.array([way.line for way in around.catalogue.ways], np.int64)
        left: set[int] = set()
        for name in dict.fromkeys(self.allowed_id):
            ways = find_ways(around.network, around.catalogue, name)
            if ways is None:
                if read_id(name).kind in {"stop_area", "stop_point"}:
                    raise bad_format(
                        f"allowed_id[]={name!r}: stops cannot be the only ones allowed; forbid the others, or"
                        " ask for lines, networks and modes"
                    )
                raise unknown_object(f"allowed_id[]={name!r} is no line, network or mode that is here")
            left |= set(lines[ways].tolist())
        for line in sorted(left):
            yield f"line:{around.network.timetable.route_ids.at(line)}"


def _access(modes: list[str]) -> Iterator[Access]:
    for name in modes:
        yield from ACCESS[name]


def _or(told: int | None, usual: int) -> int:
    return usual if told is None else told


def _known(around: Around, name: str, own: str) -> str:
    if find_ways(around.network, around.catalogue, name) is None:
        raise unknown_object(f"forbidden_uris[]={name!r} is not here")
    return own
