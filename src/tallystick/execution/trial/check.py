"""Every entry of a ledger against itself, and the desk's book against all of them."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

from tallystick.errors import Corrupt
from tallystick.execution.book import Book
from tallystick.execution.entries import decode_known
from tallystick.execution.trial.amounts import settles_on, units_of
from tallystick.execution.trial.dealt import Wrong, dealt, require_postings, rolled
from tallystick.execution.trial.totals import HOUSE, Place, Totals, TrialBalance
from tallystick.fx import INSTRUMENTS, currency
from tallystick.ledger import Ledger

FOLD_ROWS = 1_024
"""Entries read at once."""
_TERMINAL = frozenset({"filled", "cancelled", "expired", "rejected", "replaced"})


class Trial:
    """Every entry's postings against what it says, and every account's balances and positions."""

    def __init__(self) -> None:
        self.totals = Totals()
        self.balances: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        """(account, currency, value date) -> minor units."""
        self.units: defaultdict[Place, int] = defaultdict(int)
        """(account, pair) -> base units bought less sold."""
        self._filled: dict[str, int] = {}
        """Order -> units filled so far, of orders that can go on."""

    def fold(self, data: bytes) -> None:
        """Check the next entry and add it up.

        Raises:
            Corrupt: it contradicts itself; the sentence says where.
        """
        position = self.totals.position
        entry = self.totals.fold(data)
        if entry is None:
            return
        try:
            self._check(entry)
        except Wrong as wrong:
            raise Corrupt(f"Entry {position}: {wrong}") from wrong
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Corrupt(f"Entry {position} cannot be read as what it says it is.") from error
        settles = settles_on(entry)
        for posting in entry["postings"]:
            code = posting["currency"]
            place = posting["account"], code, posting.get("value_date", settles)
            self.balances[place] += units_of(posting["amount"], currency(code).minor_digits)

    def compare(self, book: Book) -> None:
        """The desk's book says the same.

        Raises:
            Corrupt: it does not.
        """
        house: defaultdict[str, int] = defaultdict(int)
        flows: defaultdict[str, dict[Place, int]] = defaultdict(dict)
        for (account, code, value_date), amount in self.balances.items():
            if account == HOUSE:
                house[code] += amount
            else:
                flows[account][code, value_date] = amount
        _equal("the house's balances", house, book.house)
        for name in sorted(flows.keys() | book.accounts.keys()):
            known = book.accounts.get(name)
            balances: defaultdict[str, int] = defaultdict(int)
            for (code, _date), amount in flows[name].items():
                balances[code] += amount
            _equal(f"{name}: balances", balances, {} if known is None else known.balances)
            _equal(f"{name}: flows", flows[name], {} if known is None else known.flows)
        held = {
            (account.id, pair): position.net
            for account in book.accounts.values()
            for pair, position in account.positions.items()
        }
        _equal("positions", self.units, held)

    def _check(self, entry: dict[str, Any]) -> None:
        kind = entry["kind"]
        if kind in {"order_decided", "order_filled"}:
            self._check_fills(entry)
        elif kind == "position_rolled":
            require_postings(entry, rolled(entry))
        elif not {posting["account"] for posting in entry["postings"]} <= {entry["account"], HOUSE}:
            raise Wrong("it posts to an account that it is not about.")

    def _check_fills(self, entry: dict[str, Any]) -> None:
        order = entry["order"]
        expected, bought, done = dealt(entry)
        require_postings(entry, expected)
        self.units[order["account"], order["pair"]] += bought
        self._count(
            order, done, units_of(order["quantity"], INSTRUMENTS[order["pair"]].base_digits)
        )

    def _count(self, order: dict[str, Any], done: int, quantity: int) -> None:
        """No order is filled for more than it asks, and `filled` says how much it was."""
        name, state = order["id"], order["state"]
        done += self._filled.pop(name, 0)
        if done > quantity or (state == "filled" and done != quantity):
            raise Wrong(f"order {name} of {order['quantity']} was filled for another quantity.")
        said = order.get("filled")
        if said is not None and int(said.replace(".", "")) != done:
            raise Wrong(f"order {name} says that {said} of it were filled.")
        if state not in _TERMINAL:
            self._filled[name] = done


def check_book(
    entries: Iterable[bytes], until: int | None = None, *, book: Book | None = None
) -> TrialBalance:
    """The trial balance of the entries before position `until` (all of them by default).

    `book`, where it is given, must be one of the same entries.

    Raises:
        Corrupt: an entry is not balanced or contradicts itself, or the book says something else.
    """
    trial = Trial()
    for data in entries:
        if until is not None and trial.totals.position >= until:
            break
        trial.fold(data)
    if book is not None:
        trial.compare(book)
    return trial.totals.trial_balance()


def check_ledger_book(
    ledger: Ledger, until: int | None = None
) -> Generator[int, None, TrialBalance]:
    """The same for a ledger, with a book folded beside it; gives entries as they are checked.

    Raises:
        Corrupt: as `check_book`.
        PermanentError: an entry is of a kind that this version does not know.
    """
    trial, book = Trial(), Book()
    stop = ledger.size if until is None else min(until, ledger.size)
    while trial.totals.position < stop:
        rows = ledger.rows(trial.totals.position, min(FOLD_ROWS, stop - trial.totals.position))
        for row in rows:
            trial.fold(row.entry)
            book.apply(decode_known(book.size, row.entry))
        book.cut()
        yield len(rows)
    trial.compare(book)
    return trial.totals.trial_balance()


def _equal(what: str, expected: Mapping[Any, int], found: Mapping[Any, int]) -> None:
    for key in _keys(expected, found):
        if expected.get(key, 0) != found.get(key, 0):
            raise Corrupt(
                f"The book's {what} say {found.get(key, 0)} for {key}; the entries make"
                f" {expected.get(key, 0)}."
            )


def _keys(one: Mapping[Any, int], other: Mapping[Any, int]) -> Iterator[Any]:
    yield from sorted(one.keys() | other.keys())
