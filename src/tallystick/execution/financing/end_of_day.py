"""Rolls every account that is financed daily, when its trade date has gone on."""

import asyncio
from collections import deque
from collections.abc import Iterable
from datetime import date

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Overloaded, Refused, ShuttingDown, TemporaryError
from tallystick.execution.batch import Item, Propose
from tallystick.execution.engine import Engine
from tallystick.execution.entries import Entry
from tallystick.execution.financing.rates import Rates
from tallystick.execution.financing.roll import due, rolls
from tallystick.fx import Pair, pair, trade_date

ACCOUNTS_AT_ONCE = 100
"""Accounts rolled in one step; others are served between two."""
ROLLS_AT_ONCE_MAX = 64
"""Most rolls of one pair of one account in one commit: a quarter of a year of standstill."""
AGAIN_SECONDS = 30
"""How long an account that cannot be rolled yet is left alone."""
LOOK_SECONDS = 1.0
"""How often it is looked whether the trade date has gone on."""
_CLOCKS = (pair("EUR/USD"), pair("NZD/USD"))
"""One pair for each way in which a trade date begins."""


class EndOfDay:
    """Says the rolls through the desk; what is still to be rolled is what the book says."""

    def __init__(self, desk: Engine, rates: Rates, clock: Clock) -> None:
        self._desk = desk
        self._rates = rates
        self._clock = clock
        self._dates: tuple[date, ...] = ()
        self._left: deque[str] = deque()  # bounded by: the accounts of the book
        self._again_ns = 0
        self.waiting: dict[str, str] = {}
        """Accounts that could not be rolled yet, and why: no price, no calendar."""

    async def run(self) -> None:
        """For ever: roll what is due, and look again in a second."""
        while True:
            await self.roll_due()
            await self._clock.sleep(LOOK_SECONDS)

    async def roll_due(self) -> int:
        """Roll all that is due now; how many rolls were made durable.

        What cannot be done yet (`waiting`) is tried again half a minute later.
        """
        dates = tuple(trade_date(self._desk.now_ns(), each) for each in _CLOCKS)
        if dates != self._dates:
            self._dates = dates
            self._left = deque(  # bounded by: the accounts of the book
                account.id
                for account in self._desk.book.accounts.values()
                if account.dated and account.configuration.financing == "daily"
            )
            self.waiting.clear()
        elif self.waiting and self._desk.now_ns() >= self._again_ns:
            self._left.extend(self.waiting)
            self.waiting.clear()
        done = 0
        for _ in range(-(-len(self._left) // ACCOUNTS_AT_ONCE)):
            some = [self._left.popleft() for _ in range(min(ACCOUNTS_AT_ONCE, len(self._left)))]
            done += await self._roll(some)
        return done

    async def _roll(self, names: list[str]) -> int:
        """Roll some accounts; those with something left stand in line again."""
        items: list[Item] = []
        for name in names:
            try:
                items += self._begin(name)
            except Refused as refusal:
                self.waiting[name] = str(refusal)
            except (Overloaded, ShuttingDown) as error:
                self.waiting[name] = str(error)
        done = 0
        for item in items:
            try:
                recorded = await item.recorded()
            except TemporaryError:
                continue  # the book took it back: it is found due below
            done += 0 if recorded is None else 1 + len(recorded.more)
        await asyncio.sleep(0)
        if self.waiting:
            self._again_ns = self._desk.now_ns() + AGAIN_SECONDS * NS_PER_SECOND
        self._left.extend(name for name in names if self._has_more(name))
        return done

    def _begin(self, name: str) -> list[Item]:
        """Propose the rolls of an account, pair by pair."""
        account = self._desk.book.accounts[name]
        traded = dict.fromkeys(each[0] for each in due(account, self._desk.now_ns()))
        items = []
        for each in traded:
            item = self._desk.submit(self._proposing(name, each), ())
            if item.entries:
                items.append(item)
            else:
                self.waiting[name] = f"There is no price for {each.symbol}."
        return items

    def _proposing(self, name: str, traded: Pair) -> Propose:
        def propose(_position: int, at_ns: int) -> Iterable[Entry]:
            account = self._desk.book.accounts.get(name)
            if account is None:
                return ()
            return rolls(
                account, self._rates, at_ns=at_ns, traded=traded,
                market=self._desk.market(traded.symbol, at_ns), rolls_max=ROLLS_AT_ONCE_MAX,
            )  # fmt: skip

        return propose

    def _has_more(self, name: str) -> bool:
        if name in self.waiting:
            return False
        account = self._desk.book.accounts.get(name)
        return account is not None and bool(due(account, self._desk.now_ns()))
