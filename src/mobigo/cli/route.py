"""``mobigo route``: stop-to-stop questions on a feed, without a database."""

from __future__ import annotations

import csv
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from mobigo.transit.days import DayViews
    from mobigo.transit.model import Ride, Walk

QUERY_COLUMNS = ("id", "from_stop", "to_stop", "time", "direction", "window_minutes", "max_transfers")
NEEDED_COLUMNS = ("id", "from_stop", "to_stop", "time")
ANSWER_COLUMNS = ("id", "departure", "arrival", "transfers", "legs")
MOST_MINUTES = 14 * 24 * 60
MOST_TRANSFERS = 60
PROGRESS_EVERY = 500
"""Questions between two lines of progress on a terminal."""


class Question(NamedTuple):
    """A row of the queries file, names turned into indices and times into seconds since 1970."""

    direction: int
    at: int
    id: str
    from_stop: int
    to_stop: int
    window: int
    max_transfers: int


class Answer(NamedTuple):
    """A row of the answers, in the order it is sorted by."""

    id: str
    departure: int
    arrival: int
    transfers: int
    legs: str


@click.command()
@click.argument("feed", type=click.Path(path_type=Path))
@click.option("--queries", required=True, type=click.Path(path_type=Path), help="CSV of questions.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV of journeys, written when complete.")
@click.option("--link-metres", default=100.0, show_default=True, help="Stops this near are walked between.")
@click.option("--change-seconds", default=0, show_default=True, help="What every change takes besides the walk.")
@click.option(
    "--footpaths", type=click.Path(path_type=Path), help="CSV from_stop,to_stop,seconds: exactly these walks."
)
def route(
    feed: Path, *, queries: Path, out: Path, link_metres: float, change_seconds: int, footpaths: Path | None
) -> None:
    """Answer stop-to-stop questions on FEED, a GTFS zip or folder.

    Questions: id,from_stop,to_stop,time (ISO 8601; without an offset it is local time of the feed), direction (depart
    or arrive), window_minutes, max_transfers (15). Journeys: id,departure,arrival,transfers,legs, sorted.

    Without a window: all journeys that are best in arrival and transfers, each with its latest departure (arriving:
    departure and transfers, earliest arrival). With one: all that are best in departure, arrival and transfers, the
    departure (arriving: the arrival) within the window.

    At most one walk before, between and after vehicles. Walks are the rows of transfers.txt and straight lines of at
    most --link-metres at 1.2 m/s; --footpaths replaces both, and all rules of transfers.txt. A row of transfers.txt
    takes the place of the straight line of its pair; its min_transfer_time is the walk and the whole change; type 3
    forbids the change, not the walk. Rows that name trips or routes concern changes between those only, also where no
    walk joins their stops, and the most specific prevails: both trips, a trip and a route, a trip, both routes, a
    route. Staying seated goes on through consecutive trips of a block on one service day, of one route_type; where
    trips of a block overlap, nobody stays seated in it that day. Types 4 and 5 join trips, in place of the block and
    also into the next service day, or part them.

    Walking all the way leaves (arrives) at the time asked, and dominates vehicles that are not faster, in a window
    too. From a stop to itself one is already there: a row without legs. A station means any of its stops.

    The search looks past midnight to the end of the next service day, and in feeds of few stop times (60,000 in
    view) to the end of the calendar; arriving, as far back.
    """
    from mobigo.transit.days import DayViews
    from mobigo.transit.feed import read_feed_tables
    from mobigo.transit.footpaths import link_stops, read_footpaths
    from mobigo.transit.timetable import build

    if link_metres < 0 or change_seconds < 0:
        raise InvalidInput("--link-metres and --change-seconds must be at least 0")
    timetable = build(read_feed_tables(feed))
    walks = (
        read_footpaths(timetable, footpaths, change_seconds=change_seconds)
        if footpaths
        else link_stops(timetable, link_metres=link_metres, change_seconds=change_seconds)
    )
    views = DayViews(timetable, walks)
    questions = sorted(_read_questions(views, queries))
    writer = _Writer(views)
    answers: list[Answer] = []
    for number, question in enumerate(questions, start=1):
        answers.extend(writer.answer(question))
        if number % PROGRESS_EVERY == 0 and sys.stderr.isatty():
            click.echo(f"\r{number} of {len(questions)} questions", nl=False, err=True)
    answers.sort()
    _write(out, answers, views.zone)


def _read_questions(views: DayViews, file: Path) -> Iterator[Question]:
    """Read and check the queries file; the first wrong value ends the command, named with its line and column."""
    stops = {name: row for row, name in enumerate(views.timetable.stop_ids.all())}
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, restval="")
            names = [(name or "").strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            missing = [column for column in NEEDED_COLUMNS if column not in names]
            if missing:
                raise InvalidInput(
                    f"{file} has no column {', '.join(missing)}; its header is {','.join(QUERY_COLUMNS)}, "
                    "the last three optional"
                )
            for row in reader:
                cells = {column: (row.get(column) or "").strip() for column in QUERY_COLUMNS}
                yield _read_question(cells, stops, views.zone, f"{file} line {reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from None


def _read_question(cells: dict[str, str], stops: dict[str, int], zone: ZoneInfo, where: str) -> Question:
    for column in ("from_stop", "to_stop"):
        if cells[column] not in stops:
            raise InvalidInput(f"{where} (id {cells['id']}): {column} {cells[column]!r} is not in stops.txt")
    if cells["direction"] not in ("", "depart", "arrive"):
        raise InvalidInput(f"{where}: direction {cells['direction']!r} is neither depart nor arrive")
    try:
        moment = datetime.fromisoformat(cells["time"])
    except ValueError:
        raise InvalidInput(f"{where}: time {cells['time']!r} is not ISO 8601, such as 2026-11-22T07:30:00") from None
    minutes = _read_number(cells["window_minutes"], "window_minutes", where, MOST_MINUTES, 0)
    return Question(
        direction=int(cells["direction"] == "arrive"),
        at=int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()),
        id=cells["id"],
        from_stop=stops[cells["from_stop"]],
        to_stop=stops[cells["to_stop"]],
        window=60 * minutes,
        max_transfers=_read_number(cells["max_transfers"], "max_transfers", where, MOST_TRANSFERS, 15),
    )


def _read_number(text: str, column: str, where: str, most: int, empty: int) -> int:
    if not text:
        return empty
    if not text.isdecimal() or int(text) > most:
        raise InvalidInput(f"{where}: {column} {text!r} is not a whole number from 0 to {most}")
    return int(text)


class _Writer:
    """Answers questions and turns indices back into names."""

    def __init__(self, views: DayViews) -> None:
        self.views = views
        self.stops = views.timetable.stop_ids.all()
        self.trips = views.timetable.trip_ids.all()

    def answer(self, question: Question) -> Iterator[Answer]:
        """Search, and write each journey as a row."""
        from mobigo.transit.model import Direction
        from mobigo.transit.routing import anchor, ask, search

        query = ask(
            self.views,
            question.from_stop,
            question.to_stop,
            question.at,
            window=question.window,
            direction=Direction(question.direction),
            max_transfers=question.max_transfers,
        )
        for journey in search(self.views, query):
            legs = [self._leg(leg) for leg in anchor(self.views, question.from_stop, question.to_stop, journey)]
            text = json.dumps(legs, separators=(",", ":"), ensure_ascii=False)
            yield Answer(question.id, journey.departure, journey.arrival, journey.transfers, text)

    def _leg(self, leg: Ride | Walk) -> dict[str, str]:
        number = getattr(leg, "trip", None)
        trip = {} if number is None else {"trip_id": self.trips[number]}
        return {
            **trip,
            "from_stop": self.stops[leg.from_stop],
            "to_stop": self.stops[leg.to_stop],
            "departure": _write_instant(leg.departure, self.views.zone),
            "arrival": _write_instant(leg.arrival, self.views.zone),
        }


def _write_instant(seconds: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(seconds, zone).isoformat()


def _write(out: Path, answers: list[Answer], zone: ZoneInfo) -> None:
    """Write all rows beside the file, then put it in place."""
    partial = out.with_name(f"{out.name}.part")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(ANSWER_COLUMNS)
            for answer in answers:
                times = (_write_instant(answer.departure, zone), _write_instant(answer.arrival, zone))
                writer.writerow((answer.id, *times, answer.transfers, answer.legs))
        partial.replace(out)
    except OSError as error:
        raise InvalidInput(f"{out} cannot be written: {error.strerror}") from None
