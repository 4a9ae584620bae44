"""The door of execution: exact numbers or a refusal that names the member and the rule."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.execution import OrderRequest, PlaceOrder, check_key, parse_request
from tallystick.fx import PAIRS, pair
from tallystick.limits import KEY_CHARACTERS_MAX
from tallystick.money import DECIMAL_CHARACTERS_MAX

ODD_NUMBERS = [
    "",
    " ",
    "0",
    "0.00",
    "-0",
    "-1",
    "+1",
    "1e6",
    "1E6",
    "inf",
    "-Infinity",
    "NaN",
    "0x10",
    "1_000",
    "1,000",
    "1.",
    ".5",
    "01",
    "1 000",
    " 1",
    "1\n",
    "١٢٣",
    "\N{FULLWIDTH DIGIT ONE}0",
    "1" * (DECIMAL_CHARACTERS_MAX + 1),
]


def request_of(words: Any, **members: Any) -> OrderRequest:
    """The parsed order."""
    request: OrderRequest = words.request(**members)
    return request


@pytest.mark.parametrize("symbol", PAIRS)
def test_numbers_are_units_of_the_pair(words: Any, symbol: str) -> None:
    """Quantities count minor units of the base, prices count points; the words come back whole."""
    traded = pair(symbol)

    request = request_of(words, pair=symbol, quantity="12", price="3")

    assert request.pair is traded
    assert request.quantity == 12 * 10**traded.base_digits
    assert request.price == 3 * 10**traded.price_digits
    assert Decimal(request.quantity_text) == 12
    assert request.price_text is not None
    assert len(request.price_text.partition(".")[2]) == traded.price_digits


@pytest.mark.parametrize("symbol", PAIRS)
def test_over_precise_numbers_are_refused(
    words: Any, refused: Callable[..., str], symbol: str
) -> None:
    """One digit beyond the currency's or the pair's is refused, never rounded."""
    traded = pair(symbol)
    quantity = f"1.{'0' * traded.base_digits}1"
    price = f"1.{'0' * traded.price_digits}1"

    for members in ({"quantity": quantity}, {"quantity": "1", "price": price}):
        assert refused(lambda m=members: request_of(words, pair=symbol, **m)) == (
            "AMOUNT_TOO_PRECISE"
        )


def test_the_yen_has_no_minor_unit(words: Any) -> None:
    """No pair is quoted in yen first; the yen's amounts and prices still have its digits."""
    traded = pair("USD/JPY")
    assert (traded.base_digits, traded.quote_digits, traded.price_digits) == (2, 0, 3)
    assert request_of(words, pair="USD/JPY", price="150.123").price == 150_123
    assert not [each for each in PAIRS.values() if each.base == "JPY"]


@pytest.mark.parametrize(
    ("symbol", "said"),
    [("USD/EUR", "EUR/USD"), ("EURUSD", "EUR/USD"), ("eur/usd", "EUR/USD"), ("XAU/USD", "not a")],
)
def test_unknown_pairs_are_refused(words: Any, symbol: str, said: str) -> None:
    """The sentence says how the market quotes it, where it does."""
    with pytest.raises(Refused, match=said) as caught:
        request_of(words, pair=symbol)

    assert (caught.value.code, caught.value.field) == ("UNKNOWN_PAIR", "pair")


@pytest.mark.parametrize("text", ODD_NUMBERS)
@pytest.mark.parametrize("field", ["quantity", "price"])
def test_odd_numbers_are_refused(words: Any, field: str, text: str) -> None:
    """Zero, negative, exponents, infinities, foreign digits: a code, a sentence, the member."""
    with pytest.raises(Refused) as caught:
        request_of(words, **{"price": "1.08", field: text})

    assert caught.value.code in {"AMOUNT_MALFORMED", "AMOUNT_NOT_POSITIVE"}
    assert caught.value.field == field
    assert field in str(caught.value)


ANY_TEXT = st.text(max_size=40) | st.sampled_from(ODD_NUMBERS)
NUMBERISH = ANY_TEXT | st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,9})?", fullmatch=True)


ORDERS = st.builds(
    PlaceOrder,
    client_order_id=ANY_TEXT | st.just("c-1"),
    account=ANY_TEXT,
    pair=ANY_TEXT | st.sampled_from(sorted(PAIRS)),
    side=st.sampled_from(["buy", "sell"]),
    quantity=NUMBERISH,
    type=st.sampled_from(["market", "limit"]),
    time_in_force=st.sampled_from([None, "GTC", "IOC", "FOK"]),
    price=st.none() | NUMBERISH,
)
MEMBERS = {"client_order_id", "pair", "quantity", "price", "time_in_force"}


def taken(order: PlaceOrder) -> OrderRequest | Refused:
    """The parsed order, or why not."""
    try:
        return parse_request(order)
    except Refused as refusal:
        return refusal


@given(ORDERS)
@example(PlaceOrder("c-1", "demo", "EUR/USD", "buy", "9" * 24, "limit", None, "9" * 24))
def test_whatever_comes_is_an_exact_order_or_refused(order: PlaceOrder) -> None:
    """No text can do more than be refused; what is taken is the same number, above zero."""
    request = taken(order)

    if isinstance(request, Refused):
        assert request.code.isupper()
        assert request.field in MEMBERS
        return
    assert request.quantity > 0
    assert Decimal(request.quantity_text) == Decimal(order.quantity)
    assert (request.price is None) == (order.type == "market")
    if order.price is not None:
        assert Decimal(request.price_text or "") == Decimal(order.price)
    assert len(request.digest) == 64


@pytest.mark.parametrize(
    ("members", "code", "field"),
    [
        ({"price": "1.08", "type": "market"}, "PRICE_NOT_ALLOWED", "price"),
        ({"type": "limit"}, "PRICE_REQUIRED", "price"),
        ({"time_in_force": "GTC"}, "TIME_IN_FORCE_NOT_ALLOWED", "time_in_force"),
        ({"client_order_id": ""}, "BAD_KEY", "client_order_id"),
    ],
)
def test_members_that_do_not_fit_together(
    words: Any, members: dict[str, str], code: str, field: str
) -> None:
    """A market order names no price and cannot rest; a limit order names one."""
    with pytest.raises(Refused) as caught:
        request_of(words, **members)

    assert (caught.value.code, caught.value.field) == (code, field)


def test_time_in_force_defaults(words: Any) -> None:
    """Market orders are FOK unless they say IOC, limit orders GTC unless they say otherwise."""
    assert request_of(words).time_in_force == "FOK"
    assert request_of(words, time_in_force="IOC").time_in_force == "IOC"
    assert request_of(words, price="1.08").time_in_force == "GTC"
    assert request_of(words, price="1.08", time_in_force="IOC").time_in_force == "IOC"


@given(st.text(max_size=KEY_CHARACTERS_MAX + 2))
@example("k" * KEY_CHARACTERS_MAX)
@example("k" * (KEY_CHARACTERS_MAX + 1))
@example("a b")
@example("a\n")
@example("a\x7f")
@example("é")
def test_keys_are_printable_ascii_without_spaces(key: str) -> None:
    """1 to 64 characters from `!` to `~`, and nothing else."""
    good = 0 < len(key) <= KEY_CHARACTERS_MAX and all("!" <= letter <= "~" for letter in key)

    if good:
        check_key(key, "Idempotency-Key")
    else:
        with pytest.raises(Refused, match="Idempotency-Key") as caught:
            check_key(key, "Idempotency-Key")
        assert caught.value.code == "BAD_KEY"


def test_the_digest_is_of_the_meaning(words: Any) -> None:
    """Other spellings of one order have one digest; leaving out a default is a spelling."""
    spelt = [
        {"quantity": "1000000", "price": "1.08250"},
        {"quantity": "1000000.0", "price": "1.0825"},
        {"quantity": "1000000.00", "price": "1.082500"},
        {"quantity": "1000000.00", "price": "1.0825", "time_in_force": "GTC"},
    ]

    assert len({request_of(words, **members).digest for members in spelt}) == 1


def test_another_order_has_another_digest(words: Any) -> None:
    """Whatever member differs, the digest does."""
    orders: list[dict[str, str]] = [
        {"price": "1.08"},
        {"price": "1.08001"},
        {"price": "1.08", "client_order_id": "c-2"},
        {"price": "1.08", "account": "other"},
        {"price": "1.08", "pair": "GBP/USD"},
        {"price": "1.08", "side": "sell"},
        {"price": "1.08", "quantity": "1000000.01"},
        {"price": "1.08", "time_in_force": "IOC"},
        {"price": "1.08", "time_in_force": "FOK"},
        {},
        {"time_in_force": "IOC"},
    ]

    assert len({request_of(words, **members).digest for members in orders}) == len(orders)
