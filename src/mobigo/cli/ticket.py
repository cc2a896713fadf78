"""``mobigo ticket``: tickets issued, shown and verified by hand."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mobigo.cli.keys_file import KEYS, read_keys, write_keys
from mobigo.kit.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.fares.catalogue import Catalogue, Product
    from mobigo.settings import Settings
    from mobigo.tickets.codes import Verdict
    from mobigo.tickets.model import Format, Holder, Scope, Ticket, Wanted

PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"<svg", b"%PDF")
"""How pictures and papers begin."""


@click.group()
def ticket() -> None:
    """Issue, show and verify tickets."""


@ticket.command()
@click.option("--product", metavar="ID", help="Of the catalogue in force; its first single ticket unless told.")
@click.option("--category", default="adult", show_default=True, metavar="ID", help="Who travels.")
@click.option("--travellers", type=click.IntRange(1, 200), default=1, show_default=True, help="How many on it.")
@click.option("--from", "first", metavar="INSTANT", help="From when; now unless told.")
@click.option("--until", "last", metavar="INSTANT", help="Until when; as the product says, else two hours.")
@click.option("--rides", type=click.IntRange(1, 1_000), help="Rides on it; any number unless told.")
@click.option("--network", "networks", multiple=True, metavar="ID", help="Good there only; may be repeated.")
@click.option("--area", "areas", multiple=True, metavar="ID", help="Likewise.")
@click.option("--agency", "agencies", multiple=True, metavar="ID", help="Likewise.")
@click.option("--line", "routes", multiple=True, metavar="ID", help="Likewise.")
@click.option("--holder", metavar="NAME", help="Whom it is bound to; nobody unless told.")
@click.option("--cents", type=click.IntRange(0, 10_000_000), default=0, show_default=True, help="Price written on it.")
@click.option("--specimen", is_flag=True, help="A sample that nobody may travel with.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for its codes, pictures, paper.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def issue(
    *,
    first: str | None,
    last: str | None,
    holder: str | None,
    out: Path | None,
    as_json: bool,
    **given: Any,  # noqa: ANN401 - options that go into the ticket as they are
) -> None:
    """Issue a ticket free of charge and sign it; print its number, its address and its code."""
    from mobigo.cli.signing import open_signer
    from mobigo.db.session import driver
    from mobigo.kit.clock import parse_instant
    from mobigo.tickets import compact, keys_store, service, store
    from mobigo.tickets.model import Format, Holder

    with _open() as (session, settings, now):
        begin = parse_instant(first) if first else now.replace(microsecond=0)
        end = parse_instant(last) if last else None
        wanted = _want(session, begin, end, Holder(holder) if holder else None, given)
        signer = open_signer(settings)
        signer.keep_keys(driver(session), now)
        (made,) = service.issue(session, [wanted], now=now)
        session.commit()
        service.sign_waiting(driver(session), signer, now)
        session.commit()
        one = service.get_ticket(session, made.id)
        rows = {format_: store.find_code(driver(session), one.id, format_) for format_ in Format}
        codes = {format_: row.data for format_, row in rows.items() if row}
        write_keys(settings.home, keys_store.list_keys(driver(session), believed_at=now))
    files = _write_files(out, one, codes) if out else []
    said = {
        "id": one.id,
        "key": one.key,
        "product": wanted.product,
        "valid_from": wanted.valid_from and wanted.valid_from.isoformat(),
        "valid_until": wanted.valid_until and wanted.valid_until.isoformat(),
        "text": compact.write_text(codes[Format.COMPACT]),
        "compact": codes[Format.COMPACT].hex(),
        "uic": codes[Format.UIC].hex(),
        "files": [str(file) for file in files],
    }
    if as_json:
        print(json.dumps(said, ensure_ascii=False, indent=1))
        return
    for name, value in said.items():
        print(f"{name:<12} {', '.join(value) if isinstance(value, list) else value}")


def _want(
    session: Session,
    begin: datetime,
    end: datetime | None,
    holder: Holder | None,
    given: Mapping[str, Any],
) -> Wanted:
    from mobigo.fares import service as fares
    from mobigo.fares.catalogue import ProductKind
    from mobigo.fares.validity import span
    from mobigo.tickets.model import Wanted
    from mobigo.tickets.railway import LOCAL

    catalogue = fares.find_catalogue(session, begin.astimezone(LOCAL).date())
    listed = catalogue.products if catalogue else ()
    wanted = given["product"]
    fits = [one for one in listed if one.id == wanted or (wanted is None and one.kind is ProductKind.SINGLE)]
    product = fits[0] if fits else None
    if end is None:
        end = begin + timedelta(hours=2)
        if product is not None and product.validity.mode.value in {"fixed", "rolling"}:
            begin, end = span(product.validity, begin, LOCAL)
    return Wanted(
        product=product.id if product else wanted or "single",
        version=catalogue.version if catalogue and product else 0,
        category=given["category"],
        valid_from=begin,
        valid_until=end,
        cents=given["cents"],
        currency=catalogue.currency if catalogue else "EUR",
        vat_permille=product.vat_permille if product else 0,
        fellows=given["travellers"],
        rides=given["rides"],
        scope=_find_scope(catalogue, product, given),
        holder=holder,
        specimen=given["specimen"],
    )


def _find_scope(catalogue: Catalogue | None, product: Product | None, given: Mapping[str, Any]) -> Scope:
    """Return where a ticket is good: as told, else where its product is by itself."""
    from mobigo.fares.extent import Extent, find_extent
    from mobigo.tickets.model import Scope

    told = Scope(given["networks"], given["areas"], given["agencies"], given["routes"])
    if told != Scope() or catalogue is None or product is None:
        return told
    extent = find_extent(catalogue, product) or Extent()
    return Scope(extent.networks, extent.areas, extent.agencies, extent.routes)


def _write_files(folder: Path, one: Ticket, codes: Mapping[Format, bytes]) -> list[Path]:
    from mobigo.tickets.drawing import draw_png, draw_svg, lay
    from mobigo.tickets.printing import print_ticket

    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, bytes] = {}
    for format_, data in codes.items():
        modules = lay(format_, data)
        contents |= {
            f"{one.id}.{format_}": data,
            f"{one.id}.{format_}.svg": draw_svg(modules).encode(),
            f"{one.id}.{format_}.png": draw_png(modules),
        }
    contents[f"{one.id}.pdf"] = print_ticket(one, codes, one.wanted.product, one.wanted.category, "fr")
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


@ticket.command()
@click.argument("which", metavar="NUMBER|KEY|FILE|HEX")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(which: str, *, as_json: bool) -> None:
    """Show a ticket of this instance by its number or key, or all that a code says."""
    found = _find_ticket(which)
    if found is None:
        from mobigo.tickets import codes
        from mobigo.tickets.model import Malformed

        try:
            code = codes.read(read_code(which))
        except Malformed as error:
            raise InvalidInput(f"{which[:60]!r} is no ticket of this instance and no code: {error}") from None
        found = {"format": code.format, **code.content}
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1, default=str))
        return
    for name, value in found.items():
        if value not in (None, [], {}):
            text = value if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False, default=str)
            print(f"{name:<22} {text}")


def _find_ticket(which: str) -> dict[str, Any] | None:
    import re

    if not re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{12}|t[A-Za-z0-9_-]{22}", which) or Path(which).exists():
        return None
    from mobigo.db.session import driver
    from mobigo.tickets import service, store
    from mobigo.tickets.api import write

    with _open() as (session, _, _):
        by_key = which.startswith("t")
        try:
            one = service.get_by_key(session, which) if by_key else service.get_ticket(session, which)
        except NotFound:
            if by_key:
                raise
            return None
        said: dict[str, Any] = write(session, one).model_dump(mode="json")
        history = store.list_history(driver(session), one.id)
        return said | {"history": [[line.at.isoformat(), line.what, line.why] for line in history]}


@ticket.command()
@click.argument("code", metavar="FILE|HEX")
@click.option("--at", metavar="INSTANT", help="As if it were then; now unless told.")
@click.option("--keys", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Key set to believe.")
@click.option("--json", "as_json", is_flag=True, help="Print {valid, reason, format, fields}; the exit code is then 0.")
def verify(code: str, *, at: str | None, keys: Path | None, as_json: bool) -> None:
    """Verify a code without a network: what its symbol holds, as a file, hexadecimal digits or the text of a QR symbol.

    Keys are those of this home unless a set is given, as /v1/tickets/keys gives it.
    """
    from mobigo.kit.clock import parse_instant
    from mobigo.settings import read_settings
    from mobigo.tickets import codes

    settings = read_settings()
    instant = parse_instant(at) if at else settings.open_clock().now()
    verdict = codes.judge(read_code(code), read_keys(keys or settings.home / KEYS, given=keys is not None), instant)
    if as_json:
        print(json.dumps(_as_json(verdict), ensure_ascii=False, indent=1))
        return
    print(f"{verdict.reason}: {codes.say(verdict.reason, 'en')}")
    for name, value in verdict.fields.items():
        if not isinstance(value, dict | list):
            print(f"  {name:<14} {value}")
    if not verdict.valid:
        sys.exit(1)


@ticket.command("keys")
@click.option("--json", "as_json", is_flag=True, help="Print as a JSON Web Key Set.")
def list_keys(*, as_json: bool) -> None:
    """List the public keys of this instance."""
    from mobigo.db.session import driver
    from mobigo.tickets import keys_store
    from mobigo.tickets.keys import write_set

    with _open() as (session, settings, now):
        found = keys_store.list_keys(driver(session), believed_at=now)
    write_keys(settings.home, found)
    if as_json:
        print(json.dumps(write_set(found), indent=1))
        return
    for key in found:
        state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else f"signs until {key.not_after:%Y-%m-%d}"
        print(f"{key.kid:>5}  {key.use:<8} {key.issuer:<10} from {key.not_before:%Y-%m-%d}, {state}")


def read_code(which: str) -> bytes:
    """Read a code from a file, or as it is written."""
    from mobigo.tickets.codes import LARGEST
    from mobigo.tickets.judging import read_written

    if which == "-":
        return read_written(sys.stdin.buffer.read(4 * LARGEST))
    try:
        is_file = Path(which).is_file()
    except (OSError, ValueError):
        is_file = False
    if not is_file:
        return read_written(which.encode("utf-8", "replace"))
    with Path(which).open("rb") as file:
        content = file.read(4 * LARGEST)
    if content.lstrip().startswith(PICTURES):
        raise InvalidInput(f"{which} is a picture; give what its symbol holds, as whatever scans it says it")
    return read_written(content)


def _as_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "valid": verdict.valid,
        "reason": verdict.reason,
        "format": verdict.format,
        "fields": dict(verdict.fields),
    }


@contextmanager
def _open() -> Iterator[tuple[Session, Settings, datetime]]:
    """Open the database of this home: a session, committed at the end; settings and the time."""
    from sqlalchemy.orm import Session

    from mobigo.cli.context import open_database
    from mobigo.db.engine import open_engine
    from mobigo.settings import read_settings

    settings = read_settings()
    engine = open_engine(open_database())
    try:
        with Session(engine) as session:
            yield session, settings, settings.open_clock().now()
            session.commit()
    finally:
        engine.dispose()
