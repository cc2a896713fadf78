"""The commands around services on demand, as they are typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.feed_text import pack
from tests.ondemand.flex_text import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


def test_services_come_in_are_changed_and_go_out(run: Run, tmp_path: Path) -> None:
    feed = pack(tmp_path / "valley.zip", files())
    code, out, _ = run("ondemand", "import", feed, "--source", "valley", "--no-build")
    assert code == 0
    assert "valley version 1: active" in out
    assert "valley:feeder" in out
    code, out, _ = run("ondemand", "services", "--json")
    assert [one["id"] for one in json.loads(out)] == ["valley:feeder", "valley:line", "valley:points"]
    code, out, _ = run("ondemand", "show", "valley:line")
    assert "rule eve: booking_type 2, prior_notice_last_day 1, prior_notice_last_time 17:00:00" in out
    assert "2 stop lac 08:10:00 to 08:11:00 on: eve off: eve" in out

    document = json.loads(run("ondemand", "show", "valley:points", "--json")[1])
    document["service"]["booking_rules"][0]["prior_notice_duration_min"] = 30
    file = tmp_path / "points.json"
    file.write_text(json.dumps(document))
    assert run("ondemand", "write", "valley:points", file, "--check")[1] == "valley:points: nothing is wrong\n"
    assert run("ondemand", "write", "valley:points", file)[:2] == (0, "valley:points is at revision 1\n")
    code, out, _ = run("ondemand", "show", "valley:points", "--history", "--json")
    assert [(one["revision"], one["written_by"]) for one in json.loads(out)] == [(1, "command line")]

    assert run("ondemand", "undo", "valley:points")[1] == "valley:points is as in its feed (revision 2)\n"
    code, out, _ = run("ondemand", "export", "valley", "--out", tmp_path / "out.zip")
    assert (code, out.partition(":")[2].strip().split(",")[0]) == (0, "3 services")
    assert run("ondemand", "withdraw", "valley:points")[0] == 0
    assert [one["id"] for one in json.loads(run("ondemand", "--json")[1])] == ["valley:feeder", "valley:line"]


def test_a_broken_document_is_named_fault_by_fault(run: Run, tmp_path: Path) -> None:
    run("ondemand", "import", pack(tmp_path / "valley.zip", files()), "--source", "valley", "--no-build")
    document = json.loads(run("ondemand", "show", "valley:feeder", "--json")[1])
    document["service"]["timezone"] = "Mars"
    file = tmp_path / "feeder.json"
    file.write_text(json.dumps(document))
    code, out, problem = run("ondemand", "write", "valley:feeder", file)
    assert (code, out) == (1, "")
    assert "timezone: [invalid_timezone] 'Mars' is no time zone" in problem
    file.write_text("{")
    assert run("ondemand", "write", "valley:feeder", file)[0] == 2
    file.write_text('{"kind": "taxi"}')
    assert "kind" in run("ondemand", "write", "valley:feeder", file)[2]
    assert run("ondemand", "show", "valley:nothing")[0] == 1
