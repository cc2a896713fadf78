"""HTTP: webhooks, what was delivered to them and how that went."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database
from mobigo.kit.parameters import Instant, link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.messages import webhooks
from mobigo.messages.webhook_store import Attempt, Delivery, Webhook

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

Staff = Annotated[Person, Depends(require(Role.DISPATCHER))]
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,60}$", description="Of the webhook")]
DeliveryId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Of the delivery")]
Types = Annotated[list[str], Field(max_length=webhooks.MOST_TYPES)]
Text = Annotated[str, Field(max_length=webhooks.LONGEST_TEXT, pattern=r"^[^\x00]*$")]
Address = Annotated[str, Field(max_length=webhooks.LONGEST_ADDRESS, pattern=r"^[!-~]+$")]


class DeliveryState(StrEnum):
    """What has become of a delivery."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up after three days."""
    CANCELLED = "cancelled"
    """The webhook was switched off meanwhile."""


class WebhookBody(BaseModel):
    """A webhook to be added."""

    model_config = ConfigDict(extra="forbid")

    address: Address
    """Where to post; https, on the public internet."""
    description: Text = ""
    types: Types = []
    """Events wanted, as ``booking.confirmed`` or ``leg.*``; none: all."""
    operator: Annotated[str | None, Field(pattern=r"^[!-~]{1,200}$")] = None
    """Only what concerns this operator."""


class WebhookChange(BaseModel):
    """What of a webhook is changed."""

    model_config = ConfigDict(extra="forbid")

    address: Address | None = None
    description: Text | None = None
    types: Types | None = None
    enabled: bool | None = None
    """Switched on again, it is told what happens from now on; ``redeliver`` brings what it missed."""


class WebhookAnswer(BaseModel):
    """A webhook; its secret is told only when it is made."""

    id: str
    address: str
    description: str
    types: list[str]
    operator: str | None
    enabled: bool
    disabled_because: str | None
    failing_since: datetime | None
    """First failure since the last success; after five days it is switched off."""
    written_by: str
    created_at: datetime
    old_secret_until: datetime | None
    """Until then the secret before signs as well."""


class SecretAnswer(WebhookAnswer):
    """A webhook with its new secret, told this once."""

    secret: str
    """``whsec_…``, for the receiver's library."""


class WebhooksAnswer(BaseModel):
    """All webhooks, oldest first, and what can be announced."""

    webhooks: list[WebhookAnswer]
    types: dict[str, str]
    """Every type of event, and when it is announced."""


class AttemptAnswer(BaseModel):
    """One try to deliver."""

    number: int
    at: datetime
    milliseconds: int
    status: int | None
    """HTTP status; null: there was no answer."""
    problem: str | None


class DeliveryAnswer(BaseModel):
    """One event on its way to the webhook."""

    id: int
    event: str
    """What ``webhook-id`` says, at every attempt."""
    type: str
    at: datetime
    state: DeliveryState
    next_at: datetime | None
    done_at: datetime | None
    body: str
    """As it is posted."""
    attempts: list[AttemptAnswer]


class DeliveriesAnswer(BaseModel):
    """A page of deliveries, newest first."""

    deliveries: list[DeliveryAnswer]
    next_cursor: str | None


class TestAnswer(BaseModel):
    """The event sent to try a webhook out."""

    event: str


class RedeliverBody(BaseModel):
    """From when on what failed is delivered again."""

    model_config = ConfigDict(extra="forbid")

    since: Instant
    """At most 30 days ago; older events are forgotten."""


class AgainAnswer(BaseModel):
    """How many deliveries begin anew."""

    deliveries: int


@router.get("", responses=problems(401, 403))
def list_webhooks(
    *,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
) -> WebhooksAnswer:
    """List the webhooks, and the events there are."""
    found = webhooks.list_webhooks(session)
    return WebhooksAnswer(webhooks=[_answer(one) for one in found], types=webhooks.TYPES)


@router.post("", status_code=201, responses=problems(400, 401, 403, 422))
def add_webhook(*, request: Request, session: Database, now: Now, person: Staff, body: WebhookBody) -> SecretAnswer:
    """Add a webhook. The answer tells the secret, once; calls are signed as Standard Webhooks 1.0 says."""
    one = webhooks.add_webhook(
        session,
        address=body.address,
        description=body.description,
        types=body.types,
        operator=body.operator,
        by=person.user,
        now=now,
        allow_hosts=request.app.state.allow_hosts,
    )
    return _with_secret(one)


@router.get("/{id}", responses=problems(401, 403, 404, 422))
def get_webhook(
    *,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
) -> WebhookAnswer:
    """Read a webhook."""
    return _answer(webhooks.get_webhook(session, id))


@router.patch("/{id}", responses=problems(400, 401, 403, 404, 422))
def change_webhook(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Staff,
    id: Id,  # noqa: A002 - the path's own name
    body: WebhookChange,
) -> WebhookAnswer:
    """Change what is given; switch it off or on again."""
    one = webhooks.change_webhook(
        session,
        id,
        address=body.address,
        description=body.description,
        types=body.types,
        enabled=body.enabled,
        by=person.user,
        now=now,
        allow_hosts=request.app.state.allow_hosts,
    )
    return _answer(one)


@router.delete("/{id}", status_code=204, responses=problems(401, 403, 404, 422))
def remove_webhook(
    *,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
) -> None:
    """Remove a webhook and the log of its deliveries."""
    webhooks.remove_webhook(session, id)


@router.post("/{id}/secret", responses=problems(401, 403, 404, 422))
def renew_secret(
    *,
    session: Database,
    now: Now,
    person: Staff,
    id: Id,  # noqa: A002 - the path's own name
) -> SecretAnswer:
    """Give a webhook a new secret; for 24 hours calls are signed with both."""
    return _with_secret(webhooks.renew_secret(session, id, by=person.user, now=now))


@router.post("/{id}/test", status_code=202, responses=problems(401, 403, 404, 422))
def try_webhook(
    *,
    session: Database,
    now: Now,
    person: Staff,
    id: Id,  # noqa: A002 - the path's own name
) -> TestAnswer:
    """Send the webhook an event ``webhook.test``; its deliveries say how that went."""
    return TestAnswer(event=webhooks.try_out(session, id, by=person.user, now=now))


@router.get("/{id}/deliveries", responses=problems(401, 403, 404, 422))
def list_deliveries(
    *,
    request: Request,
    response: Response,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
    state: Annotated[DeliveryState | None, Query(description="Only in this state")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Deliveries per page")] = 50,
    cursor: Annotated[
        str | None, Query(pattern=r"^[0-9]{1,18}$", description="Where the page before ended: its `next_cursor`")
    ] = None,
) -> DeliveriesAnswer:
    """List what was delivered to a webhook, with every attempt; kept for 30 days."""
    before = None if cursor is None else int(cursor)
    found = webhooks.list_deliveries(session, id, state=state, before=before, limit=limit + 1)
    next_cursor = str(found[limit - 1][0].id) if len(found) > limit else None
    link_next(request, response, next_cursor)
    return DeliveriesAnswer(deliveries=[_delivery(*one) for one in found[:limit]], next_cursor=next_cursor)


@router.post("/{id}/deliveries/{delivery}/redeliver", status_code=202, responses=problems(401, 403, 404, 422))
def redeliver(
    *,
    session: Database,
    now: Now,
    person: Staff,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
    delivery: DeliveryId,
) -> AgainAnswer:
    """Deliver one event anew, whatever has become of it."""
    return AgainAnswer(deliveries=webhooks.deliver_again(session, id, now=now, delivery=delivery))


@router.post("/{id}/redeliver", status_code=202, responses=problems(400, 401, 403, 404, 422))
def redeliver_failed(
    *,
    session: Database,
    now: Now,
    person: Staff,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
    body: RedeliverBody,
) -> AgainAnswer:
    """Deliver anew what failed or was cancelled since an instant."""
    return AgainAnswer(deliveries=webhooks.deliver_again(session, id, now=now, since=body.since))


def _answer(one: Webhook) -> WebhookAnswer:
    return WebhookAnswer.model_validate(one, from_attributes=True)


def _with_secret(one: Webhook) -> SecretAnswer:
    return SecretAnswer.model_validate(one, from_attributes=True)


def _delivery(one: Delivery, attempts: list[Attempt]) -> DeliveryAnswer:
    return DeliveryAnswer(
        id=one.id,
        event=one.event,
        type=one.type,
        at=one.at,
        state=DeliveryState(one.state),
        next_at=one.next_at,
        done_at=one.done_at,
        body=one.body,
        attempts=[AttemptAnswer.model_validate(tried, from_attributes=True) for tried in attempts],
    )
