"""Through what messages leave: the embedded outbox, a mail server, a provider of text messages.

Whatever sends may fail in three ways, and the difference decides whether something is said twice: it was surely not
taken (try again), it never will be (give up), or nobody knows (leave it to a person).
"""

from __future__ import annotations

import hashlib
import json
import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

import httpx

from mobigo.kit.errors import InvalidInput
from mobigo.messages.model import Channel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mobigo.messages.model import Message

PATIENCE = 15.0
"""Seconds for a connection and for each answer."""

LONGEST_PROBLEM = 200
"""Characters of a reason that are kept."""

SMTP_PORT, SMTPS_PORT = 587, 465

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be different in a moment; the request was not taken."""

GO_ON = 354
"""What a mail server answers to DATA before it takes the content."""

LOCAL = ("localhost", "127.0.0.1", "::1")


class NotTakenError(Exception):
    """It was not taken; another attempt may go better."""


class RejectedError(Exception):
    """It is not taken, and never will be."""


class DoubtfulError(Exception):
    """The line broke while it was handed over."""


class Outlet(Protocol):
    """What sends the messages of a channel."""

    @property
    def name(self) -> str:
        """What it is called in the outbox."""

    @property
    def sure(self) -> bool:
        """Whether sending the same message again cannot say it twice."""

    def send(self, message: Message) -> str | None:
        """Send; return what the provider calls it. Raises one of the three errors above."""


@dataclass(frozen=True)
class Outbox:
    """Keeps messages where staff read them (``mobigo outbox``, ``/v1/messages/outbox``); nothing leaves the machine."""

    name: str = "outbox"
    sure: bool = True

    def send(self, message: Message) -> str | None:  # noqa: ARG002 - it is kept where it is
        """Do nothing more: the message is kept."""
        return None


@dataclass(frozen=True)
class Smtp:
    """Sends e-mail through a mail server.

    Parameters
    ----------
    address : str
        ``smtp://USER:PASSWORD@HOST:PORT`` (encrypted by STARTTLS where the server offers it, and always when there is
        a password or the server is elsewhere and offers it) or ``smtps://…`` (encrypted from the start).
    sender : str
        ``From`` of the messages.
    """

    address: str = field(repr=False)
    sender: str
    name: str = "smtp"
    sure: bool = False

    def __post_init__(self) -> None:
        """Refuse an address that cannot be meant."""
        parts = urlsplit(self.address)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise InvalidInput("MOBIGO_SMTP_URL is not smtp://USER:PASSWORD@HOST:PORT or smtps://…; correct it")
        if "@" not in self.sender:
            raise InvalidInput(f"MOBIGO_MAIL_FROM={self.sender!r} is no address; write it like name@example.org")

    def send(self, message: Message) -> str | None:
        """Send one e-mail in a connection of its own."""
        mail = self.compose(message)
        try:
            with self._open() as server:
                _expect(server.mail(_bare(self.sender)))
                _expect(server.rcpt(message.recipient or ""))
                self._hand_over(server, mail.as_bytes(policy=policy.SMTP).rstrip())
        except smtplib.SMTPResponseException as error:
            raise _judge(error.smtp_code, _decode(error.smtp_error)) from None
        except (smtplib.SMTPException, OSError) as error:
            raise NotTakenError(_reason(error)) from None
        return str(mail["Message-ID"])

    def compose(self, message: Message) -> EmailMessage:
        """Write the e-mail; its Message-ID is the same at each attempt."""
        mail = EmailMessage()
        domain = _bare(self.sender).rpartition("@")[2]
        mail["From"] = self.sender
        mail["To"] = message.recipient or ""
        mail["Subject"] = message.subject or ""
        mail["Date"] = formatdate(usegmt=True)
        mail["Message-ID"] = f"<{message.id}.{hashlib.sha256(message.key.encode()).hexdigest()[:16]}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["Content-Language"] = message.language
        mail.set_content(message.body or "")
        return mail

    def _open(self) -> smtplib.SMTP:
        parts = urlsplit(self.address)
        host = parts.hostname or ""
        server: smtplib.SMTP
        if parts.scheme == "smtps":
            context = ssl.create_default_context()
            server = smtplib.SMTP_SSL(host, parts.port or SMTPS_PORT, timeout=PATIENCE, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or SMTP_PORT, timeout=PATIENCE)
        try:
            self._greet(server, host, encrypted=parts.scheme == "smtps")
        except BaseException:
            server.close()
            raise
        return server

    def _greet(self, server: smtplib.SMTP, host: str, *, encrypted: bool) -> None:
        """Encrypt where it can be done, and say who we are; never in the clear to another machine."""
        parts = urlsplit(self.address)
        user = unquote(parts.username or "")
        server.ehlo_or_helo_if_needed()
        if not encrypted and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo_or_helo_if_needed()
            encrypted = True
        if user:
            if not encrypted and host not in LOCAL:
                raise NotTakenError(f"{host} offers no encryption, and the password is not sent without")
            server.login(user, unquote(parts.password or ""))

    def _hand_over(self, server: smtplib.SMTP, content: bytes) -> None:
        code, said = server.docmd("DATA")
        if code != GO_ON:
            raise smtplib.SMTPResponseException(code, said)
        try:
            server.send(re.sub(rb"(?m)^\.", b"..", content) + b"\r\n.\r\n")
            answer = server.getreply()
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise DoubtfulError(_reason(error)) from None
        _expect(answer)


def _bare(sender: str) -> str:
    return sender.rpartition("<")[2].rstrip("> ")


def _expect(answer: tuple[int, bytes]) -> None:
    code, said = answer
    if not 200 <= code < 300:  # noqa: PLR2004  SMTP's successes
        raise smtplib.SMTPResponseException(code, said)


def _judge(code: int, said: str) -> NotTakenError | RejectedError:
    text = f"{code} {said}"[:LONGEST_PROBLEM]
    return RejectedError(text) if 500 <= code < 600 else NotTakenError(text)  # noqa: PLR2004  SMTP's refusals for good


def _decode(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:LONGEST_PROBLEM]


@dataclass(frozen=True)
class HttpSms:
    """Sends text messages through a provider's HTTP API that takes a JSON body.

    Parameters
    ----------
    address : str
        Where to post.
    headers : mapping
        Sent with it, as ``Authorization``.
    body : str
        JSON whose texts hold ``{to}`` (E.164), ``{text}``, ``{sender}`` and ``{reference}``.
    sender : str
        Name or number that appears as the sender.
    """

    address: str
    headers: Mapping[str, str] = field(repr=False)
    body: str
    sender: str
    name: str = "sms"
    sure: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if urlsplit(self.address).scheme not in ("http", "https"):
            raise InvalidInput("MOBIGO_SMS_URL is not an address of http or https; correct it")
        try:
            json.loads(self.body)
        except ValueError as error:
            raise InvalidInput(f"MOBIGO_SMS_BODY is not JSON ({error}); correct it") from None

    def send(self, message: Message) -> str | None:
        """Send one text message; the provider is told a key by which it may know a repetition."""
        reference = hashlib.sha256(message.key.encode()).hexdigest()[:32]
        words = {
            "{to}": message.recipient or "",
            "{text}": message.body or "",
            "{sender}": self.sender,
            "{reference}": reference,
        }
        try:
            with httpx.Client(timeout=PATIENCE, follow_redirects=False) as client:
                answer = client.post(
                    self.address,
                    json=_fill(json.loads(self.body), words),
                    headers={**self.headers, "Idempotency-Key": reference},
                )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotTakenError(_reason(error)) from None
        except httpx.HTTPError as error:
            raise DoubtfulError(_reason(error)) from None
        if answer.is_success:
            return _receipt(answer)
        text = f"{answer.status_code} {answer.reason_phrase}"[:LONGEST_PROBLEM]
        raise NotTakenError(text) if answer.status_code in PASSING else RejectedError(text)


def _fill(content: object, words: Mapping[str, str]) -> object:
    """Put words into the texts of a JSON value; what is put in is never read for words again."""
    if isinstance(content, dict):
        return {key: _fill(value, words) for key, value in content.items()}
    if isinstance(content, list):
        return [_fill(value, words) for value in content]
    if isinstance(content, str):
        parts = [content]
        for word, said in words.items():
            parts = [
                piece
                for place, part in enumerate(parts)
                for piece in (_split(part, word, said) if place % 2 == 0 else [part])
            ]
        return "".join(parts)
    return content


def _split(part: str, word: str, said: str) -> list[str]:
    """Split a text at a word: pieces of the text at even places, what stands for the word at odd ones."""
    pieces: list[str] = []
    for piece in part.split(word):
        pieces += [piece, said]
    return pieces[:-1]


def _receipt(answer: httpx.Response) -> str | None:
    try:
        said = answer.json()
    except ValueError:
        return None
    for name in ("id", "messageId", "message_id", "sid", "reference"):
        if isinstance(said, dict) and isinstance(said.get(name), (str, int)):
            return str(said[name])[:LONGEST_PROBLEM]
    return None


def usual_outlets(*, email: Outlet | None = None, sms: Outlet | None = None) -> dict[Channel, Outlet]:
    """Return the outlet of each channel: the embedded outbox, unless another is given."""
    return {Channel.EMAIL: email or Outbox(), Channel.SMS: sms or Outbox(), Channel.SHEET: Outbox()}
