"""Looking at our own addresses from outside, every few minutes: do they answer, how fast, how old is what they say."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
from google.protobuf.message import DecodeError
from google.transit import gtfs_realtime_pb2 as gtfs
from sqlalchemy.orm import Session

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.opendata import store, watch_store
from mobigo.opendata.alarms import CATALOGUE, raise_unanswered
from mobigo.opendata.live_sets import list_all_standings
from mobigo.opendata.model import Problem, Report, Severity
from mobigo.opendata.schemas import check_xml
from mobigo.opendata.score import ZONE, judge, smooth
from mobigo.opendata.watch_store import Look

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from psycopg import Connection

    from mobigo.opendata.making import Publisher
    from mobigo.opendata.model import Standing

PATIENCE = 5.0
"""Seconds that an address has for its answer, as at the national access point."""
AT_ONCE = 4
"""Addresses asked at the same time."""
CATALOGUES = ("catalog.jsonld", "catalog.ttl", "datasets.json", "atom.xml")
"""What is watched besides data sets."""
ROUND = 300
"""Seconds between two rounds."""
TURNS = 6
"""Rounds in which every message of SIRI is asked for once."""
JUDGED = timedelta(hours=1)
"""How often real time is held against its rules."""
KEPT = timedelta(days=400)
"""How long it is remembered what was seen."""
LARGEST = 64 << 20
"""Bytes of a message that are read."""


@dataclass(frozen=True)
class Address:
    """What is asked for."""

    dataset: str
    file: str
    path: str
    live: bool


@dataclass(frozen=True)
class Round:
    """What a round of looks found."""

    looks: tuple[Look, ...]
    judged: tuple[str, ...]
    """Data sets of real time that were held against their rules."""


@dataclass(frozen=True)
class Watch:
    """What looks at the addresses, and where from."""

    database: str
    """Its address."""
    publisher: Publisher
    """Its `url` is where the platform is reached from outside."""
    now: datetime
    schemas: Path | None = None

    def run(self) -> Round:
        """Ask every address once, keep what came of it, and score the day so far."""
        day = self.now.astimezone(ZONE).date()
        with self._connect() as connection:
            standings = list_all_standings(connection)
            reports = store.list_reports(connection)
        addresses = list_addresses(standings, self.now)
        with (
            httpx.Client(timeout=PATIENCE, headers={"User-Agent": "mobigo (watching its own addresses)"}) as client,
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            looks = tuple(pool.map(partial(self._look, client), addresses))
            due = [
                one
                for one in standings
                if _is_live(one) and self._is_due(one, reports.get((one.dataset.id, 1))) and _answered(one, looks)
            ]
            judged = {one.dataset.id: self._judge_live(client, one) for one in due}
        with self._connect() as connection:
            silent = watch_store.list_unanswered(connection, day)
            watch_store.note_looks(connection, looks, day, self.now)
            for name, problems in judged.items():
                store.set_report(connection, name, 1, Report(self.now, problems))
            score_day(connection, day)
            watch_store.forget_seen(connection, day - KEPT)
        self._raise_alarms([one for one in looks if one.problem and (one.dataset, one.file) in silent], day)
        return Round(looks, tuple(judged))

    def _connect(self) -> Connection[Any]:
        return psycopg.connect(libpq_conninfo(self.database))

    def _look(self, client: httpx.Client, address: Address) -> Look:
        begin = monotonic()
        try:
            answer = client.head(f"{self.publisher.url}/{address.path}")
        except httpx.HTTPError as error:
            return Look(address.dataset, address.file, 0, f"{type(error).__name__}: {error}"[:200])
        took = round((monotonic() - begin) * 1000)
        if answer.status_code != httpx.codes.OK:
            return Look(address.dataset, address.file, took, f"HTTP {answer.status_code}")
        return Look(address.dataset, address.file, took, age=self._age(answer) if address.live else None)

    def _age(self, answer: httpx.Response) -> int | None:
        """Return how old the moment is that a message tells of."""
        try:
            told = parsedate_to_datetime(answer.headers["last-modified"])
        except (KeyError, ValueError):
            return None
        return max(0, round((self.now - told).total_seconds()))

    def _is_due(self, standing: Standing, report: Report | None) -> bool:
        """Tell whether real time is to be judged: every hour, and at once after other timetables came into service."""
        if report is None or (standing.current is not None and standing.current.made_at > report.judged_at):
            return True
        return not timedelta(0) <= self.now - report.judged_at < JUDGED

    def _judge_live(self, client: httpx.Client, standing: Standing) -> tuple[Problem, ...]:
        """Hold real time against its rules: SIRI against its schema, GTFS-Realtime against the timetables."""
        found: list[Problem] = []
        assert standing.current is not None
        name = standing.dataset.id
        for piece in standing.current.pieces:
            if not piece.name.endswith((".xml", ".pb")):
                continue
            try:
                content = _fetch(client, f"{self.publisher.url}/{name}/{piece.name}")
            except httpx.HTTPError as error:
                found.append(Problem("HTTP", "no_answer", Severity.ERROR, 1, f"{piece.name}: {error}"[:200]))
                continue
            if piece.name.endswith(".xml"):
                found += self._check_siri(piece.name, content)
            else:
                with self._connect() as connection:
                    found += check_realtime(connection, piece.name, content)
        return tuple(dict.fromkeys(found))

    def _check_siri(self, name: str, content: bytes) -> list[Problem]:
        with TemporaryDirectory(prefix="mobigo-siri-") as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            return check_xml(self.schemas, "SIRI", path)

    def _raise_alarms(self, silent: Sequence[Look], day: date) -> None:
        if not silent or self.publisher.email is None:
            return
        engine = open_engine(self.database, pool_size=1)
        try:
            with Session(engine) as session, session.begin():
                raise_unanswered(session, silent, day, self.publisher, self.now)
        finally:
            engine.dispose()


def list_addresses(standings: Iterable[Standing], now: datetime) -> list[Address]:
    """List what is asked for: every file in place, the messages of real time whose turn it is, catalogues.

    SIRI is long, and the server writes anew what was asked for lately: each of its messages has a turn every half hour.
    """
    turn = int(now.timestamp()) // ROUND % TURNS
    found = [Address(CATALOGUE, name, name, live=False) for name in CATALOGUES]
    for one in standings:
        name = one.dataset.id
        pieces = one.current.pieces if one.current else ()
        found += [
            Address(name, piece.name, f"{name}/{piece.name}", live=not piece.sha256)
            for number, piece in enumerate(pieces)
            if piece.format != "SIRI" or piece.sha256 or number % TURNS == turn
        ]
    return found


def _is_live(standing: Standing) -> bool:
    return standing.current is not None and any(not piece.sha256 for piece in standing.current.pieces)


def _answered(standing: Standing, looks: Iterable[Look]) -> bool:
    return all(look.problem is None for look in looks if look.dataset == standing.dataset.id)


def _fetch(client: httpx.Client, url: str) -> bytes:
    with client.stream("GET", url) as answer:
        answer.raise_for_status()
        content = bytearray()
        for block in answer.iter_bytes():
            content += block
            if len(content) > LARGEST:
                raise httpx.DecodingError(f"more than {LARGEST} bytes")
        return bytes(content)


def score_day(connection: Connection[Any], day: date) -> None:
    """Score every data set on a day, from what was seen of it and from its score before."""
    seen: dict[str, dict[str, Any]] = {}
    for one in watch_store.list_seen(connection, day, day):
        seen.setdefault(one.dataset, {})[one.file] = one.watched
    before = watch_store.list_scores(connection, day - timedelta(days=7), day - timedelta(days=1))
    for standing in list_all_standings(connection):
        name = standing.dataset.id
        if standing.current is not None:
            today = judge(standing, seen.get(name, {}), day)
            watch_store.set_score(connection, name, smooth(today, next(iter(before.get(name, [])[-1:]), None), day))


# ── GTFS-Realtime ─────────────────────────────────────────────────────────────────────────────────────────────────────

PLANNED = (gtfs.TripDescriptor.SCHEDULED, gtfs.TripDescriptor.CANCELED, gtfs.TripDescriptor.DELETED)
"""Relationships of trips that the timetable has."""
_TOLD = """
    SELECT one.source, one.id FROM unnest(%s::text[], %s::text[]) AS one (source, id) LEFT JOIN feed USING (source)
    WHERE NOT EXISTS (
"""
KNOWN = {
    "E003": ("trip", _TOLD + "SELECT FROM trips WHERE version_id = active_version AND trip_id = one.id) ORDER BY 1, 2"),
    "E004": (
        "route",
        _TOLD + "SELECT FROM routes WHERE version_id = active_version AND route_id = one.id) ORDER BY 1, 2",
    ),
    "E011": ("stop", _TOLD + "SELECT FROM stops WHERE version_id = active_version AND stop_id = one.id) ORDER BY 1, 2"),
}
"""What is looked for in the timetables, by the rule's code."""
FRAMED = re.compile(r"^([^:]+):(.+)$", re.DOTALL)


def check_realtime(connection: Connection[Any], name: str, content: bytes) -> list[Problem]:
    """Hold a message against what the national access point calls critical.

    References
    ----------
    MobilityData gtfs-realtime-validator, RULES.md: E003 trips, E004 routes and E011 stops that the timetable does not
    have; E048 no moment in the header; E052 entity ids twice.
    """
    message = gtfs.FeedMessage()
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        return [Problem(REALTIME, "unreadable", Severity.ERROR, 1, f"{name}: {error}"[:200])]
    found = []
    if not message.header.timestamp:
        found.append(Problem(REALTIME, "E048", Severity.ERROR, 1, f"{name}: no moment in its header"))
    ids = [one.id for one in message.entity]
    if len(set(ids)) < len(ids):
        found.append(
            Problem(REALTIME, "E052", Severity.ERROR, len(ids) - len(set(ids)), f"{name}: ids are there twice")
        )
    said = _list_said(message)
    for code, (kind, query) in KNOWN.items():
        pairs = [match.groups() for match in map(FRAMED.match, sorted(said[kind])) if match]
        unknown = [
            f"{source}:{id_}"
            for source, id_ in connection.execute(
                query.encode(),
                [[source for source, _ in pairs], [id_ for _, id_ in pairs]],
            )
        ]
        unknown += sorted(one for one in said[kind] if not FRAMED.match(one))
        if unknown:
            sample = f"{name}: no {kind} {unknown[0]!r} in the timetables"
            found.append(Problem(REALTIME, code, Severity.ERROR, len(unknown), sample[:200]))
    return found


REALTIME = "GTFS-Realtime"
"""How reports name these rules."""


def _list_said(message: gtfs.FeedMessage) -> dict[str, set[str]]:
    """List the ids of planned trips, of their lines and stops that a message speaks of."""
    trips = [one.trip_update.trip for one in message.entity if one.HasField("trip_update")]
    trips += [one.vehicle.trip for one in message.entity if one.HasField("vehicle") and one.vehicle.HasField("trip")]
    planned = [one for one in trips if one.schedule_relationship in PLANNED]
    told = [selector for one in message.entity if one.HasField("alert") for selector in one.alert.informed_entity]
    stops = {
        call.stop_id
        for one in message.entity
        if one.HasField("trip_update") and one.trip_update.trip.schedule_relationship in PLANNED
        for call in one.trip_update.stop_time_update
    }
    return {
        "trip": {one.trip_id for one in planned} - {""},
        "route": {one.route_id for one in (*planned, *told)} - {""},
        "stop": (stops | {one.stop_id for one in told}) - {""},
    }
