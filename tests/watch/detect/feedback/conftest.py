"""Anomalies of one stream, and verdicts on them, by day."""

from collections.abc import Callable

import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.execution.entries import encode
from tallystick.ledger.notices import AnomalyJudged
from tallystick.watch.detect.feedback import Suppressions
from tallystick.watch.detect.score import Anomaly

START_SECONDS = 1_790_000_000
DAY_SECONDS = 86_400


def anomaly(day: float = 0.0, surprise: float = 8.0, **members: object) -> Anomaly:
    """One of the stream on this day, by -log10 of its p-value."""
    usual: dict[str, object] = {
        "id": f"order_size-{day}-{surprise}",
        "detector": "order_size",
        "family": "fraud",
        "entity": "acme EUR/USD",
        "at": rfc3339(round((START_SECONDS + day * DAY_SECONDS) * NS_PER_SECOND)),
        "p_value": 10.0**-surprise,
        "expected": "",
        "came": "",
        "sentence": "It is odd.",
        "contributions": (),
    }
    return Anomaly(**usual | members)  # type: ignore[arg-type]


class Desk:
    """Somebody who judges, and what is learnt from it."""

    def __init__(self) -> None:
        self.learnt = Suppressions()
        self._position = 0

    def say(self, word: str, of: Anomaly, *, day: float = 0.0, **members: object) -> bytes:
        """Judge an anomaly on this day; the entry."""
        usual: dict[str, object] = {
            "at": rfc3339(round((START_SECONDS + day * DAY_SECONDS) * NS_PER_SECOND)),
            "anomaly": of.id,
            "detector": of.detector,
            "entity": of.entity,
            "client": None,
            "verdict": word,
            "reason": "r",
            "p_value": f"{of.p_value:.3g}",
            "sentence": of.sentence,
            "position": None,
            "scope": "stream",
            "until": None,
            "by": "ann",
        }
        entry = encode(AnomalyJudged(**usual | members))  # type: ignore[arg-type]
        self.learnt.learn(self._position, entry)
        self._position += 1
        return entry

    def dismiss(self, count: int, *, day: float = 0.0, **members: object) -> None:
        """Dismiss so many of a stream, one after the other."""
        for _ in range(count):
            odd = anomaly(day, id=f"dismissed-{self._position}", **members)  # type: ignore[arg-type]
            self.say("dismissed", odd, day=day)


@pytest.fixture
def desk() -> Desk:
    """Nobody has said anything."""
    return Desk()


@pytest.fixture
def make() -> Callable[..., Anomaly]:
    """Makes an anomaly of the stream."""
    return anomaly
