"""Anomalies, promotions and a little past to replay."""

from collections.abc import Callable

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.execution.entries import encode
from tallystick.ledger.notices import AnomalyJudged, BacktestSummary, ModelPromoted
from tallystick.watch.detect.config import DetectConfig
from tallystick.watch.detect.models import Model
from tallystick.watch.detect.score import Anomaly

START = 1_772_000_000
"""Seconds since the epoch at which the tests' streams begin."""
SUMMARY = BacktestSummary("ab" * 32, 0, 10, 10, 1, 0, 0, 0, None, 0, 0)


def stamp(seconds: float) -> str:
    """RFC 3339, so many seconds after START."""
    return rfc3339(round((START + seconds) * NS_PER_SECOND))


def anomaly(
    seconds: float,
    account: str | None = "acme",
    detector: str = "order_size",
    position: int | None = None,
    route: str | None = None,
    **more: object,
) -> Anomaly:
    """An anomaly of an account, so many seconds after START."""
    place = int(seconds) if position is None and account is not None else position
    return Anomaly(
        id=f"{detector}-{place}", detector=detector, family="fraud", entity=f"{account} EURUSD",
        at=stamp(seconds), p_value=1e-9, expected="less", came="more", sentence="It was more.",
        contributions=(), account=account, route=route, position=place,
        positions=() if place is None else (place,), **more,
    )  # type: ignore[arg-type]  # fmt: skip


def promotion(model: str, previous: str, *, rollback: bool = False, scope: str = "detect") -> bytes:
    """The entry of a change of the champion."""
    summary = None if rollback else SUMMARY
    return encode(
        ModelPromoted(stamp(0), model, previous, scope, rollback, summary, "a reason", "ann")
    )


def verdict(found: str, word: str, position: int | None, account: str = "acme") -> bytes:
    """The entry of a verdict."""
    return encode(
        AnomalyJudged(
            stamp(5), found, "order_size", f"{account} EUR/USD", account, word, "checked", "1e-09",
            "It was more.", position, "stream", None, "ann",
        )
    )  # fmt: skip


def other(**numbers: float) -> Model:
    """A model that differs from what is shipped by these numbers of a detector."""
    return Model(DetectConfig(numbers={"tests": {"nothing": 1.0} | numbers}))


@pytest.fixture
def raw() -> Callable[[object], bytes]:
    """Any value as canonical JSON."""
    return msgspec.json.Encoder(order="sorted").encode
