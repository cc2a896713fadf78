"""What the worker does about messages: by what they leave, when they are sent and when forgotten."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.messages import service, webhooks
from mobigo.messages.deliver import deliver_due
from mobigo.messages.outlets import HttpSms, Smtp, usual_outlets
from mobigo.messages.post import send_due
from mobigo.messages.rounds import keep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.messages.model import Channel
    from mobigo.messages.outlets import Outlet
    from mobigo.settings import Settings

GRACE = 4.0
"""Seconds that what is being sent gets when the worker is asked to stop."""


@contextmanager
def carry_messages(url: str, settings: Settings) -> Iterator[None]:
    """Send messages and tell webhooks meanwhile, in threads of their own: they wait for no job."""
    conninfo = libpq_conninfo(url)
    outlets = open_outlets(settings)
    rounds = {
        "messages": lambda connection, now: send_due(connection, outlets, now),
        "webhooks": lambda connection, now: deliver_due(connection, conninfo, now, settings.allow_hosts),
    }
    with keep(conninfo, settings.open_clock(), rounds, grace=GRACE):
        yield


def open_outlets(settings: Settings) -> dict[Channel, Outlet]:
    """Return what messages leave through: the outbox, unless the settings name a server or a provider."""
    mail = Smtp(settings.smtp_url, settings.mail_from) if settings.smtp_url else None
    sms = None
    if settings.sms_url:
        sms = HttpSms(settings.sms_url, dict(settings.sms_headers), settings.sms_body, settings.sms_sender)
    return usual_outlets(email=mail, sms=sms)


def forget_messages(url: str, settings: Settings) -> None:
    """Forget to whom and what was said a month ago, and what webhooks were told."""
    now = settings.open_clock().now()
    engine = open_engine(url, pool_size=1)
    try:
        with Session(engine) as session, session.begin():
            messages, events = service.forget(session, now), webhooks.forget(session, now)
    finally:
        engine.dispose()
    structlog.get_logger().info("forgotten", messages=messages, events=events)
