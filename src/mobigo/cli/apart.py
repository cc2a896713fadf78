"""Long jobs of the worker in processes of their own: its other jobs go on beside them, and they end with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from mobigo.cli.context import PROCESSORS

if TYPE_CHECKING:
    from mobigo.settings import Settings


def run_apart(url: str, settings: Settings, *command: str) -> str | None:
    """Run a command of ours in a process of its own until it ends; it holds a leash (`serve.hold_leash`).

    It may use all processors that this process was started with.

    Parameters
    ----------
    url : str
        The database.
    command : str
        As one types it after ``mobigo``.

    Returns
    -------
    str or None
        Why it failed: the last line it said; None when it did not.
    """
    environment = {**os.environ, "MOBIGO_DATABASE_URL": url, "MOBIGO_HOME": str(settings.home)}
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "mobigo", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as child:
        with suppress(ProcessLookupError):  # has ended
            os.sched_setaffinity(child.pid, PROCESSORS)
        assert child.stderr is not None
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(child.stderr or ()), daemon=True)
        reader.start()
        code = child.wait()
        reader.join(1.0)
    if not code:
        return None
    return (said[-1].strip() if said else "") or f"it ended with exit code {code}"
