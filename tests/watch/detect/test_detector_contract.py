"""The contract of the port, held by every detector of the registry."""

import inspect
import math
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.detectors import DETECTORS
from tallystick.watch.detect.observation import (
    AccountSeen,
    CallSeen,
    LogSeen,
    Observation,
    OrderSeen,
    QuoteSeen,
    TimeSeen,
)
from tallystick.watch.detect.score import Finding, Judged

pytestmark = pytest.mark.parametrize("name", sorted(DETECTORS))
START = 1_790_000_000.0
PAIRS = {"EUR/USD": 1.08, "USD/JPY": 150.0, "GBP/USD": 1.27}


def stream(seed: int, number: int, names: int = 6) -> list[Observation]:
    """A desk's day, far too wild to be one: every kind of observation, habits and what breaks them.

    Accounts trade, cancel and are rejected, prices move, calls fail, lines are counted.
    """
    chance = random.Random(seed)  # noqa: S311  a seeded stream, no secret
    return list(_happening(chance, number, names))


def _happening(chance: random.Random, number: int, names: int) -> Iterator[Observation]:
    now, prices, waiting = START, dict(PAIRS), list[OrderSeen]()
    for position in range(number):
        now += chance.expovariate(0.2)
        at = rfc3339(round(now * NS_PER_SECOND))
        account = f"a{int(names * chance.random() ** 2)}"
        pair = chance.choice(sorted(prices))
        prices[pair] *= math.exp(chance.gauss(0, 2e-5))
        mid = prices[pair]
        wild = position > number // 2 and chance.random() < 0.02
        kind = chance.random()
        if kind < 0.6:
            order = _order(chance, position, at, now, account, pair, mid, wild=wild)
            yield order
            if order.state == "new":
                waiting.append(order)
        elif kind < 0.7 and waiting:
            yield _end(chance, waiting.pop(0), position, at, now)
        elif kind < 0.8:
            status = 500 if wild else 201
            yield CallSeen(
                at, now, "POST /v1/orders", status, 9e6 if wild else 900.0, account, "10.0.0.0/24",
                f"k{chance.randrange(200) if wild else 1}",
            )  # fmt: skip
        elif kind < 0.9:
            half = -0.001 if wild else 0.0001
            yield QuoteSeen(at, now, pair, mid - half, mid + half, "feed")
        elif kind < 0.95:
            yield LogSeen(at, now, "app", f"s{chance.randrange(3)}", 0 if wild else 20)
        elif kind < 0.96:
            yield AccountSeen(position, at, now, "funds", account, funds_usd=-10.0 if wild else 1e5)
        else:
            yield TimeSeen(at, now)


def _order(
    chance: random.Random,
    position: int,
    at: str,
    now: float,
    account: str,
    pair: str,
    mid: float,
    *,
    wild: bool,
) -> OrderSeen:
    limited = chance.random() < 0.5
    side = chance.choice(("buy", "sell"))
    sign = 1 if side == "buy" else -1
    state = "rejected" if chance.random() < (0.9 if wild else 0.03) else "filled"
    if limited and chance.random() < 0.6:
        state = "new"
    quantity = round(math.exp(chance.gauss(13, 0.5)) * (300 if wild else 1))
    away = -0.03 if wild else chance.expovariate(1e4)
    return OrderSeen(
        position, at, now, "decided", f"O-{position}", account, pair, side, state, quantity,
        mid * (1 - sign * away) if limited else None, mid if state == "filled" else None, mid,
        mid - 0.0001, mid + 0.0001, quantity if state == "filled" else 0.0,
        "limit" if limited else "market",
    )  # fmt: skip


def _end(chance: random.Random, order: OrderSeen, position: int, at: str, now: float) -> OrderSeen:
    cancelled = chance.random() < 0.5
    return OrderSeen(
        position, at, now, "cancelled" if cancelled else "filled", order.order_id, order.account,
        order.pair, order.side, "cancelled" if cancelled else "filled", order.quantity,
        order.limit_price, None if cancelled else order.limit_price, order.mid, order.bid,
        order.ask, 0.0 if cancelled else order.quantity, "limit",
    )  # fmt: skip


def judged(
    detector: Detector, seen: Sequence[Observation], cuts: Sequence[int] = ()
) -> tuple[list[float], list[Finding]]:
    """What the detector says of the stream, cut at these rows; rows are the stream's."""
    p_values: list[float] = []
    findings: list[Finding] = []
    for begin, end in pairwise((0, *cuts, len(seen))):
        said: Judged = detector.observe(seen[begin:end])
        assert len(said.p_values) == end - begin
        p_values += said.p_values
        findings += [_moved(finding, begin) for finding in said.findings]
    return p_values, findings


def _moved(finding: Finding, by: int) -> Finding:
    return Finding(
        finding.row + by, finding.detector, finding.family, finding.entity, finding.p_value,
        finding.refractory_seconds, finding.reason,
    )  # fmt: skip


def same(one: Sequence[float], other: Sequence[float]) -> bool:
    """Equal numbers, NaN being equal to itself."""
    return len(one) == len(other) and all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(one, other, strict=True)
    )


def small(name: str, limit: int) -> Detector | None:
    """The detector for so few entities; None where their number cannot be chosen."""
    make = DETECTORS[name]
    known = inspect.signature(make).parameters
    return make(entities_max=limit) if "entities_max" in known else None


def test_its_findings_are_its_own(name: str) -> None:
    """Every finding bears one of its names, a family, a sentence, and numbers that are some."""
    detector = DETECTORS[name]()
    p_values, findings = judged(detector, stream(1, 6_000))
    assert detector.names
    assert detector.observes
    assert all(math.isnan(p_value) or 0 < p_value <= 1 for p_value in p_values)
    for finding in findings:
        assert finding.detector in detector.names
        assert finding.family in {"market_abuse", "fraud", "operations"}
        assert finding.refractory_seconds > 0
        assert 0 < finding.p_value <= 1
        assert finding.reason.sentence.endswith(".")
        assert finding.reason.contributions
        surprises = [part.surprise for part in finding.reason.contributions]
        assert surprises == sorted(surprises, reverse=True)
        assert all(math.isfinite(part.came) for part in finding.reason.contributions)
        assert list(finding.reason.positions) == sorted(set(finding.reason.positions))


@pytest.mark.parametrize("limit", [100, 3])
def test_the_cut_of_the_batches_changes_nothing(name: str, limit: int) -> None:
    """One batch, many and single rows say the same, also when entities must be forgotten."""
    seen = stream(2, 1_500, names=12)
    whole = judged(small(name, limit) or DETECTORS[name](), seen)
    for cuts in (range(7, len(seen), 97), range(1, len(seen))):
        pieces = judged(small(name, limit) or DETECTORS[name](), seen, cuts)
        assert same(whole[0], pieces[0])
        assert whole[1] == pieces[1]


def test_it_never_sees_the_future(name: str) -> None:
    """The same beginning with another end gets the same numbers at the beginning."""
    one, other = stream(3, 3_000), stream(4, 3_000)
    alone = judged(DETECTORS[name](), one[:2_000])
    for end in (one[2_000:], other[2_000:]):
        p_values, findings = judged(DETECTORS[name](), one[:2_000] + end)
        assert same(p_values[:2_000], alone[0])
        assert [finding for finding in findings if finding.row < 2_000] == alone[1]


def test_a_restart_changes_nothing(name: str) -> None:
    """After `snapshot` and `restore` it says what one says that never stopped."""
    seen = stream(5, 4_000)
    steady, restarted = DETECTORS[name](), DETECTORS[name]()
    judged(steady, seen[:2_500])
    state = steady.snapshot()
    restarted.restore(state)
    assert restarted.snapshot() == state
    one, other = (judged(each, seen[2_500:]) for each in (steady, restarted))
    assert same(one[0], other[0])
    assert one[1] == other[1]


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x93\x01\x02\x03", b"\x80", bytes(64)])
def test_it_refuses_a_snapshot_of_something_else(name: str, data: bytes) -> None:
    """Strange bytes, and a snapshot that was cut short, are an error and change nothing."""
    detector = DETECTORS[name]()
    judged(detector, stream(6, 400))
    state = detector.snapshot()
    for broken in (data, state[: len(state) // 2]):
        with pytest.raises(ValueError, match=r"."):
            detector.restore(broken)
        assert detector.snapshot() == state


def test_its_memory_is_bounded(name: str) -> None:
    """A stream of strangers leaves no more behind than its limit of entities."""
    detector = small(name, 4)
    if detector is None:
        pytest.skip("the number of its entities cannot be chosen")
    judged(detector, stream(7, 3_000, names=300))
    size = len(detector.snapshot())
    judged(detector, stream(8, 6_000, names=3_000))
    assert len(detector.snapshot()) <= size * 1.1 + 2_000


anything = st.floats() | st.sampled_from([0.0, 1e-320, 1e308, -1.0, 1e21])
when = st.floats() | st.floats(1.7e9, 1.9e9) | st.sampled_from([0.0, 1e18, -1e18, START])
text = st.text(max_size=3) | st.sampled_from(["a", "EUR/USD", "buy", "sell", "filled", "new"])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.builds(
            OrderSeen, st.integers(-1, 2**62), st.just("2026-11-22T04:30:00.000000Z"), when,
            st.sampled_from(["decided", "filled", "cancelled", "expired"]), text, text, text, text,
            st.sampled_from(["filled", "new", "rejected", "?"]), anything, st.none() | anything,
            st.none() | anything, st.none() | anything, st.none() | anything, st.none() | anything,
            anything, text, text, text, st.booleans(),
        )
        | st.builds(
            AccountSeen, st.integers(0, 2**62), st.just(""), when,
            st.sampled_from(["opened", "limits", "funds", "margin"]), text, st.none() | text,
            st.none() | anything, st.none() | anything, st.none() | anything,
        )
        | st.builds(
            CallSeen, st.just("2026-11-22T04:30:00.000000Z"), when, text,
            st.integers(-(2**70), 2**70), anything, st.none() | text, st.none() | text,
            st.none() | text,
        )
        | st.builds(QuoteSeen, st.just(""), when, text, anything, anything, text)
        | st.builds(LogSeen, st.just(""), when, text, text, st.integers(-(2**70), 2**70))
        | st.builds(TimeSeen, st.just(""), when),
        max_size=60,
    )
)  # fmt: skip
def test_no_input_breaks_it(name: str, poison: list[Observation]) -> None:
    """Not finite, huge, repeated, out of order: it stays a detector and can be saved."""
    detector = DETECTORS[name]()
    for batch in (poison, poison, [*reversed(poison)]):
        said = detector.observe(batch)
        assert len(said.p_values) == len(batch)
        assert all(math.isnan(p_value) or 0 < p_value <= 1 for p_value in said.p_values)
    detector.restore(detector.snapshot())
    p_values, _ = judged(detector, stream(9, 300))
    assert all(math.isnan(p_value) or 0 < p_value <= 1 for p_value in p_values)


def test_poison_does_not_blind_it(name: str) -> None:
    """Poison in between, with clocks that jump, leaves as many findings as there were."""
    seen = stream(10, 6_000)
    clean = judged(DETECTORS[name](), seen)[1]
    detector = DETECTORS[name]()
    poison: list[Callable[[float], Observation]] = [
        lambda at: QuoteSeen("", at, "EUR/USD", math.nan, math.inf, "feed"),
        lambda at: OrderSeen(
            1, "", at, "decided", "X", "a0", "EUR/USD", "buy", "filled", math.nan, None, None, None
        ),
        lambda at: LogSeen("", at, "app", "s1", -5),
    ]
    first = judged(detector, seen[:3_000])[1]
    for at in (math.nan, math.inf, -1e12):
        detector.observe([make(at) for make in poison])
    second = judged(detector, seen[3_000:])[1]
    assert abs(len(first) + len(second) - len(clean)) <= max(3, len(clean) // 4)
