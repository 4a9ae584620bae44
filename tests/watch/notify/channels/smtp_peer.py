"""A real SMTP server on loopback (aiosmtpd) with STARTTLS, certificates made here, and moods."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HANG_SECONDS_MAX = 60
USER, PASSWORD = "alerts", "password-of-the-mailbox"


class Authority:
    """A certificate authority of one test run."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the test")])
        self._folder = folder
        made = self._signed(self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        made = made.add_extension(usage, critical=True)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(_pem(made.sign(self._key, hashes.SHA256())))

    def server_context(self, address: str = "127.0.0.1") -> ssl.SSLContext:
        """For a server with a certificate for this address."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.test")])
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        made = self._signed(name, key.public_key()).add_extension(alternative, critical=False)
        made = made.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        made = made.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
            critical=False,
        )
        plain = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = self._folder / f"{address}.pem"
        path.write_bytes(plain + _pem(made.sign(self._key, hashes.SHA256())))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path)
        return context

    def _signed(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass
class Letter:
    """What arrived: the envelope, and the bytes between DATA and the dot."""

    sender: str
    to: list[str]
    content: bytes
    tls: bool


@dataclass
class SmtpPeer:
    """The server's moods as of `peers.HttpPeer`, and its mailbox."""

    ca_file: Path
    port: int = 0
    plan: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    taken: list[Letter] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    came: int = 0
    kind = "email"
    says_when = False
    refuses = True

    def options(self) -> dict[str, object]:
        """What a target's table says."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": USER,
            "password": {"env": "PASSWORD"},
            "sender": "Tallystick <alerts@fx.example>",
            "to": "desk@fx.example",
            "ca_file": str(self.ca_file),
        }

    def secrets(self) -> dict[str, str]:
        """What the environment holds."""
        return {"PASSWORD": PASSWORD}

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """AUTH, by whichever mechanism."""
        assert mechanism in {"PLAIN", "LOGIN"}
        known = LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=data == known, handled=False)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        """Take it, or behave as told."""
        self.came += 1
        way = self.plan.popleft() if self.plan else "fine"
        if way == "hang":
            await asyncio.to_thread(self.released.wait, HANG_SECONDS_MAX)
        if way in {"drop", "hang"}:
            server.transport.abort()
        said = f"{PASSWORD} {session.host_name}"
        answers = {
            "busy": f"451 4.7.1 Greylisted {said}",
            "broken": f"452 4.3.1 No space {said}",
            "refusal": f"550 5.7.1 Refused {said}",
        }
        if way in answers:
            return answers[way]
        content = envelope.content
        assert isinstance(content, bytes)
        secure = session.ssl is not None
        to = [str(each) for each in envelope.rcpt_tos]
        if way == "fine":
            self.taken.append(Letter(str(envelope.mail_from), to, content, secure))
        return "250 2.0.0 Taken"


@contextlib.contextmanager
def serving(peer: SmtpPeer, context: ssl.SSLContext | None, *, implicit: bool = False) -> Any:
    """Serve it in a thread of its own, on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    peer.port = listener.getsockname()[1]
    loop = asyncio.new_event_loop()

    sessions: list[SMTP] = []

    def session() -> SMTP:
        made = SMTP(
            peer,
            hostname="mx.test",
            ident="Test",
            tls_context=None if implicit else context,
            require_starttls=context is not None and not implicit,
            authenticator=peer.authenticate,
            auth_require_tls=not implicit,
            loop=loop,
        )
        sessions.append(made)
        return made

    made = loop.create_server(session, sock=listener, ssl=context if implicit else None)
    server = loop.run_until_complete(made)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield peer
    finally:
        peer.released.set()
        asyncio.run_coroutine_threadsafe(_ended(server, sessions), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended(server: asyncio.Server, sessions: list[SMTP]) -> None:
    """Close what is open, and let every session end."""
    server.close()
    for session in sessions:
        if session.transport is not None:
            session.transport.abort()
    for _ in range(5):
        await asyncio.sleep(0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
