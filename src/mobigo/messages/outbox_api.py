"""HTTP: what was said to people, for the staff to read and to send again."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database
from mobigo.kit.parameters import link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.messages import service
from mobigo.messages.model import Channel, Message, MessageState

router = APIRouter(prefix="/v1/messages", tags=["messages"])

Staff = Annotated[Person, Depends(require(Role.DESK, Role.DISPATCHER))]
Id = Annotated[int, Path(ge=1, le=2**63 - 1, description="Of the message")]


class MessageAnswer(BaseModel):
    """One message on one channel."""

    id: int
    channel: Channel
    template: str
    language: str
    about: str
    """What it concerns: ``booking:ID``."""
    recipient: str | None
    """Address, number or vehicle; null, like `subject` and `body`, once it is forgotten (30 days)."""
    subject: str | None
    body: str | None
    state: MessageState
    created_at: datetime
    due_at: datetime
    until: datetime | None
    """After which it would not be sent any more."""
    attempts: int
    next_at: datetime | None
    """When it is sent, or tried again."""
    done_at: datetime | None
    outlet: str | None
    """By what: ``outbox`` (only kept here), ``smtp``, ``sms``."""
    receipt: str | None
    """What the provider calls it."""
    problem: str | None


class OutboxAnswer(BaseModel):
    """A page of messages, newest first."""

    messages: list[MessageAnswer]
    next_cursor: str | None


@router.get("/outbox", responses=problems(401, 403, 422))
def list_outbox(
    *,
    request: Request,
    response: Response,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
    about: Annotated[
        str | None, Query(pattern=r"^[!-~]{1,200}$", description="Only about this, as ``booking:ID``")
    ] = None,
    state: Annotated[list[MessageState] | None, Query(description="Only in these states")] = None,
    channel: Annotated[Channel | None, Query(description="Only on this channel")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Messages per page")] = 50,
    cursor: Annotated[
        str | None, Query(pattern=r"^[0-9]{1,18}$", description="Where the page before ended: its `next_cursor`")
    ] = None,
) -> OutboxAnswer:
    """List what was and will be said to travellers, drivers and operators."""
    found = service.list_messages(
        session,
        about=about,
        states=state or (),
        channel=channel,
        before=None if cursor is None else int(cursor),
        limit=limit + 1,
    )
    next_cursor = str(found[limit - 1].id) if len(found) > limit else None
    link_next(request, response, next_cursor)
    return OutboxAnswer(messages=[_answer(one) for one in found[:limit]], next_cursor=next_cursor)


@router.get("/outbox/{id}", responses=problems(401, 403, 404, 422))
def get_message(
    *,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
) -> MessageAnswer:
    """Read a message."""
    return _answer(service.get_message(session, id))


@router.post("/outbox/{id}/send", responses=problems(401, 403, 404, 422))
def send_message_again(
    *,
    session: Database,
    now: Now,
    person: Staff,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
) -> MessageAnswer:
    """Send a message again that failed, may have failed (``doubtful``) or expired."""
    return _answer(service.send_again(session, id, now))


def _answer(one: Message) -> MessageAnswer:
    return MessageAnswer.model_validate(one, from_attributes=True)
