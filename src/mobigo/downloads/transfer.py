"""Download a file: bounded, resumable, checked, and in its place only when it is whole.

Beside the target ``name`` lie, while it is under way, ``.name.part`` and ``.name.part.json`` (where it comes from and
by which validator it may be resumed), and afterwards ``.name.origin.json``, by which `fetch_newer` asks whether the
server has something newer.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import ssl
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from os import SEEK_END
from typing import TYPE_CHECKING

import httpcore
import httpx

from mobigo import __version__
from mobigo.downloads.addresses import check_url
from mobigo.downloads.connect import Patience, open_pool
from mobigo.kit.errors import Conflict, InvalidInput, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import BufferedRandom
    from pathlib import Path

Progress = Callable[[int, int | None], None]
"""Called with the bytes that lie here and those of the whole file, None when the server does not say."""

REDIRECTS = 5
"""How often a server may send us on."""

REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})
PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that may be different in a moment."""

OK, PARTIAL, UNCHANGED, BEYOND = 200, 206, 304, 416

CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class _BrokenError(Exception):
    """The transfer ended early in a way that another attempt may mend."""


@dataclass(frozen=True)
class Origin:
    """Where a file came from, and by what the server recognises that version."""

    url: str
    etag: str | None = None
    last_modified: str | None = None

    @property
    def range_validator(self) -> str | None:
        """What If-Range accepts: a strong entity tag, else the date."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified


def read_origin(file: Path) -> Origin | None:
    """Read an origin written beside a download; None when there is none that can be read."""
    try:
        return Origin(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


@dataclass
class _Download:
    url: httpx.URL
    to: Path
    pool: httpcore.ConnectionPool
    patience: Patience
    max_bytes: int
    sha256: str | None
    progress: Progress | None
    only_newer_than: Origin | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    origin: Origin | None = field(default=None, init=False)

    @property
    def part(self) -> Path:
        return self.to.with_name(f".{self.to.name}.part")

    @property
    def part_origin(self) -> Path:
        return self.to.with_name(f".{self.to.name}.part.json")

    def run(self) -> bool:
        """Download until the file is whole; False when the server has nothing newer."""
        try:
            with _locked(self.part, self.to) as part:
                if not self._persist(part):
                    self._forget()
                    return False
                part.flush()
                if self.sha256 is not None:
                    self._check(part)
                self._put_in_place()
        except OSError as error:
            raise Unavailable(
                f"{self.to} cannot be written ({error.strerror or error}); make room or choose another MOBIGO_HOME",
                code="download_failed",
            ) from error
        return True

    def _put_in_place(self) -> None:
        assert self.origin is not None
        origin_file(self.to).unlink(missing_ok=True)
        self.part.replace(self.to)
        origin_file(self.to).write_text(json.dumps(asdict(self.origin)))
        self.part_origin.unlink(missing_ok=True)

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.part_origin.unlink(missing_ok=True)

    def _check(self, part: BufferedRandom) -> None:
        part.seek(0)
        found = hashlib.file_digest(part, "sha256").hexdigest()
        if found != self.sha256:
            self._forget()
            raise Refused(
                f"{self.url} has the SHA-256 {found}, {self.sha256} was expected; it was changed or damaged: "
                "check where the checksum comes from before correcting it",
                code="checksum_differs",
            )

    def _persist(self, part: BufferedRandom) -> bool:
        attempt, pause = 1, self.patience.pause
        while True:
            before = part.seek(0, SEEK_END)
            try:
                return self._attempt(part)
            except (_BrokenError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
                part.flush()
                if attempt == self.patience.attempts or _is_certificate(error):
                    raise Unavailable(
                        f"{self.url} could not be downloaded: {error or type(error).__name__} "
                        f"(attempt {attempt}, {part.tell():,} bytes are here); call again to resume",
                        code="download_failed",
                    ) from None
                if part.tell() - before >= self.patience.window_bytes:
                    attempt, pause = 1, self.patience.pause
            time.sleep(pause)
            attempt, pause = attempt + 1, pause * 2

    def _attempt(self, part: BufferedRandom) -> bool:
        start = self._resume_at(part)
        with self._open(start) as response:
            headers = _headers(response)
            if response.status == UNCHANGED and self.only_newer_than is not None:
                return False
            if response.status == BEYOND and start:
                if _length_of_all(headers) == start:
                    return True
                self._restart(part)
                raise _BrokenError("the file on the server became shorter")
            if response.status == PARTIAL and not self._continues(headers, start):
                self._restart(part)
                raise _BrokenError("the server sent another range than asked for")
            if response.status not in (OK, PARTIAL):
                _raise_status(self.url, response.status)
            if response.status == OK:
                start = 0
                self._restart(part)
                self.origin = Origin(str(self.url), headers.get("etag"), headers.get("last-modified"))
                self.part_origin.write_text(json.dumps(asdict(self.origin)))
            self._receive(response, headers, part, start)
        return True

    def _restart(self, part: BufferedRandom) -> None:
        part.seek(0)
        part.truncate()

    def _resume_at(self, part: BufferedRandom) -> int:
        """Return the byte from which to go on: 0 unless what lies here is from the same version of the same URL."""
        origin = read_origin(self.part_origin)
        size = part.seek(0, SEEK_END)
        if origin is None or origin.url != str(self.url) or not (origin.range_validator or self.sha256):
            self._restart(part)
            return 0
        self.origin = origin
        return size

    def _continues(self, headers: dict[str, str], start: int) -> bool:
        found = CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        return bool(start and found and found[1] and int(found[1]) == start)

    def _receive(self, response: httpcore.Response, headers: dict[str, str], part: BufferedRandom, start: int) -> None:
        decode = headers.get("content-encoding", "identity").lower() not in ("identity", "")
        length = headers.get("content-length", "")
        total = start + int(length) if length.isdecimal() and not decode else None
        if total is not None and total > self.max_bytes:
            self._forget()
            raise _too_big(self.url, total, self.max_bytes)
        done = start
        if self.progress:
            self.progress(done, total)
        for chunk in _decoded(response, headers) if decode else response.iter_stream():
            done += len(chunk)
            if done > self.max_bytes:
                self._forget()
                raise _too_big(self.url, done, self.max_bytes)
            part.write(chunk)
            if self.progress:
                self.progress(done, total)
        if total is not None and done != total:
            raise _BrokenError(f"{done:,} of {total:,} bytes came")

    @contextmanager
    def _open(self, start: int) -> Iterator[httpcore.Response]:
        """Ask, following redirects; each hop is a new connection, whose address is checked."""
        url = self.url
        for _ in range(REDIRECTS + 1):
            with self.pool.stream(
                "GET", str(url), headers=self._ask(url, start), extensions=self._timeouts()
            ) as answer:
                if answer.status not in REDIRECT_STATUS:
                    yield answer
                    return
                target = _headers(answer).get("location")
            if not target:
                raise Unavailable(f"{url} redirects to nowhere; ask its publisher", code="download_failed")
            try:
                url = check_url(str(url.join(target)))
            except (InvalidInput, httpx.InvalidURL) as error:
                raise Unavailable(f"{url} redirects to what is no URL: {error}", code="download_failed") from None
        raise Unavailable(
            f"{self.url} redirects more than {REDIRECTS} times; ask its publisher", code="download_failed"
        )

    def _timeouts(self) -> dict[str, dict[str, float]]:
        patience = self.patience
        return {"timeout": {"connect": patience.connect, "read": patience.read, "write": patience.read}}

    def _ask(self, url: httpx.URL, start: int) -> list[tuple[str, str]]:
        headers = [
            ("Host", url.netloc.decode("ascii")),
            ("User-Agent", f"mobigo/{__version__}"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
        ]
        if (url.scheme, url.netloc) == (self.url.scheme, self.url.netloc):  # a key is for whom it was given to
            headers += self.headers.items()
        if start:
            headers.append(("Range", f"bytes={start}-"))
            if self.origin and self.origin.range_validator:
                headers.append(("If-Range", self.origin.range_validator))
        elif self.only_newer_than is not None:
            known = self.only_newer_than
            if known.etag:
                headers.append(("If-None-Match", known.etag))
            if known.last_modified:
                headers.append(("If-Modified-Since", known.last_modified))
        return headers


def fetch(
    url: str,
    to: Path,
    *,
    max_bytes: int,
    allow_hosts: Sequence[str] = (),
    sha256: str | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Path:
    """Download `url` into the file `to`, going on where an earlier call was cut off.

    Parameters
    ----------
    url : str
        http or https, of the public internet.
    to : Path
        The file to write; replaced only by a whole and checked one. Its folder is made.
    max_bytes : int
        The most that is accepted.
    allow_hosts : sequence of str
        ``ADDRESS:PORT`` pairs that may be reached though they are not public.
    sha256 : str, optional
        The expected checksum, in hexadecimal.
    progress : callable, optional
        Called with the bytes here and in all (None when unknown).
    patience : Patience, optional
        How long to wait, how often to try.

    Raises
    ------
    InvalidInput
        When `url` is no URL.
    Refused
        When the address is not public, the file too big, or the checksum differs.
    Unavailable
        When the server cannot be reached, is too slow or says no; what came is kept for the next call.
    Conflict
        When another process downloads to the same file.
    """
    with open_pool(allow_hosts, patience or Patience()) as pool:
        _Download(check_url(url), to, pool, patience or Patience(), max_bytes, _checksum(sha256), progress).run()
    return to


def fetch_newer(
    url: str,
    to: Path,
    *,
    max_bytes: int,
    allow_hosts: Sequence[str] = (),
    sha256: str | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
    headers: Mapping[str, str] | None = None,
) -> bool:
    """Download `url` unless the server says that what lies at `to` is still the current version.

    Parameters and errors are those of `fetch`; `headers` are sent too, but nowhere a redirect leads off the host.

    Returns
    -------
    bool
        Whether `to` was written; False when it was current already.
    """
    known = read_origin(origin_file(to)) if to.exists() else None
    if known is not None and known.url != str(check_url(url)):
        known = None
    with open_pool(allow_hosts, patience or Patience()) as pool:
        return _Download(
            check_url(url),
            to,
            pool,
            patience or Patience(),
            max_bytes,
            _checksum(sha256),
            progress,
            only_newer_than=known,
            headers=headers or {},
        ).run()


def origin_file(to: Path) -> Path:
    """Return where the origin of a finished download is noted."""
    return to.with_name(f".{to.name}.origin.json")


def _checksum(sha256: str | None) -> str | None:
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InvalidInput(f"{sha256!r} is not a SHA-256; give its 64 hexadecimal digits")
    return sha256.lower() if sha256 else None


@contextmanager
def _locked(part: Path, to: Path) -> Iterator[BufferedRandom]:
    to.parent.mkdir(parents=True, exist_ok=True)
    part.touch()
    with part.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"{to} is being downloaded by another process; wait for it", code="being_downloaded"
            ) from None
        yield file


def _headers(response: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


def _decoded(response: httpcore.Response, headers: dict[str, str]) -> Iterator[bytes]:
    """Undo a Content-Encoding that the server applied though it was asked not to."""
    try:
        yield from httpx.Response(
            response.status,
            headers={"Content-Encoding": headers["content-encoding"]},
            stream=_Stream(response),
        ).iter_bytes()
    except httpx.DecodingError as error:
        raise Unavailable(f"the answer cannot be decoded: {error}", code="download_failed") from None


@dataclass
class _Stream(httpx.SyncByteStream):
    response: httpcore.Response

    def __iter__(self) -> Iterator[bytes]:
        yield from self.response.iter_stream()


def _length_of_all(headers: dict[str, str]) -> int | None:
    found = CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    return int(found[2]) if found and found[2] != "*" else None


def _raise_status(url: httpx.URL, status: int) -> None:
    if status in PASSING_STATUS:
        raise _BrokenError(f"the server answers {status}")
    raise Unavailable(
        f"{url} answers with status {status}; check the address with its publisher", code="download_failed"
    )


def _too_big(url: httpx.URL, size: int, bound: int) -> Refused:
    return Refused(
        f"{url} has at least {size:,} bytes, {bound:,} are accepted; is it the right file?", code="download_too_big"
    )


def _is_certificate(error: Exception) -> bool:
    return isinstance(error.__context__, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error)
