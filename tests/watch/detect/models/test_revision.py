"""Whoever changes a score raises the revision: a short stream's scores are kept, and compared."""

import json
import math
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.config import DetectConfig
from tallystick.watch.detect.detectors import DETECTORS, build
from tallystick.watch.detect.models import REVISION
from tallystick.watch.detect.observation import (
    AccountSeen,
    CallSeen,
    LogSeen,
    Observation,
    OrderSeen,
    QuoteSeen,
    TimeSeen,
)

GOLDEN = Path(__file__).with_name("golden_scores.json")
REFRESH = f"TALLYSTICK_TEST_REFRESH=1 .venv/bin/python -m pytest {'/'.join(GOLDEN.parts[-5:-1])}"
"""Writes the scores anew, once the revision is another than theirs."""
START = 1_790_000_000.0
DAYS = 45
SECONDS = 9_000
BLOCKS = 12
TOLD_P = 0.02
"""So that every look says something: what is odd is told from here on."""
NEAR = 1e-3
"""Libraries and processors may differ in the last digits of a logarithm, and in no more."""


def stream() -> list[Observation]:
    """Weeks of a small desk, with mistakes; then minutes of every second, with failures.

    Only `random()` is drawn, whose numbers are the same in every Python.
    """
    chance = random.Random(6)  # noqa: S311  a seeded stream, no secret
    return [*_weeks(chance), *_minutes(chance)]


def _weeks(chance: random.Random) -> Iterator[Observation]:
    position = 0
    for account in ("acme", "beta", "gamma"):
        members = {"desk": "desk", "position_usd_max": 5e6, "funds_usd": 1e6}
        yield AccountSeen(position, _stamp(0), START, "opened", account, **members)  # type: ignore[arg-type]
        position += 1
    for day in range(DAYS):
        for number in range(40):
            at = day * 86_400.0 + number * 600.0 + 300 * chance.random()
            late = 30_000.0 if (day, number) == (40, 39) else 0.0
            at, mid = at + late, 1.08 + 0.002 * chance.random()
            yield QuoteSeen(_stamp(at), START + at, "EUR/USD", mid - 1e-5, mid + 1e-5, "feed")
            many = 12 if (day, number) == (30, 7) else 1
            for _ in range(many):
                at += 0.05
                wild = chance.random() < 0.01
                for seen in _order(chance, position, at, mid, wild=wild, fickle=day == 38):
                    yield seen
                    position += 1
            who = ("10.0.0.0/24", "k1") if day < 42 else ("203.0.113.0/24", "k2")
            denied = day == 43 and number > 30
            route = "GET /v1/accounts" if denied else "POST /v1/orders"
            status = 403 if denied else 201
            yield CallSeen(_stamp(at), START + at, route, status, 900.0 + number, "acme", *who)
            yield TimeSeen(_stamp(at + 1), START + at + 1)


def _order(
    chance: random.Random, position: int, at: float, mid: float, *, wild: bool, fickle: bool
) -> Iterator[OrderSeen]:
    """An order, with its end where it waited."""
    account, draw = ("acme", "beta", "gamma")[int(3 * chance.random() ** 2)], chance.random()
    pair, rate = ("GBP/MXN", 25 * mid) if wild and draw < 0.3 else ("EUR/USD", mid)
    quantity = float(round(1e5 * (1 + 9 * chance.random() ** 3), -3)) * (300.0 if wild else 1.0)
    side, sign = ("buy", 1) if chance.random() < 0.5 else ("sell", -1)
    state = "rejected" if draw > 0.97 else "new" if fickle or draw > 0.8 else "filled"
    waits = state == "new" or draw > 0.7
    limit = rate * (1 + sign * (0.03 if wild else -2e-4)) if waits else None
    filled = state == "filled"
    common = (f"O-{position}", account, pair, side)
    bid, ask = rate * (1 - 1e-5), rate * (1 + 1e-5)
    yield OrderSeen(
        position, _stamp(at), START + at, "decided", *common, state, quantity, limit,
        rate if filled else None, rate, bid, ask, quantity if filled else 0.0,
        "market" if limit is None else "limit", "LIMIT_EXCEEDED" if state == "rejected" else "",
    )  # fmt: skip
    if state == "new":
        end = at + 30 * chance.random()
        yield OrderSeen(
            position + 1, _stamp(end), START + end, "cancelled", *common, "cancelled", quantity,
            limit, None, None, code="CLIENT_REQUEST",
        )  # fmt: skip


def _minutes(chance: random.Random) -> Iterator[Observation]:
    for second in range(0, SECONDS, 2):
        at = DAYS * 86_400.0 + second
        stamp, bad = _stamp(at), second > SECONDS - 300
        yield TimeSeen(stamp, START + at)
        if not bad:
            yield LogSeen(stamp, START + at, "app", "gate", 20 + int(5 * chance.random()))
        for number in range(15 if second % 10 == 0 else 0):
            lines = int((200 if bad and number == 3 else 20) * (1 + chance.random()))
            yield LogSeen(stamp, START + at, "app", f"worker-{number}", lines)
        for pair, mid in (("EUR/USD", 1.08), ("GBP/USD", 1.27), ("EUR/GBP", 1.08 / 1.27)):
            if bad and pair == "EUR/GBP":
                continue
            moved = mid * (1 + 1e-5 * chance.random())
            half = -1e-3 if second == SECONDS - 100 else 1e-5 * (1 + chance.random())
            yield QuoteSeen(stamp, START + at, pair, moved - half, moved + half, "feed")
        for _ in range(3):
            status = 500 if bad and chance.random() < 0.5 else 200
            took = 900.0 * (1 + chance.random()) * (40 if bad else 1)
            whose = ("beta", "198.51.100.0/24", "k9") if bad else ("acme", "10.0.0.0/24", "k1")
            yield CallSeen(stamp, START + at, "GET /v1/orders", status, took, *whose)


def _stamp(at: float) -> str:
    return rfc3339(round((START + at) * NS_PER_SECOND))


def scores() -> dict[str, Any]:
    """How odd each part of the stream is to each detector, and what is told, in a few numbers."""
    seen = stream()
    surprises: dict[str, list[float]] = {}
    told: dict[str, list[float]] = defaultdict(list)
    for name, detector in zip(DETECTORS, build(DetectConfig(alarm_p=TOLD_P)), strict=True):
        rows = [each for each in seen if isinstance(each, detector.observes)]
        surprises[name] = []
        for start in range(0, len(rows), 256):
            judged = detector.observe(rows[start : start + 256])
            surprises[name] += [-math.log10(p) for p in judged.p_values if not math.isnan(p)]
            for finding in judged.findings:
                told[finding.detector].append(-math.log10(finding.p_value))
    return {
        "revision": REVISION,
        "mean surprise of each twelfth": {name: _means(of) for name, of in surprises.items()},
        "told, and mean surprise": {
            name: [len(of), _mean(of)] for name, of in sorted(told.items())
        },
    }


def _means(numbers: list[float]) -> list[float]:
    size = max(1, math.ceil(len(numbers) / BLOCKS))
    return [_mean(numbers[start : start + size]) for start in range(0, len(numbers), size)]


def _mean(numbers: list[float]) -> float:
    return round(sum(numbers) / len(numbers), 4)


@pytest.fixture(scope="module")
def now() -> dict[str, Any]:
    """The scores of this code."""
    return scores()


def test_another_score_has_another_revision(now: dict[str, Any]) -> None:
    """A version names the detectors that found something: changed ones have another name."""
    kept: dict[str, Any] = {"revision": None}
    if GOLDEN.exists():
        kept = json.loads(GOLDEN.read_text())
    same = kept.keys() == now.keys() and all(
        kept[what].keys() == now[what].keys()
        and all(
            kept[what][name] == pytest.approx(of, rel=NEAR, abs=NEAR)
            for name, of in now[what].items()
        )
        for what in now.keys() - {"revision"}
    )
    if kept["revision"] != REVISION and "TALLYSTICK_TEST_REFRESH" in os.environ:
        GOLDEN.write_text(json.dumps(now, indent=1) + "\n")
        return
    assert same or kept["revision"] != REVISION, (
        "Scores have changed: raise REVISION in watch/detect/models/version.py by one, then run "
        f"{REFRESH}"
    )
    assert kept["revision"] == REVISION, f"The scores are those of another revision: run {REFRESH}"


def test_every_detector_has_its_say(now: dict[str, Any]) -> None:
    """The stream is rich enough: each judges something, and most of what can be told is told."""
    means = now["mean surprise of each twelfth"]
    assert {name for name, of in means.items() if of} == DETECTORS.keys()
    names = {name for detector in build() for name in detector.names}
    told = now["told, and mean surprise"].keys()
    assert told <= names
    assert len(told) >= len(names) * 3 / 4, names - told
