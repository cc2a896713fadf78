"""What the documents of Standard Covoiturage (0.0.1) look like, as JSON Schema: names, types, what is required."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}
STATUSES = ["WAITING_CONFIRMATION", "CONFIRMED", "CANCELLED", "COMPLETED_PENDING_VALIDATION", "VALIDATED"]
UUID = {"type": "string", "pattern": "^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$"}


def shape(required: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON Schema
    """An object that has nothing but what the standard names."""
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


USER = shape(
    "id alias operator",
    id=TEXT,
    operator={"type": "string", "pattern": r"^[a-z0-9-]+(\.[a-z0-9-]+)+$"},
    alias=TEXT,
    firstName=TEXT,
    lastName=TEXT,
    grade={"type": "integer", "minimum": 1, "maximum": 5},
    picture=TEXT,
    gender={"enum": ["F", "M", "O"]},
    verifiedIdentity={"type": "boolean"},
)
PRICE = shape("", type={"enum": ["FREE", "PAYING", "UNKNOWN"]}, amount=NUMBER, currency={"enum": ["EUR"]})
CAR = shape("", model=TEXT, brand=TEXT)
ENDS = {
    "passengerPickupLat": NUMBER,
    "passengerPickupLng": NUMBER,
    "passengerDropLat": NUMBER,
    "passengerDropLng": NUMBER,
    "passengerPickupAddress": TEXT,
    "passengerDropAddress": TEXT,
    "distance": WHOLE,
    "duration": WHOLE,
    "webUrl": TEXT,
}
REQUIRED_ENDS = "passengerPickupLat passengerPickupLng passengerDropLat passengerDropLng"
TRIP = {
    **ENDS,
    "operator": TEXT,
    "driverDepartureLat": NUMBER,
    "driverDepartureLng": NUMBER,
    "driverArrivalLat": NUMBER,
    "driverArrivalLng": NUMBER,
    "driverDepartureAddress": TEXT,
    "driverArrivalAddress": TEXT,
    "journeyPolyline": TEXT,
    "preferences": {"type": "object"},
}
DRIVER_TRIP = {
    **TRIP,
    "driver": USER,
    "departureToPickupWalkingDistance": WHOLE,
    "departureToPickupWalkingDuration": WHOLE,
    "dropoffToArrivalWalkingDistance": WHOLE,
    "dropoffToArrivalWalkingDuration": WHOLE,
    "car": CAR,
}
WHEN = {
    "id": {"type": "string", "minLength": 1, "maxLength": 255},
    "passengerPickupDate": NUMBER,
    "driverDepartureDate": NUMBER,
    "webUrl": TEXT,
    "type": {"enum": ["PLANNED", "DYNAMIC", "LINE"]},
}
SCHEDULE = shape(
    "",
    passengerPickupDay={"enum": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]},
    passengerPickupTimeOfDay={"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}:[0-9]{2}$"},
    journeySchedules={"type": "array", "items": shape("passengerPickupDate type", **WHEN)},
)
SCHEDULES = {"type": "array", "items": SCHEDULE, "minItems": 1}
SHAPES = {
    "driver_journeys": shape(
        f"duration operator {REQUIRED_ENDS} driver passengerPickupDate type",
        **{**DRIVER_TRIP, **WHEN},
        availableSeats=WHOLE,
        price=PRICE,
    ),
    "passenger_journeys": shape(
        f"duration operator {REQUIRED_ENDS} passenger passengerPickupDate type driverDepartureDate",
        **{**TRIP, **WHEN},
        passenger=USER,
        requestedSeats=WHOLE,
    ),
    "driver_regular_trips": shape(f"duration operator {REQUIRED_ENDS} driver", **DRIVER_TRIP, schedules=SCHEDULES),
    "passenger_regular_trips": shape(
        f"duration operator {REQUIRED_ENDS} passenger", **TRIP, passenger=USER, schedules=SCHEDULES
    ),
    "booking": shape(
        f"id driver passenger status price passengerPickupDate {REQUIRED_ENDS}",
        **ENDS,
        id=UUID,
        driver=USER,
        passenger=USER,
        status={"enum": STATUSES},
        price=PRICE,
        car=CAR,
        passengerPickupDate=NUMBER,
        driverJourneyId=WHEN["id"],
        passengerJourneyId=WHEN["id"],
    ),
    "event": shape(
        "id idToken data",
        id=UUID,
        idToken=TEXT,
        data=shape(
            f"id passengerPickupDate {REQUIRED_ENDS} status webUrl driver price",
            **ENDS,
            id=TEXT,
            status={"enum": STATUSES},
            driver=USER,
            price=PRICE,
            car=CAR,
            passengerPickupDate=NUMBER,
        ),
    ),
    "message": shape(
        "from to message recipientCarpoolerType",
        to=USER,
        message={"type": "string", "maxLength": 500},
        recipientCarpoolerType={"enum": ["DRIVER", "PASSENGER"]},
        driverJourneyId=WHEN["id"],
        passengerJourneyId=WHEN["id"],
        bookingId=UUID,
        **{"from": USER},
    ),
    "error": {"type": "object", "required": ["error"], "properties": {"error": TEXT}},
}


def check_shape(name: str, document: object) -> None:
    """Hold a document against its shape."""
    found = [f"{list(one.path)}: {one.message}" for one in Draft202012Validator(SHAPES[name]).iter_errors(document)]
    assert not found, found
