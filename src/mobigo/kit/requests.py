"""What a route may ask of the request it serves; put on ``app.state`` once by ``web.app``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request


def _now(request: Request) -> datetime:
    now = request.app.state.clock.now()
    assert isinstance(now, datetime)
    return now


Now = Annotated[datetime, Depends(_now)]
"""The instant of the request, by the one clock of this home."""
