"""Configuration, read once from the environment. Only the edges (cli, web, worker, migrations) import this."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from mobigo.kit.clock import Clock
from mobigo.kit.errors import InvalidInput, Refused

SMS_BODY = '{"to": "{to}", "text": "{text}", "sender": "{sender}", "reference": "{reference}"}'
"""What a provider of text messages is sent unless told otherwise."""


SAMPLE_IBAN = "FR7630006000011234567890189"
"""The French banks' sample of an account number: no bank carries out a transfer from it."""

LONGEST_NOTES, LONGEST_CALLS = 14, 3_660
"""Days that notes of use may be kept, at most: of people, and of vehicles."""

SIRET_DIGITS = 14

MOST_RICS = 32_000
"""Codes of railway companies go up to it."""


@dataclass(frozen=True)
class Settings:
    """What an instance of mobigo is told by its environment."""

    home: Path
    """``MOBIGO_HOME``: all state of this instance; two homes are two instances."""
    database_url: str | None
    """``MOBIGO_DATABASE_URL``: somebody else's PostGIS; None means the private cluster of the home."""
    clock: str | None
    """``MOBIGO_CLOCK``: ``INSTANT[@RATE]``, honoured by ``up --sandbox`` only."""
    allow_hosts: tuple[str, ...]
    """``MOBIGO_ALLOW_HOSTS``: ``ADDRESS:PORT`` pairs that downloads may reach though they are private."""
    test_data: Path
    """``MOBIGO_TEST_DATA``: real feeds and extracts for tests and benchmarks; they skip where it is absent."""
    smtp_url: str | None = field(default=None, repr=False)
    """``MOBIGO_SMTP_URL``: ``smtp://USER:PASSWORD@HOST:PORT`` or ``smtps://…``; None: e-mail stays in the outbox."""
    mail_from: str = "mobigo <noreply@localhost>"
    """``MOBIGO_MAIL_FROM``: sender of e-mail."""
    sms_url: str | None = field(default=None, repr=False)
    """``MOBIGO_SMS_URL``: where a provider takes text messages as JSON; None: they stay in the outbox."""
    sms_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """``MOBIGO_SMS_HEADERS``: ``NAME: VALUE`` per line, as ``Authorization: Bearer …``."""
    sms_body: str = SMS_BODY
    """``MOBIGO_SMS_BODY``: JSON whose texts hold ``{to}``, ``{text}``, ``{sender}`` and ``{reference}``."""
    sms_sender: str = "mobigo"
    """``MOBIGO_SMS_SENDER``: name or number that text messages come from."""
    operator: str = "mobigo.localhost"
    """``MOBIGO_OPERATOR``: domain name by which other operators of carpooling know this instance."""

    payer_name: str = "Région Bourgogne-Franche-Comté"
    """``MOBIGO_PAYER_NAME``: who pays drivers of carpool lines, as the bank knows them."""
    payer_iban: str = SAMPLE_IBAN
    """``MOBIGO_PAYER_IBAN``: the account they are paid from; the sample number belongs to nobody."""
    register_url: str | None = None
    """``MOBIGO_REGISTER_URL``: interface of the national register of carpool proofs; None: its outbox waits."""
    register_token: str = field(default="", repr=False)
    """``MOBIGO_REGISTER_TOKEN``: as whom we tell it."""
    register_siret: str | None = None
    """``MOBIGO_REGISTER_SIRET``: 14 digits of the authority that pays drivers; None: no incentive is named there."""

    publisher_name: str = "Région Bourgogne-Franche-Comté"
    """``MOBIGO_PUBLISHER_NAME``: who publishes the open data."""
    publisher_website: str = "https://www.bourgognefranchecomte.fr"
    """``MOBIGO_PUBLISHER_WEBSITE``: what feeds name as the publisher's address."""
    publisher_email: str | None = None
    """``MOBIGO_PUBLISHER_EMAIL``: where reusers of the open data write to."""
    public_url: str = ""
    """``MOBIGO_PUBLIC_URL``: where this instance is reached from outside; empty: as each request found it."""

    schemas: Path | None = None
    """``MOBIGO_SCHEMAS``: folder of schemas of others, ``netex/``, ``siri/``, ``dcat/``; None: exports are not checked
    by them, and say so."""

    open_usage_fewest: int = 6
    """``MOBIGO_OPEN_USAGE_FEWEST``: travellers of an average day below which nothing of use is told; at least 5."""
    open_usage_step: int = 5
    """``MOBIGO_OPEN_USAGE_STEP``: to what the open figures of use are rounded; at least 5."""

    ticket_issuer: str = "mobigo"
    """``MOBIGO_TICKET_ISSUER``: who signs tickets, as their codes name it: a RICS code, or a word agreed on."""

    stripe_key: str | None = field(default=None, repr=False)
    """``MOBIGO_STRIPE_KEY``: secret key of an account with Stripe; None: the embedded provider, no money moves."""
    stripe_webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    """``MOBIGO_STRIPE_WEBHOOK_SECRET``: what signs its events; several, parted by commas, while it changes."""
    stripe_url: str = "https://api.stripe.com"
    """``MOBIGO_STRIPE_URL``: where Stripe's interface is."""

    dask_scheduler: str | None = None
    """``MOBIGO_DASK_SCHEDULER``: whose workers count use, as ``tls://HOST:8786``; None: processes of this machine."""

    usage_squares_days: int = 400
    """``MOBIGO_USAGE_SQUARES_DAYS``: so long is kept by squares of a kilometre who searched; then by communes."""

    trace_days: tuple[tuple[str, int], ...] = (("search", 7), ("change", 7), ("ride", 7), ("run", 7), ("call", 400))
    """``MOBIGO_TRACE_DAYS``: days that nameless notes of use are kept, by kind, as ``search=7 call=400``."""

    @property
    def sandbox(self) -> bool:
        """Whether this home was started as a sandbox, whose clock may be moved."""
        return (self.home / "sandbox").exists()

    def open_clock(self) -> Clock:
        """Return the clock of this home.

        Raises
        ------
        Refused
            When ``MOBIGO_CLOCK`` asks for another time outside a sandbox.
        """
        if self.clock and not self.sandbox:
            raise Refused(
                f"MOBIGO_CLOCK={self.clock} moves the clock of a sandbox only, and {self.home} is none; "
                "unset it, or start with `./mobigo up --sandbox`"
            )
        return Clock(self.home / "clock.json" if self.sandbox else None)


def default_home() -> Path:
    """Where state lies unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/mobigo")
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(data) / "mobigo"


def read_settings() -> Settings:
    """Read the environment."""
    home = os.environ.get("MOBIGO_HOME")
    allowed = os.environ.get("MOBIGO_ALLOW_HOSTS", "")
    return Settings(
        home=Path(home).expanduser().resolve() if home else default_home(),
        database_url=os.environ.get("MOBIGO_DATABASE_URL") or None,
        clock=os.environ.get("MOBIGO_CLOCK") or None,
        allow_hosts=tuple(host.strip() for host in allowed.split(",") if host.strip()),
        smtp_url=os.environ.get("MOBIGO_SMTP_URL") or None,
        mail_from=os.environ.get("MOBIGO_MAIL_FROM") or Settings.mail_from,
        sms_url=os.environ.get("MOBIGO_SMS_URL") or None,
        sms_headers=_read_headers(os.environ.get("MOBIGO_SMS_HEADERS", "")),
        sms_body=os.environ.get("MOBIGO_SMS_BODY") or Settings.sms_body,
        sms_sender=os.environ.get("MOBIGO_SMS_SENDER") or Settings.sms_sender,
        operator=(os.environ.get("MOBIGO_OPERATOR") or Settings.operator).lower(),
        payer_name=os.environ.get("MOBIGO_PAYER_NAME") or Settings.payer_name,
        payer_iban=os.environ.get("MOBIGO_PAYER_IBAN") or Settings.payer_iban,
        register_url=os.environ.get("MOBIGO_REGISTER_URL") or None,
        register_token=os.environ.get("MOBIGO_REGISTER_TOKEN") or Settings.register_token,
        register_siret=_read_siret(os.environ.get("MOBIGO_REGISTER_SIRET", "")),
        publisher_name=os.environ.get("MOBIGO_PUBLISHER_NAME") or Settings.publisher_name,
        publisher_website=os.environ.get("MOBIGO_PUBLISHER_WEBSITE") or Settings.publisher_website,
        publisher_email=os.environ.get("MOBIGO_PUBLISHER_EMAIL") or None,
        public_url=os.environ.get("MOBIGO_PUBLIC_URL", "").rstrip("/"),
        schemas=_read_folder(os.environ.get("MOBIGO_SCHEMAS", "")),
        open_usage_fewest=_read_number("MOBIGO_OPEN_USAGE_FEWEST", Settings.open_usage_fewest),
        open_usage_step=_read_number("MOBIGO_OPEN_USAGE_STEP", Settings.open_usage_step),
        ticket_issuer=_read_issuer(os.environ.get("MOBIGO_TICKET_ISSUER", "")),
        stripe_key=os.environ.get("MOBIGO_STRIPE_KEY") or None,
        stripe_webhook_secrets=tuple(
            one.strip() for one in os.environ.get("MOBIGO_STRIPE_WEBHOOK_SECRET", "").split(",") if one.strip()
        ),
        stripe_url=os.environ.get("MOBIGO_STRIPE_URL") or Settings.stripe_url,
        usage_squares_days=_read_number("MOBIGO_USAGE_SQUARES_DAYS", Settings.usage_squares_days),
        dask_scheduler=os.environ.get("MOBIGO_DASK_SCHEDULER") or None,
        trace_days=_read_days(os.environ.get("MOBIGO_TRACE_DAYS", "")),
        test_data=Path(os.environ.get("MOBIGO_TEST_DATA") or "../shared/data").resolve(),
    )


def _read_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Read ``NAME: VALUE`` lines."""
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)


def _read_folder(text: str) -> Path | None:
    """Read the path of a folder that has to be there."""
    if not text.strip():
        return None
    path = Path(text).expanduser().resolve()
    if not path.is_dir():
        raise InvalidInput(f"MOBIGO_SCHEMAS={text!r} is no folder; name one that holds netex/, siri/ and dcat/")
    return path


def _read_siret(text: str) -> str | None:
    """Read the number of an establishment: 14 digits, gaps allowed."""
    digits = "".join(text.split())
    if digits and not (digits.isascii() and digits.isdigit() and len(digits) == SIRET_DIGITS):
        raise InvalidInput(f"MOBIGO_REGISTER_SIRET={text!r} is no SIRET; write its {SIRET_DIGITS} digits")
    return digits or None


def _read_days(text: str) -> tuple[tuple[str, int], ...]:
    """Read days by kind of note; those that are not named are as usual."""
    days = dict(Settings.trace_days)
    for part in text.split():
        name, _, number = part.partition("=")
        longest = LONGEST_CALLS if name == "call" else LONGEST_NOTES
        if name not in days or not (number.isascii() and number.isdecimal() and 1 <= int(number) <= longest):
            raise InvalidInput(
                f"MOBIGO_TRACE_DAYS: {part[:40]!r} is not understood; write KIND=DAYS, with {', '.join(days)} from 1 to"
                f" {LONGEST_NOTES} days (call: {LONGEST_CALLS})"
            )
        days[name] = int(number)
    return tuple(days.items())


def _read_number(name: str, default: int) -> int:
    """Read a whole number of a variable."""
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdecimal()):
        raise InvalidInput(f"{name}={text!r} is no whole number; write digits, as {default}")
    return int(text)


def _read_issuer(text: str) -> str:
    """Read who signs tickets."""
    issuer = text.strip() or Settings.ticket_issuer
    number = issuer.isascii() and issuer.isdecimal()
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,20}", issuer) or (number and not 1 <= int(issuer) <= MOST_RICS):
        raise InvalidInput(
            f"MOBIGO_TICKET_ISSUER={text!r} names no issuer; write a RICS code (1 to {MOST_RICS}) or a word of at most"
            " 20 plain letters and digits"
        )
    return issuer
