"""The same order again and again within a moment is a loop."""

from typing import Any

import pytest

from tallystick.execution.book import Account, Repeat
from tallystick.execution.rules import duplicate

WINDOW_NS = 1_000_000_000


def seen(words: Any, request: Any, count: int) -> Account:
    """An account that allows three, and saw `request` so many times from `START_NS` on."""
    account: Account = words.account(duplicate_window_ms=1_000, duplicates_max=3)
    economics = (request.pair.symbol, request.side, request.quantity, request.type, request.price)
    account.repeats[economics] = Repeat(words.START_NS, count, 0)
    return account


@pytest.mark.parametrize(
    ("count", "after_ns", "rejected"),
    [
        (2, 0, False),
        (3, 0, True),
        (3, WINDOW_NS - 1, True),
        (3, WINDOW_NS, False),
        (9_999, WINDOW_NS, False),
    ],
)
def test_the_borders(words: Any, count: int, after_ns: int, *, rejected: bool) -> None:
    """Three are allowed; the window is open until one nanosecond before its end."""
    request = words.request()
    account = seen(words, request, count)

    case = words.case(
        request, account=account, quote=words.quote(), at_ns=words.START_NS + after_ns
    )
    rejection = duplicate.check(case)

    assert (rejection is not None) == rejected
    if rejection is not None:
        assert rejection.code == "DUPLICATE_ORDER"
        assert rejection.reason.endswith(f"{count} times within 1000 ms.")


@pytest.mark.parametrize(
    "members",
    [
        {"side": "sell"},
        {"quantity": "1000000.01"},
        {"pair": "EUR/GBP"},
        {"price": "1.08250"},
    ],
)
def test_another_order_is_none(words: Any, members: dict[str, str]) -> None:
    """Side, size, pair, type or price differ: not the same order."""
    account = seen(words, words.request(), 99)

    case = words.case(words.request(**members), account=account, quote=words.quote())

    assert duplicate.check(case) is None


def test_the_same_order_under_another_name_is_one(words: Any) -> None:
    """A loop makes new client_order_ids; the time in force does not make another order."""
    account = seen(words, words.request(), 3)
    again = words.request(client_order_id="c-2", time_in_force="IOC")

    assert duplicate.check(words.case(again, account=account, quote=words.quote())) is not None
