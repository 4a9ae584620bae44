"""What the server's parts say, as observations for the detection process."""

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec

from tallystick.api.calls import ORDERS_ROUTE, OrderLine
from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.execution import Quote
from tallystick.fx import PAIRS
from tallystick.limits import DETECT_LINES_COUNTED_MAX
from tallystick.watch.collect.columns import INDEX_FIELD, OWN_INDEX
from tallystick.watch.collect.store import LogStore
from tallystick.watch.detect.observation import CallSeen, Observation, QuoteSeen, UnreadableError
from tallystick.watch.detect.operations.reading import call_seen, log_seen, quote_seen, time_seen
from tallystick.wiring.logs import Line

QUOTES_SECONDS = 0.1
"""At most one quote of a pair in this time, but for those that are crossed."""
SECOND = 1.0
_PLACED = f"POST {ORDERS_ROUTE}"


class _Whose(msgspec.Struct, rename={"index": INDEX_FIELD, "service": "service.name"}):
    index: str = OWN_INDEX
    service: str = ""


_decode = msgspec.json.Decoder(_Whose).decode


class Hearing:
    """Log lines and prices as they are said, and the seconds that pass.

    `unreadable` counts lines of API calls that do not say what they must.
    """

    def __init__(self, offer: Callable[[Observation], None], store: LogStore, clock: Clock) -> None:
        self.unreadable = 0
        self._offer = offer
        self._store = store
        self._clock = clock
        self._moved: dict[str, Quote] = {}

    def line(self, line: Line) -> None:
        """One log line of our own, from any thread; only API calls are of interest."""
        try:
            call = call_seen(line)
        except UnreadableError:
            self.unreadable += 1
            return
        if call is not None:
            self._offer(call)

    def order(self, line: OrderLine, at_ns: int) -> None:
        """The line of one placed order, and its time."""
        self._offer(
            CallSeen(
                line.timestamp, at_ns / NS_PER_SECOND, _PLACED, line.status, line.duration_us,
                line.account, line.network, line.key,
            )
        )  # fmt: skip

    def quotes(self, quotes: list[Quote]) -> None:
        """Fresh quotes; a crossed one is never covered by the next."""
        for quote in quotes:
            if 0 < quote.bid < quote.ask:
                self._moved[quote.pair] = quote
            else:
                self._offer(_seen(quote))

    async def run(self) -> None:
        """Quotes some times a second; counts of log lines and the time each second."""
        start, due_ns = self._store.end, 0
        while True:
            moved, self._moved = self._moved, {}
            for quote in moved.values():
                self._offer(_seen(quote))
            now_ns = self._clock.now_ns()
            if now_ns >= due_ns:
                due_ns = now_ns + round(SECOND * NS_PER_SECOND)
                start = await asyncio.to_thread(self._count, start, now_ns)
                self._offer(time_seen(now_ns))
            await self._clock.sleep(QUOTES_SECONDS)

    def _count(self, start: int, now_ns: int) -> int:
        """Say who logged how much since line `start`; gives the next second's start.

        Of a flood only the newest lines are looked at.
        """
        end = self._store.end
        start = max(start, end - DETECT_LINES_COUNTED_MAX)
        counts: Counter[tuple[str, str]] = Counter()
        for _seq, line in self._store.read(start, end - start) if end > start else ():
            try:
                whose = _decode(line)
            except ValueError:  # its index or service is no text: nobody's line
                continue
            counts[whose.index, whose.service] += 1
        for (index, service), lines in counts.items():
            self._offer(log_seen(index, service, lines, now_ns))
        return end


def _seen(quote: Quote) -> QuoteSeen:
    digits = PAIRS[quote.pair].price_digits
    return quote_seen(quote.pair, quote.bid, quote.ask, digits, quote.at_ns, quote.source)
