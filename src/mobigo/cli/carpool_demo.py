"""``mobigo carpool demo`` and ``seed``: people of the demonstration carpool."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from mobigo.cli.carpool_money import AUTHOR, open_money, total, write_bank_file, write_euros
from mobigo.cli.proving import measure_road

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from mobigo.carpool.demonstration import Travelled
    from mobigo.carpool.lines import Roads
    from mobigo.carpool.settling import Settling
    from mobigo.settings import Settings

FRANCE = ZoneInfo("Europe/Paris")

FRIDAY = 4


@click.command()
@click.option(
    "--day", metavar="YYYY-MM-DD", help="Before today; the last working day of the month before, if not said."
)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def demo(*, day: str | None, as_json: bool) -> None:
    """Let a driver and two passengers of the demonstration travel from Époisses to Les Laumes, from offer to payout.

    All of it goes through the services that apps use, at the times of that day; then its month is closed. Shown again,
    nothing is done twice. Refused where MOBIGO_PAYER_IBAN names an account, unless this is a sandbox.
    """
    from mobigo.accounts.key import read_key
    from mobigo.carpool.demonstration import Stage
    from mobigo.carpool.month import Closer
    from mobigo.settings import read_settings

    settings = read_settings()
    _refuse_real(settings)
    now = settings.open_clock().now()
    played = _read_day(day, now)
    with open_money(settings) as (session, closing), _prover(settings) as (roads, settling):
        stage = Stage(session, roads, read_key(settings.home))
        travelled = stage.travel(played, bank_key=closing["key"], settling=settling)
        session.commit()
        found = Closer(session, **closing).close(played.replace(day=1), by=AUTHOR, now=now)
        session.commit()
        told = _tell_story(session, travelled)
    month = f"{played:%Y-%m}"
    file = None if found.file is None else write_bank_file(settings, month, found.file)
    if as_json:
        print(json.dumps({**told, "month": month, "closed": total(found, file)}, ensure_ascii=False))
        return
    print(f"{told['offered_at']}  {told['driver']} offers run {told['run']}: {told['line']}, {told['metres']} m")
    for one in told["bookings"]:
        print(f"{one['made_at']}  {one['passenger']} books a seat: {write_euros(one['cents'])} to the Region")
        print(f"{one['boarded_at']}  {one['passenger']} gets on, and off at {one['alighted_at']}")
        print(f"{'':25}  the ride is {one['state']}, proof of class {one['proof']}")
    for one in told["awards"]:
        for reason in one["reasons"]:
            print(f"{'':25}  {reason['policy']}: {reason['text']} -> {write_euros(reason['cents'])}")
        paid = f"paid by {one['payout']}" if one["payout"] else "paid with the next month that is closed"
        print(f"{month}                    {told['driver']} earns {write_euros(one['cents'])}, {paid}")
    print(
        f"{month}                    closed: {found.month.runs} runs, {write_euros(found.total)}; for the bank: {file}"
    )


@click.command()
@click.option("--day", metavar="YYYY-MM-DD", help="Today, if not said; and the day after it.")
def seed(*, day: str | None) -> None:
    """Offer runs of people of the demonstration on all lines, for two days, and book some; again, nothing is new.

    Refused where MOBIGO_PAYER_IBAN names an account, unless this is a sandbox.
    """
    from mobigo.settings import read_settings

    settings = read_settings()
    _refuse_real(settings)
    now = settings.open_clock().now()
    first = _read_date(day) if day else None
    print(f"{seed_days(settings, now, first)} runs offered")


def seed_days(settings: Settings, now: datetime, first: date | None = None) -> int:
    """Offer runs of the demonstration on a day (today, if not said) and the one after; how many are new."""
    from mobigo.accounts.key import read_key
    from mobigo.carpool.demonstration import Stage

    first = first or now.astimezone(FRANCE).date()
    with open_money(settings) as (session, _), _prover(settings) as (roads, _):
        stage = Stage(session, roads, read_key(settings.home))
        offered = [run for days in (0, 1) for run in stage.seed(first + timedelta(days), now)]
        session.commit()
    return len(offered)


def _refuse_real(settings: Settings) -> None:
    from mobigo.kit.errors import Refused
    from mobigo.settings import SAMPLE_IBAN

    if settings.payer_iban != SAMPLE_IBAN and not settings.sandbox:
        raise Refused(
            "MOBIGO_PAYER_IBAN names an account, and people of the demonstration are paid for nothing real; unset it,"
            " or start a sandbox with `./mobigo up --sandbox`"
        )


def _read_day(text: str | None, now: datetime) -> date:
    """Return the day that is played: before today; of itself the last working day of the month before."""
    from mobigo.kit.errors import InvalidInput

    today = now.astimezone(FRANCE).date()
    if text is None:
        found = today.replace(day=1) - timedelta(days=1)
        return found - timedelta(days=max(0, found.weekday() - FRIDAY))
    found = _read_date(text)
    if found >= today:
        raise InvalidInput(f"{found} is not over; today is {today}, take a day before")
    return found


def _read_date(text: str) -> date:
    from mobigo.kit.errors import InvalidInput

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is no day; write it like 2026-03-31") from None


@contextmanager
def _prover(settings: Settings) -> Iterator[tuple[Roads, Settling]]:
    """Open the roads there are, and what settles rides on them."""
    from mobigo.accounts.key import read_key
    from mobigo.carpool.settling import Settling
    from mobigo.journeys.network import Networks
    from mobigo.street.drives import Drives

    network = Networks(settings.home, settings.open_clock()).find_current()
    roads = Drives(None) if network is None else network.drives
    yield roads, Settling(read_key(settings.home), partial(measure_road, network), settings.register_siret)


def _tell_story(session: Session, travelled: Travelled) -> dict[str, Any]:
    from mobigo.carpool import money_store
    from mobigo.carpool.demonstration import EVENING_BEFORE
    from mobigo.db.session import driver

    run = travelled.run
    return {
        "run": run.id,
        "line": run.line,
        "service_date": run.service_date.isoformat(),
        "metres": run.stops[-1].metres,
        "driver": travelled.driver.name,
        "offered_at": _local(run.stops[0].planned_at - EVENING_BEFORE),
        "bookings": [
            {
                "id": seat.id,
                "passenger": person.name,
                "made_at": _local(seat.made_at),
                "boarded_at": _local(seat.boarded_at),
                "alighted_at": _local(seat.alighted_at),
                "state": seat.state.value,
                "proof": seat.proof,
                "cents": seat.cents,
            }
            for person, seat in zip(travelled.passengers, travelled.bookings, strict=True)
        ],
        "awards": [
            {"cents": one.cents, "payout": one.payout, "reasons": [vars(reason) for reason in one.reasons]}
            for one in money_store.list_awards(driver(session), run=run.id)
        ],
    }


def _local(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(FRANCE).isoformat(timespec="seconds")
