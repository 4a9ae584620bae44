"""Price feed: stale and frozen prices, silent sources, crossed, wide and contradicting quotes."""

import math
import random
from collections.abc import Callable, Iterator

import pytest

from tallystick.watch.detect.observation import Observation, QuoteSeen, TimeSeen
from tallystick.watch.detect.operations.prices.price_feed import PriceFeed
from tallystick.watch.detect.score import Finding

Judge = Callable[..., tuple[list[float], list[Finding]]]
MIDS = {"EUR/USD": 1.0825, "USD/JPY": 150.25, "EUR/JPY": 1.0825 * 150.25}
HOUR = 3_600


class Feed:
    """Quotes of three pairs a second and a half apart, and a tick each second."""

    def __init__(
        self,
        quote: Callable[..., QuoteSeen],
        tick: Callable[[float], TimeSeen],
        start: float,
        pairs: tuple[str, ...] = tuple(MIDS),
    ) -> None:
        self._quote, self._tick = quote, tick
        self.now = start
        self.mids = dict(MIDS)
        self.pairs = pairs
        self.chance = random.Random(7)  # noqa: S311  a seeded feed, no secret
        self.silent: set[str] = set()
        self.frozen: set[str] = set()
        self.crossed: set[str] = set()
        self.factor = 1.0
        self.off: dict[str, float] = {}
        self._last: dict[str, tuple[float, float]] = {}

    def seconds(self, number: int) -> list[Observation]:
        """What comes in so many seconds."""
        seen: list[Observation] = []
        for _ in range(number):
            seen += sorted(self._second(), key=lambda each: each.at_seconds)
            self.now += 1.0
            seen.append(self._tick(self.now))
        return seen

    def _second(self) -> Iterator[QuoteSeen]:
        for pair in ("EUR/USD", "USD/JPY"):
            self.mids[pair] *= 1 + self.chance.gauss(0, 2e-5)
        self.mids["EUR/JPY"] = self.mids["EUR/USD"] * self.mids["USD/JPY"]
        for pair in self.pairs:
            if pair not in self.silent and self.chance.random() < 0.7:
                bid, ask = self._prices(pair)
                yield self._quote(self.now + self.chance.random(), pair, bid, ask)

    def _prices(self, pair: str) -> tuple[float, float]:
        if pair in self.frozen:
            return self._last[pair]
        mid = self.mids[pair] * self.off.get(pair, 1.0)
        half = mid * 0.5e-4 * self.factor * math.exp(self.chance.gauss(0, 0.2))
        self._last[pair] = mid - half, mid + half
        return (mid + half, mid - half) if pair in self.crossed else self._last[pair]


@pytest.fixture
def feed(
    make_quote: Callable[..., QuoteSeen],
    make_tick: Callable[[float], TimeSeen],
    start_seconds: float,
) -> Callable[..., Feed]:
    """Builds a feed."""

    def build(*pairs: str) -> Feed:
        return Feed(make_quote, make_tick, start_seconds, pairs or tuple(MIDS))

    return build


def _kinds(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(each.detector, each.entity) for each in findings}


def test_an_ordinary_day_is_quiet(feed: Callable[..., Feed], judged: Judge) -> None:
    """Three hours of quotes, and not a word."""
    p_values, findings = judged(PriceFeed(), feed().seconds(3 * HOUR))
    assert not findings
    known = [p_value for p_value in p_values if not math.isnan(p_value)]
    assert min(known) > 0


def test_a_pair_that_is_silent_is_told_once(feed: Callable[..., Feed], judged: Judge) -> None:
    """Within a minute or so, with its usual rhythm; the others go on."""
    house = feed()
    seen = house.seconds(HOUR)
    start = house.now
    house.silent.add("EUR/USD")
    seen += house.seconds(300)
    findings = judged(PriceFeed(), seen)[1]
    assert _kinds(findings) == {("stale_prices", "EUR/USD")}
    assert len(findings) == 1
    assert seen[findings[0].row].at_seconds - start < 90
    sentence = findings[0].reason.sentence
    assert sentence.startswith("EUR/USD: no quote for ")
    assert "; at this hour usually one every " in sentence
    assert findings[0].reason.nearest is not None


def test_it_is_told_again_when_it_was_back(feed: Callable[..., Feed], judged: Judge) -> None:
    """Each silence is one finding."""
    house = feed()
    seen = house.seconds(HOUR)
    for _ in range(3):
        house.silent.add("EUR/USD")
        seen += house.seconds(200)
        house.silent.clear()
        seen += house.seconds(600)
    assert len(judged(PriceFeed(), seen)[1]) == 3


def test_a_price_that_stands_still_is_told(feed: Callable[..., Feed], judged: Judge) -> None:
    """Quotes come, and always the same one."""
    house = feed()
    seen = house.seconds(HOUR)
    house.frozen.add("USD/JPY")
    seen += house.seconds(300)
    findings = judged(PriceFeed(), seen)[1]
    assert _kinds(findings) == {("stale_prices", "USD/JPY")}
    assert "while the same quote came " in findings[0].reason.sentence
    names = [part.feature for part in findings[0].reason.contributions]
    assert names == ["price_age", "unchanged_quotes"]


def test_a_source_that_is_silent_is_one_finding(feed: Callable[..., Feed], judged: Judge) -> None:
    """Not one for each of its pairs."""
    house = feed()
    seen = house.seconds(HOUR)
    house.silent.update(MIDS)
    seen += house.seconds(900)
    findings = judged(PriceFeed(), seen)[1]
    assert _kinds(findings) == {("stale_prices", "oanda")}
    assert findings[0].reason.sentence.startswith("Source oanda (3 pairs): no quote of any pair ")


def test_nobody_is_stale_over_the_weekend(feed: Callable[..., Feed], judged: Judge) -> None:
    """From Friday's close to Sunday's opening nothing is expected."""
    house = feed()
    house.now += 3 * 86_400 + 7 * HOUR  # Friday, 19:00 UTC: two hours before the close
    seen = house.seconds(2 * HOUR)
    house.silent.update(MIDS)
    seen += house.seconds(2 * HOUR)
    assert not judged(PriceFeed(), seen)[1]


def test_single_crossed_quotes_come_and_go(feed: Callable[..., Feed], judged: Judge) -> None:
    """One crossed quote is nothing; a run of them is told at the second."""
    house = feed()
    seen = house.seconds(HOUR)
    for _ in range(3):
        house.crossed.add("EUR/USD")
        while True:
            second = house.seconds(1)
            seen += second
            if any(isinstance(each, QuoteSeen) and each.bid > each.ask for each in second):
                break
        house.crossed.clear()
        seen += house.seconds(30 * 60)
    assert not judged(PriceFeed(), seen)[1]
    house.crossed.add("EUR/USD")
    seen += house.seconds(20)
    findings = judged(PriceFeed(), seen)[1]
    assert _kinds(findings) == {("crossed_quotes", "EUR/USD")}
    first = findings[0]
    before = seen[len(seen) - 200 : first.row + 1]
    crossed = [each for each in before if isinstance(each, QuoteSeen) and each.bid > each.ask]
    assert len(crossed) == 2
    assert "usually a bid below the ask, by about " in first.reason.sentence
    assert first.reason.nearest is not None


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_price_is_as_bad(
    feed: Callable[..., Feed], make_quote: Callable[..., QuoteSeen], judged: Judge, bad: float
) -> None:
    """Zero, negative and impossible prices, several in a row."""
    house = feed()
    seen = house.seconds(600)
    seen += [make_quote(house.now + n / 10, "EUR/USD", bad, 1.1) for n in range(5)]
    assert _kinds(judged(PriceFeed(), seen)[1]) == {("crossed_quotes", "EUR/USD")}


def test_a_source_whose_quotes_are_always_crossed(feed: Callable[..., Feed], judged: Judge) -> None:
    """Crossed now and again in every ten minutes: so it is, and nobody is told all day."""
    house = feed("EUR/USD")
    seen: list[Observation] = []
    for _ in range(3 * 60):
        house.crossed.clear()
        seen += house.seconds(55)
        house.crossed.add("EUR/USD")
        seen += house.seconds(5)
    assert len(judged(PriceFeed(), seen)[1]) <= 1


def test_a_spread_that_stays_blown_up(feed: Callable[..., Feed], judged: Judge) -> None:
    """Twenty times the usual for two minutes; a few seconds of news are nothing."""
    house = feed("EUR/USD")
    seen = house.seconds(3 * HOUR)
    house.factor = 20.0
    seen += house.seconds(5)
    house.factor = 1.0
    seen += house.seconds(600)
    assert not judged(PriceFeed(), seen)[1]
    house.factor = 20.0
    seen += house.seconds(150)
    findings = judged(PriceFeed(), seen)[1]
    assert _kinds(findings) == {("crossed_quotes", "EUR/USD")}
    assert findings[0].reason.sentence.startswith("EUR/USD: a spread of ")


def test_one_absurd_quote(
    feed: Callable[..., Feed], make_quote: Callable[..., QuoteSeen], judged: Judge
) -> None:
    """A spread of a tenth of the price, once, is told at once."""
    house = feed("EUR/USD")
    seen = house.seconds(600)
    seen.append(make_quote(house.now, "EUR/USD", 1.0, 1.1))
    findings = judged(PriceFeed(), seen)[1]
    assert [each.row for each in findings] == [len(seen) - 1]


def test_three_prices_that_contradict(feed: Callable[..., Feed], judged: Judge) -> None:
    """A cross that is twenty spreads apart from its two dollar pairs."""
    house = feed()
    seen = house.seconds(HOUR)
    house.off["EUR/JPY"] = 1.002
    seen += house.seconds(60)
    findings = judged(PriceFeed(), seen)[1]
    assert _kinds(findings) == {("crossed_quotes", "EUR/JPY")}
    assert findings[0].reason.sentence.startswith(
        "EUR/JPY and what EUR/USD and USD/JPY make of it are "
    )
    assert findings[0].reason.contributions[0].feature == "triangle_error"
