"""Fares on pages: what is sold, for everybody; versions of the catalogue with what they change, for the staff."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from psycopg import Connection

from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.fares import service, store
from mobigo.fares.catalogue import Catalogue, Product, ProductKind, RiderCategory, ValidityMode
from mobigo.fares.preview import count_samples, preview
from mobigo.fares.pricebook import PriceBook, open_book
from mobigo.fares.samples import list_samples
from mobigo.fares.store import REGION, State
from mobigo.fares.table_read import read_amount
from mobigo.fares.tables import is_sold, write_amount
from mobigo.kit.errors import InvalidInput, MobigoError
from mobigo.kit.requests import Now
from mobigo.web import words
from mobigo.web.forms import Form
from mobigo.web.html import READ, page
from mobigo.web.signin import admit
from mobigo.web.words import Words

router = APIRouter(include_in_schema=False)

HOME = "/staff/fares"

Reader = Annotated[Person, Depends(admit(Role.FINANCE, Role.DESK, Role.PUBLISHER))]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]

SHOWN = (5_000, 10_000, 20_000, 50_000, 100_000)
"""Metres that a price by distance is shown for."""
JOURNEYS_SHOWN = 25

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF", "CAD": "$"}


def money_in(speak: Words, currency: str) -> Callable[[int], str]:
    """Return how a language writes an amount of a currency."""
    sign = SIGNS.get(currency, currency)

    def write(cents: int) -> str:
        text = write_amount(abs(cents), currency)
        minus = "\u2212" if cents < 0 else ""
        if speak.language == "en":
            return f"{minus}{sign}{text}"
        return f"{minus}{text.replace('.', ',')}\u00a0{sign}"

    return write


# ── for everybody ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Offered:
    """A product as a traveller reads it."""

    product: Product
    price: int | None
    """Cents; None: by distance."""
    scale: tuple[tuple[int, int], ...]
    """Metres and cents."""
    holds: str
    """For how long, in words."""
    conditions: tuple[str, ...]


@router.api_route("/fares", methods=READ)
def show_fares(
    *,
    request: Request,
    session: Database,
    now: Now,
    category: Annotated[str, Query(max_length=200)] = "",
    series: Annotated[str, Query(max_length=60)] = REGION,
) -> Response:
    """Show what is sold today, for one category of travellers, and where."""
    speak = words.choose(request)
    today = _today(now)
    catalogue = service.find_catalogue(session, today, series)
    if catalogue is None:
        return page(request, "fares.html", speak, status=404, catalogue=None)
    book = open_book(catalogue)
    known = {one.id: one for one in catalogue.categories}
    whom = category if category in known else book.default
    kinds: dict[ProductKind, list[Offered]] = {}
    for one in _list_offered(book, whom, today, speak):
        kinds.setdefault(one.product.kind, []).append(one)
    return page(
        request,
        "fares.html",
        speak,
        catalogue=catalogue,
        category=known.get(whom),
        kinds=kinds,
        money=money_in(speak, catalogue.currency),
        proof=_say_proof(known[whom], speak) if whom in known else "",
        names={one.id: one.name.of(speak.language) for one in catalogue.products},
        reductions=[one for one in catalogue.reductions if not one.categories or whom in one.categories],
    )


def _list_offered(book: PriceBook, category: str, day: date, speak: Words) -> Iterator[Offered]:
    catalogue = book.catalogue
    rules = {one.id: one for one in catalogue.after_sales}
    for product in catalogue.products:
        if product.kind is ProductKind.TRANSFER or not is_sold(product, day):
            continue
        media = [medium for medium in book.media(category) if book.cents(product, category, medium, day, 0) is not None]
        cents = min((book.cents(product, category, medium, day, 0) or 0 for medium in media), default=None)
        if cents is None:
            continue
        texts = (product.conditions, rules[product.after_sales].text if product.after_sales else None)
        scale = tuple(
            (metres, min(book.cents(product, category, medium, day, metres) or 0 for medium in media))
            for metres in (SHOWN if book.is_by_distance(product) else ())
        )
        plain = len({cents for _, cents in scale}) <= 1
        yield Offered(
            product=product,
            price=cents if plain else None,
            scale=() if plain else scale,
            holds=_say_validity(product, speak),
            conditions=tuple(one.of(speak.language) for one in texts if one is not None),
        )


def _say_validity(product: Product, speak: Words) -> str:
    """Say for how long a product holds, and for how many."""
    validity = product.validity
    said = []
    if product.rides is not None:
        said.append(speak.count("fares.rides", product.rides))
    if validity.first is not None and validity.last is not None:
        said.append(speak("fares.season", first=speak.day(validity.first), last=speak.day(validity.last)))
    elif validity.mode is not ValidityMode.TRIP:
        span = speak.count(f"fares.unit.{validity.unit.value}", validity.count)
        said.append(speak(f"fares.holds.{validity.mode.value}", span=span))
    if product.max_fellows > 1:
        said.append(speak("fares.fellows", least=product.min_fellows, most=product.max_fellows))
    return ", ".join(said)


def _say_proof(category: RiderCategory, speak: Words) -> str:
    if category.proof_text is not None:
        return category.proof_text.of(speak.language)
    return speak(f"fares.proof.{category.proof.value}")


# ── for the staff ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Office:
    """Somebody of the staff who looks at fares or changes them.

    Parameters
    ----------
    request : Request
    person : Person
        Who has signed in.
    session : Session
    now : datetime
    """

    def __init__(self, *, request: Request, person: Reader, session: Database, now: Now) -> None:
        self.request, self.person, self.session, self.now = request, person, session, now
        self.speak = words.choose(request)

    @property
    def connection(self) -> Connection[Any]:
        """The connection of the session."""
        return driver(self.session)

    @property
    def writes(self) -> bool:
        """Whether they may change anything."""
        return self.person.role in {Role.FINANCE, Role.ADMIN}

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401  templates take anything
        """Write a page that nobody keeps."""
        answer = page(
            self.request, template, self.speak, status=status, person=self.person, writes=self.writes, **values
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer


AtOffice = Annotated[Office, Depends(Office)]
MayWrite = Depends(admit(Role.FINANCE))
"""Only they post."""


@router.api_route(HOME, methods=READ)
def list_versions(at: AtOffice) -> Response:
    """Show all versions of all catalogues."""
    return _list(at)


@router.post(HOME, dependencies=[MayWrite])
def copy_version(at: AtOffice, form: Form) -> Response:
    """Make a draft of a version, from another day on."""
    try:
        made = service.copy(
            at.connection,
            form.count("copy", 9_999),
            valid_from=_read_day(form.get("valid_from")),
            by=at.person.user,
            now=at.now,
        )
    except MobigoError as error:
        at.session.rollback()
        return _list(at, problem=str(error))
    return RedirectResponse(f"{HOME}/{made.number}", 303)


@router.api_route(f"{HOME}/{{version}}", methods=READ)
def show_version(at: AtOffice, version: Number) -> Response:
    """Show a version: its prices, to be changed while it is a draft, and what it changes for whom."""
    return _show(at, version)


@router.post(f"{HOME}/{{version}}/prices", dependencies=[MayWrite])
def change_prices(at: AtOffice, version: Number, form: Form) -> Response:
    """Change the prices of one product of a draft, or its first day."""

    def work() -> None:
        document = store.read_content(at.connection, version)
        if form.get("valid_from"):
            document["valid_from"] = str(_read_day(form.get("valid_from")))
        currency = str(document.get("currency", Catalogue.currency))
        for product in document.get("products", []):
            if product["id"] == form.get("product"):
                for number, row in enumerate(product["prices"]):
                    if f"price.{number}" in form and "cents" in row:
                        row["cents"] = _read_amount(form.get(f"price.{number}"), currency)
        service.change(
            at.connection, version, document, seen=form.count("revision", 9_999), by=at.person.user, now=at.now
        )

    return _do(at, version, work)


@router.post(f"{HOME}/{{version}}/{{step}}", dependencies=[MayWrite])
def decide(at: AtOffice, version: Number, step: Literal["publish", "take-back", "delete"], form: Form) -> Response:
    """Publish a draft, make a draft again of what was published, or delete a draft."""
    by, now = at.person.user, at.now

    def work() -> None:
        if step == "publish":
            seen = form.count("revision", 9_999)
            service.publish(at.connection, version, seen=seen, by=by, now=now, today=_today(now))
        elif step == "take-back":
            service.take_back(at.connection, version, by=by, now=now)
        else:
            service.delete(at.connection, version, by=by, now=now)

    return _do(at, version, work, back=HOME if step == "delete" else "")


def _do(at: Office, version: int, work: Callable[[], None], back: str = "") -> Response:
    try:
        work()
    except MobigoError as error:
        at.session.rollback()
        return _show(at, version, problem=str(error))
    return RedirectResponse(back or f"{HOME}/{version}", 303)


def _list(at: Office, problem: str = "") -> Response:
    today = _today(at.now)
    return at.page(
        "staff_fares.html",
        status=409 if problem else 200,
        versions=store.list_versions(at.connection),
        in_force={one.number for one in store.list_series(at.connection, today)},
        today=today,
        problem=problem,
    )


def _show(at: Office, number: int, problem: str = "") -> Response:
    version = service.get_version(at.connection, number)
    catalogue = service.get_catalogue(at.session, number)
    before = service.find_before(at.connection, catalogue)
    found = preview(before, catalogue, list_samples(at.connection, catalogue.valid_from, count_samples(catalogue)))
    return at.page(
        "staff_fare_version.html",
        status=409 if problem else 200,
        version=version,
        draft=version.state is State.DRAFT,
        catalogue=catalogue,
        before=before,
        found=found,
        journeys=found.journeys[:JOURNEYS_SHOWN],
        more=max(0, len(found.journeys) - JOURNEYS_SHOWN),
        categories={one.id: one.name.of(at.speak.language) for one in catalogue.categories},
        products=_name_products(before, at.speak) | _name_products(catalogue, at.speak),
        deeds=store.list_history(at.connection, number),
        money=money_in(at.speak, catalogue.currency),
        plain=lambda cents: write_amount(cents, catalogue.currency),
        problem=problem,
    )


def _name_products(catalogue: Catalogue | None, speak: Words) -> dict[str, str]:
    return {} if catalogue is None else {one.id: one.name.of(speak.language) for one in catalogue.products}


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidInput(f"{text!r} is not a day; write it like 2027-01-04") from None


def _read_amount(text: str, currency: str) -> int:
    cents = read_amount(text, currency)
    if cents is None:
        raise InvalidInput(f"{text!r} is no amount in {currency}; write it like 1.50")
    return cents


def _today(now: datetime) -> date:
    return now.astimezone(ZoneInfo(Catalogue.timezone)).date()
