"""From a village to the tram: priced, bought, read from the picture, validated, partly refunded, shared, closed.

Everything is real: the demonstration's region and prices, the database, the planner, vehicles, codes and devices.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
import zxingcpp
from PIL import Image
from sqlalchemy.orm import Session
from tests.conftest import AppClient, serve
from tests.demo.test_loading import Stopped
from tests.ondemand.taxi_town import CAMILLE
from tests.tickets.conftest import Yard, make_bundle, sign

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.cli.region import load_demonstration
from mobigo.db.engine import libpq_conninfo
from mobigo.fares.demonstration import publish_demonstration
from mobigo.journeys.service import build_network
from mobigo.kit.clock import Clock
from mobigo.ondemand.model import State
from mobigo.ondemand.progress import Progress
from mobigo.ondemand.service import Actor
from mobigo.tickets.check import Act, Place
from mobigo.tickets.codes import Reason
from mobigo.tickets.signer import Signer
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
VILLAGE, DIJON = "47.4400,4.3900", "47.3300,5.0600"
TRAIN = Place(agency="demonstration:trains")
TRAM = Place(agency="demonstration:dijon")


class Region:
    """The served demonstration, and shorthands for what one does there."""

    def __init__(self, http: AppClient, yard: Yard, url: str) -> None:
        self.http, self.yard, self._url = http, yard, url

    def ask(self, method: str, path: str, body: object = None, role: Role | None = None) -> dict[str, Any]:
        headers = {}
        if role is not None:
            token = issue(read_key(self.yard.home), role.value, role, self.yard.now, timedelta(hours=1))
            headers["Authorization"] = f"Bearer {token}"
        answer = self.http.request(method, f"/v1/tickets/{path}", json=body, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def plan(self, **more: object) -> dict[str, Any]:
        """Find the journey with the train and the tram."""
        query = {"from": VILLAGE, "to": DIJON, "at": "2026-11-24T09:30:00+01:00", **more}
        answer = self.http.get("/v1/journeys", params=query)
        assert answer.status_code == 200, answer.text
        for journey in answer.json()["journeys"]:
            if [leg["mode"] for leg in journey["legs"] if leg["mode"] != "walk"] == ["on_demand", "rail", "tram"]:
                found: dict[str, Any] = journey
                return found
        raise AssertionError(answer.text[:2000])

    def read_code(self, key: str, format_: str) -> bytes:
        """Read a ticket's code from its picture, by a decoder that is not ours."""
        answer = self.http.get(f"/v1/tickets/{key}/code.png", params={"format": format_})
        assert answer.status_code == 200, answer.text
        picture = np.asarray(Image.open(BytesIO(answer.content)).convert("L"))
        kinds = (zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.AztecCode)
        (found,) = zxingcpp.read_barcodes(picture, kinds)  # in some patterns there are bars of other kinds
        return bytes(found.bytes)

    def books(self) -> dict[str, int]:
        """Return what the accounts hold; they add up to nothing, and what the provider holds is what its file says."""
        with psycopg.connect(libpq_conninfo(self._url)) as connection:
            rows = connection.execute("SELECT account, sum(cents)::bigint FROM ledger_posting GROUP BY account")
            found = {account: cents for account, cents in rows if cents}
            (held,) = connection.execute("SELECT coalesce(sum(cents), 0)::bigint FROM sandbox_row").fetchone() or (0,)
        assert sum(found.values()) == 0
        assert found.get("provider", 0) == held
        return found


@pytest.fixture
def region(engine: Engine, database_url: str, home: Path) -> Iterator[Region]:
    """The demonstration, on a Monday at seven."""
    load_demonstration(database_url, Stopped(MONDAY))
    build_network(database_url, home, MONDAY)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        publish_demonstration(connection, now=MONDAY, today=MONDAY.date())
    clock = Clock(home / "clock.json")
    clock.move(MONDAY, rate=0)
    signer = Signer(home / "signer", "mobigo")
    make_bundle(engine, signer, MONDAY)
    app = create_app(engine=engine, clock=clock, home=home)
    with serve(app) as address, AppClient(base_url=address, timeout=120) as http:
        http.app = app
        yield Region(http, Yard(engine, signer, clock, address, home), database_url)


def drive(region: Region) -> None:
    """Have the on-demand vehicle take its passengers there."""
    state = region.http.app.state
    network = state.networks.find_current()
    supply = state.supplies.current(network.drives)
    assert supply is not None
    with Session(region.yard.engine) as session, session.begin():
        progress = Progress(session, supply, Actor("d", Role.DISPATCHER), region.yard.now)
        (leg,) = session.connection().exec_driver_sql("SELECT id FROM ondemand_leg").fetchone() or ("",)
        for one in (State.ARRIVED, State.ON_BOARD, State.COMPLETED):
            progress.move(leg, one, None)


def test_from_the_village_to_the_tram_and_to_the_last_cent(region: Region) -> None:
    # priced: the planner says the same as the offer
    journey = region.plan(travellers=["adult", "adult"], passengers=2)
    quotes = [leg["booking"]["quote"] for leg in journey["legs"] if leg["mode"] == "on_demand"]
    body = {"journey": journey["id"], "quotes": quotes, "travellers": [{"category": "adult"}, {"category": "adult"}]}
    (offer,) = region.ask("POST", "offers", body)["offers"]
    assert offer["cents"] == journey["price"]["cents"]
    assert offer["unpriced_rides"] == []
    assert [ride["kind"] for ride in offer["rides"]] == ["on_demand", "line", "line"]

    # bought
    order = region.ask("POST", "orders", {"offers": [offer["offer"]], "contact": CAMILLE})
    region.books()
    paid = region.ask("POST", f"orders/{order['id']}/pay", {"method": "pm_card_visa"})
    assert paid["state"] == "issued"
    assert region.books()["provider"] == offer["cents"]
    through = [part for part in paid["parts"] if part["type"] == "ADMISSION"]
    assert [part["rides"] for part in through] == [[1, 2], [1, 2]]
    sign(region.yard.engine, region.yard.signer, region.yard.now)

    # one of the two does not come: their train and tram are given back before the day
    quoted = region.ask("POST", f"orders/{order['id']}/refund-quotes", {"parts": [through[1]["id"]]})
    assert quoted["refund_cents"] == through[1]["cents"]
    after = region.ask("POST", f"orders/{order['id']}/refund", {"quote": quoted["quote"]})
    assert after["state"] == "issued"
    assert region.books()["provider"] == offer["cents"] - through[1]["cents"]

    # read from the picture, validated offline on two devices, sent in late and twice
    first, second = region.yard.enrol(), region.yard.enrol()
    noon = TUESDAY + timedelta(hours=6)
    good, bad = through[0]["ticket"], through[1]["ticket"]
    rail_code, own_code = region.read_code(good, "uic"), region.read_code(good, "compact")
    assert first.present(rail_code, TRAIN, Act.VALIDATION, noon).outcome.reason is Reason.OK
    assert second.present(own_code, TRAM, Act.VALIDATION, noon + timedelta(hours=1)).outcome.reason is Reason.OK
    region.yard.clock.move(noon + timedelta(hours=3), rate=0)
    assert (region.yard.sync(second), region.yard.sync(first), region.yard.sync(first)) == (1, 1, 0)
    assert region.ask("GET", good)["rides_used"] == 2
    assert region.http.get(f"/v1/tickets/{bad}/code.png", params={"format": "uic"}).status_code == 409
    drive(region)
    region.books()

    # shared between operators, closed, paid
    region.yard.clock.move(datetime(2026, 12, 2, 9, tzinfo=UTC), rate=0)
    region.ask("POST", "sharing-rules", {"since": "2026-01-01", "basis": "stand_alone"}, Role.FINANCE)
    region.ask(
        "PUT", "operators/trains/account", {"name": "Trains", "iban": "FR1420041010050500013M02606"}, Role.FINANCE
    )
    month = region.ask("POST", "months/2026-11/close", {}, Role.FINANCE)
    shares = {one["operator"]: one["cents"] for one in month["shares"]}
    taxi = sum(part["cents"] for part in paid["parts"] if part["type"] == "RESERVATION")
    net = through[0]["cents"] - through[0]["vat_cents"]
    alone = 1050, 170
    assert shares == {
        "auxois_a_la_demande": taxi,
        "trains": round(net * alone[0] / sum(alone)),
        "tram": net - round(net * alone[0] / sum(alone)),
    }
    books = region.books()
    assert books["operators"] == -(shares["auxois_a_la_demande"] + shares["tram"])
    assert books["bank"] == -shares["trains"]
    assert not {"deferred", "prepaid", "travellers", "refunds"} & set(books)

    # the provider's file agrees
    file = region.http.app.state.counter.provider.write_settlement(MONDAY, MONDAY + timedelta(days=30))
    token = issue(read_key(region.yard.home), "f", Role.FINANCE, region.yard.now, timedelta(hours=1))
    answer = region.http.post(
        "/v1/tickets/settlements", content=file, headers={"Authorization": f"Bearer {token}"}
    ).json()
    assert (answer["rows"], answer["findings"], answer["missing"]) == (2, [], [])


def test_a_journey_is_bought_and_given_back_on_pages(region: Region) -> None:
    query = {"from": VILLAGE, "to": DIJON, "at": "2026-11-24T09:30", "lang": "en"}
    shown = region.http.get("/", params=query)
    assert shown.status_code == 200
    assert 'action="/buy"' in shown.text
    journey = region.plan()
    quotes = " ".join(leg["booking"]["quote"] for leg in journey["legs"] if leg.get("booking"))
    english = {"Accept-Language": "en"}
    form = {"journey": journey["id"], "option": quotes, "travellers": "1"}
    offered = region.http.post("/buy", data=form, headers=english)
    assert offered.status_code == 200
    assert "€14.20" in offered.text
    (offer,) = re.findall(r'name="offer" value="([^"]+)"', offered.text)
    contact = {"name": "Camille", "phone": "06 12 34 56 78"}
    went = region.http.post("/orders", data={"offer": offer, **contact}, headers=english)
    assert went.status_code == 303, went.text
    again = region.http.post("/orders", data={"offer": offer, **contact}, headers=english)
    assert again.headers["location"] == went.headers["location"]
    order = region.http.get(went.headers["location"], headers=english)
    assert "Paid. Here are your tickets." in order.text
    assert len(re.findall(r'href="/tickets/t', order.text)) == 2
    for part in re.findall(r'name="part" value="([^"]+)"', order.text):
        back = f"{went.headers['location']}/refund"
        asked = region.http.post(back, data={"part": part}, headers=english).text
        assert "You would get" in asked
        (quote,) = re.findall(r'name="quote" value="([^"]+)"', asked)
        assert region.http.post(back, data={"quote": quote}).status_code == 303
    assert "All tickets were given back." in region.http.get(went.headers["location"], headers=english).text
    assert region.books() == {}
    assert region.http.get("/orders/nobody").status_code == 404
    assert region.http.post("/buy", data={"journey": "x"}, headers=english).status_code == 422
