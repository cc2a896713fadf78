"""What a driver and who rides along say to each other, whom they do not want to meet, and what they report to staff."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from mobigo.carpool import standard_store, store, talk_store
from mobigo.carpool.model import BookingState, RunState
from mobigo.carpool.talk_store import Report, Said
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.messages import service as messages
from mobigo.messages.model import Recipient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Person, Run, Seat

LONGEST_TEXT = 500
"""Characters of a message, as Standard Covoiturage has it."""

LONGEST_REPORT = 2_000
"""Characters of what is reported, and of the answer."""

MOST_MESSAGES = 100
"""That one person writes in one run."""

MOST_REPORTS = 20
"""Of one person within a day."""

OPEN_FOR = timedelta(days=7)
"""After a run, for which those who were in it may write to each other: something was left in the car."""

FORGOTTEN = timedelta(days=30)
"""After which it is forgotten what people said to each other."""

REPORTS_FORGOTTEN = timedelta(days=365)
"""After its answer it is forgotten what a report said."""


class ReportKind(StrEnum):
    """What a report is about."""

    BEHAVIOUR = "behaviour"
    DRIVING = "driving"
    NO_SHOW = "no_show"
    MONEY = "money"
    """Asked for in the car."""
    SAFETY = "safety"
    OTHER = "other"


class ReportState(StrEnum):
    """What has become of a report."""

    OPEN = "open"
    SETTLED = "settled"
    DISMISSED = "dismissed"


class Talk:
    """What one person says and reports.

    Parameters
    ----------
    person : Person
        Who does so.
    """

    def __init__(self, session: Session, person: Person, now: datetime) -> None:
        self.session = session
        self.connection = driver(session)
        self.person = person
        self.now = now

    def write(self, run_id: str, text: str, booking: str | None) -> list[Said]:
        """Write to who rides along, to all or to one of them by the booking; or from these to the driver.

        Raises
        ------
        NotFound
            When they have nothing to do with the run (``unknown_run``) or the booking (``unknown_booking``).
        Refused
            When the run was too long ago (``talk_over``), or too much was written (``too_many_messages``).
        """
        run = store.get_run(self.connection, run_id)
        self._require_party(run)
        bookings = self._list_open(run)
        if booking is not None:
            bookings = [one for one in bookings if one.id == booking]
            if not bookings:
                raise store.unknown_booking(booking)
        if not bookings:
            raise Refused("nobody rides along here who can be written to", code="talk_over")
        _check_open(run, self.now)
        read = read_text(text, LONGEST_TEXT)
        store.lock_people(self.connection, [self.person.id])
        if talk_store.count_sent(self.connection, run.id, self.person.id) + len(bookings) > MOST_MESSAGES:
            raise Refused(
                f"{MOST_MESSAGES} messages are the most that one person writes in a run; telephone instead",
                code="too_many_messages",
            )
        return [self._write(run, one, read) for one in bookings]

    def _list_open(self, run: Run) -> list[Seat]:
        """List the bookings in which they may write: a driver's all, a passenger's own; never over a block."""
        blocked = store.list_blocked(self.connection, self.person.id)
        states = [state for state in BookingState if state is not BookingState.CANCELLED]
        found = store.list_bookings(self.connection, run=run.id, states=states)
        if run.driver == self.person.id:
            return [one for one in found if one.passenger not in blocked]
        return [one for one in found if one.passenger == self.person.id and run.driver not in blocked]

    def _write(self, run: Run, booking: Seat, text: str) -> Said:
        to = booking.passenger if run.driver == self.person.id else run.driver
        said = Said(0, run.id, booking.id, self.person.id, to, booking.operator, text, self.now, None)
        said = talk_store.add_message(self.connection, said)
        if to is not None:
            notify(self.session, run, said, self.now)
        elif booking.operator is not None:
            self._send_over(run, booking, said)
        return said

    def _send_over(self, run: Run, booking: Seat, said: Said) -> None:
        """Send a message to a passenger of another operator."""
        common = standard_store.find_common(self.connection, booking.id)
        if common is None or common.document is None:
            raise Refused("it is forgotten who travelled by this booking; nobody can be written to", code="talk_over")
        body = {
            "from": write_sender(self.person),
            "to": common.document["passenger"],
            "message": said.text,
            "recipientCarpoolerType": "PASSENGER",
            "driverJourneyId": run.id,
            "bookingId": booking.id,
        }
        standard_store.add_call(
            self.connection,
            common.operator,
            f"message/{said.id}",
            ("POST", "/messages", body),
            about=f"message/{said.id}",
            now=self.now,
        )

    def read(self, run_id: str, *, after: int, limit: int) -> list[Said]:
        """List what they wrote or received in a run, oldest first."""
        self._require_party(store.get_run(self.connection, run_id))
        return talk_store.list_messages(self.connection, run_id, self.person.id, after=after, limit=limit)

    def mark_read(self, run_id: str, last: int) -> int:
        """Say that they have read what was sent to them up to a message; return how many were new."""
        self._require_party(store.get_run(self.connection, run_id))
        return talk_store.mark_read(self.connection, run_id, self.person.id, last, self.now)

    def report(self, run_id: str, kind: ReportKind, text: str, reported: str | None) -> Report:
        """Report somebody of a run to staff; a passenger reports the driver unless another is named.

        Raises
        ------
        NotFound
            When the one who reports or is reported has nothing to do with the run.
        """
        run = store.get_run(self.connection, run_id)
        self._require_party(run)
        whom = reported or (run.driver if run.driver != self.person.id else None)
        if whom == self.person.id:
            raise InvalidInput("nobody reports themselves; name the other person by `person`")
        if whom is not None and not self._is_in(run, whom):
            raise NotFound(f"nobody {whom[:60]!r} was in this run; name one of its people", code="unknown_person")
        store.lock_people(self.connection, [self.person.id])
        since = self.now - timedelta(days=1)
        if talk_store.count_reports(self.connection, self.person.id, since) >= MOST_REPORTS:
            raise Refused(
                f"{MOST_REPORTS} reports a day are the most; staff reads those you have made", code="too_many_messages"
            )
        one = Report(
            id=f"report_{secrets.token_urlsafe(12)}",
            reporter=self.person.id,
            reported=whom,
            run=run.id,
            kind=kind.value,
            text=read_text(text, LONGEST_REPORT),
            at=self.now,
            state=ReportState.OPEN.value,
        )
        talk_store.add_report(self.connection, one)
        return one

    def _require_party(self, run: Run) -> None:
        """Let only those of a run go on; to others there is no such run."""
        if not self._is_in(run, self.person.id):
            raise store.unknown_run(run.id)

    def _is_in(self, run: Run, person: str) -> bool:
        return run.driver == person or bool(store.list_bookings(self.connection, run=run.id, passenger=person, limit=1))


def _check_open(run: Run, now: datetime) -> None:
    ended = run.ended_at or run.stops[-1].planned_at
    if run.state is RunState.CANCELLED or now > ended + OPEN_FOR:
        raise Refused(
            f"the run ended more than {OPEN_FOR.days} days ago or is cancelled; report to staff what is still open",
            code="talk_over",
        )


def read_text(text: str, longest: int) -> str:
    """Read what somebody wrote, without needless gaps.

    Raises
    ------
    InvalidInput
        When it is empty, too long or not printable.
    """
    read = "\n".join(" ".join(line.split()) for line in text.strip().splitlines())
    if not read or len(read) > longest or not all(letter.isprintable() or letter == "\n" for letter in read):
        raise InvalidInput(f"the text is empty, longer than {longest} characters or not printable; correct it")
    return read


def notify(session: Session, run: Run, said: Said, now: datetime) -> None:
    """Tell somebody that they were written to."""
    assert said.recipient is not None
    to = store.get_person(driver(session), said.recipient)
    messages.send(
        session,
        "carpool_message",
        recipient_of(to),
        {
            "origin": run.stops[0].name,
            "destination": run.stops[-1].name,
            "departure": run.stops[0].planned_at,
            "text": said.text,
        },
        key=f"carpool_message:{said.id}",
        about=f"carpool_run:{run.id}",
        now=now,
    )


def write_sender(person: Person) -> dict[str, str]:
    """Write somebody of ours as the sender of a message; our domain is put in where it is sent."""
    return {"id": person.id, "operator": "", "alias": (person.name or "Mobigo").split()[0]}


def recipient_of(person: Person) -> Recipient:
    """Return how somebody is written to."""
    return Recipient(person.email, person.phone, language=person.language)


# ── reports ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_reports(
    session: Session,
    *,
    reporter: str | None = None,
    state: ReportState | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> Sequence[Report]:
    """List reports, latest first."""
    return talk_store.list_reports(driver(session), reporter=reporter, state=state, before=before, limit=limit)


def answer(session: Session, id_: str, *, state: ReportState, text: str, by: str, now: datetime) -> Report:
    """Answer a report, once; who made it is told.

    Raises
    ------
    Conflict
        When it was answered before (``report_answered``).
    """
    connection = driver(session)
    one = talk_store.get_report(connection, id_)
    if one.state != ReportState.OPEN:
        raise Conflict(f"report {id_} is {one.state} since {one.answered_at:%Y-%m-%d}", code="report_answered")
    read = read_text(text, LONGEST_REPORT)
    one = replace(one, state=state.value, answer=read, answered_by=by, answered_at=now)
    talk_store.answer_report(connection, one)
    if one.reporter is not None:
        messages.send(
            session,
            "carpool_report_answered",
            recipient_of(store.get_person(connection, one.reporter)),
            {"text": one.answer, "day": one.at},
            key=f"carpool_report:{id_}",
            about=f"carpool_report:{id_}",
            now=now,
        )
    return one


def forget(session: Session, now: datetime) -> int:
    """Forget what people said to each other a month ago, and reported a year ago; return how many."""
    connection = driver(session)
    forgotten = talk_store.forget_messages(connection, now - FORGOTTEN)
    return forgotten + talk_store.forget_reports(connection, now - REPORTS_FORGOTTEN)
