"""Identifiers and where they come from.

Order and fill ids are made of the ledger position of the entry that created them, so an id alone
says where its proof is: `O-1042` was decided by entry 1042.
"""

import secrets
import uuid
from typing import NewType

from tallystick.errors import Refused

AccountId = NewType("AccountId", str)
OrderId = NewType("OrderId", str)
FillId = NewType("FillId", str)

_ORDER_PREFIX = "O-"
_POSITION_DIGITS_MAX = 15


def order_id(position: int) -> OrderId:
    """The id of the order that the entry at `position` decided."""
    return OrderId(f"{_ORDER_PREFIX}{position}")


def fill_id(position: int, number: int) -> FillId:
    """The id of the `number`-th (from 1) fill of the entry at `position`."""
    return FillId(f"F-{position}-{number}")


def order_position(text: str) -> int:
    """The ledger position inside an order id.

    Raises:
        Refused: `UNKNOWN_ORDER`, the text is no order id.
    """
    digits = text.removeprefix(_ORDER_PREFIX)
    canonical = digits.isascii() and digits.isdigit() and str(int(digits[:99])) == digits
    if digits == text or not canonical or len(digits) > _POSITION_DIGITS_MAX:
        raise Refused("UNKNOWN_ORDER", f"There is no order {text!r}.")
    return int(digits)


def new_ledger_name() -> str:
    """A name for a new ledger that no other has: `tallystick.local/` and 32 random bits."""
    return f"tallystick.local/{secrets.token_hex(4)}"


def new_secret(prefix: str) -> str:
    """A bearer secret of 192 random bits, recognisable by its prefix: `tally_...`."""
    return f"{prefix}_{secrets.token_urlsafe(24)}"


def new_guid() -> str:
    """A random GUID (RFC 9562 version 4), lower case with hyphens."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
