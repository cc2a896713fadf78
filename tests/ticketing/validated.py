"""Validations as devices would have sent them, put into the database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection


def put_validations(
    connection: Connection[Any],
    at: datetime,
    product: str,
    rides: Mapping[str, int],
    received_at: datetime | None = None,
) -> None:
    """Write validations of a product, so many by agency; received at once, or later."""
    connection.execute(
        "INSERT INTO ticket_device (id, name, kind, made_at, made_by) VALUES ('d1', 'd1', 'validator', now(), 'test')"
        " ON CONFLICT DO NOTHING"
    )
    row = connection.execute("SELECT coalesce(max(seq), 0) FROM ticket_event WHERE device = 'd1'").fetchone()
    assert row
    number = row[0]
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY ticket_event (device, seq, at, received_at, kind, reason, product, version, use, agency, metres,"
            " before, hash) FROM STDIN"
        ) as copy,
    ):
        for agency, count in rides.items():
            for _ in range(count):
                number += 1
                when = at + timedelta(seconds=number)
                copy.write_row(
                    (
                        "d1",
                        number,
                        when,
                        received_at or when,
                        "validation",
                        "ok",
                        product,
                        1,
                        True,
                        agency,
                        1_000,
                        b"",
                        b"",
                    )
                )
