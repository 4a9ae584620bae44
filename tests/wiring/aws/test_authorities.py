"""Whom a function believes to be the ledger's server: a real PostgreSQL with a CA of its own."""

import asyncio
import hashlib
import re
import shutil
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from aws_world import KEYRING, run_sql
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured, TemporaryError
from tallystick.ledger import Ledger, PostgresStore
from tallystick.ledger.storage.postgres.faults import explained
from tallystick.ledger.storage.postgres.session import PLAIN, Manners, open_session
from tallystick.wiring.aws.prepare import prepare
from tallystick.wiring.aws.runtime import manners_of
from tallystick.wiring.aws.settings import AwsSettings

HOST = "127.0.0.1"
DAY = timedelta(days=1)
RELOAD_SECONDS_MAX = 30.0
RDS = resources.files("tallystick.wiring.aws") / "authorities" / "rds.pem"


@dataclass
class Secure:
    """A server that speaks TLS, and the file of its authority."""

    cluster: Any
    authority: Path

    def address(self, host: str = HOST) -> str:
        """Of its database, under this name."""
        parts = urlsplit(self.cluster.dsn)
        login = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{login}@{host}:{parts.port}"))

    def settings(self, host: str = HOST, authorities: str | None = None) -> AwsSettings:
        """Of a function that comes straight to it and checks who it is."""
        return AwsSettings(
            ledger=self.address(host), ledger_login="address", ledger_pooled=False,
            ledger_authorities=authorities,
        )  # fmt: skip


@pytest.fixture
def secure(new_cluster: Callable[[], Any], tmp_path: Path) -> Secure:
    """A server whose certificate is for 127.0.0.1 alone, signed by an authority nobody knows."""
    cluster = new_cluster()
    authority = tmp_path / "authority.pem"
    key, certificate = certified(authority)
    for name, content in (("server.key", key), ("server.crt", certificate)):
        path: Path = cluster.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        if cluster._user:
            shutil.chown(path, cluster._user, cluster._user)
    cluster.start()
    run_sql(
        cluster.dsn,
        f"ALTER SYSTEM SET ssl_key_file = '{cluster.folder}/server.key'",
        f"ALTER SYSTEM SET ssl_cert_file = '{cluster.folder}/server.crt'",
        "ALTER SYSTEM SET ssl = on",
        "SELECT pg_reload_conf()",
    )
    deadline = time.monotonic() + RELOAD_SECONDS_MAX
    while asyncio.run(answered(cluster.dsn, "SHOW ssl")) != "on":
        assert time.monotonic() < deadline
    return Secure(cluster, authority)


async def answered(dsn: str, question: str, manners: Manners = PLAIN) -> str:
    """What the server answers in a session of its own."""
    session = await open_session(dsn, manners)
    try:
        return str(await session.fetchval(question))
    finally:
        await session.close()


def certified(authority: Path) -> tuple[bytes, bytes]:
    """A server's key and certificate; the authority's own certificate goes into the file."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of our own")])
    now = datetime.now(UTC)

    def certificate(name: x509.Name, public: ec.EllipticCurvePublicKey, *, ca: bool) -> Any:
        basic = x509.BasicConstraints(ca=ca, path_length=None)
        return (
            x509.CertificateBuilder(root, name, public, x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(basic, critical=True)
        )

    itself = certificate(root, root_key.public_key(), ca=True).sign(root_key, hashes.SHA256())
    authority.write_bytes(itself.public_bytes(Encoding.PEM))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    signed = (
        certificate(name, key.public_key(), ca=False)
        .add_extension(names, critical=False)
        .add_extension(usage, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, signed.public_bytes(Encoding.PEM)


def test_the_named_authority_vouches_and_no_other_does(secure: Secure) -> None:
    """With it the session is encrypted; without it, with RDS', or under another name there is none.

    `localhost` leads to the same server, which has no certificate for that name.
    """

    def cipher(settings: AwsSettings) -> str:
        question = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        return asyncio.run(answered(settings.ledger, question, manners_of(settings)))

    named = str(secure.authority)
    assert cipher(secure.settings(authorities=named)).startswith("TLSv1.")
    for refused, said in (
        (secure.settings(), "unable to get local issuer certificate"),
        (secure.settings(authorities="rds"), "unable to get local issuer certificate"),
        (secure.settings("localhost", named), "Hostname mismatch.*'localhost'"),
    ):
        with pytest.raises(Misconfigured, match=f"not who it should be: .*{said}") as caught:
            cipher(refused)
        password = urlsplit(secure.address()).password
        assert password
        assert password not in f"{caught.value} {caught.value.__cause__!r}"


def test_a_server_in_the_clear_is_refused(cluster: Any) -> None:
    """Nobody falls back to a session without TLS, or tries for ever: not a store, at its start."""
    cluster.start()
    settings = AwsSettings(ledger=cluster.dsn, ledger_login="address", ledger_pooled=False)
    with pytest.raises(Misconfigured, match="speaks no TLS"):
        PostgresStore(settings.ledger, SystemClock(), manners_of(settings))


def test_a_schema_is_prepared_over_tls(secure: Secure) -> None:
    """As the deployment does it: schema, role, grants; then the role finds its ledger, over TLS."""
    environment = {
        "TALLYSTICK_LEDGER": secure.address(), "TALLYSTICK_LEDGER_LOGIN": "address",
        "TALLYSTICK_LEDGER_POOLED": "false", "TALLYSTICK_LEDGER_AUTHORITIES": str(secure.authority),
    }  # fmt: skip
    clock = SystemClock()
    with pytest.raises(Misconfigured, match="not who it should be"):
        prepare(environment | {"TALLYSTICK_LEDGER_AUTHORITIES": "rds"}, clock)
    for _ in range(2):
        prepare(environment, clock, schema="ledger", role="trader", password="word")
    dsn = f"postgresql://trader:word@{HOST}:{secure.cluster.port}/postgres"
    manners = manners_of(secure.settings(authorities=str(secure.authority)))
    with closing(PostgresStore(dsn, clock, manners)) as store:
        assert Ledger(store, KEYRING).size == 0


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("ledger.cluster-c1.eu-west-1.rds.amazonaws.com", True),
        ("ledger.proxy-c1.eu-south-2.rds.amazonaws.com", True),
        ("ledger.example.com", True),  # the handshake tells
        ("ledger.cluster-c1.us-east-1.rds.amazonaws.com", False),
        ("ledger.cluster-c1.us-gov-west-1.rds.amazonaws.com", False),
    ],
)
def test_a_region_without_roots_is_said_before_it_is_tried(name: str, known: bool) -> None:
    """And how to go on: a certificate nobody knows would be said without a remedy."""
    settings = AwsSettings(ledger=f"postgresql://owner@{name}/x", ledger_login="address",
                           ledger_authorities="rds")  # fmt: skip
    if known:
        assert manners_of(settings).tls is not None
        return
    with pytest.raises(Misconfigured, match=r"roots of us-.* are not here.* name that file"):
        manners_of(settings)


def test_a_handshake_that_fails_is_said() -> None:
    """What is wrong with TLS itself may pass; it is not said to be out of reach."""
    error = explained(ssl.SSLError(1, "TLSV1_ALERT_PROTOCOL_VERSION"))
    assert isinstance(error, TemporaryError)
    assert "TLS" in str(error)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_authorities_that_cannot_be_read_are_said(tmp_path: Path, content: str | None) -> None:
    """A file that is not there, or holds none."""
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Misconfigured, match="TALLYSTICK_LEDGER_AUTHORITIES"):
        manners_of(AwsSettings(ledger="postgresql://host/x", ledger_authorities=str(path)))


def test_shipped_roots_are_those_that_their_note_names() -> None:
    """Three kinds of key for each of eight regions; each is the one of its fingerprint, and a root.

    They are loaded beside the system's authorities, in a context of the ledger's alone.
    """
    text = RDS.read_text()
    form = r"RDS (eu-\S+) Root CA (\S+) G1, until (\S+)\nSHA-256 (\S+)\n(-----BEGIN[^-]+-----[^-]+-----END[^-]+-----)"  # noqa: E501
    found = re.findall(form, text)
    assert len(found) == text.count("BEGIN CERTIFICATE") == 24
    for region, kind, until, fingerprint, pem in found:
        der = ssl.PEM_cert_to_DER_cert(pem)
        assert hashlib.sha256(der).hexdigest().upper() == fingerprint.replace(":", "")
        root = x509.load_pem_x509_certificate(pem.encode())
        root.verify_directly_issued_by(root)
        (name,) = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert name.value == f"Amazon RDS {region} Root CA {kind} G1"
        assert root.not_valid_after_utc.date().isoformat() == until > "2060"
    context = manners_of(AwsSettings(ledger_authorities="rds", ledger_login="address")).tls
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    plain = ssl.create_default_context()
    assert len(context.get_ca_certs()) == len(plain.get_ca_certs()) + 24
