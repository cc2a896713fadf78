"""``mobigo usage open``: months of use, opened to everybody."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from mobigo.settings import Settings
    from mobigo.usage.opening_store import Opened

KEY = "open-usage"
"""Name of the home's key by which figures are rounded."""


def open_due(url: str, settings: Settings) -> None:
    """Open the months that are counted for good, as a job; then everything is published."""
    import structlog

    from mobigo.cli.opendata import ask_to_publish

    opened = open_months(url, settings)
    for one in opened:
        structlog.get_logger().info("a month of use was opened", month=f"{one.month:%Y-%m}", rows=dict(one.rows))
    if opened:
        ask_to_publish(url)


def open_months(url: str, settings: Settings, month: date | None = None) -> Sequence[Opened]:
    """Open a month, or those that are due; each in a transaction of its own."""
    import psycopg

    from mobigo.accounts.key import read_key
    from mobigo.db.engine import libpq_conninfo
    from mobigo.usage import opening
    from mobigo.usage.disclosure import Rule

    rule = Rule(settings.open_usage_fewest, settings.open_usage_step)
    key, now = read_key(settings.home, KEY), settings.open_clock().now()
    with psycopg.connect(libpq_conninfo(url)) as connection:
        if month is None:
            return opening.open_due(connection, rule, key, now)
        return [opening.open_month(connection, month, rule, key, now)]


@click.command(name="open")
@click.argument("month", required=False)
def open_(month: str | None) -> None:
    """Open a MONTH (like 2026-10) of use to everybody, or all that are due; what is open stays as it is.

    Nothing of a month is told before all its days are counted for good.
    """
    from mobigo.cli.context import open_database
    from mobigo.kit.errors import InvalidInput
    from mobigo.settings import read_settings

    first = None
    if month is not None:
        try:
            first = datetime.strptime(month, "%Y-%m").date()  # noqa: DTZ007 - a month is in no zone
        except ValueError:
            raise InvalidInput(f"{month!r} is no month; write it like 2026-10") from None
    opened = open_months(open_database(), read_settings(), first)
    for one in opened:
        print(f"{one.month:%Y-%m}  " + ", ".join(f"{rows:,} rows of {name}" for name, rows in one.rows.items()))
    if not opened:
        print("no month is due; a month is opened a week after it is over")
    else:
        print("`mobigo opendata publish usage` puts it online")
