"""The bytes of an entry are a promise: golden vectors, and the one canonical form."""

import json
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.entries import (
    AccountOpened,
    Entry,
    Fill,
    KillSwitchSet,
    Kind,
    LimitsText,
    Order,
    OrderCancelled,
    OrderDecided,
    OrderFilled,
    Posting,
    QuoteSeen,
    Rejection,
    decode,
    encode,
)
from tallystick.ledger.merkle import leaf_hash
from tallystick.ledger.notices import Notice
from tallystick.ledger.verify.canonical import decode_canonical

AT = "2026-11-22T04:30:00.123456Z"
ORDER = Order(
    id="O-12",
    account="demo",
    client_order_id="c-1",
    pair="EUR/USD",
    side="buy",
    quantity="1000000.00",
    type="market",
    time_in_force="FOK",
    price=None,
    state="filled",
)
LIMIT = msgspec.structs.replace(ORDER, type="limit", time_in_force="GTC", price="1.08260")
QUOTE = QuoteSeen("1.08249", "1.08251", "2026-11-22T04:30:00.000000Z", "ecb-anchored (synthetic)")
FILL = Fill("F-12-1", "1.08251", "1000000.00", "1082510.00", "2026-11-25")
POSTINGS = (
    Posting("demo", "EUR", "1000000.00"),
    Posting("house", "EUR", "-1000000.00"),
    Posting("demo", "USD", "-1082510.00"),
    Posting("house", "USD", "1082510.00"),
)
KINDS = set(Kind.__args__) - set(Notice.__args__)
ENTRIES: dict[str, Entry] = {
    "order_decided": OrderDecided(
        AT, ORDER, "ab" * 32, key="c-1", fills=(FILL,), postings=POSTINGS, quote=QUOTE
    ),
    "order_decided, rejected": OrderDecided(
        AT,
        msgspec.structs.replace(ORDER, state="rejected"),
        "cd" * 32,
        rejection=Rejection("NO_PRICE", "There is no price for the pair."),
    ),
    "order_filled": OrderFilled(AT, LIMIT, (FILL,), POSTINGS, QUOTE),
    "order_cancelled": OrderCancelled(
        AT,
        msgspec.structs.replace(LIMIT, state="cancelled"),
        by="demo trader",
        reason="asked by the client",
    ),
    "account_opened": AccountOpened(
        AT, "demo", LimitsText("10000000", "100000000.00", 100, 1000, 3)
    ),
    "kill_switch_set": KillSwitchSet(AT, None, True, 'Zoë "Z"', "\N{EURO SIGN} spike\n"),
}
# Never to change: receipts that were given out hold these bytes and hashes.
# A new form of an entry gets a new `v` and vectors of its own.
GOLDEN: dict[str, tuple[str, str]] = {
    "order_decided": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","fills":[{"amount":"1082510.00",'
            '"id":"F-12-1","price":"1.08251","quantity":"1000000.00",'
            '"value_date":"2026-11-25"}],"key":"c-1","kind":"order_decided",'
            '"order":{"account":"demo","client_order_id":"c-1","id":"O-12","pair":"EUR/USD",'
            '"price":null,"quantity":"1000000.00","side":"buy","state":"filled",'
            '"time_in_force":"FOK","type":"market"},"postings":[{"account":"demo",'
            '"amount":"1000000.00","currency":"EUR"},{"account":"house",'
            '"amount":"-1000000.00","currency":"EUR"},{"account":"demo",'
            '"amount":"-1082510.00","currency":"USD"},{"account":"house",'
            '"amount":"1082510.00","currency":"USD"}],"quote":{"ask":"1.08251",'
            '"at":"2026-11-22T04:30:00.000000Z","bid":"1.08249",'
            '"source":"ecb-anchored (synthetic)"},"rejection":null,'
            '"request":"abababababababababababababababababababababababababababababababab",'
            '"v":1}'
        ),
        "ee5fbac7989a9099d14078cc2aee870e7d9e85b933bab02578b390faf768659d",
    ),
    "order_decided, rejected": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","fills":[],"key":null,'
            '"kind":"order_decided","order":{"account":"demo","client_order_id":"c-1",'
            '"id":"O-12","pair":"EUR/USD","price":null,"quantity":"1000000.00","side":"buy",'
            '"state":"rejected","time_in_force":"FOK","type":"market"},"postings":[],'
            '"quote":null,"rejection":{"code":"NO_PRICE",'
            '"reason":"There is no price for the pair."},'
            '"request":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",'
            '"v":1}'
        ),
        "875603cb3a403319eefc9d8de3aa864f82c8551e0e32ed29d8dcb9095f3fcd43",
    ),
    "order_filled": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","fills":[{"amount":"1082510.00",'
            '"id":"F-12-1","price":"1.08251","quantity":"1000000.00",'
            '"value_date":"2026-11-25"}],"kind":"order_filled","order":{"account":"demo",'
            '"client_order_id":"c-1","id":"O-12","pair":"EUR/USD","price":"1.08260",'
            '"quantity":"1000000.00","side":"buy","state":"filled","time_in_force":"GTC",'
            '"type":"limit"},"postings":[{"account":"demo","amount":"1000000.00",'
            '"currency":"EUR"},{"account":"house","amount":"-1000000.00",'
            '"currency":"EUR"},{"account":"demo","amount":"-1082510.00",'
            '"currency":"USD"},{"account":"house","amount":"1082510.00","currency":"USD"}],'
            '"quote":{"ask":"1.08251","at":"2026-11-22T04:30:00.000000Z","bid":"1.08249",'
            '"source":"ecb-anchored (synthetic)"},"v":1}'
        ),
        "7e1b8ecbe4bfbffad9e84a0f42240258e621c6be60a6597e285bd9ce578f1a92",
    ),
    "order_cancelled": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"demo trader",'
            '"kind":"order_cancelled","order":{"account":"demo","client_order_id":"c-1",'
            '"id":"O-12","pair":"EUR/USD","price":"1.08260","quantity":"1000000.00",'
            '"side":"buy","state":"cancelled","time_in_force":"GTC","type":"limit"},'
            '"reason":"asked by the client","v":1}'
        ),
        "339cd73eddbb6311bc99ae3829663dd66bd2de3598b78b10bc6f071946c38194",
    ),
    "account_opened": (
        (
            '{"account":"demo","at":"2026-11-22T04:30:00.123456Z","kind":"account_opened",'
            '"limits":{"collar_bps":100,"duplicate_window_ms":1000,"duplicates_max":3,'
            '"order_quantity_max":"10000000","position_usd_max":"100000000.00"},"v":1}'
        ),
        "696828aa7145bc6c61902926b19c22c37c93e3c04cb30b304e7a15b4b658398f",
    ),
    "kill_switch_set": (
        (
            '{"account":null,"active":true,"at":"2026-11-22T04:30:00.123456Z",'
            r'"by":"Zoë \"Z\"","kind":"kill_switch_set","reason":"€ spike\n","v":1}'
        ),
        "579e8f6eb8866f52321e240396e70706a6b5355a61ec24334d2085570fe5b6d2",
    ),
}
TEXT = st.text(max_size=30)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_vectors(name: str) -> None:
    """Each kind's exact bytes and RFC 6962 leaf hash, and the entry again from the bytes."""
    text, leaf = GOLDEN[name]

    assert encode(ENTRIES[name]) == text.encode()
    assert sha256(b"\x00" + text.encode()).hexdigest() == leaf
    assert leaf_hash(text.encode()).hex() == leaf
    assert decode(text.encode()) == ENTRIES[name]


def test_every_kind_has_a_golden_vector() -> None:
    """A new kind of entry needs its vector in this file; notices have theirs in tests/ledger."""
    kinds = {json.loads(text)["kind"] for text, _leaf in GOLDEN.values()}

    assert kinds == {kind.__struct_config__.tag for kind in KINDS}


def sorted_within(value: Any) -> bool:
    """Every object inside has its members in order."""
    if isinstance(value, list):
        return all(map(sorted_within, value))
    if isinstance(value, dict):
        return list(value) == sorted(value) and all(map(sorted_within, value.values()))
    return not isinstance(value, float)


@given(account=TEXT, by=TEXT, reason=TEXT, number=st.integers(0, 2**53))
def test_one_canonical_form(account: str, by: str, reason: str, number: int) -> None:
    """Whatever text comes: RFC 8785 (sorted, no white space, no floats), and it reads back."""
    limits = LimitsText(by, reason, number, number, number)
    order = msgspec.structs.replace(LIMIT, account=account, client_order_id=by)
    for entry in (
        KillSwitchSet(AT, account, True, by, reason),
        AccountOpened(AT, account, limits),
        OrderCancelled(AT, order, by, reason),
        OrderDecided(AT, order, by, rejection=Rejection("NO_PRICE", reason)),
    ):
        data = encode(entry)
        value = json.loads(data)

        assert decode(data) == entry
        assert sorted_within(value)
        assert value == decode_canonical(data)
        plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert data == plain.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"{}",
        b'{"kind":"order_renamed","v":1}',
        b'{"at":"x","kind":"kill_switch_set","v":1}',
        GOLDEN["kill_switch_set"][0].encode()[:-1],
        GOLDEN["account_opened"][0].replace("100,", "100.5,").encode(),
        GOLDEN["order_decided"][0].replace('"buy"', '"hold"').encode(),
    ],
)
def test_other_bytes_are_no_entry(data: bytes) -> None:
    """An unknown kind, a missing member, a float, a side that is none: not read as an entry."""
    with pytest.raises(msgspec.DecodeError):
        decode(data)
