"""Rides made of taps: who got in where, and out where; what was forgotten is found, never invented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.ticketing.taps import Held, ReaderRule, Ride, Tap, Whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def build_rides(taps: Iterable[Tap], find_rule: Callable[[str], ReaderRule]) -> list[Ride]:
    """Make rides of the taps of one card, in order of boarding.

    Parameters
    ----------
    taps : iterable
        In any order; those that were not let through are no rides.
    find_rule : callable
        The rule of an agency.

    Notes
    -----
    A tap out belongs to the last tap in of the same agency that is still open, so a coach taken in between does not
    break a train ride.
    """
    rides: list[Ride] = []
    waiting: dict[str, Tap] = {}
    last: dict[str, Tap] = {}
    for tap in sorted((one for one in taps if one.accepted), key=lambda one: (one.at, one.device, one.seq)):
        rule = find_rule(tap.agency)
        before = last.get(tap.agency)
        if before is not None and _is_again(before, tap, rule):
            continue
        last[tap.agency] = tap
        if not rule.both:
            if tap.held is not Held.OUT:
                rides.append(_ride(tap, None, Whole.BOARDED))
            continue
        there = waiting.get(tap.agency)
        too_late = there is not None and (tap.at - there.at).total_seconds() > rule.longest_seconds
        if there is not None and (tap.held is Held.IN or too_late):
            rides.append(_ride(there, None, Whole.NO_OUT))
            del waiting[tap.agency]
            there = None
        if there is not None:
            rides.append(_ride(there, tap, _judge(there, tap, rule)))
            del waiting[tap.agency]
        elif tap.held is Held.OUT:
            rides.append(_ride(None, tap, Whole.NO_IN))
        else:
            waiting[tap.agency] = tap
    rides += [_ride(one, None, Whole.NO_OUT) for one in waiting.values()]
    return sorted(rides, key=lambda one: (one.departure, one.taps))


def _is_again(before: Tap, tap: Tap, rule: ReaderRule) -> bool:
    """Tell whether a card was only held to the same reader a second time."""
    same = (before.device, before.held) == (tap.device, tap.held)
    return same and (tap.at - before.at).total_seconds() <= rule.again_seconds


def _judge(tap_in: Tap, tap_out: Tap, rule: ReaderRule) -> Whole:
    back = tap_in.stop is not None and tap_in.stop == tap_out.stop
    soon = (tap_out.at - tap_in.at).total_seconds() <= rule.turn_back_seconds
    return Whole.TURNED_BACK if back and soon else Whole.WHOLE


def _ride(tap_in: Tap | None, tap_out: Tap | None, whole: Whole) -> Ride:
    first, final = tap_in or tap_out, tap_out or tap_in
    assert first is not None
    assert final is not None
    return Ride(
        agency=first.agency,
        board=tap_in.stop if tap_in else None,
        alight=tap_out.stop if tap_out else None,
        departure=first.at,
        arrival=max(first.at, final.at),
        route=first.route or final.route,
        trip=first.trip or final.trip,
        service_date=first.service_date or final.service_date,
        whole=whole,
        taps=tuple((one.device, one.seq) for one in (tap_in, tap_out) if one is not None),
    )
