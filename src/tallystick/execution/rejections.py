"""The closed list of reasons for which an order is rejected.

A rejection is a fact and an entry in the ledger (docs/decisions/0003); requests that cannot
become an order are refused at the door instead (`errors.Refused`). Codes are stable.
"""

from enum import StrEnum

from tallystick.execution.entries import Rejection


class RejectionCode(StrEnum):
    """Each code with what it means; the sentence of a rejection adds the figures."""

    KILL_SWITCH_ACTIVE = "Trading is stopped for this account or for all."
    NO_PRICE = "There is no price for the pair."
    STALE_PRICE = "The newest price of the pair is too old to trade on."
    QUANTITY_TOO_LARGE = "The quantity is above the account's limit for one order."
    AMOUNT_TOO_SMALL = "The quantity is worth less than one minor unit of the quote currency."
    DUPLICATE_ORDER = "The same order came too often within the duplicate window."
    PRICE_OUT_OF_COLLAR = "The limit price is too far from the market."
    OPEN_ORDERS_LIMIT = "The account has too many resting orders."
    POSITION_LIMIT = "The account's net open position would go above its limit."
    NOT_MARKETABLE = "The market is not at the order's price, and it may not wait."


def reject(code: RejectionCode, figures: str = "") -> Rejection:
    """A rejection whose reason is the code's meaning and the figures of this case."""
    return Rejection(code=code.name, reason=f"{code.value} {figures}".rstrip())
