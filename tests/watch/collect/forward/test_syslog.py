"""Syslog as a destination: the bytes of RFC 5424, over TLS and UDP too."""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured, TemporaryError
from tallystick.watch.collect.forward import Numbered
from tallystick.watch.collect.forward.syslog import Syslog, SyslogSettings, message

Numbers = Callable[..., list[Numbered]]
SETTINGS = SyslogSettings("s", "127.0.0.1", 1, "tcp")


def test_the_form_of_a_message(numbered: Numbers) -> None:
    """Priority, time, names, structured data, and the sentence behind a byte order mark."""
    line = numbered(7, 1, body="Größe ist 5", severity_text="ERROR", **{"host.name": "api 1"})[0]

    assert (
        message(line, SETTINGS)
        == (
            "<131>1 2026-11-22T04:00:00.123456Z api_1 tallystick - api.request_answered "
            '[tallystick@32473 log.seq="7" severity_text="ERROR" event_name="api.request_answered" '
            'service.name="tallystick" number="7" host.name="api 1"] \ufeffGröße ist 5'
        ).encode()
    )


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        ("2026-11-22T04:00:00.123456789Z", "2026-11-22T04:00:00.123456Z"),
        ("2026-11-22T04:00:00Z", "2026-11-22T04:00:00Z"),
        ("yesterday", "-"),
    ],
)
def test_times(stamp: str, told: str, numbered: Numbers) -> None:
    """At most microseconds (section 6.2.3); nothing rather than something wrong."""
    said = message(numbered(1, 1, timestamp=stamp)[0], SETTINGS)

    assert said.split(b" ")[1] == told.encode()


def test_values_are_escaped(numbered: Numbers) -> None:
    """Quotes, brackets and backslashes (section 6.3.3)."""
    said = message(numbered(1, 1, odd='a"b]c\\d')[0], SETTINGS)

    assert rb'odd="a\"b\]c\\d"' in said


def test_over_udp_each_message_is_a_datagram(numbered: Numbers) -> None:
    """RFC 5426: no counts, one message each."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        settings = SyslogSettings("s", "127.0.0.1", server.getsockname()[1], "udp")

        async def story() -> None:
            syslog = Syslog(settings, SystemClock())
            assert await syslog.send(numbered(1, 3)) == 0
            await syslog.close()

        asyncio.run(story())
        told = [server.recv(65_535) for _ in range(3)]

    assert [re.search(rb'log\.seq="(\d)"', each)[1] for each in told] == [b"1", b"2", b"3"]  # type: ignore[index]


def test_over_tls_the_peer_is_verified(tmp_path: Path, numbered: Numbers) -> None:
    """RFC 5425: a certificate that is trusted by `ca_file`; any other is refused."""
    certificate, key = _certificate(tmp_path)
    received: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()

    async def story() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        stranger = Syslog(SyslogSettings("s", "127.0.0.1", port), SystemClock())
        with pytest.raises(TemporaryError, match=r"cannot be reached \(SSLCert"):
            await stranger.send(numbered(1, 1))
        friend = Syslog(
            SyslogSettings("s", "127.0.0.1", port, ca_file=str(certificate)), SystemClock()
        )
        await friend.send(numbered(2, 1))
        await friend.close()
        async with asyncio.timeout(20):
            while not received:  # noqa: ASYNC110  the kernel's buffers are between
                await asyncio.sleep(0.01)
        server.close()
        await server.wait_closed()

    asyncio.run(story())
    assert b'log.seq="2"' in received[-1]


def test_a_facility_that_is_none() -> None:
    """0 to 23 (section 6.2.1)."""
    with pytest.raises(Misconfigured, match="0 to 23"):
        Syslog(SyslogSettings("s", "127.0.0.1", 1, "tcp", facility=24), SystemClock())


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths
