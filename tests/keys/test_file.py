"""A key in a file: nobody else reads it, it is whole or absent, and other tools know its form."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Misconfigured
from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import (
    Checkpoint,
    VerifierKey,
    decode_base64,
    note_text,
    sign_checkpoint,
    signature_line,
)
from tallystick.ledger.merkle import EMPTY_ROOT

SEED = bytes(range(32))

# transparency-dev/tessera testdata/build_log.sh: a published key, and what it signed.
TESSERA_KEY = (
    "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
)
TESSERA_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
TESSERA_SIGNED = {
    0: (
        base64.b64encode(EMPTY_ROOT).decode(),
        "M9e0lhxJACzE1KoUdqKuPa+9p6R7dSW8BlEvrg/noo8FkGg6PbJoRNOcdjqjOq89wVvTA60eubCc4oufo5BvIVEgtQc=",
    ),
    3: (
        "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=",
        "M9e0lvAQRtH832pk2RTbeSeZMkp4FZSdJYFBUjO5SKxuRbywPUF3cx+HUrb50kjd3rUWW/fj53Wj1dwcwh9bGQnqVAg=",
    ),
    15: (
        "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=",
        "M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=",
    ),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the key is kept; the folder is not there yet."""
    return tmp_path / "keys" / "ledger.key"


def open_key(path: Path, seed: bytes = SEED) -> FileKeyring:
    """The key in the file, or a new one of this seed."""
    return FileKeyring.open(path, default_name="ledger.example/test", seed=seed)


def test_a_new_key_is_kept_and_found_again(path: Path) -> None:
    """The first seed stays; later ones are not even looked at."""
    first = open_key(path)
    again = open_key(path, seed=b"\xff" * 32)
    assert (again.name, again.public_key) == ("ledger.example/test", first.public_key)
    assert again.sign(b"message") == first.sign(b"message")
    Ed25519PublicKey.from_public_bytes(first.public_key).verify(again.sign(b"message"), b"message")


def test_only_the_owner_can_read_a_new_key(path: Path) -> None:
    """File 0600 in a folder 0700, and nothing else is left in the folder."""
    open_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644, 0o777])
def test_a_key_that_others_could_touch_is_refused(path: Path, mode: int) -> None:
    """With the command that mends it, and without reading the key."""
    open_key(path)
    path.chmod(mode)
    with pytest.raises(Misconfigured, match=f"chmod 600 {path}"):
        open_key(path)


def test_the_file_holds_the_form_that_go_reads(path: Path) -> None:
    """`PRIVATE+KEY+<name>+<id>+<base64>`, one line; white space around it is ignored."""
    key = open_key(path)
    line = path.read_text()
    vkey = VerifierKey.of(key.name, key.public_key)
    seed = base64.b64encode(b"\x01" + SEED).decode()
    assert line == f"PRIVATE+KEY+ledger.example/test+{vkey.key_id.hex()}+{seed}\n"
    assert FileKeyring.parse(f"  {line}\n").public_key == key.public_key


def test_the_published_test_key_signs_the_published_checkpoints() -> None:
    """Vector A: the key parses, has the published verifier key, and signs byte for byte."""
    key = FileKeyring.parse(TESSERA_KEY)
    vkey = VerifierKey.of(key.name, key.public_key)
    assert str(vkey) == TESSERA_VKEY
    for size, (root, signature) in TESSERA_SIGNED.items():
        head = Checkpoint(key.name, size, decode_base64(root))
        note = sign_checkpoint(head, name=key.name, key_id=vkey.key_id, sign=key.sign)
        body = f"example.com/log/testdata\n{size}\n{root}\n"
        assert note == f"{body}\n\N{EM DASH} example.com/log/testdata {signature}\n"


def test_go_s_own_example_key_signs_its_own_example() -> None:
    """Vector D: the key of sumdb/note's documentation signs the text of its documentation."""
    key = FileKeyring.parse(
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    )
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    line = signature_line(key.name, bytes.fromhex("c74f20a3"), key.sign(text.encode()))
    assert note_text(text, [line]) == (
        f"{text}\n\N{EM DASH} PeterNeumann "
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJ"
        "nAM=\n"
    )


def test_the_id_must_be_that_of_name_and_seed() -> None:
    """Another id, or the right one under another name, means that the line was damaged."""
    for line in (
        TESSERA_KEY.replace("33d7b496", "33d7b497"),
        TESSERA_KEY.replace("33d7b496", "33D7B496"),
        TESSERA_KEY.replace("testdata", "testdatb"),
        TESSERA_KEY.replace("Aeym", "Aeyn"),
    ):
        with pytest.raises(Misconfigured, match="id does not belong to its name and seed"):
            FileKeyring.parse(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "PRIVATE+KEY+",
        TESSERA_VKEY,
        TESSERA_KEY.removeprefix("PRIVATE+KEY+"),
        TESSERA_KEY[:-4],
        TESSERA_KEY + "AAAA",
        TESSERA_KEY.replace("+Aeym", "+Beym"),
        TESSERA_KEY.replace("example.com/log/testdata", ""),
        TESSERA_KEY[:-1] + "é",
    ],
)
def test_what_is_no_private_key_is_refused(line: str) -> None:
    """Truncated, of another algorithm, public, or nothing like it."""
    with pytest.raises(Misconfigured):
        FileKeyring.parse(line)


@given(text=st.text() | st.text().map(lambda text: f"PRIVATE+KEY+a+00000000+{text}"))
def test_any_text_is_refused_with_a_sentence(text: str) -> None:
    """Nothing but `Misconfigured` comes of reading a wrong file."""
    with pytest.raises(Misconfigured):
        FileKeyring.parse(text)


def test_a_file_of_other_bytes_is_refused(path: Path) -> None:
    """It is named, and left as it is."""
    open_key(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Misconfigured, match=r"ledger\.key is not a text file"):
        open_key(path)
    assert path.read_bytes() == b"\xff\xfe\x00"


def test_of_many_first_starts_one_key_remains(path: Path) -> None:
    """A key that is there is never replaced, however close the race; all sign with the same."""
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda number: open_key(path, bytes([number]) * 32), range(8)))
    assert {key.public_key for key in keys} == {open_key(path).public_key}
    assert list(path.parent.iterdir()) == [path]
