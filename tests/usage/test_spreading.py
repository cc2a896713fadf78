"""Tasks for Dask: results and refusals come back, and nobody waits for workers that are gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from distributed import LocalCluster

from mobigo.kit.errors import Conflict, Unavailable
from mobigo.usage import spreading
from mobigo.usage.spreading import Crew

if TYPE_CHECKING:
    from collections.abc import Callable


class Future:
    """What a scheduler promises."""

    def __init__(self, work: Callable[[], Any] | None) -> None:
        self.work = work
        self.problem: BaseException | None = None
        self.value = None

    def add_done_callback(self, tell: Callable[[Future], None]) -> None:
        if self.work is None:
            return
        try:
            self.value = self.work()
        except ZeroDivisionError as problem:
            self.problem = problem
        tell(self)

    def exception(self) -> BaseException | None:
        return self.problem

    def result(self) -> object:
        return self.value

    def release(self) -> None:
        pass


class Scheduler:
    """One whose workers do what they are asked at once, but for tasks that are None: then they are gone."""

    loop = None

    def __init__(self) -> None:
        self.cancelled: list[Future] = []

    def submit(self, attempt: Callable[..., Any], function: Callable[..., Any], task: object, **_: object) -> Future:
        return Future(None if task is None else lambda: attempt(function, task))

    def scheduler_info(self) -> dict[str, object]:
        return {"workers": {}}

    def cancel(self, futures: list[Future]) -> None:
        self.cancelled = futures


def invert(number: int) -> float:
    if number < 0:
        raise Conflict(f"{number} is below nothing")
    return 1 / number


def test_one_that_fails_does_not_stop_the_others() -> None:
    done = dict(Crew(Scheduler()).work(invert, [2, -1, 0, 4]))  # type: ignore[arg-type]
    assert (done[2], done[4]) == (0.5, 0.25)
    assert isinstance(done[-1], Conflict)
    assert isinstance(done[0], Unavailable)
    assert str(done[0]) == "0 failed where it was worked on: ZeroDivisionError: division by zero"


def test_workers_of_a_scheduler_elsewhere_are_asked() -> None:
    here = {"protocol": "tcp", "dashboard_address": "127.0.0.1:0", "processes": False}
    with LocalCluster(n_workers=1, threads_per_worker=1, **here) as cluster:
        with spreading.open_crew(cluster.scheduler_address) as crew:
            assert dict(crew.work(invert, [2, 4])) == {2: 0.5, 4: 0.25}
        cluster.scale(0)
        while cluster.scheduler.workers:
            time.sleep(0.01)
        with pytest.MonkeyPatch.context() as hurried:
            hurried.setattr(spreading, "PATIENCE", 5.0)
            with (
                pytest.raises(Unavailable, match="has no worker; start one with `dask worker tcp://"),
                spreading.open_crew(cluster.scheduler_address),
            ):
                pass


def test_nobody_waits_for_workers_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "GLANCE", 0.01)
    monkeypatch.setattr(spreading, "LONELY", 0.03)
    scheduler = Scheduler()
    working = Crew(scheduler).work(invert, [2, None])  # type: ignore[arg-type, list-item]
    assert next(working) == (2, 0.5)
    with pytest.raises(Unavailable, match="all workers are gone"):
        next(working)
    assert len(scheduler.cancelled) == 1
