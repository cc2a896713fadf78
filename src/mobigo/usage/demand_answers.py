"""What people wanted and did not get: searches without an answer, seats refused, villages without a departure.

Counts of places in which few people could be told apart are not told, to staff neither (`answers.hide`).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
from psycopg import sql

from mobigo.kit.grid import NOWHERE, square
from mobigo.trace.model import Outcome
from mobigo.usage.answers import SMALL, WEEK, Answer, Column, Kind, hide, read_lines, rounded, share
from mobigo.usage.communes import list_communes, place_cells
from mobigo.usage.daytypes import day_type_of
from mobigo.usage.model import DayType
from mobigo.usage.sentences import say
from mobigo.usage.store import read_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.usage.answers import Value, Wanted
    from mobigo.usage.communes import Commune

NEAR = 1_000
"""Metres to the centre of a village within which a stop serves it."""
SAMPLE_DAYS = 28
"""Of a timetable that does not reach into the period."""
BANDS = ((0, 7), (7, 9), (9, 12), (12, 14), (14, 17), (17, 19), (19, 24))
"""Hours of the day that are looked at together: from, to (not included)."""

_DEMAND = sql.SQL("""
    SELECT origin, destination, hour, outcome, reason, sum(searches), sum(people)
    FROM usage_demand AS u LEFT JOIN usage_day AS d USING (day)
    WHERE u.day BETWEEN {first} AND {last} AND ({types}::text[] IS NULL OR d.day_type = ANY ({types}::text[]))
    GROUP BY origin, destination, hour, outcome, reason
""")
_DEMAND_TYPES = {
    "origin": pl.Int32, "destination": pl.Int32, "hour": pl.Int16, "outcome": pl.String, "reason": pl.String,
    "searches": pl.Int64, "people": pl.Int64,
}  # fmt: skip

_REFUSALS = """
    SELECT service, source, reason, origin, destination, hour, sum(asked), sum(people)
    FROM usage_refusal AS u LEFT JOIN usage_day AS d USING (day)
    WHERE u.day BETWEEN %(first)s AND %(last)s
        AND (%(types)s::text[] IS NULL OR d.day_type = ANY (%(types)s::text[]))
        AND (%(service)s::text IS NULL OR service = %(service)s)
        AND (%(source)s::text IS NULL OR source = %(source)s)
    GROUP BY service, source, reason, origin, destination, hour
"""

_DEPARTURES = """
    WITH commune AS (
        SELECT id, ST_SetSRID(ST_MakePoint(lon, lat), 4326) AS geom
        FROM unnest(%(ids)s::text[], %(lons)s::float8[], %(lats)s::float8[]) AS one (id, lon, lat)
    ), near AS (
        SELECT commune.id, s.version_id, s.line, feed.source || ':' || s.stop_id AS stop FROM commune
        JOIN stops AS s ON ST_DWithin(s.geom, commune.geom, 0.0145)
            AND ST_DistanceSphere(s.geom, commune.geom) <= %(near)s
        JOIN feed ON feed.active_version = s.version_id
    ), leaving AS (
        SELECT DISTINCT near.id, t.version_id, t.line, t.service_id, t.trip_id FROM near
        JOIN stop_times_compact AS c ON c.version_id = near.version_id AND c.stop_line = near.line
        JOIN trips AS t ON t.version_id = c.version_id AND t.line = c.trip_line
        WHERE coalesce(c.pickup_type, 0) <> 1 AND c.departure_time IS NOT NULL AND c.stop_sequence < (
            SELECT max(stop_sequence) FROM stop_times_compact AS z
            WHERE z.version_id = c.version_id AND z.trip_line = c.trip_line
        )
    ), runs AS (
        SELECT version_id, trip_id, sum(ceil((end_time - start_time) / headway_secs::numeric)) AS runs
        FROM frequencies GROUP BY version_id, trip_id
    ), by_service AS (
        SELECT id, version_id, service_id, sum(coalesce(runs, 1)) AS departures
        FROM leaving LEFT JOIN runs USING (version_id, trip_id) GROUP BY id, version_id, service_id
    ), wanted AS (
        SELECT * FROM unnest(%(days)s::date[], %(types)s::text[]) AS one (day, day_type)
    ), running AS (
        SELECT c.version_id, c.service_id, w.day, w.day_type FROM wanted AS w JOIN calendar AS c
            ON w.day BETWEEN c.start_date AND c.end_date
            AND 1 = (ARRAY[monday, tuesday, wednesday, thursday, friday, saturday, sunday])
                [extract(isodow FROM w.day)::int]
        WHERE NOT EXISTS (SELECT FROM calendar_dates AS x WHERE x.version_id = c.version_id
            AND x.service_id = c.service_id AND x.date = w.day AND x.exception_type = 2)
        UNION
        SELECT x.version_id, x.service_id, w.day, w.day_type FROM wanted AS w
        JOIN calendar_dates AS x ON x.date = w.day AND x.exception_type = 1
    )
    SELECT near.id, array_agg(DISTINCT stop), NULL, NULL FROM near GROUP BY near.id
    UNION ALL
    SELECT id, NULL, day_type, sum(departures)::float8 FROM by_service JOIN running USING (version_id, service_id)
    GROUP BY id, day_type
"""

SEARCHES = (
    Column("searches"), Column("answered"), Column("walk_only"), Column("unanswered"),
    Column("unanswered_a_week"), Column("unanswered_share", Kind.SHARE), Column("reason"),
)  # fmt: skip
COMMUNE = (Column("commune"), Column("commune_name"))
PAIR = (Column("origin"), Column("origin_name"), Column("destination"), Column("destination_name"))
HEADS = {
    "origin": COMMUNE,
    "destination": COMMUNE,
    "pair": PAIR,
    "cell": (Column("cell", Kind.COUNT),),
    "hour": (Column("hour", Kind.HOUR),),
    "reason": (Column("reason_code"),),
}
"""What unserved demand may be told by."""
KEYS = {
    "origin": ["start"],
    "destination": ["end"],
    "pair": ["start", "end"],
    "cell": ["origin"],
    "hour": ["hour"],
    "reason": ["reason"],
}
"""Columns of searches that these are told by."""
REFUSED = (
    Column("service"), Column("source"), Column("source_name"), Column("reason"), *COMMUNE,
    Column("refused"), Column("refused_a_week"),
)  # fmt: skip
VILLAGES = (
    Column("commune"), Column("insee"), Column("commune_name"), Column("population", Kind.COUNT),
    Column("stops_near", Kind.COUNT), *(Column(f"departures_{kind}", Kind.NUMBER) for kind in DayType),
    Column("ondemand"), Column("served", Kind.FLAG), Column("unanswered_from"), Column("unanswered_to"),
)  # fmt: skip
UNKNOWN = ""
"""Instead of a commune, for squares that lie in none."""


class Asked(NamedTuple):
    """Searches that are told together, as of `_SUMS`."""

    searches: int
    people: int
    answered: int
    riding: int
    """People of them."""
    walk_only: int
    walking: int
    """People of them."""
    unanswered: int
    waiting: int
    """People of them."""
    reason: str | None
    """The most frequent one."""

    def tell(self, weeks: float, *, careful: bool) -> tuple[Value, ...]:
        """Return the cells of `SEARCHES`; careful where they are of one place, and of `SMALL` people at least."""
        riding, walking, waiting = (careful and 0 < one < SMALL for one in (self.riding, self.walking, self.waiting))
        hidden = self.riding + walking * self.walking + waiting * self.waiting
        all_told = not (riding or walking or waiting)
        whole = all_told or hidden >= SMALL  # else what is hidden would be the whole less the rest
        return (
            self.searches if whole else None,
            self.answered if all_told else hide(self.answered, self.riding) if riding else None,
            hide(self.walk_only, self.walking if careful else SMALL),
            hide(self.unanswered, self.waiting if careful else SMALL),
            None if waiting else rounded(self.unanswered / weeks),
            share(self.unanswered, self.searches) if whole and not waiting else None,
            None if waiting else self.reason,
        )


_UNANSWERED = ~pl.col("outcome").is_in([Outcome.ANSWERED, Outcome.WALK_ONLY])
_SUMS = (
    pl.col("searches").sum().alias("searches"),
    pl.col("people").sum().alias("people"),
    pl.col("searches").filter(pl.col("outcome") == Outcome.ANSWERED).sum().alias("answered"),
    pl.col("people").filter(pl.col("outcome") == Outcome.ANSWERED).sum().alias("riding"),
    pl.col("searches").filter(pl.col("outcome") == Outcome.WALK_ONLY).sum().alias("walk_only"),
    pl.col("people").filter(pl.col("outcome") == Outcome.WALK_ONLY).sum().alias("walking"),
    pl.col("searches").filter(_UNANSWERED).sum().alias("unanswered"),
    pl.col("people").filter(_UNANSWERED).sum().alias("waiting"),
)


def _sum(searches: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Sum searches by columns; the most frequent reason of those that nothing answered beside them."""
    reasons = (
        searches.filter(_UNANSWERED)
        .group_by([*by, pl.col("reason").alias("why")])
        .agg(pl.col("searches").sum().alias("times"))
        .sort([*by, "times", "why"], descending=[*([False] * len(by)), True, False], nulls_last=True)
        .unique(subset=by, keep="first", maintain_order=True)
        .drop("times")
    )
    sums = searches.group_by(by).agg(_SUMS).join(reasons, on=by, how="left", nulls_equal=True)
    return sums.sort(["unanswered", "searches", *by], descending=[True, True, *([False] * len(by))])


class Demand:
    """Answers about what people wanted.

    Parameters
    ----------
    connection : psycopg.Connection
    wanted : Wanted
    """

    def __init__(self, connection: Connection[Any], wanted: Wanted) -> None:
        self.connection, self.wanted = connection, wanted
        self.communes = list_communes(connection)
        self.weeks = wanted.days / WEEK

    def list_searches(self, by: str) -> Answer:
        """List searches and how many of them nothing answered, by one of `HEADS`; most unanswered first."""
        searches = self._searches.filter(_UNANSWERED) if by == "reason" else self._searches
        keys = KEYS[by]
        sums = _sum(searches, keys)
        careful = by not in {"hour", "reason"}
        if by == "hour":
            sums = sums.sort("hour")
        hidden = sums.filter(careful & (pl.col("people") < SMALL))
        told = []
        places = []
        for row in sums.filter(~(careful & (pl.col("people") < SMALL))).iter_rows():
            key, asked = row[: len(keys)], Asked(*row[len(keys) :])
            told.append((*self._head(by, key), *asked.tell(self.weeks, careful=careful)))
            places.append(self._draw(by, key))
        notes = [say("note.demand")]
        if careful:
            notes.append(say("note.small", small=SMALL))
        if len(hidden):
            notes.append(say("note.hidden", rows=len(hidden), searches=int(hidden["searches"].sum()), small=SMALL))
        return Answer(f"searches_by_{by}", (*HEADS[by], *SEARCHES), tuple(told), tuple(places), tuple(notes))

    def list_refusals(self, *, by_commune: bool) -> Answer:
        """List seats refused by service and reason, and where they were asked for."""
        rows = self.connection.execute(_REFUSALS, self.wanted.parameters()).fetchall()
        where = self._place(row[3] for row in rows) if by_commune else {}
        sums: dict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0, 0])
        for service, source, reason, origin, _, _, asked, people in rows:
            one = sums[service, source, reason, where.get(origin, UNKNOWN)]
            one[0] += int(asked)
            one[1] += int(people)
        lines = read_lines(self.connection)
        told: list[tuple[Value, ...]] = []
        places: list[dict[str, Any] | None] = []
        for (service, source, reason, commune), (asked, people) in sorted(
            sums.items(), key=lambda one: (-one[1][0], one[0])
        ):
            where_asked = self.communes.get(commune)
            hidden = by_commune and 0 < people < SMALL
            told.append((
                service, source, lines.name(service, source, "") or None, reason,
                *((commune, where_asked.name if where_asked else None) if by_commune else ()),
                hide(asked, people if by_commune else SMALL), None if hidden else rounded(asked / self.weeks),
            ))  # fmt: skip
            places.append(where_asked.place if where_asked else None)
        columns = REFUSED if by_commune else tuple(one for one in REFUSED if not one.name.startswith("commune"))
        notes = (say("note.small", small=SMALL),) if by_commune else ()
        return Answer("refusals", columns, tuple(told), tuple(places) if by_commune else (), notes)

    def list_villages(self, catalogue: Catalogue) -> Answer:
        """List communes with their departures a day within a kilometre, those without any service first."""
        near, departures, kinds = self._served
        asked_from, asked_to = self._count_unanswered("start"), self._count_unanswered("end")
        told = []
        for id_, commune in self.communes.items():
            stops = near.get(id_, [])
            ondemand = sorted({
                *catalogue.services_at(commune.centre),
                *(service for stop in stops for service in catalogue.asked_at_stop(stop)),
            })  # fmt: skip
            a_day = {kind: departures.get((id_, kind), 0.0) / days for kind, days in kinds.items() if days}
            served = bool(ondemand) or any(a_day.values())
            told.append((
                (served, -(commune.population or 0), commune.name, id_),
                (
                    id_, commune.insee or None, commune.name, commune.population, len(stops),
                    *(rounded(a_day[kind]) if kind in a_day else None for kind in DayType), ", ".join(ondemand), served,
                    hide(*asked_from.get(id_, (0, 0))), hide(*asked_to.get(id_, (0, 0))),
                ),
                commune.place,
            ))  # fmt: skip
        told.sort(key=lambda one: one[0])
        notes = (say("note.villages", metres=NEAR), say("note.small", small=SMALL))
        return Answer("villages", VILLAGES, tuple(one[1] for one in told), tuple(one[2] for one in told), notes)

    def list_bands(self) -> list[tuple[Commune, Commune, tuple[int, int], Asked]]:
        """List pairs of communes and hours of the day in which searches found nothing, most people first."""
        apart = (pl.col("start") != UNKNOWN) & (pl.col("end") != UNKNOWN) & (pl.col("start") != pl.col("end"))
        searches = self._searches.filter(apart & _UNANSWERED).with_columns(
            band=pl.sum_horizontal((pl.col("hour") >= first).cast(pl.Int8) for first, _ in BANDS[1:])
        )
        sums = _sum(searches, ["start", "end", "band"])
        found = sums.filter(pl.col("waiting") >= SMALL).sort(
            ["waiting", "start", "end", "band"], descending=[True, False, False, False]
        )
        return [
            (self.communes[start], self.communes[end], BANDS[band], Asked(*told))
            for start, end, band, *told in found.iter_rows()
        ]

    @cached_property
    def _searches(self) -> pl.DataFrame:
        """Counts by square and commune (`start`, `end`) of both ends, hour, outcome and reason."""
        wanted = self.wanted.parameters()
        query = _DEMAND.format(**{name: sql.Literal(wanted[name]) for name in ("first", "last", "types")})
        found = read_frame(self.connection, query, _DEMAND_TYPES)
        cells = pl.concat([found["origin"], found["destination"].alias("origin")]).unique().to_list()
        where = place_cells(self.connection, cells)
        at = pl.DataFrame({"cell": list(where), "id": list(where.values())}, schema={"cell": pl.Int32, "id": pl.String})
        return (
            found.join(at.rename({"cell": "origin", "id": "start"}), on="origin", how="left")
            .join(at.rename({"cell": "destination", "id": "end"}), on="destination", how="left")
            .with_columns(pl.col("start", "end").fill_null(UNKNOWN), pl.col("reason").fill_null(""))
        )

    @cached_property
    def _served(self) -> tuple[dict[str, list[str]], dict[tuple[str, str], float], dict[str, int]]:
        return self._count_departures()

    def _place(self, cells: Iterable[int]) -> dict[int, str]:
        return place_cells(self.connection, set(cells))

    def _head(self, by: str, key: tuple[Any, ...]) -> tuple[Value, ...]:
        if by in {"origin", "destination", "pair"}:
            return tuple(said for id_ in key for said in (id_, self._name(id_)))
        return key

    def _name(self, id_: str) -> str | None:
        commune = self.communes.get(id_)
        return commune.name if commune else None

    def _draw(self, by: str, key: tuple[Any, ...]) -> dict[str, Any] | None:
        if by == "cell":
            return None if key[0] == NOWHERE else square(key[0])
        communes = [self.communes[id_] for id_ in key if id_ in self.communes] if by not in {"hour", "reason"} else []
        if by == "pair":
            ends = [list(commune.centre) for commune in communes]
            return {"type": "LineString", "coordinates": ends} if len(ends) == len(key) and ends[0] != ends[1] else None
        return communes[0].place if communes else None

    def _count_unanswered(self, end: str) -> dict[str, tuple[int, int]]:
        """Count searches that nothing answered by the commune of one end, and people in them."""
        sums = self._searches.filter(_UNANSWERED).group_by(end).agg(pl.col("searches", "people").sum())
        return {id_: (searches, people) for id_, searches, people in sums.iter_rows()}

    def _count_departures(self) -> tuple[dict[str, list[str]], dict[tuple[str, str], float], dict[str, int]]:
        """Count departures within `NEAR` of each centre, summed over days by their type; and how many such days."""
        days = self._sample_days()
        types = [day_type_of(day) for day in days]
        communes = list(self.communes.values())
        near: dict[str, list[str]] = {}
        departures: dict[tuple[str, str], float] = {}
        for id_, stops, kind, count in self.connection.execute(
            _DEPARTURES,
            {
                "ids": [one.id for one in communes],
                "lons": [one.centre.lon for one in communes],
                "lats": [one.centre.lat for one in communes],
                "near": NEAR,
                "days": days,
                "types": types,
            },
        ):
            if kind is None:
                near[id_] = stops
            else:
                departures[id_, kind] = count
        return near, departures, {kind: types.count(kind) for kind in DayType}

    def _sample_days(self) -> Sequence[date]:
        """Choose the days of the period; where no timetable in service reaches into it, the first ones of these."""
        row = self.connection.execute(
            "SELECT min(v.first_day), max(v.last_day) FROM feed JOIN feed_version AS v ON v.id = feed.active_version"
        ).fetchone()
        first, count = self.wanted.first, self.wanted.days
        if row and row[0] and row[1] and (row[0] > self.wanted.last or row[1] < self.wanted.first):
            first, count = (
                max(row[0], row[1] - timedelta(days=SAMPLE_DAYS - 1)) if row[1] < first else row[0],
                SAMPLE_DAYS,
            )
        days = [first + timedelta(days=number) for number in range(count)]
        return [day for day in days if not self.wanted.day_types or day_type_of(day) in self.wanted.day_types]
