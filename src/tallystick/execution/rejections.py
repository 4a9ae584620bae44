"""The closed list of reasons for which an order is rejected.

A rejection is a fact and an entry in the ledger (docs/decisions/0003); requests that cannot
become an order are refused at the door instead (`errors.Refused`). Codes are stable.
"""

from enum import StrEnum

from tallystick.execution.entries import Rejection


class RejectionCode(StrEnum):
    """Each code with what it means; the sentence of a rejection adds the figures."""

    PAIR_NOT_DEALT = "The pair is not dealt like this."
    MARKET_CLOSED = "The market is closed."
    KILL_SWITCH_ACTIVE = "Trading is stopped for this account or for all."
    ONLY_REDUCING = "Only orders that make a position smaller are taken now."
    NO_PRICE = "There is no price for the pair."
    STALE_PRICE = "The newest price of the pair is too old to trade on."
    MESSAGE_RATE = "Orders come faster than the account may send them."
    DUPLICATE_ORDER = "The same order came too often within the duplicate window."
    EXECUTION_THROTTLE = "The same order was executed too often: a person has to let it go on."
    QUANTITY_TOO_LARGE = "The quantity is above the account's limit for one order."
    AMOUNT_TOO_SMALL = "The quantity is worth less than one minor unit of the quote currency."
    ORDER_VALUE_TOO_LARGE = "The order is worth more than one order may be."
    PRICE_OUT_OF_COLLAR = "The limit price is too far from the market."
    STOP_OUT_OF_COLLAR = "The stop price is too far from the market."
    OPEN_ORDERS_LIMIT = "The account has too many resting orders."
    INSUFFICIENT_MARGIN = "The account has not the margin that the order needs."
    POSITION_LIMIT = "The account's net open position would go above its limit."
    SETTLEMENT_LIMIT = "The account would have to deliver too much on one value date."
    NOT_MARKETABLE = "The market is not at the order's price, and it may not wait."
    INSUFFICIENT_LIQUIDITY = "The market does not deal the whole quantity at this price."
    NOTHING_TO_REDUCE = "There is no position that the order could make smaller."
    WOULD_REDUCE = "The order may only open, and would make a position smaller."
    UNKNOWN_TRADE = "The account has no such open trade."
    ALREADY_EXPIRED = "The order's end has come already."
    UNKNOWN_QUOTE = "There is no such quote to take."
    QUOTE_EXPIRED = "The quote is no longer valid."
    QUOTE_MISMATCH = "The order is not what the quote was given for."
    NOT_REPLACEABLE = "The order that it would replace is not open."
    LINKED_ORDER_REJECTED = "An order that came with it was rejected."


def reject(code: RejectionCode, figures: str = "") -> Rejection:
    """A rejection whose reason is the code's meaning and the figures of this case."""
    return Rejection(code=code.name, reason=f"{code.value} {figures}".rstrip())
