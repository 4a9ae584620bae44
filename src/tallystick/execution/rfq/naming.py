"""The ids of quotes: like those of orders, they hold the ledger position of their entry."""

from typing import NewType

from tallystick.errors import Refused

QuoteId = NewType("QuoteId", str)

_PREFIX = "Q-"
_POSITION_DIGITS_MAX = 15


def quote_id(position: int) -> QuoteId:
    """The id of the quote that the entry at `position` gives."""
    return QuoteId(f"{_PREFIX}{position}")


def quote_position(text: str) -> int:
    """The ledger position inside the id of a quote.

    Raises:
        Refused: `UNKNOWN_QUOTE`, the text is no such id.
    """
    digits = text.removeprefix(_PREFIX)
    plain = digits.isascii() and digits.isdigit() and len(digits) <= _POSITION_DIGITS_MAX
    if digits == text or not plain or str(int(digits)) != digits:
        raise unknown_quote(text)
    return int(digits)


def unknown_quote(name: str) -> Refused:
    """There is no such quote, or it is another account's."""
    return Refused("UNKNOWN_QUOTE", f"There is no quote {name[:64]!r}.", field="id")
