"""GTFS-Realtime: bytes as published, protocol buffers or their JSON form, become a `LiveFeed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mobigo.transit.live import LiveFeed


def read(content: bytes, source: str) -> LiveFeed:
    """Understand a GTFS-Realtime message: trip updates, vehicle positions and alerts.

    Parameters
    ----------
    content : bytes
        Protocol buffers, or JSON of the same names.
    source : str
        The feed whose ids it speaks: the prefix of the ids in the timetable ("" where they have none).

    Returns
    -------
    LiveFeed
        Its `at` is 0 when the header says no time: then the time it was fetched must be put there.

    Raises
    ------
    InvalidInput
        When it is no such message, or torn. Single entities that make no sense are left out and named in `problems`.
    """
    raise NotImplementedError
