"""Files of pages: kept for ever, compressed, and only those that are there."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mobigo.web.assets import SETUP, STATIC, read_assets

if TYPE_CHECKING:
    from httpx import Client
    from tests.web.conftest import Site

ROOT = Path(__file__).parents[2]


def test_our_files_have_an_address_of_their_content(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    before = read_assets(tmp_path).own("a.css")
    (tmp_path / "a.css").write_text("b{}")
    assert read_assets(tmp_path).own("a.css") != before


def test_a_clone_without_npm_has_no_vendor_files(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    assert read_assets(tmp_path).packages == {}


def test_a_file_is_kept_for_ever_and_sent_compressed(site: Site, http: Client) -> None:
    address = site.address + site.app.state.assets.own("page.css")
    with http.stream("GET", address, headers={"accept-encoding": "gzip"}) as answer:
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        body = gzip.decompress(b"".join(answer.iter_raw()))
    assert body == (STATIC / "page.css").read_bytes()


@pytest.mark.parametrize(
    "path", ["nothing.css", "vendor/manifest.json", "../pages.py", "%2e%2e/pages.py", "vendor/../page.css"]
)
def test_no_other_file_is_served(site: Site, http: Client, path: str) -> None:
    answer = http.get(f"{site.address}/static/{path}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.usefixtures("with_map")
def test_vendor_files_are_those_of_the_manifest_each_with_its_licence() -> None:
    vendor = STATIC / "vendor"
    for package in json.loads((vendor / "manifest.json").read_text())["packages"]:
        assert package["folder"].endswith(f"-{package['version']}")
        assert package["licence"]
        assert any(name.startswith("LICENSE") for name in package["files"])
        for name, digest in package["files"].items():
            body = (vendor / package["folder"] / name).read_bytes()
            assert hashlib.sha256(body).hexdigest() == digest
            gz = vendor / package["folder"] / f"{name}.gz"
            assert not gz.exists() or gzip.decompress(gz.read_bytes()) == body


@pytest.mark.usefixtures("with_map")
def test_the_first_map_fits_its_budget(site: Site) -> None:
    files = site.app.state.assets.files.items()
    scripts = {path: file for path, file in files if path.endswith((".js", ".mjs")) and "swagger" not in path}
    assert sum(len(file.gzipped or file.body) for file in scripts.values()) <= 480_000
    before_the_map = [file for path, file in scripts.items() if path.endswith("planner.js")]
    assert sum(len(file.gzipped or file.body) for file in before_the_map) <= 60_000


def test_nothing_of_others_is_in_the_repository() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert not any("resolved" in package for package in lock["packages"].values())
    assert all("integrity" in package for path, package in lock["packages"].items() if path)
    wanted = json.loads((ROOT / "package.json").read_text())
    versions = [*wanted["dependencies"].values(), *wanted["devDependencies"].values()]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {"node_modules/", "src/mobigo/web/static/vendor/"} <= set(ignored)


def test_a_listed_file_that_is_missing_fails_the_setup(tmp_path: Path) -> None:
    script = tmp_path / "tools" / "vendor"
    script.parent.mkdir()
    script.write_bytes((ROOT / "tools/vendor").read_bytes())
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "maplibre-gl/dist/maplibre-gl.mjs" in done.stderr
    assert not (tmp_path / "src").exists()


def test_the_setup_is_what_the_script_says() -> None:
    docstring = (ROOT / "tools/vendor").read_text()
    assert all(command in docstring for command in SETUP.split(" && "))
