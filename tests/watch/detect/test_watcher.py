"""The watcher takes each message once, says each anomaly once, and survives a restart."""

from collections.abc import Callable

import pytest

from tallystick.errors import Corrupt
from tallystick.stream.message import Message
from tallystick.watch.detect import DETECTORS, Anomaly, Watcher


def new_watcher(on_anomaly: Callable[[Anomaly], None]) -> Watcher:
    """A watcher with every detector of the registry."""
    return Watcher([new() for new in DETECTORS.values()], on_anomaly)


def quiet_then_fat(make_entry: Callable[..., bytes], start: float) -> list[Message]:
    """60 ordinary orders, then one of 250 million, a second apart."""
    ordinary = [
        Message(n, make_entry(n, at_seconds=start + n, quantity=900_000 + 10_000 * (n % 20)))
        for n in range(60)
    ]
    fat = make_entry(60, at_seconds=start + 60, quantity=250_000_000)
    return [*ordinary, Message(60, fat)]


def test_a_fat_finger_is_explained(make_entry: Callable[..., bytes], start_seconds: float) -> None:
    """The anomaly says what was expected and what came, and leads to the order's proof."""
    found: list[Anomaly] = []
    watcher = new_watcher(found.append)
    assert watcher.take(quiet_then_fat(make_entry, start_seconds)) == 61
    (anomaly,) = found
    assert anomaly.id == "order_size:60"
    assert (anomaly.position, anomaly.order_id, anomaly.account) == (60, "O-60", "demo")
    assert anomaly.sentence.startswith(
        "demo bought 250,000,000 EUR/USD; its orders in EUR/USD are usually "
        "between 910,000 and 1,100,000 ("
    )
    assert (anomaly.came, anomaly.expected) == (
        "250,000,000",
        "between 910,000 and 1,100,000",
    )
    assert anomaly.p_value < 1e-6
    assert watcher.recent(10) == [anomaly]
    assert watcher.recent(0) == []


def test_a_message_is_taken_once(make_entry: Callable[..., bytes], start_seconds: float) -> None:
    """Redelivered messages are dropped by position and teach nothing."""
    found: list[Anomaly] = []
    watcher = new_watcher(found.append)
    messages = quiet_then_fat(make_entry, start_seconds)
    watcher.take(messages)
    before = watcher.snapshot()
    assert watcher.take(messages) == 0
    assert watcher.snapshot() == before
    assert len(found) == 1
    assert watcher.position == 61


def test_a_burst_is_one_anomaly(make_entry: Callable[..., bytes], start_seconds: float) -> None:
    """200 orders in 2 s give one anomaly of the rate, not 200; the next minute's gives another."""
    found: list[Anomaly] = []
    watcher = new_watcher(found.append)
    times = [start_seconds + 10 * n for n in range(100)]
    for begin in (times[-1] + 5, times[-1] + 120):
        times += [begin + 0.01 * n for n in range(200)]
    watcher.take(Message(n, make_entry(n, at_seconds=at)) for n, at in enumerate(times))
    assert [anomaly.detector for anomaly in found] == ["order_rate", "order_rate"]
    assert "demo sent about 1" in found[0].sentence


def test_a_restart_between_any_two_messages_changes_nothing(
    make_flow: Callable[..., object],
) -> None:
    """Stopped and restored again and again, the same anomalies come under the same ids."""
    messages: list[Message] = make_flow(5, orders=6_000).messages  # type: ignore[attr-defined]
    steady: list[Anomaly] = []
    new_watcher(steady.append).take(messages)
    found: list[Anomaly] = []
    saved = new_watcher(found.append).snapshot()
    for first in range(0, len(messages), 700):
        watcher = new_watcher(found.append)
        watcher.restore(saved)
        assert watcher.position == first
        watcher.take(messages[max(0, first - 50) : first + 700])
        saved = watcher.snapshot()
    assert found == steady
    assert len(steady) > 20


def test_a_replay_finds_the_same_ids(make_flow: Callable[..., object]) -> None:
    """A watcher whose state is older than what was told says the same ids again."""
    messages: list[Message] = make_flow(6, orders=6_000).messages  # type: ignore[attr-defined]
    found: list[Anomaly] = []
    watcher = new_watcher(found.append)
    watcher.take(messages[:3_000])
    saved = watcher.snapshot()
    told = len(found)
    watcher.take(messages[3_000:])
    again: list[Anomaly] = []
    replay = new_watcher(again.append)
    replay.restore(saved)
    replay.take(messages)
    assert again == found[told:]
    assert len({anomaly.id for anomaly in found}) == len(found)


def test_what_could_not_be_told_is_told_first_next_time(
    make_entry: Callable[..., bytes], start_seconds: float
) -> None:
    """An error of the listener reaches the caller; the anomaly is not lost, also in a snapshot."""
    found: list[Anomaly] = []
    broken = True

    def listener(anomaly: Anomaly) -> None:
        if broken:
            raise OSError("the disk is full")
        found.append(anomaly)

    watcher = new_watcher(listener)
    with pytest.raises(OSError, match="disk"):
        watcher.take(quiet_then_fat(make_entry, start_seconds))
    restarted = new_watcher(listener)
    restarted.restore(watcher.snapshot())
    broken = False
    for each in (watcher, restarted):
        each.take([])
    assert [anomaly.id for anomaly in found] == ["order_size:60"] * 2


def test_unreadable_messages_are_counted_and_passed(
    make_entry: Callable[..., bytes], start_seconds: float
) -> None:
    """One broken entry or log line does not stop the watch."""
    watcher = new_watcher(print)
    messages = [Message(0, b"{\xff"), Message(1, make_entry(1, at_seconds=start_seconds))]
    assert watcher.take(messages) == 2
    watcher.take_call({"event_name": "api.request_answered"})
    watcher.take_call({"event_name": "something.else"})
    assert watcher.unreadable == 2
    assert watcher.position == 2


def test_failing_calls_become_an_anomaly() -> None:
    """Log lines of a route that starts to fail are told, with the route and without an order."""
    found: list[Anomaly] = []
    watcher = new_watcher(found.append)
    for n in range(100):
        line = {
            "event_name": "api.request_answered",
            "timestamp": 1_790_000_000_000_000_000 + n * 1_000_000,
            "http.request.method": "GET",
            "http.route": "/v1/trades",
            "http.response.status_code": 200 if n < 90 else 503,
            "duration_us": 700,
            "account": "demo",
        }
        watcher.take_call(line)
    (anomaly,) = found
    assert (anomaly.detector, anomaly.route, anomaly.position) == (
        "request_errors",
        "GET /v1/trades",
        None,
    )
    assert anomaly.id.startswith("request_errors:2026-09-21T")


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x80"])
def test_a_broken_snapshot_is_refused(data: bytes) -> None:
    """Bytes that are no snapshot are `Corrupt`, with a sentence."""
    with pytest.raises(Corrupt, match="saved state cannot be read"):
        new_watcher(print).restore(data)
