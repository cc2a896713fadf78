"""The open-data platform for people: what there is, how good it is, and what changed."""

from dataclasses import dataclass
from datetime import date

from fastapi import APIRouter, Request, Response

from mobigo.db.session import Database, driver
from mobigo.kit.requests import Now
from mobigo.opendata import store
from mobigo.opendata.api import find_publisher
from mobigo.opendata.licences import list_licences
from mobigo.opendata.live_sets import find_any_standing, list_all_standings
from mobigo.opendata.model import Problem, Severity, Standing, Version
from mobigo.opendata.quality import join_days, read_quality, share_of
from mobigo.opendata.score import ZONE
from mobigo.web import words
from mobigo.web.html import READ, page

router = APIRouter(include_in_schema=False)

SOON = 15
"""Days before the last day of service from which a page warns."""
DRAWN = 320
"""Width of a map, in its own units."""
THEMES = ("timetable", "realtime", "ondemand", "fares", "carpool", "school", "places", "usage")


@dataclass(frozen=True)
class Map:
    """Where a data set has something."""

    width: int
    height: int
    dots: tuple[tuple[float, float], ...]


@router.api_route("/opendata", methods=READ)
def catalogue_page(request: Request, session: Database, now: Now) -> Response:
    """Show every data set by theme, with its licence, its days, and how good it is."""
    speak = words.choose(request)
    connection = driver(session)
    standings = list_all_standings(connection)
    today = now.astimezone(ZONE).date()
    qualities = read_quality(connection, today)
    days = join_days(qualities.values())
    groups = [(theme, [one for one in standings if one.dataset.theme == theme]) for theme in THEMES]
    return page(
        request,
        "opendata.html",
        speak,
        groups=[(theme, ones) for theme, ones in groups if ones],
        licences=list_licences(),
        wrong={one.dataset.id: _list_wrong(one) for one in standings},
        qualities=qualities,
        days=days,
        share=share_of(days),
        mark=lambda value: _say(value, speak.language),
        days_left={one.dataset.id: _days_left(one, today) for one in standings},
        base=find_publisher(request).url,
        soon=SOON,
    )


@router.api_route("/opendata/{dataset}/", methods=READ)
def dataset_page(request: Request, session: Database, now: Now, dataset: str) -> Response:
    """Show one data set: files, features, what validators said, samples, every version."""
    speak = words.choose(request)
    standing = find_any_standing(driver(session), dataset)
    if standing is None:
        return page(request, "opendata_set.html", speak, status=404, standing=None, name=dataset)
    today = now.astimezone(ZONE).date()
    current = standing.current
    quality = read_quality(driver(session), today, dataset).get(dataset)
    return page(
        request,
        "opendata_set.html",
        speak,
        standing=standing,
        name=dataset,
        current=current,
        licence=list_licences()[current.said.licence] if current else None,
        quality=quality,
        mark=lambda value: _say(value, speak.language),
        drawn=draw(current) if current else None,
        days_left=_days_left(standing, today),
        versions=store.list_versions(driver(session), dataset),
        base=find_publisher(request).url,
        wrong=_list_wrong(standing),
        soon=SOON,
    )


def _list_wrong(standing: Standing) -> list[Problem]:
    """List the errors that validators see in the version in place."""
    return [one for one in standing.found if one.severity in {Severity.ERROR, Severity.KNOWN}]


def _say(value: float | None, language: str) -> str:
    """Write a mark or a share with two digits, as the language does; a dash where there is none."""
    if value is None:
        return "\u2013"
    text = f"{int(value * 100) / 100:.2f}".rstrip("0").rstrip(".")  # 0.999 is not 1
    return text.replace(".", ",") if language == "fr" else text


def draw(version: Version) -> Map | None:
    """Draw where a version has something: longitude shortened by the latitude."""
    dots, extent = version.said.dots, version.said.extent
    if not dots or not extent:
        return None
    west, south, east, north = extent
    squeeze = 0.68  # cosine of 47 degrees
    scale = (DRAWN - 10) / max((east - west) * squeeze, 1e-6)
    height = round((north - south) * scale) + 10
    if height > 2 * DRAWN:
        scale *= 2 * DRAWN / height
        height = round((north - south) * scale) + 10
    places = tuple(((lon - west) * squeeze * scale + 5, (north - lat) * scale + 5) for lon, lat in dots)
    return Map(DRAWN, max(height, 20), places)


def _days_left(standing: Standing, today: date) -> int | None:
    last = standing.current.said.last_day if standing.current else None
    return None if last is None else (last - today).days
