"""Bodies of requests and answers: there and back, and nothing else is taken for one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.ledger.checkpoint import NoteError, signature_line
from tallystick.ledger.witness.protocol import (
    PROOF_HASHES_MAX,
    REQUEST_BYTES_MAX,
    AddCheckpoint,
    encode_cosignatures,
    encode_request,
    encode_size,
    parse_cosignatures,
    parse_request,
    parse_size,
)

HASH = base64.b64encode(b"\x2a" * 32).decode()
NOTE = f"log\n1\n{HASH}\n\n— log AAAAAAA=\n"
SIZES = st.integers(min_value=0, max_value=2**64 - 1)


@given(
    old=SIZES,
    proof=st.lists(st.binary(min_size=32, max_size=32), max_size=PROOF_HASHES_MAX),
    note=st.sampled_from([NOTE, NOTE * 2, "any text\n\nat all", "", "\n"]),
)
def test_every_request_reads_back(old: int, proof: list[bytes], note: str) -> None:
    """Old size, proof and note come out of the body as they went in."""
    request = AddCheckpoint(old, tuple(proof), note)
    assert parse_request(encode_request(request)) == request


def test_the_example_of_the_specification() -> None:
    """A request has the lines of tlog-witness, in their order and no others."""
    request = AddCheckpoint(20852014, (b"\x2a" * 32,), NOTE)
    assert encode_request(request) == f"old 20852014\n{HASH}\n\n{NOTE}".encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "an old size, a proof"),
        (b"old 1\n", "an old size, a proof"),
        (f"old 1\n{NOTE}".encode(), "A hash of the proof"),
        (f"\nold 1\n\n{NOTE}".encode(), "an old size, a proof"),
        (f"Old 1\n\n{NOTE}".encode(), "an old size, a proof"),
        (f"old  1\n\n{NOTE}".encode(), "plain decimal"),
        (f"old -1\n\n{NOTE}".encode(), "plain decimal"),
        (f"old 01\n\n{NOTE}".encode(), "plain decimal"),
        (f"old 1 \n\n{NOTE}".encode(), "plain decimal"),
        (f"old \u0661\n\n{NOTE}".encode(), "plain decimal"),
        (f"old {2**64}\n\n{NOTE}".encode(), "plain decimal"),
        (f"old {'9' * 5_000}\n\n{NOTE}".encode(), "plain decimal"),
        (f"old 1\r\n\r\n{NOTE}".encode(), "plain decimal"),
        (f"old 1\n{HASH[:-1]}\n\n{NOTE}".encode(), "not base64"),
        (f"old 1\n{HASH[:-2]}B=\n\n{NOTE}".encode(), "not canonical"),
        (f"old 1\n{HASH} \n\n{NOTE}".encode(), "not base64"),
        (f"old 1\nAAAA\n\n{NOTE}".encode(), "not 32 bytes"),
        (("old 1\n" + f"{HASH}\n" * 64 + "\n" + NOTE).encode(), "at most 63 hashes"),
        (b"old 1\n\n\xff", "UTF-8"),
        (b"old 1\n\n" + b"a" * REQUEST_BYTES_MAX, "at most 131072 bytes"),
    ],
    ids=range(20),
)
def test_other_bodies_are_no_request(body: bytes, reason: str) -> None:
    """Each rule of the format refuses the body that breaks it, and says which."""
    with pytest.raises(NoteError, match=reason):
        parse_request(body)


@given(size=SIZES)
def test_every_size_reads_back(size: int) -> None:
    """The size in a 409 comes out as it went in."""
    assert parse_size(encode_size(size).encode()) == size


@pytest.mark.parametrize("body", [b"", b"\n", b"5", b"05\n", b"5\n\n", b"+5\n", b"\xff\n", b"5 \n"])
def test_other_bodies_are_no_size(body: bytes) -> None:
    """A size is one plain decimal line; a client must not guess at anything else."""
    with pytest.raises(NoteError):
        parse_size(body)


@given(
    signatures=st.lists(st.binary(min_size=5, max_size=2_432), min_size=1, max_size=4),
)
def test_every_answer_reads_back(signatures: list[bytes]) -> None:
    """Signature lines come out of a 200 as they went in, whatever their length."""
    lines = [signature_line("w.example", data[:4], data[4:]) for data in signatures]
    found = list(parse_cosignatures(encode_cosignatures(lines).encode()))
    assert [line.key_id + line.signature for line in found] == signatures


@pytest.mark.parametrize("body", [b"", b"\n", b"ok\n", b"\xff\n", "— w AAAAAAA=".encode()])
def test_other_bodies_are_no_cosignatures(body: bytes) -> None:
    """An answer is signature lines with their newlines; anything else is an error."""
    with pytest.raises(NoteError):
        list(parse_cosignatures(body))
