"""The commands around tickets and devices, as they are typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
from tests.conftest import serve

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.cli.signing import Signing
from mobigo.kit.clock import Clock
from mobigo.settings import read_settings
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.engine import Engine

    Run = Callable[..., tuple[int, str, str]]


def test_every_published_vector_is_told_and_believed_of_none(run: Run, test_data: Path) -> None:
    for one in json.loads((test_data / "ticketing" / "uic_fcb_vectors.json").read_text())["vectors"]:
        code, out, _ = run("ticket", "verify", one["hex"], "--json")
        said = json.loads(out)
        version = one["roundtrip_ok_with_spec"][0][0]
        assert (code, said["valid"], said["reason"], said["format"]) == (0, False, "unsigned", f"fcb{version}")
        assert said["fields"]["issuingDetail"]["issuingYear"] >= 2016
        assert run("ticket", "verify", one["hex"])[0] == 1
        assert json.loads(run("ticket", "show", one["hex"], "--json")[1])["format"] == f"fcb{version}"


def test_a_ticket_is_issued_shown_and_verified(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = json.loads(run("ticket", "issue", "--product", "day", "--rides", 2, "--out", out, "--json")[1])
    for file in (out / f"{made['id']}.uic", out / f"{made['id']}.compact"):
        said = json.loads(run("ticket", "verify", file, "--json")[1])
        assert (said["valid"], said["reason"], said["fields"]["ticket"]) == (True, "ok", made["id"])
    assert run("ticket", "verify", made["text"])[:2][0] == 0
    late = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    assert json.loads(run("ticket", "verify", made["uic"], "--at", late, "--json")[1])["reason"] == "expired"
    (tmp_path / "none.json").write_text('{"keys": []}')
    other = run("ticket", "verify", made["uic"], "--keys", tmp_path / "none.json", "--json")[1]
    assert json.loads(other)["reason"] == "unknown_key"
    assert json.loads(run("ticket", "show", made["id"], "--json")[1])["rides"] == 2
    assert json.loads(run("ticket", "show", made["key"], "--json")[1])["id"] == made["id"]
    assert len(json.loads(run("ticket", "keys", "--json")[1])["keys"]) == 3


def test_what_is_no_code_is_said_to_be_none(run: Run, tmp_path: Path) -> None:
    for text in ("", "zz", "00", "nothing at all", "MBG1:", "/etc", "é" * 5000):
        code, out, _ = run("ticket", "verify", text, "--json")
        assert (code, json.loads(out)["reason"]) == (0, "malformed"), text
    file = tmp_path / "code.png"
    file.write_bytes(b"\x89PNG\r\n")
    code, _, err = run("ticket", "verify", file)
    assert code == 2
    assert "is a picture" in err


def test_a_device_enrols_checks_and_sends(run: Run, engine: Engine, home: Path, tmp_path: Path) -> None:
    url = engine.url.render_as_string(hide_password=False)
    made = json.loads(run("ticket", "issue", "--rides", 1, "--json")[1])
    Signing(url, read_settings()).keep()
    state = ("--state", tmp_path / "device")
    assert run("validator", "check", made["text"], *state)[0] == 1  # not enrolled
    with serve(create_app(engine=engine, clock=Clock(), home=home)) as address:
        token = issue(read_key(home), "staff", Role.ADMIN, datetime.now(UTC), timedelta(hours=1))
        body = {"name": "LR02"}
        answer = httpx.post(
            f"{address}/v1/tickets/devices", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=120
        )
        device, word = answer.json()["device"]["id"], answer.json()["word"]
        assert run("validator", "enrol", address, device, "wrong", *state)[0] == 1
        assert run("validator", "enrol", address, device, word, *state)[0] == 0
        first = json.loads(run("validator", "check", made["text"], *state, "--vehicle", "bus", "--json")[1])
        assert (first["valid"], first["use"], first["rides_left"]) == (True, True, 0)
        again = run("validator", "check", made["text"], *state, "--vehicle", "bus")
        assert (again[0], again[1].split(":")[0]) == (1, "already_used")
        looked = json.loads(run("validator", "check", made["uic"], *state, "--inspect", "--json")[1])
        assert looked["valid"]
        assert json.loads(run("validator", "status", *state)[1])["waiting"] == 3
        assert json.loads(run("validator", "sync", *state, "--json")[1])["sent"] == 3
        assert json.loads(run("validator", "sync", *state, "--json")[1])["sent"] == 0
    assert json.loads(run("ticket", "show", made["id"], "--json")[1])["rides_used"] == 1
    code, _, err = run("validator", "sync", *state)
    assert code == 1
    assert "what waits to be sent is kept" in err
