"""What the worker does for tickets: it alone has the private keys, signs codes and bundles, and forgets in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from mobigo.settings import Settings
    from mobigo.tickets.signer import Signer

log = structlog.get_logger()

MOVEMENTS = timedelta(hours=48)
"""After which nobody can tell whose ticket a validation was of."""

RIDES = timedelta(days=122)
"""How long rides are known without a place, for what was paid by them: four months."""

HOLDERS = timedelta(days=122)
"""How long after it ended it is known whose a ticket was."""


def open_signer(settings: Settings) -> Signer:
    """Return who signs in this home."""
    from mobigo.tickets.signer import Signer

    return Signer(settings.home / "signer", settings.ticket_issuer)


class Signing:
    """Looks after keys, codes and bundles.

    Parameters
    ----------
    url : str
        Address of the database.
    settings : Settings
    """

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self._settings = settings
        self._clock = settings.open_clock()

    def sign(self) -> None:
        """Sign the codes that wait."""
        import psycopg

        from mobigo.db.engine import libpq_conninfo
        from mobigo.tickets import service

        signer = open_signer(self._settings)
        with psycopg.connect(libpq_conninfo(self._url), autocommit=True) as connection:
            with connection.transaction():
                signer.keep_keys(connection, self._clock.now())
            service.sign_waiting(connection, signer, self._clock.now())

    def keep(self) -> None:
        """See to keys and codes, and make a bundle if there is something new to say."""
        import psycopg

        from mobigo.cli.keys_file import write_keys
        from mobigo.db.engine import libpq_conninfo
        from mobigo.tickets import bundling, keys_store

        self.sign()
        with psycopg.connect(libpq_conninfo(self._url)) as connection:
            version = bundling.make(connection, open_signer(self._settings), self._clock.now())
            keys = keys_store.list_keys(connection, believed_at=self._clock.now())
        write_keys(self._settings.home, keys)
        if version is not None:
            log.info("a bundle for devices is made", version=version)

    def forget(self) -> None:
        """Forget where tickets were used, then when, then whose they were."""
        import psycopg

        from mobigo.db.engine import libpq_conninfo
        from mobigo.tickets import devices_store, store

        now = self._clock.now()
        with psycopg.connect(libpq_conninfo(self._url)) as connection:
            devices_store.drop_tickets_of_events(connection, now - MOVEMENTS)
            devices_store.drop_uses(connection, now - RIDES)
            store.forget_holders(connection, now - HOLDERS)
            store.forget_denials(connection, now)
