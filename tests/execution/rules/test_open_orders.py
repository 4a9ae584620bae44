"""A bound on resting orders."""

from typing import Any

import pytest

from tallystick.execution.accounts import Account
from tallystick.execution.rules import open_orders


def with_resting(words: Any, count: int) -> Account:
    """An account with so many resting orders."""
    account: Account = words.account()
    account.open_orders = dict.fromkeys(map(str, range(count)))  # type: ignore[arg-type]
    return account


@pytest.mark.parametrize("time_in_force", ["GTC", "IOC", "FOK"])
@pytest.mark.parametrize("below", [1, 0])
def test_the_border(words: Any, below: int, time_in_force: str) -> None:
    """The thousandth may rest, the one after it not; what cannot rest is not counted."""
    account = with_resting(words, open_orders.OPEN_ORDERS_MAX - below)
    request = words.request(price="1.08250", time_in_force=time_in_force)

    rejection = open_orders.check(words.case(request, account=account, quote=words.quote()))

    assert (rejection is not None) == (below == 0 and time_in_force == "GTC")
    if rejection is not None:
        assert rejection.code == "OPEN_ORDERS_LIMIT"
