"""Prices for functions: one that always runs puts them into a table, those that trade look there.

A function that lives for a request cannot follow a feed. So `tend` does, and keeps the newest
quote of every pair in one item; whoever decides an order reads it, at most some times a second.
How old a price may be is decided by the same rule as ever: when `tend` stands still, orders are
rejected for the age of their price, and not dealt at it.
"""

from collections.abc import Sequence

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Corrupt
from tallystick.execution import Quote
from tallystick.execution.quotes.source import Drops
from tallystick.wiring.aws.clients import FAILURES, client, explained
from tallystick.wiring.aws.settings import Table

LOOK_SECONDS = 0.1
"""How often the table is looked at, at most."""
ITEM_BYTES_MAX = 350_000
"""Quotes that are longer than this as JSON do not fit an item of 400 KB."""
_KEY = {"id": {"S": "prices"}}
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(list[Quote]).decode


class TablePrices:
    """A price source: what stands in the table. `quotes` asks the table, a few milliseconds."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table.name
        self._client = client("dynamodb", table.region)
        self._clock = clock
        self._look_ns = 0
        self._newest: dict[str, int] = {}
        self._drops = Drops()

    @property
    def drops(self) -> Drops:
        """What it dropped so far."""
        return self._drops

    def quotes(self, now_ns: int) -> list[Quote]:
        """What is new in the table up to `now_ns`.

        Raises:
            TemporaryError: the table cannot be read right now.
            Corrupt: it holds something else.
        """
        if now_ns < self._look_ns:
            return []
        self._look_ns = now_ns + round(LOOK_SECONDS * NS_PER_SECOND)
        try:
            answer = self._client.get_item(TableName=self._table, Key=_KEY)
        except FAILURES as error:
            raise explained("The table of prices", error) from error
        item = answer.get("Item")
        if item is None:
            return []
        try:
            quotes = _DECODE(bytes(item["quotes"]["B"]))
        except (KeyError, msgspec.DecodeError) as error:
            raise Corrupt(f"The table of prices cannot be read: {error!r}.") from error
        fresh = [each for each in quotes if self._newest.get(each.pair, 0) < each.at_ns <= now_ns]
        self._newest.update((each.pair, each.at_ns) for each in fresh)
        return fresh


def put_prices(table: Table, quotes: Sequence[Quote]) -> None:
    """Put the newest quotes into the table; levels beyond what fits are left out.

    Raises:
        TemporaryError: the table cannot be written right now.
    """
    body = _ENCODE(list(quotes))
    if len(body) > ITEM_BYTES_MAX:
        body = _ENCODE([msgspec.structs.replace(each, bids=(), asks=()) for each in quotes])
    item = {**_KEY, "quotes": {"B": body}}
    try:
        client("dynamodb", table.region).put_item(TableName=table.name, Item=item)
    except FAILURES as error:
        raise explained("The table of prices", error) from error
