"""One simulated account: who it is, what it usually does, and what it has open."""

import math
from typing import Final

import msgspec

from tallystick.watch.detect.trades.dice import Dice

ROAMING_SHARE: Final = 0.12
"""Share of the calls of somebody with a telephone that come over the carrier's network."""
LEVERAGE: Final = 30.0
"""Of the margin profile `esma_retail`, majors."""


class Access(msgspec.Struct, frozen=True, gc=False):
    """How a client comes to the API: the token's id, and its network."""

    key: str
    address: str


class Sizes(msgspec.Struct, frozen=True, gc=False):
    """How large an account's orders are: log-normal, rounded to lots, with an honest tail.

    `large_share` of the orders are `large` times as big, plausible and innocent: a hedge for a
    quarter, a month's salaries, a conviction.
    """

    median: float
    sigma: float
    lot: int
    large_share: float = 0.0
    large: tuple[float, float] = (2.0, 5.0)

    def draw(self, dice: Dice) -> int:
        """Units of base currency."""
        units = self.median * math.exp(self.sigma * dice.normal())
        if self.large_share and dice.chance(self.large_share):
            units *= dice.between(*self.large)
        return max(self.lot, round(units / self.lot) * self.lot)

    def quantile(self, normal: float) -> float:
        """Units of an order of ordinary kind, so many standard deviations above the median."""
        return self.median * math.exp(self.sigma * normal)


class Working:
    """An order that works in the book; `price` in points."""

    __slots__ = (
        "client", "client_order_id", "expires_at", "id", "open", "pair", "position",
        "price", "price_text", "quantity", "quantity_text", "side", "time_in_force",
    )  # fmt: skip

    def __init__(self, client: "Client", pair: str, side: str, quantity: int) -> None:
        self.client = client
        self.pair = pair
        self.side = side
        self.quantity = quantity
        self.quantity_text = ""
        self.price = 0
        self.price_text: str | None = None
        self.time_in_force = "GTC"
        self.expires_at: str | None = None
        self.position = 0
        self.id = ""
        self.client_order_id = ""
        self.open = True


class Client:
    """An account with its habits; the desk keeps its positions here too.

    Shares are of its orders: `limit_share` are limit orders, `touch_share` of those cross the
    market at once, `cancel_share` of the waiting ones are taken back after `life_seconds` (mean of
    an exponential law), `reject_share` break a limit, `offset_bps` is how far from the market a
    limit order waits.
    """

    __slots__ = (
        "access_weights",
        "accesses",
        "activity",
        "cancel_share",
        "character",
        "currency",
        "desk",
        "equity",
        "hour_ns",
        "hour_rate",
        "hours",
        "inventory",
        "lean",
        "life_seconds",
        "limit_share",
        "margin",
        "margin_call",
        "mood",
        "mood_day",
        "name",
        "number",
        "offset_bps",
        "open",
        "order_max",
        "orders_a_day",
        "pair_weights",
        "pairs",
        "poll_share",
        "position_max",
        "positions",
        "reject_share",
        "rejects",
        "roams",
        "sizes",
        "taken",
        "touch_share",
        "weekends",
        "zone",
    )  # fmt: skip

    def __init__(self, name: str, character: str, dice: Dice) -> None:
        self.name = name
        self.character = character
        self.desk = "spot"
        self.zone, self.currency = "Europe/London", "GBP"
        self.hours: tuple[float, ...] = ()
        self.hour_ns, self.hour_rate = 0, 0.0
        """The hour looked at last, and how often the account comes in a step of it."""
        self.weekends = 0.0
        self.orders_a_day = 10.0
        self.activity = 1.0
        """For plants: 0 keeps the account's ordinary business out of the way."""
        self.mood, self.mood_day = 1.0, -1
        self.pairs: tuple[str, ...] = ()
        self.pair_weights: tuple[float, ...] = ()
        self.sizes = Sizes(100_000, 0.5, 1_000)
        self.limit_share = 0.3
        self.touch_share = 0.3
        self.cancel_share = 0.2
        self.life_seconds = 1_800.0
        self.offset_bps = 8.0
        self.reject_share = 0.004
        self.poll_share = 0.4
        self.lean = 0.5
        """Share of buys of somebody whose business has a direction; prices do not move it."""
        self.accesses: tuple[Access, ...] = ()
        self.access_weights: tuple[float, ...] = ()
        self.roams = ""
        """The beginning of a mobile carrier's addresses (`85.12`), empty for who stays at home."""
        self.order_max = 0
        self.position_max = 1e9
        """US dollars."""
        self.margin = "none"
        self.margin_call = False
        self.equity = 0.0
        self.positions: dict[str, float] = {}
        """Signed units of base currency by pair."""
        self.inventory = 0.0
        """Gross open position in US dollars."""
        self.open: dict[int, Working] = {}
        self.number = dice.whole(1_000, 9_000)
        self.rejects = 0
        self.taken = False
        """For plants: something was planted here already."""

    def access(self, dice: Dice) -> Access:
        """From where, and with which token, it calls this time."""
        if self.roams and dice.chance(ROAMING_SHARE):
            return Access(self.accesses[0].key, f"{self.roams}.{dice.whole(0, 255)}.0/24")
        if len(self.accesses) == 1:
            return self.accesses[0]
        return dice.weighted(self.accesses, self.access_weights)

    def pair(self, dice: Dice) -> str:
        """The pair it trades this time."""
        if len(self.pairs) == 1:
            return self.pairs[0]
        return dice.weighted(self.pairs, self.pair_weights)
