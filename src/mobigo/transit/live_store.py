"""Live sources, how well they fit, disturbances and reported positions in the database; all SQL of live data.

What a source said is not here but in files of the home (`transit.live_service`). Functions take psycopg's own
connection; `db.session.driver` gives that of a request's session, so that what is written commits with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from mobigo.kit.errors import Conflict, NotFound
from mobigo.transit.live import Alert, Disturbance, Effect, MatchReport, Occupancy, Target, Vehicle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

RATES_KEPT = timedelta(days=14)
"""How far back one can see how well a source fitted."""

RATE_STEP = timedelta(minutes=5)
"""One row of rates per source and stretch of time: the last of it."""

POSITIONS_KEPT = timedelta(hours=1)
"""After which the last position of a vehicle is forgotten; nobody needs to know where it was yesterday."""


def is_used(connection: Connection[Any]) -> bool:
    """Tell whether there is anything live at all: a source, a disturbance, a vehicle that reports itself."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM live_source) OR EXISTS (SELECT 1 FROM disturbance)"
        " OR EXISTS (SELECT 1 FROM vehicle_position)"
    ).fetchone()
    return bool(row and row[0])


# ── sources ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class LiveSource:
    """Where live data come from, and how it went last."""

    name: str
    feed: str
    """The loaded feed whose ids it speaks."""
    kind: str
    """``gtfs-rt``, ``siri``, ``auto`` (told from its content) or ``replay`` (a recorded day)."""
    address: str
    """URL or file; ``{secret:NAME}`` in it stands for a secret of the home."""
    headers: dict[str, str]
    """Sent with the request; likewise."""
    every: int
    """Seconds between two looks, at least."""
    stale_after: int
    """Seconds after which what it says is no longer used."""
    day: date | None
    """Of a recorded day: the day it is replayed on, None for its own."""
    added_at: datetime
    tried_at: datetime | None = None
    fetched_at: datetime | None = None
    """Last time it answered with something that could be read, or said that nothing is newer."""
    made_at: datetime | None = None
    """When the content was made, as it says itself."""
    next_at: datetime | None = None
    """Not before then it is asked again; None: at once."""
    failures: int = 0
    """Failed attempts since the last that went well."""
    problem: str | None = None
    """What went wrong the last time, or what of the content could not be understood."""


_SOURCE = """
    SELECT name, feed, kind, address, headers, every, stale_after, day, added_at, tried_at, fetched_at, made_at,
           next_at, failures, problem
    FROM live_source
"""


def list_sources(connection: Connection[Any]) -> list[LiveSource]:
    """List all live sources, by name."""
    return [LiveSource(*row) for row in connection.execute(f"{_SOURCE} ORDER BY name".encode())]


def list_zones(connection: Connection[Any]) -> dict[str, ZoneInfo]:
    """List the time zones of the feeds in service, as their agencies say: those of a feed share one."""
    rows = connection.execute(
        "SELECT f.source, min(a.agency_timezone) FROM feed f JOIN agency a ON a.version_id = f.active_version "
        "GROUP BY f.source"
    )
    return {source: ZoneInfo(zone) for source, zone in rows}


def get_source(connection: Connection[Any], name: str) -> LiveSource:
    """Return a live source."""
    row = connection.execute(f"{_SOURCE} WHERE name = %s".encode(), (name,)).fetchone()
    if row is None:
        raise NotFound(
            f"no live source {name!r}; `mobigo live list` lists them, `mobigo live add` adds one",
            code="unknown_live_source",
        )
    return LiveSource(*row)


def add_source(connection: Connection[Any], source: LiveSource) -> None:
    """Add a live source.

    Raises
    ------
    Conflict
        When there is one of that name.
    """
    added = connection.execute(
        "INSERT INTO live_source (name, feed, kind, address, headers, every, stale_after, day, added_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            source.name,
            source.feed,
            source.kind,
            source.address,
            Jsonb(source.headers),
            source.every,
            source.stale_after,
            source.day,
            source.added_at,
        ),
    )
    if not added.rowcount:
        raise Conflict(
            f"there is a live source {source.name!r} already; choose another name, or remove that one first with"
            f" `mobigo live remove {source.name}`",
            code="live_source_exists",
        )


def remove_source(connection: Connection[Any], name: str) -> None:
    """Remove a live source and its rates."""
    get_source(connection, name)
    connection.execute("DELETE FROM live_rate WHERE name = %s", (name,))
    connection.execute("DELETE FROM live_source WHERE name = %s", (name,))


def note_success(
    connection: Connection[Any], name: str, *, now: datetime, made_at: datetime | None, problem: str | None
) -> None:
    """Note that a source answered; `problem` says what of it could not be understood."""
    connection.execute(
        "UPDATE live_source SET tried_at = %(now)s, fetched_at = %(now)s, made_at = %(made)s, failures = 0,"
        " next_at = %(now)s + make_interval(secs => every), problem = %(problem)s WHERE name = %(name)s",
        {"now": now, "made": made_at, "problem": problem, "name": name},
    )


def note_failure(connection: Connection[Any], name: str, *, now: datetime, pause: float, problem: str) -> None:
    """Note that a source failed, and after how many seconds it is asked again."""
    connection.execute(
        "UPDATE live_source SET tried_at = %(now)s, failures = failures + 1,"
        " next_at = %(now)s + make_interval(secs => %(pause)s), problem = %(problem)s WHERE name = %(name)s",
        {"now": now, "pause": pause, "problem": problem, "name": name},
    )


# ── rates ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Rate:
    """How much of what a source said was found in the timetable, at one time."""

    name: str
    at: datetime
    report: MatchReport


_RATE = """
    SELECT name, at, feed, trips, trips_matched, calls, calls_matched, new_trips, vehicles, vehicles_matched, alerts,
           alerts_matched, stale, unmatched
    FROM live_rate
"""


def _rate(row: tuple[Any, ...]) -> Rate:
    told = (*row[2:-1], tuple(row[-1]))
    return Rate(row[0], row[1], MatchReport(*told))


def save_rates(connection: Connection[Any], now: datetime, reports: Iterable[tuple[str, MatchReport]]) -> None:
    """Keep how well each source fitted, by its name; rates that nobody needs any more are removed."""
    step = RATE_STEP.total_seconds()
    at = datetime.fromtimestamp(now.timestamp() // step * step, UTC)
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO live_rate VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (name, at) DO UPDATE SET
                feed = excluded.feed, trips = excluded.trips, trips_matched = excluded.trips_matched,
                calls = excluded.calls, calls_matched = excluded.calls_matched, new_trips = excluded.new_trips,
                vehicles = excluded.vehicles, vehicles_matched = excluded.vehicles_matched, alerts = excluded.alerts,
                alerts_matched = excluded.alerts_matched, stale = excluded.stale, unmatched = excluded.unmatched
            """,
            [
                (
                    name,
                    at,
                    one.source,
                    one.trips,
                    one.trips_matched,
                    one.calls,
                    one.calls_matched,
                    one.new_trips,
                    one.vehicles,
                    one.vehicles_matched,
                    one.alerts,
                    one.alerts_matched,
                    one.stale,
                    [text.replace("\0", "") for text in one.unmatched],
                )
                for name, one in reports
            ],
        )
    connection.execute("DELETE FROM live_rate WHERE at < %s", (now - RATES_KEPT,))


def list_latest_rates(connection: Connection[Any], now: datetime) -> dict[str, Rate]:
    """Return the newest rate of each source, by name."""
    newest = "WHERE (name, at) IN (SELECT name, max(at) FROM live_rate WHERE at <= %s GROUP BY name)"
    rows = connection.execute(f"{_RATE} {newest}".encode(), (now,))
    return {row[0]: _rate(row) for row in rows}


def list_rates(connection: Connection[Any], name: str, since: datetime, until: datetime) -> list[Rate]:
    """List the rates of a source over time, oldest first."""
    rows = connection.execute(
        f"{_RATE} WHERE name = %s AND at BETWEEN %s AND %s ORDER BY at".encode(), (name, since, until)
    )
    return [_rate(row) for row in rows]


# ── disturbances ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Revision:
    """A disturbance as somebody left it."""

    id: int
    number: int
    """1 is the first."""
    feed: str
    disturbance: Disturbance | None
    """None: withdrawn."""
    written_by: str
    written_at: datetime


_REVISION = """
    SELECT r.disturbance_id, r.number, d.feed, r.content, r.written_by, r.written_at
    FROM disturbance_revision r JOIN disturbance d ON d.id = r.disturbance_id
"""

_NEWEST = "r.number = (SELECT max(n.number) FROM disturbance_revision n WHERE n.disturbance_id = d.id)"


def _revision(row: tuple[Any, ...]) -> Revision:
    id_, number, feed, content, written_by, written_at = row
    return Revision(id_, number, feed, content and _disturbance(id_, feed, content), written_by, written_at)


def list_disturbances(
    connection: Connection[Any], *, not_over_at: datetime | None = None, before: int | None = None, limit: int = 1000
) -> list[Revision]:
    """List disturbances as they are now, newest first; with `not_over_at` those in force, and that do not end before.

    Withdrawn ones are listed only without it. `before` names the one the page begins after.
    """
    rows = connection.execute(
        f"{_REVISION} WHERE {_NEWEST} AND (%(at)s::timestamptz IS NULL OR (r.content IS NOT NULL"
        " AND (r.ends IS NULL OR r.ends > %(at)s))) AND (%(before)s::integer IS NULL OR d.id < %(before)s)"
        " ORDER BY d.id DESC LIMIT %(limit)s".encode(),
        {"at": not_over_at, "before": before, "limit": limit},
    )
    return [_revision(row) for row in rows]


def list_revisions(connection: Connection[Any], id_: int) -> list[Revision]:
    """List everything a disturbance ever was, newest first."""
    found = [
        _revision(row)
        for row in connection.execute(f"{_REVISION} WHERE d.id = %s ORDER BY r.number DESC".encode(), (id_,))
    ]
    if not found:
        raise NotFound(f"no disturbance {id_}; /v1/disturbances lists them", code="unknown_disturbance")
    return found


def add_disturbance(connection: Connection[Any], one: Disturbance, *, by: str, now: datetime) -> Revision:
    """Add a disturbance; the id of its alert is given by the database."""
    row = connection.execute("INSERT INTO disturbance (feed) VALUES (%s) RETURNING id", (one.source,)).fetchone()
    assert row
    return _append(connection, int(row[0]), one, by=by, now=now)


def change_disturbance(
    connection: Connection[Any], id_: int, one: Disturbance | None, *, seen: int | None, by: str, now: datetime
) -> Revision:
    """Write a disturbance anew; None withdraws it.

    Raises
    ------
    Conflict
        When its newest revision is not the one `seen` by the person who changes it.
    """
    newest = _lock(connection, id_, seen)
    if one is not None and one.source != newest.feed:
        raise Conflict(
            f"disturbance {id_} is about feed {newest.feed!r}, not {one.source!r}; withdraw it and write a new one"
        )
    if one is None and newest.disturbance is None:
        return newest
    return _append(connection, id_, one, by=by, now=now)


def undo_disturbance(connection: Connection[Any], id_: int, *, seen: int | None, by: str, now: datetime) -> Revision:
    """Put a disturbance back to what it was before its last change; before its first, it is withdrawn."""
    newest = _lock(connection, id_, seen)
    before = [one for one in list_revisions(connection, id_) if one.number == newest.number - 1]
    return _append(connection, id_, before[0].disturbance if before else None, by=by, now=now)


def _lock(connection: Connection[Any], id_: int, seen: int | None) -> Revision:
    connection.execute("SELECT 1 FROM disturbance WHERE id = %s FOR UPDATE", (id_,))
    newest = list_revisions(connection, id_)[0]
    if seen is not None and newest.number != seen:
        raise Conflict(
            f"disturbance {id_} is at revision {newest.number}, written by {newest.written_by}, not at {seen}; read it"
            " again and repeat the change",
            code="changed_meanwhile",
        )
    return newest


def _append(connection: Connection[Any], id_: int, one: Disturbance | None, *, by: str, now: datetime) -> Revision:
    starts, ends = _bounds(one) if one else (None, None)
    row = connection.execute(
        "INSERT INTO disturbance_revision (disturbance_id, number, content, starts, ends, written_by, written_at)"
        " SELECT %(id)s, coalesce(max(number), 0) + 1, %(content)s, %(starts)s, %(ends)s, %(by)s, %(now)s"
        " FROM disturbance_revision WHERE disturbance_id = %(id)s RETURNING number",
        {
            "id": id_,
            "content": Jsonb(_content(one)) if one else None,
            "starts": starts,
            "ends": ends,
            "by": by,
            "now": now,
        },
    ).fetchone()
    assert row
    return next(one for one in list_revisions(connection, id_) if one.number == row[0])


def _bounds(one: Disturbance) -> tuple[datetime | None, datetime | None]:
    starts = [start for start, _ in one.alert.periods]
    ends = [end for _, end in one.alert.periods]
    return (
        None if None in starts or not starts else datetime.fromtimestamp(min(s for s in starts if s is not None), UTC),
        None if None in ends or not ends else datetime.fromtimestamp(max(e for e in ends if e is not None), UTC),
    )


def _content(one: Disturbance) -> dict[str, Any]:
    alert = one.alert
    return {
        "header": alert.header,
        "description": alert.description,
        "url": alert.url,
        "periods": alert.periods,
        "targets": [
            {
                name: value.isoformat() if isinstance(value, date) else value
                for name in Target.__dataclass_fields__
                if (value := getattr(target, name)) is not None
            }
            for target in alert.targets
        ],
        "cause": alert.cause,
        "effect": alert.effect,
        "severity": alert.severity,
        "does": one.effect,
    }


def _disturbance(id_: int, feed: str, content: dict[str, Any]) -> Disturbance:
    targets: list[dict[str, Any]] = content["targets"]
    return Disturbance(
        Alert(
            id=f"disturbance-{id_}",
            header=content["header"],
            description=content["description"],
            url=content["url"],
            periods=tuple((start, end) for start, end in content["periods"]),
            targets=tuple(_target(target) for target in targets),
            cause=content["cause"],
            effect=content["effect"],
            severity=content["severity"],
        ),
        Effect(content["does"]),
        feed,
    )


def _target(stored: dict[str, Any]) -> Target:
    day = stored.get("start_date")
    return Target(**{**stored, "start_date": day and date.fromisoformat(day)})


# ── positions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def save_positions(connection: Connection[Any], positions: Sequence[tuple[str, Vehicle]]) -> set[tuple[str, str]]:
    """Keep the newest position of each vehicle; return (feed, vehicle id) of those that moved on.

    A position that is not newer than the one known changes nothing, so sending it twice is the same as once.
    """
    newest: dict[tuple[str, str], Vehicle] = {}
    for feed, one in positions:
        key = (feed, one.vehicle_id)
        if key not in newest or one.at > newest[key].at:
            newest[key] = one
    rows = connection.execute(
        """
        INSERT INTO vehicle_position AS known
        SELECT feed, vehicle_id, at, trip_id, start_date, route_id, ST_SetSRID(ST_MakePoint(lon, lat), 4326), bearing,
               speed, occupancy
        FROM jsonb_to_recordset(%s) AS sent (feed text, vehicle_id text, at timestamptz, trip_id text, start_date date,
            route_id text, lon float8, lat float8, bearing real, speed real, occupancy smallint)
        ORDER BY feed, vehicle_id  -- one order for all, so that nobody waits for somebody who waits for him
        ON CONFLICT (feed, vehicle_id) DO UPDATE SET
            at = excluded.at, trip_id = excluded.trip_id, start_date = excluded.start_date,
            route_id = excluded.route_id, point = excluded.point, bearing = excluded.bearing,
            speed = excluded.speed, occupancy = excluded.occupancy
        WHERE excluded.at > known.at
        RETURNING feed, vehicle_id
        """,
        (
            Jsonb(
                [
                    {
                        "feed": feed,
                        "vehicle_id": vehicle_id,
                        "at": datetime.fromtimestamp(one.at, UTC).isoformat(),
                        "trip_id": one.trip_id,
                        "start_date": None if one.start_date is None else one.start_date.isoformat(),
                        "route_id": one.route_id,
                        "lon": one.lon,
                        "lat": one.lat,
                        "bearing": one.bearing,
                        "speed": one.speed,
                        "occupancy": None if one.occupancy is None else one.occupancy.value,
                    }
                    for (feed, vehicle_id), one in newest.items()
                ]
            ),
        ),
    )
    return {(feed, vehicle_id) for feed, vehicle_id in rows}


def list_positions(connection: Connection[Any], since: datetime, until: datetime) -> list[tuple[str, Vehicle]]:
    """List the last position of each vehicle that reported itself in a stretch of time, with the feed of its ids."""
    rows = connection.execute(
        "SELECT feed, vehicle_id, trip_id, start_date, route_id, ST_Y(point), ST_X(point), at, bearing, speed,"
        " occupancy FROM vehicle_position WHERE at BETWEEN %s AND %s ORDER BY feed, vehicle_id",
        (since, until),
    )
    return [
        (
            feed,
            Vehicle(
                vehicle_id=vehicle_id,
                trip_id=trip_id,
                start_date=start_date,
                route_id=route_id,
                lat=lat,
                lon=lon,
                at=int(at.timestamp()),
                bearing=bearing,
                speed=speed,
                occupancy=None if occupancy is None else Occupancy(occupancy),
            ),
        )
        for feed, vehicle_id, trip_id, start_date, route_id, lat, lon, at, bearing, speed, occupancy in rows
    ]


def forget_positions(connection: Connection[Any], now: datetime) -> None:
    """Delete positions that are old, or of a future that did not happen (a sandbox's clock that was put back)."""
    connection.execute(
        "DELETE FROM vehicle_position WHERE at < %s OR at > %s", (now - POSITIONS_KEPT, now + POSITIONS_KEPT)
    )
