"""A feed's files, taken safely out of a ZIP archive or a folder into a scratch folder, as UTF-8 with plain line ends.

Nothing in an archive is trusted: names, sizes, ratios, links, line lengths. All is checked while reading, so that
hostile input is refused before it costs much.
"""

from __future__ import annotations

import codecs
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from mobigo.kit.errors import InvalidInput, MobigoError
from mobigo.transit.gtfs import BY_NAME, EXTENSION, LOCATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mobigo.transit.report import Findings

MAX_MEMBERS = 1_000
MAX_BYTES = 8 * 2**30
"""Of all files together, unpacked."""
MAX_RATIO = 200
"""Unpacked to packed size of a member over `RATIO_FREE`; timetables reach 50."""
RATIO_FREE = 4 * 2**20
MAX_JSON = 64 * 2**20
"""Bytes of a JSON file; it is read as a whole."""
MAX_LINE = 2**20
"""Bytes of one line of CSV."""
MAX_ROWS = 100_000_000
BLOCK = 2**20

ARCHIVES = (".zip", ".gz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".tgz", ".zst")
LITTER = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What operating systems leave in archives."""

TELLING = ("stops.txt", "agency.txt", "routes.txt", "trips.txt", "stop_times.txt")
"""Files by which the folder of a feed is known."""

NUL_SHARE = 100
"""One zero byte in this many is a slip; more is no text."""

BROKEN_ARCHIVE = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, struct.error, NotImplementedError)
"""What Python's reader raises for damaged archives, beside OSError, RuntimeError and ValueError."""


class Unreadable(MobigoError):
    """The input cannot be read as a feed at all; `code` is the finding's."""


@dataclass(frozen=True)
class Member:
    """One file of a feed, unpacked."""

    name: str
    """Without folders."""
    path: Path
    """UTF-8, lines ended by a line feed."""
    digest: str
    """SHA-256 of the content as published."""
    size: int
    rows: int
    """Line feeds."""


@dataclass(frozen=True)
class _Entry:
    name: str
    size: int
    open: Callable[[], IO[bytes]]


def unpack(source: Path, scratch: Path, findings: Findings, progress: Callable[[int, int], None]) -> dict[str, Member]:
    """Take all files of a feed out of a ZIP archive or folder, by name.

    Raises
    ------
    InvalidInput
        When there is no such file or folder.
    Unreadable
        When it is no readable or no harmless archive; the code says which finding that is.
    """
    if source.is_dir():
        return _unpack(_folder_entries(source), scratch, findings, progress)
    if not source.exists():
        raise InvalidInput(f"{source} does not exist; name a GTFS archive, a folder or an http(s) address")
    try:
        with zipfile.ZipFile(source) as archive:
            return _unpack(_zip_entries(archive), scratch, findings, progress)
    except BROKEN_ARCHIVE as error:
        raise Unreadable(f"{source.name} is no readable ZIP archive: {error}", code="InvalidArchive") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise Unreadable(f"{source.name} cannot be read: {error}", code="InvalidArchive") from None


def feed_hash(members: dict[str, Member], *more: str) -> str:
    """Identify content: SHA-256 over the sorted names and digests, however it was packed."""
    lines = [f"{name} {member.digest}" for name, member in sorted(members.items())]
    return sha256("\n".join([*lines, *more]).encode()).hexdigest()


def _refuse(message: str) -> Unreadable:
    return Unreadable(message, code="InvalidArchive")


def _check_name(name: str) -> None:
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or ".." in parts or (parts and ":" in parts[0]) or not name.isprintable():
        raise _refuse(f"member {name[:100]!r} would be written outside its folder; the archive is refused")
    if name.lower().endswith(ARCHIVES):
        raise _refuse(f"member {name[:100]!r} is an archive itself; unpack it and load the feed inside")


def _zip_entries(archive: zipfile.ZipFile) -> list[_Entry]:
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise _refuse(f"the archive has {len(infos):,} members, at most {MAX_MEMBERS:,} are read")
    entries: list[_Entry] = []
    for info in infos:
        _check_name(info.filename)
        if info.is_dir():
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _refuse(f"member {info.filename!r} is a symbolic link; pack the file itself")
        if info.flag_bits & 1:
            raise _refuse(f"member {info.filename!r} is encrypted; pack it without a password")
        if info.file_size > RATIO_FREE and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise _refuse(
                f"member {info.filename!r} unpacks {info.compress_size:,} bytes to {info.file_size:,}, more than "
                f"{MAX_RATIO} times as much; that is a zip bomb"
            )
        entries.append(_Entry(info.filename, info.file_size, partial(archive.open, info)))
    return entries


def _folder_entries(folder: Path) -> list[_Entry]:
    entries: list[_Entry] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise _refuse(f"{name!r} in the folder is a symbolic link; put the file itself there")
        if path.is_dir() or any(part.startswith(".") for part in PurePosixPath(name).parts):
            continue
        if not path.is_file():
            raise _refuse(f"{name!r} in the folder is no ordinary file")
        if len(entries) == MAX_MEMBERS:
            raise _refuse(f"the folder has more than {MAX_MEMBERS:,} files; name the folder of one feed")
        _check_name(name)
        entries.append(_Entry(name, path.stat().st_size, _Opener(path)))
    return entries


@dataclass(frozen=True)
class _Opener:
    path: Path

    def __call__(self) -> IO[bytes]:
        return self.path.open("rb")


def _feed_folder(entries: list[_Entry], findings: Findings) -> str:
    """Find the folder the feed lies in: the top, or else the only one that holds its files."""
    folders = {str(PurePosixPath(e.name).parent) for e in entries if PurePosixPath(e.name).name in TELLING}
    if "." in folders or len(folders) != 1:
        return "."
    folder = folders.pop()
    findings.add("invalid_input_files_in_subfolder", folder + "/", None, f"files read from {folder}/")
    return folder


def _unpack(
    entries: list[_Entry], scratch: Path, findings: Findings, progress: Callable[[int, int], None]
) -> dict[str, Member]:
    entries = [e for e in entries if not any(part in LITTER for part in PurePosixPath(e.name).parts)]
    total = sum(entry.size for entry in entries)
    if total > MAX_BYTES:
        raise _refuse(f"the feed is {total:,} bytes unpacked, at most {MAX_BYTES:,} are read")
    folder = _feed_folder(entries, findings)
    members: dict[str, Member] = {}
    done = 0
    for number, entry in enumerate(entries):
        path = PurePosixPath(entry.name)
        name = path.name if str(path.parent) == folder else entry.name
        if name in members:
            raise _refuse(f"the archive has two members {name!r}")
        members[name] = _write(entry, name, scratch / f"{number}", findings)
        done += entry.size
        progress(done, total)
    return members


def _write(entry: _Entry, name: str, path: Path, findings: Findings) -> Member:
    """Unpack one file, checking and decoding on the way."""
    is_text = name.lower().endswith((".txt", ".csv"))
    limit = MAX_BYTES if is_text else MAX_JSON
    digest = sha256()
    size = rows = run = nuls = 0
    utf8 = codecs.getincrementaldecoder("utf-8")()
    valid = True
    with entry.open() as raw, path.open("wb") as out:
        first = raw.read(BLOCK)
        utf16 = first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        for block in _blocks(raw, first):
            digest.update(block)
            size += len(block)
            if size > max(entry.size, 0) or size > limit:
                raise _refuse(f"member {name!r} is larger than {min(entry.size, limit):,} bytes")
            nuls += block.count(0)
            rows += block.count(b"\n")
            if is_text and not utf16:
                run = _check_run(name, block, run)
            if valid and not utf16:
                valid = _is_utf8(utf8, block)
            out.write(block)
        if valid and not utf16:
            valid = _is_utf8(utf8, b"", final=True)
    if name in known_files() or is_text:
        _decode(name, path, utf16=utf16, valid=valid, nuls=nuls, size=size, findings=findings)
    if rows > MAX_ROWS:
        raise Unreadable(f"{name} has {rows:,} lines, at most {MAX_ROWS:,} are read", code="too_many_rows")
    return Member(name, path, digest.hexdigest(), size, rows)


def known_files() -> frozenset[str]:
    """Names of the files of GTFS, and of ours."""
    return frozenset({*(file.filename for file in BY_NAME.values()), LOCATIONS, EXTENSION})


def _blocks(raw: IO[bytes], first: bytes) -> Iterator[bytes]:
    block = first
    while block:
        yield block
        block = raw.read(BLOCK)


def _check_run(name: str, block: bytes, run: int) -> int:
    """Bound the length of lines; return the bytes after the last line end so far."""
    start = max(block.find(b"\n"), block.find(b"\r"))
    end = max(block.rfind(b"\n"), block.rfind(b"\r"))
    if run + (start if start >= 0 else len(block)) > MAX_LINE:
        raise Unreadable(f"{name} has a line of more than {MAX_LINE:,} bytes", code="csv_parsing_failed")
    return len(block) - end - 1 if end >= 0 else run + len(block)


def _is_utf8(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    if block.isascii() and not final and decoder.getstate()[0] == b"":
        return True
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _decode(name: str, path: Path, *, utf16: bool, valid: bool, nuls: int, size: int, findings: Findings) -> None:
    """Rewrite a file that is not plain UTF-8 with line feeds."""
    if utf16:
        _rewrite(path, "utf-16")
        findings.add("invalid_character", name, None, "UTF-16, read as such")
    elif nuls * NUL_SHARE > size:
        raise Unreadable(f"{name} is no text: {nuls:,} of its {size:,} bytes are zero", code="csv_parsing_failed")
    elif not valid:
        _rewrite(path, "cp1252")
        findings.add("invalid_character", name, None, "not UTF-8, read as Windows-1252")
    if nuls and not utf16:
        findings.add("invalid_character", name, None, "zero bytes, removed", times=nuls)
    _tidy(path)


def _rewrite(path: Path, encoding: str) -> None:
    errors = "replace" if encoding == "utf-16" else "mobigo_latin1"
    new = path.with_suffix(".new")
    with (
        path.open("r", encoding=encoding, errors=errors, newline="") as old,
        new.open("w", encoding="utf-8", newline="") as out,
    ):
        while text := old.read(BLOCK):
            out.write(text)
    new.replace(path)


def _latin1(error: UnicodeError) -> tuple[str, int]:
    """Read the five bytes that Windows-1252 leaves open as Latin-1 does."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("mobigo_latin1", _latin1)


def _tidy(path: Path) -> None:
    """Remove byte order mark, zero bytes and carriage returns, when there are any."""
    with path.open("rb") as old:
        head = old.read(3)
        old.seek(0)
        if head != codecs.BOM_UTF8 and not any(
            b"\r" in block or b"\0" in block for block in iter(lambda: old.read(BLOCK), b"")
        ):
            return
        old.seek(len(codecs.BOM_UTF8) if head == codecs.BOM_UTF8 else 0)
        new = path.with_suffix(".new")
        with new.open("wb") as out:
            held = b""
            while block := old.read(BLOCK):
                text = held + block
                held = b"\r" if text.endswith(b"\r") else b""
                text = text.removesuffix(b"\r")
                if b"\r" in text:
                    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                out.write(text.replace(b"\0", b"") if b"\0" in text else text)
            out.write(held.replace(b"\r", b"\n"))
    new.replace(path)
