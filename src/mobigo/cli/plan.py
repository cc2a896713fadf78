"""``mobigo plan``: journeys from door to door, in the terminal."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from mobigo.journeys.liftleg import Lift
    from mobigo.journeys.missing import Told
    from mobigo.journeys.model import (
        Brief,
        Change,
        Journey,
        JourneyRequest,
        Leg,
        NotNow,
        Plan,
        Realtime,
        Rented,
        RoundTrip,
        Suggestion,
        Taken,
        ToBook,
    )
    from mobigo.journeys.network import Network
    from mobigo.journeys.others import Other
    from mobigo.journeys.pricing import Priced, Till
    from mobigo.journeys.rideleg import Hail
    from mobigo.kit.clock import Clock
    from mobigo.settings import Settings

REASONS = {
    "outside_area": "an end is near no street and no stop that is loaded; try another place or load its region",
    "no_stop_in_range": "no stop within the longest walk of an end; try --max-walk-minutes",
    "no_service_that_day": "no trip runs on that day; try another day",
    "walking_better": "walking is quicker than any vehicle",
    "nothing_in_window": "nothing runs in the time asked for",
    "no_connection": "no trips of the days around make this journey",
    "outside_service_period": "the day is outside the timetables that are loaded; load newer ones",
    "filtered_out": "what was asked besides leaves none",
    "no_accessible_path": "no way is known to be, or may be, possible in a wheelchair",
    "budget_reached": "the time for computing was over; try --budget-ms",
}
NOT_NOW = {
    "full": "no vehicle is free at that time",
    "too_late": "it is too late to book",
    "not_yet": "it cannot be booked yet",
    "never": "its rules leave no time to book",
    "outside_hours": "not at that time",
}
CRITERIA = ["walking", "co2", "cost", "price"]
WAYS = ["walk", "bicycle", "shared_bicycle", "shared_vehicle", "car_park", "car_drop_off", "taxi"]
FORM_FACTORS = ["bicycle", "cargo_bicycle", "scooter_standing", "scooter_seated", "moped", "car", "other"]
PROPULSIONS = [
    "human", "electric_assist", "electric", "combustion", "combustion_diesel", "hybrid", "plug_in_hybrid",
    "hydrogen_fuel_cell",
]  # fmt: skip
WORDS = "mode:tram, line:ID, agency:ID or stop:ID; may be repeated."

OPTIONS: list[Callable[[Callable[..., None]], Callable[..., None]]] = [
    click.option("--from", "from", required=True, metavar="LAT,LON|STOP", help="Where from: a point or a stop id."),
    click.option("--to", required=True, metavar="LAT,LON|STOP", help="Where to."),
    click.option("--at", metavar="TIME", help="ISO 8601; without an offset, local time of the network. Default: now."),
    click.option("--arrive-by", is_flag=True, help="Arrive by TIME instead of leaving after it."),
    click.option("--of-day", type=click.Choice(["first", "last"]), help="The first or the last journey of that day."),
    click.option("--window-minutes", type=int, help="Leave within so many minutes after TIME."),
    click.option("--cursor", metavar="CURSOR", help="The page before or after an answer to the same question."),
    click.option("--via", multiple=True, metavar="LAT,LON|STOP", help="Pass this place; may be repeated, in order."),
    click.option("--via-minutes", multiple=True, type=int, help="How long to stay at each --via."),
    click.option("--max-transfers", type=int, default=15, show_default=True, help="Changes, at most."),
    click.option("--max-walk-minutes", type=int, default=30, show_default=True, help="Longest single walk."),
    click.option("--walk-speed", type=float, default=1.2, show_default=True, help="Metres per second."),
    click.option("--min-change-minutes", type=int, default=0, help="Minutes between two vehicles, at least."),
    click.option("--slack-minutes", type=int, default=0, help="Minutes added to what each change takes."),
    click.option("--only", multiple=True, metavar="WORD", help="Ride only mode:tram, line:ID, agency:ID."),
    click.option("--forbid", multiple=True, metavar="WORD", help=f"Never use {WORDS}"),
    click.option("--avoid", multiple=True, metavar="WORD", help=f"Use only where it spares 20 minutes: {WORDS}"),
    click.option("--prefer", multiple=True, metavar="WORD", help=f"Rather use {WORDS}"),
    click.option("--wheelchair", is_flag=True, help="Leave out what is known to be impossible in a wheelchair."),
    click.option("--access", multiple=True, type=click.Choice(WAYS), default=["walk"], help="Ways to the first stop."),
    click.option("--egress", multiple=True, type=click.Choice(WAYS), default=["walk"], help="Ways from the last stop."),
    click.option(
        "--form-factors", multiple=True, type=click.Choice(FORM_FACTORS), help="Shared vehicles to ride. Default: all."
    ),
    click.option("--propulsions", multiple=True, type=click.Choice(PROPULSIONS), help="What may drive them."),
    click.option("--max-ride-minutes", type=int, default=30, show_default=True, help="Longest way by bicycle."),
    click.option("--max-drive-minutes", type=int, default=20, show_default=True, help="Longest way by car."),
    click.option(
        "--direct",
        multiple=True,
        type=click.Choice(["walk", "bicycle", "car", "taxi"]),
        default=["walk"],
        help="Ways without public transport to offer.",
    ),
    click.option("--bicycle-aboard", is_flag=True, help="Take a bicycle along."),
    click.option("--criterion", type=click.Choice(CRITERIA), help="What counts beside time."),
    click.option("--realtime", type=click.Choice(["on", "annotate", "off"]), default="on", show_default=True),
    click.option("--ondemand", type=click.Choice(["on", "off"]), default="on", show_default=True),
    click.option("--carpool", type=click.Choice(["on", "off"]), default="on", show_default=True),
    click.option("--no-reservation", is_flag=True, help="Ride only what needs no booking and no call ahead."),
    click.option("--passengers", type=int, help="Adults, for what has to be booked. Default: all --travellers."),
    click.option("--companions", type=int, default=0, help="Companions of somebody with reduced mobility."),
    click.option("--child-seats", type=int, default=0, help="Children with a child seat each, besides."),
    click.option("--wheelchairs", type=int, default=0, help="How many of the adults stay in a wheelchair."),
    click.option("--luggage", type=int, default=0, help="Pieces of luggage."),
    click.option("--bicycles", type=int, default=0, help="Bicycles in vehicles that have to be booked."),
    click.option("--booking-time", metavar="TIME", help="When one would book. Default: now."),
    click.option("--from-name", default="", help="What to call --from on the driver's sheet."),
    click.option("--to-name", default="", help="What to call --to there."),
    click.option("--travellers", multiple=True, metavar="CATEGORY[+PRODUCT...]", help="Who pays, and what they have."),
    click.option("--max-journeys", type=int, default=6, show_default=True, help="Journeys to describe."),
    click.option("--all", "all", is_flag=True, help="Describe every journey that no other beats."),
    click.option("--budget-ms", type=int, default=1000, show_default=True, help="Computing time, at most."),
]
"""One per parameter of GET /v1/journeys, under its name there."""


def _all_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command()
@_all_options
@click.option("--back", is_flag=True, help="There and back.")
@click.option("--stay-minutes", type=int, default=60, show_default=True, help="With --back: how long to stay.")
@click.option("--back-by", metavar="TIME", help="With --back: be back by TIME. Default: that night at four.")
@click.option("--missed", is_flag=True, help="Also say how one goes on from each change that is missed.")
@click.option("--others", type=click.IntRange(0, 20), default=0, help="Also list so many before and after each ride.")
@click.option("--json", "as_json", is_flag=True, help="Print what GET /v1/journeys or /v1/round-trips answers.")
def plan(
    *,
    back: bool,
    stay_minutes: int,
    back_by: str | None,
    missed: bool,
    others: int,
    as_json: bool,
    **asked: Any,  # noqa: ANN401 - one per option
) -> None:
    r"""Plan a journey on the network that is built; needs no running server; what is booked is in the database.

    \b
    Example:
      mobigo plan --from 47.4906,4.3347 --to 47.3234,5.0272 --at 2026-11-23T07:30
    """
    from pydantic import ValidationError

    from mobigo.journeys import service
    from mobigo.journeys.answer import plan_as_json, round_trip_as_json
    from mobigo.journeys.network import Networks
    from mobigo.journeys.parameters import AskedBack
    from mobigo.settings import read_settings

    if back and (missed or others):
        raise click.UsageError("--missed and --others are about one way; ask without --back")
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in asked.items()}
    try:
        question = AskedBack.model_validate(given | {"stay_minutes": stay_minutes, "back_by": back_by})
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise click.UsageError(f"--{option} {first['input']}: {first['msg']}") from None
    settings = read_settings()
    clock = settings.open_clock()
    network = Networks(settings.home, clock).current()
    zone = network.manifest.zone
    request = question.request(clock.now(), zone)
    service.rehearse(network, clock.now())  # what is compiled is loaded before the time of the question runs
    hail, lift, till = _open_booked(settings, network, request, clock, question.travellers)
    if back:
        trip = service.plan_round_trip(network, request, hail, lift, till, **question.back(zone))
        print(_as_text(round_trip_as_json(trip)) if as_json else _describe_round_trip(trip))
    else:
        found = service.plan(network, request, hail, lift, till)
        rides = [one for one in found.journeys if one.rides]
        look = _Look(network, clock.now(), request.realtime, hail, lift)
        changes = {one.id: look.changes(one) for one in rides} if missed else {}
        beside = {one.id: look.others(one, others) for one in rides} if others else {}
        if as_json:
            told = {"changes": look.changes_as_json(changes)} if missed else {}
            told |= {"others": look.others_as_json(beside)} if others else {}
            print(_as_text(plan_as_json(found) | told))
        else:
            print(_describe(found, changes, beside))


def _open_booked(
    settings: Settings, network: Network, request: JourneyRequest, clock: Clock, travellers: list[str]
) -> tuple[Hail | None, Lift | None, Till | None]:
    """Look into the database for what can be booked and what is sold, if it runs; without it there is the timetable."""
    from mobigo.accounts.key import read_key
    from mobigo.carpool.supply import Cars
    from mobigo.db import cluster
    from mobigo.db.engine import open_engine
    from mobigo.journeys.hails import Hails
    from mobigo.journeys.lifts import Lifts
    from mobigo.journeys.pricing import Fares, open_till

    url = settings.database_url or cluster.find_url(settings.home)
    if url is None:
        return None, None, None
    engine, key, now = open_engine(url, pool_size=1), read_key(settings.home), request.booking_at or clock.now()
    hails = Hails(engine, key, clock)
    with closing(Fares(engine)) as fares, closing(Cars(engine, clock)) as cars, closing(hails.supplies):
        shelf = fares.current(clock.now())
        return (
            hails.at(network, now) if request.ondemand else None,
            Lifts(cars, key).at(network, now) if request.carpool else None,
            None if shelf is None else open_till(shelf, travellers, request.party.persons),
        )


def _as_text(answer: dict[str, Any]) -> str:
    import orjson

    return orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()


@dataclass(frozen=True)
class _Look:
    """Looks further into journeys that were found."""

    network: Network
    now: datetime
    realtime: Realtime
    hail: Hail | None
    lift: Lift | None

    def changes(self, journey: Journey) -> tuple[Told, ...]:
        """Tell how one goes on from each change that is missed."""
        from mobigo.journeys.missing import tell_changes

        return tell_changes(self.network, journey.id, self.now, self.realtime, self.hail, lift=self.lift).told

    def others(self, journey: Journey, most: int) -> dict[int, tuple[Other, ...]]:
        """Find the vehicles before and after each ride, by leg."""
        from mobigo.journeys.others import find_others

        return {
            at: find_others(
                self.network, journey.id, at, self.now, realtime=self.realtime, hail=self.hail, lift=self.lift,
                earlier=most, later=most,
            ).others
            for at, leg in enumerate(journey.legs)
            if leg.trip_id is not None or leg.booking is not None
        }  # fmt: skip

    def changes_as_json(self, changes: dict[str, tuple[Told, ...]]) -> dict[str, Any]:
        """Write them by journey, as GET /v1/journeys/{id}/changes does."""
        from mobigo.journeys.legs_api import told_as_json

        return {name: [told_as_json(one) for one in told] for name, told in changes.items()}

    def others_as_json(self, beside: dict[str, dict[int, tuple[Other, ...]]]) -> dict[str, Any]:
        """Write them by journey and leg, as GET /v1/journeys/{id}/legs/{leg}/alternatives does."""
        from mobigo.journeys.legs_api import other_as_json

        return {
            name: {str(at): [other_as_json(one) for one in found] for at, found in legs.items()}
            for name, legs in beside.items()
        }


# ── in words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _describe_round_trip(trip: RoundTrip) -> str:
    lines = ["There", _describe(trip.out), "", "And back", _describe(trip.back), ""]
    out = {journey.id: journey for journey in trip.out.journeys}
    back = {journey.id: journey for journey in trip.back.journeys}
    for pair in trip.pairs:
        stay = f"{pair.stay // 3600} h {pair.stay % 3600 // 60:02} min"
        lines.append(f"Leave {_clock(out[pair.out].departure)}, stay {stay}, home {_clock(back[pair.back].arrival)}.")
    if trip.last_return:
        lines.append(f"The last way back leaves {_clock(back[trip.last_return].departure)}.")
    if not trip.pairs:
        lines.append("There is no way back in time.")
    return "\n".join(lines)


def _describe(
    found: Plan,
    changes: Mapping[str, tuple[Told, ...]] = MappingProxyType({}),
    beside: Mapping[str, Mapping[int, tuple[Other, ...]]] = MappingProxyType({}),
) -> str:
    journeys = [
        [_describe_journey(one), *_describe_missed(changes.get(one.id, ())), *_describe_others(beside.get(one.id, {}))]
        for one in (*found.journeys, *found.direct)
    ]
    parts = ["\n\n".join("\n".join(lines) for lines in journeys)]
    if found.reason:
        about = f" ({found.reason_about.replace('_', '-')})" if found.reason_about else ""
        parts.append(f"No journey by public transport{about}: {REASONS[found.reason]}.")
        for instant, words in ((found.next_departure, "next leaves"), (found.previous_departure, "one before left")):
            if instant:
                parts.append(f"The {words} {instant:%Y-%m-%d %H:%M}.")
        parts += [_describe_suggestion(one) for one in found.suggestions]
    if found.more:
        parts.append("Also " + ", ".join(_describe_brief(one) for one in found.more[:20]) + ".")
    if not found.complete:
        parts.append("The time for computing was over: there may be better ones.")
    parts += [f"Note {number}: {_message(alert.header)}" for number, (_, alert) in enumerate(found.alerts, start=1)]
    parts += [_describe_not_now(one) for one in found.not_now]
    turns = (("Earlier", found.earlier), ("Later", found.later))
    parts += [f"{name}: --cursor {cursor}" for name, cursor in turns if cursor]
    return "\n".join(part for part in parts if part)


def _message(texts: dict[str, str]) -> str:
    return texts.get("en") or texts.get("") or next(iter(texts.values()), "")


def _describe_suggestion(one: Suggestion) -> str:
    option = f"--{one.parameter.replace('_', '-')}"
    changed = f"without {option}" if one.value is None else f"with {option} {one.value}"
    return f"There is one {changed}: {one.departure:%Y-%m-%d %H:%M} → {_clock(one.arrival)}."


def _describe_brief(one: Brief) -> str:
    return f"{_clock(one.departure)} → {_clock(one.arrival)} ({' '.join(one.lines)})"


def _describe_journey(journey: Journey) -> str:
    minutes = round((journey.arrival - journey.departure).total_seconds() / 60)
    changes = {0: "no change", 1: "1 change"}.get(journey.transfers, f"{journey.transfers} changes")
    co2 = f", {journey.co2} g CO2" if journey.rides and journey.co2 is not None else ""
    climb = f", {journey.climb} m up" if journey.climb else ""
    labels = f"  [{', '.join(label.replace('_', ' ') for label in journey.labels)}]" if journey.labels else ""
    cost = "" if journey.priced is None else f", {_price(journey.priced)}"
    head = (
        f"{journey.departure:%Y-%m-%d %H:%M} → {_clock(journey.arrival)}  {minutes} min, {changes}{climb}{co2}{cost}"
        f"{labels}"
    )
    return "\n".join([head, *(_describe_leg(leg) for leg in journey.legs), *_describe_price(journey.priced)])


def _price(priced: Priced) -> str:
    from mobigo.fares.explain import say_money

    found = priced.price
    money = say_money(found.cents, found.currency, "en")
    return money if found.complete else f"at least {money}"


def _describe_price(priced: Priced | None) -> list[str]:
    """Say what is bought or used, and why."""
    from mobigo.fares.explain import say, say_money

    if priced is None:
        return []
    found, _, shelf = priced
    return [
        f"    {say_money(item.cents, found.currency, 'en')}  "
        + " ".join(say(shelf.book_of(item.version), item, why, "en") for why in item.why)
        for item in found.items
    ]


def _describe_leg(leg: Leg) -> str:
    times = f"  {_clock(leg.departure)} {leg.start.name} → {_clock(leg.arrival)} {leg.end.name}"
    if leg.line is None:
        climb = f", {leg.lie.climb} m up, {leg.lie.descent} m down" if leg.lie else ""
        way = f"{times}  ({leg.mode.replace('_', ' ')}, {leg.metres or 0:.0f} m{climb})"
        told = _describe_rental(leg, leg.rented) if leg.rented else _describe_taxi(leg.taxi) if leg.taxi else ""
        return f"{way}\n{told}" if told else way
    notes = [
        "stay seated" if leg.stay_seated else "",
        "it waits for you" if leg.guaranteed else "",
        _describe_change(leg.change),
        f"about every {round(leg.every / 60)} min" if leg.every else "",
        f"planned {_clock(leg.planned_departure)}" if leg.planned_departure not in {None, leg.departure} else "",
        "cancelled" if leg.canceled else "",
        f"call {leg.phone} before" if leg.phone and leg.booking is None else "",
    ]
    said = "".join(f", {note}" for note in notes if note)
    heading = f" to {leg.headsign}" if leg.headsign else ""
    line = f"{times}  ({leg.mode.replace('_', ' ')} {leg.line.name}{heading}{said})"
    return line if leg.booking is None else f"{line}\n{_describe_booking(leg.booking)}"


def _describe_change(change: Change | None) -> str:
    """Say what is to spare where that is little."""
    if change is None or change.safety not in {"fair", "tight"}:
        return ""
    return f"{change.spare // 60} min to spare" + (", tight" if change.safety == "tight" else "")


def _describe_missed(told: Iterable[Told]) -> Iterator[str]:
    """Say how one goes on from each change that is missed."""
    for one in told:
        if one.missed is None:
            yield f"    Change to leg {one.leg}: it waits for you."
        elif one.missed.journey is None:
            yield f"    Leg {one.leg} missed: nothing goes on within two weeks."
        else:
            onward = one.missed.journey
            lines = " ".join(leg.line.name for leg in onward.legs if leg.line) or "on foot"
            late = round((one.missed.later or 0) / 60)
            yield (
                f"    Leg {one.leg} missed: on at {onward.departure:%Y-%m-%d %H:%M} ({lines}), there"
                f" {_clock(onward.arrival)}, {late} min later."
            )


WHY_NOT = {
    "before_one_is_there": "leaves before you can be there",
    "after_the_next": "too late for what comes after",
    "not_bookable": "cannot be booked now",
}


def _describe_others(beside: Mapping[int, Iterable[Other]]) -> Iterator[str]:
    """List the vehicles before and after each ride."""
    for at, others in beside.items():
        for one in others:
            name = one.leg.line.name if one.leg.line else one.leg.mode
            why = "" if one.why_not is None else f", {WHY_NOT[one.why_not]}"
            yield f"    Instead of leg {at}: {_clock(one.leg.departure)} → {_clock(one.leg.arrival)} {name}{why}"


def _describe_booking(booking: ToBook) -> str:
    """Say how and until when a ride is booked."""
    where = {
        "here": "book it here, with its quote (--json)",
        "web": f"book it at {booking.url}",
        "phone": f"book it by telephone: {booking.phone or 'ask the operator'}",
    }[booking.how]
    price = "" if booking.price_cents is None else f", {booking.price_cents / 100:.2f} EUR"
    window = f"{_clock(booking.pickup_window[0])}-{_clock(booking.pickup_window[1])}"
    until = f"{booking.bookable_until:%Y-%m-%d %H:%M:%S}"
    if not booking.instant:
        where += "; the driver answers"
    return f"    picked up {window}, there by {_clock(booking.arrive_by)}; bookable until {until}{price}; {where}"


def _describe_taxi(taxi: Taken) -> str:
    """Say whom to call, and what it is expected to cost."""
    example = "; an example, nobody drives" if taxi.example else ""
    return (
        f"    call {taxi.name}, {taxi.phone}: there within {taxi.wait // 60} min; about {taxi.estimate / 100:.2f} EUR"
        f" by tariff {taxi.tariff} ({taxi.source}, {taxi.dated}), paid apart{example}"
    )


def _describe_rental(leg: Leg, rented: Rented) -> str:
    """Say what is rented, where it is left and what it costs."""
    there = "" if leg.available is None or rented.vehicle_id else f", {leg.available} there now"
    range_ = "" if rented.range is None else f", goes {rented.range} m more"
    left = "give it back at the station" if rented.at_station else "leave it in the street, where it may be left"
    price = ""
    if rented.plan is not None:
        estimate = rented.plan.estimate
        told = rented.plan.description or rented.plan.name
        price = f"; {told}" if estimate is None else f"; about {estimate / 100:.2f} {rented.plan.currency}, paid apart"
    return f"    {rented.vehicle_type or rented.form_factor} of {rented.system}{there}{range_}; {left}{price}"


def _describe_not_now(one: NotNow) -> str:
    """Say why a service is no help, and what is."""
    parts = [f"{one.name} goes there on demand, but {NOT_NOW[one.reason]}"]
    if one.until:
        parts.append(f"it could be booked until {one.until:%Y-%m-%d %H:%M:%S}")
    if one.opens:
        parts.append(f"it can be booked from {one.opens:%Y-%m-%d %H:%M:%S} on")
    if one.next_departure:
        parts.append(f"the next ride that can be booked leaves {one.next_departure:%Y-%m-%d %H:%M}")
    if one.phone:
        parts.append(f"telephone {one.phone}")
    return "; ".join(parts) + "."


def _clock(instant: datetime | None) -> str:
    return f"{instant:%H:%M}" if instant else ""
