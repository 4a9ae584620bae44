"""The text of a tlog-proof: one spelling, read back as it was written."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Corrupt
from tallystick.ledger.checkpoint import SIZE_MAX
from tallystick.ledger.proof import (
    PROOF_HASHES_MAX,
    PROOF_HEADER,
    Proof,
    encode_proof,
    is_proof,
    parse_proof,
)

CHECKPOINT = "example.com/log\n9\nroot\n\n— example.com/log AAAAAAA=\n"
ONE, TWO = bytes(32), bytes(range(32))
TEXT = f"""\
{PROOF_HEADER}
extra b25l
index 5
{base64.b64encode(ONE).decode()}
{base64.b64encode(TWO).decode()}

{CHECKPOINT}"""


def test_the_form_of_the_standard() -> None:
    """Header, extra, index, hashes, an empty line, the checkpoint verbatim (C2SP tlog-proof)."""
    proof = Proof(5, (ONE, TWO), CHECKPOINT, b"one")
    assert encode_proof(proof) == TEXT
    assert parse_proof(TEXT) == parse_proof(TEXT.encode()) == proof
    assert is_proof(TEXT.encode())
    assert not is_proof(CHECKPOINT.encode())


def test_the_shortest_proof() -> None:
    """The only entry of a tree has no path; no extra data is no extra line, empty data is one."""
    bare = f"{PROOF_HEADER}\nindex 0\n\n{CHECKPOINT}"
    assert encode_proof(Proof(0, (), CHECKPOINT)) == bare
    assert parse_proof(bare).extra is None
    assert parse_proof(bare.replace("index", "extra \nindex")).extra == b""


@given(
    index=st.integers(0, SIZE_MAX),
    hashes=st.lists(st.binary(min_size=32, max_size=32), max_size=PROOF_HASHES_MAX),
    extra=st.none() | st.binary(max_size=100),
    checkpoint=st.text(st.characters(codec="utf-8"), max_size=100),
)
def test_what_is_written_is_read(
    index: int, hashes: list[bytes], extra: bytes | None, checkpoint: str
) -> None:
    """Any proof is read back, whatever its checkpoint looks like."""
    proof = Proof(index, tuple(hashes), checkpoint, extra)
    assert parse_proof(encode_proof(proof)) == proof
    assert parse_proof(encode_proof(proof).encode()) == proof


@given(data=st.binary(max_size=80), at=st.integers(0, len(TEXT)), cut=st.integers(0, 40))
def test_what_is_read_is_written_the_same(data: bytes, at: int, cut: int) -> None:
    """There is one spelling: any text that is accepted is what would be written of its value."""
    text = TEXT.encode()
    edited = text[:at] + data + text[at + cut :]
    try:
        proof = parse_proof(edited)
    except Corrupt:
        return
    assert encode_proof(proof).encode() == edited


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("@v1", "@v2", "first line"),
        (PROOF_HEADER, f" {PROOF_HEADER}", "first line"),
        ("extra b25l\n", "extra b25l\nextra b25l\n", "index line"),
        ("extra b25l", "extra b25l ", "extra line is not base64"),
        ("extra b25l", "extra", "index line"),
        ("extra b25l", "extra b25m=", "extra line is base64 in"),
        ("index 5", "index 05", "plain decimal"),
        ("index 5", "index -5", "plain decimal"),
        ("index 5", "index  5", "plain decimal"),
        ("index 5", "index \u0665", "plain decimal"),
        ("index 5", f"index {SIZE_MAX + 1}", "at most"),
        ("index 5", "index " + "9" * 5_000, "plain decimal"),
        ("index 5", "5", "index line"),
        ("AAAA=\n", "AAAA=\r\n", "not base64"),
        ("AAAA=\n", "AAA=\n", "not base64|32 bytes"),
        ("AAAA=\n", "AAAB=\n", "canonical"),
        ("\n\nexample", "\nexample", "base64"),
    ],
)
def test_another_spelling_is_refused(old: str, new: str, reason: str) -> None:
    """Each with a sentence that says what is wrong."""
    with pytest.raises(Corrupt, match=reason):
        parse_proof(TEXT.replace(old, new, 1))


@pytest.mark.parametrize("data", [b"", b"\xff", b"{}", PROOF_HEADER.encode()])
def test_what_is_no_proof(data: bytes) -> None:
    """Other files, and what is cut off."""
    with pytest.raises(Corrupt):
        parse_proof(data)


def test_a_proof_is_cut_off_or_endless() -> None:
    """No checkpoint at all, and more hashes than any tree has levels."""
    with pytest.raises(Corrupt, match="no empty line"):
        parse_proof(TEXT.partition("\n\n")[0])
    with pytest.raises(Corrupt, match="at most 63"):
        parse_proof(encode_proof(Proof(0, (ONE,) * 64, CHECKPOINT)))
