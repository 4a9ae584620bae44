"""What a kind of planted anomaly is, and the stage on which it plays."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.detect.score import Family
from tallystick.watch.detect.trades.calls import Route
from tallystick.watch.detect.trades.client import Access, Client
from tallystick.watch.detect.trades.desk import Desk, Wish
from tallystick.watch.detect.trades.dice import Dice
from tallystick.watch.detect.trades.market import Ticker
from tallystick.watch.detect.trades.planted import Level, Scale
from tallystick.watch.detect.trades.services import Services

MINUTE: Final = 60.0
HOUR: Final = 3_600.0


class Stage(NamedTuple):
    """Where and when one anomaly is planted. `others` are accounts that may take part."""

    desk: Desk
    services: Services
    dice: Dice
    level: Level
    at_ns: int
    end_ns: int
    client: Client
    others: tuple[Client, ...]
    number: int
    """Which of its kind this is, from 0: no two of a stream take the same route or pair."""

    def then(self, seconds: float) -> int:
        """So long after the beginning, nanoseconds since the epoch."""
        return self.at_ns + int(seconds * NS_PER_SECOND)

    def order(
        self,
        seconds: float,
        wish: Wish,
        *,
        client: Client | None = None,
        access: Access | None = None,
        rejected: str | None = None,
    ) -> None:
        """The client places this order so long after the beginning."""
        self.desk.place_at(
            self.then(seconds), client or self.client, wish, access=access, rejected=rejected
        )

    def call(self, seconds: float, route: Route, status: int, access: Access) -> None:
        """The client makes this call so long after the beginning."""
        self.desk.at(
            self.then(seconds),
            lambda now: self.desk.call(now, self.client, route, status, access),
        )

    def ticker(self, pair: str) -> Ticker:
        """The pair as it is quoted."""
        return self.desk.market.tickers[pair]


class Deed(NamedTuple):
    """What was done: how long it took, in a phrase with its numbers, and whom it is about.

    Without names it is about the stage's client.
    """

    seconds: float
    note: str
    accounts: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class Kind(msgspec.Struct, frozen=True):
    """A kind of anomaly: how it is done, to whom, and whose finding counts.

    `play` plants it; None where it cannot be here. `levels` says for a person what each level
    means. `characters` are those whom it can happen to, none for what is not about an account;
    `suits` narrows that. `at` chooses when it begins: in the account's `business` hours, in its
    `night`, or `early`, while others warm up. `grace_seconds` is how long after the deed a finding
    still counts.
    """

    name: str
    feature: str
    family: Family
    detectors: tuple[str, ...]
    scale: Scale
    levels: Mapping[Level, str]
    play: Callable[[Stage], Deed | None]
    characters: tuple[str, ...] = ()
    suits: Callable[[Client], bool] = lambda _client: True
    at: str = "business"
    grace_seconds: float = 10 * MINUTE
    room_seconds: float = 12 * HOUR
    """Before the end of the stream, to begin in: longer than it takes."""
