"""What the desk answers to an order: decided just now, or once before under the same keys."""

import msgspec

from tallystick.errors import Refused
from tallystick.execution.entries import Entry, OrderDecided
from tallystick.execution.request import OrderRequest
from tallystick.ledger import Receipt


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An answered order: its entry and receipt; `replayed` when it was answered before.

    `linked` are the orders that came with it.
    """

    entry: OrderDecided
    receipt: Receipt
    replayed: bool = False
    linked: tuple[OrderDecided, ...] = ()


def replay(
    entry: Entry, receipt: Receipt, request: OrderRequest, linked: tuple[OrderDecided, ...]
) -> Placed:
    """The stored answer, unless the request is another one than was answered.

    Raises:
        Refused: `IDEMPOTENCY_CONFLICT`.
    """
    if not isinstance(entry, OrderDecided) or entry.request != request.digest:
        raise Refused(
            "IDEMPOTENCY_CONFLICT",
            f"Another order was already placed under {request.client_order_id!r} or its"
            " Idempotency-Key; use a new key for a new order.",
        )
    return Placed(entry, receipt, replayed=True, linked=linked)
