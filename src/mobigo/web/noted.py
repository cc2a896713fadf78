"""The page that says what is noted of use, how long, and why nobody can tell whose it was."""

from fastapi import APIRouter, Request, Response

from mobigo.trace.keeping import LONGEST
from mobigo.web import words
from mobigo.web.html import READ, page

router = APIRouter(include_in_schema=False)


@router.api_route("/noted", methods=READ)
def noted_page(request: Request) -> Response:
    """List what is noted by kind, with the days that it is kept here."""
    return page(request, "noted.html", words.choose(request), kinds=request.app.state.trace_days, longest=LONGEST)
