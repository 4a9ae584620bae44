"""From the sources to the board: asks those that are asked, runs those that live by themselves."""

import asyncio
from collections.abc import Iterable, Sequence

from tallystick.clock import Clock
from tallystick.execution.quotes.ages import max_age_ns
from tallystick.execution.quotes.best import BestOf, MaxAge
from tallystick.execution.quotes.board import QuoteBoard
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.quotes.source import Drops, LiveSource, Source

ASK_SECONDS = 0.1
"""How often sources are asked for new quotes."""


class PriceFeed:
    """All sources of one board; the best of them where several quote a pair."""

    def __init__(
        self,
        sources: Sequence[Source | LiveSource],
        board: QuoteBoard,
        clock: Clock,
        max_age: MaxAge = max_age_ns,
    ) -> None:
        self._board = board
        self._clock = clock
        self._live = [each for each in sources if isinstance(each, LiveSource)]
        self._asked = [each for each in sources if not isinstance(each, LiveSource)]
        self._all = list(sources)
        self.best = BestOf(max_age)

    @property
    def drops(self) -> list[Drops]:
        """What each source dropped, in their order."""
        return [source.drops for source in self._all]

    def ask(self) -> None:
        """One round: new quotes of those that are asked; what is too old drops out."""
        now_ns = self._clock.now_ns()
        for source in self._asked:
            self.take(source.quotes(now_ns))
        self._board.replace(self.best.expire(now_ns))

    def take(self, quotes: Iterable[Quote]) -> None:
        """Fresh quotes of any source."""
        self._board.replace(self.best.take(quotes, self._clock.now_ns()))

    def withdraw(self, source: str) -> None:
        """What this source quoted no longer stands."""
        composed, gone = self.best.withdraw(source, self._clock.now_ns())
        for pair in gone:
            self._board.withdraw(pair)
        self._board.replace(composed)

    async def run(self) -> None:
        """Until cancelled; a source that ends with an error ends it with that error."""
        async with asyncio.TaskGroup() as group:
            for source in self._live:
                group.create_task(source.run(self), name=f"prices from {source.name}")
            while True:
                self.ask()
                await self._clock.sleep(ASK_SECONDS)
