"""What staff decide about bank cards: what holding one means with each agency, and when money is asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import InvalidInput
from mobigo.ticketing import taps_store
from mobigo.ticketing.taps import ReaderRule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection


@dataclass(frozen=True)
class ChargeRule:
    """When money is asked for, and what happens when it does not come."""

    limit_cents: int = 2_000
    """So much is added up at most before it is asked for."""
    longest_days: int = 7
    """So many days are added up at most; the first charge of a card is asked for at once."""
    latest_days: int = 14
    """Rides that readers tell of later than this are not charged."""
    unproven_taps: int = 10
    """So often a card that never paid is let through; then it waits for its first charge."""
    retry_days: tuple[int, ...] = (1, 3, 7, 14, 30)
    """Days between one refusal and the next question; after the last the debt is written off."""


EVERYWHERE = ReaderRule()
ALWAYS = ChargeRule()


@dataclass(frozen=True)
class Policy:
    """All of it."""

    charge: ChargeRule = ALWAYS
    default: ReaderRule = EVERYWHERE
    """With agencies that have no rule of their own."""
    agencies: Mapping[str, ReaderRule] = field(default_factory=dict)
    """``source:agency_id``."""
    revision: int = 0

    def find_rule(self, agency: str) -> ReaderRule:
        """Return the rule of an agency."""
        return self.agencies.get(agency, self.default)


def read_policy(connection: Connection[Any]) -> Policy:
    """Read what is in force; what everybody begins with where nothing was decided."""
    found = taps_store.find_policy(connection)
    if found is None:
        return Policy()
    revision, said = found
    charge = {**said["charge"], "retry_days": tuple(said["charge"]["retry_days"])}
    agencies = {agency: ReaderRule(**rule) for agency, rule in said["agencies"].items()}
    return Policy(ChargeRule(**charge), ReaderRule(**said["default"]), agencies, revision)


def write_policy(connection: Connection[Any], policy: Policy, by: str, now: datetime) -> Policy:
    """Write new rules; they hold for days that are counted from now on.

    Raises
    ------
    InvalidInput
        ``invalid_tap_rules``.
    """
    rules = policy.charge
    if not rules.retry_days or list(rules.retry_days) != sorted(set(rules.retry_days)):
        raise InvalidInput(
            f"retry_days {list(rules.retry_days)} must be days in ascending order, at least one; as [1, 3, 7]",
            code="invalid_tap_rules",
        )
    document = {
        "charge": asdict(rules),
        "default": asdict(policy.default),
        "agencies": {agency: asdict(rule) for agency, rule in policy.agencies.items()},
    }
    taps_store.add_policy(connection, document, by, now)
    return read_policy(connection)
