"""Keys, a signer, tickets and devices of tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy.orm import Session
from tests.conftest import new_database, serve

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.cli import validator
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.clock import Clock
from mobigo.tickets import bundling, service
from mobigo.tickets.device import Device
from mobigo.tickets.model import Wanted
from mobigo.tickets.signer import Signer
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from mobigo.tickets.model import Ticket

NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
"""A Monday, noon in Paris."""


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """Who signs, with keys of its own."""
    return Signer(tmp_path / "signer", "mobigo")


def want(**given: object) -> Wanted:
    """A day ticket, or what is given."""
    usual: dict[str, object] = {
        "product": "day",
        "version": 3,
        "category": "adult",
        "valid_from": NOON,
        "valid_until": NOON + timedelta(hours=15),
        "cents": 500,
        "vat_permille": 100,
    }
    return Wanted(**(usual | given))  # type: ignore[arg-type]


def issue_signed(engine: Engine, signer: Signer, *wanted: Wanted, now: datetime = NOON) -> list[Ticket]:
    """Issue tickets and sign their codes, as API and worker do."""
    with Session(engine) as session, session.begin():
        issued = service.issue(session, wanted, now=now)
    sign(engine, signer, now)
    with Session(engine) as session:
        return [service.get_ticket(session, one.id) for one in issued]


def sign(engine: Engine, signer: Signer, now: datetime = NOON) -> int:
    """Sign what waits, as the worker does."""
    with Session(engine) as session, session.begin():
        signer.keep_keys(driver(session), now)
    with Session(engine) as session:
        signed = service.sign_waiting(driver(session), signer, now)
        session.commit()
        return signed


def make_bundle(engine: Engine, signer: Signer, now: datetime = NOON) -> int | None:
    """Make a bundle if there is something new, as the worker does."""
    with Session(engine) as session, session.begin():
        signer.keep_keys(driver(session), now)
        return bundling.make(driver(session), signer, now)


@dataclass
class Yard:
    """A served instance, its worker's hands, and devices that talk to it."""

    engine: Engine
    signer: Signer
    clock: Clock
    address: str
    home: Path

    @property
    def now(self) -> datetime:
        """What the clock shows."""
        return self.clock.now()

    def ask(
        self, method: str, path: str, role: Role | None = None, user: str | None = None, *, json: object = None
    ) -> httpx.Response:
        """Ask the API, as somebody."""
        headers = {}
        if role is not None:
            token = issue(read_key(self.home), user or role.value, role, self.now, timedelta(hours=1))
            headers["Authorization"] = f"Bearer {token}"
        with self.call() as http:
            return http.request(method, f"/v1/tickets{path}", headers=headers, json=json)

    def call(self, device: Device | None = None, at: datetime | None = None) -> httpx.Client:
        """Open a client, as a device if one is given, by the device's clock."""
        headers = {"Authorization": f"Bearer {device.write_pass(at or self.now)}"} if device else {}
        return httpx.Client(base_url=self.address, timeout=120, verify=False, headers=headers)

    def flags(self, *devices: Device) -> list[dict[str, Any]]:
        """List what cannot be right in what some devices saw."""
        found = self.ask("GET", "/flags?limit=1000", Role.DISPATCHER).json()["flags"]
        return [one for one in found if one["device"] in {device.id for device in devices}]

    def enrol(self) -> Device:
        """Make a device and enrol it, with the newest bundle."""
        made = self.ask("POST", "/devices", Role.DISPATCHER, json={"name": "LR02"}).json()
        device = Device(self.home / made["device"]["id"])
        id_, word = made["device"]["id"], made["word"]
        with self.call() as http:
            body = {"word": word, "public_key": validator.b64encode(device.make_key()).decode()}
            answer = http.post(f"/v1/tickets/devices/{id_}/enrolment", json=body)
            assert answer.status_code == 200, answer.text
            device.enrol(id_, self.address, {"keys": answer.json()["keys"]})
        self.sync(device)
        return device

    def sync(self, device: Device) -> int:
        """Let a device send what waits and take what is new."""
        make_bundle(self.engine, self.signer, self.now)
        with self.call() as http:
            sent = validator._send(device, http, self.now)
            validator._fetch_bundle(device, http, self.now)
        return sent

    def issue(self, *wanted: Wanted) -> list[Ticket]:
        """Issue and sign tickets, at noon."""
        return issue_signed(self.engine, self.signer, *wanted)


@pytest.fixture(scope="module")
def yard(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A served instance, where it is three hours after noon and stays so; a module's tests share it."""
    home = tmp_path_factory.mktemp("yard")
    clock = Clock(home / "clock.json")
    clock.move(NOON + timedelta(hours=3), 0)
    signer = Signer(home / "signer", "mobigo")
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        make_bundle(engine, signer)
        with serve(create_app(engine=engine, clock=clock, home=home)) as address:
            yield Yard(engine, signer, clock, address, home)
        engine.dispose()
