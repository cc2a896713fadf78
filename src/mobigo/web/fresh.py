"""Who has just changed something sees it: what can be booked is looked up anew after every request that writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.web.html import READ

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mobigo.carpool.supply import Cars
    from mobigo.journeys.pricing import Fares
    from mobigo.ondemand.supply import Supplies

ASKING = ("/v1/matrix", "/v1/fares/price", "/motis/", "/navitia/", "/ojp20", "/mcp")
"""How paths begin that are posted to only because a question is long."""


class Fresh:
    """Tells those who keep a copy of what can be booked that it may have changed, before the answer leaves.

    Parameters
    ----------
    app : ASGIApp
    copies : sequence
        Of rides on demand, of cars, and of what is sold.
    """

    def __init__(self, app: ASGIApp, copies: Sequence[Supplies | Cars | Fares]) -> None:
        self._app = app
        self._copies = copies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] in READ or scope["path"].startswith(ASKING):
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                for one in self._copies:
                    one.expect_change()
            await send(message)

        await self._app(scope, receive, answer)
