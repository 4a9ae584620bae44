"""What is said of the machine: only what can be read, and what alarms are made of."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.wiring.machine import Machine

NOW = 1_800_000_000


def _pem(ends: datetime) -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fx.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - timedelta(days=90))
        .not_valid_after(ends)
        .sign(key, None)
    )
    return made.public_bytes(Encoding.PEM)


def _said(machine: Machine) -> dict[tuple[str, str], float]:
    return {(g.name, "".join(g.labels.values())): g.value for g in machine.gauges()}


def test_everything_that_is_there_is_said(tmp_path: Path) -> None:
    """A disk, a certificate, a backup and the market; a new certificate is seen."""
    moment = datetime.fromtimestamp(NOW, UTC)
    pem, mark = tmp_path / "fx.pem", tmp_path / "mark"
    pem.write_bytes(_pem(moment + timedelta(days=10)))
    mark.touch()
    os.utime(mark, (NOW - 7_200, NOW - 7_200))
    clock = ManualClock(NOW * NS_PER_SECOND)
    machine = Machine(clock, {"data": tmp_path}, [pem], mark, lambda at_ns: at_ns > 0)
    said = _said(machine)
    assert 0 < said["tallystick_disk_free_share", "data"] <= 1
    assert said["tallystick_certificate_left_seconds", "fx.pem"] == 864_000
    assert said["tallystick_backup_age_seconds", ""] == 7_200
    assert said["tallystick_market_open", ""] == 1
    pem.write_bytes(_pem(moment - timedelta(days=1)))
    os.utime(pem, (NOW, NOW))
    assert _said(machine)["tallystick_certificate_left_seconds", "fx.pem"] == -86_400


@pytest.mark.parametrize("there", [True, False])
def test_what_cannot_be_read_is_not_said(tmp_path: Path, there: bool) -> None:
    """A file that is no certificate, or none at all: no number, and no crash."""
    pem = tmp_path / "fx.pem"
    if there:
        pem.write_text("no certificate")
    nowhere = tmp_path / "nowhere"
    machine = Machine(ManualClock(), {"x": nowhere}, [pem], nowhere, lambda _: False)
    assert _said(machine) == {("tallystick_market_open", ""): 0}
