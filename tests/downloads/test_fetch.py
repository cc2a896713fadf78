"""Downloads from servers that behave, and from those that do not."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import itertools
import resource
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.downloads.server import Request, ok, ranged, raw, serving, status

from mobigo.downloads import Patience, fetch, fetch_newer
from mobigo.kit.errors import Conflict, InvalidInput, Refused, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

BODY = bytes(range(256)) * 400
HASTE = Patience(connect=30, read=30, window=30, window_bytes=1000, attempts=3, pause=0.01)
MB = 1_000_000


def test_a_file_is_downloaded_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with serving(ok(BODY)) as server:
        to = fetch(
            server.url(),
            tmp_path / "new" / "feed.zip",
            allow_hosts=[server.pair],
            max_bytes=MB,
            sha256=hashlib.sha256(BODY).hexdigest().upper(),
            progress=lambda done, total: seen.append((done, total)),
            patience=HASTE,
        )
        assert server.requests[0].headers["host"] == server.pair
    assert to.read_bytes() == BODY
    assert sorted(file.name for file in to.parent.iterdir()) == [".feed.zip.origin.json", "feed.zip"]
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))


def test_a_private_address_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with serving(ok(BODY)) as server:
        with pytest.raises(Refused, match=r"127\.0\.0\.1.*MOBIGO_ALLOW_HOSTS"):
            fetch(server.url(), tmp_path / "feed.zip", max_bytes=MB, patience=HASTE)
        assert server.requests == []


def test_an_opened_pair_does_not_open_another_port(tmp_path: Path) -> None:
    with serving(ok(BODY)) as opened, serving(ok(BODY)) as other:
        with pytest.raises(Refused):
            fetch(other.url(), tmp_path / "feed.zip", allow_hosts=[opened.pair], max_bytes=MB, patience=HASTE)
        assert other.requests == []


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]:1/",
        "http://0x7f.1/",
        "//10.0.0.1/x",
        "file:///etc/passwd",
        "http://user:pw@8.8.8.8/",
    ],
)
def test_a_redirect_to_a_private_address_is_refused(tmp_path: Path, target: str) -> None:
    with serving(status(302, Location=target)) as server, pytest.raises(Refused):
        fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)


def test_a_redirect_to_another_unopened_port_of_the_same_machine_is_refused(tmp_path: Path) -> None:
    with serving(ok(BODY)) as inner, serving(status(307, Location=inner.url())) as server:
        with pytest.raises(Refused):
            fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert inner.requests == []


def test_redirects_are_followed_five_times_and_not_more(tmp_path: Path) -> None:
    hops = [status(302, Location=f"/{n}") for n in range(5)]
    with serving(*hops, ok(BODY)) as server:
        fetch(server.url(), tmp_path / "a", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert [request.path for request in server.requests] == ["/feed.zip", "/0", "/1", "/2", "/3", "/4"]
    with serving(status(302, Location="/again")) as server, pytest.raises(Unavailable, match="more than 5 times"):
        fetch(server.url(), tmp_path / "b", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)


def test_a_name_is_looked_up_once_per_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second answer, which would lead elsewhere, is never asked for."""
    with serving(ok(BODY)) as server:
        host, port = server.pair.split(":")
        answers = itertools.chain([host], itertools.repeat("10.0.0.1"))
        look_up = socket.getaddrinfo

        def rebinding(name: str, *rest: object, **options: object) -> object:
            if name != "rebinding.example":
                return look_up(name, *rest, **options)  # type: ignore[arg-type]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), int(port)))]

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        url = f"http://rebinding.example:{port}/feed.zip"
        to = fetch(url, tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert to.read_bytes() == BODY
        assert server.requests[0].headers["host"] == f"rebinding.example:{port}"
        with pytest.raises(Refused):
            fetch(url, tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)


def test_a_cut_connection_is_taken_up_where_it_broke(tmp_path: Path) -> None:
    with serving(ranged(BODY, '"v1"', cut=40_000)) as server:
        to = fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert to.read_bytes() == BODY
        assert [request.headers.get("range") for request in server.requests] == [None, "bytes=40000-", "bytes=80000-"]
        assert server.requests[1].headers["if-range"] == '"v1"'


def test_a_later_call_resumes_what_an_earlier_one_left(tmp_path: Path) -> None:
    to = tmp_path / "feed.zip"
    to.write_bytes(b"the version before")
    once = HASTE._replace(attempts=1)
    with serving(ranged(BODY, '"v1"', cut=40_000), ranged(BODY, '"v1"')) as server:
        with pytest.raises(Unavailable, match=r"40,000 bytes are here\); call again to resume"):
            fetch(server.url(), to, allow_hosts=[server.pair], max_bytes=MB, patience=once)
        assert to.read_bytes() == b"the version before"
        fetch(server.url(), to, allow_hosts=[server.pair], max_bytes=MB, patience=once)
        assert to.read_bytes() == BODY
        assert server.requests[1].headers["range"] == "bytes=40000-"


def test_a_file_that_changed_meanwhile_starts_again(tmp_path: Path) -> None:
    newer = BODY[::-1]
    with serving(ranged(BODY, '"v1"', cut=40_000), ranged(newer, '"v2"')) as server:
        to = fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert to.read_bytes() == newer


def test_without_a_validator_nothing_is_resumed(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    with serving(raw(head + BODY[:50_000]), ok(BODY)) as server:
        to = fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert to.read_bytes() == BODY
        assert "range" not in server.requests[1].headers


def test_a_file_that_was_whole_but_not_yet_in_place_is_not_downloaded_again(tmp_path: Path) -> None:
    with serving(ranged(BODY, '"v1"')) as server:
        (tmp_path / ".feed.zip.part").write_bytes(BODY)
        (tmp_path / ".feed.zip.part.json").write_text(f'{{"url": "{server.url()}", "etag": "\\"v1\\""}}')
        to = fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert to.read_bytes() == BODY
        assert len(server.requests) == 1


@pytest.mark.parametrize("state", ["", "[]", '{"url": 3}', '{"other": "x"}'])
def test_a_damaged_note_beside_a_part_starts_again(tmp_path: Path, state: str) -> None:
    (tmp_path / ".feed.zip.part").write_bytes(b"rubbish")
    (tmp_path / ".feed.zip.part.json").write_text(state)
    with serving(ranged(BODY, '"v1"')) as server:
        to = fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
    assert to.read_bytes() == BODY


def test_another_range_than_asked_for_is_not_appended(tmp_path: Path) -> None:
    wrong = raw(b"HTTP/1.1 206 X\r\nContent-Range: bytes 0-9/102400\r\nContent-Length: 10\r\n\r\n0123456789")
    with serving(ranged(BODY, '"v1"', cut=40_000), wrong, ranged(BODY, '"v1"')) as server:
        to = fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert to.read_bytes() == BODY


def test_a_wrong_checksum_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    to = tmp_path / "feed.zip"
    to.write_bytes(b"the version before")
    with serving(ok(BODY)) as server, pytest.raises(Refused, match=r"has the SHA-256 [0-9a-f]{64}, 0{64} was expected"):
        fetch(server.url(), to, allow_hosts=[server.pair], max_bytes=MB, sha256="0" * 64, patience=HASTE)
    assert [file.name for file in tmp_path.iterdir()] == ["feed.zip"]
    assert to.read_bytes() == b"the version before"


def test_a_checksum_that_is_none_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a SHA-256"):
        fetch("http://example.org/feed.zip", tmp_path / "feed.zip", max_bytes=MB, sha256="abc")


def test_an_endless_body_stops_at_the_bound(tmp_path: Path) -> None:
    def endless(_request: Request, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    with serving(endless) as server, pytest.raises(Refused, match=r"100,000 are accepted"):
        fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=100_000, patience=HASTE)
    assert not (tmp_path / "feed.zip").exists()
    assert not (tmp_path / ".feed.zip.part").exists()


def test_a_declared_length_beyond_the_bound_is_refused_at_once(tmp_path: Path) -> None:
    with serving(ok(b"", Content_Length="5000000000")) as server, pytest.raises(Refused, match="5,000,000,000"):
        fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)


def test_a_declared_length_that_never_comes_is_told(tmp_path: Path) -> None:
    with serving(ok(BODY, Content_Length="200000")) as server, pytest.raises(Unavailable, match="call again"):
        fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
    assert not (tmp_path / "feed.zip").exists()


def drip(head: bytes) -> object:
    def answer(_request: Request, connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Long: "])
def test_a_server_that_drips_is_left(tmp_path: Path, head: bytes) -> None:
    started = time.monotonic()
    patience = HASTE._replace(window=0.3, attempts=1)
    with serving(drip(head)) as server, pytest.raises(Unavailable, match=r"only \d+ bytes came in"):  # type: ignore[arg-type]
        fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=patience)
    assert time.monotonic() - started < 20


def test_a_silent_server_is_left(tmp_path: Path) -> None:
    patience = HASTE._replace(read=0.2, attempts=1)
    over = threading.Event()
    with serving(lambda *_: over.wait(60) and None) as server:
        with pytest.raises(Unavailable, match="timed out"):
            fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=patience)
        over.set()


def test_a_passing_failure_is_asked_again_and_a_lasting_one_is_not(tmp_path: Path) -> None:
    with serving(status(503), ok(BODY)) as server:
        fetch(server.url(), tmp_path / "a", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert len(server.requests) == 2
    with serving(status(404)) as server:
        with pytest.raises(Unavailable, match="answers with status 404"):
            fetch(server.url(), tmp_path / "b", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert len(server.requests) == 1


@pytest.mark.parametrize("data", [b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nxx"])
def test_what_is_no_http_is_told(tmp_path: Path, data: bytes) -> None:
    with serving(raw(data)) as server, pytest.raises(Unavailable, match="could not be downloaded"):
        fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)


def test_nobody_listening_is_told(tmp_path: Path) -> None:
    with serving() as server:
        pair, url = server.pair, server.url()
    with pytest.raises(Unavailable, match="could not be downloaded"):
        fetch(url, tmp_path / "feed.zip", allow_hosts=[pair], max_bytes=MB, patience=HASTE)


def test_an_encoding_we_did_not_ask_for_is_undone_within_the_bound(tmp_path: Path) -> None:
    packed = gzip.compress(BODY)
    with serving(ok(packed, Content_Encoding="gzip")) as server:
        to = fetch(server.url(), tmp_path / "a", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert to.read_bytes() == BODY
    bomb = gzip.compress(bytes(50 * MB))
    with serving(ok(bomb, Content_Encoding="gzip")) as server, pytest.raises(Refused, match="are accepted"):
        fetch(server.url(), tmp_path / "b", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)


def test_two_downloads_to_one_file_do_not_mix(tmp_path: Path) -> None:
    with (tmp_path / ".feed.zip.part").open("w") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        with serving(ok(BODY)) as server, pytest.raises(Conflict, match="by another process"):
            fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)


def test_only_what_is_newer_is_downloaded(tmp_path: Path) -> None:
    to = tmp_path / "feed.zip"
    dated = {"ETag": 'W/"7"', "Last_Modified": "Sun, 22 Nov 2026 07:00:00 GMT"}
    with serving(ok(b"old", **dated), status(304), ok(b"new")) as server:
        for changed, body in [(True, b"old"), (False, b"old"), (True, b"new")]:
            got = fetch_newer(server.url(), to, allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
            assert (got, to.read_bytes()) == (changed, body)
        assert server.requests[1].headers["if-none-match"] == 'W/"7"'
        assert server.requests[1].headers["if-modified-since"] == "Sun, 22 Nov 2026 07:00:00 GMT"
    assert sorted(file.name for file in tmp_path.iterdir()) == [".feed.zip.origin.json", "feed.zip"]


def test_a_file_that_was_removed_is_downloaded_though_unchanged(tmp_path: Path) -> None:
    to = tmp_path / "feed.zip"
    with serving(ok(BODY, ETag='"1"')) as server:
        fetch(server.url(), to, allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        to.unlink()
        assert fetch_newer(server.url(), to, allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        assert "if-none-match" not in server.requests[1].headers


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serving(ok(BODY)) as server, pytest.raises(Unavailable, match="cannot be written"):
        fetch(server.url(), tmp_path / "file" / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)


def test_a_file_that_finds_no_room_is_told(tmp_path: Path) -> None:
    to = tmp_path / "feed.zip"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with serving(ok(BODY)) as server:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        try:
            with pytest.raises(Unavailable, match="File too large"):
                fetch(server.url(), to, allow_hosts=[server.pair], max_bytes=MB, patience=HASTE)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not to.exists()


def test_a_drip_that_is_fast_enough_for_every_stretch_still_has_an_end(tmp_path: Path) -> None:
    def drip(_: Request, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(bytes(100))
            time.sleep(0.01)

    patience = HASTE._replace(window_bytes=10, attempts=1, total=0.5)
    begin = time.monotonic()
    with serving(drip) as server, pytest.raises(Unavailable, match=r"not whole within"):
        fetch(server.url(), tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=MB, patience=patience)
    assert time.monotonic() - begin < 9


def test_headers_go_to_the_host_they_are_for_and_no_further(tmp_path: Path) -> None:
    with (
        serving(ok(BODY)) as other,
        serving(status(302, Location="/near"), status(302, Location=other.url())) as server,
    ):
        fetch_newer(
            server.url(),
            tmp_path / "feed.zip",
            allow_hosts=[server.pair, other.pair],
            max_bytes=MB,
            patience=HASTE,
            headers={"X-Api-Key": "secret"},
        )
        assert [request.headers.get("x-api-key") for request in server.requests] == ["secret", "secret"]
        assert "x-api-key" not in other.requests[0].headers
