"""A traveller's question as the parameters of an address: the same for journeys and for round trips."""

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from mobigo.journeys.model import SHARED_MODES, Access, Criterion, JourneyRequest, Mode, OfDay, Realtime
from mobigo.journeys.paging import CURSOR_PATTERN
from mobigo.journeys.pricing import MOST_TRAVELLERS
from mobigo.kit.parameters import INSTANT_PATTERN, read_instant
from mobigo.ondemand.model import Party
from mobigo.sharing.model import FormFactor, Propulsion


def clean_name(text: str) -> str:
    """Return a name on one line, without what is not printed."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


OWN_MODES = {Mode.WALK, Mode.BICYCLE, Mode.CAR, *SHARED_MODES}
"""Of those who travel without public transport."""
_MODES = "|".join(mode for mode in Mode if mode not in OWN_MODES)
ONLY_PATTERN = rf"^(?:mode:(?:{_MODES})|(?:line|agency):.{{1,200}})$"
"""What `only` takes."""
ANY_PATTERN = rf"^(?:mode:(?:{_MODES})|(?:line|agency|stop):.{{1,200}})$"
"""What `forbid`, `avoid` and `prefer` take."""

_Only = Annotated[str, Field(max_length=210, pattern=ONLY_PATTERN)]
_Word = Annotated[str, Field(max_length=210, pattern=ANY_PATTERN)]
_PlaceText = Annotated[str, Field(min_length=1, max_length=200)]


class Asked(BaseModel):
    """What may be asked of journeys from door to door."""

    from_: _PlaceText = Field(alias="from", description="`LAT,LON` or a stop id", examples=["47.4906,4.3347"])
    to: _PlaceText = Field(description="`LAT,LON` or a stop id", examples=["47.3234,5.0272"])
    at: str | None = Field(
        default=None,
        description="ISO 8601 instant; without an offset, local time of the network; default now",
        json_schema_extra={"pattern": INSTANT_PATTERN},
        examples=["2026-11-23T07:30"],
    )
    arrive_by: bool = Field(default=False, description="Arrive by `at` instead of leaving after it")
    of_day: OfDay | None = Field(
        default=None,
        description="The first or the last journey of the day of `at`, instead of one at its hour; a day is from four"
        " in the morning to four in the morning",
    )
    window_minutes: int | None = Field(
        default=None,
        ge=0,
        le=1440,
        description="Leave within so many minutes after `at` (arrive within so many before). 0: the next journeys"
        " only. Default: two hours, or when nothing runs in them two hours from the next journey on",
    )
    cursor: str | None = Field(
        default=None,
        pattern=CURSOR_PATTERN,
        description="`earlier_cursor` or `later_cursor` of an answer to the same question: the page before or after."
        " Pages neither repeat nor skip a journey",
    )
    via: list[_PlaceText] = Field(
        default_factory=list,
        max_length=4,
        description="Places to pass, in this order: `LAT,LON` or a stop id",
        examples=[["47.4906,4.3347"]],
    )
    via_minutes: list[Annotated[int, Field(ge=0, le=1440)]] = Field(
        default_factory=list,
        max_length=4,
        description="How long to stay at each `via`, at least; 0 (also where none is given): passing a stop in the"
        " vehicle is enough",
    )
    max_transfers: int = Field(default=15, ge=0, le=15, description="Changes of vehicle, at most")
    max_walk_minutes: int = Field(default=30, ge=0, le=120, description="Longest single walk")
    walk_speed: float = Field(default=1.2, ge=0.3, le=3, description="Metres per second on foot")
    min_change_minutes: int = Field(
        default=0, ge=0, le=120, description="Minutes from getting off to getting on, at least; not where guaranteed"
    )
    slack_minutes: int = Field(default=0, ge=0, le=120, description="Minutes added to what each change takes")
    only: list[_Only] = Field(
        default_factory=list,
        max_length=50,
        description="Ride only `mode:tram`, `line:ID` (of `/v1/lines`), `agency:ID`. Several of a kind are"
        " alternatives; kinds go together",
        examples=[["mode:rail", "mode:tram"]],
    )
    forbid: list[_Word] = Field(
        default_factory=list,
        max_length=50,
        description="Never ride a `mode:`, `line:`, `agency:`; never board, get off or change at a `stop:`",
        examples=[["stop:val:pont"]],
    )
    avoid: list[_Word] = Field(
        default_factory=list,
        max_length=50,
        description="Ride these only where everything else takes 20 minutes longer. Same words",
    )
    prefer: list[_Word] = Field(
        default_factory=list,
        max_length=50,
        description="Rather ride these than anything else, for up to 10 minutes more. Same words",
    )
    wheelchair: bool = Field(
        default=False,
        description="Leave out what is known to be impossible in a wheelchair; what is unknown counts against a journey"
        " and is named in its legs",
    )
    access: list[Access] = Field(
        default_factory=lambda: [Access.WALK],
        max_length=len(Access),
        description="Ways from the door to the first stop; `taxi`: only where nothing else goes",
    )
    egress: list[Access] = Field(
        default_factory=lambda: [Access.WALK], max_length=len(Access), description="Ways from the last stop to the door"
    )
    form_factors: list[FormFactor] = Field(
        default_factory=list,
        max_length=len(FormFactor),
        description="Shared vehicles to ride with `shared_bicycle` and `shared_vehicle`; default: all of them",
        examples=[["bicycle", "scooter_standing"]],
    )
    propulsions: list[Propulsion] = Field(
        default_factory=list,
        max_length=len(Propulsion),
        description="What may drive them; default: anything. Where nobody says, it is none of those named",
        examples=[["electric", "electric_assist"]],
    )
    max_ride_minutes: int = Field(
        default=30, ge=0, le=120, description="Longest way to the stop by bicycle, or on a shared scooter"
    )
    max_drive_minutes: int = Field(default=20, ge=0, le=120, description="Longest way to the stop by car")
    direct: list[Mode] = Field(
        default_factory=lambda: [Mode.WALK],
        max_length=5,
        description="Ways without public transport to offer: `walk`, `bicycle`, `car`; `taxi` where nothing else goes",
    )
    bicycle_aboard: bool = Field(
        default=False, description="Take a bicycle along: ride only where the timetable says bicycles are allowed"
    )
    criterion: Criterion | None = Field(
        default=None,
        description="What journeys compete over beside departure, arrival and changes: `walking` (seconds on foot),"
        " `co2` (grams), `cost` (all inconvenience together), `price` (what all who travel pay)",
    )
    realtime: Realtime = Field(
        default=Realtime.ON,
        description="`on`: journeys as vehicles really run; `annotate`: by the timetable, with what is known about"
        " them; `off`: by the timetable",
    )
    ondemand: Literal["on", "off"] = Field(
        default="on", description="`on`: take on-demand transport that can be booked now; `off`: leave it out"
    )
    carpool: Literal["on", "off"] = Field(
        default="on", description="`on`: ride in cars of others, where a place can be booked now; `off`: do not"
    )
    no_reservation: bool = Field(
        default=False,
        description="Ride only what needs no booking and no call ahead: nothing on demand, no places in cars of others,"
        " no line that is boarded or left after a call",
    )
    passengers: int | None = Field(
        default=None,
        ge=1,
        le=50,
        description="Adults who travel, for what has to be booked; default: one, or all whom `travellers` names who are"
        " not said to be companions or in child seats",
    )
    companions: int = Field(default=0, ge=0, le=50, description="Companions of somebody with reduced mobility")
    child_seats: int = Field(default=0, ge=0, le=50, description="Children with a child seat each, besides")
    wheelchairs: int = Field(default=0, ge=0, le=50, description="How many of the adults stay in a wheelchair")
    luggage: int = Field(default=0, ge=0, le=200, description="Pieces of luggage")
    bicycles: int = Field(default=0, ge=0, le=50, description="Bicycles in vehicles that have to be booked")
    booking_time: str | None = Field(
        default=None,
        description="When one would book, an instant as in `at`: rides that must be booked earlier are left out;"
        " default now",
        json_schema_extra={"pattern": INSTANT_PATTERN},
    )
    from_name: str = Field(default="", max_length=200, description="What to call `from` on the driver's sheet")
    to_name: str = Field(default="", max_length=200, description="What to call `to` there")
    travellers: list[Annotated[str, Field(min_length=1, max_length=1000)]] = Field(
        default_factory=list,
        max_length=MOST_TRAVELLERS,
        description="Who pays: per traveller a category of `/v1/fares/categories`, and what they have after plus signs."
        " Default: all of the party at the full fare",
        examples=[["adult", "youth+rail_card"]],
    )
    max_journeys: int = Field(default=6, ge=1, le=100, description="Journeys to describe; the others are in `more`")
    all: bool = Field(
        default=False, description="Describe every journey that none beats, without choosing a small set among them"
    )
    budget_ms: int = Field(
        default=1000, ge=10, le=10_000, description="Computing time after which the best found so far is given"
    )

    def request(self, now: datetime, zone: ZoneInfo) -> JourneyRequest:
        """Turn it into a question to the planner.

        Raises
        ------
        InvalidInput
            When `at` is no instant.
        """
        stays = [*self.via_minutes, *[0] * len(self.via)]
        return JourneyRequest(
            origin=self.from_,
            destination=self.to,
            at=read_instant(self.at, zone) if self.at else now.astimezone(zone),
            arrive_by=self.arrive_by,
            window=None if self.window_minutes is None else self.window_minutes * 60,
            max_transfers=self.max_transfers,
            max_walk=self.max_walk_minutes * 60,
            budget=self.budget_ms / 1000,
            vias=tuple((place, 60 * stay) for place, stay in zip(self.via, stays, strict=False)),
            only=tuple(self.only),
            forbid=tuple(self.forbid),
            avoid=tuple(self.avoid),
            prefer=tuple(self.prefer),
            walk_speed=self.walk_speed,
            min_change=60 * self.min_change_minutes,
            slack=60 * self.slack_minutes,
            wheelchair=self.wheelchair,
            access=tuple(dict.fromkeys(self.access)),
            egress=tuple(dict.fromkeys(self.egress)),
            max_ride=60 * self.max_ride_minutes,
            max_drive=60 * self.max_drive_minutes,
            direct=tuple(dict.fromkeys(self.direct)),
            form_factors=tuple(dict.fromkeys(self.form_factors)),
            propulsions=tuple(dict.fromkeys(self.propulsions)),
            bicycle_aboard=self.bicycle_aboard,
            criterion=self.criterion,
            realtime=self.realtime,
            of_day=self.of_day,
            most=self.max_journeys,
            everything=self.all,
            cursor=self.cursor,
            ondemand=self.ondemand == "on",
            carpool=self.carpool == "on",
            no_reservation=self.no_reservation,
            party=self.party(),
            booking_at=read_instant(self.booking_time, zone) if self.booking_time else None,
            names=(clean_name(self.from_name), clean_name(self.to_name)),
        )

    def party(self) -> Party:
        """Return who travels, and with what; whoever sits in a wheelchair is one of the passengers."""
        named = len(self.travellers) - self.companions - self.child_seats
        adults = max(self.passengers or max(1, named), self.wheelchairs)
        return Party(adults, self.companions, self.child_seats, self.wheelchairs, self.luggage, self.bicycles)


class AskedBack(Asked):
    """What may be asked of a way there and back."""

    stay_minutes: int = Field(
        default=60, ge=0, le=10_080, description="How long one has to do there, at least, before the way back"
    )
    back_by: str | None = Field(
        default=None,
        description="Be back by this instant; default: four in the morning after the day of `at`",
        json_schema_extra={"pattern": INSTANT_PATTERN},
        examples=["2026-11-23T19:00"],
    )

    def back(self, zone: ZoneInfo) -> dict[str, Any]:
        """What concerns the way back: seconds to stay, and the instant to be back by."""
        return {"stay": 60 * self.stay_minutes, "back_by": read_instant(self.back_by, zone) if self.back_by else None}
