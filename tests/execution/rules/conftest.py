"""What the tests of rules say beside the words of the room."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tallystick.execution.entries import Order
from tallystick.execution.orders import working_of
from tallystick.execution.rules import Case
from tallystick.execution.working import Working

Limited = Callable[..., Case]


@pytest.fixture(scope="session")
def limited() -> Limited:
    """`limited(case, order_usd_max=...)`: the same case under other limits."""
    return lambda case, **limits: msgspec.structs.replace(
        case, limits=msgspec.structs.replace(case.limits, **limits)
    )


@pytest.fixture(scope="session")
def resting() -> Callable[..., Working]:
    """`resting(side="sell", price="1.08300")`: a working limit order of the demo account."""

    def make(**members: Any) -> Working:
        order = {
            "id": "O-1", "account": "demo", "client_order_id": "r-1", "pair": "EUR/USD",
            "side": "buy", "quantity": "1000000.00", "type": "limit", "time_in_force": "GTC",
            "price": "1.08000", "state": "new",
        }  # fmt: skip
        return working_of(msgspec.convert({**order, **members}, Order))

    return make
