"""The loops of one process: each moves values from one room to the next and decides nothing."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import msgspec
import structlog

from tallystick.api.calls import OrderLine
from tallystick.clock import Clock, rfc3339
from tallystick.errors import TemporaryError
from tallystick.execution import Desk, History, Quote, QuoteBoard
from tallystick.fx import PAIRS
from tallystick.ledger import Ledger
from tallystick.ledger.checkpoint import parse_checkpoint
from tallystick.money import format_decimal
from tallystick.stream import Message
from tallystick.wal import fold_wal
from tallystick.web import Head, LiveHub, Logs, PriceRow, Prices
from tallystick.wiring.alerts import AlertDesk
from tallystick.wiring.live import live_events
from tallystick.wiring.logs import Line

EXPIRE_SECONDS = 0.25
"""How often the desk looks for orders whose end has come."""
LIVE_SECONDS = 0.25
"""How often the page hears of prices, heads and log lines."""
WAL_SECONDS = 2.0
"""How often write-ahead logs are folded back."""
FOLD_SECONDS = 0.2
LIVE_ROWS_MAX = 200
"""Most orders or log lines said at once to a page."""

_log = structlog.get_logger("wiring")


async def expire(desk: Desk, clock: Clock) -> None:
    """End the orders whose time is over."""
    while True:
        desk.expire_due()
        await clock.sleep(EXPIRE_SECONDS)


async def patiently(what: str, work: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Work that goes on when a database that was away is there again."""
    while True:
        try:
            await work()
        except TemporaryError as error:
            _log.warning("wiring.part_waits", body=f"{what}: {error}")
            await clock.sleep(error.retry_after_seconds)


async def follow_writers(ledger: Ledger, desk: Desk) -> None:
    """From other writers' commits into the ledger and the book."""
    loop = asyncio.get_running_loop()
    moved = asyncio.Event()

    def told(_size: int) -> None:
        loop.call_soon_threadsafe(moved.set)

    ledger.follow_store(told)
    while True:
        if ledger.catch_up():
            desk.refresh()
        await moved.wait()
        moved.clear()


async def fold_wals(paths: Sequence[Path], thread: ThreadPoolExecutor, clock: Clock) -> None:
    """From the databases' write-ahead logs into the databases."""
    loop = asyncio.get_running_loop()
    while True:
        await clock.sleep(WAL_SECONDS)
        for path in paths:
            try:
                await loop.run_in_executor(thread, fold_wal, path)
            except apsw.BusyError:
                _log.info("wiring.wal_busy", **{"db.name": path.name})


async def fold(history: History, clock: Clock) -> None:
    """From the ledger to the lists of orders and trades, beside the orders that come meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="fold") as thread:
        while True:
            if not await history.fold_in(thread):
                await clock.sleep(FOLD_SECONDS)


class LiveFeed:
    """From everywhere to the pages that follow; costs nothing while none does."""

    def __init__(
        self, hub: LiveHub, ledger: Ledger, board: QuoteBoard, alerts: AlertDesk, clock: Clock
    ) -> None:
        self._hub = hub
        self._ledger = ledger
        self._alerts = alerts
        self._clock = clock
        self._moved: dict[str, Quote] = {}
        self._lines: deque[Line] = deque(maxlen=LIVE_ROWS_MAX)
        self._size = -1
        board.listen(self._quotes)

    def offer(self, line: Line | OrderLine) -> None:
        """One log line, from any thread."""
        if self._hub.listening:
            self._lines.append(line if isinstance(line, dict) else msgspec.to_builtins(line))

    async def take(self, messages: list[Message]) -> None:
        """The stream's consumer: orders and notices for those whom they concern."""
        if self._hub.listening:
            for said in live_events(messages, LIVE_ROWS_MAX):
                self._hub.publish(said.event, said.data, account=said.account, scope=said.scope)

    async def run(self) -> None:
        """Prices, heads and log lines, a few times a second."""
        while True:
            self._say()
            await self._clock.sleep(LIVE_SECONDS)

    def _quotes(self, quotes: list[Quote]) -> None:
        if self._hub.listening:
            self._moved.update((quote.pair, quote) for quote in quotes)

    def _say(self) -> None:
        if not self._hub.listening:
            self._size = -1
            return
        if self._moved:
            moved, self._moved = self._moved, {}
            self._hub.publish("price", Prices([price_row(quote) for quote in moved.values()]))
        if self._ledger.size != self._size:
            self._size, note = self._ledger.size, self._ledger.note
            root = msgspec.json.encode(parse_checkpoint(note).root).decode().strip('"')
            self._hub.publish("checkpoint", Head(self._size, root, note))
        self._alerts.say_news()
        if self._lines:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            self._hub.publish("log", Logs(list(lines)), scope="operate")


def price_row(quote: Quote) -> PriceRow:
    """A quote in decimals."""
    digits = PAIRS[quote.pair].price_digits
    return PriceRow(
        pair=quote.pair,
        bid=format_decimal(quote.bid, digits),
        ask=format_decimal(quote.ask, digits),
        at=rfc3339(quote.at_ns),
        source=quote.source,
    )
