"""The loops of the process: what the detectors learnt outlives it, prices move the page."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tallystick.clock import ManualClock, rfc3339
from tallystick.execution import Quote
from tallystick.money import Price
from tallystick.watch.detect import DETECTORS, Watcher
from tallystick.wiring.tasks import Watching, price_row

CLOCK = ManualClock()


def watching(state: Path) -> tuple[Watcher, Watching]:
    """A watcher and its keeper."""
    watcher = Watcher([make() for make in DETECTORS.values()], lambda _anomaly: None)
    return watcher, Watching(watcher, state, CLOCK)


def test_what_was_learnt_is_kept(tmp_path: Path) -> None:
    """Saved aside and renamed; the next watcher goes on from there."""
    state = tmp_path / "detect.state"
    watcher, keeper = watching(state)
    watcher.position = 12
    keeper.save()
    again, keeper = watching(state)
    keeper.restore()

    assert again.position == 12
    assert [path.name for path in tmp_path.iterdir()] == ["detect.state"]


def test_a_state_that_cannot_be_read_is_learnt_anew(tmp_path: Path) -> None:
    """A warning, and a watcher that begins at the first entry."""
    state = tmp_path / "detect.state"
    state.write_bytes(b"no state")
    watcher, keeper = watching(state)
    with capture_logs() as lines:
        keeper.restore()

    assert watcher.position == 0
    assert [line["event"] for line in lines] == ["detect.state_unreadable"]


@pytest.mark.parametrize("event", ["api.request_answered", "wiring.started"])
def test_only_calls_are_looked_at(tmp_path: Path, event: str) -> None:
    """Of all log lines the detectors take answered calls; others cost nothing."""
    watcher, keeper = watching(tmp_path / "detect.state")
    keeper.offer({"event_name": event})  # a call that lacks its members cannot be read

    async def run() -> None:
        """Until the loop has looked once."""
        task = asyncio.create_task(keeper.take_calls())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert watcher.unreadable == (event == "api.request_answered")


def test_a_price_has_its_pairs_digits() -> None:
    """Points become decimals as the pair is quoted."""
    quote = Quote("USD/JPY", Price(149_120), Price(149_128), CLOCK.now_ns(), "test")
    row = price_row(quote)

    assert (row.bid, row.ask, row.at) == ("149.120", "149.128", rfc3339(CLOCK.now_ns()))
