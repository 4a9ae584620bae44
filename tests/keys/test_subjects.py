"""Data keys of subjects: sealed under one each, destroyed for good, whole after any crash."""

import os
import random
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tallystick.errors import Corrupt, Misconfigured, PermanentError
from tallystick.keys.subjects import WRAPPED_BYTES, KeyDestroyed, SubjectKeys, new_blind

PLAIN = [(b"a value", b"its place"), (b"", b"another place")]


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[SubjectKeys]:
    """The keys in a new folder."""
    keys = SubjectKeys(tmp_path / "keys")
    yield keys
    keys.close()


def sealed(keys: SubjectKeys, subject: str = "S-1") -> list[tuple[bytes, bytes]]:
    """`PLAIN`, sealed, in the form that `open` takes."""
    data = keys.seal(subject, PLAIN)
    return [(each, place) for each, (_, place) in zip(data, PLAIN, strict=True)]


def wrapped(folder: Path) -> dict[str, bytes]:
    """The wrapped keys by subject, as the file has them."""
    with closing(apsw.Connection(str(folder / "keys" / "subjects.db"))) as connection:
        rows = connection.execute("SELECT subject, wrapped FROM subject_keys").fetchall()
        return {str(subject): bytes(data) for subject, data in rows}  # type: ignore[arg-type]


def test_what_is_sealed_opens_again(keys: SubjectKeys, tmp_path: Path) -> None:
    """Also in the next process; never twice to the same bytes; nothing is readable meanwhile."""
    first, second = sealed(keys), sealed(keys)
    again = SubjectKeys(tmp_path / "keys")

    assert again.open("S-1", first) == keys.open("S-1", second) == [b"a value", b""]
    assert first != second
    assert b"a value" not in first[0][0]
    again.close()


def test_a_value_opens_in_its_own_place_only(keys: SubjectKeys) -> None:
    """Not in another's place, not under another subject's key, not with a bit changed."""
    (one, place), (other, _) = sealed(keys)
    keys.seal("S-2", PLAIN)
    flipped = bytes([one[0] ^ 1]) + one[1:]

    for subject, data in (
        ("S-1", other),
        ("S-2", one),
        ("S-1", flipped),
        ("S-1", b""),
        ("S-3", one),
    ):
        with pytest.raises(Corrupt):
            keys.open(subject, [(data, place)])


def test_destroyed_is_destroyed(keys: SubjectKeys, tmp_path: Path) -> None:
    """Nothing opens, nothing more is sealed, in this process and the next; others are untouched."""
    mine, other = sealed(keys), sealed(keys, "S-2")
    keys.destroy(["S-1"], 8)
    again = SubjectKeys(tmp_path / "keys")

    for each in (keys, again):
        with pytest.raises(KeyDestroyed):
            each.open("S-1", mine)
        with pytest.raises(KeyDestroyed):
            each.seal("S-1", PLAIN)
        assert each.open("S-2", other) == [b"a value", b""]
        assert each.position == 8
    again.close()


def test_a_subject_that_never_had_a_key_can_be_destroyed(keys: SubjectKeys) -> None:
    """It gets none afterwards; and to destroy again changes nothing."""
    keys.destroy(["S-9", "S-9"], 1)
    keys.destroy(["S-9"], 2)

    with pytest.raises(KeyDestroyed):
        keys.seal("S-9", PLAIN)


def test_no_byte_of_a_destroyed_key_is_left_in_the_folder(
    keys: SubjectKeys, tmp_path: Path
) -> None:
    """Over pages that fill, split and are written again: no old copy in any slack, no journal."""
    chance = random.Random(7)  # noqa: S311  which subjects, not keys
    gone: dict[str, bytes] = {}
    for start in range(0, 400, 40):
        names = [f"S-{'x' * chance.randrange(50)}-{number}" for number in range(start, start + 40)]
        for name in names:
            keys.seal(name, PLAIN[:1])
        before = wrapped(tmp_path)
        picked = chance.sample(sorted(set(before) - set(gone)), 20)
        gone |= {name: before[name] for name in picked}
        keys.destroy(picked, start)
    left = b"".join(path.read_bytes() for path in (tmp_path / "keys").iterdir())

    assert len(gone) == 200
    assert [name for name, data in gone.items() if data in left or data[12:44] in left] == []
    assert {path.name for path in (tmp_path / "keys").iterdir()} == {"subjects.db", "subjects.key"}
    assert all(wrapped(tmp_path)[name] == bytes(WRAPPED_BYTES) for name in gone)


def test_only_the_owner_can_read_the_files(keys: SubjectKeys, tmp_path: Path) -> None:
    """0600 in a folder 0700, also while a transaction has a journal."""
    keys.seal("S-1", PLAIN)
    folder = tmp_path / "keys"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_data_keys_are_nothing_without_the_key_encryption_key(
    keys: SubjectKeys, tmp_path: Path
) -> None:
    """Another one is refused at once, a missing one is not replaced, a readable one not used."""
    keys.seal("S-1", PLAIN)
    path = tmp_path / "keys" / "subjects.key"
    other = SubjectKeys(tmp_path / "other")
    other.close()
    right = path.read_bytes()

    path.write_bytes((tmp_path / "other" / "subjects.key").read_bytes())
    with pytest.raises(Misconfigured, match="not the key"):
        SubjectKeys(tmp_path / "keys")
    path.unlink()
    with pytest.raises(Misconfigured, match="is missing"):
        SubjectKeys(tmp_path / "keys")
    assert not path.exists()
    path.write_bytes(right)
    path.chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        SubjectKeys(tmp_path / "keys")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"TALLYSTICK+SUBJECT+KEK+AAAA", b"A" * 44, b"no key\n"],
    ids=["empty", "binary", "short", "untyped", "text"],
)  # fmt: skip
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """With a sentence that names the file and shows nothing of it."""
    folder = tmp_path / "keys"
    folder.mkdir()
    descriptor = os.open(folder / "subjects.key", os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)

    with pytest.raises(Misconfigured, match=r"subjects\.key does not hold a key-encryption key\.$"):
        SubjectKeys(folder)


def test_damage_is_told(keys: SubjectKeys, tmp_path: Path) -> None:
    """A flipped bit of a wrapped key, a file that is no database, one of a newer version."""
    data = sealed(keys)
    path = tmp_path / "keys" / "subjects.db"
    changed = bytes([next(iter(wrapped(tmp_path).values()))[0] ^ 1])
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(
            "UPDATE subject_keys SET wrapped = CAST(? || substr(wrapped, 2) AS BLOB)", (changed,)
        )
        with pytest.raises(Corrupt, match="S-1 is damaged"):
            keys.open("S-1", data)
        connection.execute("PRAGMA user_version=2")
    with pytest.raises(PermanentError, match="newer Tallystick"):
        SubjectKeys(tmp_path / "keys")
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Corrupt):
        SubjectKeys(tmp_path / "keys")


def test_of_two_processes_one_makes_the_key(tmp_path: Path) -> None:
    """Both seal under the same key, also where both open the folder for the first time."""
    with ThreadPoolExecutor(4) as threads:
        processes = list(threads.map(lambda _: SubjectKeys(tmp_path / "keys"), range(4)))
        data = list(threads.map(sealed, processes))

    for process in processes:
        assert all(process.open("S-1", each) == [b"a value", b""] for each in data)
        process.close()


def test_blinds_are_random() -> None:
    """As long as asked, and never the same."""
    assert {len(new_blind(32)) for _ in range(100)} == {32}
    assert len({new_blind(32) for _ in range(100)}) == 100
