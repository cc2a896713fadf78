"""Squares of a kilometre against PROJ."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from pyproj import Transformer

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point
from mobigo.kit.grid import NOWHERE, cell_at, cell_name, corner, middle, project, read_cell, square, unproject

DIJON = Point(5.0272, 47.3234)


def test_places_lie_where_proj_puts_them_to_a_millimetre() -> None:
    proj = Transformer.from_crs(4258, 3035, always_xy=True)
    draw = random.Random(1)
    for _ in range(500):
        place = Point(draw.uniform(-25, 45), draw.uniform(30, 72))
        assert project(place) == pytest.approx(proj.transform(*place), abs=1e-3)
        assert unproject(*proj.transform(*place)) == pytest.approx(place, abs=1e-9)


def test_the_origin_of_the_projection_is_no_exception() -> None:
    assert project(Point(10, 52)) == pytest.approx((4_321_000, 3_210_000), abs=1e-6)
    assert unproject(4_321_000, 3_210_000) == (10, 52)


def test_a_square_is_named_as_inspire_names_it() -> None:
    cell = cell_at(DIJON)
    assert cell_name(26503950) == "CRS3035RES1000mN2650000E3950000"
    assert read_cell(cell_name(cell)) == cell
    assert corner(26503950) == (3_950_000, 2_650_000)


@pytest.mark.parametrize("name", ["", "CRS3035RES1000mN2650000", "CRS3035RES100mN26500E39500", "CRS3035RES1000mN-1E2"])
def test_what_names_no_square_is_said(name: str) -> None:
    with pytest.raises(InvalidInput, match="CRS3035RES1000mN2650000E3950000"):
        read_cell(name)


def test_a_square_holds_its_middle_and_is_closed() -> None:
    cell = cell_at(DIJON)
    assert cell_at(middle(cell)) == cell
    (ring,) = square(cell)["coordinates"]
    assert ring[0] == ring[-1]
    assert min(lon for lon, _ in ring) <= DIJON.lon <= max(lon for lon, _ in ring)
    turned = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))
    assert turned > 0  # counter-clockwise


@pytest.mark.parametrize(
    "place", [Point(-170, -52), Point(0, -90), Point(170, -80), Point(float("nan"), 1), Point(0, 91)]
)
def test_what_is_not_on_the_grid_is_nowhere(place: Point) -> None:
    assert cell_at(place) == NOWHERE
