"""Exact amounts: slices of distance and written formulas, in fractions of a cent until they are rounded once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_EXPRESSION = 500
"""Characters of a written formula."""

DEEPEST = 30
"""Levels of brackets in one."""


def exact(number: object) -> Fraction:
    """Read a number of a document as it is written: 55.8 is 55.8, not its nearest binary fraction.

    Raises
    ------
    InvalidInput
        When it is no finite number.
    """
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal | Fraction):
        raise InvalidInput(f"{number!r} is no number")
    if isinstance(number, Fraction):
        return number
    try:
        return Fraction(Decimal(str(number)))
    except (ValueError, OverflowError):
        raise InvalidInput(f"{number!r} is no finite number") from None


def round_half_up(amount: Fraction) -> int:
    """Round to whole cents, halves away from minus infinity."""
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


@dataclass(frozen=True)
class Slice:
    """What a stretch of distances pays; distances in metres, amounts in whole parts of a cent."""

    parts: int
    """Of a cent, so many that every amount of a policy's slices is a whole number of them."""
    start: int
    """Paid from here on, included."""
    end: int | None
    """Not included; None: without end."""
    fixed: int
    per_seat: int
    per_metre: int
    """Per seat and metre between `km_start` and `km_end`."""
    km_start: int
    km_end: int | None
    most_per_seat: int | None

    def pay(self, metres: int, seats: int) -> int:
        """Return what a journey that reaches this slice gets from it, in parts of a cent."""
        amount = self.fixed + self.per_seat * seats
        if self.per_metre:
            far = metres if self.km_end is None else min(metres, self.km_end)
            amount += self.per_metre * max(0, far - self.km_start) * seats
        if self.most_per_seat is not None:
            amount = min(amount, self.most_per_seat * seats)
        return amount


AMOUNTS = ("fixed_cents", "per_seat_cents", "per_seat_per_km_cents", "cap_per_seat_cents")
"""What a written slice says in cents."""


def read_slices(raw: Sequence[Mapping[str, Any]]) -> tuple[Slice, ...]:
    """Read the slices of a policy."""
    written = [{name: exact(one[name]) for name in AMOUNTS if one.get(name) is not None} for one in raw]
    parts = 1000 * lcm(*(cents.denominator for one in written for cents in one.values()))
    found = []
    for one, said in zip(raw, written, strict=True):
        cents = {name: int(amount * parts) for name, amount in said.items()}
        start, km_start = one.get("from_m") or 0, one.get("km_from_m")
        found.append(
            Slice(
                parts=parts,
                start=start,
                end=one.get("to_m"),
                fixed=cents.get("fixed_cents", 0),
                per_seat=cents.get("per_seat_cents", 0),
                per_metre=cents.get("per_seat_per_km_cents", 0) // 1000,
                km_start=start if km_start is None else km_start,
                km_end=one.get("km_to_m"),
                most_per_seat=cents.get("cap_per_seat_cents"),
            )
        )
    return tuple(found)


def add_slices(slices: Sequence[Slice], metres: int, seats: int) -> Fraction:
    """Add up every slice that the distance reaches."""
    if not slices:
        return Fraction(0)
    return Fraction(sum(one.pay(metres, seats) for one in slices if metres >= one.start), slices[0].parts)


def match_slice(slices: Sequence[Slice], metres: int, seats: int) -> Fraction:
    """Take the one slice that the distance lies in."""
    for one in slices:
        if one.start <= metres and (one.end is None or metres < one.end):
            return Fraction(one.pay(metres, seats), one.parts)
    return Fraction(0)


VARIABLES = frozenset({"distance_m", "seats", "driver_revenue", "passenger_contribution"})
"""What a written formula may name; metres and cents."""


Worked = Callable[[Mapping[str, int]], Fraction]
"""A formula: from the values of its variables to an amount."""


def read_expression(text: str) -> Worked:
    """Read a written formula: numbers, `VARIABLES`, ``+ - * /``, ``min``, ``max`` and ``round`` (half up).

    Raises
    ------
    InvalidInput
        When it holds anything else, or is not well formed; when it divides by zero, once it is worked out.
    """
    if len(text) > LONGEST_EXPRESSION:
        raise InvalidInput(f"a formula of {len(text)} characters is too long; {LONGEST_EXPRESSION} are allowed")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InvalidInput(f"{text!r} is not a formula") from None
    return _compile(tree, text, 0)


def _compile(node: ast.expr, text: str, depth: int) -> Worked:
    """Turn a part of a formula into what works it out; only what a formula may hold."""
    if depth > DEEPEST:
        raise InvalidInput(f"{text!r} has more than {DEEPEST} levels of brackets")
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() | ast.Mult() | ast.Div() as operator, right):
            return _combine(operator, _compile(left, text, depth + 1), _compile(right, text, depth + 1), text)
        case ast.UnaryOp(ast.USub(), operand):
            inner = _compile(operand, text, depth + 1)
            return lambda values: -inner(values)
        case ast.Call(ast.Name("min" | "max" as name), [_, _, *_], []):
            parts = [_compile(one, text, depth + 1) for one in node.args]
            choose = min if name == "min" else max
            return lambda values: choose(part(values) for part in parts)
        case ast.Call(ast.Name("round"), [argument], []):
            inner = _compile(argument, text, depth + 1)
            return lambda values: Fraction(round_half_up(inner(values)))
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            constant = exact(value)
            return lambda _: constant
        case ast.Name(name) if name in VARIABLES:
            return lambda values: Fraction(values[name])
    raise InvalidInput(
        f"{ast.unparse(node)!r} may not stand in the formula {text!r}; it takes numbers, + - * /, min, max, round and"
        f" {', '.join(sorted(VARIABLES))}"
    )


def _combine(operator: ast.operator, left: Worked, right: Worked, text: str) -> Worked:
    match operator:
        case ast.Add():
            return lambda values: left(values) + right(values)
        case ast.Sub():
            return lambda values: left(values) - right(values)
        case ast.Mult():
            return lambda values: left(values) * right(values)

    def divide(values: Mapping[str, int]) -> Fraction:
        below = right(values)
        if not below:
            raise InvalidInput(f"{text!r} divides by zero for {dict(values)}")
        return left(values) / below

    return divide
