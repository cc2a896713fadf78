"""The nouns of what is said to people: messages, their channels, what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Channel(StrEnum):
    """How a message reaches somebody."""

    EMAIL = "email"
    SMS = "sms"
    SHEET = "sheet"
    """The driver's sheet of a vehicle."""


class MessageState(StrEnum):
    """What has become of a message."""

    WAITING = "waiting"
    """Not due yet, or to be tried again."""
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    """Refused for good, or tried for too long."""
    DOUBTFUL = "doubtful"
    """The line broke while it was handed over: it may have arrived, and is not sent twice by itself."""
    EXPIRED = "expired"
    """It would have come too late to be of use."""
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Recipient:
    """Whom a message is for, and how they can be reached."""

    email: str | None = None
    phone: str | None = None
    """As people write it; only numbers that can receive text messages are sent any."""
    vehicle: str | None = None
    """Id of the vehicle on whose sheet it appears."""
    language: str = "fr"
    zone: str = "Europe/Paris"
    """In which hours and days are said."""


@dataclass(frozen=True)
class Message:
    """One message on one channel."""

    id: int
    key: str
    channel: Channel
    template: str
    language: str
    about: str
    """What it concerns: ``booking:…``."""
    recipient: str | None
    """Address, number or vehicle; None once it is forgotten, like `subject` and `body`."""
    subject: str | None
    body: str | None
    created_at: datetime
    due_at: datetime
    until: datetime | None
    """After which it is of no use any more."""
    state: MessageState
    attempts: int = 0
    next_at: datetime | None = None
    """When it is sent, or tried again."""
    done_at: datetime | None = None
    outlet: str | None = None
    """By what it was sent: ``outbox`` (kept here to be read), ``smtp``, ``sms``."""
    receipt: str | None = None
    """What the provider calls it."""
    problem: str | None = None
    """Why the last attempt failed."""
