"""What has to be delivered on one value date stays within its limit."""

from typing import Any

import msgspec
import pytest

from tallystick.execution.book import Account, Pending, Position
from tallystick.execution.rules import Movement, settlement

SPOT = "2026-11-27"
"""Tuesday 24 November, two good days on: Thursday 26 is Thanksgiving."""


def case_of(words: Any, account: Account | None = None, **members: str) -> Any:
    """A hundred thousand euro at a mid of exactly 1, but for what is said."""
    quote = words.quote(bid="0.99999", ask="1.00001")
    request = words.request(**{"quantity": "100000", "price": "1.00000", **members})
    return words.case(request, account=account, quote=quote)


@pytest.mark.parametrize(("limit", "allowed"), [(10_000_000, True), (9_999_999, False)])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_border(words: Any, limited: Any, limit: int, side: str, *, allowed: bool) -> None:
    """A buyer delivers dollars, a seller euro: 100,000.00 either way, on the spot date."""
    rejection = settlement.check(limited(case_of(words, side=side), settlement_usd_max=limit))

    assert (rejection is None) == allowed
    if rejection is not None:
        assert rejection.code == "SETTLEMENT_LIMIT"
        assert rejection.reason.endswith(f"100000.00 USD on {SPOT} after it, 99999.99 allowed.")


@pytest.mark.parametrize(("value_date", "allowed"), [(SPOT, False), ("2026-11-30", True)])
def test_dates_stand_apart(words: Any, limited: Any, value_date: str, *, allowed: bool) -> None:
    """What settles on another day does not count."""
    account = words.account()
    account.balances.update({"EUR": 5_000_000, "USD": -5_000_000})
    account.flows.update({("EUR", value_date): 5_000_000, ("USD", value_date): -5_000_000})

    case = limited(case_of(words, account), settlement_usd_max=12_000_000)

    assert (settlement.check(case) is None) == allowed


def test_currencies_of_a_date_are_netted(words: Any, limited: Any) -> None:
    """Selling the euro that are bought for the same day leaves nothing to deliver."""
    account = words.account()
    account.balances.update({"EUR": 50_000_000, "USD": -50_000_000})
    account.flows.update({("EUR", SPOT): 50_000_000, ("USD", SPOT): -50_000_000})

    less = limited(case_of(words, account, side="sell"), settlement_usd_max=1)
    more = limited(case_of(words, account, side="buy"), settlement_usd_max=1)

    assert settlement.check(less) is None, "above the limit, but less than before"
    assert settlement.check(more) is not None


def test_working_orders_count(words: Any, limited: Any) -> None:
    """They may fill for the same date."""
    account = words.account()
    account.pending["EUR/USD"] = Pending(buying=5_000_000)

    case = limited(case_of(words, account), settlement_usd_max=14_999_999)

    assert settlement.check(case) is not None
    assert settlement.check(limited(case, settlement_usd_max=15_000_000)) is None


def test_what_reduces_passes(words: Any, limited: Any) -> None:
    """Closing a position of another day is never in the way."""
    account = words.account()
    account.positions["EUR/USD"] = Position(long=10_000_000, long_cost=10_000_000)

    case = limited(case_of(words, account, side="sell"), settlement_usd_max=1)

    assert settlement.check(case) is None


def test_a_quote_has_dates_of_its_own(words: Any, limited: Any) -> None:
    """A swap sells euro on the near date and buys them back: each date is looked at."""
    near, far = "2026-11-27", "2026-12-28"
    swap = (
        Movement(near, "EUR", -10_000_000), Movement(near, "USD", 10_000_000),
        Movement(far, "EUR", 10_000_000), Movement(far, "USD", -10_030_000),
    )  # fmt: skip
    case = msgspec.structs.replace(case_of(words), movements=swap)

    assert settlement.check(limited(case, settlement_usd_max=10_030_000)) is None
    rejection = settlement.check(limited(case, settlement_usd_max=10_029_999))
    assert rejection is not None
    assert far in rejection.reason


def test_what_cannot_be_valued_is_not_taken(words: Any, limited: Any) -> None:
    """There is no price of sterling in dollars."""
    quote = words.quote("GBP/CHF", "1.10000", "1.10002")
    case = words.case(words.request(pair="GBP/CHF"), quote=quote)

    rejection = settlement.check(limited(case, settlement_usd_max=1))
    assert rejection is not None
    assert rejection.code == "NO_PRICE"
