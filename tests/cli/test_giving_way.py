"""Work that can wait gives way: among the processes of its session, and among sessions."""

import os
import subprocess
import sys

import pytest

from mobigo.cli.context import AUTOGROUP, POLITENESS

TOLD = """
import os
from mobigo.cli.context import AUTOGROUP, give_way
give_way()
said = AUTOGROUP.read_text().split() if AUTOGROUP.exists() else []
print(os.nice(0), said[-1] if said else "-")  # a session of no group says nothing
"""


def tell(*, own_session: bool) -> list[str]:
    """Let a process give way, and tell its nice value and that of its session."""
    run = subprocess.run(
        [sys.executable, "-c", TOLD], start_new_session=own_session, check=True, capture_output=True, text=True
    )
    return run.stdout.split()


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel knows no groups of sessions")
def test_who_has_a_session_of_their_own_says_it_for_the_session() -> None:
    assert tell(own_session=True) == [str(min(19, os.nice(0) + POLITENESS)), str(POLITENESS)]


def test_who_shares_a_session_leaves_the_others_alone() -> None:
    before = AUTOGROUP.read_text() if AUTOGROUP.exists() else ""
    assert tell(own_session=False)[0] == str(min(19, os.nice(0) + POLITENESS))
    assert (AUTOGROUP.read_text() if AUTOGROUP.exists() else "") == before


LEFT = """
import os, threading
from mobigo.cli.context import give_way
give_way(leave_one=%s)
told = [os.sched_getaffinity(0)]
one = threading.Thread(target=lambda: told.append(os.sched_getaffinity(0)))
one.start()
one.join()
print(*(len(processors) for processors in told))
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor cannot be left alone")
@pytest.mark.parametrize("leave_one", [True, False])
def test_one_processor_is_left_to_those_who_answer(*, leave_one: bool) -> None:
    left = subprocess.run([sys.executable, "-c", LEFT % leave_one], check=True, capture_output=True, text=True)
    assert left.stdout.split() == [str(len(os.sched_getaffinity(0)) - leave_one)] * 2
