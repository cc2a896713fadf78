"""Who is asking: the guard of routes, and the route that says who one is."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from mobigo.accounts.model import STAFF, Person, Role
from mobigo.accounts.token import check
from mobigo.kit.errors import Forbidden, Unauthorised
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

READING = {"GET", "HEAD", "OPTIONS"}

LONGEST_TOKEN = 4_096
"""Characters; who sends more in a request that needs no token is not looked for."""

router = APIRouter(prefix="/v1", tags=["accounts"])

bearer = HTTPBearer(auto_error=False, description="A token of `./mobigo token --role ROLE`.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def identify(request: Request, credentials: Credentials, now: Now) -> Person:
    """Tell who sends a request, by its bearer token and the key on ``app.state.token_key``."""
    if credentials is None:
        raise Unauthorised("this needs a bearer token: send `Authorization: Bearer TOKEN`")
    return check(request.app.state.token_key, credentials.credentials, now)


def recognise(request: Request, now: datetime) -> Person | None:
    """Tell who sends a request that needs no token; None without one that is good."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        return None
    try:
        return check(request.app.state.token_key, token.strip(), now)
    except Unauthorised:
        return None


def require(*roles: Role | str) -> Callable[..., Person]:
    """Make a dependency that lets through only some roles, or with none given anybody with a token.

    Where a role of staff is asked, an admin passes too, and an auditor as long as the request only reads.
    """
    wanted = frozenset(Role(role) for role in roles)

    def guard(request: Request, person: Annotated[Person, Depends(identify)]) -> Person:
        if allows(wanted, person.role, reading=request.method in READING):
            return person
        raise Forbidden(
            f"{person.user} is here as {person.role}; this needs the role {' or '.join(sorted(wanted))}",
            code="role_required",
        )

    return guard


def allows(wanted: frozenset[Role], role: Role, *, reading: bool) -> bool:
    """Tell whether a role may do what is open to the wanted ones."""
    if not wanted or role in wanted:
        return True
    if not wanted & STAFF:
        return False
    return role is Role.ADMIN or (role is Role.AUDITOR and reading)


class Me(BaseModel):
    """Who asks, as their token says."""

    user: str
    role: Role
    expires: datetime


@router.get("/me", responses=problems(401))
def me(person: Annotated[Person, Depends(require())]) -> Me:
    """Say who one is, as what, and until when."""
    return Me(user=person.user, role=person.role, expires=person.expires)
