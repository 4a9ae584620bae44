"""Looks after the margin of every account, at a cost that does not grow with their number.

An account sleeps until the odometer has gone as far as it can bear, until its call is to be said
again, or until the book touched it (a fill, money, a roll, another configuration). Nothing is kept
here that the book does not say: after a restart every account with a margin profile is looked at.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Overloaded, ShuttingDown
from tallystick.execution.book import Account
from tallystick.execution.book.account import CALLED_NS, EXTENDED_NS
from tallystick.execution.engine import Engine
from tallystick.execution.entries import Entry
from tallystick.execution.margin import Figures, Profile, figures, profile_of
from tallystick.execution.margin_call.assess import CALL_AGAIN_SECONDS, assess, is_below, owes
from tallystick.execution.margin_call.odometer import Odometer, bearable, recovers
from tallystick.execution.quotes import Quote

CHECKS_AT_ONCE_MAX = 500
"""Accounts looked at in one step, some milliseconds; the others come with the next."""
LOOK_SECONDS = 0.1
"""How often it is looked who was touched, and whose call is to be said again."""
STALE_MAX = 1_024
"""Places of accounts that were looked at since, before they are swept out."""


class MarginMonitor:
    """Calls margin and closes out through the desk. `on_quotes` listens to the board."""

    def __init__(self, desk: Engine) -> None:
        self._desk = desk
        self._odometer = Odometer(desk.board.usd)
        self._odometer.move(desk.board.all())
        self._sleeping: list[tuple[int, int, str]] = []
        """(reading, number, account): a heap; only an account's newest number counts."""
        self._again: list[tuple[int, str]] = []
        """(time ns, account): a heap of calls to be said again; `_again_ns` says which count."""
        self._again_ns: dict[str, int] = {}
        self._newest: dict[str, int] = {}
        self._number = 0
        self._unpriced: set[str] = set()
        self._due: deque[str] = deque()  # bounded by: the accounts of the book, each once
        self._is_due: set[str] = set()
        self.checks = 0
        """Accounts looked at since the start."""
        self._add(
            account.id
            for account in desk.book.accounts.values()
            if account.configuration.margin is not None
        )

    async def run(self, clock: Clock) -> None:
        """For ever: look at who is due, also where no quote says so."""
        while True:
            more = self.check_due()
            await clock.sleep(0 if more else LOOK_SECONDS)

    def on_quotes(self, quotes: Sequence[Quote]) -> None:
        """Prices moved; called with every batch of quotes, after working orders were met."""
        if self._odometer.move(quotes) and self._unpriced:
            self._add(self._unpriced)
            self._unpriced = set()
        self.check_due()

    def check_due(self) -> bool:
        """Look at the accounts that are due, some at a time; whether more are waiting."""
        self._wake()
        for _ in range(min(len(self._due), CHECKS_AT_ONCE_MAX)):
            name = self._due.popleft()
            self._is_due.discard(name)
            try:
                self._check(name)
            except (Overloaded, ShuttingDown):  # not now: it stays due
                self._add([name])
                return False
        return bool(self._due)

    def _wake(self) -> None:
        """Who has slept long enough, or was touched, is due."""
        self._add(self._desk.book.touched.take())
        reading = self._odometer.reading
        while self._sleeping and self._sleeping[0][0] <= reading:
            place = heapq.heappop(self._sleeping)
            if self._is_newest(place):
                self._add([place[2]])
        now_ns = self._desk.now_ns()
        while self._again and self._again[0][0] <= now_ns:
            again_ns, name = heapq.heappop(self._again)
            if self._again_ns.get(name) == again_ns:
                del self._again_ns[name]
                self._add([name])

    def _add(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._is_due:
                self._is_due.add(name)
                self._due.append(name)

    def _check(self, name: str) -> None:
        """Look at one account, say what is to be said, and let it sleep."""
        self._newest.pop(name, None)
        account = self._desk.book.accounts.get(name)
        profile = None if account is None else profile_of(account.configuration.margin)
        if account is None or profile is None:
            return
        self.checks += 1
        now = figures(account, profile, self._desk.board.usd)
        if now is None:
            self._unpriced.add(name)
            return
        if self._is_worth_saying(account, profile, now):
            # not single: an order that closes out has a key of its own, whatever comes first
            self._desk.submit(lambda _position, at_ns: self._propose(name, at_ns), (), single=False)
            account = self._desk.book.accounts[name]
            now = figures(account, profile, self._desk.board.usd) or now
        self._sleep(account, profile, now)

    def _propose(self, name: str, at_ns: int) -> Iterable[Entry]:
        # Decided again after another writer, there may be nothing left to say.
        account = self._desk.book.accounts.get(name)
        if account is None:
            return ()
        return assess(account, book=self._desk.book, at_ns=at_ns, market=self._desk.market)

    def _is_worth_saying(self, account: Account, profile: Profile, now: Figures) -> bool:
        """Whether a proposal may have something to say."""
        if profile.negative_balance_protection and owes(account, now):
            return True
        if account.marks.get(CALLED_NS):
            if not is_below(now, profile.exit_percent):
                return True
            again_ns = account.marks.get(EXTENDED_NS, 0) + CALL_AGAIN_SECONDS * NS_PER_SECOND
            if self._desk.now_ns() >= again_ns:
                return True
            return is_below(now, profile.close_out_percent)
        return is_below(now, profile.call_percent)

    def _sleep(self, account: Account, profile: Profile, now: Figures) -> None:
        if account.marks.get(CALLED_NS):
            again_ns = account.marks.get(EXTENDED_NS, 0) + CALL_AGAIN_SECONDS * NS_PER_SECOND
            if self._again_ns.get(account.id) != again_ns:
                self._again_ns[account.id] = again_ns
                heapq.heappush(self._again, (again_ns, account.id))
        distance = room(account, profile, now)
        if distance is None:
            return
        self._number += 1
        self._newest[account.id] = self._number
        until = self._odometer.base + distance
        heapq.heappush(self._sleeping, (until, self._number, account.id))
        if len(self._sleeping) > 2 * len(self._newest) + STALE_MAX:
            self._sleeping = [each for each in self._sleeping if self._is_newest(each)]
            heapq.heapify(self._sleeping)

    def _is_newest(self, place: tuple[int, int, str]) -> bool:
        return self._newest.get(place[2]) == place[1]


def room(account: Account, profile: Profile, now: Figures) -> int | None:
    """How far prices may move (billionths) before margin can ask anything new of the account.

    None: whatever they do, it will not.
    """
    # Each figure is rounded, now and then: by at most a cent for each balance and each pair.
    pairs = len(account.positions)
    slack = 2 * len(account.balances) + 2 * pairs * (1 + profile.exit_percent // 100) + 2
    if not now.used:
        if now.equity < 0 or not now.gross or not profile.negative_balance_protection:
            return None
        return bearable(now.equity - slack, 0, now.gross)
    gross, equity = now.gross, now.equity - slack
    if not account.marks.get(CALLED_NS):
        return bearable(equity, _part(now.used, profile.call_percent), gross)
    above = bearable(equity, _part(now.used, profile.close_out_percent), gross)
    below = recovers(now.equity + slack, _part(now.used, profile.exit_percent), gross)
    return min(above, below)


def _part(used: int, percent: int) -> int:
    return -(-used * percent // 100)
