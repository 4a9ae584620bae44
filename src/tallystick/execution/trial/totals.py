"""What clients and the house hold by currency and value date, added up entry by entry."""

from collections import defaultdict
from collections.abc import Generator, Mapping
from typing import Any

import msgspec

from tallystick.errors import Corrupt
from tallystick.execution.trial.amounts import settles_on, units_of
from tallystick.fx import currency
from tallystick.ledger import Ledger
from tallystick.money import format_decimal

HOUSE = "house"
ROWS_AT_ONCE = 256
"""Entries folded between two turns of others; some milliseconds."""
KEEP_EACH = 65_536
"""Entries between two totals that are remembered; a multiple of `ROWS_AT_ONCE`."""
KEPT_MAX = 256
"""Totals that are remembered."""
_POSTED = b'"postings":[{'
"""What stands in every entry that posts: the bytes are canonical."""
Place = tuple[str, str]
"""(currency, value date)."""
_read = msgspec.json.Decoder(dict[str, Any]).decode


class TrialLine(msgspec.Struct, frozen=True):
    """What settles of one currency on one value date, or (None) on all before: signed decimals.

    `clients` is the sum of all accounts but the house's; both are each other's opposite.
    """

    currency: str
    value_date: str | None
    clients: str
    house: str


class TrialBalance(msgspec.Struct, frozen=True):
    """The book after the first `size` entries: balanced in every line, as was each entry.

    `postings` were added up, of `entries` that post.
    """

    size: int
    entries: int
    postings: int
    lines: list[TrialLine]


class Totals:
    """What clients and the house hold, by currency and value date; each entry must balance."""

    def __init__(self) -> None:
        self.position = 0
        self.entries = 0
        self.postings = 0
        self.clients: dict[Place, int] = {}
        self.house: dict[Place, int] = {}

    def copy(self) -> "Totals":
        """One of its own, that goes on from here."""
        other = Totals()
        other.position, other.entries, other.postings = self.position, self.entries, self.postings
        other.clients, other.house = dict(self.clients), dict(self.house)
        return other

    def fold(self, data: bytes) -> dict[str, Any] | None:
        """Add the entry at `position`; gives it where it posts.

        Raises:
            Corrupt: its postings do not sum to zero, or cannot be read.
        """
        entry = None
        if _POSTED in data and data.startswith(b"{"):
            try:
                entry = _read(data)
                self._post(entry)
            except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
                raise Corrupt(f"Entry {self.position}: its postings cannot be read.") from error
        self.position += 1
        return entry

    def trial_balance(self, since: str = "") -> TrialBalance:
        """The lines as they are now; what settled before the day `since` is one line a currency."""
        clients = _settled(self.clients, since)
        house = _settled(self.house, since)
        lines = []
        for code, value_date in sorted(clients.keys() | house.keys()):
            place = code, value_date
            amounts = clients.get(place, 0), house.get(place, 0)
            if any(amounts):
                digits = currency(code).minor_digits
                said = [format_decimal(amount, digits) for amount in amounts]
                lines.append(TrialLine(code, value_date or None, *said))
        return TrialBalance(self.position, self.entries, self.postings, lines)

    def _post(self, entry: dict[str, Any]) -> None:
        sums: defaultdict[Place, int] = defaultdict(int)
        settles = settles_on(entry)
        for posting in entry["postings"]:
            code = posting["currency"]
            place = code, posting.get("value_date", settles)
            amount = units_of(posting["amount"], currency(code).minor_digits)
            side = self.house if posting["account"] == HOUSE else self.clients
            side[place] = side.get(place, 0) + amount
            sums[place] += amount
            self.postings += 1
        self.entries += 1
        for (code, value_date), amount in sums.items():
            if amount:
                said = format_decimal(amount, currency(code).minor_digits)
                raise Corrupt(
                    f"Entry {self.position}: its postings in {code} for {value_date} sum to {said},"
                    " not to zero."
                )


class TrialBalances:
    """Trial balances at any position; remembers some, so that none is far to go for."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._kept: dict[int, Totals] = {}

    def fold(self, position: int) -> Generator[int, None, Totals]:
        """The totals of the entries before `position`; gives entries as they are folded.

        Raises:
            Corrupt: an entry does not balance.
        """
        nearest = max((kept for kept in self._kept if kept <= position), default=None)
        totals = Totals() if nearest is None else self._kept[nearest].copy()
        while totals.position < position:
            rows = self._ledger.rows(totals.position, min(ROWS_AT_ONCE, position - totals.position))
            if not rows:
                raise Corrupt(f"Entry {totals.position} is missing from the ledger.")
            for row in rows:
                totals.fold(row.entry)
            if totals.position % KEEP_EACH == 0 and len(self._kept) < KEPT_MAX:
                self._kept[totals.position] = totals.copy()
            yield len(rows)
        return totals


def _settled(amounts: Mapping[Place, int], since: str) -> dict[Place, int]:
    """The amounts with all that settled before a day in one place, which has no date."""
    found: defaultdict[Place, int] = defaultdict(int)
    for (code, value_date), amount in amounts.items():
        found[code, value_date if value_date >= since else ""] += amount
    return found
