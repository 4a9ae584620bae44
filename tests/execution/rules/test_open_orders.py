"""A bound on resting orders."""

from typing import Any

import msgspec
import pytest

from tallystick.execution.book import Account
from tallystick.execution.book.limits import OPEN_ORDERS_MAX
from tallystick.execution.rules import open_orders


def with_resting(words: Any, count: int) -> Account:
    """An account with so many resting orders."""
    account: Account = words.account()
    account.open_orders = dict.fromkeys(map(str, range(count)))  # type: ignore[assignment]
    return account


@pytest.mark.parametrize("time_in_force", ["GTC", "IOC", "FOK"])
@pytest.mark.parametrize("below", [1, 0])
def test_the_border(words: Any, below: int, time_in_force: str) -> None:
    """The thousandth may rest, the one after it not; what cannot rest is not counted."""
    account = with_resting(words, OPEN_ORDERS_MAX - below)
    request = words.request(price="1.08250", time_in_force=time_in_force)

    rejection = open_orders.check(words.case(request, account=account, quote=words.quote()))

    assert (rejection is not None) == (below == 0 and time_in_force == "GTC")
    if rejection is not None:
        assert rejection.code == "OPEN_ORDERS_LIMIT"


def test_a_replacement_takes_the_place_of_one(words: Any, resting: Any) -> None:
    """With a thousand resting, one of them may still be replaced."""
    account = with_resting(words, OPEN_ORDERS_MAX)
    case = words.case(words.request(price="1.08250"), account=account, quote=words.quote())

    replacing = msgspec.structs.replace(case, replaced=resting())

    assert open_orders.check(case) is not None
    assert open_orders.check(replacing) is None


def test_a_scope_may_allow_fewer(words: Any) -> None:
    """The tightest of all scopes holds, and the sentence names it."""
    account = with_resting(words, 3)
    case = words.case(words.request(price="1.08250"), account=account, quote=words.quote())
    limited = msgspec.structs.replace(
        case, limits=msgspec.structs.replace(case.limits, open_orders_max=3)
    )

    assert open_orders.check(case) is None
    rejection = open_orders.check(limited)
    assert rejection is not None
    assert rejection.reason.endswith("3 are allowed.")
