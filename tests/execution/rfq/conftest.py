"""Requests for quotes on a floor of real parts, in few words."""

from typing import Any

import msgspec
import pytest

from tallystick.execution import Placed
from tallystick.execution.batch import Recorded
from tallystick.execution.entries import QuoteGiven, account_key
from tallystick.execution.financing import SHIPPED
from tallystick.execution.rfq import AskQuote, ParityPoints, QuoteRequest, give, parse_asked
from tallystick.execution.trial import check_book


class Rfq:
    """Asks for quotes and takes them; `points` are those that ship."""

    points = ParityPoints(SHIPPED.yearly, SHIPPED.source)

    @staticmethod
    def body(**members: Any) -> AskQuote:
        """Spot in a million euro, both sides, but for what is said."""
        said = {"account": "demo", "pair": "EUR/USD", "quantity": "1000000", "type": "spot"}
        return msgspec.convert({**said, **members}, AskQuote)

    def asked(self, **members: Any) -> QuoteRequest:
        """The same, parsed."""
        return parse_asked(self.body(**members))

    async def record(self, floor: Any, key: str | None = None, **members: Any) -> Recorded:
        """Ask for a quote; what was made durable."""
        asked, desk = self.asked(**members), floor.desk
        recorded: Recorded = await desk.once(
            lambda position, at_ns: (
                give(
                    asked, key, position=position, at_ns=at_ns, book=desk.book, points=self.points,
                    market=desk.market(asked.pair.symbol, at_ns),
                ),
            ),
            None if key is None else account_key(asked.account, key),
        )  # fmt: skip
        return recorded

    async def ask(self, floor: Any, **members: Any) -> QuoteGiven:
        """Ask for a quote; the quote."""
        given = (await self.record(floor, **members)).entry
        assert isinstance(given, QuoteGiven)
        return given

    async def take(self, floor: Any, given: QuoteGiven, **members: Any) -> Placed:
        """Take a quote: buy it, but for what is said."""
        said = {
            "account": given.account, "pair": given.pair, "quantity": given.quantity,
            "type": "quoted", "quote": given.id, "side": given.side or "buy",
        }  # fmt: skip
        placed: Placed = await floor.place(**{**said, **members})
        return placed

    @staticmethod
    def require_balanced(floor: Any) -> None:
        """Every entry is balanced by currency and value date, and the book is what they say."""
        check_book(floor.entries(), book=floor.desk.book)


@pytest.fixture(scope="session")
def rfq() -> Rfq:
    """The words of these tests: `rfq.ask(floor, ...)`, `rfq.take(floor, given)`."""
    return Rfq()
