"""The product with a stopwatch: when each entry was durable, and when each alert was being raised.

`CLOCK_MONOTONIC` is one clock for the whole machine, so that another process may subtract its own
moments from these. They are kept in memory and written when the server stops.
"""

import time
from array import array
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tallystick.watch.notify import Alert, Notifier
from tallystick.watch.notify.policy import Decision
from tallystick.wiring.single import Single


class Raised(msgspec.Struct, frozen=True):
    """An alert about the entry at `position`: when `raise_alert` was called, and was durable."""

    id: str
    source: str
    position: int | None
    began_ns: int
    ended_ns: int


class Moments(msgspec.Struct, frozen=True):
    """Of one run of a server: at `at_ns[n]` the first `sizes[n]` entries were durable."""

    sizes: list[int]
    at_ns: list[int]
    raised: list[Raised]

    def durable_ns(self, position: int) -> int:
        """When the entry at this position was durable."""
        return self.at_ns[bisect_right(self.sizes, position)]

    def entries_per_second(self, from_ns: int, to_ns: int) -> float:
        """How fast the ledger grew between two moments."""
        first, last = bisect_right(self.at_ns, from_ns), bisect_right(self.at_ns, to_ns) - 1
        if last <= first:
            return 0.0
        grown, took_ns = self.sizes[last] - self.sizes[first], self.at_ns[last] - self.at_ns[first]
        return round(grown * 1e9 / took_ns, 1)


def timed(path: Path) -> type[Single]:
    """The product, which writes its moments to `path` when it stops."""
    raised: list[Raised] = []
    Notifier.raise_alert = _noting(Notifier.raise_alert, raised)  # type: ignore[method-assign]

    class Timed(Single):
        """Notes each commit as soon as the ledger tells it, before anybody is answered."""

        def _open(self, *given: Any) -> None:
            super()._open(*given)
            self._sizes, self._at_ns = array("q"), array("q")
            self.ledger.follow(self._grown)

        def close(self) -> None:
            super().close()
            moments = Moments(self._sizes.tolist(), self._at_ns.tolist(), raised)
            path.write_bytes(msgspec.json.encode(moments))

        def _grown(self, size: int) -> None:
            self._sizes.append(size)
            self._at_ns.append(time.monotonic_ns())

    return Timed


def read(path: Path) -> Moments:
    """What a server that has stopped has noted."""
    return msgspec.json.decode(path.read_bytes(), type=Moments)


def _noting(
    raise_alert: Callable[[Notifier, Alert], Decision], raised: list[Raised]
) -> Callable[[Notifier, Alert], Decision]:
    def noted(notifier: Notifier, alert: Alert) -> Decision:
        began_ns = time.monotonic_ns()
        decision = raise_alert(notifier, alert)
        ended_ns = time.monotonic_ns()
        raised.append(Raised(alert.id, alert.source, alert.position, began_ns, ended_ns))
        return decision

    return noted
