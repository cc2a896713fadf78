"""What requests about orders hold, and how orders are answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from mobigo.fares.catalogue import Catalogue
from mobigo.fares.explain import name_of, say
from mobigo.fares.pricebook import open_book
from mobigo.fares.shelf import Shelf
from mobigo.payments.model import Payment, Refund
from mobigo.ticketing.making import Made
from mobigo.ticketing.model import Offer, Order, OrderState, Step
from mobigo.ticketing.osdm import OFFER_PART, STATUS
from mobigo.tickets.model import Ticket

LINE = r"^[^\x00-\x1f\x7f-\x9f]*$"


class TravellerBody(BaseModel):
    """Somebody who travels."""

    model_config = ConfigDict(extra="forbid")

    category: Annotated[
        str | None, Field(max_length=100, description="Of the catalogue; the usual one, if not said")
    ] = None
    held: Annotated[
        list[Annotated[str, Field(max_length=60)]],
        Field(max_length=10, description="Keys of tickets they have: passes, cards, carnets"),
    ] = []


class ProductBody(BaseModel):
    """A product by itself: a pass, a carnet, a card."""

    model_config = ConfigDict(extra="forbid")

    product: Annotated[str, Field(min_length=1, max_length=200)]
    category: Annotated[str | None, Field(max_length=100)] = None
    start: Annotated[
        datetime | None, Field(description="When it is to begin; now, if not said. Its period holds that instant")
    ] = None
    areas: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=20)] = []
    medium: Annotated[str | None, Field(max_length=100)] = None
    number: Annotated[int, Field(ge=1, le=20)] = 1


class OffersBody(BaseModel):
    """What somebody wants to buy: a journey, or products by themselves."""

    model_config = ConfigDict(extra="forbid")

    journey: Annotated[
        str | None, Field(min_length=1, max_length=20_000, description="`id` of a journey that was answered")
    ] = None
    quotes: Annotated[
        list[Annotated[str, Field(max_length=4_096)]],
        Field(max_length=8, description="Of its rides that are booked: `booking.quote` of their legs"),
    ] = []
    travellers: Annotated[list[TravellerBody], Field(max_length=50)] = []
    media: Annotated[
        list[Annotated[str, Field(max_length=100)]],
        Field(max_length=20, description="What tickets may be on; anything, if not said"),
    ] = []
    products: Annotated[list[ProductBody], Field(max_length=20)] = []


class Name(BaseModel):
    """A name in both languages."""

    fr: str
    en: str


class WhyAnswer(BaseModel):
    """Why something costs what it does."""

    code: str
    text: Name


class OfferPartAnswer(BaseModel):
    """Something that is bought."""

    type: Literal["ADMISSION", "RESERVATION"] = Field(description="OSDM's word for it")
    product: str
    name: Name
    category: str
    travellers: int
    cents: int
    vat_permille: int
    valid_from: datetime | None = Field(description="null: from first use")
    valid_until: datetime | None
    rides: list[int] = Field(description="Which of the offer's rides it pays for, from 0; none of a pass")


class RideAnswer(BaseModel):
    """A ride that is paid for."""

    kind: str
    route: str
    board: str | None
    alight: str | None
    departure: datetime
    arrival: datetime
    booked: bool


class OfferAnswer(BaseModel):
    """What can be bought, for a while."""

    offer: str = Field(description="Signed: what orders are made of")
    expires_at: datetime
    currency: str
    cents: int
    demonstration: bool = Field(description="The prices are examples")
    parts: list[OfferPartAnswer]
    rides: list[RideAnswer]
    why: list[WhyAnswer]
    unpriced_rides: list[int] = Field(description="Rides that nothing on sale covers: they are paid elsewhere")


class OffersAnswer(BaseModel):
    """What can be bought."""

    offers: list[OfferAnswer]


class ContactBody(BaseModel):
    """Who buys, as far as they want to say."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=100, pattern=LINE)] = ""
    phone: Annotated[str | None, Field(max_length=50)] = None
    email: Annotated[str | None, Field(max_length=300)] = None
    language: Literal["fr", "en"] = "fr"


class OrderBody(BaseModel):
    """An order."""

    model_config = ConfigDict(extra="forbid")

    offers: Annotated[list[Annotated[str, Field(min_length=1, max_length=40_000)]], Field(min_length=1, max_length=10)]
    contact: Annotated[
        ContactBody | None,
        Field(description="Not needed, but where a vehicle comes for you or something is bound to your name"),
    ] = None


class PayBody(BaseModel):
    """How an order is paid."""

    model_config = ConfigDict(extra="forbid")

    method: Annotated[
        str | None,
        Field(
            pattern=r"^[!-~]{1,200}$",
            description="The provider's word for a card (`pm_…`); without it the answer's `action` lets the provider's"
            " page ask for one. The embedded provider knows `pm_card_visa` and others, see the README",
        ),
    ] = None
    cash: Annotated[StrictBool, Field(description="Desk: it was paid there")] = False


class TrialBody(BaseModel):
    """What a payer does on the page of the embedded provider."""

    model_config = ConfigDict(extra="forbid")

    method: Annotated[str | None, Field(pattern=r"^[!-~]{1,200}$")] = None


class PartAnswer(BaseModel):
    """A part of an order."""

    id: str
    type: Literal["ADMISSION", "RESERVATION"] = Field(description="OSDM's word for it")
    status: str = Field(
        description="OSDM's BookingPartStatus", examples=["ON_HOLD", "CONFIRMED", "FULFILLED", "REFUNDED"]
    )
    product: str
    name: Name
    category: str
    travellers: int
    cents: int
    vat_cents: int
    valid_from: datetime | None
    valid_until: datetime | None
    rides: list[int]
    ticket: str | None = Field(description="Key of its ticket: GET /v1/tickets/{key}")
    refunded_cents: int


class PaymentAnswer(BaseModel):
    """A payment of an order."""

    id: str
    state: str = Field(examples=["intended", "open", "succeeded", "declined", "cancelled"])
    cents: int
    provider: str
    action: str | None = Field(description="What the payer's page needs to go on, while it is open")
    problem: str | None
    refunded_cents: int


class OrderAnswer(BaseModel):
    """An order."""

    id: str = Field(description="Its key: who has it may see and change the order")
    reference: str = Field(description="Six signs to read aloud")
    state: OrderState
    currency: str
    cents: int
    credit_cents: int = Field(description="Brought along from what it was exchanged for")
    due_cents: int = Field(description="Still to be paid")
    expires_at: datetime | None = Field(description="Not paid by then, its places are free again; null: it is decided")
    channel: str
    created_at: datetime
    parts: list[PartAnswer]
    rides: list[RideAnswer]
    payments: list[PaymentAnswer]
    problem: str | None
    exchanges: str | None = Field(description="Order that it was exchanged for")


class OrdersAnswer(BaseModel):
    """Orders, those made last first."""

    orders: list[OrderAnswer]
    next_cursor: str | None


class StepAnswer(BaseModel):
    """Something that happened to an order."""

    at: datetime
    part: str | None
    what: str
    before: str | None
    after: str | None
    by: str
    details: dict[str, Any]


class HistoryAnswer(BaseModel):
    """What happened to an order, oldest first."""

    history: list[StepAnswer]


def name_both(catalogue: Catalogue | None, product: str) -> Name:
    """Return what a product is called, in both languages."""
    if catalogue is None:
        return Name(fr=product, en=product)
    book = open_book(catalogue)
    return Name(fr=name_of(book, product, "fr"), en=name_of(book, product, "en"))


def write_offer(made: Made, token: str, shelf: Shelf) -> OfferAnswer:
    """Write an offer."""
    offer = made.offer
    return OfferAnswer(
        offer=token,
        expires_at=offer.until,
        currency=offer.currency,
        cents=offer.cents,
        demonstration=any(shelf.book_of(part.version).catalogue.demonstration for part in offer.parts),
        parts=[
            OfferPartAnswer(
                type=OFFER_PART[part.kind],
                product=part.product,
                name=name_both(shelf.book_of(part.version).catalogue, part.product),
                category=part.category,
                travellers=part.fellows,
                cents=part.cents,
                vat_permille=part.vat_permille,
                valid_from=part.valid_from,
                valid_until=part.valid_until,
                rides=list(part.rides),
            )
            for part in offer.parts
        ],
        rides=_write_offered(offer),
        why=_write_why(made, shelf),
        unpriced_rides=[] if made.price is None else list(made.price.unknown),
    )


def _write_offered(offer: Offer) -> list[RideAnswer]:
    return [
        RideAnswer(
            kind=one.ride.kind,
            route=one.ride.route,
            board=one.ride.board,
            alight=one.ride.alight,
            departure=one.ride.departure,
            arrival=one.ride.arrival,
            booked=one.quote is not None,
        )
        for one in offer.rides
    ]


def _write_why(made: Made, shelf: Shelf) -> list[WhyAnswer]:
    if made.price is None:
        return []
    found = []
    for item in made.price.items:
        book = shelf.book_of(item.version)
        for reason in item.why:
            text = Name(fr=say(book, item, reason, "fr"), en=say(book, item, reason, "en"))
            found.append(WhyAnswer(code=reason.code, text=text))
    return found


def write_order(
    order: Order,
    catalogues: dict[int, Catalogue],
    issued: Sequence[Ticket],
    payments: Sequence[Payment],
    refunds: Sequence[Refund],
) -> OrderAnswer:
    """Write an order with its tickets' keys and its payments."""
    keys = {one.id: one.key for one in issued}
    back: dict[str, int] = {}
    for one in refunds:
        if one.state != "failed":
            back[one.payment] = back.get(one.payment, 0) + one.cents
    open_ = order.state in {OrderState.HELD, OrderState.PAYING}
    return OrderAnswer(
        id=order.id,
        reference=order.reference,
        state=order.state,
        currency=order.currency,
        cents=order.cents,
        credit_cents=order.credit,
        due_cents=order.due if open_ else 0,
        expires_at=order.until if open_ else None,
        channel=order.channel,
        created_at=order.created_at,
        parts=[
            PartAnswer(
                id=part.id,
                type=OFFER_PART[part.kind],
                status=STATUS[part.state],
                product=part.product,
                name=name_both(catalogues.get(part.version), part.product),
                category=part.category,
                travellers=part.fellows,
                cents=part.cents,
                vat_cents=part.vat,
                valid_from=part.valid_from,
                valid_until=part.valid_until,
                rides=list(part.rides),
                ticket=None if part.ticket is None else keys.get(part.ticket),
                refunded_cents=part.given_back,
            )
            for part in order.parts
        ],
        rides=[
            RideAnswer(
                kind=ride.kind,
                route=ride.route,
                board=ride.board,
                alight=ride.alight,
                departure=ride.departure,
                arrival=ride.arrival,
                booked=ride.booking is not None,
            )
            for ride in order.rides
        ],
        payments=[
            PaymentAnswer(
                id=one.id,
                state=one.state,
                cents=one.cents,
                provider=one.provider,
                action=one.action,
                problem=one.problem,
                refunded_cents=back.get(one.id, 0),
            )
            for one in payments
        ],
        problem=order.problem,
        exchanges=order.exchanges,
    )


def write_history(steps: Sequence[Step]) -> HistoryAnswer:
    """Write what happened."""
    return HistoryAnswer(
        history=[
            StepAnswer(
                at=one.at,
                part=one.part,
                what=one.what,
                before=one.before,
                after=one.after,
                by=one.by,
                details=dict(one.details),
            )
            for one in steps
        ]
    )
