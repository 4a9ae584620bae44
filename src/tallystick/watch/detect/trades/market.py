"""The simulated market: prices that wander, spreads that widen, and ticks that come in clusters.

What is taken from life (OANDA's ticks of May 2014, see docs/guides/detection-bench.md): waiting
times between ticks follow a Weibull law of shape one half (median a quarter, 99 % quantile ten
times the mean); a minute moves EUR/USD by half a basis point on a quiet day, the first minute after
the jobs report by sixty; the spread is then thirteen times as wide, and half a minute later three
times. A feed that was thinned out is more
regular, so the shape here is a number of the plan.
"""

import math
from typing import Final

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.fx import PAIRS, Pair
from tallystick.money import format_decimal
from tallystick.watch.detect.trades.dice import Dice
from tallystick.watch.detect.trades.hours import HOUR_NS, MARKET, Calendar, Excitement

SOURCE: Final = "venue-a"
"""Where the simulated prices come from."""
CROSSED_SHARE: Final = 5e-5
"""Single quotes that are crossed for one tick: every real feed has them."""
_ROLL_HOURS: Final = frozenset({21, 22})
"""UTC: around 17:00 in New York everybody's spreads are wide."""
_BUSY_MIN: Final = 0.15
_CROSS_BPS: Final = 0.08
"""How exactly a cross follows its legs."""


class Listing(msgspec.Struct, frozen=True):
    """A pair of the simulated market.

    `spread` in points, `vol_bps` the standard deviation of a minute of a London morning, `pace`
    how often it ticks against EUR/USD. A cross follows its `legs`: the first times the second, or
    (`divided`) over it.
    """

    symbol: str
    mid: float
    spread: float
    vol_bps: float
    pace: float
    legs: tuple[str, str] | None = None
    divided: bool = False


MAJORS: Final = (
    Listing("EUR/USD", 1.0850, 11, 0.55, 1.0),
    Listing("GBP/USD", 1.2710, 14, 0.65, 0.8),
    Listing("USD/JPY", 150.20, 12, 0.70, 0.9),
    Listing("AUD/USD", 0.6540, 13, 0.80, 0.6),
    Listing("USD/CHF", 0.8840, 15, 0.60, 0.5),
    Listing("USD/CAD", 1.3560, 15, 0.50, 0.5),
    Listing("EUR/GBP", 0.8540, 14, 0.0, 0.5, ("EUR/USD", "GBP/USD"), divided=True),
    Listing("EUR/JPY", 162.90, 19, 0.0, 0.6, ("EUR/USD", "USD/JPY")),
)
"""What nearly everybody trades."""
MINORS: Final = (
    Listing("NZD/USD", 0.6090, 22, 0.90, 0.3),
    Listing("EUR/CHF", 0.9590, 18, 0.0, 0.3, ("EUR/USD", "USD/CHF")),
    Listing("EUR/SEK", 11.2500, 250, 0.70, 0.2),
    Listing("USD/NOK", 10.5200, 260, 0.90, 0.2),
    Listing("EUR/PLN", 4.3200, 180, 0.50, 0.15),
    Listing("USD/MXN", 16.9000, 300, 0.90, 0.15),
    Listing("USD/ZAR", 18.8000, 400, 1.10, 0.15),
    Listing("USD/TRY", 31.9000, 900, 0.90, 0.1),
    Listing("USD/SGD", 1.3430, 30, 0.35, 0.15),
)
"""What few trade."""
LISTINGS: Final = (*MAJORS, *MINORS)


class Ticker:
    """One pair as it is quoted now; prices in points."""

    __slots__ = (
        "_said",
        "_texts",
        "ask",
        "at_ns",
        "bid",
        "crossed",
        "frozen_until",
        "listing",
        "mid",
        "mood",
        "moved_ns",
        "next_ns",
        "pace",
        "pair",
        "resting_buys",
        "resting_sells",
        "scale",
        "silent_until",
    )  # fmt: skip

    def __init__(self, listing: Listing, mid: float, at_ns: int) -> None:
        self.listing = listing
        self.pair: Pair = PAIRS[listing.symbol]
        self.pace = listing.pace
        self.mid = mid
        self.mood = 0.0
        """Logarithm of how much livelier than usual the pair is of late."""
        self.scale = 10**self.pair.price_digits
        self.at_ns = at_ns
        self.next_ns = self.moved_ns = at_ns
        self.silent_until = self.frozen_until = 0
        """For plants: until when it does not tick, or repeats its price."""
        self.crossed = False
        self.bid = self.ask = 0
        self._said = (0, 0)
        self._texts = ("", "")
        self.resting_buys: list[tuple[int, int]] = []
        self.resting_sells: list[tuple[int, int]] = []

    def quote(self, half_points: float, *, crossed: bool = False) -> None:
        """Quote around the mid."""
        middle = self.mid * self.scale
        self.bid = max(1, round(middle - half_points))
        self.ask = max(self.bid + 1, round(middle + half_points))
        if self.crossed or crossed:
            self.bid, self.ask = self.ask, self.bid

    def record(self, at_ns: int, bid: float, ask: float) -> None:
        """Take over a quote that was recorded."""
        self.at_ns = at_ns
        self.mid = (bid + ask) / 2
        self.bid, self.ask = round(bid * self.scale), round(ask * self.scale)

    def texts(self) -> tuple[str, str]:
        """Bid and ask as the ledger spells them."""
        if self._said != (self.bid, self.ask):
            digits = self.pair.price_digits
            self._said = (self.bid, self.ask)
            self._texts = (format_decimal(self.bid, digits), format_decimal(self.ask, digits))
        return self._texts


def _busy(at_ns: int) -> float:
    """The hour's business, going over into the next one's."""
    hour, into = divmod(at_ns % (24 * HOUR_NS) / HOUR_NS - 0.5, 1.0)
    return MARKET[int(hour) % 24] * (1 - into) + MARKET[int(hour + 1) % 24] * into


class Market:
    """All pairs, the time in them, and what a unit of each currency is worth in dollars."""

    def __init__(
        self, calendar: Calendar, dice: Dice, start_ns: int, *, gap_seconds: float, gap_shape: float
    ) -> None:
        """Every pair begins near its usual price.

        `gap_seconds`: mean time between EUR/USD ticks on a London morning; `gap_shape` of the
        Weibull law of such times.
        """
        self._calendar = calendar
        self._dice = dice
        self._gap_power = 1 / gap_shape
        self._gap_ns = gap_seconds * NS_PER_SECOND / math.gamma(1 + self._gap_power)
        self.tickers = {
            one.symbol: Ticker(one, one.mid * math.exp(0.01 * dice.normal()), start_ns)
            for one in LISTINGS
        }
        for ticker in self.tickers.values():
            if ticker.listing.legs is not None:
                ticker.mid = self._cross(ticker.listing)
            ticker.quote(ticker.listing.spread / 2)
        self.excitement = Excitement(0.0, 0.0)
        self.busy = self.pace = 1.0
        self.look(start_ns)

    def look(self, at_ns: int) -> None:
        """Take in what kind of time it is; asked now and then, in order."""
        known = self.excitement
        fast, slow = self.excitement = self._calendar.excitement(at_ns)
        self.busy = max(_BUSY_MIN, _busy(at_ns))
        self.pace = self.busy * (1 + 20 * fast + 2 * slow)
        if fast > known.fast + 0.1:  # nobody waits until the next tick that was to come
            for ticker in self.tickers.values():
                ticker.next_ns = min(ticker.next_ns, at_ns + self.next_gap_ns(ticker))

    def next_gap_ns(self, ticker: Ticker) -> int:
        """How long until the pair ticks again."""
        mean = self._gap_ns / (self.pace * ticker.pace)
        return 1_000 + int(mean * self._dice.exponential() ** self._gap_power)

    def tick(self, at_ns: int, ticker: Ticker) -> None:
        """The pair moves and is quoted anew."""
        self.move(at_ns, ticker)
        ticker.at_ns = at_ns
        if at_ns < ticker.frozen_until:
            return
        dice = self._dice
        wide = 1 + 6 * self.excitement.fast + 0.5 * self.excitement.slow
        wide += 0.15 * abs(dice.normal())
        if at_ns // HOUR_NS % 24 in _ROLL_HOURS:
            wide *= 2.5
        elif self.busy < 0.5:
            wide *= 1.3
        half = ticker.listing.spread / 2 * wide
        ticker.quote(half, crossed=dice.uniform() < CROSSED_SHARE)

    def move(self, at_ns: int, ticker: Ticker) -> None:
        """What the pair is worth goes on, quoted or not."""
        dice, listing = self._dice, ticker.listing
        if listing.legs is not None:
            ticker.mid = self._cross(listing) * math.exp(1e-4 * _CROSS_BPS * dice.normal())
            return
        minutes = min((at_ns - ticker.moved_ns) / (60 * NS_PER_SECOND), 600.0)
        ticker.moved_ns = at_ns
        ticker.mood += 0.02 * dice.normal() - 0.002 * ticker.mood
        fast, slow = self.excitement
        lively = math.sqrt(self.busy) * math.exp(ticker.mood) * (1 + 16 * fast + 5 * slow)
        shock = dice.normal()
        if dice.uniform() < 0.002:  # prices jump more often than a normal law says
            shock *= 5
        ticker.mid *= math.exp(1e-4 * listing.vol_bps * lively * math.sqrt(minutes) * shock)

    def _cross(self, listing: Listing) -> float:
        assert listing.legs is not None, "asked for by its caller"  # noqa: S101
        first, second = (self.tickers[name].mid for name in listing.legs)
        return first / second if listing.divided else first * second

    def usd(self, currency: str) -> float:
        """Dollars for one unit of the currency, at the mid."""
        if currency == "USD":
            return 1.0
        straight = self.tickers.get(f"{currency}/USD")
        if straight is not None:
            return straight.mid
        turned = self.tickers.get(f"USD/{currency}")
        if turned is not None:
            return 1 / turned.mid
        euro = self.tickers[f"EUR/{currency}"]
        return self.tickers["EUR/USD"].mid / euro.mid
