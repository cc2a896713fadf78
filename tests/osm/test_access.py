import pytest

from mobigo.osm.access import BICYCLE, CAR, EVERYBODY, FOOT, parse_duration, parse_maxspeed, read_barrier, read_street


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
