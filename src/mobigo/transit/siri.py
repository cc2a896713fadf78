"""SIRI: estimated timetables, stop and vehicle monitoring, situations and messages become a `LiveFeed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mobigo.transit.live import LiveFeed


def read(content: bytes, source: str) -> LiveFeed:
    """Understand a SIRI delivery (ET, SM, VM, SX, GM), XML or SIRI Lite JSON, with or without a SOAP envelope.

    Parameters
    ----------
    content : bytes
    source : str
        The feed whose ids it speaks: the prefix of the ids in the timetable ("" where they have none).

    Returns
    -------
    LiveFeed
        Its `at` is 0 when the delivery says no time: then the time it was fetched must be put there.

    Raises
    ------
    InvalidInput
        When it is no SIRI delivery, torn, or declares a document type. Single journeys that make no sense are left out
        and named in `problems`.
    """
    raise NotImplementedError
