"""The stop lists of a line's trips as one column of stops, as printed timetables have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def merge_stops(sequences: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    """Merge stop lists into one, in which every list keeps its order; each list has its own rows in it.

    Lists come in one after another and share as many rows as their order allows. A stop that one list passes twice,
    or that two lists pass in another order, has two rows. Stops of one list alone stand before the next one shared.

    Returns
    -------
    stops, rows
        Stops of the column; for each list the row of each of its stops.
    """
    column: list[int] = []
    """Numbers of rows, in order."""
    stop_of: list[int] = []
    numbered: list[list[int]] = []
    for sequence in sequences:
        shared = _match([stop_of[number] for number in column], sequence)
        numbers = []
        place = len(column)
        for at in range(len(sequence) - 1, -1, -1):
            if at in shared:
                place = shared[at]
                numbers.append(column[place])
            else:
                stop_of.append(sequence[at])
                column.insert(place, len(stop_of) - 1)
                numbers.append(len(stop_of) - 1)
        numbered.append(numbers[::-1])
    row = {number: at for at, number in enumerate(column)}
    return [stop_of[number] for number in column], [[row[number] for number in numbers] for numbers in numbered]


def _match(column: Sequence[int], sequence: Sequence[int]) -> dict[int, int]:
    """Find the longest list of stops that both have in this order: place in the sequence to place in the column."""
    longest = [[0] * (len(column) + 1) for _ in range(len(sequence) + 1)]
    for at in range(len(sequence) - 1, -1, -1):
        for place in range(len(column) - 1, -1, -1):
            longest[at][place] = (
                longest[at + 1][place + 1] + 1
                if sequence[at] == column[place]
                else max(longest[at + 1][place], longest[at][place + 1])
            )
    shared: dict[int, int] = {}
    at = place = 0
    while at < len(sequence) and place < len(column):
        if sequence[at] == column[place]:
            shared[at] = place
            at, place = at + 1, place + 1
        elif longest[at + 1][place] >= longest[at][place + 1]:
            at += 1
        else:
            place += 1
    return shared
