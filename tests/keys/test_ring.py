"""The key ring: several keys of one name sign while they are rotated; none is lost on the way."""

import stat
from pathlib import Path

import pytest

from tallystick.errors import Misconfigured, Refused
from tallystick.keys import KeyRing
from tallystick.keys.ring import KEYS_MAX

NAME = "ledger.example/test"


def ring_in(folder: Path) -> KeyRing:
    """The ring, as the next process would open it."""
    return KeyRing(folder / "keys", default_name=NAME)


def test_the_first_key_is_made_and_found_again(tmp_path: Path) -> None:
    """One key signs at first, and the same one ever after."""
    first = ring_in(tmp_path)

    assert [s.vkey for s in first.signers] == [s.vkey for s in ring_in(tmp_path).signers]
    assert (first.name, len(first.signers), first.retired) == (NAME, 1, [])


def test_after_a_rotation_both_keys_sign(tmp_path: Path) -> None:
    """The newest comes first; both have the log's name, and the file stays its owner's."""
    ring = ring_in(tmp_path)
    old = ring.signers[0].vkey
    ring.rotate()
    again = ring_in(tmp_path)

    assert [s.vkey for s in again.signers] == [s.vkey for s in ring.signers]
    assert again.signers[1].vkey == old != again.signers[0].vkey
    assert {s.name for s in again.signers} == {NAME}
    assert stat.S_IMODE((tmp_path / "keys" / "ledger.key").stat().st_mode) == 0o600


def test_a_retired_key_leaves_its_public_half(tmp_path: Path) -> None:
    """Its private half is in no file any more; what it signed can still be checked."""
    ring = ring_in(tmp_path)
    old = ring.signers[0]
    ring.rotate()
    ring.retire(old.vkey)
    again = ring_in(tmp_path)

    assert again.retired == [old.vkey]
    assert old.vkey not in [s.vkey for s in again.signers]
    files = [path.read_text() for path in (tmp_path / "keys").iterdir()]
    assert not [text for text in files if old.line in text]


def test_the_last_key_stays(tmp_path: Path) -> None:
    """A ledger that nobody can sign is of no use."""
    ring = ring_in(tmp_path)
    with pytest.raises(Refused) as refused:
        ring.retire(ring.signers[0].vkey)
    assert refused.value.code == "LAST_KEY"


def test_an_unknown_key_cannot_be_retired(tmp_path: Path) -> None:
    """And a retired one is unknown."""
    ring = ring_in(tmp_path)
    with pytest.raises(Refused) as refused:
        ring.retire("ledger.example/test+00000000+AAAA")
    assert refused.value.code == "UNKNOWN_KEY"


def test_keys_are_bounded(tmp_path: Path) -> None:
    """Each is a line in every checkpoint."""
    ring = ring_in(tmp_path)
    for _ in range(KEYS_MAX - 1):
        ring.rotate()
    with pytest.raises(Refused) as refused:
        ring.rotate()
    assert refused.value.code == "KEYS_TOO_MANY"


def test_keys_of_two_logs_are_a_mistake(tmp_path: Path) -> None:
    """A file put together by hand must not make one log sign as another."""
    KeyRing(tmp_path / "other", default_name="ledger.example/other")
    ring_in(tmp_path)
    path = tmp_path / "keys" / "ledger.key"
    path.write_text(path.read_text() + (tmp_path / "other" / "ledger.key").read_text())
    with pytest.raises(Misconfigured, match="several logs"):
        ring_in(tmp_path)
