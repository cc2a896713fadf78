"""What travellers, and drivers on their sheets, are told about bookings; written in the transaction of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mobigo.messages import service as messages
from mobigo.messages.model import Recipient
from mobigo.ondemand.store import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.model import BookedLeg, Booking, Service

REMINDED = timedelta(hours=2)
"""Before the pick-up."""

REMINDER = "reminder"

SOON = timedelta(minutes=60)
"""Before the pick-up the vehicle is settled: from then on its driver is told of what changes."""


@dataclass(frozen=True)
class Notices:
    """Tells the traveller of a booking.

    Parameters
    ----------
    session : Session
        Of the transaction; rolled back with it.
    catalogue : Catalogue
        Names and telephone numbers of services.
    now : datetime
    """

    session: Session
    catalogue: Catalogue
    now: datetime

    def confirmed(self, booking: Booking, legs: Sequence[BookedLeg]) -> None:
        """Say that rides are booked, and remind of each in time; of a series it is said once for all its days."""
        if booking.series is None:
            self._say("booking_confirmed", booking, legs, key=f"booking:{booking.id}/{booking.revision}")
        self._remind(booking, legs)
        self._tell_drivers("sheet_ride_added", legs)

    def changed(self, booking: Booking, before: Sequence[BookedLeg], legs: Sequence[BookedLeg]) -> None:
        """Say that rides were replaced by others."""
        for leg in before:
            messages.cancel(self.session, about=about(leg), templates=[REMINDER], now=self.now)
        self._say("booking_changed", booking, legs, key=f"booking:{booking.id}/{booking.revision}")
        self._remind(booking, legs)
        self._tell_drivers("sheet_ride_removed", before)
        self._tell_drivers("sheet_ride_added", legs)

    def cancelled(self, booking: Booking, legs: Iterable[BookedLeg], penalty: int) -> None:
        """Say that rides are cancelled as was asked."""
        legs = list(legs)
        for leg in legs:
            messages.cancel(self.session, about=about(leg), templates=[REMINDER], now=self.now)
        key = f"booking:{booking.id}/{'+'.join(leg.id for leg in legs)[:300]}"
        self._say("booking_cancelled", booking, legs, key=key, penalty=penalty or None)
        self._tell_drivers("sheet_ride_removed", legs)

    def cancelled_by_operator(self, booking: Booking, leg: BookedLeg, reason: str, refund: int) -> None:
        """Say that a ride does not take place."""
        messages.cancel(self.session, about=about(leg), templates=[REMINDER], now=self.now)
        self.tell("booking_cancelled_by_operator", booking, leg, reason=reason or None, refund=refund or None)
        self._tell_drivers("sheet_ride_removed", [leg])

    def absent(self, booking: Booking, leg: BookedLeg, penalty: int) -> None:
        """Say that the vehicle waited in vain."""
        self.tell("no_show", booking, leg, penalty=penalty or None)

    def tell(self, template: str, booking: Booking, leg: BookedLeg, *, key: str = "", **values: object) -> None:
        """Say one of the templates about one ride."""
        if booking.contact is None:
            return
        service = self.catalogue.find(leg.offer.service)
        messages.send(
            self.session,
            template,
            _recipient(booking, service),
            {**_of_booking(booking, service), **_of_leg(leg, service), **values},
            key=key or about(leg),
            about=about(leg),
            now=self.now,
        )

    def _say(self, template: str, booking: Booking, legs: Iterable[BookedLeg], *, key: str, **values: object) -> None:
        legs = list(legs)
        if booking.contact is None or not legs:
            return
        service = self.catalogue.find(legs[0].offer.service)
        costs = [leg.offer.cents for leg in legs if leg.offer.cents is not None]
        messages.send(
            self.session,
            template,
            _recipient(booking, service),
            {
                **_of_booking(booking, service),
                "rides": [_of_leg(leg, self.catalogue.find(leg.offer.service)) for leg in legs],
                "cents": sum(costs) or None,
                "cancel_until": moment(min(leg.cancel_until for leg in legs)),
                **values,
            },
            key=key,
            about=f"booking:{booking.id}",
            now=self.now,
        )

    def _tell_drivers(self, template: str, legs: Iterable[BookedLeg]) -> None:
        """Tell the driver what changes soon; what is later, the sheet shows by itself."""
        for leg in legs:
            if leg.vehicle is None or moment(leg.offer.pickup[0]) - self.now > SOON:
                continue
            service = self.catalogue.find(leg.offer.service)
            zone = service.timezone if service else "Europe/Paris"
            messages.send(
                self.session,
                template,
                Recipient(vehicle=leg.vehicle, zone=zone),
                _of_leg(leg, service),
                key=f"{about(leg)}/{leg.vehicle}",
                about=about(leg),
                now=self.now,
            )

    def _remind(self, booking: Booking, legs: Iterable[BookedLeg]) -> None:
        for leg in legs:
            pickup = moment(leg.offer.pickup[0])
            due = pickup - REMINDED
            if booking.contact is None or due <= self.now:
                continue
            service = self.catalogue.find(leg.offer.service)
            messages.send(
                self.session,
                REMINDER,
                _recipient(booking, service),
                {**_of_booking(booking, service), **_of_leg(leg, service)},
                key=about(leg),
                about=about(leg),
                now=self.now,
                due=due,
                until=pickup,
            )


def about(leg: BookedLeg) -> str:
    """Return what messages about a ride are about."""
    return f"leg:{leg.id}"


def _recipient(booking: Booking, service: Service | None) -> Recipient:
    assert booking.contact is not None
    zone = service.timezone if service else "Europe/Paris"
    return Recipient(booking.contact.email, booking.contact.phone, language=booking.contact.language, zone=zone)


def _of_booking(booking: Booking, service: Service | None) -> Mapping[str, object]:
    phones = [] if service is None else [rule.phone_number for rule in service.rules.values() if rule.phone_number]
    return {
        "reference": booking.reference,
        "name": booking.contact and booking.contact.name,
        "phone": phones[0] if phones else service and service.agency.get("agency_phone"),
    }


def _of_leg(leg: BookedLeg, service: Service | None) -> Mapping[str, object]:
    offer = leg.offer
    name = service and (service.route.get("route_long_name") or service.route.get("route_short_name"))
    return {
        "service": name or offer.service,
        "origin": offer.origin.name,
        "destination": offer.destination.name,
        "pickup": moment(offer.pickup[0] + leg.shifted),
        "latest": moment(offer.pickup[1] + leg.shifted),
        "arrive_by": moment(offer.drop_off[1] + leg.shifted),
    }
