"""The gate: it never turns away what would match, and turns away what cannot."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.stream.rules import compile_pattern, entry_event, read_pattern, shipped_rules
from tallystick.stream.rules.gate import Gate


def entry(**members: Any) -> bytes:
    """Canonical bytes, as the ledger has them."""
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def order(quantity: str, state: str = "filled", kind: str = "order_decided") -> bytes:
    """An entry of an order."""
    return entry(
        at="2026-11-22T04:08:16.123456Z",
        kind=kind,
        order={"account": "demo", "quantity": quantity, "state": state, "id": "O-1"},
        v=1,
    )


def test_an_order_that_no_shipped_rule_is_about_is_not_read() -> None:
    """Neither a small order nor an account that is opened is decoded."""
    gate = Gate(rule.pattern for rule in shipped_rules() if rule.pattern is not None)
    assert not gate.lets(order("9999999"))
    assert not gate.lets(order("10000000", state="rejected"))
    assert not gate.lets(entry(kind="account_opened", account="demo", v=1))
    assert not gate.lets(b"raw bytes of a load test")
    assert gate.lets(order("10000000"))
    assert gate.lets(order("25000000.00", kind="order_filled"))
    assert gate.lets(entry(kind="trading_state_set", state="halted", scope="all", v=1))


def test_a_document_with_a_kind_of_its_own_does_not_hide_the_entry() -> None:
    """An imported document may hold anything, also a member called kind."""
    gate = Gate([read_pattern('{"detail-type": ["Qldb Revision"]}')])
    assert gate.lets(entry(data={"kind": "car"}, kind="qldb_revision"))
    assert gate.lets(entry(kind="qldb_revision", z={"kind": "car"}))


def test_many_conditions_of_a_kind_are_not_searched_one_by_one() -> None:
    """Then reading the entry once is cheaper."""
    gate = Gate(
        compile_pattern({"detail-type": ["Order Decided"], "detail": {"a": [f"{number}"]}})
        for number in range(50)
    )
    assert gate.lets(order("1"))
    assert not gate.lets(order("1", kind="order_filled"))


@pytest.mark.parametrize(
    "pattern",
    [
        '{"source": ["tallystick.logs"]}',
        '{"source": ["tallystick.logs"], "detail-type": [{"prefix": "Order"}]}',
        '{"detail-type": ["order decided"]}',
    ],
)
def test_what_no_entry_can_be_lets_nothing_through(pattern: str) -> None:
    """A rule about log lines costs the ledger's entries nothing."""
    assert not Gate([read_pattern(pattern)]).lets(order("99999999999"))


NAMES = st.sampled_from(["a", "quantity", "state", "kind", "b.quantity"])
VALUES = st.one_of(
    st.sampled_from(
        ["x", "filled", "order_decided", 'q"ü', "12345678", "9.5", 12_345_678, 3, None]
    ),
    st.lists(st.sampled_from(["x", "12345678", 5]), max_size=2),
)
ENTRIES = st.builds(
    lambda kind, top, inner: {**top, "kind": kind, "order": inner},
    st.sampled_from(["order_decided", "order_filled", "x"]),
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.dictionaries(NAMES, VALUES, max_size=3),
)
LEAVES = st.lists(
    st.one_of(
        st.sampled_from(["x", "filled", 'q"ü', "12345678", 3, None, {"exists": False}]),
        st.sampled_from([{"numeric": [">=", 1_000_000]}, {"numeric": [">", 9, "<", 1e9]},
                         {"numeric": ["<", 5]}, {"prefix": "1"}, {"anything-but": "x"}]),
    ),
    min_size=1,
    max_size=2,
)  # fmt: skip
DETAILS = st.dictionaries(NAMES, LEAVES, min_size=1, max_size=2)
PATTERNS = st.builds(
    lambda kinds, detail, inner: {
        **({"detail-type": kinds} if kinds else {}),
        "detail": {**detail, "order": inner},
    },
    st.lists(st.sampled_from(["Order Decided", "Order Filled"]), max_size=2),
    DETAILS,
    DETAILS,
)


@settings(max_examples=500, deadline=None)
@given(pattern=PATTERNS, members=ENTRIES)
def test_what_would_match_is_let_through(pattern: dict[str, Any], members: dict[str, Any]) -> None:
    """Whatever the pattern and the entry, the gate loses nothing."""
    compiled = compile_pattern(pattern, decimals=True)
    body = entry(**members)
    event = entry_event(7, body, "ledger.example/test")
    assert event is not None
    if compiled.matches(event.members):
        assert Gate([compiled]).lets(body)
