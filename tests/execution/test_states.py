"""The words of FIX: the guide's tables are what the code says."""

import asyncio
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from tallystick.execution import decode
from tallystick.execution.entries import OPEN_STATES, OrderState, OrderStep
from tallystick.execution.states import ORD_STATUS, exec_types

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "orders.md"


def table(head: str) -> list[tuple[str, ...]]:
    """The rows of the guide's table whose first column is called `head`."""
    lines = GUIDE.read_text().partition(f"\n| {head} |")[2].partition("\n\n")[0].splitlines()
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


def test_every_state_is_in_the_guide() -> None:
    """With its OrdStatus, and whether the order can go on."""
    rows = {row[0].strip("`"): row[1:] for row in table("state")}

    assert rows.keys() == set(get_args(OrderState)) == ORD_STATUS.keys()
    for state, (code, goes_on) in rows.items():
        assert ORD_STATUS[state] == code  # type: ignore[index]
        assert (goes_on == "yes") == (state in OPEN_STATES)


@pytest.fixture(scope="module")
def met(words: Any) -> dict[str, set[tuple[str, ...]]]:
    """Kind of entry -> the reports it stood for, on a floor where everything happens."""

    async def run() -> list[bytes]:
        """One of each."""
        async with words.Floor() as floor:
            await floor.open("demo")
            await floor.place()
            await floor.place(quantity="20000000")
            await floor.place(
                position_fill="reduce_only", side="sell", quantity="2000000", time_in_force="IOC"
            )
            rests = await floor.place(price="1.08000", time_in_force="GTC")
            replacing = words.request(client_order_id="r", price="1.08100", time_in_force="GTC")
            await floor.desk.replace(rests.entry.order.id, replacing)
            await floor.place(
                price="1.08000",
                time_in_force="GTD",
                expires_at="2026-11-24T11:00:00Z",
                if_done=[{"type": "stop_loss", "stop_price": "1.07500"}],
            )
            await floor.place(type="stop_limit", stop_price="1.08400", price="1.08350")
            await floor.place(
                if_done=[{"type": "trailing_stop", "distance": "0.00500"}], quantity="5000"
            )
            floor.clock.advance(1)
            floor.price(bid="1.08480", ask="1.08482")
            await floor.settle()
            floor.clock.advance(1)
            floor.price(bid="1.08098", ask="1.08099")
            await floor.settle()
            floor.clock.advance(1)
            floor.price(bid="1.07998", ask="1.08000")
            await floor.settle()
            last = await floor.place(price="1.07900", time_in_force="GTC")
            await floor.desk.cancel(last.entry.order.id, "demo", by="t", reason="t")
            await floor.place(
                price="1.07900", time_in_force="GTD", expires_at="2026-11-24T11:00:00Z"
            )
            floor.clock.advance(7_200)
            floor.desk.expire_due()
            await floor.settle()
            entries: list[bytes] = floor.entries()
            return entries

    found: dict[str, set[tuple[str, ...]]] = {}
    for entry in map(decode, asyncio.run(run())):
        if isinstance(entry, OrderStep):
            kind = str(entry.__struct_config__.tag)
            found.setdefault(kind, set()).add(exec_types(entry))
    return found


def test_every_report_is_in_the_guide(met: dict[str, set[tuple[str, ...]]]) -> None:
    """What happened on the floor is what the table says, kind by kind."""
    said: dict[str, set[tuple[str, ...]]] = {}
    for what, codes in table("entry"):
        kind = re.findall(r"`(\w+)`", what)[0]
        said.setdefault(kind, set()).add(tuple(codes.split(", ")))

    assert met.keys() == said.keys()
    for kind, reports in met.items():
        assert reports == said[kind], kind
