"""A connection goes to a checked address, but the certificate must be the name's."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.downloads.server import ok, serving

from mobigo.downloads import Patience, connect, fetch
from mobigo.kit.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HASTE = Patience(connect=30, read=30, attempts=2, pause=0.01)


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A server's side of TLS for feeds.example, which we trust; every name is found at 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "feeds.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("feeds.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    connect._ssl_context.cache_clear()
    look_up = socket.getaddrinfo

    def found_here(host: str, *rest: object, **options: object) -> object:
        return look_up("127.0.0.1" if host.endswith(".example") else host, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", found_here)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    yield context
    connect._ssl_context.cache_clear()


def test_the_certificate_of_the_name_is_accepted_at_the_address(tls: ssl.SSLContext, tmp_path: Path) -> None:
    with serving(ok(b"feed"), tls=tls) as server:
        url = server.url().replace("http://127.0.0.1", "https://feeds.example")
        to = fetch(url, tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=1000, patience=HASTE)
        assert to.read_bytes() == b"feed"
        assert server.requests[0].headers["host"].startswith("feeds.example:")


def test_the_certificate_of_another_name_is_not(tls: ssl.SSLContext, tmp_path: Path) -> None:
    with serving(ok(b"feed"), tls=tls) as server:
        url = server.url().replace("http://127.0.0.1", "https://other.example")
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            fetch(url, tmp_path / "feed.zip", allow_hosts=[server.pair], max_bytes=1000, patience=HASTE)
        assert server.requests == []
