"""Orders whose parts are usual and whose combination is not; and the contract of the port."""

import math
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.watch.detect.combination import Combination
from tallystick.watch.detect.combination.detector import HOUSE_WARM_UP, WARM_UP
from tallystick.watch.detect.combination.features import FEATURES
from tallystick.watch.detect.combination.kernels import COORDINATES
from tallystick.watch.detect.observation import CallSeen, Observation, OrderSeen
from tallystick.watch.detect.orders.watch import OrderWatch
from tallystick.watch.detect.score import ALARM_P_MAX, Finding

House = Callable[..., list[OrderSeen]]
LOUD = 1e-3


def _judged(
    detector: Combination, seen: Sequence[Observation], cut: int = 512
) -> tuple[list[float], list[Finding]]:
    p_values: list[float] = []
    findings: list[Finding] = []
    for start in range(0, len(seen), cut):
        judged = detector.observe(seen[start : start + cut])
        p_values += judged.p_values
        findings += [msgspec.structs.replace(one, row=one.row + start) for one in judged.findings]
    return p_values, findings


def _same(one: list[float], other: list[float]) -> bool:
    return msgspec.json.encode(one) == msgspec.json.encode(other)


def test_only_the_combination_is_odd_and_it_alone_fires(make_house: House) -> None:
    """A usual pair, side, size, hour and kind of order, but never together: no other detector."""
    orders = make_house(5, accounts=30, days=42, odd=2)
    odd = orders[-1]
    own = [one for one in orders[:-1] if one.account == odd.account]
    assert sum(one.pair == odd.pair for one in own) > WARM_UP
    assert sum(one.side == odd.side for one in own) > WARM_UP
    assert not any(one.pair == odd.pair and one.side == odd.side for one in own)
    _, findings = _judged(Combination(1_000), orders)
    assert [one.row for one in findings] == [len(orders) - 1]
    watch = OrderWatch(1_000)
    others = [
        start + one.row
        for start in range(0, len(orders), 512)
        for one in watch.observe(orders[start : start + 512]).findings
    ]
    assert len(orders) - 1 not in others


def test_the_finding_says_what_does_not_go_together(make_house: House) -> None:
    """Counts of the parts and of both, what came and was expected, an ordinary order to look at."""
    orders = make_house(5, accounts=30, days=42, odd=2)
    odd = orders[-1]
    _, (found,) = _judged(Combination(1_000), orders)
    assert (found.detector, found.family, found.entity) == (
        "unusual_combination",
        "fraud",
        odd.account,
    )
    assert 0 < found.p_value <= ALARM_P_MAX
    told = found.reason
    assert told.positions == (odd.position,)
    assert f"orders before were in {odd.pair}" in told.sentence
    assert "none both" in told.sentence
    assert "do not go together" in told.sentence
    assert "none of" in told.came
    assert "about" in told.expected
    assert 2 <= len(told.contributions) <= 3
    for part in told.contributions:
        assert part.unit == FEATURES[part.feature].unit
        assert not part.expected_low <= part.came <= part.expected_high
    surprises = [part.surprise for part in told.contributions]
    assert surprises == sorted(surprises, reverse=True)
    nearest = told.nearest
    assert nearest is not None
    assert nearest.position is not None
    example = orders[nearest.position]
    assert example.account == odd.account
    assert example.position < odd.position
    assert nearest.text.startswith(f"{example.side} {example.quantity:,.0f} {example.pair} at ")
    assert nearest.at == example.at


def test_ordinary_days_are_silent(make_house: House) -> None:
    """Four weeks of a house of habits: no finding, and p-values that are shares."""
    for seed in (1, 2):
        p_values, findings = _judged(Combination(1_000), make_house(seed))
        told = [p for p in p_values if not math.isnan(p)]
        assert findings == []
        assert len(told) > 1_000
        assert sum(p <= 0.01 for p in told) / len(told) < 0.05


def test_it_waits_until_it_knows_enough(make_house: House) -> None:
    """Nothing is judged before the account, and the house, have shown enough orders."""
    orders = make_house(3)
    p_values, _ = _judged(Combination(1_000), orders)
    assert all(math.isnan(p) for p in p_values[:HOUSE_WARM_UP])
    seen: dict[str, int] = {}
    for one, p_value in zip(orders, p_values, strict=True):
        seen[one.account] = seen.get(one.account, 0) + 1
        assert seen[one.account] > WARM_UP or math.isnan(p_value)


def test_batches_change_nothing(make_house: House) -> None:
    """However the stream is cut, also where accounts have to be forgotten."""
    orders = make_house(3, odd=2)
    for limit in (1_000, 5):
        whole, found = _judged(Combination(limit, LOUD), orders, len(orders))
        for cut in (1, 61):
            p_values, findings = _judged(Combination(limit, LOUD), orders, cut)
            assert _same(p_values, whole)
            assert findings == found
        assert limit < 1_000 or found


def test_it_never_sees_the_future(make_house: House) -> None:
    """Houses with the same beginning get the same scores there."""
    one, other = make_house(1), make_house(2)
    alone, _ = _judged(Combination(1_000), one[:1_500])
    both, _ = _judged(Combination(1_000), one[:1_500] + other)
    assert _same(both[:1_500], alone)


def test_a_restart_changes_nothing(make_house: House) -> None:
    """Scores after `snapshot` and `restore` equal those of a detector that never stopped."""
    orders = make_house(3, odd=2)
    steady = Combination(8, LOUD)
    _judged(steady, orders[:1_501])
    restarted = Combination(8, LOUD)
    restarted.restore(steady.snapshot())
    assert restarted.snapshot() == steady.snapshot()
    assert len(restarted) == len(steady)
    again, found = _judged(restarted, orders[1_501:])
    p_values, findings = _judged(steady, orders[1_501:])
    assert _same(again, p_values)
    assert found == findings


@pytest.mark.parametrize("data", [b"", b"\x90", b"nonsense", b"\x93\x01\x02\x03", b"\xc0"])
def test_it_refuses_what_is_no_snapshot(data: bytes, make_house: House) -> None:
    """Bytes of something else are an error, and change nothing."""
    detector = Combination(20)
    _judged(detector, make_house(1)[:300])
    before = detector.snapshot()
    with pytest.raises(ValueError, match=r"."):
        detector.restore(data)
    with pytest.raises(ValueError, match="accounts"):
        detector.restore(Combination(21).snapshot())
    assert detector.snapshot() == before


def test_a_cut_snapshot_is_refused(make_house: House) -> None:
    """One whose arrays are too short, or whose pairs are too many, is none."""
    detector = Combination(20)
    _judged(detector, make_house(1)[:300])
    saved = msgspec.msgpack.decode(detector.snapshot())
    for place, other in ((-2, saved[-2][:-8]), (-1, saved[-1][:-8]), (-3, ["EUR/USD"] * 2_000)):
        changed = list(saved)
        changed[place] = other
        with pytest.raises(ValueError, match="snapshot"):
            Combination(20).restore(msgspec.msgpack.encode(changed))


def test_memory_is_bounded(make_house: House) -> None:
    """Beyond its limit it forgets who was silent longest; pairs without end cost nothing."""
    base = make_house(1)[0]
    detector = Combination(4)
    size = 0
    for number in range(3_000):
        one = msgspec.structs.replace(
            base, account=f"a{number}", pair=f"P{number}/USD", at_seconds=base.at_seconds + number
        )
        detector.observe([one])
        assert len(detector) <= 4
        if number == 2_000:
            size = len(detector.snapshot())
    assert len(detector.snapshot()) <= size + 100


def test_only_own_decided_orders_are_judged(make_house: House) -> None:
    """Fills, cancels, the desk's own orders and calls leave no trace."""
    orders = make_house(1)[:400]
    extra: list[Observation] = []
    for one in orders:
        extra += [
            one,
            msgspec.structs.replace(one, event="filled"),
            msgspec.structs.replace(one, own=False),
            CallSeen(one.at, one.at_seconds, "POST /v1/orders", 201, 800.0, one.account),
        ]
    plain, mixed = Combination(100), Combination(100)
    _judged(plain, orders)
    _judged(mixed, extra)
    assert plain.snapshot() == mixed.snapshot()


def test_a_clock_that_jumps_does_no_harm(make_house: House) -> None:
    """Years ahead and back, NaN and infinity: afterwards the odd order is found as before."""
    orders = make_house(5, accounts=30, days=42, odd=2)
    middle = len(orders) - 800
    broken = [
        msgspec.structs.replace(orders[middle], account="broken", **change)
        for change in (
            {"at_seconds": math.nan},
            {"at_seconds": math.inf},
            {"at_seconds": 9e9},
            {"at_seconds": -9e9},
            {"quantity": math.nan},
            {"quantity": math.inf},
            {"quantity": 0.0},
            {"limit_price": math.inf},
            {"limit_price": 1e-300, "mid": 1e21},
            {"mid": math.nan},
            {"side": "?"},
            {"at_seconds": 8e9},
            {"at_seconds": 0.0},
        )
    ]
    _, findings = _judged(Combination(1_000), [*orders[:middle], *broken, *orders[middle:]])
    assert [one.row for one in findings] == [len(orders) - 1 + len(broken)]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.builds(
            OrderSeen,
            position=st.integers(0, 2**53),
            at=st.just("2026-11-22T04:30:00Z"),
            at_seconds=st.floats(allow_nan=True) | st.floats(0, 1e9),
            event=st.sampled_from(["decided", "filled"]),
            order_id=st.text(max_size=3),
            account=st.sampled_from(["a", "\x1b"]),
            pair=st.sampled_from(["EUR/USD", ""]),
            side=st.sampled_from(["buy", "sell", ""]),
            state=st.sampled_from(["filled", "new", "rejected", "?"]),
            quantity=st.floats(allow_nan=True) | st.floats(1, 1e6),
            limit_price=st.none() | st.floats(allow_nan=True),
            fill_price=st.none() | st.floats(allow_nan=True),
            mid=st.none() | st.floats(allow_nan=True),
            kind=st.sampled_from(["", "market", "limit", "stop", "pegged"]),
        ),
        max_size=200,
    )
)
def test_no_input_breaks_it(warm: Callable[[], bytes], orders: list[OrderSeen]) -> None:
    """Whatever is observed, scores are probabilities and reasons are finite."""
    detector = Combination(20, alarm_p=1.0)
    detector.restore(warm())
    judged = detector.observe(orders)
    assert all(math.isnan(p) or 0 < p <= 1 for p in judged.p_values)
    for one in judged.findings:
        told = one.reason.contributions
        numbers = [(part.came, part.expected_low, part.expected_high) for part in told]
        assert all(abs(number) < 1e40 for row in numbers for number in row)
        assert all(0 <= part.surprise < 13 for part in told)
    detector.restore(detector.snapshot())


@pytest.fixture(scope="module")
def warm(make_house: House) -> Callable[[], bytes]:
    """What a detector knows after some weeks, two of whose accounts are called as in the test."""
    detector = Combination(20)
    names = {"client-0": "a", "client-1": "\x1b"}
    _judged(
        detector,
        [
            msgspec.structs.replace(one, account=names.get(one.account, one.account))
            for one in make_house(1)
        ],
    )
    data = detector.snapshot()
    return lambda: data


def test_features_are_the_coordinates() -> None:
    """Every coordinate has a name of its own in the registry, in order."""
    assert len(FEATURES) == COORDINATES
    assert all(name.startswith("combination_") for name in FEATURES)
    assert {one.detectors for one in FEATURES.values()} == {("unusual_combination",)}
    assert Combination.names == ("unusual_combination",)
    assert Combination.observes == (OrderSeen,)
