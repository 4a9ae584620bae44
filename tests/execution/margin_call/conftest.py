"""Words for accounts with margin: opening one with money, watching over it."""

from typing import Any

import pytest

from tallystick.clock import rfc3339
from tallystick.execution.entries import FundsMoved, Posting
from tallystick.execution.margin_call import MarginMonitor


class Margin:
    """What the tests of margin calls are written in."""

    @staticmethod
    async def open(
        floor: Any, words: Any, name: str = "demo", dollars: str = "40000.00", **more: str
    ) -> None:
        """An account under the retail profile, with dollars in it."""
        configuration = {"margin": "esma_retail", "home": "USD", "mode": "netting", **more}
        await floor.desk.open_account(name, words.LIMITS, **configuration)
        if dollars:
            back = dollars[1:] if dollars.startswith("-") else f"-{dollars}"
            await floor.desk.say(
                lambda _position, at_ns: (
                    FundsMoved(
                        rfc3339(at_ns),
                        name,
                        (Posting(name, "USD", dollars), Posting("house", "USD", back)),
                        by="operator",
                        reason="deposit",
                    ),
                )
            )

    @staticmethod
    def watch(floor: Any) -> MarginMonitor:
        """The monitor, listening to the board behind the desk."""
        monitor = MarginMonitor(floor.desk)
        floor.board.listen(monitor.on_quotes)
        return monitor

    @staticmethod
    async def tick(floor: Any, monitor: MarginMonitor, bid: str, ask: str, **more: Any) -> None:
        """A second later another price; all that follows from it is durable."""
        floor.clock.advance(more.pop("seconds", 1))
        floor.price(bid=bid, ask=ask, **more)
        while monitor.check_due():
            pass
        await floor.settle()

    @staticmethod
    def story(floor: Any, start: int = 0) -> list[tuple[str, ...]]:
        """What was written about margin, orders and money, in few words."""
        told: list[tuple[str, ...]] = []
        for fact in floor.facts()[start:]:
            if fact["kind"] == "margin_changed":
                told.append((fact["event"], fact["equity"], fact["used"]))
            elif "order" in fact:
                order = fact["order"]
                told.append((order["state"], order["side"], order["quantity"], order["pair"]))
            elif fact["kind"] == "funds_moved":
                told.append((fact["reason"],))
        return told


@pytest.fixture(scope="session")
def margin() -> type[Margin]:
    """`margin.open(...)`, `margin.watch(...)`, `margin.tick(...)`."""
    return Margin
