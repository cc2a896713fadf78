"""``mobigo live``: where live data come from, and how well they fit."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobigo.kit.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

    from mobigo.transit.live_store import LiveSource, Rate


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def live(context: click.Context, *, as_json: bool) -> None:
    """Sources of live data: GTFS-Realtime, SIRI, recorded days; how old they are and how much of them is found."""
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


@live.command()
@click.argument("address", metavar="URL|FILE")
@click.option("--name", required=True, help="What it is called here, as bart-trips.")
@click.option("--feed", required=True, metavar="SOURCE", help="The loaded feed whose ids it speaks.")
@click.option(
    "--kind",
    type=click.Choice(["auto", "gtfs-rt", "siri"]),
    default="auto",
    show_default=True,
    help="What it speaks; auto tells it from the content.",
)
@click.option("--every", type=int, default=30, show_default=True, metavar="SECONDS", help="How often it is asked.")
@click.option(
    "--stale-after",
    type=int,
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="After which what it says is no longer used.",
)
@click.option(
    "--header", "headers", multiple=True, metavar="NAME:VALUE", help="Sent along; {secret:NAME} stands for a key."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def add(
    address: str,
    *,
    name: str,
    feed: str,
    kind: str,
    every: int,
    stale_after: int,
    headers: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add a source and ask it at once.

    Trip updates, vehicle positions and messages often have an address each: add each under a name of its own. A key is
    kept apart: type `mobigo live secret NAME`, then write {secret:NAME} where it belongs in the address or a header.
    """
    _add(
        address,
        name=name,
        feed=feed,
        kind=kind,
        every=every,
        stale_after=stale_after,
        headers=dict(_read_header(header) for header in headers),
    )
    _poll([name], as_json=as_json)


@live.command()
@click.argument("recording", metavar="CSV")
@click.option("--feed", required=True, metavar="SOURCE", help="The loaded feed whose trips were recorded.")
@click.option("--name", help="What it is called here; FEED-replay unless said.")
@click.option("--day", metavar="DATE", help="Replay it on this day instead of its own.")
@click.option("--out", metavar="FILE", help="Only write what the feed would say now as GTFS-Realtime; add nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def replay(recording: str, *, feed: str, name: str | None, day: str | None, out: str | None, as_json: bool) -> None:
    """Replay a recorded day: at each instant of the clock, say what the feed would have said then.

    The recording (CSV, gzip or not) has a row per trip and stop: trip_id, stop_id, arrival_time, arrival_delay,
    departure_time, departure_delay. At an instant the feed holds the delays of the stops passed by then; the last one
    of each trip is carried on. Meant for a sandbox, whose clock is put into that day: `mobigo clock set`.
    """
    on = _read_day(day)
    if out is not None:
        _write_replay(Path(recording), feed, on, Path(out))
        return
    name = name or f"{feed}-replay"
    _add(recording, name=name, feed=feed, kind="replay", every=10, stale_after=300, headers={}, day=on)
    _poll([name], as_json=as_json)


@live.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_sources(*, as_json: bool) -> None:
    """List the sources, how old what they say is, and how much of it is found."""
    _list(as_json=as_json)


@live.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(name: str, *, as_json: bool) -> None:
    """Show a source: how it fares, and examples of what was not found in the timetable."""
    from mobigo.transit import live_store

    now = _now()
    with _connect() as connection:
        source = live_store.get_source(connection, name)
        rate = live_store.list_latest_rates(connection, now).get(name)
    if as_json:
        print(json.dumps(_as_json(source, rate), ensure_ascii=False, indent=1))
        return
    print(f"{source.name}: {source.kind} about {source.feed}, from {source.address}")
    print(f"  asked every {source.every} s, used for {source.stale_after} s")
    if source.day:
        print(f"  replayed on {source.day}")
    print(f"  answered {_ago(source.fetched_at, now)}, its content is of {_ago(source.made_at, now)}")
    if source.failures:
        print(f"  failed {source.failures} times since, next attempt {source.next_at:%H:%M:%S} UTC")
    if source.problem:
        print(f"  {source.problem}")
    if rate is None:
        print("  nothing of it has been laid over the timetable yet; `mobigo live poll` does it now")
        return
    for what, found, told in _counts(rate):
        print(f"  {what:<9}{found:>7,} of {told:,} found" + (f", {100 * found / told:.1f} %" if told else ""))
    print(f"  new trips{rate.report.new_trips:>7,}")
    for text in rate.report.unmatched:
        print(f"    {text}")


@live.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a source; what it said is no longer used."""
    from mobigo.settings import read_settings
    from mobigo.transit.live_service import remove_source

    with _connect() as connection:
        remove_source(connection, read_settings().home, name)
    _refresh([])
    print(f"{name} is removed")


@live.command()
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def poll(names: tuple[str, ...], *, as_json: bool) -> None:
    """Ask sources now (all, unless some are named) and plan on what they say. Exit code 1 when one fails."""
    _poll(list(names) or None, as_json=as_json)


@live.command()
@click.argument("name")
def secret(name: str) -> None:
    """Keep a key for addresses and headers: read from standard input, written where only the owner reads it."""
    from mobigo.settings import read_settings
    from mobigo.transit.live_service import save_secret

    value = click.prompt("key", hide_input=True) if sys.stdin.isatty() else sys.stdin.read().strip()
    save_secret(read_settings().home, name, value)
    print(f"kept; write {{secret:{name}}} where it belongs")


def _add(
    address: str,
    *,
    name: str,
    feed: str,
    kind: str,
    every: int,
    stale_after: int,
    headers: dict[str, str],
    day: date | None = None,
) -> None:
    from mobigo.settings import read_settings
    from mobigo.transit.live_service import add_source, is_url
    from mobigo.transit.live_store import LiveSource

    if not is_url(address):
        address = str(Path(address).absolute())
    source = LiveSource(name, feed, kind, address, headers, every, stale_after, day, _now())
    with _connect() as connection:
        add_source(connection, read_settings().home, source)


def _read_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidInput(f"{text!r} is no header; write it like 'X-Api-Key: {{secret:NAME}}'")
    return name.strip(), value.strip()


def _read_day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no date; write it like 2026-11-24") from None


def _write_replay(recording: Path, feed: str, day: date | None, out: Path) -> None:
    from mobigo.journeys.network import Networks
    from mobigo.settings import read_settings
    from mobigo.transit.live_listen import read_file, understand
    from mobigo.transit.live_publish import write_feed
    from mobigo.transit.live_store import list_zones
    from mobigo.transit.replay import Recording
    from mobigo.transit.replay import replay as say

    read = understand("replay", read_file(str(recording)), feed)
    assert isinstance(read, Recording)
    with _connect() as connection:
        zone = list_zones(connection).get(feed) or Networks(read_settings().home).current().manifest.zone
    said = say(read, feed, int(_now().timestamp()), zone, day)
    out.write_bytes(write_feed(said))
    print(f"{out}: {len(said.trips):,} trips, {sum(len(trip.calls) for trip in said.trips):,} stops passed")


def _poll(names: Sequence[str] | None, *, as_json: bool) -> None:
    from mobigo.transit import live_store

    with _connect() as connection:
        known = [source.name for source in live_store.list_sources(connection)]
        for name in names or ():
            live_store.get_source(connection, name)
    wanted = known if names is None else list(names)
    failed = _refresh(wanted)
    with _connect() as connection:
        rates = live_store.list_latest_rates(connection, _now())
        sources = [source for source in live_store.list_sources(connection) if source.name in wanted]
    if as_json:
        print(json.dumps([_as_json(one, rates.get(one.name)) for one in sources], ensure_ascii=False, indent=1))
    else:
        _print_table(sources, rates)
    if failed:
        raise Unavailable(f"{', '.join(failed)} failed; `mobigo live show NAME` says more")


def _refresh(names: Sequence[str]) -> list[str]:
    """Ask sources and renew what journeys are planned on; return those that failed."""
    from mobigo.cli.context import open_database
    from mobigo.journeys.live_watch import LiveWatch
    from mobigo.settings import read_settings

    settings = read_settings()
    watch = LiveWatch(open_database(), settings.home, settings.allow_hosts)
    outcomes = watch.run(settings.open_clock().now(), names=names)
    return [one.source.name for one in outcomes if one.failed]


def _list(*, as_json: bool) -> None:
    from mobigo.transit import live_store

    with _connect() as connection:
        sources = live_store.list_sources(connection)
        rates = live_store.list_latest_rates(connection, _now())
    if as_json:
        print(json.dumps([_as_json(one, rates.get(one.name)) for one in sources], ensure_ascii=False, indent=1))
    elif sources:
        _print_table(sources, rates)
    else:
        print("no live source; add one with `mobigo live add URL --name NAME --feed SOURCE`")


def _print_table(sources: Sequence[LiveSource], rates: dict[str, Rate]) -> None:
    now = _now()
    lines = [["source", "feed", "kind", "content", "trips", "vehicles", "alerts"]]
    notes = [""]
    for one in sources:
        rate = rates.get(one.name)
        shares = [f"{found:,} of {told:,}" if told else "" for _, found, told in _counts(rate)] if rate else [""] * 4
        lines.append([one.name, one.feed, one.kind, _ago(one.made_at, now), shares[0], shares[2], shares[3]])
        notes.append(one.problem or ("too old, not used" if rate and rate.report.stale else ""))
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line, note in zip(lines, notes, strict=True):
        cells = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(f"{cells}  {note}".rstrip())


def _counts(rate: Rate) -> list[tuple[str, int, int]]:
    report = rate.report
    return [
        ("trips", report.trips_matched, report.trips),
        ("calls", report.calls_matched, report.calls),
        ("vehicles", report.vehicles_matched, report.vehicles),
        ("alerts", report.alerts_matched, report.alerts),
    ]


def _ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    seconds = int((now - at).total_seconds())
    if abs(seconds) < 120:  # noqa: PLR2004  two minutes
        return f"{seconds} s ago"
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _as_json(source: LiveSource, rate: Rate | None) -> dict[str, Any]:
    def text(at: datetime | date | None) -> str | None:
        return None if at is None else at.isoformat()

    report = rate and rate.report
    return {
        "name": source.name,
        "feed": source.feed,
        "kind": source.kind,
        "address": source.address,
        "headers": source.headers,
        "every": source.every,
        "stale_after": source.stale_after,
        "day": text(source.day),
        "tried_at": text(source.tried_at),
        "fetched_at": text(source.fetched_at),
        "made_at": text(source.made_at),
        "failures": source.failures,
        "problem": source.problem,
        "match": report
        and {
            "rate": report.rate if report.trips else None,
            **{name: getattr(report, name) for name in report.__dataclass_fields__ if name != "source"},
        },
    }


@contextmanager
def _connect() -> Iterator[psycopg.Connection[Any]]:
    import psycopg

    from mobigo.cli.context import open_database
    from mobigo.db.engine import libpq_conninfo

    with psycopg.connect(libpq_conninfo(open_database())) as connection:
        yield connection


def _now() -> datetime:
    from mobigo.settings import read_settings

    return read_settings().open_clock().now()
