"""A trial carried out: demand drawn, the draft's network built beside, both asked, what comes of it written down."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import shapely
from shapely.geometry import shape

from mobigo.kit.errors import InvalidInput, Refused
from mobigo.kit.geo import Point
from mobigo.parking import service as parking
from mobigo.trace.model import Service as Carrier
from mobigo.transit.timetable import last_day, service_date
from mobigo.usage import drafts_store as store
from mobigo.usage.communes import list_communes, place_cells
from mobigo.usage.draft import read_changes
from mobigo.usage.draft_edit import refuse_faults
from mobigo.usage.draft_network import find_today, laid
from mobigo.usage.draft_zones import Offer
from mobigo.usage.drafts import apply, read_wanted
from mobigo.usage.economy import read_rates
from mobigo.usage.many import HERE
from mobigo.usage.trial import Networks, Pair, Places, tell
from mobigo.usage.trial_sample import Streets, choose_days, draw
from mobigo.usage.trial_supply import Line, measure, measure_detours, name_lines
from mobigo.usage.trial_work import Ground, answer_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

    from psycopg import Connection

    from mobigo.journeys.network import Network
    from mobigo.kit.clock import Clock
    from mobigo.ondemand.model import Service
    from mobigo.usage.drafts import Applied, Wanted
    from mobigo.usage.trial_sample import Sample

GRID = 0.03
"""Degrees between places that stand for a zone, where it is asked what is near it."""


def run_trial(
    open_connection: Callable[[], Connection[Any]], id_: int, home: Path, clock: Clock, where: str = HERE
) -> None:
    """Try a draft, and write down what came of it; cancelled early, of the questions answered until then.

    Parameters
    ----------
    open_connection : callable
        Makes a connection that commits each statement by itself.
    id_ : int
        Of the trial.
    home : Path
        ``MOBIGO_HOME``.
    where : str
        Where it is planned: see `mobigo.usage.trial_work.answer_all`.

    Raises
    ------
    Refused
        ``invalid_draft``, ``no_demand``, or ``cancelled`` before anything was planned.
    Unavailable
        When the network that serves is not of what is loaded.
    """
    with open_connection() as connection:
        if not store.begin_trial(connection, id_, clock.now()):
            return
        trial = store.get_trial(connection, id_)
        changes = read_changes(store.get_revision(connection, trial.draft, trial.revision).changes)
        store.tell_progress(connection, id_, "read")
        today = find_today(connection, home)
        applied = apply(connection, changes)
        refuse_faults(applied.faults)
        trying = _Trying(connection, id_, applied, today, read_wanted(trial.terms), where)
        sample = trying.draw(clock.now().date())
        store.tell_progress(connection, id_, "build", len(sample.questions))
        places = parking.list_car_parks(connection)
        with laid(today, applied.edited.tables, places, f"trial{id_}", clock.now()) as draft:
            pairs = trying.plan(sample, draft)
            store.tell_progress(connection, id_, "count", len(sample.questions), len(pairs))
            result = trying.tell(sample, pairs, draft)
        store.end_trial(connection, id_, result, clock.now())


@dataclass(frozen=True)
class _Trying:
    """A trial on its way."""

    connection: Connection[Any]
    id: int
    applied: Applied
    today: Network
    wanted: Wanted
    where: str

    def draw(self, now: date) -> Sample:
        """Draw the questions of a trial.

        Raises
        ------
        Refused
            ``no_demand``: none is recorded of the days, or none is on days like those of the timetables.
        """
        wanted, today = self.wanted, self.today
        assert wanted.first is not None
        assert wanted.last is not None
        demand = store.read_demand(self.connection, wanted.first, wanted.last)
        timetable = today.timetable
        period = service_date(int(timetable.first_day[0])), service_date(last_day(timetable))
        outside = [day for day in wanted.days if not period[0] <= day <= period[1]]
        if outside:
            raise InvalidInput(
                f"{outside[0]} is no day of the timetables, which run from {period[0]} to {period[1]}; choose another",
                code="invalid_period",
            )
        days = list(wanted.days) or choose_days(sorted({one.day for one in demand}), now, period)
        sample = draw(
            demand,
            days,
            Streets(today.streets),
            today.manifest.zone,
            near=_near(self.applied),
            most=wanted.questions,
            seed=wanted.seed,
        )
        if not sample.questions:
            why = "on days like those of the timetables" if demand else "of those days"
            raise Refused(
                f"no demand is recorded from {wanted.first} to {wanted.last} {why}; take other days, or count what was "
                "noted on those (mobigo usage count)",
                code="no_demand",
            )
        return sample

    def plan(self, sample: Sample, draft: Network) -> list[Pair]:
        """Ask the questions of both networks.

        Raises
        ------
        Refused
            ``cancelled``: somebody gave up before enough was answered to say anything.
        """
        applied = self.applied
        known = applied.catalogue.revision, applied.catalogue.feeds
        ground = Ground(
            f"trial {self.id}",
            (self.today.folder, draft.folder),
            (Offer(applied.catalogue.services, *known), Offer(applied.services, *known)),
            self.wanted.terms,
        )
        pairs: list[Pair] = []
        asked = len(sample.questions)
        with closing(answer_all(ground, sample.questions, self.where)) as answers:
            while not store.tell_progress(self.connection, self.id, "plan", asked, len(pairs)):
                more = next(answers, None)
                if more is None:
                    break
                pairs += more
        if not pairs:
            raise Refused("the trial was cancelled before anything was planned", code="cancelled")
        place = {question: number for number, question in enumerate(sample.questions)}
        return sorted(pairs, key=lambda pair: place[pair.question])

    def tell(self, sample: Sample, pairs: list[Pair], draft: Network) -> dict[str, Any]:
        """Work out what the draft does."""
        today, applied = self.today, self.applied
        rates = read_rates(self.connection)
        detours = measure_detours(today.timetable)
        services = {**applied.catalogue.services, **applied.services}
        lines = {
            **name_lines(draft.timetable),
            **name_lines(today.timetable),
            **{
                id_: Line(
                    id_,
                    one.route.get("route_short_name") or one.route.get("route_long_name") or id_,
                    Carrier.ONDEMAND,
                    None,
                )
                for id_, one in services.items()
            },
        }
        known = Networks(
            measure(today.timetable, sample.days, detours, rates),
            measure(draft.timetable, sample.days, detours, rates),
            lines,
            min(sample.days),
            rates,
        )
        cells = {cell for pair in pairs for cell in pair.question.cells}
        places = Places(
            place_cells(self.connection, cells), {id_: one.name for id_, one in list_communes(self.connection).items()}
        )
        return tell(sample, pairs, known, places, self.wanted.terms)


def _near(applied: Applied) -> list[Point] | None:
    """List places of what a draft changes; None: nowhere, so that all demand is looked at alike."""
    touched = list(applied.edited.stops)
    rows = applied.edited.tables.stops.filter(pl.col("stop_id").is_in(touched), pl.col("stop_lat").is_not_null())
    places = {Point(lon, lat) for lon, lat in rows.select("stop_lon", "stop_lat").iter_rows()}
    before, after = applied.catalogue.services, applied.services
    for id_ in {*before, *after}:
        if before.get(id_) != after.get(id_):
            for service in (before.get(id_), after.get(id_)):
                places |= _spread(service) if service is not None else set()
    return sorted(places) or None


def _spread(service: Service) -> set[Point]:
    """List places all over a service's zones, and its stops."""
    found = {stop.point for stop in service.stops.values() if stop.point is not None}
    for zone in service.zones.values():
        outline = shape(zone.geometry)
        west, south, east, north = outline.bounds
        lon, lat = (axis.ravel() for axis in np.meshgrid(np.arange(west, east, GRID), np.arange(south, north, GRID)))
        inside = shapely.intersects_xy(outline, lon, lat)
        found |= {Point(float(x), float(y)) for x, y in zip(lon[inside], lat[inside], strict=True)}
        middle = outline.representative_point()
        found.add(Point(middle.x, middle.y))
    return found
