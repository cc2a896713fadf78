"""Line colours that can be read."""

from __future__ import annotations

import random

import pytest

from mobigo.web.colours import DEFAULT, NIGHT, PAPER, READABLE, VISIBLE, contrast, paint


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_a_readable_pair_is_kept() -> None:
    assert paint("C8102E", "FFFFFF")[:3] == ("#c8102e", "#ffffff", "#c8102e")


def test_an_unreadable_text_is_replaced() -> None:
    assert paint("FFD100", "FFFFFF").text == "#000000"


@pytest.mark.parametrize("color", [None, "", "red", "12345", "#ff0000", "url(x)"])
def test_what_is_no_colour_counts_as_none(color: str | None) -> None:
    assert paint(color, color).ground == DEFAULT


def test_every_colour_can_be_read_and_seen() -> None:
    draw = random.Random(7)
    colours = [f"{draw.randrange(1 << 24):06X}" for _ in range(400)] + ["000000", "FFFFFF", "FFFF00", "777777"]
    for one, other in zip(colours, reversed(colours), strict=True):
        shown = paint(one, other)
        assert contrast(shown.ground, shown.text) >= READABLE
        assert contrast(shown.stroke, PAPER) >= VISIBLE
        assert contrast(shown.night_stroke, NIGHT) >= VISIBLE
