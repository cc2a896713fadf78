"""Mail servers and providers of text messages that misbehave, for real: over sockets."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from mobigo.kit.errors import InvalidInput
from mobigo.messages.model import Channel, Message, MessageState
from mobigo.messages.outlets import DoubtfulError, HttpSms, NotTakenError, RejectedError, Smtp, usual_outlets

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MAIL = Message(
    id=7,
    key="booking:1/booking_confirmed/email",
    channel=Channel.EMAIL,
    template="booking_confirmed",
    language="fr",
    about="booking:1",
    recipient="lea@example.org",
    subject="Réservation K7P2QX confirmée",
    body="Bonjour Léa,\n.\nà bientôt",
    created_at=NOON,
    due_at=NOON,
    until=None,
    state=MessageState.SENDING,
)
SMS = Message(**{**MAIL.__dict__, "channel": Channel.SMS, "recipient": "+33612345678", "subject": None,
                 "body": 'Rappel {to} "demain"\\ 8 h é'})  # fmt: skip


@dataclass
class MailServer:
    """Speaks SMTP as far as we do, and answers each command as it is told."""

    answers: dict[str, str] = field(default_factory=dict)
    """By command: the answer; ``break`` hangs up."""
    heard: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    port: int = 0

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as line:

            def say(text: str) -> None:
                line.write(text.encode() + b"\r\n")
                line.flush()

            say("220 here")
            while command := line.readline().decode().strip():
                self.heard.append(command)
                word = command.split()[0].upper()
                answer = self.answers.get(word, {"DATA": "354 go on", "QUIT": "221 bye"}.get(word, "250 fine"))
                if answer == "break":
                    return
                say(answer)
                if word == "DATA" and answer.startswith("354"):
                    content = b""
                    while not content.endswith(b"\r\n.\r\n"):
                        content += line.readline()
                    self.mails.append(content[:-5])
                    if self.answers.get(".") == "break":
                        return
                    say(self.answers.get(".", "250 taken"))


@contextmanager
def mail_server(**answers: str) -> Iterator[MailServer]:
    server = MailServer({word.replace("end", "."): answer for word, answer in answers.items()})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                server.serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def smtp(server: MailServer, login: str = "") -> Smtp:
    return Smtp(f"smtp://{login}127.0.0.1:{server.port}", "mobigo <tad@example.org>")


def test_an_e_mail_arrives_whole_and_says_that_nobody_wrote_it() -> None:
    with mail_server() as server:
        receipt = smtp(server).send(MAIL)
        again = smtp(server).send(MAIL)
    assert receipt == again  # its Message-ID: a receiver knows a repetition
    assert "mail FROM:<tad@example.org>" in server.heard
    assert "rcpt TO:<lea@example.org>" in server.heard
    mail = message_from_bytes(server.mails[0].replace(b"\r\n..", b"\r\n."), policy=policy.default)
    assert mail["Subject"] == "Réservation K7P2QX confirmée"
    assert mail["To"] == "lea@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n").strip() == "Bonjour Léa,\n.\nà bientôt"


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"MAIL": "451 later"}, NotTakenError),
        ({"RCPT": "450 busy"}, NotTakenError),
        ({"RCPT": "550 no such user"}, RejectedError),
        ({"EHLO": "421 closing", "HELO": "421 closing"}, NotTakenError),
        ({"DATA": "break"}, NotTakenError),
        ({"DATA": "554 no"}, RejectedError),
        ({"end": "break"}, DoubtfulError),
        ({"end": "452 full"}, NotTakenError),
        ({"end": "554 spam"}, RejectedError),
        ({"MAIL": "break"}, NotTakenError),
    ],
)
def test_a_mail_server_that_fails_is_understood(answers: dict[str, str], error: type[Exception]) -> None:
    with mail_server(**answers) as server, pytest.raises(error):
        smtp(server).send(MAIL)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(NotTakenError):
        Smtp(f"smtp://127.0.0.1:{port}", "tad@example.org").send(MAIL)


def test_a_password_is_sent_to_the_own_machine_only_without_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server(EHLO="250-here\r\n250 AUTH PLAIN", AUTH="235 welcome") as server:
        smtp(server, "me:secret@").send(MAIL)
        assert any(line.startswith("AUTH PLAIN") for line in server.heard)
        there = socket.create_connection
        monkeypatch.setattr(
            socket, "create_connection", lambda address, *a, **k: there(("127.0.0.1", address[1]), *a, **k)
        )
        server.heard.clear()
        with pytest.raises(NotTakenError, match="offers no encryption"):
            Smtp(f"smtp://me:secret@mail.example.org:{server.port}", "tad@example.org").send(MAIL)
        assert not any("AUTH" in line for line in server.heard)


@dataclass
class Provider:
    """A provider of text messages that answers as it is told."""

    status: int = 200
    answer: str = '{"messageId": 123}'
    hang_up: bool = False
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    address: str = ""


@contextmanager
def provider(**how: object) -> Iterator[Provider]:
    told = Provider(**how)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if told.hang_up:
                self.connection.close()
                return
            self.send_response(told.status)
            self.end_headers()
            self.wfile.write(told.answer.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_address[1]}/sms"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()


BODY = '{"receivers": ["{to}"], "message": "{text}", "sender": "{sender}", "tag": "{reference}", "priority": 1}'


def sms(one: Provider, body: str = BODY) -> HttpSms:
    return HttpSms(one.address, {"Authorization": "Bearer s3cret"}, body, "mobigo")


def test_a_text_message_is_posted_as_the_provider_wants_it() -> None:
    with provider() as one:
        assert sms(one).send(SMS) == "123"
        ((headers, body),) = one.heard
    told = json.loads(body)
    assert told["receivers"] == ["+33612345678"]
    assert told["message"] == SMS.body  # as it is: a word of ours inside it means nothing
    assert (told["sender"], told["priority"]) == ("mobigo", 1)
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["idempotency-key"] == told["tag"]
    assert "s3cret" not in repr(sms(one))


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"status": 500}, NotTakenError),
        ({"status": 429}, NotTakenError),
        ({"status": 400}, RejectedError),
        ({"status": 302}, RejectedError),
        ({"hang_up": True}, DoubtfulError),
    ],
)
def test_a_provider_that_fails_is_understood(how: dict[str, object], error: type[Exception]) -> None:
    with provider(**how) as one, pytest.raises(error):
        sms(one).send(SMS)


def test_an_answer_that_is_no_json_is_no_receipt() -> None:
    with provider(answer="thank you") as one:
        assert sms(one).send(SMS) is None


@pytest.mark.parametrize("address", ["", "mail.example.org", "http://mail.example.org", "smtp://"])
def test_an_address_of_a_mail_server_that_cannot_be_meant_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="MOBIGO_SMTP_URL"):
        Smtp(address, "tad@example.org")


def test_settings_of_a_provider_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(InvalidInput, match="MOBIGO_SMS_URL"):
        HttpSms("ftp://x", {}, BODY, "mobigo")
    with pytest.raises(InvalidInput, match="MOBIGO_SMS_BODY"):
        HttpSms("https://x.example", {}, "{", "mobigo")
    with pytest.raises(InvalidInput, match="MOBIGO_MAIL_FROM"):
        Smtp("smtp://localhost", "nobody")


def test_unless_told_otherwise_everything_stays_in_the_outbox() -> None:
    outlets = usual_outlets()
    assert {outlet.name for outlet in outlets.values()} == {"outbox"}
    assert outlets[Channel.EMAIL].send(MAIL) is None
