"""``mobigo outbox``: what was and will be said to travellers, drivers and operators."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.messages.model import Message

STATES = ("waiting", "sending", "sent", "failed", "doubtful", "expired", "cancelled")
WIDE = 60
"""Characters of a text in a list."""


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def outbox(context: click.Context, *, as_json: bool) -> None:
    """List, read and send again what was said by e-mail, SMS and on drivers' sheets."""
    if context.invoked_subcommand is None:
        _list(None, (), 50, as_json=as_json)


@outbox.command("list")
@click.option("--about", metavar="booking:ID", help="Only what concerns this.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(STATES), help="Only in this state; may be repeated."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_outbox(*, about: str | None, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List messages, newest first."""
    _list(about, states, limit, as_json=as_json)


@outbox.command()
@click.argument("number", type=click.IntRange(1))
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(number: int, *, as_json: bool) -> None:
    """Show one message in full."""
    from mobigo.messages import service

    with _open() as (session, _):
        one = service.get_message(session, number)
    if as_json:
        print(json.dumps(_as_json(one), ensure_ascii=False, indent=1))
        return
    print(f"{one.id}: {one.template} by {one.channel} to {one.recipient or 'somebody forgotten'}, about {one.about}")
    print(f"  {one.state} after {one.attempts} attempts, due {one.due_at:%Y-%m-%d %H:%M:%S} UTC")
    if one.problem:
        print(f"  {one.problem}")
    if one.subject:
        print(f"\n{one.subject}")
    if one.body:
        print(f"\n{one.body}")


@outbox.command()
@click.argument("number", type=click.IntRange(1))
def send(number: int) -> None:
    """Let a message that failed, may have failed (doubtful) or expired be sent again."""
    from mobigo.messages import service

    with _open() as (session, now):
        service.send_again(session, number, now)
    print(f"{number} is sent again by the worker")


def _list(about: str | None, states: tuple[str, ...], limit: int, *, as_json: bool) -> None:
    from mobigo.messages import service

    with _open() as (session, _):
        found = service.list_messages(session, about=about, states=states, limit=limit)
    if as_json:
        print(json.dumps([_as_json(one) for one in found], ensure_ascii=False, indent=1))
        return
    if not found:
        print("no message")
    for one in found:
        text = " ".join((one.subject or one.body or "(forgotten)").split())
        at = one.done_at or one.next_at or one.due_at
        print(
            f"{one.id:>6}  {at:%Y-%m-%d %H:%M}  {one.state:<9}  {one.channel:<5}  {one.recipient or '-':<20}"
            f"  {text if len(text) <= WIDE else text[: WIDE - 1] + '…'}"
        )


def _as_json(one: Message) -> dict[str, Any]:
    return {name: _plain(getattr(one, name)) for name in one.__dataclass_fields__ if name != "key"}


def _plain(value: object) -> object:
    from datetime import datetime

    return value.isoformat() if isinstance(value, datetime) else value


@contextmanager
def _open() -> Iterator[tuple[Session, datetime]]:
    from sqlalchemy.orm import Session

    from mobigo.cli.context import open_database
    from mobigo.db.engine import open_engine
    from mobigo.settings import read_settings

    engine = open_engine(open_database(), pool_size=1)
    try:
        with Session(engine) as session, session.begin():
            yield session, read_settings().open_clock().now()
    finally:
        engine.dispose()
