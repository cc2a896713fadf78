"""What the network is used for, for those who plan it: one screen, and every table behind it.

Figures are those of ``/v1/usage``; the page says them in sentences, draws them and hands them out as files.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite
from threading import Lock
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from psycopg import Connection
from pydantic import ValidationError

from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.errors import InvalidInput, MobigoError, NotFound
from mobigo.kit.requests import Now
from mobigo.ondemand.catalogue import Catalogue
from mobigo.trace.model import Service
from mobigo.usage import answers, attention, demand_answers, economy, economy_answers, figures, quality_answers, writing
from mobigo.usage import usage_api as api
from mobigo.usage.answers import SMALL, Answer, Kind, Value, Wanted
from mobigo.usage.communes import Commune
from mobigo.usage.figures import Figure
from mobigo.usage.loads_answers import Loads
from mobigo.usage.model import DayType
from mobigo.usage.sentences import Said, say, write_number
from mobigo.usage.service import ZONE
from mobigo.web import words
from mobigo.web.forms import Form
from mobigo.web.html import READ, page
from mobigo.web.signin import admit

router = APIRouter(prefix="/staff/usage", include_in_schema=False)

Planner = Annotated[Person, Depends(admit(*api.PLANNERS))]

PERIODS = (7, 28, 91, 364)
"""Days of the periods that one press gives, whole weeks."""
LINES_SHOWN, ROWS_SHOWN = 15, 12
"""Of tables on the page; all rows are in the files."""
NONE = "\u2013"
HEAT = (0.95, 0.9, 0.8, 0.7)
"""Shares of calls on time from which a cell has each of the colours; below the last it has the fifth."""
FEW_CALLS = 20
"""Calls in an hour from which its punctuality is told by a colour."""
SHADES = (0, 1, 6, 21, 51, 201)
"""Unanswered searches a week from which a commune has each of the map's colours."""
HOURS = tuple(range(24))
LONG = 300
FIRST_FINDINGS = 10
SCREENS = 24
"""Kept in memory."""
ROUND, ROUND_CENTS = 1_000, 100_000
"""From which decimals mean nothing."""


@dataclass(frozen=True)
class Bar:
    """A bar of a chart, with what it stands for."""

    name: str
    value: float
    said: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Step:
    """A stop of a load profile, drawn from its own place to the next."""

    name: str
    x: float
    mean: float
    p90: float


CHART = (720.0, 220.0)
"""Width and height of a chart's plot, in its own units."""
FLAT = 26.0
"""Height of a bar that lies."""


class Room:
    """Somebody who plans, and what they look at.

    Parameters
    ----------
    request : Request
    person : Person
    session : Session
    now : datetime
    """

    def __init__(
        self,
        *,
        request: Request,
        person: Planner,
        session: Database,
        now: Now,
        first: Annotated[str, Query(alias="from", max_length=LONG)] = "",
        last: Annotated[str, Query(alias="to", max_length=LONG)] = "",
        day_type: Annotated[str, Query(max_length=LONG)] = "",
        service: Annotated[str, Query(max_length=LONG)] = "",
        line: Annotated[str, Query(max_length=LONG)] = "",
    ) -> None:
        self.request, self.person, self.session, self.now = request, person, session, now
        self.speak = words.choose(request)
        self.problem = ""
        self.fields = {"from": first, "to": last, "day_type": day_type, "service": service, "line": line}
        self.yesterday = now.astimezone(ZONE).date() - timedelta(days=1)
        try:
            self.wanted = self._read()
        except MobigoError as error:
            self.problem = str(error)
            self.wanted = answers.want(self.yesterday - timedelta(days=PERIODS[1] - 1), self.yesterday)

    def _read(self) -> Wanted:
        last = _day(self.fields["to"]) or self.yesterday
        first = _day(self.fields["from"]) or last - timedelta(days=PERIODS[1] - 1)
        kinds = [DayType(self.fields["day_type"])] if self.fields["day_type"] in set(DayType) else []
        service = Service(self.fields["service"]) if self.fields["service"] in set(Service) else None
        line = self.fields["line"].translate(CONTROL)
        return api.choose(first, last, day_types=kinds, service=service, source="", line=line)

    @property
    def connection(self) -> Connection[Any]:
        """The connection of the session."""
        return driver(self.session)

    @property
    def catalogue(self) -> Catalogue:
        """The services on demand."""
        return cast("Catalogue", self.request.app.state.catalogues.current(self.connection))

    @property
    def query(self) -> dict[str, str]:
        """What addresses repeat so that they are about the same."""
        kept = {name: value for name, value in self.fields.items() if value and not self.problem}
        kept |= {"from": self.wanted.first.isoformat(), "to": self.wanted.last.isoformat()}
        if self.request.query_params.get("lang") in words.LANGUAGES:
            kept["lang"] = self.speak.language
        return kept

    def said(self, one: Said) -> str:
        """Say a sentence in the reader's language."""
        return one.of(self.speak.language)

    def tell(self, value: Value, kind: Kind) -> str:
        """Write a cell as people read it."""
        return write(value, kind, self.speak.language)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401  templates take anything
        """Write a page that nobody keeps."""
        answer = page(
            self.request,
            template,
            self.speak,
            status=status,
            person=self.person,
            room=self,
            tell=self.tell,
            said=self.said,
            title=lambda column: writing.title(column, self.speak.language),
            word=lambda column, value: writing.word(column, value, self.speak.language),
            kinds=Kind,
            **values,
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer


InRoom = Annotated[Room, Depends(Room)]
CONTROL = dict.fromkeys([*range(32), *range(127, 160)], "")


def _day(text: str) -> date | None:
    """Read a day.

    Raises
    ------
    InvalidInput
        When it is none.
    """
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"{text[:20]!r} is no day; write it like 2026-11-20", code="invalid_period") from None


def write(value: Value, kind: Kind, language: str) -> str:
    """Write a cell as people read it: with its unit, and as many digits as mean something."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "✓" if value else NONE
    if isinstance(value, str):
        return value
    if kind is Kind.SHARE:
        text = write_number(100 * value, language, 0 if abs(value) >= 1 else 1)
        return f"{text}\u00a0%" if language == "fr" else f"{text}%"
    if kind in {Kind.CENTS, Kind.RATE}:
        euros = write_number(abs(value) / 100, language, 0 if kind is Kind.CENTS and abs(value) >= ROUND_CENTS else 2)
        minus = "\u2212" if value < 0 else ""
        return f"{minus}{euros}\u00a0€" if language == "fr" else f"{minus}€{euros}"
    digits = 0 if kind in {Kind.COUNT, Kind.HOUR, Kind.SECONDS} or abs(value) >= ROUND else 1
    units = {Kind.KILOMETRES: "km", Kind.KILOGRAMS: "kg", Kind.GRAMS: "g", Kind.SECONDS: "s"}
    text = write_number(value, language, digits)
    return f"{text}\u00a0{units[kind]}" if kind in units else text


# ── the screen ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Screen:
    """Everything that the page says of a period, in no language yet."""

    period: answers.Period
    measured: list[Figure]
    findings: list[attention.Finding]
    lines: Answer
    hours: Answer
    kept: Answer
    """Punctuality by line and hour."""
    changes: Answer
    communes: list[Commune]
    origins: Answer
    pairs: Answer
    reasons: Answer
    refusals: Answer
    villages: Answer
    """Those without any service."""
    services: Answer
    costly: Answer


class Screens:
    """The screens that were looked at last: computed once for each count of days, however many look."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], Screen] = OrderedDict()
        self._lock = Lock()

    def find(self, room: Room) -> Screen:
        """Return what a screen says; computed when anything in it may have changed since it was."""
        rates = economy.read_rates(room.connection)
        row = room.connection.execute(
            "SELECT max(counted_at), count(*) FROM usage_day WHERE day BETWEEN %s AND %s",
            [room.wanted.before().first, room.wanted.last],
        ).fetchone()
        key = (room.wanted, row, len(rates.rates), room.catalogue.revision)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        screen = compute(room.connection, room.wanted, rates, room.catalogue)
        with self._lock:
            self._kept[key] = screen
            if len(self._kept) > SCREENS:
                self._kept.popitem(last=False)
        return screen


def compute(connection: Connection[Any], wanted: Wanted, rates: economy.Rates, catalogue: Catalogue) -> Screen:
    """Compute what a screen says."""
    loads, demand = Loads(connection, wanted, rates), demand_answers.Demand(connection, wanted)
    villages = demand.list_villages(catalogue)
    return Screen(
        answers.read_period(connection, wanted),
        figures.leave_out_same_fares(figures.compare_periods(connection, wanted, rates)),
        attention.find_attention(loads, demand, catalogue),
        loads.list_lines(),
        loads.list_hours(),
        quality_answers.list_punctuality(connection, wanted, {"line", "hour"}),
        cut(quality_answers.list_changes(connection, wanted), ROWS_SHOWN),
        list(demand.communes.values()),
        demand.list_searches("origin"),
        cut(demand.list_searches("pair"), ROWS_SHOWN),
        demand.list_searches("reason"),
        demand.list_refusals(by_commune=False),
        keep(villages, lambda row: row["served"] is False),
        economy_answers.list_economy(connection, wanted, rates, by_line=False),
        cut(by_cost(economy_answers.list_economy(connection, wanted, rates, by_line=True)), ROWS_SHOWN),
    )


@router.api_route("", methods=READ)
def usage_page(room: InRoom) -> Response:
    """Show the network's use: key figures, what to look at, loads, punctuality, what was not served, costs."""
    screens: Screens = room.request.app.state.usage_screens
    screen = screens.find(room)
    return room.page(
        "usage.html",
        status=400 if room.problem else 200,
        period=screen.period,
        periods=[(days, room.yesterday - timedelta(days=days - 1)) for days in PERIODS],
        figures=[tell_figure(room, one) for one in screen.measured],
        before=room.wanted.before(),
        summary=summarise(room, screen.measured),
        findings=split_findings(screen.findings),
        hours=draw_hours(screen.hours, room),
        lines=draw_lines(screen.lines, room),
        all_lines=list_choices(room.connection),
        lines_table=cut(screen.lines, LINES_SHOWN),
        trips=list_trips(room),
        heat=heat_table(screen.kept),
        changes=screen.changes,
        unserved=screen.pairs,
        reasons=screen.reasons,
        refusals=screen.refusals,
        villages=cut(screen.villages, ROWS_SHOWN),
        villages_alone=len(screen.villages.rows),
        economy=screen.services,
        costly=screen.costly,
        files=[(name, room.said(say(f"answer.{name}"))) for name in FILES],
        small=SMALL,
        shades=SHADES,
    )


def list_trips(room: Room) -> Answer | None:
    """List the trips of the line that was chosen, if one was."""
    if not room.wanted.route:
        return None
    return Loads(room.connection, room.wanted, economy.read_rates(room.connection)).list_trips()


@router.api_route("/trip", methods=READ)
def usage_trip_page(room: InRoom, trip: Annotated[str, Query(max_length=LONG)] = "") -> Response:
    """Show how full a trip is from stop to stop."""
    rates = economy.read_rates(room.connection)
    problem, profile, seats = room.problem, None, None
    steps: list[Step] = []
    try:
        profile = api.follow(room.connection, room.wanted, rates, trip.translate(CONTROL))
        steps, seats = draw_profile(profile)
    except MobigoError as error:
        problem = str(error)
    return room.page(
        "usage_trip.html", status=200 if profile else 404, problem=problem, profile=profile, steps=steps, seats=seats,
        trip=trip, chart=CHART,
    )  # fmt: skip


RATE_FIELDS = ("service", "line", "starts", "kilometre", "vehicle_hour", "run", "places", "origin")


@router.api_route("/rates", methods=READ)
def usage_rates_page(room: InRoom) -> Response:
    """Show what vehicles cost and how many they seat, and let finance say better."""
    return show_rates(room, {"starts": room.now.astimezone(ZONE).date().isoformat()}, room.problem)


@router.post("/rates")
def say_rate(room: InRoom, _: Annotated[Person, Depends(admit(Role.FINANCE))], form: Form) -> Response:
    """Write what somebody of finance says of a line's vehicles."""
    told = {name: form.get(name, long=LONG) for name in RATE_FIELDS}
    try:
        body = api.RateBody.model_validate({
            "service": told["service"], "line": told["line"], "starts": told["starts"], "origin": told["origin"],
            "kilometre_cents": read_euros(told["kilometre"]), "hour_cents": read_euros(told["vehicle_hour"]),
            "run_cents": read_euros(told["run"]), "seats": int(told["places"]) if told["places"].isdecimal() else None,
        })  # fmt: skip
        api.say_usage_rate(session=room.session, now=room.now, person=room.person, body=body)
    except ValidationError as error:
        first = error.errors()[0]
        return show_rates(room, told, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except MobigoError as error:
        return show_rates(room, told, str(error))
    return RedirectResponse(f"/staff/usage/rates{'?lang=' + room.query['lang'] if 'lang' in room.query else ''}", 303)


def show_rates(room: Room, told: dict[str, str], problem: str) -> Response:
    """Write the page of rates, with what was typed."""
    today = room.now.astimezone(ZONE).date()
    return room.page(
        "usage_rates.html",
        status=400 if problem else 200,
        problem=problem,
        rates=api.list_usage_rates(session=room.session, now=room.now, _=room.person, on=today).rates,
        writes=room.person.role in {Role.FINANCE, Role.ADMIN},
        told=dict.fromkeys(RATE_FIELDS, "") | told,
        all_lines=list_choices(room.connection),
    )


def read_euros(text: str) -> float | None:
    """Read euros as people type them, in cents; None for nothing.

    Raises
    ------
    InvalidInput
        When they are no amount.
    """
    if not text.strip():
        return None
    plain = text.replace("\u202f", "").replace("\u00a0", "").replace(" ", "").replace("€", "").replace(",", ".")
    try:
        cents = float(plain) * 100
    except ValueError:
        raise InvalidInput(f"{text[:20]!r} is no amount in euros; write it like 2,06", code="invalid_rate") from None
    return round(cents, 3) if isfinite(cents) else None


@router.api_route("/map.json", methods=READ)
def usage_map(room: InRoom) -> Response:
    """Give the communes with what was not answered there, for the map."""
    screens: Screens = room.request.app.state.usage_screens
    screen = screens.find(room)
    found = {str(one["commune"]): one for one in screen.origins.as_dicts()}
    features = []
    for commune in screen.communes:
        one = found.get(commune.id)
        weekly = one["unanswered_a_week"] if one else None
        hidden = one is not None and weekly is None
        told = {
            "name": commune.name,
            "population": commune.population,
            "unanswered": f"<{SMALL}" if hidden else room.tell(weekly if one else 0, Kind.NUMBER),
            "shade": sum(float(weekly or 0) >= bound for bound in SHADES[1:]) if not hidden else 1,
        }
        features.append({"type": "Feature", "geometry": commune.place, "properties": told})
    answer = JSONResponse({"type": "FeatureCollection", "features": features})
    answer.headers["Cache-Control"] = "no-store"
    return answer


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


FILES: dict[str, Callable[[Room, economy.Rates], Answer]] = {
    "trends": lambda room, rates: figures.list_trends(room.connection, room.wanted, rates),
    "lines": lambda room, rates: Loads(room.connection, room.wanted, rates).list_lines(),
    "trips": lambda room, rates: Loads(room.connection, room.wanted, rates).list_trips(),
    "stops": lambda room, rates: Loads(room.connection, room.wanted, rates).list_stops(),
    "hours": lambda room, rates: Loads(room.connection, room.wanted, rates).list_hours(),
    "punctuality": lambda room, _: quality_answers.list_punctuality(room.connection, room.wanted, {"line", "hour"}),
    "changes": lambda room, _: quality_answers.list_changes(room.connection, room.wanted),
    "searches_by_origin": lambda room, _: _demand(room).list_searches("origin"),
    "searches_by_destination": lambda room, _: _demand(room).list_searches("destination"),
    "searches_by_pair": lambda room, _: _demand(room).list_searches("pair"),
    "searches_by_cell": lambda room, _: _demand(room).list_searches("cell"),
    "searches_by_hour": lambda room, _: _demand(room).list_searches("hour"),
    "searches_by_reason": lambda room, _: _demand(room).list_searches("reason"),
    "refusals": lambda room, _: _demand(room).list_refusals(by_commune=True),
    "villages": lambda room, _: _demand(room).list_villages(room.catalogue),
    "economy": lambda room, rates: economy_answers.list_economy(room.connection, room.wanted, rates, by_line=True),
    "economy_by_service": lambda room, rates: economy_answers.list_economy(
        room.connection, room.wanted, rates, by_line=False
    ),
}
"""Answers that are handed out, by name."""


def _demand(room: Room) -> demand_answers.Demand:
    return demand_answers.Demand(room.connection, room.wanted)


@router.api_route("/files/{name}.{form}", methods=READ)
def give_usage_file(
    room: InRoom,
    name: Annotated[str, Path(pattern=r"^[a-z_]{1,40}$")],
    form: Annotated[str, Path(pattern=r"^[a-z]{3,7}$")],
) -> Response:
    """Give an answer, or all of them, as a file.

    Raises
    ------
    NotFound
        When there is no such answer, or not in that form.
    """
    if room.problem:
        raise InvalidInput(room.problem, code="invalid_period")
    rates, language = economy.read_rates(room.connection), room.speak.language
    title = f"{name}-{room.wanted.first}-{room.wanted.last}.{form}"
    if (name, form) == ("workbook", "xlsx"):
        found = api.list_all(room.connection, room.wanted, rates, room.catalogue, language)
        return api.download(writing.write_workbook(found, room.wanted, language), api.SHEET, title)
    if name not in FILES or form not in set(api.Form) - {api.Form.JSON}:
        raise NotFound(f"there is no file {name}.{form}; /staff/usage lists them")
    answer = FILES[name](room, rates)
    if form == api.Form.CSV:
        return api.download(writing.write_csv(answer), "text/csv; charset=utf-8", title)
    if form == api.Form.GEOJSON:
        return api.download(writing.write_geojson(answer), "application/geo+json", title)
    return api.download(writing.write_workbook([answer], room.wanted, language), api.SHEET, title)


# ── what is drawn ─────────────────────────────────────────────────────────────────────────────────────────────────────


def tell_figure(room: Room, one: Figure) -> dict[str, str]:
    """Say a key figure: what it is, how much, and how it changed."""
    language = room.speak.language
    change = ""
    if one.points is not None:
        change = room.speak(
            "usage.points", points=_signed(100 * one.points, language), before=room.tell(one.before, one.kind)
        )
    elif one.change is not None:
        change = room.speak(
            "usage.change", change=_signed(100 * one.change, language), before=room.tell(one.before, one.kind)
        )
    return {
        "name": one.name,
        "title": room.said(say(f"figure.{one.name}")),
        "value": room.tell(one.value, one.kind),
        "change": change,
    }


def split_findings(found: list[attention.Finding]) -> tuple[list[attention.Finding], list[attention.Finding]]:
    """Split what to look at into what is read first, each kind's weightiest among it, and the rest."""
    kinds: dict[str, attention.Finding] = {}
    for one in found:
        kinds.setdefault(one.kind, one)
    chosen = [one for one in found if one in kinds.values()]
    others = [one for one in found if one not in chosen]
    chosen += others[: max(0, FIRST_FINDINGS - len(chosen))]
    return [one for one in found if one in chosen], [one for one in found if one not in chosen]


def summarise(room: Room, measured: list[Figure]) -> str:
    """Say the period in sentences: how many rode, what it cost, what was not served, how the timetable was kept."""
    told = {one.name: one for one in measured}
    said = []
    for key, names in SUMMARY.items():
        if all(told[name].value is not None for name in names):
            values = {name: room.tell(told[name].value, told[name].kind) for name in names}
            said.append(room.speak(f"usage.summary.{key}", **values, **_changes(room, told[names[0]])))
    return " ".join(said)


SUMMARY = {
    "passengers": ("passengers", "passenger_km"),
    "costs": ("cost_cents", "cost_per_passenger_km"),
    "searches": ("unanswered_share", "searches"),
    "on_time": ("on_time",),
}
"""Sentences of the summary and the figures in them; the first one's change is said."""


def _changes(room: Room, one: Figure) -> dict[str, str]:
    language = room.speak.language
    if one.points is not None:
        return {"change": room.speak("usage.in_points", points=_signed(100 * one.points, language))}
    if one.change is not None:
        return {"change": room.speak("usage.in_percent", change=_signed(100 * one.change, language))}
    return {"change": room.speak("usage.unchanged")}


def _signed(value: float, language: str) -> str:
    sign = "+" if value > 0 else "\u2212" if value < 0 else "±"
    return f"{sign}{write_number(abs(value), language, 1)}"


def draw_hours(found: Answer, room: Room) -> list[Bar]:
    """Draw how many get on in each hour of a day, all lines together: the mean over the sorts of day, by their days."""
    sums: dict[int, float] = defaultdict(float)
    days: dict[str, int] = {}
    for one in found.as_dicts():
        sums[int(cast("int", one["hour"]))] += float(cast("float", one["boardings_mean"])) * int(
            cast("int", one["days"])
        )
        kind = str(one["day_type"])
        days[kind] = max(days.get(kind, 0), int(cast("int", one["days"])))
    count = sum(days.values())
    if not count:
        return []
    means = [sums[hour] / count for hour in HOURS]
    most = max([*means, 1.0])
    width, height = CHART
    step = width / len(HOURS)
    return [
        Bar(
            f"{hour}", mean, room.tell(round(mean, 1), Kind.NUMBER), round(hour * step + 2, 1),
            round(height * (1 - mean / most), 1), round(step - 4, 1), round(height * mean / most, 1),
        )
        for hour, mean in zip(HOURS, means, strict=True)
    ]  # fmt: skip


def draw_lines(found: Answer, room: Room) -> list[Bar]:
    """Draw how many ride each line on a mean day, the most used first."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0])
    for one in found.as_dicts():
        key = (str(one["line"]), str(one["line_name"]))
        sums[key][0] += float(cast("float", one["boardings_mean"])) * int(cast("int", one["days"]))
        sums[key][1] += int(cast("int", one["days"]))
    means = sorted(((name, total / days) for (_, name), (total, days) in sums.items()), key=lambda one: -one[1])
    most = max([mean for _, mean in means] or [1.0]) or 1.0
    return [
        Bar(
            name, mean, room.tell(round(mean, 1), Kind.NUMBER), 0, round(number * FLAT, 1),
            round(CHART[0] * 0.75 * mean / most, 1), FLAT - 6,
        )
        for number, (name, mean) in enumerate(means[:LINES_SHOWN])
    ]  # fmt: skip


def draw_profile(profile: Answer) -> tuple[list[Step], float | None]:
    """Draw the load of a trip along its stops, in the units of `CHART`, and the height of its seats."""
    told = profile.as_dicts()
    seats = cast("int | None", told[0]["seats"])
    loads = [(float(cast("float", one["load_mean"])), float(cast("float", one["load_p90"]))) for one in told]
    top = max([high for _, high in loads] + [float(seats or 0), 1.0]) * 1.05
    width, height = CHART
    step = width / max(len(told) - 1, 1)
    steps = [
        Step(
            str(one["stop_name"]), round(number * step, 1), round(height * mean / top, 1), round(height * p90 / top, 1)
        )
        for number, (one, (mean, p90)) in enumerate(zip(told, loads, strict=True))
    ]
    return steps, round(height * seats / top, 1) if seats else None


@dataclass(frozen=True)
class Heat:
    """Punctuality of lines by hour."""

    hours: list[int]
    rows: list[tuple[str, list[tuple[float, int, int] | None]]]
    """A line's name, and for each hour the share on time, the calls, and the colour (0: too few calls)."""


def heat_table(found: Answer) -> Heat:
    """Lay punctuality out by line and hour, the least punctual line first."""
    cells: dict[tuple[str, str], dict[int, tuple[float, int]]] = defaultdict(dict)
    for one in found.as_dicts():
        if one["on_time"] is not None:
            key = (str(one["line"]), str(one["line_name"]))
            cells[key][int(cast("int", one["hour"]))] = (
                float(cast("float", one["on_time"])),
                int(cast("int", one["calls"])),
            )
    hours = sorted({hour for row in cells.values() for hour in row})
    ranked = sorted(cells.items(), key=lambda one: (_mean(one[1].values()), one[0]))
    rows = [
        (name, [(*row[hour], _colour(*row[hour])) if hour in row else None for hour in hours])
        for (_, name), row in ranked[:LINES_SHOWN]
    ]
    return Heat(hours, rows)


def _mean(cells: Iterable[tuple[float, int]]) -> float:
    told = list(cells)
    calls = sum(count for _, count in told)
    return sum(share * count for share, count in told) / calls if calls else 1.0


def _colour(share: float, calls: int) -> int:
    if calls < FEW_CALLS:
        return 0
    return next((number for number, bound in enumerate(HEAT, start=1) if share >= bound), len(HEAT) + 1)


def cut(answer: Answer, rows: int) -> Answer:
    """Return the first rows of an answer."""
    return Answer(answer.name, answer.columns, answer.rows[:rows], answer.places[:rows], answer.notes)


def keep(answer: Answer, wish: Callable[[dict[str, Value]], bool]) -> Answer:
    """Return the rows of an answer that are wished for."""
    rows = tuple(row for row, told in zip(answer.rows, answer.as_dicts(), strict=True) if wish(told))
    return Answer(answer.name, answer.columns, rows, (), answer.notes)


def by_cost(answer: Answer) -> Answer:
    """Return lines with the dearest passenger kilometre first; those without a known cost are left out."""
    at = [column.name for column in answer.columns].index("cost_per_passenger_km")
    known = [row for row in answer.rows if row[at] is not None]
    rows = tuple(sorted(known, key=lambda row: -float(cast("float", row[at]))))
    return Answer(answer.name, answer.columns, rows, (), answer.notes)


def list_choices(connection: Connection[Any]) -> list[tuple[str, str]]:
    """List the lines that one may choose, by id with their names."""
    lines = answers.read_lines(connection).timetabled
    found = [(answers.join_id(*key), line.name) for key, line in lines.items()]
    return sorted(found, key=lambda one: (len(one[1]), one[1], one[0]))
