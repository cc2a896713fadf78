"""What commands about the money of carpool lines share: the database with what a close takes, and the file written."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from mobigo.carpool.month import Closing
    from mobigo.settings import Settings

AUTHOR = "command line"
"""Who closes months here, as the books say."""


def total(found: Closing, file: Path | None) -> dict[str, object]:
    """Say what a close came to."""
    return {
        "runs": found.month.runs,
        "total_cents": found.total,
        "ledger_cents": found.ledger,
        "sepa_cents": found.sepa,
        "sepa_file": file and str(file),
        "already_closed": found.already_closed,
    }


def write_euros(cents: int) -> str:
    """Write an amount."""
    return f"{cents / 100:.2f} EUR"


def write_bank_file(settings: Settings, month: str, content: bytes) -> Path:
    """Write a file for the bank, whole or not at all, for its owner alone."""
    folder = settings.home / "carpool"
    folder.mkdir(mode=0o700, exist_ok=True)
    file, new = folder / f"sepa-{month}.xml", folder / f"sepa-{month}.{os.getpid()}.part"
    with os.fdopen(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
    return file


@contextmanager
def open_money(settings: Settings) -> Iterator[tuple[Session, dict[str, Any]]]:
    """Open the database, and what closing months takes."""
    from sqlalchemy.orm import Session

    from mobigo.accounts.key import read_key
    from mobigo.cli.context import open_database
    from mobigo.db.engine import open_engine
    from mobigo.ledger.sepa import Account

    engine = open_engine(open_database(), pool_size=1)
    try:
        with Session(engine) as session:
            payer = Account(settings.payer_name, settings.payer_iban)
            yield session, {"key": read_key(settings.home, "bank"), "payer": payer}
    finally:
        engine.dispose()
