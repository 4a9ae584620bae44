"""Anomalies and verdicts as plain values, and a store of them on a folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock, rfc3339
from tallystick.execution.entries import encode
from tallystick.ledger.notices import AnomalyJudged
from tallystick.watch.detect.found import Found
from tallystick.watch.detect.score import Anomaly, Contribution, Example

START_SECONDS = 1_790_000_000


def stamp(seconds: float) -> str:
    """The moment so many seconds after the beginning."""
    return rfc3339(round((START_SECONDS + seconds) * NS_PER_SECOND))


def anomaly(number: int, **members: object) -> Anomaly:
    """An order that is too large, at second `number`; members may be others."""
    usual: dict[str, object] = {
        "id": f"order_size-{number}",
        "detector": "order_size",
        "family": "fraud",
        "entity": "acme EUR/USD",
        "at": stamp(number),
        "p_value": 1e-8,
        "expected": "up to 300,000",
        "came": "5,000,000",
        "sentence": "acme bought 5,000,000 EUR/USD where 300,000 is usual.",
        "contributions": (Contribution("order_quantity", "EUR", 5e6, 1e4, 3e5, 8.0),),
        "nearest": Example(stamp(0), "buy 280,000 EUR/USD", 1),
        "account": "acme",
        "pair": "EUR/USD",
        "position": number,
        "order_id": f"O-{number}",
        "positions": (number,),
    }
    return Anomaly(**usual | members)  # type: ignore[arg-type]


def verdict(of: Anomaly, word: str = "dismissed", **members: object) -> bytes:
    """The entry in which ann judges it, a second later."""
    usual: dict[str, object] = {
        "at": stamp(10_000),
        "anomaly": of.id,
        "detector": of.detector,
        "entity": of.entity,
        "client": of.account,
        "verdict": word,
        "reason": "agreed by phone",
        "p_value": f"{of.p_value:.3g}",
        "sentence": of.sentence,
        "position": of.position,
        "scope": "stream",
        "until": None,
        "by": "ann",
    }
    return encode(AnomalyJudged(**usual | members))  # type: ignore[arg-type]


@pytest.fixture
def make_anomaly() -> Callable[..., Anomaly]:
    """Makes an anomaly by its number."""
    return anomaly


@pytest.fixture
def make_verdict() -> Callable[..., bytes]:
    """Makes the bytes of a verdict."""
    return verdict


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at the beginning."""
    return ManualClock(START_SECONDS * NS_PER_SECOND)


@pytest.fixture
def found(tmp_path: Path, clock: ManualClock) -> Iterator[Found]:
    """An empty store."""
    found = Found(tmp_path / "anomalies.db", clock)
    yield found
    found.close()
