"""Small catalogues and journeys drawn by lot, on which every way to pay can be tried."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from mobigo.fares.catalogue import (
    Area,
    Catalogue,
    Coverage,
    Days,
    JoinRule,
    LegRule,
    LimitKind,
    Moment,
    Network,
    PriceRow,
    Product,
    ProductKind,
    Reduction,
    RiderCategory,
    Tariff,
    Timeframe,
    TimeSpan,
    TransferKind,
    TransferRule,
    Unit,
    Validity,
    ValidityMode,
    Words,
)
from mobigo.fares.model import FareRide, Fellow, Held, RideKind

ZONE = ZoneInfo("Europe/Paris")
BEGIN = datetime(2026, 11, 23, 5, tzinfo=ZONE)
"""A Monday."""
NAME = Words("x")
STOPS = ("s:a", "s:b", "s:c")
AREAS = (Area("A", stops=("s:a", "s:b")), Area("B", stops=("s:b", "s:c")))
NETWORKS = (Network("N", routes=("s:n", "s:both")), Network("M", routes=("s:m", "s:both")))
PLAIN_RULES = (LegRule("p", "G", "N"), LegRule("q", "H", "M"), LegRule("r", "G", "M"))
"""Rules that price nearly every ride."""
ROUTES = ("s:n", "s:m", "s:both", "s:other")
cents = st.integers(1, 9).map(lambda n: 50 * n)
some = st.sampled_from


@st.composite
def price_rows(draw: st.DrawFn) -> tuple[PriceRow, ...]:
    """What a product costs: all, the categories, or on some media."""
    shape = draw(some(["all", "all", "all", "category", "medium", "adult"]))
    if shape == "category":
        return PriceRow(draw(cents)), PriceRow(draw(cents), category="youth")
    if shape == "medium":
        return PriceRow(draw(cents), medium="app"), PriceRow(draw(cents), medium="card")
    if shape == "adult":
        return (PriceRow(draw(cents), category="adult"),)
    return (PriceRow(draw(cents)),)


@st.composite
def leg_rules(draw: st.DrawFn) -> LegRule:
    """A leg rule."""
    return LegRule(
        draw(some(["p", "q", "r"])),
        draw(some(["G", "H", None])),
        draw(some(["N", "M", None])),
        draw(some(["A", "B", None, None])),
        draw(some(["A", "B", None, None])),
        draw(some(["early", "late", None, None])),
        draw(some(["early", None, None, None])),
        draw(some([0, 0, 1])),
    )


@st.composite
def transfer_rules(draw: st.DrawFn) -> TransferRule:
    """A transfer rule."""
    before, after = draw(some(["G", "H", None])), draw(some(["G", "H", None]))
    seconds = draw(some([None, 1800, 3600, 7200]))
    return TransferRule(
        draw(some(TransferKind)),
        before,
        after,
        draw(some([-1, 1, 2])) if before == after and before is not None else None,
        seconds,
        None if seconds is None else draw(some(LimitKind)),
        draw(some(["t", "u", None, None])),
    )


@st.composite
def passes(draw: st.DrawFn, name: str) -> Product:
    """A ticket for several rides."""
    validity = draw(
        some([
            Validity(ValidityMode.FIXED, day_starts=4 * 3600),
            Validity(ValidityMode.FIRST_USE, 60, Unit.MINUTE),
            Validity(ValidityMode.FIRST_USE, 2, Unit.HOUR, ends=Moment.ALIGHTING),
        ])
    )  # fmt: skip
    covers = Coverage(draw(some([(), ("N",), ("M",)])), areas=draw(some([(), (), ("A",), ("A", "B")])))
    rides = draw(some([None, None, 2]))
    row = PriceRow(draw(some([100, 200, 300, 450])))
    return Product(name, NAME, ProductKind.PASS, (row,), validity, rides, covers)


@st.composite
def catalogues(draw: st.DrawFn, *, shared: bool) -> Catalogue:
    """A catalogue."""
    singles = [Product(name, NAME, ProductKind.SINGLE, draw(price_rows())) for name in ("p", "q", "r")]
    extras = [
        Product("t", NAME, ProductKind.TRANSFER, draw(price_rows())),
        Product("u", NAME, ProductKind.TRANSFER, (PriceRow(draw(some([-100, -50, 50]))),)),
    ]
    held = [
        Product("month", NAME, ProductKind.MONTH, (PriceRow(4000),), Validity(ValidityMode.FIXED, unit=Unit.MONTH),
                covers=Coverage(draw(some([(), ("N",)]))), with_journey=False),
        Product("carnet", NAME, ProductKind.CARNET, (PriceRow(1000),), rides=10,
                covers=Coverage(draw(some([(), ("M",)]))), with_journey=False, personal=draw(st.booleans())),
        Product("card", NAME, ProductKind.REDUCTION_CARD, (PriceRow(2000),), with_journey=False),
    ]  # fmt: skip
    plain = draw(st.booleans())
    tickets = [draw(passes(f"pass{n}")) for n in range(0 if plain else draw(st.integers(0, 2)))]
    if shared and draw(st.booleans()):
        tickets.append(
            Product("group", NAME, ProductKind.GROUP, (PriceRow(draw(some([200, 350, 500]))),),
                    Validity(ValidityMode.FIXED, day_starts=4 * 3600), covers=Coverage(draw(some([(), ("N",)]))),
                    min_fellows=draw(some([1, 2])), max_fellows=draw(some([2, 3])))
        )  # fmt: skip
    reductions = []
    if draw(st.booleans()):
        reductions.append(
            Reduction("half", NAME, draw(some([250, 500])), card="card", companions=draw(some([0, 1])),
                      products=draw(some([(), ("p",), ("q", "pass0")])), timeframe=draw(some([None, "late"])),
                      step=draw(some([1, 10])))
        )  # fmt: skip
    if draw(st.booleans()):
        reductions.append(Reduction("two", NAME, 100, min_fellows=2, categories=draw(some([(), ("youth",)]))))
    tariff = Tariff(
        "t",
        "Europe/Paris",
        priorities=draw(st.booleans()),
        legs=PLAIN_RULES if plain else tuple(draw(st.lists(leg_rules(), min_size=1, max_size=4))),
        joins=tuple(draw(some([(), (), (JoinRule("N", "N"),), (JoinRule("N", "M"),)]))),
        transfers=tuple(draw(st.lists(transfer_rules(), min_size=2 if plain else 0, max_size=5))),
    )
    return Catalogue(
        "small",
        1,
        NAME,
        date(2026, 1, 1),
        networks=NETWORKS,
        areas=AREAS,
        categories=(RiderCategory("adult", NAME, default=True), RiderCategory("youth", NAME)),
        days=(Days("all", (0, 1, 2, 3, 4, 5, 6)),),
        timeframes=(Timeframe("early", (TimeSpan("all", 0, 43_200),)), Timeframe("late", (TimeSpan("all", 43_200),))),
        products=tuple(singles + extras + held + tickets),
        reductions=tuple(reductions),
        tariffs=(tariff,),
    )


@st.composite
def journeys(draw: st.DrawFn, most: int) -> tuple[FareRide, ...]:
    """Rides one after the other, over up to a day and a half."""
    rides = []
    at, here = 0, draw(some(STOPS))
    for _ in range(draw(st.integers(1, most))):
        at += draw(some([0, 5, 30, 60, 300]))
        lasting = draw(some([10, 30, 60]))
        there = draw(some(STOPS))
        route = draw(some(ROUTES))
        start = BEGIN + timedelta(minutes=at)
        at += lasting
        end = BEGIN + timedelta(minutes=at)
        rides.append(FareRide(RideKind.LINE, "s:x", route, (), here, there, start, end, 1000, start.date()))
        here = draw(some([there, there, *STOPS]))
    return tuple(rides)


@st.composite
def travellers(draw: st.DrawFn, number: int) -> Fellow:
    """One who travels, and what they have."""
    held = []
    for kind in draw(some([(), (), ("card",), ("card",), ("month",), ("carnet",), ("card", "carnet")])):
        name = f"{number}.{kind}"
        if kind == "month":
            since, until = BEGIN - timedelta(days=3), BEGIN + timedelta(hours=draw(some([3, 400])))
            held.append(Held(name, kind, 1, since, until))
        else:
            left = draw(st.integers(1, 2)) if kind == "carnet" else None
            held.append(Held(name, kind, 1, None, None, left))
    return Fellow(str(number), draw(some(["adult", "youth"])), tuple(held))
