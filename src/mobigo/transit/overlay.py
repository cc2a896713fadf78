"""Live data laid over a timetable: a timetable again, of how vehicles run now.

The overlay holds all rows of the base timetable in their places, and after them one appended trip for every run of a
day that live data change: at its times as they are now, on a service of that one day. The run of the base is taken out
of that day (`Timetable.gone_trip`). Search, boards and descriptions work on it as on any timetable.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.transit.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.transit.live import Disturbance, LiveFeed, MatchReport
    from mobigo.transit.matching import Names

NEVER = 2**31 - 1
"""A time that is not known: what was not planned."""
STALE_AFTER = 300
"""Seconds after which what was observed is no longer believed."""


class Status(IntEnum):
    """What is known of an appended call."""

    SCHEDULED = 0
    """Nothing: it is as planned."""
    LIVE = 1
    """Its times are predicted or observed, by the source or carried on from an earlier call."""
    SKIPPED = 2
    """The vehicle does not call there; the row stays so that positions stay those of the base trip."""
    NO_DATA = 3
    """The source says that it knows nothing."""


class Gone(IntEnum):
    """Why a run of the base timetable is not there."""

    CANCELED = 0
    REPLACED = 1
    """An appended trip stands for it: `Overlay.gone_extra`."""
    DELETED = 2
    """Cancelled, and not to be shown at all."""


class Overlay(NamedTuple):
    """A timetable with live data laid over it, and what stands against what.

    Appended trip `i` is trip `base_trips[0] + i` of `timetable`; appended call `j` is its call `base_calls[0] + j`.
    """

    timetable: Timetable
    base_trips: NDArray[np.int32]
    """int32[1], trips of the base timetable: the appended ones follow."""
    base_calls: NDArray[np.int64]
    """int64[1], calls of the base timetable: the appended ones follow."""
    trip_base: NDArray[np.int32]
    """int32[n], trip of the base that an appended trip stands for (of which it is a copy, when duplicated); -1: not in
    the timetable."""
    trip_shift: NDArray[np.int32]
    """int32[n], `run_shift` of the run it stands for; 0 without frequencies."""
    trip_day: NDArray[np.int32]
    """int32[n], its service day, days since 1970."""
    trip_relation: NDArray[np.uint8]
    """uint8[n], index into `tuple(live.Relation)`."""
    trip_at: NDArray[np.int64]
    """int64[n], when this was observed, seconds since 1970 UTC."""
    call_planned_arrival: NDArray[np.int32]
    """int32[m], seconds of the service day, NEVER when not planned."""
    call_planned_departure: NDArray[np.int32]
    call_status: NDArray[np.uint8]
    """uint8[m], `Status`."""
    gone_kind: NDArray[np.uint8]
    """uint8[k], `Gone`, one per row of `timetable.gone_trip`."""
    gone_extra: NDArray[np.int32]
    """int32[k], trip of `timetable` that stands for it, -1: none."""


def lay_over(
    timetable: Timetable,
    feeds: Sequence[LiveFeed],
    disturbances: Sequence[Disturbance],
    *,
    now: int,
    stale_after: int = STALE_AFTER,
    names: Names | None = None,
) -> tuple[Overlay, list[MatchReport]]:
    """Lay what sources and staff say over a timetable.

    Parameters
    ----------
    timetable : Timetable
        Of the network, without live data.
    feeds : sequence of LiveFeed
        Several may speak of one trip: the newer prevails.
    disturbances : sequence of Disturbance
        Of our own staff; those whose time is over do nothing.
    now : int
        Seconds since 1970 UTC.
    stale_after : int
        Seconds: what was observed longer ago is ignored and reported.
    names : Names, optional
        Of the same timetable, kept from the last time (`matching.read_names`); else they are read.

    Returns
    -------
    Overlay, and one report for each feed, in their order.
    """
    raise NotImplementedError
