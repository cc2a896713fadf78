"""What is said to people: written in the transaction of what it is about, sent by `messages.post` when it is due.

Nothing is queued for it: the worker looks every second what is due, so that whoever writes messages never waits for
others who do, and a message never waits for a job.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, Refused
from mobigo.messages import store
from mobigo.messages.addresses import read_email, read_phone, takes_sms
from mobigo.messages.model import Channel, Message, MessageState, Recipient
from mobigo.messages.templates import CHANNELS, EVERY_CHANNEL, render

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

KEPT = timedelta(days=30)
"""After which it is forgotten to whom and what was said."""


def send(
    session: Session,
    template: str,
    to: Recipient,
    values: Mapping[str, object],
    *,
    key: str,
    about: str,
    now: datetime,
    due: datetime | None = None,
    until: datetime | None = None,
) -> list[int]:
    """Say something to somebody, in the caller's transaction: if that is rolled back, nothing is said.

    Parameters
    ----------
    template : str
        One of `templates.CHANNELS`, which also says by which channel it goes.
    to : Recipient
        Addresses that cannot be read count as none.
    values : mapping
        What the texts name; what is None or left out leaves its line out.
    key : str
        Of this one happening: said twice, it goes out once.
    about : str
        What it concerns, as ``booking:ID`` or ``leg:ID``; `cancel` and `forget_about` go by it.
    due : datetime, optional
        Not before then (a reminder); at once without it.
    until : datetime, optional
        After which it is of no use and not sent any more.

    Returns
    -------
    list of int
        The messages, one per channel used; empty when this person can be reached by none of them.
    """
    written = []
    for channel, address in _choose(template, to):
        text = render(template, channel, to.language, to.zone, values)
        message = Message(
            id=0,
            key=f"{key}/{template}/{channel}",
            channel=channel,
            template=template,
            language=to.language,
            about=about,
            recipient=address,
            subject=text.subject,
            body=text.body,
            created_at=now,
            due_at=due or now,
            until=until,
            state=MessageState.WAITING,
        )
        written.append(store.add_message(driver(session), message))
    return written


def _choose(template: str, to: Recipient) -> list[tuple[Channel, str]]:
    if template not in CHANNELS:
        raise InvalidInput(f"there is no message {template!r}; there are {', '.join(CHANNELS)}")
    reached = [(channel, address) for channel in CHANNELS[template] if (address := _address(channel, to))]
    return reached if template in EVERY_CHANNEL else reached[:1]


def _address(channel: Channel, to: Recipient) -> str | None:
    try:
        if channel is Channel.EMAIL:
            return read_email(to.email) if to.email else None
        if channel is Channel.SMS:
            number = read_phone(to.phone) if to.phone else ""
            return number if number and takes_sms(number) else None
    except InvalidInput:
        return None
    return to.vehicle


def cancel(session: Session, *, about: str, templates: Collection[str] = (), now: datetime) -> int:
    """Take back what was not sent yet (reminders of a cancelled ride); with `templates` only those. Return how many."""
    return store.cancel(driver(session), about, templates, now)


def list_messages(
    session: Session,
    *,
    about: str | None = None,
    states: Collection[str] = (),
    channel: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Message]:
    """List messages, newest first; `before` is the id of the last one of the page before."""
    return store.list_messages(driver(session), about=about, states=states, channel=channel, before=before, limit=limit)


def get_message(session: Session, id_: int) -> Message:
    """Return a message."""
    return store.get_message(driver(session), id_)


def list_sheet(session: Session, vehicle: str, since: datetime, now: datetime) -> list[Message]:
    """List what is said on the sheet of a vehicle since an instant, oldest first."""
    return store.list_sheet(driver(session), vehicle, since, now)


def send_again(session: Session, id_: int, now: datetime) -> Message:
    """Let a message that failed, may have failed or came too late be sent now.

    Raises
    ------
    Refused
        When it was sent, waits, was cancelled or is forgotten.
    """
    message = store.get_message(driver(session), id_)
    if not store.send_again(driver(session), id_, now):
        why = "is forgotten" if message.body is None else f"is {message.state}"
        raise Refused(
            f"message {id_} {why}; only what failed, is doubtful or expired is sent again",
            code="message_not_resendable",
        )
    return store.get_message(driver(session), id_)


def forget(session: Session, now: datetime) -> int:
    """Forget to whom and what was said more than 30 days ago; return how many messages."""
    return store.forget(driver(session), now - KEPT, now)


def forget_about(session: Session, about: str, now: datetime) -> int:
    """Forget to whom and what was said about something; what still waits is not sent any more."""
    return store.forget_about(driver(session), about, now)


def forget_recipients(session: Session, recipients: Sequence[str], *, about: str, now: datetime) -> int:
    """Forget what was said to somebody about things whose names begin with a word, as ``carpool``; they leave."""
    return store.forget_recipients(driver(session), recipients, about, now)
