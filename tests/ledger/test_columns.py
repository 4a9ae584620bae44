"""What an entry says of itself, whatever its bytes are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.ledger.columns import NOTHING, Columns, columns_of

ORDER = {"account": "demo", "pair": "EUR/USD", "id": "O-1"}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"at": "t", "kind": "k", "order": ORDER}, Columns("t", "k", "demo", "EUR/USD")),
        ({"at": "t", "kind": "k", "account": "a"}, Columns("t", "k", "a")),
        ({"kind": "k", "account": None}, Columns(None, "k")),
        ({"account": "a", "order": {"pair": "p"}}, Columns(None, None, "a", "p")),
        ({"account": "a", "order": ORDER}, Columns(None, None, "demo", "EUR/USD")),
        ({}, NOTHING),
        ({"kind": 7, "at": "t"}, NOTHING),
        ({"kind": "k", "order": "none"}, NOTHING),
        (["kind"], NOTHING),
        ("text", NOTHING),
    ],
    ids=["order", "account", "nobody", "both", "order-first", "empty", "number", "text-order",
         "array", "string"],
)  # fmt: skip
def test_columns(entry: object, said: Columns) -> None:
    """The order's account and pair, else the entry's own; nothing where a member is no string."""
    assert columns_of(json.dumps(entry).encode()) == said


@given(st.binary())
def test_any_bytes_have_columns(entry: bytes) -> None:
    """No entry can stop a fold or an export."""
    assert isinstance(columns_of(entry), Columns)


@pytest.mark.parametrize("entry", [b"", b"{", b'{"kind": "\xff"}', b"\x00", b"{} {}"], ids=repr)
def test_bytes_that_are_no_object_say_nothing(entry: bytes) -> None:
    """Neither broken JSON nor broken text."""
    assert columns_of(entry) == NOTHING
