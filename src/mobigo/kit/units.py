"""Units as types: a number that carries one says so in its signature."""

from typing import NewType

Seconds = NewType("Seconds", int)
"""A duration, or inside the planner seconds after service midnight (noon minus 12 h)."""

Metres = NewType("Metres", float)
"""A length on the ground."""

Cents = NewType("Cents", int)
"""Money: hundredths of a euro, always an integer."""
