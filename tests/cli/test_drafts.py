"""``mobigo usage draft``: a draft in and out, checked, tried here and now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from tests.usage.draft_land import TUESDAY, open_land

from mobigo.cli.drafts import draft
from mobigo.kit.errors import InvalidInput
from mobigo.usage import drafts_store as store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.usage.draft_land import Land

DOCUMENT = {
    "name": "Plus tôt",
    "note": "essai",
    "changes": [{"kind": "move_trips", "which": {"trips": ["val:early"]}, "minutes": -120}],
}


@pytest.fixture(scope="module")
def land(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    with open_land(test_cluster, tmp_path_factory.mktemp("land")) as land:
        land.note((TUESDAY, 6, 400, 9_600, 8), (TUESDAY, 4, 400, 9_600, 6))
        yield land


def run(land: Land, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    """Run a command in the valley's home."""
    monkeypatch.setenv("MOBIGO_HOME", str(land.home))
    monkeypatch.setenv("MOBIGO_DATABASE_URL", land.url)
    return CliRunner().invoke(draft, list(arguments))


def test_a_draft_is_taken_over_tried_and_given_out(land: Land, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "draft.json"
    file.write_text(json.dumps(DOCUMENT))
    id_ = run(land, monkeypatch, "import", str(file)).output.strip()
    assert json.loads(run(land, monkeypatch, "export", id_).output) == DOCUMENT
    assert run(land, monkeypatch, "check", "Plus tôt").output == "every change can be made\n"
    period = ("--from", str(TUESDAY), "--to", str(TUESDAY), "--days", str(TUESDAY))
    tried = run(land, monkeypatch, "try", id_, *period)
    assert tried.exit_code == 0, tried.output
    assert "8 people (57.1 %) lose the journey that they have today." in tried.output
    assert json.loads(run(land, monkeypatch, "list", "--json").output)[0]["state"] == "done"
    copied = run(land, monkeypatch, "copy", id_, "Copie").output.strip()
    assert run(land, monkeypatch, "remove", copied).exit_code == 0
    assert [one.name for one in store.list_drafts(land.connection)] == ["Plus tôt"]


def test_what_cannot_be_made_is_said_with_an_exit_code(
    land: Land, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "draft.json"
    file.write_text(json.dumps({"name": "Faux", "changes": [{"kind": "close_stop", "stop": "val:z"}]}))
    id_ = run(land, monkeypatch, "import", str(file)).output.strip()
    checked = run(land, monkeypatch, "check", id_)
    assert (checked.exit_code, checked.output.split(":")[0]) == (1, "change 1")
    tried = run(land, monkeypatch, "try", id_, "--from", str(TUESDAY), "--to", str(TUESDAY), "--json")
    assert tried.exit_code == 1
    assert "change 1 of the draft cannot be made" in tried.output
    assert store.list_trials(land.connection, id_)[0].state == "failed"
    file.write_text('{"name": "Faux", "changes": [{"kind": "explode"}]}')
    assert isinstance(run(land, monkeypatch, "import", str(file), "--over", id_).exception, InvalidInput)
    assert isinstance(run(land, monkeypatch, "try", id_, "--from", "hier").exception, InvalidInput)
