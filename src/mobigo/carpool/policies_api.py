"""HTTP: rules of pay, as documents; written, taken back and tried out on what was driven by the staff."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.carpool import policies, policies_store
from mobigo.carpool.awards import Reason
from mobigo.carpool.policies import PolicyBody
from mobigo.carpool.policies_store import Revision
from mobigo.carpool.simulate import Cost, simulate
from mobigo.db.session import Database, driver
from mobigo.kit.parameters import Day
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1/carpool/policies", tags=["carpool policies"])

Writer = Annotated[Person, Depends(require(Role.CARPOOL, Role.FINANCE))]
Anybody = Annotated[Person, Depends(require())]
PolicyId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$", description="Of a rule", examples=["bfc_mobigo_lines"])
]
Seen = Annotated[
    int,
    Query(
        alias="revision",
        ge=0,
        le=2**31 - 1,
        description="The revision you read (0: as shipped, or none): when somebody changed it since, yours is refused",
    ),
]
MOST_EXPLAINED = 1_000


class PolicyAnswer(BaseModel):
    """A rule in one of its wordings."""

    id: str
    revision: int = Field(description="0: as shipped")
    withdrawn: bool
    written_by: str
    written_at: datetime | None
    policy: dict[str, Any] | None = Field(description="Its document; null: withdrawn")


class PoliciesAnswer(BaseModel):
    """Rules, by id."""

    policies: list[PolicyAnswer]


class HistoryAnswer(BaseModel):
    """The wordings of a rule, newest first."""

    revisions: list[PolicyAnswer]


class SimulateBody(BaseModel):
    """What shall be tried out, on which days."""

    model_config = ConfigDict(extra="forbid")

    policy: PolicyBody
    first: Annotated[Day, Field(description="First day of departure")]
    last: Annotated[Day, Field(description="Last one; a year after the first at most")]
    explain: Annotated[StrictInt, Field(ge=0, le=MOST_EXPLAINED, description="How many runs are explained")] = 0


class CostAnswer(BaseModel):
    """What runs cost."""

    runs: int = Field(description="That are paid something")
    driver_cents: int
    fares_cents: int = Field(description="What the passengers owe the Region")
    region_net_cents: int


class LineCostAnswer(BaseModel):
    """What the runs of a line cost."""

    line: str | None = Field(description="null: runs on no line")
    simulated: CostAnswer
    current: CostAnswer


class ReasonAnswer(BaseModel):
    """One step to an amount."""

    policy: str = Field(description="Which rule in which wording; empty: about the whole")
    code: str
    cents: int = Field(description="After it")
    text: str


class ExplainedAnswer(BaseModel):
    """What a run would be paid, and why."""

    run: str
    service_date: date
    line: str | None
    driver_cents: int
    fares_cents: int
    metres: int = Field(description="With somebody aboard")
    seats: int
    reasons: list[ReasonAnswer]


class SimulationAnswer(BaseModel):
    """What a rule would have cost, beside the rules in force."""

    first: date
    last: date
    runs: int = Field(description="Looked at: ended, and settled")
    simulated: CostAnswer
    current: CostAnswer
    lines: list[LineCostAnswer]
    explained: list[ExplainedAnswer]


@router.get("", responses=problems(401))
def list_policies(*, session: Database, person: Anybody) -> PoliciesAnswer:  # noqa: ARG001 - only guards
    """List the rules of pay: drivers may know by what they are paid."""
    return PoliciesAnswer(policies=[_policy(one) for one in policies_store.list_policies(driver(session))])


@router.get("/schema", responses=problems(401))
def get_policy_schema(*, person: Anybody) -> dict[str, Any]:  # noqa: ARG001 - only guards
    """Return the JSON Schema of rules of journeys (`policy` of a document of the kind `journey`)."""
    return policies.read_schema()


@router.post("/simulate", responses=problems(400, 401, 403, 422))
def simulate_policy(*, session: Database, person: Writer, body: SimulateBody) -> SimulationAnswer:  # noqa: ARG001
    """Pay the runs of some days again by a rule in place of those of its kind; nothing is kept."""
    rule = policies.build_rule("simulated", 0, body.policy)
    found = simulate(driver(session), rule, body.first, body.last)
    return SimulationAnswer(
        first=found.first,
        last=found.last,
        runs=found.runs,
        simulated=_cost(found.simulated),
        current=_cost(found.current),
        lines=[
            LineCostAnswer(line=line or None, simulated=_cost(one), current=_cost(other))
            for line, (one, other) in found.by_line.items()
        ],
        explained=[
            ExplainedAnswer(
                run=ride.run,
                service_date=ride.day,
                line=ride.line,
                driver_cents=pay.cents,
                fares_cents=pay.fares,
                metres=pay.metres,
                seats=pay.seats,
                reasons=[answer_reason(one) for one in pay.reasons],
            )
            for ride, pay in found.paid[: body.explain]
        ],
    )


@router.get("/{id}", responses=problems(401, 404, 422))
def get_policy(*, session: Database, person: Anybody, id: PolicyId) -> PolicyAnswer:  # noqa: A002, ARG001
    """Read a rule."""
    return _policy(policies_store.get_policy(driver(session), id))


@router.get("/{id}/history", responses=problems(401, 403, 404, 422))
def list_policy_history(*, session: Database, person: Writer, id: PolicyId) -> HistoryAnswer:  # noqa: A002, ARG001
    """List all wordings of a rule."""
    return HistoryAnswer(revisions=[_policy(one) for one in policies_store.list_revisions(driver(session), id)])


@router.put("/{id}", responses=problems(400, 401, 403, 409, 422))
def write_policy(
    *,
    session: Database,
    now: Now,
    person: Writer,
    id: PolicyId,  # noqa: A002 - the path's own name
    seen: Seen,
    body: PolicyBody,
) -> PolicyAnswer:
    """Write a rule, or the next wording of one. What was paid stays paid as it was."""
    document = body.model_dump(mode="json", by_alias=True)
    return _policy(policies_store.write(driver(session), id, document, seen=seen, by=person.user, now=now))


@router.delete("/{id}", responses=problems(401, 403, 404, 409, 422))
def withdraw_policy(
    *,
    session: Database,
    now: Now,
    person: Writer,
    id: PolicyId,  # noqa: A002 - the path's own name
    seen: Seen,
) -> PolicyAnswer:
    """Withdraw a rule; `undo` brings it back."""
    connection = driver(session)
    policies_store.get_policy(connection, id)
    return _policy(policies_store.write(connection, id, None, seen=seen, by=person.user, now=now))


@router.post("/{id}/undo", responses=problems(400, 401, 403, 404, 409, 422))
def undo_policy(
    *,
    session: Database,
    now: Now,
    person: Writer,
    id: PolicyId,  # noqa: A002 - the path's own name
) -> PolicyAnswer:
    """Write again what was before the last change of a rule."""
    return _policy(policies_store.undo(driver(session), id, by=person.user, now=now))


def _policy(one: Revision) -> PolicyAnswer:
    return PolicyAnswer(
        id=one.id,
        revision=one.number,
        withdrawn=one.withdrawn,
        written_by=one.written_by,
        written_at=one.written_at,
        policy=None if one.document is None else dict(one.document),
    )


def _cost(one: Cost) -> CostAnswer:
    return CostAnswer(runs=one.runs, driver_cents=one.driver, fares_cents=one.fares, region_net_cents=one.net)


def answer_reason(one: Reason) -> ReasonAnswer:
    """Say a reason."""
    return ReasonAnswer(policy=one.policy, code=one.code, cents=one.cents, text=one.text)
