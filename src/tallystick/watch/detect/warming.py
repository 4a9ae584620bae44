"""Compiles the detectors before anybody waits for them, by made-up observations of each kind."""

from collections.abc import Iterable, Iterator

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.observation import (
    AccountSeen,
    CallSeen,
    LogSeen,
    Observation,
    OrderSeen,
    QuoteSeen,
    TimeSeen,
)
from tallystick.watch.detect.watcher import Watcher

ROUNDS = 90
_PAIRS = ("EUR/USD", "USD/JPY", "EUR/JPY")
_START_SECONDS = 1_760_000_000


def warm_up(detectors: Iterable[Detector]) -> None:
    """Show made-up observations to detectors that nobody uses afterwards.

    What was compiled before comes from the disk, in seconds; a first time takes most of a minute.
    """
    watcher = Watcher(detectors)
    watcher.see(list(_happenings()))


def _happenings() -> Iterator[Observation]:
    for number in range(ROUNDS):
        seconds = float(_START_SECONDS + number)
        at = rfc3339(round(seconds * NS_PER_SECOND))
        account, pair = f"a{number % 3}", _PAIRS[number % 3]
        if number < len(_PAIRS):
            yield AccountSeen(number, at, seconds, "opened", account, "d", 1e9, 1e6)
        for event, state in (("decided", "new"), ("filled", "filled"), ("cancelled", "cancelled")):
            yield OrderSeen(
                number, at, seconds, event, f"O-{number}", account, pair,  # type: ignore[arg-type]
                "buy" if number % 2 else "sell", state, 1_000.0 * (1 + number % 7), 1.1,
                1.1 if event == "filled" else None, 1.1, 1.0999, 1.1001,
                1_000.0 if event == "filled" else 0.0, "limit",
            )  # fmt: skip
        yield CallSeen(at, seconds, "GET /v1/x", 200, 900.0 + number, account, "10.0.0.0/24", "k")
        yield QuoteSeen(at, seconds, pair, 1.0999, 1.1001, "lp")
        yield LogSeen(at, seconds, "main", "gate", 5)
        yield TimeSeen(at, seconds)
