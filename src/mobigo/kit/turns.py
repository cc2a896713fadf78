"""Taking turns: what a route depends on that changes runs."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request


async def take_turn(request: Request) -> AsyncIterator[None]:
    """Let only some requests at a time wait for runs that others change.

    Those that wait hold a thread and a connection each, and who has the runs needs a thread to answer and commit: if
    all waited, nobody would ever get on. Requests of other kinds go on meanwhile.
    """
    async with request.app.state.turns:
        yield


Turn = Annotated[None, Depends(take_turn, scope="function")]
"""Stands before the session in a route's parameters: so the turn is given up after the commit."""
