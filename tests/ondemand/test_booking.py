"""Bookings over HTTP: quoted, held, confirmed, changed, cancelled, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.ondemand.taxi_town import CAMILLE, TUESDAY

if TYPE_CHECKING:
    from tests.ondemand.taxi_town import TaxiTown


def test_a_ride_is_booked_as_it_was_offered(taxi_town: TaxiTown) -> None:
    (offer,) = taxi_town.list_offers(TUESDAY + timedelta(hours=9))
    booking = taxi_town.book(offer["quote"], note="blue gate")
    (leg,) = booking["legs"]
    assert (booking["state"], leg["state"], booking["price_cents"]) == ("confirmed", "confirmed", 300)
    for word in ("pickup_from", "pickup_until", "arrive_by", "service_id", "price_cents"):
        assert leg[word] == offer[word]
    assert leg["pickup_from"] <= leg["planned_pickup"] <= leg["pickup_until"]
    assert leg["vehicle"] == {"id": "bus", "name": "bus"}
    assert booking["contact"] is None  # said once, by who asks; not said back
    seen = taxi_town.get(booking)
    assert seen["contact"] == {
        "name": "Camille Martin",
        "phone": "+33612345678",
        "email": "camille@example.org",
        "language": "fr",
    }
    assert {**seen, "contact": None} == booking
    assert CAMILLE["name"] == seen["contact"]["name"]


