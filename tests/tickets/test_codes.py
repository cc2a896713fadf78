"""Codes: read back from the picture, and refused with the right reason whatever is wrong with them."""

from __future__ import annotations

import random
import time
import zlib
from datetime import date, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import cbor2
import numpy as np
import pytest
import zxingcpp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.tickets.conftest import NOON, want

from mobigo.kit.errors import InvalidInput
from mobigo.tickets import cbor, codes, compact, railway
from mobigo.tickets.claims import claim, mark, pack, unpack, write_id
from mobigo.tickets.codes import SHOWN_FOR, SKEW, Reason
from mobigo.tickets.drawing import draw_png, lay
from mobigo.tickets.keys import Key, Keyring, Use, read_set, write_set, write_spki
from mobigo.tickets.layouts import find_layout
from mobigo.tickets.model import Format, Holder, Malformed, Scope, Ticket, TicketState, TravelClass
from mobigo.tickets.uper import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from mobigo.tickets.model import Wanted

ISSUER = ec.generate_private_key(ec.SECP256R1())
OURS = Ed25519PrivateKey.generate()
PHONE = ec.generate_private_key(ec.SECP256R1())
POINT = PHONE.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
MANY = 1_000_000
FEW = 20_000


def key(use: Use, **given: object) -> Key:
    public = (
        ISSUER.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        if use is Use.UIC
        else OURS.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    )
    usual = {
        "kid": 1 if use is Use.UIC else 2,
        "issuer": "mobigo",
        "use": use,
        "public": public,
        "not_before": NOON - timedelta(days=10),
        "not_after": NOON + timedelta(days=80),
        "verify_until": NOON + timedelta(days=400),
    }
    return Key(**(usual | given))  # type: ignore[arg-type]


KEYS = Keyring([key(Use.UIC), key(Use.COMPACT)])


def sign_p256(private: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    return lambda data: private.sign(data, ec.ECDSA(SHA256()))


def ticket(wanted: Wanted, phone: bytes | None = None) -> Ticket:
    return Ticket(write_id(12345), "t", wanted, TicketState.UNSIGNED, 1, phone, NOON)


def write(format_: Format, one: Ticket) -> bytes:
    claims = claim(one)
    if format_ is Format.COMPACT:
        packed, signed = compact.prepare(claims, 2)
        return compact.write_still(2, packed, OURS.sign(signed))
    sale = railway.Sale(one.wanted.cents, one.wanted.currency, one.wanted.vat_permille)
    phone = write_spki(one.phone) if one.phone else None
    level, signed = railway.prepare(claims, sale, kid=1, issuer="mobigo", phone=phone, shown_for=SHOWN_FOR)
    return railway.write(level, sign_p256(ISSUER)(signed))


def show(format_: Format, data: bytes, at: object, private: ec.EllipticCurvePrivateKey = PHONE) -> bytes:
    if format_ is Format.UIC:
        return railway.show(data, at, sign_p256(private))  # type: ignore[arg-type]
    halves = decode_dss_signature(sign_p256(private)(compact.say_shown(data, at)))  # type: ignore[arg-type]
    return compact.write_moving(data, at, b"".join(half.to_bytes(32) for half in halves))  # type: ignore[arg-type]


FULL = want(
    product="combiné",
    rides=10,
    use=timedelta(minutes=90),
    span=timedelta(hours=5),
    fellows=4,
    travel_class=TravelClass.FIRST,
    holder=Holder("Zoé Dété-Été", date(1990, 2, 28)),
    scope=Scope(
        networks=("bfc",), areas=("zone 1",), agencies=("demo:A",), routes=("demo:1",), stops=("demo:a", "demo:b"),
        origin="Semur-en-Auxois", destination="Dijon", trips=((date(2026, 11, 23), "demo:T1"),),
    ),
)  # fmt: skip


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize("wanted", [want(), FULL])
def test_a_code_is_read_back_from_its_picture(format_: Format, wanted: Wanted) -> None:
    data = write(format_, ticket(wanted))
    picture = np.asarray(Image.open(BytesIO(draw_png(lay(format_, data)))).convert("L"))
    kind = zxingcpp.BarcodeFormat.AztecCode if format_ is Format.UIC else zxingcpp.BarcodeFormat.QRCode
    (found,) = zxingcpp.read_barcodes(picture, kind)  # in some patterns there are bars of other kinds
    verdict = codes.judge(bytes(found.bytes), KEYS, NOON)
    assert (verdict.reason, verdict.claims) == (Reason.OK, claim(ticket(wanted)))


def test_a_code_is_as_small_as_its_kind() -> None:
    assert len(write(Format.COMPACT, ticket(want()))) < 140
    assert len(write(Format.UIC, ticket(want()))) < 260


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize(
    ("minutes", "reason"),
    [
        (-3, Reason.NOT_YET_VALID),
        (-2, Reason.OK),
        (0, Reason.OK),
        (15 * 60 + 1, Reason.OK),
        (15 * 60 + 2, Reason.EXPIRED),
        (90 * 24 * 60, Reason.EXPIRED),
    ],
)
def test_a_code_is_good_in_its_time(format_: Format, minutes: int, reason: Reason) -> None:
    assert codes.judge(write(format_, ticket(want())), KEYS, NOON + timedelta(minutes=minutes)).reason is reason


@pytest.mark.parametrize("format_", Format)
def test_keys_decide(format_: Format) -> None:
    data, use = write(format_, ticket(want())), Use(format_)

    def judge(*keys: Key) -> Reason:
        return codes.judge(data, Keyring(keys), NOON).reason

    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    another = (
        other.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        if use is Use.UIC
        else Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    )
    assert judge() is Reason.UNKNOWN_KEY
    assert judge(key(use, public=another)) is Reason.BAD_SIGNATURE
    assert judge(key(use, revoked_at=NOON)) is Reason.KEY_REVOKED
    assert judge(key(use, not_after=NOON - timedelta(days=1))) is Reason.KEY_NOT_VALID
    assert judge(key(use, not_before=NOON + timedelta(days=1))) is Reason.KEY_NOT_VALID
    assert judge(key(use, verify_until=NOON - timedelta(days=1))) is Reason.KEY_NOT_VALID
    assert judge(key(use)) is Reason.OK
    if use is Use.UIC:
        assert judge(key(use, issuer="1187")) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("format_", Format)
def test_no_bit_of_a_code_can_be_changed(format_: Format) -> None:
    data = write(format_, ticket(want()))
    reasons = set()
    for at in range(8 * len(data)):
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        verdict = codes.judge(bytes(changed), KEYS, NOON)
        assert not verdict.valid, at
        reasons.add(verdict.reason)
    assert Reason.BAD_SIGNATURE in reasons


@pytest.mark.parametrize("format_", Format)
def test_a_specimen_is_no_ticket(format_: Format) -> None:
    assert codes.judge(write(format_, ticket(want(specimen=True))), KEYS, NOON).reason is Reason.SPECIMEN


@pytest.mark.parametrize("format_", Format)
def test_a_phones_code_dies_and_no_copy_of_it_is_good(format_: Format) -> None:
    still = write(format_, ticket(want(), POINT))
    assert codes.judge(still, KEYS, NOON).reason is Reason.NOT_SHOWN_BY_PHONE
    shown = show(format_, still, NOON)
    assert codes.judge(shown, KEYS, NOON).reason is Reason.OK
    assert codes.judge(shown, KEYS, NOON + SHOWN_FOR).reason is Reason.OK
    assert codes.judge(shown, KEYS, NOON - SKEW).reason is Reason.OK
    assert codes.judge(shown, KEYS, NOON + SHOWN_FOR + SKEW + timedelta(seconds=1)).reason is Reason.SHOWN_TOO_LONG_AGO
    ahead = show(format_, still, NOON + timedelta(hours=1))
    assert codes.judge(ahead, KEYS, NOON).reason is Reason.SHOWN_TOO_LONG_AGO
    other = show(format_, still, NOON, ec.generate_private_key(ec.SECP256R1()))
    assert codes.judge(other, KEYS, NOON).reason is Reason.BAD_PHONE_SIGNATURE


def test_a_code_shown_at_new_year_is_of_that_moment() -> None:
    midnight = NOON.replace(month=12, day=31, hour=23, minute=59, second=50)
    wanted = want(valid_until=NOON + timedelta(days=60))
    shown = show(Format.UIC, write(Format.UIC, ticket(wanted, POINT)), midnight)
    assert codes.judge(shown, KEYS, midnight + timedelta(seconds=20)).reason is Reason.OK
    assert codes.judge(shown, KEYS, midnight + timedelta(days=5)).reason is Reason.SHOWN_TOO_LONG_AGO


def test_other_railways_read_validity_and_price() -> None:
    one = ticket(want(scope=Scope(agencies=("demo:A",), origin="Semur", destination="Dijon")))
    (pair,) = railway.read(write(Format.UIC, one)).tickets
    content = pair[1]["transportDocument"][0]["ticket"][1]
    assert (content["price"], content["vatDetail"][0]["amount"]) == (500, 45)
    assert (content["fromStationNameUTF8"], content["carrierIA5"]) == ("Semur", ["demo:A"])
    assert railway.read_period(pair[1]) == (NOON, NOON + timedelta(hours=15, minutes=1))


@pytest.mark.parametrize("text", ["", "MBG1:", "MBG1:A", "MBG1:::::", "nothing", "é", "{}", "MBG1:" + "0" * 3000])
def test_what_is_no_code_is_refused(text: str) -> None:
    assert codes.judge(text.encode(), KEYS, NOON).reason is Reason.MALFORMED


def test_text_and_bytes_of_a_code_say_the_same() -> None:
    data = write(Format.COMPACT, ticket(FULL))
    text = compact.write_text(data)
    assert compact.read_text(text) == data
    assert codes.judge(text.encode(), KEYS, NOON) == codes.judge(data, KEYS, NOON)


def test_keys_are_written_and_read() -> None:
    keys = [key(Use.UIC), key(Use.COMPACT, revoked_at=NOON)]
    assert list(read_set(write_set(keys)).keys) == keys


def test_a_key_set_of_anybody_is_read_and_restricts_nothing_it_does_not_say() -> None:
    plain = [
        {name: value for name, value in one.items() if not name.startswith("mobigo")}
        for one in write_set(KEYS.keys)["keys"]
    ]
    keys = read_set({"keys": plain})
    for format_ in Format:
        assert codes.judge(write(format_, ticket(want())), keys, NOON).reason is Reason.OK


@pytest.mark.parametrize("content", [None, [], {}, {"keys": 1}, {"keys": [{}]}, {"keys": [{"kty": "EC", "kid": "x"}]}])
def test_what_is_no_key_set_is_refused(content: object) -> None:
    with pytest.raises(InvalidInput, match="no key set"):
        read_set(content)


def test_a_barcode_without_signature_or_key_is_told_apart() -> None:
    level, signed = railway.prepare(
        claim(ticket(want())), railway.Sale(1, "EUR", 0), kid=1, issuer="1187", phone=None, shown_for=SHOWN_FOR
    )
    header = {"format": "U2", "level2SignedData": {"level1Data": level}}
    assert codes.judge(encode(find_layout("UicBarcodeHeader", 2), header), KEYS, NOON).reason is Reason.UNSIGNED
    del level["keyId"]
    unnamed = railway.write(level, sign_p256(ISSUER)(signed))
    verdict = codes.judge(unnamed, KEYS, NOON)
    assert (verdict.reason, verdict.fields["issuer"]) == (Reason.UNKNOWN_KEY, "1187")


def wrap(version: bytes, data: bytes, kid: bytes = b"00001") -> bytes:
    """Put ticket data into the older envelope."""
    body = b"U_HEAD01" + b"0020" + b"1187 abc" + b"U_FLEX" + version + b"%04d" % (12 + len(data)) + data
    packed = zlib.compress(body)
    halves = decode_dss_signature(sign_p256(ISSUER)(packed))
    signature = b"".join(half.to_bytes(32) for half in halves)
    return b"#UT02" + b"1187" + kid + signature + b"%04d" % len(packed) + packed


def test_tickets_in_the_older_envelope_are_read_and_judged() -> None:
    data = railway.write_ticket(claim(ticket(want())), railway.Sale(500, "EUR", 100), "1187")
    theirs = Keyring([key(Use.UIC, issuer="1187")])
    verdict = codes.judge(wrap(b"03", data), theirs, NOON)
    assert (verdict.reason, verdict.format) == (Reason.OK, "uic-ut")
    assert verdict.fields["records"] == ["U_HEAD", "U_FLEX"]
    assert codes.judge(wrap(b"03", data), theirs, NOON + timedelta(days=2)).reason is Reason.EXPIRED
    assert codes.judge(wrap(b"03", data), KEYS, NOON).reason is Reason.UNKNOWN_KEY
    assert codes.judge(wrap(b"03", data, b"TEST1"), theirs, NOON).reason is Reason.UNKNOWN_KEY
    broken = bytearray(wrap(b"03", data))
    broken[20] ^= 1
    assert codes.judge(bytes(broken), theirs, NOON).reason is Reason.BAD_SIGNATURE
    bomb = zlib.compress(bytes(10_000_000))[:3900]
    for wrong in (wrap(b"03", b"\xff"), wrap(b"03", data)[:-1], b"#UT02", b"#UT02" + b"1" * 73 + b"3900" + bomb):
        assert codes.judge(wrong, theirs, NOON).reason is Reason.MALFORMED


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(-30, 300) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, database=None)
@given(json_like)
def test_another_program_writes_the_same_cbor(value: object) -> None:
    data = cbor.dump(value)
    assert cbor2.dumps(value, canonical=True) == data or isinstance(value, dict | list)
    assert cbor2.loads(data) == value
    assert cbor.load(data) == value


@pytest.mark.parametrize(
    "text",
    ["", "1800", "190001", "5f", "c100", "f97e00", "81", "a2010201", "a202010102", "6180", "9bffffffffffffffff", "1c"],
)
def test_cbor_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        cbor.load(bytes.fromhex(text))


def test_claims_are_read_as_written_and_no_other_way() -> None:
    claims = claim(ticket(FULL, POINT))
    assert unpack(pack(claims)) == claims
    assert mark("demo:a") in claims.stops
    first_use = claim(ticket(want(valid_from=None, valid_until=None, span=timedelta(days=1))))
    assert unpack(pack(first_use)) == first_use


def fuzz(rounds: int) -> float:
    """Judge mutations of codes; return the longest time of the processor that one took."""
    dice = random.Random(7)
    seeds = [
        write(format_, ticket(wanted, phone))
        for format_ in Format
        for wanted in (want(), FULL)
        for phone in (None, POINT)
    ]
    seeds += [show(format_, write(format_, ticket(want(), POINT)), NOON) for format_ in Format]
    seeds += [compact.write_text(seeds[0]).encode(), railway.read(seeds[-2]).signed]
    bare = railway.write_ticket(claim(ticket(FULL)), railway.Sale(1, "EUR", 0), "1187")
    seeds += [bare, wrap(b"03", bare)]
    longest = 0.0
    for _ in range(rounds):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.choice((1, 1, 2, 5, 20))):
            at = dice.randrange(len(data)) if data else 0
            match dice.randrange(6):
                case 0 | 1 if data:
                    data[at] ^= 1 << dice.randrange(8)
                case 2 if data:
                    data[at] = dice.choice((0, 0x7F, 0x80, 0xFF, dice.randrange(256)))
                case 3:
                    data[at:at] = dice.randbytes(dice.randrange(1, 6))
                case 4:
                    del data[at : at + dice.randrange(1, 9)]
                case 5:
                    data[at:] = dice.randbytes(dice.randrange(0, 40))
        began = time.process_time()
        verdict = codes.judge(bytes(data), KEYS, NOON)
        longest = max(longest, time.process_time() - began)
        assert isinstance(verdict.reason, Reason)
        assert not verdict.valid or bytes(data) in seeds
    return longest


def test_no_mutation_raises_or_hangs() -> None:
    assert fuzz(FEW) < 5


@pytest.mark.slow
def test_of_a_million_mutations_none_raises_or_hangs() -> None:
    assert fuzz(MANY) < 5
