"""HTTP: other operators of carpooling, for staff."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from mobigo.accounts.api import require
from mobigo.accounts.model import Person as Asking
from mobigo.accounts.model import Role
from mobigo.carpool import operators, standard_store
from mobigo.carpool.standard_store import Operator
from mobigo.db.session import Database, driver
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1/carpool/operators", tags=["carpool operators"])

Staff = Annotated[Asking, Depends(require(Role.CARPOOL))]
OperatorId = Annotated[str, Path(pattern=r"^[A-Za-z0-9.-]{3,253}$", description="Domain name of an operator")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Address = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[!-~]+$")]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[!-~]+$")]

LAST_CALLS = 100


class OperatorChange(BaseModel):
    """An operator of carpooling, or a platform of travellers."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    address: Address | None = Field(
        None, description="Of its Standard Covoiturage API; null: it only asks us", examples=["https://api.example.org"]
    )
    their_key: Secret | None = Field(None, description="What we show it as `X-API-Key`; null: as before")
    searched: StrictBool = Field(default=False, description="Its journeys are shown beside ours")
    enabled: StrictBool = Field(default=True, description="Switched off, it is neither let in nor asked nor told")


class OperatorBody(OperatorChange):
    """An operator to be added."""

    id: Annotated[str, StringConstraints(max_length=253)] = Field(
        description="Its domain name", examples=["covoit.example.org"]
    )


class OperatorAnswer(BaseModel):
    """An operator."""

    id: str
    name: str
    address: str | None
    has_their_key: bool
    searched: bool
    enabled: bool
    written_by: str
    made_at: datetime
    failing_since: datetime | None = Field(description="First failure since its last answer")
    problem: str | None


class KeyAnswer(OperatorAnswer):
    """An operator with its new key, told this once."""

    key: str = Field(description="What it shows us as `X-API-Key`")


class OperatorsAnswer(BaseModel):
    """All operators, by domain."""

    operators: list[OperatorAnswer]


class CallAnswer(BaseModel):
    """Something that an operator was or is to be told."""

    about: str = Field(description="Booking")
    method: str
    path: str
    at: datetime
    state: str = Field(description="`waiting`, `sending`, `done` or `failed`")
    attempts: int
    status: int | None
    problem: str | None


class CallsAnswer(BaseModel):
    """What an operator was told last, latest first."""

    calls: list[CallAnswer]


@router.get("", responses=problems(401, 403))
def list_carpool_operators(
    *,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
) -> OperatorsAnswer:
    """List the other operators of carpooling."""
    return OperatorsAnswer(operators=[_operator(one) for one in operators.list_operators(session)])


@router.post("", status_code=201, responses=problems(400, 401, 403, 409, 422))
def add_carpool_operator(
    *, request: Request, session: Database, now: Now, person: Staff, body: OperatorBody
) -> KeyAnswer:
    """Add an operator; the answer tells its key, once."""
    one, key = operators.add_operator(
        session,
        body.id,
        name=body.name,
        reached=operators.Reached(body.address, body.their_key, body.searched),
        by=person.user,
        now=now,
        allow_hosts=request.app.state.allow_hosts,
    )
    return KeyAnswer(key=key, **_operator(one).model_dump())


@router.get("/{operator}", responses=problems(401, 403, 404, 422))
def get_carpool_operator(
    *,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
    operator: OperatorId,
) -> OperatorAnswer:
    """Read an operator."""
    return _operator(operators.get_operator(session, operator))


@router.put("/{operator}", responses=problems(400, 401, 403, 404, 422))
def change_carpool_operator(
    *, request: Request, session: Database, person: Staff, operator: OperatorId, body: OperatorChange
) -> OperatorAnswer:
    """Write an operator anew."""
    one = operators.change_operator(
        session,
        operator,
        name=body.name,
        reached=operators.Reached(body.address, body.their_key, body.searched),
        enabled=body.enabled,
        by=person.user,
        allow_hosts=request.app.state.allow_hosts,
    )
    return _operator(one)


@router.post("/{operator}/key", responses=problems(401, 403, 404, 422))
def renew_carpool_key(*, session: Database, person: Staff, operator: OperatorId) -> KeyAnswer:
    """Give an operator a new key; the one before is none any more."""
    one, key = operators.renew_key(session, operator, by=person.user)
    return KeyAnswer(key=key, **_operator(one).model_dump())


@router.get("/{operator}/calls", responses=problems(401, 403, 404, 422))
def list_carpool_calls(
    *,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
    operator: OperatorId,
) -> CallsAnswer:
    """List what an operator was told last, and how that went; kept for 30 days."""
    one = operators.get_operator(session, operator)
    names = list(CallAnswer.model_fields)
    found = standard_store.list_calls(driver(session), one.id, LAST_CALLS)
    return CallsAnswer(calls=[CallAnswer.model_validate(dict(zip(names, row, strict=True))) for row in found])


def _operator(one: Operator) -> OperatorAnswer:
    return OperatorAnswer(
        id=one.id,
        name=one.name,
        address=one.address,
        has_their_key=one.their_key is not None,
        searched=one.searched,
        enabled=one.enabled,
        written_by=one.written_by,
        made_at=one.made_at,
        failing_since=one.failing_since,
        problem=one.problem,
    )
