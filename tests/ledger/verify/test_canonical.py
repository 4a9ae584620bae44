"""Canonical JSON has one spelling a value, and strict JSON one meaning a text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.ledger.verify.canonical import decode_canonical, decode_strict

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(value=VALUES)
def test_the_canonical_spelling_is_read(value: Any) -> None:
    """Sorted, without white space, in UTF-8: read as the value; indented it is refused."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert decode_canonical(text.encode()) == value
    assert decode_strict(text.encode()) == value
    with pytest.raises(ValueError, match="canonical"):
        decode_canonical(text.encode() + b" ")


@pytest.mark.parametrize("text", [b"1.0", b"1e3", b"[1.5]", b"NaN", b"-Infinity", b"\xff", b"{"])
def test_what_neither_reads(text: bytes) -> None:
    """Floats and what is no JSON are refused by both."""
    with pytest.raises(ValueError, match=r".+"):
        decode_canonical(text)
    with pytest.raises(ValueError, match=r".+"):
        decode_strict(text)


@pytest.mark.parametrize("text", [b'{"a":1,"a":1}', b'[{"b":{"a":1,"a":2}}]'])
def test_no_member_stands_twice(text: bytes) -> None:
    """Readers differ in which of two equal members they see, so neither text is read."""
    with pytest.raises(ValueError, match="twice"):
        decode_strict(text)
    with pytest.raises(ValueError, match="canonical"):
        decode_canonical(text)


@pytest.mark.parametrize("text", [b"[" * 200_000, b'{"a":' * 200_000, b"9" * 10_000])
def test_no_depth_or_length_makes_it_fall_over(text: bytes) -> None:
    """Deep nesting and endless numbers end in a sentence."""
    with pytest.raises(ValueError, match=r".+"):
        decode_canonical(text)
    with pytest.raises(ValueError, match=r".+"):
        decode_strict(text)
