"""Who asks, and what they may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Role(StrEnum):
    """What somebody is to the system; one at a time."""

    TRAVELLER = "traveller"
    DRIVER = "driver"
    DESK = "desk"
    """The telephone desk: does for travellers whatever a page can do."""
    DISPATCHER = "dispatcher"
    SCHOOL = "school"
    CARPOOL = "carpool"
    FINANCE = "finance"
    PUBLISHER = "publisher"
    ADMIN = "admin"
    """Passes wherever a role of staff is asked."""
    AUDITOR = "auditor"
    """Reads wherever a role of staff is asked, and changes nothing."""


STAFF = frozenset(Role) - {Role.TRAVELLER, Role.DRIVER}
"""Those who work for the region; a traveller's or a driver's own things are not open to an admin by this alone."""


@dataclass(frozen=True)
class Person:
    """Who a request comes from, as its token says."""

    user: str
    role: Role
    expires: datetime
