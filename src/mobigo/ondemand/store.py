"""Bookings in the database: all SQL about them. Functions take psycopg's connection; the caller commits.

``ondemand_booking``: ``id`` (unguessable), ``reference`` (said on the telephone), ``account`` (user of a traveller),
    ``person`` (keyed hashes, see `conduct`), ``name, phone, email, language`` (forgotten with ``note`` at
    ``forgotten_at``), ``party``, ``journey``, ``series``, ``return_of``, ``made_by, made_at``, ``revision``
``ondemand_leg``: a ride: what was promised (the offer), on which terms (``cancel_until``, ``late_cancel_cents``,
    ``no_show_cents``), ``shifted`` (seconds by which the promise has moved since), ``state``, ``run``, ``hold_until``,
    ``locked`` (staff tied it to its run). Its two stops are rows of ``ondemand_event``.
``ondemand_history``: what happened, when, ``by`` whom; nobody's name in it, never changed
``ondemand_series``, ``ondemand_series_day``: a ride every week, and what has become of each of its days
``ondemand_absence``: who did not appear (``person``), and whether the desk has pardoned it
``ondemand_refusal``: what could not be booked, without who asked
``ondemand_answer``: answers by idempotency key
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.kit.errors import NotFound
from mobigo.ondemand.model import BookedLeg, Booking, Contact, Offer, Party, Pin, PinSide, State
from mobigo.ondemand.quotes import pack_spot, unpack_spot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from psycopg import Connection


def moment(instant: int) -> datetime:
    """Return an instant as the database keeps it."""
    return datetime.fromtimestamp(instant, UTC)


def instant(moment_: datetime) -> int:
    """Return an instant of the database; fractions of a second are cut off."""
    return int(moment_.timestamp() // 1)


# ── bookings ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_booking(connection: Connection[Any], booking: Booking) -> bool:
    """Add a booking without its rides; False where its reference is taken."""
    contact = booking.contact
    added = connection.execute(
        """
        INSERT INTO ondemand_booking (id, reference, account, person, name, phone, email, language, party, note,
            journey, series, return_of, made_by, made_at, revision)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (reference) DO NOTHING
        """,
        [
            booking.id,
            booking.reference,
            booking.account,
            list(booking.person),
            contact and contact.name,
            contact and contact.phone,
            contact and contact.email,
            contact.language if contact else "fr",
            Jsonb(_pack_party(booking.party)),
            booking.note,
            booking.journey,
            booking.series,
            booking.return_of,
            booking.by,
            booking.created_at,
            booking.revision,
        ],
    )
    return added.rowcount > 0


def set_contact(connection: Connection[Any], booking: str, contact: Contact, person: Sequence[str]) -> None:
    """Say who travels."""
    connection.execute(
        "UPDATE ondemand_booking SET name = %s, phone = %s, email = %s, language = %s, person = %s WHERE id = %s",
        [contact.name, contact.phone, contact.email, contact.language, list(person), booking],
    )


def count_revision(connection: Connection[Any], booking: str) -> None:
    """Count a change of a booking's rides."""
    connection.execute("UPDATE ondemand_booking SET revision = revision + 1 WHERE id = %s", [booking])


def lock_booking(connection: Connection[Any], id_: str) -> None:
    """Let nobody else change a booking until the transaction ends.

    Raises
    ------
    NotFound
        ``unknown_booking``.
    """
    row = connection.execute("SELECT 1 FROM ondemand_booking WHERE id = %s FOR UPDATE", [id_]).fetchone()
    if row is None:
        raise unknown_booking(id_)


def unknown_booking(id_: str) -> NotFound:
    """Say that there is no such booking."""
    return NotFound(
        f"no booking {id_[:60]!r}; check the id, or ask the desk with the reference of six characters",
        code="unknown_booking",
    )


_BOOKING = """
    SELECT id, reference, account, person, name, phone, email, language, party, note, journey, series, return_of,
        made_by, made_at, revision
    FROM ondemand_booking
"""

_LEG = """
    SELECT leg.id, leg.booking, leg.service, leg.operator, leg.trip, leg.service_date, leg.origin, leg.destination,
        leg.pickup_from, leg.pickup_until, leg.drop_off_from, leg.drop_off_until, leg.shifted, leg.longest_ride,
        leg.dwell, leg.party, leg.bookable_until, leg.cancel_until, leg.cents, leg.late_cancel_cents, leg.no_show_cents,
        leg.pin, leg.state, leg.run, leg.hold_until, leg.locked, run.vehicle, pickup.arrival, drop_off.arrival
    FROM ondemand_leg AS leg
    LEFT JOIN ondemand_run AS run ON run.id = leg.run
    LEFT JOIN ondemand_event AS pickup ON pickup.leg = leg.id AND pickup.kind = 'pickup'
    LEFT JOIN ondemand_event AS drop_off ON drop_off.leg = leg.id AND drop_off.kind = 'drop_off'
"""


def get_booking(connection: Connection[Any], id_: str) -> Booking:
    """Return a booking with its rides."""
    found = _list_bookings(connection, "WHERE id = %s", [id_])
    if not found:
        raise unknown_booking(id_)
    return found[0]


def find_booking_of_leg(connection: Connection[Any], leg: str) -> str:
    """Return the id of the booking that a ride belongs to.

    Raises
    ------
    NotFound
        ``unknown_ride``.
    """
    row = connection.execute("SELECT booking FROM ondemand_leg WHERE id = %s", [leg]).fetchone()
    if row is None:
        raise NotFound(f"no ride {leg[:60]!r}; the rides of a booking have their ids in it", code="unknown_ride")
    return str(row[0])


def list_bookings(
    connection: Connection[Any],
    *,
    account: str | None = None,
    reference: str | None = None,
    phone: str | None = None,
    name: str | None = None,
    series: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Booking]:
    """List bookings that match all that is given, those made last first; `before`: the last one already seen."""
    wheres, values = ["true"], list[object]()
    for column, value in (("account", account), ("reference", reference), ("phone", phone), ("series", series)):
        if value is not None:
            wheres.append(f"{column} = %s")
            values.append(value)
    if name is not None:
        wheres.append("strpos(lower(name), lower(%s)) > 0")
        values.append(name)
    if before is not None:
        wheres.append("(made_at, id) < (%s, %s)")
        values += before
    return _list_bookings(
        connection, f"WHERE {' AND '.join(wheres)} ORDER BY made_at DESC, id DESC LIMIT %s", [*values, limit]
    )


def _list_bookings(connection: Connection[Any], which: str, values: Sequence[object]) -> list[Booking]:
    rows = connection.execute(f"{_BOOKING} {which}".encode(), values).fetchall()
    legs: dict[str, list[BookedLeg]] = {row[0]: [] for row in rows}
    for leg in _list_legs(connection, "WHERE leg.booking = ANY (%s) ORDER BY leg.number", [list(legs)]):
        legs[leg.booking].append(leg)
    return [
        Booking(
            id=id_,
            reference=reference,
            contact=None if name is None else Contact(name, phone, email, language),
            party=_unpack_party(party),
            legs=tuple(legs[id_]),
            created_at=made_at,
            by=made_by,
            series=series,
            note=note,
            journey=journey,
            account=account,
            person=tuple(person),
            return_of=return_of,
            revision=revision,
        )
        for id_, reference, account, person, name, phone, email, language, party, note, journey, series, return_of,
        made_by, made_at, revision in rows
    ]  # fmt: skip


# ── rides ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_leg(connection: Connection[Any], leg: BookedLeg) -> None:
    """Add a ride to its booking, after those it has."""
    offer = leg.offer
    connection.execute(
        """
        INSERT INTO ondemand_leg (id, booking, number, service, operator, trip, service_date, origin, destination,
            pickup_from, pickup_until, drop_off_from, drop_off_until, longest_ride, dwell, party, load, bookable_until,
            cancel_until, cents, late_cancel_cents, no_show_cents, pin, state, run, hold_until)
        VALUES (%(id)s, %(booking)s, (SELECT count(*) FROM ondemand_leg WHERE booking = %(booking)s), %(service)s,
            %(operator)s, %(trip)s, %(day)s, %(origin)s, %(destination)s, %(pickup_from)s, %(pickup_until)s,
            %(drop_off_from)s, %(drop_off_until)s, %(longest_ride)s, %(dwell)s, %(party)s, %(load)s, %(bookable_until)s,
            %(cancel_until)s, %(cents)s, %(late_cancel_cents)s, %(no_show_cents)s, %(pin)s, %(state)s, %(run)s,
            %(hold_until)s)
        """,
        {
            "id": leg.id,
            "booking": leg.booking,
            "service": offer.service,
            "operator": leg.operator,
            "trip": offer.trip,
            "day": offer.service_date,
            "origin": Jsonb(pack_spot(offer.origin)),
            "destination": Jsonb(pack_spot(offer.destination)),
            "pickup_from": moment(offer.pickup[0]),
            "pickup_until": moment(offer.pickup[1]),
            "drop_off_from": moment(offer.drop_off[0]) if offer.drop_off[0] else None,
            "drop_off_until": moment(offer.drop_off[1]),
            "longest_ride": offer.longest_ride,
            "dwell": leg.dwell,
            "party": Jsonb(_pack_party(offer.party)),
            "load": list(offer.party.load),
            "bookable_until": moment(offer.bookable_until),
            "cancel_until": moment(leg.cancel_until),
            "cents": offer.cents,
            "late_cancel_cents": leg.late_cancel_cents,
            "no_show_cents": leg.no_show_cents,
            "pin": _pack_pin(offer.pin),
            "state": leg.state.value,
            "run": leg.run,
            "hold_until": leg.hold_until,
        },
    )


def set_state(connection: Connection[Any], leg: str, state: State) -> None:
    """Say what has become of a ride; only `HELD` keeps the end of its hold."""
    connection.execute("UPDATE ondemand_leg SET state = %s, hold_until = NULL WHERE id = %s", [state.value, leg])


def assign(connection: Connection[Any], until: datetime) -> list[tuple[str, str]]:
    """Let the confirmed rides whose pick-up begins by an instant be assigned; booking and ride of each."""
    rows = connection.execute(
        "UPDATE ondemand_leg SET state = 'assigned' WHERE state = 'confirmed' AND pickup_from <= %s"
        " RETURNING booking, id",
        [until],
    ).fetchall()
    return [(booking, leg) for booking, leg in rows]


def shift(connection: Connection[Any], leg: str, seconds: int) -> None:
    """Move the promised times of a ride, counted from those that were booked."""
    connection.execute("UPDATE ondemand_leg SET shifted = %s WHERE id = %s", [seconds, leg])


def get_leg(connection: Connection[Any], id_: str) -> BookedLeg:
    """Return a ride.

    Raises
    ------
    NotFound
        ``unknown_ride``.
    """
    found = _list_legs(connection, "WHERE leg.id = %s", [id_])
    if not found:
        raise NotFound(f"no ride {id_[:60]!r}; the rides of a booking have their ids in it", code="unknown_ride")
    return found[0]


def lock_legs(connection: Connection[Any], ids: Sequence[str], states: Iterable[State]) -> set[str]:
    """Let nobody else change those of some rides that are in one of some states; return which these are."""
    rows = connection.execute(
        "SELECT id FROM ondemand_leg WHERE id = ANY (%s) AND state = ANY (%s) ORDER BY id FOR UPDATE",
        [list(ids), [state.value for state in states]],
    ).fetchall()
    return {row[0] for row in rows}


def list_legs(connection: Connection[Any], ids: Sequence[str]) -> list[BookedLeg]:
    """List rides by their ids, in the order of the pick-up."""
    return _list_legs(connection, "WHERE leg.id = ANY (%s) ORDER BY leg.pickup_from, leg.id", [list(ids)])


def list_legs_of_runs(connection: Connection[Any], runs: Sequence[int]) -> list[BookedLeg]:
    """List the rides on some runs that are to take place or have, in the order of the pick-up."""
    return _list_legs(connection, "WHERE leg.run = ANY (%s) ORDER BY leg.pickup_from, leg.id", [list(runs)])


def list_legs_to_come(
    connection: Connection[Any], states: Iterable[State], first: datetime, last: datetime
) -> list[BookedLeg]:
    """List the rides in some states whose promised pick-up begins between two instants, in that order."""
    return _list_legs(
        connection,
        "WHERE leg.state = ANY (%s) AND leg.pickup_from BETWEEN %s AND %s ORDER BY leg.pickup_from, leg.id",
        [[state.value for state in states], first, last],
    )


def _list_legs(connection: Connection[Any], which: str, values: Sequence[object]) -> list[BookedLeg]:
    return [_leg(row) for row in connection.execute(f"{_LEG} {which}".encode(), values)]


def _leg(row: tuple[Any, ...]) -> BookedLeg:
    (id_, booking, service, operator, trip, day, origin, destination, pickup_from, pickup_until, drop_off_from,
        drop_off_until, shifted, longest_ride, dwell, party, bookable_until, cancel_until, cents, late_cancel_cents,
        no_show_cents, pin, state, run, hold_until, locked, vehicle, picked_up, set_down) = row  # fmt: skip
    offer = Offer(
        service=service,
        trip=trip,
        service_date=day,
        origin=unpack_spot(origin),
        destination=unpack_spot(destination),
        pickup=(instant(pickup_from), instant(pickup_until)),
        drop_off=(instant(drop_off_from) if drop_off_from else 0, instant(drop_off_until)),
        longest_ride=longest_ride,
        party=_unpack_party(party),
        bookable_until=instant(bookable_until),
        cents=cents,
        pin=_unpack_pin(pin),
    )
    return BookedLeg(
        id=id_,
        booking=booking,
        offer=offer,
        state=State(state),
        run=run,
        hold_until=hold_until,
        operator=operator,
        cancel_until=instant(cancel_until),
        late_cancel_cents=late_cancel_cents,
        no_show_cents=no_show_cents,
        dwell=dwell,
        shifted=shifted,
        locked=locked,
        planned=(instant(picked_up), instant(set_down)) if picked_up and set_down else None,
        vehicle=vehicle,
    )


def expire_holds(connection: Connection[Any], now: datetime, runs: Sequence[int]) -> list[tuple[str, str, int]]:
    """End the holds on some runs whose time is over: booking, ride and run of each. Their stops are the caller's."""
    rows = connection.execute(
        "UPDATE ondemand_leg SET state = 'failed', hold_until = NULL"
        " WHERE run = ANY (%s) AND state = 'held' AND hold_until < %s RETURNING booking, id, run",
        [list(runs), now],
    ).fetchall()
    return [(booking, leg, run) for booking, leg, run in rows]


def list_expired(connection: Connection[Any], now: datetime) -> list[tuple[int, str]]:
    """List run and ride of the holds whose time is over."""
    rows = connection.execute(
        "SELECT run, id FROM ondemand_leg WHERE state = 'held' AND hold_until < %s ORDER BY run, id", [now]
    ).fetchall()
    return [(run, leg) for run, leg in rows]


def forget_travellers(connection: Connection[Any], before: datetime, now: datetime) -> list[tuple[str, list[str]]]:
    """Forget who travelled, and between which doors, where the last ride ended before an instant; bookings and rides.

    Stops stay by name; of other places a square of a kilometre is left, and nothing of accounts and notes.
    """
    rows = connection.execute(
        """
        WITH gone AS (
            SELECT booking.id, array_agg(leg.id) AS legs
            FROM ondemand_booking AS booking JOIN ondemand_leg AS leg ON leg.booking = booking.id
            WHERE booking.forgotten_at IS NULL
            GROUP BY booking.id HAVING max(leg.drop_off_until) < %(before)s
        ), blurred AS (
            UPDATE ondemand_leg AS leg SET
                origin = CASE WHEN origin ->> 3 IS NULL THEN jsonb_build_array(
                    '', round((origin ->> 1)::numeric, 2), round((origin ->> 2)::numeric, 2), NULL
                ) ELSE origin END,
                destination = CASE WHEN destination ->> 3 IS NULL THEN jsonb_build_array(
                    '', round((destination ->> 1)::numeric, 2), round((destination ->> 2)::numeric, 2), NULL
                ) ELSE destination END
            FROM gone WHERE leg.booking = gone.id
        )
        UPDATE ondemand_booking AS booking SET name = NULL, phone = NULL, email = NULL, account = NULL, person = '{}',
            note = '', journey = NULL, forgotten_at = %(now)s
        FROM gone WHERE booking.id = gone.id RETURNING booking.id, gone.legs
        """,
        {"before": before, "now": now},
    ).fetchall()
    connection.execute(
        """
        UPDATE ondemand_event SET name = CASE WHEN stop_id IS NULL THEN '' ELSE name END,
            point = ST_SnapToGrid(point, 0.01)
        WHERE run IN (SELECT run.id FROM ondemand_run AS run JOIN ondemand_event AS event ON event.run = run.id
            WHERE run.ends < %s AND event.stop_id IS NULL AND event.name <> '')
        """,  # of whole runs: stops at one place stay at one place
        [before],
    )
    connection.execute(
        "UPDATE ondemand_series SET name = NULL, phone = NULL, email = NULL, account = NULL, person = '{}',"
        " wish = 'null', forgotten_at = %s WHERE forgotten_at IS NULL AND last < %s",
        [now, before.date()],
    )
    return [(booking, legs) for booking, legs in rows]


def forget_refusals(connection: Connection[Any], before: datetime) -> None:
    """Forget what was refused before an instant."""
    connection.execute("DELETE FROM ondemand_refusal WHERE at < %s", [before])


def _pack_party(party: Party) -> dict[str, int]:
    return dict(vars(party))


def _unpack_party(values: Mapping[str, int]) -> Party:
    return Party(**values)


def _pack_pin(pin: Pin | None) -> Jsonb | None:
    if pin is None:
        return None
    return Jsonb(
        {
            "side": pin.side.value,
            "trip_id": pin.trip_id,
            "service_date": pin.service_date.isoformat(),
            "stop_id": pin.stop_id,
            "instant": pin.instant,
        }
    )


def _unpack_pin(values: Mapping[str, Any] | None) -> Pin | None:
    if values is None:
        return None
    day = datetime.fromisoformat(values["service_date"]).date()
    return Pin(PinSide(values["side"]), values["trip_id"], day, values["stop_id"], values["instant"])


# ── what happened ─────────────────────────────────────────────────────────────────────────────────────────────────────


def note(
    connection: Connection[Any],
    booking: str,
    leg: str | None,
    *,
    at: datetime,
    what: str,
    by: str,
    moved: tuple[State | None, State] | None = None,
    details: Mapping[str, object] | None = None,
) -> None:
    """Write down what happened to a booking or one of its rides; nothing about who travels.

    Parameters
    ----------
    what : str
        A word: ``moved``, ``shifted``, ``replanned``.
    moved : pair of states, optional
        Before (None: it was new) and after.
    """
    before, after = moved or (None, None)
    connection.execute(
        "INSERT INTO ondemand_history (booking, leg, at, what, before, after, by, details)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [booking, leg, at, what, before and before.value, after and after.value, by, Jsonb(dict(details or {}))],
    )


def list_history(connection: Connection[Any], booking: str) -> list[tuple[Any, ...]]:
    """List what happened to a booking, oldest first: at, ride, what, before, after, by, details."""
    return connection.execute(
        "SELECT at, leg, what, before, after, by, details FROM ondemand_history WHERE booking = %s ORDER BY id",
        [booking],
    ).fetchall()


def note_refusal(
    connection: Connection[Any], now: datetime, reason: str, offer: Offer | None = None, service: str | None = None
) -> None:
    """Write down that somebody could not book, and nothing about who."""
    if offer is None:
        note_unserved(connection, now, service, reason)
        return
    stops = offer.origin.stop_id, offer.destination.stop_id
    wanted = moment(offer.pickup[0])
    note_unserved(connection, now, offer.service, reason, wanted=wanted, party=offer.party, stops=stops)


def note_unserved(
    connection: Connection[Any],
    now: datetime,
    service: str | None,
    reason: str,
    *,
    wanted: datetime | None = None,
    party: Party | None = None,
    stops: tuple[str | None, str | None] = (None, None),
) -> None:
    """Write down that somebody could not be served."""
    connection.execute(
        "INSERT INTO ondemand_refusal (at, service, reason, wanted, persons, load, origin_stop, destination_stop)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [now, service, reason, wanted, party and party.persons, party and list(party.load), *stops],
    )


def count_refusals(connection: Connection[Any], first: date, last: date) -> list[tuple[Any, ...]]:
    """Count refusals from one day to another, both included: day, service, reason, requests, persons."""
    return connection.execute(
        "SELECT at::date AS day, service, reason, count(*), coalesce(sum(persons), 0)::int FROM ondemand_refusal"
        " WHERE at::date BETWEEN %s AND %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [first, last],
    ).fetchall()
