"""How far an account may come out of balance: never less than any of its orders' fills can do."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.book import Account, Pending
from tallystick.execution.rules.exposure import worst

PAIRS = ("EUR/USD", "GBP/USD", "EUR/GBP", "AUD/USD")
WORTH = {"EUR": 2, "GBP": 3, "USD": 1, "AUD": 1}
"""US cents for a minor unit: whole numbers, so that nothing is rounded."""


def usd(code: str, amount: int) -> int | None:
    """What an amount is worth."""
    return None if code not in WORTH else amount * WORTH[code]


def case_of(words: Any, account: Account, **more: Any) -> Any:
    """A case of which only the account and the prices are looked at."""
    import msgspec  # noqa: PLC0415

    plain = words.case(words.request(), account=account, quote=words.quote())
    return msgspec.structs.replace(plain, usd=usd, **more)


AMOUNT = st.integers(-1_000, 1_000)
UNITS = st.integers(0, 500)


@given(
    euro=AMOUNT,
    sterling=AMOUNT,
    orders=st.lists(st.tuples(UNITS, UNITS), min_size=len(PAIRS), max_size=len(PAIRS)),
)
def test_no_combination_of_fills_is_worse(
    words: Any, euro: int, sterling: int, orders: list[tuple[int, int]]
) -> None:
    """Every subset of the working sides is tried at the mid; none goes beyond the bound."""
    held = {"EUR": euro, "GBP": sterling, "USD": -2 * euro - 3 * sterling, "AUD": 0}
    account = words.account()
    account.pending.update(
        {pair: Pending(*sides) for pair, sides in zip(PAIRS, orders, strict=True)}
    )

    found = worst(held, case_of(words, account))

    assert found is not None
    simple = worst(held, case_of(words, account), 10**9)
    assert simple is not None
    assert all(bound >= exact for bound, exact in zip(simple, found, strict=True))
    for filled in product([False, True], repeat=2 * len(PAIRS)):
        value = {code: amount * WORTH[code] for code, amount in held.items()}
        for number, (pair, sides) in enumerate(zip(PAIRS, orders, strict=True)):
            bought = sides[0] * filled[2 * number] - sides[1] * filled[2 * number + 1]
            value[pair[:3]] += bought * WORTH[pair[:3]]
            value[pair[4:]] -= bought * WORTH[pair[:3]]
        assert sum(each for each in value.values() if each > 0) <= found[0]
        assert -sum(each for each in value.values() if each < 0) <= found[1]


@pytest.mark.parametrize(
    ("held", "pending", "expected"),
    [
        (0, Pending(100, 0), 200),  # flat, and a buyer
        (0, Pending(100, 100), 200),  # both sides of the market: one of them counts
        (100, Pending(0, 100), 200),  # a seller closes what is held, and adds nothing
        (100, Pending(0, 250), 300),  # and goes through zero to more
        (100, Pending(100, 0), 400),
        (-100, Pending(100, 0), 200),
        (100, Pending(0, 0), 200),
    ],
)
def test_the_common_cases_are_exact(words: Any, held: int, pending: Pending, expected: int) -> None:
    """Euro at two dollars: what the account can come to, long or short."""
    account = words.account()
    account.pending["EUR/USD"] = pending

    found = worst({"EUR": held, "USD": -2 * held}, case_of(words, account))

    assert found == (expected, expected)


def test_a_replaced_order_counts_no_more(words: Any, resting: Any) -> None:
    """The order that it stands in the place of gives back what it had reserved."""
    old = resting(quantity="1.00")
    account = words.account()
    account.pending["EUR/USD"] = Pending(buying=100)

    assert worst({}, case_of(words, account)) == (200, 200)
    assert worst({}, case_of(words, account, replaced=old)) == (0, 0)


def test_what_has_no_price_has_no_worst_case(words: Any) -> None:
    """Held or waiting: either is unknown; a currency of which nothing is held is no matter."""
    account = words.account()
    assert worst({"JPY": 1}, case_of(words, account)) is None
    assert worst({"JPY": 0}, case_of(words, account)) == (0, 0)
    account.pending["CAD/JPY"] = Pending(buying=1)
    assert worst({}, case_of(words, account)) is None


@pytest.mark.parametrize(
    ("held", "reserved", "quantity", "position_fill", "only"),
    [
        (100, 0, "1.00", None, True),
        (100, 0, "1.01", None, False),  # goes through zero
        (100, 1, "1.00", None, False),  # another sale may be first
        (100, 40, "0.60", None, True),
        (100, 100, "1.00", "reduce_only", True),  # is held to what there is when it fills
    ],
)
def test_only_reduces(
    words: Any, held: int, reserved: int, quantity: str, position_fill: str | None, *, only: bool
) -> None:
    """An order only reduces where all working orders of its side do so together."""
    from tallystick.execution.book import Position  # noqa: PLC0415

    account = words.account()
    account.positions["EUR/USD"] = Position(long=held, long_cost=held)
    account.pending["EUR/USD"] = Pending(selling=reserved)
    members = {} if position_fill is None else {"position_fill": position_fill}
    request = words.request(side="sell", quantity=quantity, **members)

    assert words.case(request, account=account, quote=words.quote()).only_reduces == only
