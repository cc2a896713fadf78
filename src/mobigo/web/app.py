"""The application: routers of the rooms, problem documents, OpenAPI, pages."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anyio import to_thread

from mobigo import __version__
from mobigo.accounts import api as accounts_api
from mobigo.accounts.key import read_key
from mobigo.carpool import (
    bookings_api,
    elsewhere_api,
    lines_api,
    money_api,
    national_api,
    operators_api,
    people_api,
    policies_api,
    proof_api,
    regular_api,
    runs_api,
    search_api,
    standard_api,
    talk_api,
    waiting_api,
    wishes_api,
)
from mobigo.carpool.supply import Cars
from mobigo.db.engine import POOL_SIZE
from mobigo.facades.mcp import api as mcp_api
from mobigo.facades.motis.app import make_app as make_motis
from mobigo.facades.navitia.app import create_navitia
from mobigo.facades.ojp import api as ojp_api
from mobigo.fares import catalogue_api as fares_api
from mobigo.journeys import api as journeys_api
from mobigo.journeys import follow_api, legs_api, nearby_api, price_api, reach_api
from mobigo.journeys.hails import Hails
from mobigo.journeys.lifts import Lifts
from mobigo.journeys.network import Networks
from mobigo.journeys.noting import Notes
from mobigo.journeys.pricing import Fares
from mobigo.ledger import api as ledger_api
from mobigo.ledger.sepa import Account
from mobigo.messages import outbox_api, webhook_api
from mobigo.ondemand import availability_api, booking_api, fleet_api, replanning_api, series_api, services_api
from mobigo.ondemand.catalogue import Catalogues
from mobigo.opendata import api as opendata_api
from mobigo.opendata import live_api as opendata_live_api
from mobigo.opendata import quality_api as opendata_quality_api
from mobigo.opendata.catalogue_texts import CatalogueTexts
from mobigo.opendata.live import LiveFeeds
from mobigo.opendata.making import Publisher
from mobigo.opendata.shelf import Shelf
from mobigo.payments.sandbox import Sandbox
from mobigo.places import api as places_api
from mobigo.school import outputs_api as school_outputs_api
from mobigo.school import register_api as school_register_api
from mobigo.school import scenarios_api
from mobigo.school.roads import RoadsKeeper
from mobigo.school.scenarios import Bench
from mobigo.settings import Settings
from mobigo.ticketing import account_api, after_api, debts, orders_api, revenue_api, taps_api
from mobigo.ticketing.asking import find_places_in
from mobigo.ticketing.counter import Counter
from mobigo.tickets import api as tickets_api
from mobigo.tickets import devices_api as tickets_devices_api
from mobigo.trace.masks import Masks
from mobigo.trace.noting import Notebook, carry_masks
from mobigo.transit import api as transit_api
from mobigo.transit import board_api, disturbance_api, live_api
from mobigo.usage import drafts_api, usage_api
from mobigo.web import errors, pages
from mobigo.web.described import DescribedApp
from mobigo.web.fresh import Fresh

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from fastapi import FastAPI
    from fastapi.routing import APIRoute
    from sqlalchemy.engine import Engine

    from mobigo.kit.clock import Clock
    from mobigo.payments.provider import Provider


def _operation_id(route: APIRoute) -> str:
    return route.name


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Let no more requests work at once than there are database connections; the others wait their turn."""
    to_thread.current_default_thread_limiter().total_tokens = POOL_SIZE
    yield
    app.state.supplies.close()
    app.state.cars.close()
    app.state.fares.close()
    app.state.live_feeds.close()
    app.state.notes.notebook.close()


SAMPLE = Account(Settings.payer_name, Settings.payer_iban)
"""Who pays drivers, unless an instance says so: an account of nobody."""

PUBLISHER = Publisher(Settings.publisher_name, Settings.publisher_website)
"""Who publishes open data, unless an instance says so."""


def create_app(
    *,
    engine: Engine,
    clock: Clock,
    home: Path,
    allow_hosts: Sequence[str] = (),
    payer: Account = SAMPLE,
    operator: str = "mobigo.localhost",
    publisher: Publisher = PUBLISHER,
    provider: Provider | None = None,
    trace_days: Sequence[tuple[str, int]] = Settings.trace_days,
    public_url: str = Settings.public_url,
) -> FastAPI:
    """Assemble the application from what it needs; tests hand it theirs.

    ``app.state`` carries `engine`, `clock`, `token_key`, `bank_key`, `payer`, `networks`, `catalogues`,
    `operator` and `allow_hosts`: what ``db.session``, ``kit.requests``, ``accounts.api`` and every route that plans
    look up.
    """
    app = DescribedApp(
        lifespan=_lifespan,
        title="mobigo",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    masks = Masks(home)
    app.state.engine = engine = carry_masks(engine, masks)
    app.state.clock = clock
    app.state.token_key = read_key(home)
    app.state.notes = Notes(Notebook(engine), masks)
    app.state.trace_days = tuple(trace_days)
    app.state.bank_key = read_key(home, "bank")
    app.state.cards_key = read_key(home, "cards")
    app.state.payer = payer
    app.state.allow_hosts = tuple(allow_hosts)
    app.state.operator = operator
    app.state.public_url = public_url
    app.state.publisher = publisher
    app.state.shelf = Shelf(home)
    app.state.catalogue_texts = CatalogueTexts()
    app.state.networks = Networks(home, clock)
    app.state.live_feeds = LiveFeeds(engine, app.state.networks, clock)
    app.state.catalogues = Catalogues()
    app.state.hails = Hails(engine, app.state.token_key, clock)
    app.state.supplies = app.state.hails.supplies
    app.state.cars = Cars(engine, clock)
    app.state.fares = Fares(engine)
    app.state.counter = Counter(
        engine,
        provider or Sandbox(engine, read_key(home, "payments").hex()),
        lambda: find_places_in(app.state),
        {debts.PURPOSE: debts.follow},
    )
    app.state.lifts = Lifts(app.state.cars, app.state.token_key)
    app.state.school_bench = Bench(RoadsKeeper(home))
    app.state.turns = asyncio.Semaphore(POOL_SIZE // 2)
    errors.install(app)
    apis = (
        journeys_api,
        follow_api,
        legs_api,
        nearby_api,
        price_api,
        reach_api,
        places_api,
        board_api,
        transit_api,
        live_api,
        disturbance_api,
        services_api,
        availability_api,
        booking_api,
        series_api,
        fleet_api,
        replanning_api,
        outbox_api,
        webhook_api,
        fares_api,
        orders_api,
        taps_api,
        account_api,
        after_api,
        revenue_api,
        ledger_api,
        lines_api,
        runs_api,
        regular_api,
        bookings_api,
        people_api,
        policies_api,
        money_api,
        proof_api,
        national_api,
        search_api,
        talk_api,
        waiting_api,
        wishes_api,
        operators_api,
        standard_api,
        elsewhere_api,
        school_register_api,
        school_outputs_api,
        scenarios_api,
        opendata_live_api,
        opendata_quality_api,
        opendata_api,
        usage_api,
        drafts_api,
        mcp_api,
        ojp_api,
        tickets_devices_api,
        tickets_api,
        accounts_api,
    )
    for room in apis:
        app.include_router(room.router)
    app.mount("/motis", make_motis(app.state))
    app.mount("/navitia", create_navitia(app.state))
    pages.install(app)
    app.add_middleware(Fresh, copies=(app.state.supplies, app.state.cars, app.state.fares))
    return app
