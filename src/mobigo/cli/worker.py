"""``mobigo worker``: runs queued jobs. Here the tasks of all rooms come together."""

from __future__ import annotations

import os
import signal
import threading
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

import click
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mobigo.journeys.live_watch import LiveWatch
    from mobigo.settings import Settings

GRACE = 8.0
"""Seconds a running job gets when the worker is asked to stop; then it is left to the next worker."""

LIVE_EVERY = 20
"""Seconds between two looks at which live sources are due."""


@click.command()
@click.option("--leash", is_flag=True, hidden=True, help="Stop when standard input ends.")
def worker(*, leash: bool) -> None:
    """Run queued jobs and what is due every night, until stopped."""
    from mobigo.cli.carpool_standard import tell_operators
    from mobigo.cli.context import give_way, open_database
    from mobigo.cli.logs import write_logs
    from mobigo.cli.messages import carry_messages
    from mobigo.cli.proving import carry_register
    from mobigo.cli.serve import hold_leash
    from mobigo.db.engine import libpq_conninfo
    from mobigo.jobs.schedule import LIVE, LONG, PROMPT, Periodic
    from mobigo.jobs.worker import Worker
    from mobigo.settings import read_settings

    if leash:
        hold_leash()
    write_logs()
    settings = read_settings()
    url = open_database()
    give_way()
    schedule = [
        Periodic("network.build", timedelta(days=1), timedelta(hours=2)),
        Periodic("network.drives", timedelta(hours=1), at_once=True),
        Periodic("live.poll", timedelta(seconds=LIVE_EVERY), at_once=True, queue=LIVE),
        Periodic("sharing.poll", timedelta(seconds=LIVE_EVERY), at_once=True, queue=LIVE),
        Periodic("ondemand.keep", timedelta(seconds=LIVE_EVERY), at_once=True, queue=PROMPT),
        Periodic("ondemand.improve", timedelta(minutes=10)),
        Periodic("ondemand.tend", timedelta(seconds=LIVE_EVERY), at_once=True, queue=PROMPT),
        Periodic("ondemand.series", timedelta(minutes=1)),
        Periodic("ondemand.note_runs", timedelta(hours=1)),
        Periodic("ondemand.forget", timedelta(days=1), timedelta(hours=1)),
        Periodic("carpool.prove", timedelta(seconds=LIVE_EVERY), at_once=True, queue=PROMPT),
        Periodic("carpool.open_months", timedelta(days=1), timedelta(minutes=30), at_once=True),
        Periodic("carpool.forget_positions", timedelta(days=1), timedelta(hours=1)),
        Periodic("messages.forget", timedelta(days=1), timedelta(hours=1)),
        Periodic("school.forget", timedelta(days=1), timedelta(hours=1)),
        Periodic("carpool.keep", timedelta(seconds=LIVE_EVERY), at_once=True, queue=PROMPT),
        Periodic("carpool.lay", timedelta(hours=1), at_once=True),
        Periodic("carpool.forget_doors", timedelta(days=1), timedelta(hours=1)),
        Periodic("tickets.keep", timedelta(seconds=LIVE_EVERY), at_once=True, queue=PROMPT),
        Periodic("tickets.forget", timedelta(days=1), timedelta(hours=1)),
        Periodic("carpool.waiting", timedelta(seconds=LIVE_EVERY), at_once=True, queue=PROMPT),
        Periodic("carpool.forget", timedelta(days=1), timedelta(hours=1)),
        Periodic("ticketing.tend", timedelta(seconds=LIVE_EVERY), at_once=True, queue=PROMPT),
        Periodic("opendata.publish", timedelta(days=1), timedelta(hours=4), at_once=True, queue=LONG),
        Periodic("opendata.watch", timedelta(minutes=5), at_once=True),
        Periodic("ticketing.earn", timedelta(days=1), timedelta(hours=3, minutes=30), at_once=True),
        Periodic("taps.count", timedelta(minutes=10), at_once=True),
        Periodic("passes.renew", timedelta(minutes=10), at_once=True),
        Periodic("travellers.forget", timedelta(days=1), timedelta(hours=1)),
        Periodic("taps.forget", timedelta(hours=1), at_once=True),
        Periodic("ticketing.forget", timedelta(days=1), timedelta(hours=1)),
        Periodic("trace.gather", timedelta(minutes=5)),
        Periodic("trace.forget", timedelta(hours=1), at_once=True),
        Periodic("usage.count", timedelta(hours=1), timedelta(minutes=10), at_once=True, queue=LONG),
        Periodic("usage.open", timedelta(days=1), timedelta(hours=5), queue=LONG),
    ]
    working = Worker(libpq_conninfo(url), list_tasks(url, settings), schedule, clock=settings.open_clock())

    def stop(*_: object) -> None:
        working.stop()
        given_up = threading.Timer(GRACE, os._exit, [0])
        given_up.daemon = True
        given_up.start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with carry_messages(url, settings), carry_register(url, settings), tell_operators(url, settings):
        working.run()


def list_tasks(url: str, settings: Settings) -> Mapping[str, Callable[..., object]]:
    """List what can be queued, by name."""
    import psycopg

    from mobigo.cli.carpool_people import CarpoolPeople
    from mobigo.cli.carpool_rides import CarpoolRides
    from mobigo.cli.drafts import try_apart
    from mobigo.cli.improving import improve_runs
    from mobigo.cli.keeping import Keeper
    from mobigo.cli.messages import forget_messages
    from mobigo.cli.opendata import publish_all, watch_addresses
    from mobigo.cli.opening import open_due
    from mobigo.cli.proving import Prover
    from mobigo.cli.school_planning import plan_apart
    from mobigo.cli.school_register import forget_pupils
    from mobigo.cli.selling import Selling
    from mobigo.cli.signing import Signing
    from mobigo.cli.tapping import Tapping
    from mobigo.cli.tending import Tending
    from mobigo.cli.tracing import forget_notes, gather_notes
    from mobigo.cli.usage import count_due
    from mobigo.db.engine import libpq_conninfo
    from mobigo.transit import live_store

    def build() -> None:
        """Build the network anew: the days it covers move on, and loads since the last one come in."""
        from mobigo.journeys.service import build_network  # heavy, and seldom needed

        build_network(url, settings.home, settings.open_clock().now(), days_ahead=14)
        poll()

    def drive() -> None:
        """Complete a network that a first start left without driving times and bounds."""
        from mobigo.journeys.service import add_bounds, add_drives  # as heavy

        add_drives(settings.home)
        add_bounds(settings.home, settings.open_clock().now())

    def poll() -> None:
        """Ask the live sources that are due, and plan on what they say."""
        with psycopg.connect(libpq_conninfo(url)) as connection:
            if not live_store.is_used(connection):
                return
        watch().run(settings.open_clock().now())
        watch().lay_out()

    @cache
    def watch() -> LiveWatch:
        from mobigo.journeys.live_watch import LiveWatch  # as heavy; it keeps what it has read

        return LiveWatch(url, settings.home, settings.allow_hosts)

    def poll_bicycles() -> None:
        """Ask the systems of shared bicycles that are due."""
        from mobigo.sharing import service

        reach = service.Reach(settings.home, settings.allow_hosts)
        for one in service.poll(url, reach, settings.open_clock().now()):
            if one.problem is not None:
                structlog.get_logger().warning("a system of shared bicycles failed", system=one.system, why=one.problem)

    tending, prover = Tending(url, settings), Prover(url, settings)
    signing = Signing(url, settings)
    people, rides = CarpoolPeople(url, settings), CarpoolRides(url, settings)
    selling = Selling(url, settings)
    tapping = Tapping(url, settings, lambda: selling.counter)
    return {
        "taps.count": tapping.count,
        "taps.forget": tapping.forget,
        "passes.renew": tapping.renew,
        "travellers.forget": tapping.forget_people,
        "ticketing.tend": selling.tend,
        "ticketing.earn": selling.earn,
        "ticketing.forget": selling.forget,
        "tickets.sign": signing.sign,
        "tickets.keep": signing.keep,
        "tickets.forget": signing.forget,
        "carpool.keep": rides.keep,
        "carpool.lay": rides.lay,
        "carpool.forget_doors": rides.forget,
        "carpool.waiting": people.wait,
        "carpool.forget": people.forget,
        "ondemand.tend": tending.tend,
        "ondemand.series": tending.book_series,
        "ondemand.note_runs": tending.note_runs,
        "ondemand.forget": tending.forget,
        "carpool.prove": prover.prove,
        "carpool.forget_positions": prover.forget,
        "carpool.open_months": prover.open_months,
        "messages.forget": partial(forget_messages, url, settings),
        "school.forget": partial(forget_pupils, url, settings),
        "school.plan": partial(plan_apart, url, settings),
        "ondemand.improve": partial(improve_runs, url, settings),
        "ondemand.keep": Keeper(url, settings).run,
        "network.build": build,
        "opendata.publish": partial(publish_all, url, settings),
        "opendata.watch": partial(watch_addresses, url, settings),
        "network.drives": drive,
        "usage.try": partial(try_apart, url, settings),
        "trace.gather": partial(gather_notes, url),
        "trace.forget": partial(forget_notes, url, settings),
        "usage.count": partial(count_due, url, settings),
        "usage.open": partial(open_due, url, settings),
        "live.poll": poll,
        "sharing.poll": poll_bicycles,
    }
