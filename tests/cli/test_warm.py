from __future__ import annotations

from threading import Thread

from mobigo.cli import warm
from mobigo.kernels import one_compiles, trip_based
from mobigo.transit import routing
from mobigo.transit.model import Direction


def test_questions_find_the_search_compiled() -> None:
    warm.warm_search()
    assert len(trip_based.search.signatures) == 1
    with warm._open_views() as (views, noon):
        found = [
            routing.search(views, routing.ask(views, 0, 1, noon, window=window, direction=direction))
            for direction in Direction
            for window in (0, 1800)
        ]
    assert any(found)
    assert len(trip_based.search.signatures) == 1


def test_one_process_compiles_while_another_waits_for_what_it_leaves() -> None:
    seen = []

    def wait() -> None:
        with one_compiles("test"):
            seen.append("second")

    second = Thread(target=wait)
    with one_compiles("test"):
        second.start()
        second.join(0.2)
        seen.append("first")
    second.join()
    assert seen == ["first", "second"]


def test_every_part_runs_when_all_lies_compiled() -> None:
    for part in warm.PARTS.values():
        part()
