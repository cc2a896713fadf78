import pytest

from mobigo.osm.access import (
    BICYCLE,
    CAR,
    EVERYBODY,
    FOOT,
    is_closed_to_wheelchairs,
    parse_duration,
    parse_incline,
    parse_maxspeed,
    read_barrier,
    read_street,
)
from mobigo.osm.features import read_parking
from mobigo.osm.store import Wheelchair


def tags(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split())


@pytest.mark.parametrize(
    ("text", "directions"),  # foot, bicycle, car: 0 none, 1 along, 2 against, 3 both
    [
        ("highway=residential", (3, 3, 3)),
        ("highway=motorway", (0, 0, 1)),
        ("highway=motorway oneway=no", (0, 0, 3)),
        ("highway=trunk", (0, 0, 3)),
        ("highway=trunk sidewalk=right", (3, 0, 3)),
        ("highway=footway", (3, 0, 0)),
        ("highway=footway bicycle=yes", (3, 3, 0)),
        ("highway=steps", (3, 0, 0)),
        ("highway=cycleway", (3, 3, 0)),
        ("highway=cycleway oneway=yes", (3, 1, 0)),
        ("highway=track", (3, 3, 0)),
        ("highway=track tracktype=grade1", (3, 3, 3)),
        ("highway=track motor_vehicle=yes", (3, 3, 3)),
        ("highway=pedestrian motor_vehicle=destination", (3, 0, 3)),
        # a more specific key beats a more general one
        ("highway=residential access=no", (0, 0, 0)),
        ("highway=residential access=no foot=yes", (3, 0, 0)),
        ("highway=residential access=private bicycle=permissive", (0, 3, 0)),
        ("highway=residential vehicle=no", (3, 0, 0)),
        ("highway=residential vehicle=no motor_vehicle=yes", (3, 0, 3)),
        ("highway=residential motor_vehicle=no motorcar=yes", (3, 3, 3)),
        ("highway=primary motorroad=yes", (0, 0, 3)),
        ("highway=primary foot=use_sidepath", (3, 3, 3)),
        ("highway=residential access=Nur_für_Anwohner", (3, 3, 3)),
        # oneway and its exceptions
        ("highway=residential oneway=yes", (3, 1, 1)),
        ("highway=residential oneway=-1", (3, 2, 2)),
        ("highway=residential oneway=reversible", (3, 0, 0)),
        ("highway=residential junction=roundabout", (3, 1, 1)),
        ("highway=residential oneway=yes oneway:bicycle=no", (3, 3, 1)),
        ("highway=residential oneway=yes cycleway=opposite", (3, 3, 1)),
        ("highway=residential oneway=yes cycleway=opposite_lane", (3, 3, 1)),
        ("highway=residential oneway=yes cycleway:left=opposite_track", (3, 3, 1)),
        ("highway=residential oneway=yes cycleway:left=lane cycleway:left:oneway=-1", (3, 3, 1)),
        ("highway=residential oneway=yes cycleway=lane", (3, 1, 1)),
        ("highway=residential oneway=-1 oneway:bicycle=no", (3, 3, 2)),
        ("highway=residential oneway=yes bicycle:backward=yes", (3, 3, 1)),
        ("highway=residential oneway=yes oneway:foot=yes", (1, 1, 1)),
        ("highway=steps conveying=backward", (2, 0, 0)),
        # what is no road
        ("route=ferry", (3, 3, 0)),
        ("route=ferry motor_vehicle=yes", (3, 3, 3)),
        ("railway=platform", (3, 0, 0)),
        ("highway=busway", (0, 0, 0)),
    ],
)
def test_who_may_go_where(text: str, directions: tuple[int, int, int]) -> None:
    street = read_street(tags(text))
    assert street is not None
    assert (street.foot, street.bicycle, street.car) == directions


@pytest.mark.parametrize(
    ("text", "coach"),
    [
        ("highway=tertiary", 3),
        ("highway=residential oneway=yes", 1),
        ("highway=residential oneway=yes oneway:bus=no", 3),
        ("highway=busway oneway=yes", 1),
        ("highway=service access=no bus=yes", 3),
        ("highway=service access=no psv=designated", 3),
        ("highway=service service=driveway", 0),
        ("highway=residential access=bus", 3),
        ("highway=residential motor_vehicle=no psv=yes", 3),
        ("highway=residential bus=no", 0),
        ("highway=residential hgv=no tourist_bus=no", 3),
        ("highway=track tracktype=grade1", 0),
        ("highway=track tracktype=grade1 motor_vehicle=yes", 0),
        ("highway=pedestrian", 0),
        ("highway=primary maxheight=3.2", 0),
        ("highway=primary maxheight=3,9m", 3),
        ("highway=primary maxheight=12'6\"", 3),
        ("highway=primary maxheight=11'6\"", 0),
        ("highway=primary maxheight=default", 3),
        ("highway=unclassified maxweight=3.5", 0),
        ("highway=unclassified maxweight=7500kg", 0),
        ("highway=unclassified maxweight=19", 3),
        ("highway=unclassified maxwidth=2.3", 0),
        ("highway=unclassified width=2.5", 0),
        ("highway=unclassified width=4", 3),
        ("highway=unclassified maxlength=10", 0),
        ("highway=residential access=private", 0),
        ("highway=residential access=destination", 3),
    ],
)
def test_where_a_coach_may_go(text: str, coach: int) -> None:
    street = read_street(tags(text))
    assert street is not None
    assert street.coach == coach


@pytest.mark.parametrize("text", ["highway=construction", "highway=proposed", "waterway=river", "building=yes"])
def test_what_is_no_street(text: str) -> None:
    assert read_street(tags(text)) is None


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("highway=crossing", EVERYBODY),
        ("barrier=bollard", FOOT | BICYCLE),
        ("barrier=bollard motor_vehicle=yes", EVERYBODY),
        ("barrier=gate", EVERYBODY),
        ("barrier=gate locked=yes", 0),
        ("barrier=gate access=private", 0),
        ("barrier=gate access=no foot=yes bicycle=yes", FOOT | BICYCLE),
        ("barrier=stile", FOOT),
        ("barrier=cycle_barrier bicycle=no", FOOT),
        ("barrier=toll_booth", EVERYBODY),
        ("barrier=lift_gate foot=no", BICYCLE | CAR),
        ("amenity=parking access=private", EVERYBODY),
    ],
)
def test_who_passes_a_barrier(text: str, passing: int) -> None:
    assert read_barrier(tags(text)) == passing


@pytest.mark.parametrize(
    ("value", "kmh"),
    [
        ("50", 50),
        ("30 mph", 48.28),
        ("FR:urban", 50),
        ("FR:rural", 80),
        ("DE:rural", 100),
        ("FR:zone30", 30),
        ("DE:zone:30", 30),
        ("zone30", 30),
        ("walk", 7),
        ("none", 130),
        ("50;30", 50),
        ("signals", None),
        ("0", None),
        ("1e9", None),
        ("", None),
    ],
)
def test_speed_limits(value: str, kmh: float | None) -> None:
    read = parse_maxspeed(value)
    assert read == (kmh and pytest.approx(kmh, abs=0.01))


def test_a_limit_of_one_direction_is_of_that_direction() -> None:
    street = read_street(tags("highway=primary maxspeed=80 maxspeed:backward=50"))
    assert street is not None
    assert (street.kmh_forward, street.kmh_backward) == (68, 42)


def test_a_lane_is_not_driven_at_the_limit_outside_towns() -> None:
    street = read_street(tags("highway=unclassified maxspeed=80"))
    assert street is not None
    assert street.kmh_forward == 48


@pytest.mark.parametrize(
    ("value", "seconds"), [("00:25", 1500), ("1:05:30", 3930), ("25", 1500), ("PT1H5M", 3900), ("long", None)]
)
def test_durations_of_ferries(value: str, seconds: int | None) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    ("text", "wheelchair"),
    [
        ("highway=residential", Wheelchair.UNKNOWN),
        ("highway=footway wheelchair=yes", Wheelchair.YES),
        ("highway=footway wheelchair=designated surface=gravel", Wheelchair.YES),  # what is stated beats the rest
        ("highway=footway wheelchair=limited", Wheelchair.LIMITED),
        ("highway=footway wheelchair=no", Wheelchair.NO),
        ("highway=footway wheelchair=ask", Wheelchair.UNKNOWN),
        ("highway=steps", Wheelchair.NO),
        ("highway=steps ramp:wheelchair=yes", Wheelchair.LIMITED),
        ("highway=steps conveying=forward ramp:wheelchair=yes", Wheelchair.NO),  # an escalator
        ("highway=steps wheelchair=yes", Wheelchair.YES),
        ("highway=footway smoothness=good", Wheelchair.YES),
        ("highway=footway smoothness=good incline=8%", Wheelchair.LIMITED),
        ("highway=footway smoothness=horrible", Wheelchair.NO),
        ("highway=footway incline=-14%", Wheelchair.NO),
        ("highway=footway incline=up", Wheelchair.UNKNOWN),
        ("highway=footway width=0.6", Wheelchair.NO),
        ("highway=residential width=0.6", Wheelchair.UNKNOWN),  # nobody builds such a street
        ("highway=footway surface=sand", Wheelchair.NO),
        ("highway=footway surface=cobblestone", Wheelchair.LIMITED),
        ("highway=footway surface=cobblestone smoothness=good", Wheelchair.YES),
        ("highway=track", Wheelchair.LIMITED),
        ("highway=track surface=asphalt", Wheelchair.UNKNOWN),
        ("highway=track tracktype=grade5", Wheelchair.NO),
    ],
)
def test_how_a_wheelchair_fares(text: str, wheelchair: Wheelchair) -> None:
    street = read_street(tags(text))
    assert street is not None
    assert street.wheelchair == wheelchair


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("highway=crossing kerb=raised", False),  # those who go along the street pass
        ("kerb=raised", True),
        ("barrier=kerb kerb=lowered", False),
        ("barrier=kerb", False),
        ("kerb=yes kerb:height=0.02", False),
        ("kerb=yes kerb:height=12_cm", True),
        ("barrier=stile", True),
        ("barrier=kissing_gate wheelchair=yes", False),
        ("barrier=cycle_barrier maxwidth:physical=1.2", False),
        ("barrier=bollard", False),
        ("barrier=gate wheelchair=no", True),
        ("highway=elevator wheelchair=no", True),
        ("entrance=main wheelchair=no", True),
        ("shop=bakery wheelchair=no", False),  # of the shop, not of the street
    ],
)
def test_what_stops_a_wheelchair(text: str, *, closed: bool) -> None:
    assert is_closed_to_wheelchairs({key: value.replace("_cm", " cm") for key, value in tags(text).items()}) is closed


@pytest.mark.parametrize(
    ("value", "percent"), [("8%", 8), ("-12.5 %", 12.5), ("5°", 8.749), ("7", 7), ("steep", None), ("90°", 100)]
)
def test_slopes(value: str, percent: float | None) -> None:
    assert parse_incline(value) == (percent and pytest.approx(percent, abs=0.01))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("amenity=parking park_ride=yes", "park_ride"),
        ("amenity=parking park_ride=bus;train access=permissive", "park_ride"),
        ("amenity=parking park_ride=no", None),
        ("amenity=parking park_ride=yes access=private", None),
        ("amenity=parking", None),
        ("amenity=parking carpool=designated", "carpool"),
        ("amenity=car_pooling", "carpool"),
        ("amenity=bicycle_parking park_ride=yes", None),
    ],
)
def test_where_travellers_may_leave_a_car(text: str, kind: str | None) -> None:
    assert read_parking(tags(text)) == kind
