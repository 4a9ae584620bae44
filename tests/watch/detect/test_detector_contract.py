"""The contract of the port, held by every detector of the registry."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.detectors import DETECTORS
from tallystick.watch.detect.observation import CallSeen, Observation, OrderSeen, order_seen
from tallystick.watch.detect.robust import WARM_UP_POINTS

pytestmark = pytest.mark.parametrize("name", sorted(DETECTORS))
positive = st.floats(1e-9, 1e21)


def _observations(flow: object) -> list[Observation]:
    """A flow's orders, each with the API call that carried it (every tenth is slow or fails)."""
    seen: list[Observation] = []
    for message in flow.messages:  # type: ignore[attr-defined]
        order = order_seen(message.position, message.body)
        assert order is not None
        odd = order.position % 97 < 8
        call = CallSeen(
            order.at,
            order.at_seconds,
            f"POST /v1/{order.account}",
            500 if odd and order.position % 2 else 201,
            900_000.0 if odd else 800.0 + order.position % 50,
            order.account,
        )
        seen += [order, call]
    return seen


def _scores(detector: Detector, observations: Sequence[Observation]) -> list[object]:
    return [detector.observe(observation) for observation in observations]


def test_its_name_is_its_key(name: str) -> None:
    """The name in an anomaly's id is the name in the registry."""
    detector = DETECTORS[name]()
    assert detector.name == name
    assert detector.refractory_seconds > 0


def test_it_never_sees_the_future(name: str, make_flow: Callable[..., object]) -> None:
    """Flows with the same beginning and different ends get the same scores at the beginning."""
    one, other = (_observations(make_flow(seed, orders=3_000)) for seed in (1, 2))
    prefix = one[:4_000]
    alone = _scores(DETECTORS[name](), prefix)
    assert _scores(DETECTORS[name](), one)[:4_000] == alone
    assert _scores(DETECTORS[name](), prefix + other)[:4_000] == alone
    assert any(alone)


def test_a_restart_changes_nothing(name: str, make_flow: Callable[..., object]) -> None:
    """Scores after `snapshot` and `restore` equal those of a detector that never stopped."""
    observations = _observations(make_flow(3, orders=4_000))
    steady = DETECTORS[name]()
    _scores(steady, observations[:4_001])
    restarted = DETECTORS[name]()
    restarted.restore(steady.snapshot())
    assert restarted.snapshot() == steady.snapshot()
    assert _scores(restarted, observations[4_001:]) == _scores(steady, observations[4_001:])


@pytest.mark.parametrize("data", [b"", b"\x90", b"nonsense", b"\x93\x01\x02\x03", b"\x91\x01"])
def test_it_refuses_a_snapshot_of_something_else(name: str, data: bytes) -> None:
    """Bytes of another detector are an error; an empty list is nobody known."""
    if data == b"\x90" and name in {"reject_streak", "request_errors"}:
        data = b"\xc0"
    with pytest.raises(ValueError, match=r"."):
        DETECTORS[name]().restore(data)


def test_it_forgets_the_least_recent_entity(
    name: str, make_order: Callable[..., OrderSeen]
) -> None:
    """Beyond its limit a detector forgets who was not heard of, and its memory stays bounded."""
    detector = DETECTORS[name](2)  # type: ignore[call-arg]

    def hear(who: str) -> object:
        order = make_order(1, account=who, pair=f"{who}/X", price=1.08)
        call = CallSeen(order.at, order.at_seconds, who, 200, 100.0, who)
        return detector.observe(order) or detector.observe(call)

    for _ in range(WARM_UP_POINTS + 1):
        hear("a")
        hear("b")
    size = len(detector.snapshot())
    for n in range(50):
        hear(f"stranger-{n}")
    assert hear("a") is None
    assert len(detector.snapshot()) <= size + 100


@settings(max_examples=40, deadline=None)
@given(
    orders=st.lists(
        st.builds(
            OrderSeen,
            position=st.integers(0, 2**53),
            at=st.just("2026-11-22T04:30:00Z"),
            at_seconds=st.floats(-1e11, 1e11),
            event=st.sampled_from(["decided", "filled"]),
            order_id=st.text(max_size=3),
            account=st.sampled_from(["a", "\x1b"]),
            pair=st.sampled_from(["EUR/USD", ""]),
            side=st.text(max_size=3),
            state=st.sampled_from(["filled", "new", "rejected", "?"]),
            quantity=positive,
            limit_price=st.none() | positive,
            fill_price=st.none() | positive,
            mid=st.none() | positive,
        ),
        max_size=80,
    ),
    calls=st.lists(
        st.builds(
            CallSeen,
            at=st.just("2026-11-22T04:30:00Z"),
            at_seconds=st.floats(-1e11, 1e11),
            route=st.sampled_from(["a", "b"]),
            status=st.integers(-(2**70), 2**70),
            duration_us=st.floats(0, 86_400_000_000),
            account=st.none() | st.text(max_size=3),
        ),
        max_size=80,
    ),
)
def test_no_input_breaks_it(name: str, orders: list[OrderSeen], calls: list[CallSeen]) -> None:
    """Whatever is observed, scores are probabilities and reasons are finite."""
    detector = DETECTORS[name]()
    for observation in [*orders, *calls]:
        score = detector.observe(observation)
        if score is None:
            continue
        assert 0 < score.p_value <= 1
        if score.reason is not None:
            numbers = [(c.came, c.surprise) for c in score.reason.contributions]
            assert all(abs(came) < 1e40 and 0 < surprise < 13 for came, surprise in numbers)
    detector.restore(detector.snapshot())
