"""Codes and validations: how long a device judges, and how many validations come in; part of ticketing."""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from sqlalchemy.orm import Session
from tests.conftest import serve

from benchmarks.bar import Bar
from mobigo.db import cluster, migrate
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.clock import Clock
from mobigo.tickets import bundling, codes, enrolment, keys_store, service, store
from mobigo.tickets.check import Act, Place
from mobigo.tickets.device import Device, to_json
from mobigo.tickets.keys import Keyring, write_set
from mobigo.tickets.model import Format, Wanted
from mobigo.tickets.signer import Signer
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy.engine import Engine

TICKETS, JUDGED, VALIDATIONS, BATCH = 500, 4_000, 6_000, 500
JUDGE_LIMIT, INGEST_LIMIT = 2.0, 200.0
"""Milliseconds; validations a second."""
PERCENTILE = 95

NOON = datetime(2026, 11, 23, 11, tzinfo=UTC)
LINE = Place(agency="bench:A", route="bench:1", stop="bench:s")


def bars() -> Iterator[Bar]:
    """Measure both, on a database of their own."""
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as name:
        home = Path(name)
        home.chmod(0o755)  # root's server runs as another user, who must get in
        try:
            cluster.start(home, {})
            url = cluster.find_url(home)
            assert url
            migrate.upgrade(url)
            engine = open_engine(url)
            yield from _measure(engine, home)
            engine.dispose()
        finally:
            cluster.drop(home)


def _measure(engine: Engine, home: Path) -> Iterator[Bar]:
    signer = Signer(home / "signer", "mobigo")
    listed = _issue(engine, signer)
    with Session(engine) as session:
        keys = Keyring(keys_store.list_keys(driver(session)))
        device_row, word = enrolment.make(session, name="bench", kind="validator", agency=None, by="bench", now=NOON)
        device = Device(home / "device")
        enrolment.enrol(session, device_row.id, word, device.make_key(), NOON)
        bundling.make(driver(session), signer, NOON)
        given = bundling.hand_out(driver(session), None)
        session.commit()
    device.enrol(device_row.id, "http://bench", write_set(keys.keys))
    assert given.data
    device.install(given.data, NOON)
    for format_ in Format:
        data = listed[format_]

        def judge(at: int, data: Sequence[bytes] = data) -> bool:
            return codes.judge(data[at % len(data)], keys, NOON).valid

        taken, usual = _time(judge)
        how = (
            f"{JUDGED:,} codes, signature and times, by the keys alone; 95th percentile of processor time (half of them"
        )
        how += f" within {usual:.2f} ms by the clock)"
        yield Bar(f"a code verified without a network ({format_})", taken, "ms", JUDGE_LIMIT, "lower", how)

    def present(at: int) -> bool:
        data = listed[Format.COMPACT][at % TICKETS]
        moment = NOON + timedelta(minutes=10 * (at // TICKETS), seconds=at % TICKETS)
        return device.present(data, LINE, Act.VALIDATION, moment).outcome.verdict.valid

    taken, usual = _time(present, VALIDATIONS)
    how = (
        f"{VALIDATIONS:,} tickets held before a device: judged, uses counted, written to disk for good; 95th percentile"
    )
    how += f" of processor time (half of them within {usual:.2f} ms by the clock)"
    yield Bar("a ticket validated by a device", taken, "ms", None, "lower", how)
    yield _send(engine, home, device)
    device.close()


def _issue(engine: Engine, signer: Signer) -> dict[Format, list[bytes]]:
    wanted = Wanted("day", 1, "adult", NOON - timedelta(hours=1), NOON + timedelta(days=2), 500, vat_permille=100)
    with Session(engine) as session, session.begin():
        signer.keep_keys(driver(session), NOON)
        issued = service.issue(session, [wanted] * TICKETS, now=NOON)
    with Session(engine) as session:
        service.sign_waiting(driver(session), signer, NOON)
        session.commit()
        found: dict[Format, list[bytes]] = {format_: [] for format_ in Format}
        for one in issued:
            for format_, data in found.items():
                row = store.find_code(driver(session), one.id, format_)
                assert row
                data.append(row.data)
    return found


def _time(act: Callable[[int], bool], rounds: int = JUDGED) -> tuple[float, float]:
    """Return how long something takes, in milliseconds: 95th percentile by the processor, median by the clock."""
    busy, passed = list[float](), list[float]()
    for at in range(rounds):
        begun, worked = time.perf_counter(), time.process_time()
        good = act(at)
        busy.append(1000 * (time.process_time() - worked))
        passed.append(1000 * (time.perf_counter() - begun))
        assert good
    return statistics.quantiles(busy, n=100)[PERCENTILE - 1], statistics.median(passed)


def _send(engine: Engine, home: Path, device: Device) -> Bar:
    """Send what the device has written down, one request after another."""
    clock = Clock(home / "clock.json")
    clock.move(NOON + timedelta(days=1), 0)
    with serve(create_app(engine=engine, clock=clock, home=home)) as address:
        headers = {"Authorization": f"Bearer {device.write_pass(clock.now())}"}
        with httpx.Client(base_url=address, timeout=60, headers=headers) as http:
            http.get("/v1/tickets/keys").raise_for_status()
            sent, begun = 0, time.perf_counter()
            while waiting := device.list_waiting(BATCH):
                body = {"events": [to_json(one) for one in waiting]}
                http.post("/v1/tickets/validations", json=body).raise_for_status()
                device.mark_sent([one.event.seq for one in waiting], clock.now())
                sent += len(waiting)
            seconds = time.perf_counter() - begun
    how = (
        f"{sent:,} validations over HTTP, {BATCH} a request, one request after another: device, API and database as one"
    )
    return Bar("validations taken in by one client", sent / seconds, "a second", INGEST_LIMIT, "higher", how)
