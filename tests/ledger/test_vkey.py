"""Verifier keys: their types, their spelling, and what each of them verifies."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.keys import FileKeyring
from tallystick.ledger.vkey import (
    TIME_MAX,
    SignatureType,
    VerifierKey,
    cosigned_message,
    decode_hash,
    is_key_name,
    key_id_of,
    time_of,
)

SIGNER = FileKeyring("Wit1", b"\x07" * 32)
WITNESS = VerifierKey.of("Wit1", SIGNER.public_key, SignatureType.COSIGNATURE)
# Tessera's test key of a witness, vector G of the reference.
WIT1 = "Wit1+9b3fb2d5+BFhZSmQj9+SoL+p/nN0Hh76xXmF7QcHfytUrI1XfSClk"


def line_of(signature_type: int, public_key: bytes) -> str:
    """A verifier key line with a key of any type."""
    key_id = key_id_of("k", public_key, signature_type)  # type: ignore[arg-type]  # any byte
    encoded = base64.b64encode(bytes([signature_type]) + public_key).decode()
    return f"k+{key_id.hex()}+{encoded}"


def test_the_key_of_a_published_witness_reads_back() -> None:
    """A cosignature key is read with its type and printed without change (G)."""
    key = VerifierKey.parse(WIT1)
    assert key.signature_type is SignatureType.COSIGNATURE
    assert key.key_id.hex() == "9b3fb2d5"
    assert str(key) == WIT1


@given(
    name=st.text(min_size=1, max_size=20).filter(is_key_name),
    public_key=st.binary(min_size=32, max_size=32),
    signature_type=st.sampled_from([SignatureType.ED25519, SignatureType.COSIGNATURE]),
)
def test_every_key_reads_back(name: str, public_key: bytes, signature_type: SignatureType) -> None:
    """Name, bytes and type survive their line; the two types never share an id by construction."""
    key = VerifierKey.of(name, public_key, signature_type)
    assert VerifierKey.parse(str(key)) == key


def test_one_public_key_is_two_keys() -> None:
    """As a log's and as a witness's key it has two ids, and neither takes the other's signature."""
    text = b"log\n1\nroot\n"
    log = VerifierKey.of("Wit1", SIGNER.public_key)
    cosignature = (9).to_bytes(8) + SIGNER.sign(cosigned_message(9, text))
    assert log.key_id != WITNESS.key_id
    assert WITNESS.verify(text, cosignature)
    assert log.verify(text, SIGNER.sign(text))
    assert not log.verify(text, cosignature)
    assert not WITNESS.verify(text, SIGNER.sign(text))


def test_a_cosignature_binds_its_time() -> None:
    """Another time in front of the same signature does not verify, nor one that cannot be."""
    text = b"log\n1\nroot\n"
    signature = SIGNER.sign(cosigned_message(1_735_689_600, text))
    assert WITNESS.verify(text, (1_735_689_600).to_bytes(8) + signature)
    assert not WITNESS.verify(text, (1_735_689_601).to_bytes(8) + signature)
    beyond = (TIME_MAX + 1).to_bytes(8) + SIGNER.sign(cosigned_message(TIME_MAX + 1, text))
    assert not WITNESS.verify(text, beyond)
    assert time_of(beyond) == TIME_MAX + 1


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 71, 73, 2_428])
def test_a_cosignature_of_another_length_does_not_verify(length: int) -> None:
    """However long or short the bytes are, the answer is no and never an error."""
    assert not WITNESS.verify(b"log\n1\nroot\n", b"\x01" * length)


@pytest.mark.parametrize(
    ("signature_type", "length", "reason"),
    [
        (0x02, 65, "ECDSA key, which is not supported"),
        (0x05, 32, "RFC 6962 log, which is not supported"),
        (0x06, 1_312, "ML-DSA-44 key, which is not supported yet"),
        (0x03, 32, "not an Ed25519 verifier key"),
        (0xFF, 32, "not an Ed25519 verifier key"),
        (0x04, 31, "has 32 bytes"),
        (0x04, 33, "has 32 bytes"),
    ],
)
def test_keys_of_other_types_are_refused_by_name(
    signature_type: int, length: int, reason: str
) -> None:
    """Who pins such a key is told what it is, and that nothing was verified with it."""
    with pytest.raises(Refused, match=reason) as refused:
        VerifierKey.parse(line_of(signature_type, b"\x05" * length))
    assert refused.value.code == "BAD_VKEY"


@pytest.mark.parametrize("name", ["", "a b", "a\u00a0b", "a+b", "a\nb", "a\x00b", "\udcff"])
def test_what_cannot_name_a_key(name: str) -> None:
    """Spaces of any kind, plus signs, control characters and half characters are no names."""
    with pytest.raises(Refused):
        VerifierKey.of(name, SIGNER.public_key)


@given(st.binary(min_size=32, max_size=32))
def test_a_hash_has_one_spelling(data: bytes) -> None:
    """32 bytes come back from their base64."""
    assert decode_hash(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (base64.b64encode(bytes(31)).decode(), "^not 32 bytes long$"),
        (base64.b64encode(bytes(33)).decode(), "^not 32 bytes long$"),
        ("", "^not 32 bytes long$"),
        ("not base64!", "^not base64$"),
        ("A" * 42 + "B=", "spelling that is not canonical"),
        (base64.b64encode(bytes(32)).decode() + "\n", "^not base64$"),
    ],
)
def test_what_is_no_hash(text: str, reason: str) -> None:
    """The reason fits behind 'it is': every caller says what was to be a hash."""
    with pytest.raises(ValueError, match=reason):
        decode_hash(text)
