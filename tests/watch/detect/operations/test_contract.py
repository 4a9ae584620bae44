"""The port's contract, held by every detector of the operations package on a mixed stream."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.observation import (
    CallSeen,
    LogSeen,
    Observation,
    OrderSeen,
    QuoteSeen,
    TimeSeen,
)
from tallystick.watch.detect.operations.calls.client_access import ClientAccess
from tallystick.watch.detect.operations.calls.route_health import RouteHealth
from tallystick.watch.detect.operations.features import FEATURES
from tallystick.watch.detect.operations.logs.log_silence import LogSilence
from tallystick.watch.detect.operations.prices.price_feed import PriceFeed
from tallystick.watch.detect.operations.series.metric_shift import MetricShift

KINDS: dict[str, Callable[..., Detector]] = {
    "access": ClientAccess,
    "lines": LogSilence,
    "prices": PriceFeed,
    "routes": RouteHealth,
    "series": MetricShift,
}
pytestmark = pytest.mark.parametrize("kind", sorted(KINDS))


def _same(one: list[float], other: list[float]) -> bool:
    """Equal numbers, NaN being equal to itself."""
    return len(one) == len(other) and all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(one, other, strict=True)
    )


def _odd(make_house: Callable[[int], object], seed: int, seconds: int = 400) -> list[Observation]:
    """A house in which things go wrong: calls fail and crawl, quotes cross, all fall silent."""
    house = make_house(seed)
    seen: list[Observation] = house.seconds(seconds)  # type: ignore[attr-defined]
    for each in house.seconds(60):  # type: ignore[attr-defined]
        if isinstance(each, CallSeen):
            each = CallSeen(  # noqa: PLW2901
                each.at, each.at_seconds, each.route, 500, 9e6, each.account, "10.0.0.0/24", "new"
            )
        elif isinstance(each, QuoteSeen):
            each = QuoteSeen(  # noqa: PLW2901
                each.at, each.at_seconds, each.pair, each.ask, each.bid, each.source
            )
        seen.append(each)
    seen += [each for each in house.seconds(120) if isinstance(each, TimeSeen)]  # type: ignore[attr-defined]
    return seen


@pytest.mark.parametrize("limit", [1_000, 2])
def test_the_cut_of_the_batches_changes_nothing(
    kind: str, limit: int, make_house: Callable[[int], object], judged: Callable[..., tuple]
) -> None:
    """One batch, many and single rows give the same p-values and findings, also when crowded."""
    seen = _odd(make_house, 1, 150 if limit == 2 else 400)
    whole = judged(KINDS[kind](limit), seen)
    for cuts in (range(7, len(seen), 97), range(1, len(seen))):
        pieces = judged(KINDS[kind](limit), seen, cuts)
        assert _same(whole[0], pieces[0])
        assert whole[1] == pieces[1]


def test_it_never_sees_the_future(
    kind: str, make_house: Callable[[int], object], judged: Callable[..., tuple]
) -> None:
    """The same beginning with other ends gets the same numbers at the beginning."""
    one, other = _odd(make_house, 1), _odd(make_house, 2)
    number = len(one) - 300
    alone = judged(KINDS[kind](), one[:number])
    with_more = judged(KINDS[kind](), one[:number] + other)
    assert _same(alone[0], with_more[0][:number])
    assert alone[1] == [finding for finding in with_more[1] if finding.row < number]


def test_a_restart_changes_nothing(
    kind: str, make_house: Callable[[int], object], judged: Callable[..., tuple]
) -> None:
    """After `snapshot` and `restore` it says what one says that never stopped."""
    seen = _odd(make_house, 3)
    half = len(seen) - 700
    steady, restarted = KINDS[kind](), KINDS[kind]()
    judged(steady, seen[:half])
    restarted.restore(steady.snapshot())
    assert restarted.snapshot() == steady.snapshot()
    after, before = judged(restarted, seen[half:]), judged(steady, seen[half:])
    assert _same(after[0], before[0])
    assert after[1] == before[1]
    assert restarted.snapshot() == steady.snapshot()


@pytest.mark.parametrize("data", [b"", b"\x90", b"\xc0", b"nonsense", b"\x93\x01\x02\x03"])
def test_it_refuses_a_snapshot_of_something_else(kind: str, data: bytes) -> None:
    """Other bytes, and those of other detectors, are an error, and it stays as it was."""
    detector = KINDS[kind]()
    before = detector.snapshot()
    others = [make().snapshot() for name, make in KINDS.items() if name != kind]
    for bad in [data, *others]:
        with pytest.raises(ValueError, match=r"."):
            detector.restore(bad)
    assert detector.snapshot() == before


def test_its_memory_is_bounded(kind: str) -> None:
    """Strangers without end take the place of those longest unheard of."""
    detector = KINDS[kind](8)
    sizes = []
    for number in range(400):
        at = 1_790_683_200.0 + number
        who = f"stranger-{number:06}"
        detector.observe(
            [
                CallSeen("", at, who, 200, 100.0, who, f"10.{number % 250}.0.0/24", who),
                QuoteSeen("", at, who, 1.0, 1.1, who),
                LogSeen("", at, who, who, 1),
                OrderSeen(
                    number, "", at, "decided", "O", who, who, "buy", "new", 1.0, None, None, None
                ),
                TimeSeen("", at + 1),
            ]
        )
        if number in {200, 399} and kind != "access":
            sizes.append(len(detector.snapshot()))
    assert not sizes or sizes[1] <= sizes[0] + 200


odd_numbers = (
    st.sampled_from([0.0, -1.0, 1e-300, 1e300, math.inf, -math.inf, math.nan]) | st.floats()
)
moments = st.floats(1.79e9, 1.79e9 + 60) | odd_numbers | st.just(1e11)
names = st.sampled_from(["a", "b", "EUR/USD", "", "\x1b"])
observations = st.one_of(
    st.builds(
        CallSeen,
        at=st.just(""),
        at_seconds=moments,
        route=names,
        status=st.integers(-(2**70), 2**70),
        duration_us=odd_numbers,
        account=st.none() | names,
        address=st.none() | names,
        key=st.none() | names,
    ),
    st.builds(
        QuoteSeen,
        at=st.just(""),
        at_seconds=moments,
        pair=names,
        bid=odd_numbers,
        ask=odd_numbers,
        source=names,
    ),
    st.builds(
        LogSeen,
        at=st.just(""),
        at_seconds=moments,
        index=names,
        service=names,
        lines=st.integers(-(2**70), 2**70),
    ),
    st.builds(TimeSeen, at=st.just(""), at_seconds=moments),
)


@settings(max_examples=30, deadline=None)
@given(poison=st.lists(observations, max_size=60))
def test_no_input_breaks_it(kind: str, poison: list[Observation]) -> None:
    """Whatever is observed it raises nothing, says finite things, and can be saved and restored."""
    detector = KINDS[kind]()
    for _ in range(2):
        judged = detector.observe(poison)
        assert len(judged.p_values) == len(poison)
        for p_value in judged.p_values:
            assert math.isnan(p_value) or 0 < p_value <= 1
        for finding in judged.findings:
            assert 0 <= finding.row < len(poison)
            assert all(
                math.isfinite(number)
                for each in finding.reason.contributions
                for number in (each.came, each.expected_low, each.expected_high, each.surprise)
            )
    KINDS[kind]().restore(detector.snapshot())


def test_poison_does_not_spoil_it(
    kind: str, make_house: Callable[[int], object], judged: Callable[..., tuple]
) -> None:
    """A detector that was fed rubbish finds afterwards what one finds that was not."""
    rubbish: list[Observation] = []
    for number in (math.nan, math.inf, -1e300, 1e300, 0.0):
        rubbish += [
            CallSeen("", number, "POST /v1/orders", 2**40, number, "client-1", "x", "y"),
            QuoteSeen("", number, "EUR/USD", number, number, "oanda"),
            LogSeen("", number, "main", "gateway", 2**60),
            TimeSeen("", number),
        ]
    seen = _odd(make_house, 4)
    clean, poisoned = KINDS[kind](), KINDS[kind]()
    judged(poisoned, rubbish)
    named = [
        {(finding.detector, finding.entity) for finding in judged(each, seen)[1]}
        for each in (clean, poisoned)
    ]
    assert named[0] <= named[1]


def test_every_number_it_names_is_a_feature(
    kind: str, make_house: Callable[[int], object], judged: Callable[..., tuple]
) -> None:
    """Contributions name features of the registry, in its unit, of this detector."""
    detector = KINDS[kind](alarm_p=1e-3)
    for finding in judged(detector, _odd(make_house, 5, 700))[1]:
        assert finding.detector in detector.names
        assert finding.reason.contributions
        for part in finding.reason.contributions:
            feature = FEATURES[part.feature]
            assert feature.unit == part.unit
            assert finding.detector in feature.detectors
        surprises = [part.surprise for part in finding.reason.contributions]
        assert surprises == sorted(surprises, reverse=True)
