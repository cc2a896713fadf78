"""Signing in to the pages of staff and drivers: a bearer token, kept in a cookie that no script reads."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from mobigo.accounts.api import READING, allows
from mobigo.accounts.model import Person, Role
from mobigo.accounts.token import check
from mobigo.kit.errors import Forbidden, Unauthorised
from mobigo.kit.requests import Now
from mobigo.web import words
from mobigo.web.forms import Form
from mobigo.web.html import READ, page

router = APIRouter(include_in_schema=False)

COOKIE = "mobigo_token"

HOMES = {
    Role.DRIVER: "/driver",
    Role.TRAVELLER: "/account",
    Role.SCHOOL: "/staff/school",
    Role.FINANCE: "/staff/fares",
    Role.PUBLISHER: "/staff/usage",
}
"""Where a role begins; all others at the desk."""


def find_person(request: Request, now: datetime) -> Person | None:
    """Tell who has signed in."""
    token = request.cookies.get(COOKIE)
    try:
        return check(request.app.state.token_key, token, now) if token else None
    except Unauthorised:
        return None


def admit(*roles: Role) -> Callable[..., Person]:
    """Make a dependency of pages that lets through some roles, and sends who has not signed in to do so."""
    wanted = frozenset(roles)

    def guard(request: Request, now: Now) -> Person:
        person = find_person(request, now)
        if person is None:
            back = request.url.path if request.method in READING else HOMES.get(roles[0], "/desk")
            raise HTTPException(303, "sign in first", {"Location": f"/sign-in?next={quote(back)}"})
        reading = request.method in READING
        if not allows(wanted, person.role, reading=reading):
            raise Forbidden(
                f"{person.user} is here as {person.role}; this page needs the role {' or '.join(sorted(wanted))};"
                " sign in with another token at /sign-in",
                code="role_required",
            )
        if not reading:
            check_origin(request)
        return person

    return guard


def check_origin(request: Request) -> None:
    """Refuse what another site makes a browser send.

    Raises
    ------
    Forbidden
        When the browser says that the request comes from elsewhere.
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if site not in {None, "same-origin", "none"} or (
        origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    ):
        raise Forbidden("this was sent by another site; open the page itself and try again")


@router.api_route("/sign-in", methods=READ)
def sign_in_page(request: Request, now: Now) -> Response:
    """Ask for a token."""
    return _ask(request, find_person(request, now), "")


@router.post("/sign-in")
def sign_in(request: Request, now: Now, form: Form) -> Response:
    """Keep a token until it expires."""
    check_origin(request)
    speak = words.choose(request)
    token = form.get("token").removeprefix("Bearer ").strip()
    try:
        person = check(request.app.state.token_key, token, now)
    except Unauthorised:
        return _ask(request, None, speak("sign_in.wrong"))
    answer = RedirectResponse(_local(request.query_params.get("next")) or HOMES.get(person.role, "/desk"), 303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=max(1, int((person.expires - now).total_seconds())),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """Forget who was here, and what their browser kept."""
    check_origin(request)
    answer = RedirectResponse("/sign-in", 303, {"Clear-Site-Data": '"cache", "storage"'})
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _ask(request: Request, person: Person | None, problem: str) -> Response:
    speak = words.choose(request)
    answer = page(
        request,
        "sign_in.html",
        speak,
        status=403 if problem else 200,
        person=person,
        problem=problem,
        next=_local(request.query_params.get("next")),
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _local(path: str | None) -> str:
    """Return an address on this site; empty for anything else."""
    if (
        not path
        or not path.startswith("/")
        or path.startswith(("//", "/\\"))
        or any(ord(one) <= ord(" ") for one in path)
    ):
        return ""
    return path


SignedIn = Annotated[Person, Depends(admit(Role.DESK, Role.DISPATCHER))]
"""Who works at the desk."""
