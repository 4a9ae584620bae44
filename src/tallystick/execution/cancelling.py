"""The proposal to take back all working orders of an account at once. Pure.

Its entries follow one another in one commit. Each holds the digest of the request that asked for
it, so whoever asks again under the same key is told the same orders.
"""

from collections.abc import Iterable, Iterator

from tallystick.errors import Refused
from tallystick.execution.book import Book
from tallystick.execution.entries import CancelCode, Entry, OrderCancelled
from tallystick.execution.worked import cancel

NOTHING = "NOTHING_TO_CANCEL"
"""Code of the refusal where no order is working: nothing is written then."""
REASON = "all orders were cancelled"


def cancel_working(
    account: str,
    pair: str | None,
    *,
    book: Book,
    at_ns: int,
    by: str,
    key: str | None = None,
    request: str | None = None,
    code: CancelCode = "CANCEL_ALL",
) -> Iterator[OrderCancelled]:
    """Cancel every working order of `account`, or of a pair of it, oldest first.

    The first entry holds `key`, each one `request`. What a cancellation takes with it (children of
    a cancelled order) is gone from the book when its turn comes.

    Raises:
        Refused: `UNKNOWN_ACCOUNT`; `NOTHING_TO_CANCEL`.
    """
    held = book.account(account)
    ids = [
        order_id for order_id, working in held.open_orders.items()
        if pair is None or working.order.pair == pair
    ]  # fmt: skip
    if not ids:
        raise Refused(NOTHING, f"The account {account!r} has no working order here.")
    for order_id in ids:
        working = held.open_orders.get(order_id)
        if working is not None:
            yield cancel(
                working, at_ns=at_ns, by=by, code=code, reason=REASON, key=key, request=request
            )
            key = None


def cancelled_with(
    first: OrderCancelled, behind: Iterable[Entry]
) -> Iterator[tuple[int, OrderCancelled]]:
    """What the request of `first` cancelled: (how many entries behind it, entry), itself first.

    `behind` are the entries that follow `first`. It ends where something else begins: whatever is
    no cancellation, or another request's.
    """
    yield 0, first
    for number, entry in enumerate(behind, 1):
        if not isinstance(entry, OrderCancelled) or entry.key or entry.at != first.at:
            return
        if (entry.code, entry.by, entry.request) == (first.code, first.by, first.request):
            yield number, entry
