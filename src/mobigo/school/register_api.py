"""HTTP: the register of school transport, for its staff; nothing here is open to the public.

Lists show pupils by their key only. Names, addresses and contacts are given one pupil at a time, or in a file that was
asked for with them, to the staff of school transport, and every time is logged.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_type_hints

from fastapi import APIRouter, Depends, File, Path, Query, Request, Response, UploadFile
from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field, create_model

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.errors import Forbidden, InvalidInput
from mobigo.kit.parameters import Cursor, Day, link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.school import deciding, register
from mobigo.school import register_service as service
from mobigo.school import register_store as store
from mobigo.school.cells import CLOCK, DAYS, ENGLISH_DAYS, WEEKDAYS, write_clock
from mobigo.school.gaps import find_gaps
from mobigo.school.reading import LARGEST
from mobigo.school.register import SHEETS, Sheet
from mobigo.school.register_service import Actor, Entitled, Exported
from mobigo.school.register_store import OPEN, PUPILS

router = APIRouter(prefix="/v1/school", tags=["school transport"])

PAGE = 500
"""Rows of a page, unless fewer are asked for."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def let_staff_in(person: Annotated[Person, Depends(require(Role.SCHOOL))]) -> Person:
    """Let those through who work with pupils; who only audits reads the log, not the names."""
    if person.role is Role.AUDITOR:
        raise Forbidden(f"{person.user} is here as auditor; names of pupils need the role school", code="role_required")
    return person


Reader = Annotated[Person, Depends(require(Role.SCHOOL))]
Trusted = Annotated[Person, Depends(let_staff_in)]
YearId = Annotated[str, Path(pattern=service.YEAR, examples=["2026-2027"])]
Key = Annotated[str, Path(pattern=rf"^[{store.LETTERS}]{{{store.KEY_LETTERS}}}$", description="Of a pupil")]
Limit = Annotated[int, Query(ge=1, le=5000, description="Rows of a page")]
Name = Annotated[str, Field(max_length=60, pattern=r"^[^\x00]*$")]
SheetName = Literal[
    "schools", "bells", "sectors", "stops", "operators", "lots", "vehicles", "circuits", "runs", "calls", "rules",
    "pupils", "requests", "seats",
]  # fmt: skip


# ── years ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class YearBody(BaseModel):
    """The days of a school year; without them, September to the first days of July."""

    model_config = ConfigDict(extra="forbid")

    first: Day | None = Field(None, examples=["2026-09-01"])
    last: Day | None = Field(None, examples=["2027-07-03"])


class YearAnswer(BaseModel):
    """A school year."""

    id: str
    first: date
    last: date
    forgotten: date = Field(description="From this day on its pupils are forgotten")
    rows: dict[str, int] = Field(description="Of each list")


class YearsAnswer(BaseModel):
    """The school years, latest first."""

    years: list[YearAnswer]


@router.get("/years", responses=problems(401, 403))
def list_school_years(*, session: Database, person: Reader) -> YearsAnswer:  # noqa: ARG001 - only guards
    """List the school years."""
    connection = driver(session)
    return YearsAnswer(years=[_year(connection, one) for one in store.list_years(connection)])


@router.get("/years/{year}", responses=problems(401, 403, 404, 422))
def get_school_year(*, session: Database, person: Reader, year: YearId) -> YearAnswer:  # noqa: ARG001 - only guards
    """Read a school year, and how long its lists are."""
    connection = driver(session)
    return _year(connection, service.get_year(connection, year))


@router.put("/years/{year}", responses=problems(400, 401, 403, 422))
def write_school_year(
    *,
    session: Database,
    person: Reader,  # noqa: ARG001 - only guards
    year: YearId,
    body: YearBody,
) -> YearAnswer:
    """Begin a school year, or change its days."""
    connection = driver(session)
    return _year(connection, service.begin_year(connection, year, body.first, body.last))


def _year(connection: Connection[Any], one: store.Year) -> YearAnswer:
    rows = store.count_rows(connection, one.id)
    return YearAnswer(id=one.id, first=one.first, last=one.last, forgotten=service.find_end(one), rows=rows)


class RollOverBody(BaseModel):
    """The year whose network is taken over."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str, Field(alias="from", pattern=service.YEAR, examples=["2026-2027"])]


@router.post("/years/{year}/roll-over", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def roll_over_school_year(
    *,
    session: Database,
    person: Trusted,  # noqa: ARG001 - only guards
    year: YearId,
    body: RollOverBody,
) -> YearAnswer:
    """Begin a school year with another's schools, stops, operators, vehicles, circuits and rules; without pupils."""
    connection = driver(session)
    return _year(connection, service.roll_over(connection, body.source, year))


class GapAnswer(BaseModel):
    """Something missing or contradictory."""

    list: str
    row: str = Field(description="What identifies the row; of pupils the key")
    code: str
    what: str = Field(description="What it is, and what to change")
    what_fr: str


class GapsAnswer(BaseModel):
    """What keeps rows from being planned; all others are planned."""

    gaps: list[GapAnswer]


@router.get("/years/{year}/gaps", responses=problems(401, 403, 404, 422))
def list_school_gaps(*, session: Database, person: Reader, year: YearId) -> GapsAnswer:  # noqa: ARG001 - only guards
    """List what is missing or contradictory in a year's register, with nothing personal."""
    connection = driver(session)
    service.get_year(connection, year)
    return GapsAnswer(gaps=[GapAnswer(**asdict(one)) for one in find_gaps(connection, year)])


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _answer_type(sheet: Sheet) -> type[BaseModel]:
    """Make the model of a page of a list from its noun."""
    hints = get_type_hints(sheet.noun)
    shown = OPEN if sheet is PUPILS else tuple(sheet.columns)
    parts: dict[str, Any] = {"key": (str, ...)} if sheet is PUPILS else {}
    for one in shown:
        column, hint = sheet.columns[one], hints[one]
        if column.kind is WEEKDAYS:
            hint = list[Literal[ENGLISH_DAYS]]  # type: ignore[valid-type]
        elif column.kind is CLOCK:
            hint = str if one not in sheet.defaults else str | None
        parts[one] = (hint, ...)
    title = sheet.noun.__name__
    row = create_model(f"{title}RowAnswer", __doc__=sheet.noun.__doc__, **parts)
    return create_model(
        f"{title}RowsAnswer",
        __doc__=f"A page of the list {sheet.name}.",
        rows=(list[row], ...),
        next_cursor=(str | None, ...),
    )


def _as_json(sheet: Sheet, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as it is answered: days of the week by name, times as people write them."""
    found = dict(row)
    for one, column in sheet.columns.items():
        value = found.get(one)
        if value is not None and column.kind is WEEKDAYS:
            found[one] = [ENGLISH_DAYS[day - 1] for day in value]
        elif value is not None and column.kind is CLOCK:
            found[one] = write_clock(value)
    return found


def _lister(sheet: Sheet) -> Callable[..., dict[str, Any]]:
    def list_rows(
        *,
        request: Request,
        response: Response,
        session: Database,
        person: Reader,  # noqa: ARG001 - only guards
        year: YearId,
        cursor: Cursor = None,
        limit: Limit = PAGE,
    ) -> dict[str, Any]:
        connection = driver(session)
        service.get_year(connection, year)
        after = None if cursor is None else _read_cursor(sheet, cursor)
        rows = store.list_rows(connection, year, sheet, doors=False, after=after, limit=limit + 1)
        follow = _write_cursor(sheet, rows[limit - 1]) if len(rows) > limit else None
        link_next(request, response, follow)
        return {"rows": [_as_json(sheet, row) for row in rows[:limit]], "next_cursor": follow}

    list_rows.__doc__ = f"List {sheet.name} of a school year" + (
        ", by key: nothing personal is in it." if sheet is PUPILS else "."
    )
    return list_rows


for _sheet in SHEETS.values():
    router.add_api_route(
        f"/years/{{year}}/{_sheet.name}",
        _lister(_sheet),
        methods=["GET"],
        name=f"list_school_{_sheet.name}",
        response_model=_answer_type(_sheet),
        responses=problems(400, 401, 403, 404, 422),
    )


class RowsBody(BaseModel):
    """Rows of a list, by the names of their fields; all with the same fields."""

    model_config = ConfigDict(extra="forbid")

    rows: Annotated[
        list[dict[str, str | bool | int | float | list[str] | None]], Field(min_length=1, max_length=5_000)
    ] = Field(examples=[[{"id": "A1", "name": "Mairie", "lat": 47.48, "lon": 4.3, "bearing": 90}]])


class RowsAnswer(BaseModel):
    """What was changed."""

    counts: dict[str, dict[str, int]] = Field(description="By list: rows added, changed, removed")
    notes: list[str]
    notes_fr: list[str]


ListName = Annotated[SheetName, Path(description="Of a list of the register")]


@router.put("/years/{year}/lists/{name}", responses=problems(401, 403, 404, 422))
def write_school_rows(
    *, session: Database, now: Now, person: Trusted, year: YearId, name: ListName, body: RowsBody
) -> RowsAnswer:
    """Write rows of a list, new or known, all or none; of known rows only the given fields change."""
    actor = Actor(person.user, person.role, now)
    report = service.write_rows(driver(session), year, name, body.rows, actor)
    return RowsAnswer(counts=report.counts, notes=report.notes, notes_fr=report.notes_fr)


@router.post("/years/{year}/lists/{name}/remove", responses=problems(401, 403, 404, 422))
def remove_school_rows(
    *, session: Database, now: Now, person: Trusted, year: YearId, name: ListName, body: RowsBody
) -> RowsAnswer:
    """Remove rows by the fields that identify them, all or none; rows that others name stay."""
    actor = Actor(person.user, person.role, now)
    report = service.remove_rows(driver(session), year, name, body.rows, actor)
    return RowsAnswer(counts=report.counts, notes=report.notes, notes_fr=report.notes_fr)


def _key_of(sheet: Sheet) -> tuple[str, ...]:
    return ("key",) if sheet is PUPILS else sheet.key


def _write_cursor(sheet: Sheet, row: Mapping[str, Any]) -> str:
    text = json.dumps([row[one] for one in _key_of(sheet)], default=date.isoformat)
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(sheet: Sheet, cursor: str) -> list[Any]:
    """Read what identifies the last row of the page before.

    Raises
    ------
    InvalidInput
        When it is none that `_write_cursor` wrote.
    """
    hints = {"key": str} | get_type_hints(sheet.noun)
    try:
        found = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [_read_part(hints[one], value) for one, value in zip(_key_of(sheet), found, strict=True)]
    except (ValueError, TypeError, RecursionError):
        raise InvalidInput(
            "the cursor is none of this list; take `next_cursor` of its page", code="invalid_cursor"
        ) from None


def _read_part(hint: type, value: object) -> object:
    if hint is date and isinstance(value, str):
        return date.fromisoformat(value)
    if hint is int and type(value) is int and abs(value) < 2**31:
        return value
    if hint is str and isinstance(value, str) and "\0" not in value:
        return value
    if isinstance(value, list) and all(type(one) is int and 0 < one <= len(DAYS) for one in value):
        return tuple(value)
    raise ValueError


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class ImportAnswer(BaseModel):
    """What a file changed."""

    counts: dict[str, dict[str, int]] = Field(description="By list: rows added, changed, removed")
    notes: list[str] = Field(description="What of the file was passed over")
    notes_fr: list[str]


class ImportRow(BaseModel):
    """A file that was taken over."""

    id: int
    at: datetime
    by: str
    file: str
    counts: dict[str, dict[str, int]]


class ImportsAnswer(BaseModel):
    """Files that were taken over, latest first."""

    imports: list[ImportRow]


@router.post("/years/{year}/import", responses=problems(400, 401, 403, 422))
def import_school_lists(
    *,
    session: Database,
    now: Now,
    person: Trusted,
    year: YearId,
    file: Annotated[UploadFile, File(description="XLSX, or CSV with any usual separator and encoding")],
    only: Annotated[
        SheetName | None, Query(alias="list", description="What a CSV file holds, where it is not clear")
    ] = None,
    replace: Annotated[bool, Query(description="Each list of the file is whole: other rows are removed")] = False,
) -> ImportAnswer:
    """Take lists over, all of a file or nothing; ``faults`` of a refusal name sheet, row, column and remedy."""
    content = file.file.read(LARGEST + 1)
    name = (file.filename or "file").rpartition("/")[2].replace("\0", "")[-200:] or "file"
    actor = Actor(person.user, person.role, now)
    report = service.import_file(driver(session), year, content, name, actor, only=only, replace=replace)
    return ImportAnswer(counts=report.counts, notes=report.notes, notes_fr=report.notes_fr)


@router.get("/years/{year}/imports", responses=problems(401, 403, 404, 422))
def list_school_imports(
    *,
    session: Database,
    person: Reader,  # noqa: ARG001 - only guards
    year: YearId,
    limit: Limit = PAGE,
) -> ImportsAnswer:
    """List the files that were taken over, with who did it and what changed."""
    connection = driver(session)
    service.get_year(connection, year)
    return ImportsAnswer(imports=[ImportRow(**asdict(one)) for one in store.list_imports(connection, year, limit)])


@router.get(
    "/years/{year}/export.xlsx",
    response_class=Response,
    responses={200: {"content": {XLSX: {}}, "description": "A workbook"}, **problems(401, 403, 404, 422)},
)
def export_school_workbook(
    *,
    session: Database,
    now: Now,
    person: Reader,
    year: YearId,
    only: Annotated[list[SheetName] | None, Query(alias="list", description="Only these lists")] = None,
    people: Annotated[bool, Query(description="With names, addresses and contacts; this is logged")] = False,
) -> Response:
    """Give lists as a workbook that can be imported again."""
    actor = _ask_for(people, person, now)
    return _file(service.export_workbook(driver(session), year, actor, only=only or (), people=people))


@router.get(
    "/years/{year}/export.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "A text file"}, **problems(401, 403, 404, 422)},
)
def export_school_list(
    *,
    session: Database,
    now: Now,
    person: Reader,
    year: YearId,
    only: Annotated[SheetName, Query(alias="list", description="Which list")],
    people: Annotated[bool, Query(description="With names, addresses and contacts; this is logged")] = False,
) -> Response:
    """Give a list as CSV that can be imported again."""
    actor = _ask_for(people, person, now)
    return _file(service.export_text(driver(session), year, only, actor, people=people))


def _ask_for(people: bool, person: Person, now: datetime) -> Actor:  # noqa: FBT001 - as it was asked
    if people:
        let_staff_in(person)
    return Actor(person.user, person.role, now)


def _file(one: Exported) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{one.name}"', "Cache-Control": "no-store"}
    return Response(one.content, media_type=one.media_type, headers=headers)


# ── entitlement ───────────────────────────────────────────────────────────────────────────────────────────────────────


class ReasonAnswer(BaseModel):
    """Why, in words."""

    fr: str
    en: str


class EntitledAnswer(BaseModel):
    """Whether a pupil is entitled to transport from a home."""

    pupil: str = Field(description="Key")
    home: int = Field(description="1, or 2 for the other parent's")
    entitled: bool | None = Field(description="Null: something is missing to tell; the reason says what")
    code: str
    rule: str | None = Field(description="The one that counts")
    metres: int | None = Field(description="Shortest way by road from home to school")
    reason: ReasonAnswer


class EntitledsAnswer(BaseModel):
    """Who is entitled, by pupil."""

    pupils: list[EntitledAnswer]


@router.get("/years/{year}/eligibility", responses=problems(401, 403, 404, 422))
def list_school_eligibility(
    *,
    request: Request,
    session: Database,
    person: Reader,  # noqa: ARG001 - only guards
    year: YearId,
    day: Annotated[Day | None, Query(description="The rules of this day; the first of the year, if not said")] = None,
    school: Annotated[Name | None, Query(description="Only pupils of this school")] = None,
    pupil: Annotated[Name | None, Query(description="Only this pupil, by key")] = None,
) -> EntitledsAnswer:
    """Tell who is entitled to transport, from which home, and why; by the rules of a day and the shortest road."""
    connection = driver(session)
    service.get_year(connection, year)
    lengths = request.app.state.school_bench.roads.find(connection).lengths()
    found = service.judge_pupils(connection, year, lengths, day=day, school=school, pupil=pupil)
    return EntitledsAnswer(pupils=[_entitled(one) for one in found])


def _entitled(one: Entitled) -> EntitledAnswer:
    told = one.standing
    return EntitledAnswer(
        pupil=one.pupil,
        home=one.home,
        entitled=told.entitled,
        code=told.code,
        rule=told.rule,
        metres=told.metres,
        reason=ReasonAnswer(fr=told.french, en=told.english),
    )


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────────────

RequestKind = Literal["new", "change", "stop", "cancel"]


class RequestBody(BaseModel):
    """What a family asks for."""

    model_config = ConfigDict(extra="forbid")

    pupil: Name = Field(description="Key")
    kind: RequestKind
    received: Day | None = Field(None, description="Today, if not said")
    school: Name | None = Field(None, description="Of a change: to which school")
    stop: Name | None = Field(None, description="Of another stop: which")


class DecisionBody(BaseModel):
    """What becomes of a request."""

    model_config = ConfigDict(extra="forbid")

    pupil: Name = Field(description="Key")
    kind: RequestKind
    received: Day
    grant: bool


class RequestAnswer(BaseModel):
    """A request as it is now."""

    pupil: str
    received: date
    kind: RequestKind
    school: str | None
    stop: str | None
    state: Literal["open", "granted", "refused"]
    decided: date | None


class DecisionAnswer(BaseModel):
    """A request with what its decision did."""

    request: RequestAnswer
    effects: list[str]
    effects_fr: list[str]


@router.post("/years/{year}/requests", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def take_down_school_request(
    *, session: Database, now: Now, person: Trusted, year: YearId, body: RequestBody
) -> RequestAnswer:
    """Take a family's request down."""
    asked = register.Request(body.pupil, body.received or now.date(), body.kind, body.school, body.stop)
    found = deciding.take_down(driver(session), year, asked, Actor(person.user, person.role, now))
    return RequestAnswer(**asdict(found))


@router.post("/years/{year}/requests/decide", responses=problems(400, 401, 403, 404, 409, 422))
def decide_school_request(
    *, session: Database, now: Now, person: Trusted, year: YearId, body: DecisionBody
) -> DecisionAnswer:
    """Grant or refuse a family's request; granted, it takes effect at once, and ``effects`` say how."""
    key = (body.pupil, body.received, body.kind)
    found = deciding.decide(driver(session), year, key, Actor(person.user, person.role, now), grant=body.grant)
    return DecisionAnswer(
        request=RequestAnswer(**asdict(found.request)),
        effects=[one.en for one in found.effects],
        effects_fr=[one.fr for one in found.effects],
    )


# ── pupils ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class HomeAnswer(BaseModel):
    """One of a pupil's homes."""

    address: str | None
    postcode: str | None
    city: str | None
    commune: str | None
    lat: float | None
    lon: float | None
    weekdays: list[Literal[ENGLISH_DAYS]] | None  # type: ignore[valid-type]
    weeks: Literal["all", "even", "odd"] | None


class AccessRow(BaseModel):
    """Somebody saw or took away personal data."""

    id: int
    at: datetime
    by: str
    role: str
    what: str
    year: str | None
    pupil: str | None = Field(description="Key; null: many")
    rows: int


class PlacedAnswer(BaseModel):
    """A halt of a pupil in a plan."""

    scenario: str = Field(description="Its name")
    plan: int
    session: str
    run: str
    home: int
    stop: str
    at: str = Field(examples=["07:32"])


class ToldAnswer(BaseModel):
    """A message about a pupil."""

    at: datetime
    channel: str
    recipient: str | None
    subject: str | None
    body: str | None
    state: str


class PupilAnswer(BaseModel):
    """Everything that is kept about a pupil."""

    key: str
    number: str
    last_name: str | None
    first_name: str | None
    born: date | None
    school: str
    level: str
    grade: str | None
    boarding: str
    needs: list[str]
    homes: list[HomeAnswer] = Field(description="One, or two where the parents share custody")
    contact: str | None
    phone: str | None
    email: str | None
    second_contact: str | None = Field(description="Of the other home, who is told of it alone")
    second_phone: str | None
    second_email: str | None
    messages: bool = Field(description="Whether the family wants to be written to when stops or times change")
    requests: list[dict[str, Any]]
    seats: list[dict[str, Any]]
    plans: list[PlacedAnswer] = Field(description="Where scenarios put the pupil")
    told: list[ToldAnswer] = Field(description="What was written to the family; forgotten after 30 days")
    accesses: list[AccessRow] = Field(description="Who looked at the pupil alone, or decided something about them")


class AccessesAnswer(BaseModel):
    """Who saw or took away personal data, latest first."""

    accesses: list[AccessRow]
    next_before: int | None


@router.get("/years/{year}/pupils/{key}", responses=problems(401, 403, 404, 422))
def get_school_pupil(*, session: Database, now: Now, person: Trusted, year: YearId, key: Key) -> PupilAnswer:
    """Read everything that is kept about a pupil, also to hand it to the family; this is logged."""
    found = service.show_pupil(driver(session), year, key, Actor(person.user, person.role, now))
    shown = _as_json(PUPILS, found)
    homes = [HomeAnswer(**{one: shown[one] for one in HomeAnswer.model_fields})]
    if any(found[f"second_{one}"] is not None for one in HomeAnswer.model_fields):
        homes.append(HomeAnswer(**{one: shown[f"second_{one}"] for one in HomeAnswer.model_fields}))
    about = {one: [_as_json(SHEETS[one], row) for row in found[one]] for one in ("requests", "seats")}
    rest = {one: shown[one] for one in PupilAnswer.model_fields if one in PUPILS.columns or one == "key"}
    placed = [PlacedAnswer(**one._asdict()) for one in found["plans"]]
    told = [ToldAnswer(at=one.created_at, **{name: getattr(one, name) for name in TOLD}) for one in found["told"]]
    accesses = [AccessRow(**asdict(one)) for one in found["accesses"]]
    return PupilAnswer(**rest, homes=homes, **about, plans=placed, told=told, accesses=accesses)


TOLD = ("channel", "recipient", "subject", "body", "state")
"""Of a message, what its family knows."""


@router.delete("/years/{year}/pupils/{key}", status_code=204, responses=problems(401, 403, 404, 422))
def erase_school_pupil(*, session: Database, now: Now, person: Trusted, year: YearId, key: Key) -> Response:
    """Erase a pupil with all that is about this pupil; this is logged, without a name."""
    service.erase_pupil(driver(session), year, key, Actor(person.user, person.role, now))
    return Response(status_code=204)


@router.get("/accesses", responses=problems(401, 403, 422))
def list_school_accesses(
    *,
    session: Database,
    person: Reader,  # noqa: ARG001 - only guards
    before: Annotated[int | None, Query(ge=1, le=2**53, description="`next_before` of the page before")] = None,
    limit: Limit = PAGE,
) -> AccessesAnswer:
    """List who saw or took away personal data."""
    rows = store.list_accesses(driver(session), before, limit)
    return AccessesAnswer(
        accesses=[AccessRow(**asdict(one)) for one in rows], next_before=rows[-1].id if len(rows) == limit else None
    )
