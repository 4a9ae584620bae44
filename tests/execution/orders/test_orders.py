"""The registry of order types."""

from typing import get_args

from tallystick.execution.entries import OrderType
from tallystick.execution.orders import ORDERS


def test_every_order_type_is_registered() -> None:
    """What the door lets in, somebody executes."""
    assert set(ORDERS) == set(get_args(OrderType))
