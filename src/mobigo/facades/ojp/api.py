"""HTTP: the one address of the Open Journey Planner."""

import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from mobigo import __version__
from mobigo.db.session import Database
from mobigo.facades.ojp import calls, locations, trips
from mobigo.facades.ojp.view import View
from mobigo.facades.ojp.wire import Node, error, moment, read, write
from mobigo.kit.errors import InvalidInput, MobigoError
from mobigo.kit.requests import Now
from mobigo.opendata.siri_xml import Tree, trim

router = APIRouter(include_in_schema=False)

MOST_BYTES = 2**20
"""Of a request."""
MOST_REQUESTS = 5
"""Questions within one request."""
XML = "application/xml; charset=utf-8"


def _tell_status(view: View, _: Node) -> Tree:
    """Say since when what is served is served."""
    return {"LastTimetableUpdate": moment(view.network.manifest.built_at), "ServerBuildVersion": __version__}


ANSWERS: dict[str, Callable[[View, Node], Tree]] = {
    "OJPLocationInformationRequest": locations.answer,
    "OJPTripRequest": trips.answer,
    "OJPTripRefineRequest": trips.refine,
    "OJPStopEventRequest": calls.list_events,
    "OJPTripInfoRequest": calls.tell_trip,
    "OJPStatusRequest": _tell_status,
}
"""What answers each kind of question."""


async def _read_body(request: Request) -> bytes:
    """Read a request, as long as it is no larger than requests are."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            break
    return body


@router.post("/ojp20")
def post_request(
    request: Request, session: Database, now: Now, body: Annotated[bytes, Depends(_read_body)]
) -> Response:
    """Answer the questions of one request, each with a delivery of its own."""
    try:
        asked, questions = _read(body)
    except InvalidInput as wrong:
        return _send(_refuse(request, now, str(wrong)), HTTPStatus.BAD_REQUEST)
    unknown = next((one.name for one in questions if one.name not in ANSWERS), None)
    if unknown is not None:
        return _send(_refuse(request, now, f"{unknown} is not answered here; {', '.join(ANSWERS)} are", known=False))
    deliveries: Tree = {}
    for one in questions:
        name = one.name.replace("Request", "Delivery")
        deliveries.setdefault(name, []).append(_deliver(request, session, now, asked, one))
    head = {
        "siri:ResponseTimestamp": moment(now),
        "siri:ProducerRef": request.app.state.operator,
        "siri:RequestMessageRef": asked.text("MessageIdentifier"),
        "siri:Status": True,
    }
    return _send(trim(head) | deliveries)


def _read(body: bytes) -> tuple[Node, list[Node]]:
    """Read a request and the questions in it.

    Raises
    ------
    InvalidInput
        When it is none.
    """
    if len(body) > MOST_BYTES:
        raise InvalidInput(f"a request has at most {MOST_BYTES} bytes")
    asked = read(body).child("OJPRequest/ServiceRequest")
    if asked is None:
        raise InvalidInput("OJP holds an OJPRequest with a ServiceRequest")
    questions = [one for one in asked.children() if one.name.startswith("OJP")]
    if not 1 <= len(questions) <= MOST_REQUESTS:
        raise InvalidInput(f"a ServiceRequest holds 1 to {MOST_REQUESTS} requests of OJP")
    return asked, questions


def _language(asked: Node, question: Node) -> str:
    """Choose the language: of the question, of the request, else French."""
    wanted = [*question.texts("Restrictions/Language"), *asked.texts("ServiceRequestContext/Language")]
    return next((one[:2].lower() for one in wanted if one[:2].lower() in {"fr", "en"}), "fr")


def _deliver(request: Request, session: Session, now: datetime, asked: Node, question: Node) -> Tree:
    """Answer one question."""
    begin = time.monotonic()
    language = _language(asked, question)
    try:
        view = View(request, session, now, language, request.app.state.networks.current())
        found = ANSWERS[question.name](view, question)
    except MobigoError as wrong:
        found = {"ErrorCondition": error("OJPGenericProblemType", "OJPGENERIC_OTHER", f"{wrong.code}: {wrong}")}
    head = {
        "siri:ResponseTimestamp": moment(now),
        "siri:RequestMessageRef": question.text("MessageIdentifier"),
        "siri:Status": "ErrorCondition" not in found,
        "siri:DefaultLanguage": language,
        "CalcTime": int(1000 * (time.monotonic() - begin)),
    }
    return trim(head) | found


def _refuse(request: Request, now: datetime, sentence: str, *, known: bool = True) -> Tree:
    """Answer what is no request, or none that is answered here; the schema wants some delivery in any case."""
    kind = "siri:OtherError" if known else "siri:CapabilityNotSupportedError"
    return {
        "siri:ResponseTimestamp": moment(now),
        "siri:ProducerRef": request.app.state.operator,
        "siri:Status": False,
        "siri:ErrorCondition": {kind: {"siri:ErrorText": sentence}},
        "OJPStatusDelivery": {"siri:ResponseTimestamp": moment(now), "siri:Status": False},
    }


def _send(delivery: Tree, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(write({"OJPResponse": {"siri:ServiceDelivery": delivery}}), status, media_type=XML)
