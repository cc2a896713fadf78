"""Who has just changed something sees it: what can be booked is looked up anew after every request that writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.web.html import READ

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mobigo.ondemand.supply import Supplies


class Fresh:
    """Tells the supply of rides that it may have changed, before the answer leaves.

    Parameters
    ----------
    app : ASGIApp
    supplies : Supplies
    """

    def __init__(self, app: ASGIApp, supplies: Supplies) -> None:
        self._app = app
        self._supplies = supplies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] in READ:
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._supplies.expect_change()
            await send(message)

        await self._app(scope, receive, answer)
