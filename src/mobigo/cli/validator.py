"""``mobigo validator``: a device that checks tickets, as validators in vehicles and controllers' devices do."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobigo.kit.errors import Conflict, InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import httpx

    from mobigo.tickets.device import Answer, Device

BATCH = 500
"""Events of one request."""

TIMEOUT = 20.0
"""Seconds a request may take."""

state_option = click.option(
    "--state",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the device; `validator` in the home unless told.",
)


@click.group()
def validator() -> None:
    """Be a device that checks tickets: enrol, sync, check without a network, send later."""


@validator.command()
@click.argument("address")
@click.argument("device")
@click.argument("word")
@state_option
def enrol(address: str, device: str, word: str, *, folder: Path | None) -> None:
    """Enrol at ADDRESS as DEVICE with the WORD that POST /v1/tickets/devices has told, and take the first bundle."""
    with _open(folder) as (one, now), _call(address) as client:
        body = {"word": word, "public_key": b64encode(one.make_key()).decode()}
        answer = _expect(client.post(f"/v1/tickets/devices/{device}/enrolment", json=body))
        one.enrol(device, address.rstrip("/"), {"keys": answer["keys"]})
        _fetch_bundle(one, client, now)
        print(f"{device} is enrolled at {address}; bundle {one.bundle.version if one.bundle else None}")


@validator.command()
@state_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def sync(*, folder: Path | None, as_json: bool) -> None:
    """Send what is waiting, and take what is new."""
    with _open(folder) as (one, now), _call(one.server) as client:
        sent = _send(one, client, now)
        _fetch_bundle(one, client, now)
        said = {"sent": sent, **one.tell()}
    if as_json:
        print(json.dumps(said, indent=1))
    else:
        print(f"{sent} events sent; bundle {said['bundle']}, good until {said['bundle_valid_until']}")


@validator.command()
@click.argument("codes", nargs=-1, metavar="FILE|HEX...")
@state_option
@click.option("--agency", metavar="ID", help="Whose vehicle.")
@click.option("--line", "route", metavar="ID", help="Which line.")
@click.option("--stop", metavar="ID", help="Where one gets on.")
@click.option("--trip", metavar="ID", help="Which run of the line.")
@click.option("--service-date", metavar="DAY", help="Of which service day; today unless told.")
@click.option("--vehicle", metavar="ID", help="Which vehicle; the same ticket is not taken twice in it at once.")
@click.option("--metres", type=click.IntRange(0, 2_000_000), help="Length of the ride, where it is known.")
@click.option("--first-class", is_flag=True, help="Looked at in first class.")
@click.option("--inspect", is_flag=True, help="As a controller: nothing is used up.")
@click.option("--at", metavar="INSTANT", help="As if it were then; now unless told.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a code; the exit code is then 0.")
def check(
    *,
    codes: tuple[str, ...],
    folder: Path | None,
    as_json: bool,
    at: str | None,
    **given: Any,  # noqa: ANN401 - options that say where the device is
) -> None:
    """Check codes, without a network: given here, or one a line on standard input."""
    from mobigo.cli.ticket import read_code
    from mobigo.kit.clock import parse_instant
    from mobigo.tickets.check import Act, Place
    from mobigo.tickets.judging import read_written
    from mobigo.tickets.model import TravelClass

    act = Act.INSPECTION if given["inspect"] else Act.VALIDATION
    refused = 0
    with _open(folder) as (one, now):
        instant = parse_instant(at) if at else now
        place = Place(
            agency=given["agency"],
            route=given["route"],
            stop=given["stop"],
            trip=given["trip"],
            service_date=_read_day(given["service_date"], instant),
            vehicle=given["vehicle"],
            travel_class=TravelClass.FIRST if given["first_class"] else None,
        )
        listed = (read_written(line) for line in sys.stdin.buffer if line.strip())
        for data in (read_code(code) for code in codes) if codes else listed:
            answer = one.present(data, place, act, instant, metres=given["metres"])
            refused += not answer.outcome.verdict.valid
            _print(answer, as_json=as_json)
    if refused and not as_json:
        sys.exit(1)


@validator.command()
@state_option
def status(*, folder: Path | None) -> None:
    """Say how the device stands."""
    with _open(folder) as (one, _):
        print(json.dumps(one.tell(), indent=1))


def _print(answer: Answer, *, as_json: bool) -> None:
    from mobigo.tickets.codes import say

    verdict = answer.outcome.verdict
    if as_json:
        said = {
            "valid": verdict.valid,
            "reason": verdict.reason,
            "format": verdict.format,
            "fields": dict(verdict.fields),
            "use": answer.outcome.use,
            "rides_left": answer.outcome.rides_left,
            "seq": answer.event.seq,
            "milliseconds": round(1000 * answer.seconds, 3),
            "bundle_stale": answer.stale,
        }
        print(json.dumps(said, ensure_ascii=False))
        return
    left = "" if answer.outcome.rides_left is None else f", {answer.outcome.rides_left} rides left"
    stale = "; the bundle is old: sync" if answer.stale else ""
    print(f"{verdict.reason}: {say(verdict.reason, 'fr')} / {say(verdict.reason, 'en')}{left}{stale}")


# ── over the network ──────────────────────────────────────────────────────────────────────────────────────────────────


def _send(one: Device, client: httpx.Client, now: datetime) -> int:
    """Send what waits, in order; what the server knows already counts as sent."""
    from mobigo.tickets.device import to_json

    sent = 0
    while waiting := one.list_waiting(BATCH):
        body = {"events": [to_json(each) for each in waiting]}
        answer = _expect(client.post("/v1/tickets/validations", json=body, headers=_say_who(one, now)))
        one.mark_sent([each["seq"] for each in answer["events"]], now)
        sent += len(answer["events"])
    return sent


def _fetch_bundle(one: Device, client: httpx.Client, now: datetime) -> None:
    """Take what is new; if it cannot be believed, or builds on another, the keys anew and a whole one."""
    since = {"since": one.bundle.version} if one.bundle else {}
    answer = client.get("/v1/tickets/bundle", params=since, headers=_say_who(one, now))
    if answer.status_code == 204:  # noqa: PLR2004 - it has the newest
        return
    _expect(answer, parse=False)
    try:
        one.install(answer.content, now)
    except Conflict:
        keys = _expect(client.get("/v1/tickets/keys"))
        one.enrol(one.id, one.server, keys)
        answer = client.get("/v1/tickets/bundle", headers=_say_who(one, now))
        _expect(answer, parse=False)
        one.install(answer.content, now)


def _say_who(one: Device, now: datetime) -> dict[str, str]:
    return {"Authorization": f"Bearer {one.write_pass(now)}"}


@contextmanager
def _call(address: str) -> Iterator[httpx.Client]:
    """Open a client; that there is no network is one sentence, and what waits is kept."""
    import httpx

    if not address.startswith(("http://", "https://")):
        raise InvalidInput(f"{address!r} is no address; write it like http://127.0.0.1:8000")
    try:
        with httpx.Client(base_url=address, timeout=TIMEOUT) as client:
            yield client
    except httpx.HTTPError as error:
        raise Unavailable(f"{address} cannot be reached ({error}); what waits to be sent is kept: sync later") from None


def _expect(answer: httpx.Response, *, parse: bool = True) -> Any:  # noqa: ANN401 - JSON
    if answer.status_code >= 400:  # noqa: PLR2004 - HTTP's own
        try:
            detail = answer.json().get("detail")
        except ValueError:
            detail = answer.text[:200]
        raise Unavailable(f"{answer.request.url.path} answers {answer.status_code}: {detail}")
    return answer.json() if parse else None


def _read_day(text: str | None, instant: datetime) -> date:
    from mobigo.tickets.railway import LOCAL

    if text is None:
        return instant.astimezone(LOCAL).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no day; write it like 2026-11-23") from None


@contextmanager
def _open(folder: Path | None) -> Iterator[tuple[Device, datetime]]:
    from mobigo.settings import read_settings
    from mobigo.tickets.device import Device

    settings = read_settings()
    one = Device(folder or settings.home / "validator")
    try:
        yield one, settings.open_clock().now()
    finally:
        one.close()
