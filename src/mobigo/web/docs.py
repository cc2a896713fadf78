"""The API's reference and its errors, as pages that need no internet."""

from fastapi import APIRouter, Request, Response

from mobigo.web import words
from mobigo.web.html import READ, page

router = APIRouter(prefix="/docs", include_in_schema=False)

CODES = {
    "invalid_input": 400,
    "ambiguous_place": 400,
    "invalid_cursor": 400,
    "invalid_instant": 400,
    "invalid_calendar": 400,
    "unknown_school_year": 400,
    "bad_request": 400,
    "invalid_phone": 400,
    "invalid_email": 400,
    "invalid_iban": 400,
    "unknown_event_type": 400,
    "webhook_unreachable": 400,
    "ledger_unbalanced": 400,
    "forged_quote": 400,
    "invalid_contact": 400,
    "invalid_party": 400,
    "invalid_place": 400,
    "invalid_booking": 400,
    "invalid_series": 400,
    "rides_overlap": 400,
    "event_time": 400,
    "invalid_plate": 400,
    "unauthorised": 401,
    "forbidden": 403,
    "role_required": 403,
    "not_your_vehicle": 403,
    "suspended": 403,
    "foreign_booking": 403,
    "foreign_ride": 403,
    "not_found": 404,
    "unknown_place": 404,
    "unknown_stop": 404,
    "unknown_line": 404,
    "unknown_journey": 404,
    "unknown_trip": 404,
    "unknown_disturbance": 404,
    "unknown_service": 404,
    "unknown_operator": 404,
    "unknown_vehicle": 404,
    "unknown_run": 404,
    "unknown_live_source": 404,
    "unknown_secret": 404,
    "unknown_agency": 404,
    "unknown_message": 404,
    "unknown_webhook": 404,
    "unknown_delivery": 404,
    "unknown_account": 404,
    "unknown_entry": 404,
    "unknown_booking": 404,
    "unknown_ride": 404,
    "unknown_series": 404,
    "unknown_day": 404,
    "unknown_absence": 404,
    "unknown_person": 404,
    "unknown_car": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "changed_meanwhile": 409,
    "operator_exists": 409,
    "operator_in_use": 409,
    "vehicle_exists": 409,
    "vehicle_booked": 409,
    "cannot_be_moved": 409,
    "service_in_use": 409,
    "duplicate_key": 409,
    "inconsistent_agency_timezone": 409,
    "live_source_exists": 409,
    "account_exists": 409,
    "ledger_key_reused": 409,
    "places_gone": 409,
    "promise_broken": 409,
    "hold_expired": 409,
    "already_confirmed": 409,
    "booking_ended": 409,
    "booking_moved": 409,
    "ride_under_way": 409,
    "unlawful_move": 409,
    "idempotency_key_reused": 409,
    "already_pardoned": 409,
    "validation_failed": 422,
    "invalid_service": 422,
    "no_capacity": 422,
    "bad_shift": 422,
    "bad_timezone": 422,
    "refused": 422,
    "message_not_resendable": 422,
    "webhook_disabled": 422,
    "webhook_not_encrypted": 422,
    "download_refused": 422,
    "ledger_not_reversible": 422,
    "quote_expired": 422,
    "booking_closed": 422,
    "not_booked_here": 422,
    "no_show_too_early": 422,
    "adults_only": 422,
    "too_many_cars": 422,
    "internal_error": 500,
    "unavailable": 503,
    "no_network": 503,
}
"""Stable codes of problem documents and their HTTP status; what to do stands in the catalogues as ``error.CODE``."""


@router.api_route("", methods=READ)
def reference(request: Request) -> Response:
    """Show the OpenAPI reference; a plain list with ``?plain=1`` and where the browser files are not installed."""
    return page(
        request,
        "docs.html",
        words.choose(request),
        paths=request.app.openapi()["paths"],
        swagger="swagger-ui-dist" in request.app.state.assets.packages and "plain" not in request.query_params,
    )


@router.api_route("/errors", methods=READ)
def errors(request: Request) -> Response:
    """List the error codes and what to do; a problem document's ``type`` leads to its row."""
    return page(request, "errors.html", words.choose(request), codes=CODES)
