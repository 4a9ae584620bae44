"""Money: exact in, exact out, rounded in one place only; `decimal` is the oracle."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.money import (
    DECIMAL_CHARACTERS_MAX,
    Price,
    Quantity,
    divide_half_up,
    format_decimal,
    parse_decimal,
    quote_amount,
)

DIGITS = st.integers(0, 8)
UNITS = st.integers(-(10**15), 10**15)
PLAIN = st.from_regex(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,10})?", fullmatch=True)


@given(UNITS, DIGITS)
@example(-5, 2)
@example(0, 0)
def test_what_is_formatted_is_parsed_back(value: int, digits: int) -> None:
    """Every amount survives the way to the wire and back."""
    assert parse_decimal(format_decimal(value, digits), digits) == value


@given(UNITS, DIGITS)
def test_the_text_is_the_value(value: int, digits: int) -> None:
    """The decimal library reads the same number, with exactly the digits of the currency."""
    text = format_decimal(value, digits)

    assert Decimal(text) == Decimal(value).scaleb(-digits)
    assert -int(Decimal(text).as_tuple().exponent) == digits


@given(PLAIN, DIGITS)
@example("1.500", 2)
@example("-0", 2)
@example("-0.5", 2)
@example("0.000", 0)
def test_a_plain_decimal_is_exact_or_refused_as_too_precise(text: str, digits: int) -> None:
    """It is the oracle's number when that is whole in the unit, and refused when it is not."""
    scaled = Decimal(text).scaleb(digits)

    if scaled == scaled.to_integral_value():
        assert parse_decimal(text, digits) == int(scaled)
    else:
        with pytest.raises(Refused) as caught:
            parse_decimal(text, digits)
        assert caught.value.code == "AMOUNT_TOO_PRECISE"


@given(UNITS, st.integers(1, 8), st.integers(1, 9))
def test_over_precision_is_never_rounded(value: int, digits: int, extra: int) -> None:
    """One digit that is not zero beyond the currency's last is enough to be refused."""
    assume(value % 10**digits)
    text = format_decimal(value, digits)

    with pytest.raises(Refused, match=r"is too precise: no decimal places are allowed\."):
        parse_decimal(text, 0)
    with pytest.raises(Refused, match=r"is too precise"):
        parse_decimal(format_decimal(extra, digits + 1), digits)


@given(st.text(max_size=30))
@example("")
@example("1e6")
@example("+1")
@example("01")
@example("1.")
@example(".5")
@example("1,000")
@example("1 000")
@example("1_000")
@example("NaN")
@example("Infinity")
@example("0x10")
@example("--1")
@example("1\n")
@example("\u0661")
@example("1.\u0662")
def test_anything_else_is_refused_as_malformed(text: str) -> None:
    """No exponent, sign, separator, white space or foreign digit slips through."""
    value: int | None
    try:
        value = parse_decimal(text, 2)
    except Refused as refused:
        code, value = refused.code, None
    else:
        code = "READ"

    assert code in {"READ", "AMOUNT_MALFORMED", "AMOUNT_TOO_PRECISE"}
    if value is not None:
        assert set(text) <= set("-.0123456789")
        assert Decimal(text).scaleb(2) == value


def test_a_number_has_a_longest_form() -> None:
    """The longest number is read; one character more is refused before it is looked at."""
    assert parse_decimal("9" * DECIMAL_CHARACTERS_MAX, 0) == 10**DECIMAL_CHARACTERS_MAX - 1
    with pytest.raises(Refused, match="at most 24 characters, this has 25"):
        parse_decimal("9" * (DECIMAL_CHARACTERS_MAX + 1), 0)


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**15))
@example(1, 2)
@example(-1, 2)
@example(5, 10)
@example(-5, 10)
@example(4, 10)
@example(-6, 10)
def test_a_half_goes_away_from_zero(numerator: int, denominator: int) -> None:
    """The nearest integer, ties away from zero: ROUND_HALF_UP of the decimal library."""
    doubled, rest = divmod(2 * abs(numerator), denominator)
    expected = (doubled + 1) // 2
    assert divide_half_up(numerator, denominator) == (expected if numerator >= 0 else -expected)
    assert 0 <= rest < denominator

    with localcontext() as context:
        context.prec = 80
        tenths = Decimal(numerator).scaleb(-1)
        oracle = int(tenths.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    assert divide_half_up(numerator, 10) == oracle


@given(
    st.integers(-(10**14), 10**14),
    st.integers(1, 10**9),
    st.integers(0, 4),
    st.integers(0, 7),
    st.integers(0, 4),
)
@example(100, 5, 2, 1, 2)  # 1.00 at 0.5 is 0.50: nothing to round
@example(1, 5, 2, 1, 2)  # 0.01 at 0.5 is half a cent: up
@example(-1, 5, 2, 1, 2)  # and minus half a cent: down
@example(100, 150_125, 2, 3, 0)  # EUR/JPY: yen have no minor unit
@example(7, 3, 0, 0, 3)  # a quote currency with more digits than the product
def test_the_contra_amount_is_rounded_once_and_half_up(
    quantity: int, price: int, base_digits: int, price_digits: int, quote_digits: int
) -> None:
    """Their product is exact, then rounded once, to the minor unit of the quote currency."""
    with localcontext() as context:
        context.prec = 80
        exact = Decimal(quantity).scaleb(-base_digits) * Decimal(price).scaleb(-price_digits)
        unit = Decimal(1).scaleb(-quote_digits)
        expected = int(exact.quantize(unit, rounding=ROUND_HALF_UP).scaleb(quote_digits))

    actual = quote_amount(
        Quantity(quantity),
        Price(price),
        base_digits=base_digits,
        price_digits=price_digits,
        quote_digits=quote_digits,
    )

    assert actual == expected


@given(st.integers(1, 10**14), st.integers(1, 10**9))
def test_buying_and_selling_the_same_cost_the_same(quantity: int, price: int) -> None:
    """Rounding does not depend on the side, so a round trip at one price leaves nothing behind."""
    digits = {"base_digits": 2, "price_digits": 5, "quote_digits": 2}

    bought = quote_amount(Quantity(quantity), Price(price), **digits)
    sold = quote_amount(Quantity(-quantity), Price(price), **digits)

    assert bought + sold == 0
