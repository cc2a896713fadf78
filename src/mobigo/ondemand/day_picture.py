"""A simulated day as a drawing: where vehicles went, when they were on the road, and with how many aboard.

SVG without any library, for a page or a report. Above, a map: stops of rides and the straight lines between them, each
vehicle in its colour. Below, a row per vehicle: a bar for each drive, the darker the more people are aboard, grey when
nobody is; breaks hatched.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from mobigo.ondemand.model import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mobigo.kit.geo import Point
    from mobigo.ondemand.model import Run
    from mobigo.ondemand.simulate import Day

WIDTH, MARGIN = 960, 56
MAP_HEIGHT = 420
ROW, GAP = 14, 3
EMPTY = "#c9c9c9"
SHADES = ("#9ec9e2", "#5a9fc9", "#2470a8", "#0b4a7a", "#082f52")
"""One, two, three, four, five or more aboard."""
COLOURS = ("#00629b", "#b5541c", "#3d7d3f", "#7a4988", "#9a7b00", "#a32d4f", "#00807c", "#5b5b8f")
QUIET = "#555"
HOUR = 3600


class _Drive(NamedTuple):
    """A vehicle on the road, or standing with people aboard."""

    start: int
    end: int
    persons: int


def draw_day(day: Day, title: str, timezone: str) -> str:
    """Draw a day as SVG.

    Parameters
    ----------
    timezone : str
        Of the hours below the rows.
    """
    runs = [run for run in day.runs if any(event.leg for event in run.events)]
    height = MARGIN + MAP_HEIGHT + MARGIN + len(runs) * (ROW + GAP) + MARGIN + 24
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
            f'role="img" aria-label={quoteattr(title)}>'
        ),
        "<style>text{font-size:12px}.h{font-size:16px}.q{fill:#555}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{MARGIN}" y="24" class="h">{escape(title)}</text>',
        f'<text x="{MARGIN}" y="42" class="q">{escape(_caption(day))}</text>',
        *_draw_map(runs, MARGIN),
        *_draw_rows(day, runs, MARGIN + MAP_HEIGHT + MARGIN, ZoneInfo(timezone)),
        *_draw_legend(height - 20),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _caption(day: Day) -> str:
    one = day.figures
    return (
        f"{one.served} of {one.requests} served ({one.service_rate:.0%}), {one.vehicles_used} vehicles, "
        f"{one.kilometres:,.0f} km ({one.empty_share:.0%} empty), {one.persons_per_vehicle_hour:.2f} persons per "
        f"vehicle-hour, wait {one.wait_mean / 60:.1f} min, detour {one.detour_mean:.2f}"
    )


def _draw_map(runs: Sequence[Run], top: float) -> Iterator[str]:
    points = [event.spot.point for run in runs for event in run.events] + [run.depot for run in runs]
    if not points:
        return
    west, east = min(one.lon for one in points), max(one.lon for one in points)
    south, north = min(one.lat for one in points), max(one.lat for one in points)
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = min((WIDTH - 2 * MARGIN) / max(1e-6, (east - west) * squeeze), (MAP_HEIGHT - 10) / max(1e-6, north - south))
    left = (WIDTH - (east - west) * squeeze * scale) / 2

    def at(point: Point) -> str:
        return f"{left + (point.lon - west) * squeeze * scale:.1f},{top + 5 + (north - point.lat) * scale:.1f}"

    for number, run in enumerate(runs):
        colour = COLOURS[number % len(COLOURS)]
        way = " ".join(at(point) for point in (run.depot, *(event.spot.point for event in run.events), run.depot))
        yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="1" stroke-opacity="0.45"/>'
    for number, run in enumerate(runs):
        colour = COLOURS[number % len(COLOURS)]
        for event in run.events:
            x, y = at(event.spot.point).split(",")
            if event.kind is EventKind.PICKUP:
                yield f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>'
            elif event.kind is EventKind.DROP_OFF:
                yield f'<circle cx="{x}" cy="{y}" r="2.5" fill="#fff" stroke="{colour}"/>'
        left_edge, top_edge = (float(one) - 4 for one in at(run.depot).split(","))
        yield f'<rect x="{left_edge:.1f}" y="{top_edge:.1f}" width="8" height="8" fill="{colour}"/>'


def _draw_rows(day: Day, runs: Sequence[Run], top: float, zone: ZoneInfo) -> Iterator[str]:
    if not runs:
        return
    first = min(run.start for run in runs) // HOUR * HOUR
    last = -(-max(run.end for run in runs) // HOUR) * HOUR
    bottom = top + len(runs) * (ROW + GAP)

    def at(instant: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * (instant - first) / (last - first)

    for instant in range(first, last + 1, HOUR):
        x = at(instant)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{bottom}" stroke="#e4e4e4"/>'
        label = datetime.fromtimestamp(instant, zone).strftime("%H")
        yield f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle" class="q">{label}</text>'
    persons = {one.request.id: one.request.party.persons for one in day.outcomes}
    for number, run in enumerate(runs):
        y = top + number * (ROW + GAP)
        yield f'<text x="{MARGIN - 6}" y="{y + ROW - 3}" text-anchor="end">{escape(run.vehicle[:8])}</text>'
        yield (
            f'<rect x="{at(run.start):.1f}" y="{y}" width="{at(run.end) - at(run.start):.1f}" height="{ROW}" '
            'fill="#f6f6f6"/>'
        )
        for one in _list_drives(run, persons):
            colour = SHADES[min(one.persons, len(SHADES)) - 1] if one.persons else EMPTY
            width = max(0.5, at(one.end) - at(one.start))
            yield f'<rect x="{at(one.start):.1f}" y="{y}" width="{width:.1f}" height="{ROW}" fill="{colour}"/>'
        for event in run.events:
            if event.kind is EventKind.BREAK:
                x, width = at(event.arrival), at(event.arrival + event.dwell) - at(event.arrival)
                yield (
                    f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW - 6}" fill="none" '
                    f'stroke="{QUIET}" stroke-dasharray="2 2"/>'
                )


def _list_drives(run: Run, persons: dict[str, int]) -> Iterator[_Drive]:
    """List when a vehicle is on the road or has somebody aboard; the ways from and to the depot are not timed."""
    aboard = 0
    for number, event in enumerate(run.events):
        if event.leg is not None:
            riders = persons.get(event.leg, 1)
            aboard += riders if event.kind is EventKind.PICKUP else -riders
        if number + 1 < len(run.events):
            after = run.events[number + 1]
            start = event.arrival if aboard else event.departure
            if event.spot.point != after.spot.point or aboard:
                yield _Drive(start, after.arrival, aboard)


def _draw_legend(y: float) -> Iterator[str]:
    x = float(MARGIN)
    for colour, label in (
        (EMPTY, "empty"),
        *((shade, f"{number} aboard") for number, shade in enumerate(SHADES[:-1], 1)),
        (SHADES[-1], f"{len(SHADES)} or more"),
    ):
        yield f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{x + 17}" y="{y}">{label}</text>'
        x += 95
    yield f'<text x="{x}" y="{y}" class="q">● pick-up  ○ drop-off  ■ depot  ┄ break</text>'
