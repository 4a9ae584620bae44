"""Commitments: canonical bytes, hiding, binding, and the same in plain Python."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.ledger.personal.commitment import Opened, canonical_field, commit, opens

NAMES = st.from_regex(r"\A[a-z][a-z0-9_]{0,63}\Z")
VALUES = st.text(st.characters(exclude_categories=["Cs"]))
BLINDS = st.binary(min_size=32, max_size=32)


def test_the_published_form() -> None:
    """A vector that must never change: every commitment ever made depends on it."""
    blind = bytes(range(32))

    assert canonical_field("name", 'Zoë "Z" 😀\n') == (
        '{"field":"name","v":1,"value":"Zoë \\"Z\\" 😀\\n"}'.encode()
    )
    assert commit(blind, "name", "Jane Doe").hex() == (
        hmac.new(blind, b'{"field":"name","v":1,"value":"Jane Doe"}', "sha256").hexdigest()
    )
    assert commit(blind, "name", "Jane Doe").hex() == VECTOR


VECTOR = "81d5d1ba8c8b469307da61e89563fc47869b932d5d5d3f0e325835f39163a57f"


@given(field=NAMES, value=VALUES)
def test_plain_python_makes_the_same_bytes(field: str, value: str) -> None:
    """`json.dumps` with sorted keys and no white space: nobody needs our encoder."""
    members = {"field": field, "v": 1, "value": value}
    plain = json.dumps(members, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    assert canonical_field(field, value) == plain.encode()


@given(one=st.tuples(NAMES, VALUES), other=st.tuples(NAMES, VALUES))
def test_canonical_bytes_are_injective(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Two fields have the same bytes only if name and value are the same, normalised nowhere."""
    assert (canonical_field(*one) == canonical_field(*other)) == (one == other)


@given(blind=BLINDS, field=NAMES, value=VALUES)
def test_only_what_was_committed_to_opens(blind: bytes, field: str, value: str) -> None:
    """Not another blind, field or value, and no blind of another length."""
    commitment = commit(blind, field, value).hex()
    other = bytes([blind[0] ^ 1]) + blind[1:]

    assert opens(commitment, field, Opened(value, blind))
    assert not opens(commitment, field, Opened(value, other))
    assert not opens(commitment, field, Opened(value + " ", blind))
    assert not opens(commitment, field + "_", Opened(value, blind))
    assert not opens(commitment, field, Opened(value, blind + b"\x00"))
    assert not opens("é" + commitment[1:], field, Opened(value, blind))


@given(blinds=st.lists(BLINDS, min_size=2, max_size=2, unique=True), field=NAMES, value=VALUES)
def test_the_same_value_cannot_be_linked(blinds: list[bytes], field: str, value: str) -> None:
    """Under another blind the commitment is another, and a bare hash of the value is neither."""
    first, second = (commit(blind, field, value) for blind in blinds)

    assert first != second
    assert hashlib.sha256(canonical_field(field, value)).digest() not in {first, second}


def test_half_a_character_is_no_value() -> None:
    """A surrogate alone is refused where bytes are made."""
    with pytest.raises(UnicodeEncodeError):
        canonical_field("name", "\ud800")
