"""``mobigo serve``: the API and the pages alone, as `up` and containers start them."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from mobigo.kit.errors import MobigoError

if TYPE_CHECKING:
    from fastapi import FastAPI


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--fd", type=int, hidden=True, help="Serve on this open socket instead.")
@click.option("--leash", is_flag=True, hidden=True, help="Stop when standard input ends.")
def serve(*, host: str, port: int, fd: int | None, leash: bool) -> None:
    """Serve the API and the pages; `up` starts one by itself."""
    import uvicorn

    from mobigo.kit.memory import sweep_later

    with sweep_later():
        from mobigo.cli.context import open_database
        from mobigo.cli.logs import write_logs
        from mobigo.cli.opendata import read_publisher
        from mobigo.cli.selling import open_provider
        from mobigo.db.engine import open_engine
        from mobigo.ledger.sepa import Account
        from mobigo.settings import read_settings
        from mobigo.web.app import create_app
    gc.freeze()  # what was imported stays

    if leash:
        hold_leash()
    write_logs()
    settings = read_settings()
    engine = open_engine(open_database())
    app = create_app(
        engine=engine,
        clock=settings.open_clock(),
        home=settings.home,
        allow_hosts=settings.allow_hosts,
        operator=settings.operator,
        payer=Account(settings.payer_name, settings.payer_iban),
        publisher=read_publisher(settings),
        provider=open_provider(engine, settings, settings.home),
        trace_days=settings.trace_days,
        public_url=settings.public_url,
    )
    threading.Thread(target=_rehearse, args=(app,), daemon=True).start()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=None if fd is None else [socket.socket(fileno=fd)])


def _rehearse(app: FastAPI) -> None:
    """Get ready for the first traveller while the server starts."""
    from mobigo.journeys.service import rehearse

    network = app.state.networks.find_current()
    if network is not None:
        with suppress(MobigoError):
            rehearse(network, app.state.clock.now())
            app.state.hails.at(network, app.state.clock.now())


def hold_leash() -> None:
    """End this process, as if asked to, when the one that started it is gone and with it our standard input."""

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin, whose lock would be held at exit
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
