"""``mobigo token``: a bearer token for a role."""

from __future__ import annotations

from datetime import timedelta

import click

from mobigo.accounts.model import Role

MAX_HOURS = 24 * 366


@click.command()
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]), help="What one is.")
@click.option("--user", metavar="ID", help="Who one is; the role's name unless told.")
@click.option("--hours", type=click.FloatRange(0, MAX_HOURS, min_open=True), default=24, show_default=True)
def token(*, role: str, user: str | None, hours: float) -> None:
    """Print a bearer token: send it as `Authorization: Bearer TOKEN`."""
    from mobigo.accounts.key import read_key
    from mobigo.accounts.token import issue
    from mobigo.settings import read_settings

    settings = read_settings()
    now = settings.open_clock().now()
    print(issue(read_key(settings.home), user or role, Role(role), now, timedelta(hours=hours)))
