"""The API's log lines as the simulator says them, and how long its routes take."""

import math
from typing import Final

from tallystick.clock import NS_PER_US, rfc3339
from tallystick.watch.detect.trades.client import Access
from tallystick.watch.detect.trades.dice import Dice

Line = dict[str, object]

PLACE: Final = ("POST", "/v1/orders")
CANCEL: Final = ("DELETE", "/v1/orders/{id}")
LOOK_ORDER: Final = ("GET", "/v1/orders/{id}")
LOOK_ORDERS: Final = ("GET", "/v1/orders")
LOOK_POSITIONS: Final = ("GET", "/v1/positions")
LOOK_PRICES: Final = ("GET", "/v1/prices")
LOOK_ACCOUNT: Final = ("GET", "/v1/accounts/{id}/summary")
PRECHECK: Final = ("POST", "/v1/orders/precheck")
LIMITS: Final = ("GET", "/v1/limits")
FUNDS: Final = ("POST", "/v1/accounts/{id}/funds")
ACCOUNTS: Final = ("GET", "/v1/accounts")
UNMASK: Final = ("POST", "/v1/logs/{seq}/unmask")

MEDIAN_US: Final = {
    PLACE: 6_000.0, CANCEL: 5_000.0, LOOK_ORDER: 1_500.0, LOOK_ORDERS: 4_000.0,
    LOOK_POSITIONS: 3_000.0, LOOK_PRICES: 900.0, LOOK_ACCOUNT: 2_500.0, PRECHECK: 2_000.0,
    LIMITS: 1_800.0, FUNDS: 7_000.0, ACCOUNTS: 3_500.0, UNMASK: 8_000.0,
}  # fmt: skip
"""Median time to answer, by route."""
SIGMA: Final = 0.35
"""Of the logarithm of that time."""
SLOW_SHARE: Final = 0.006
"""Answers that waited for a garbage collection, a disk or a neighbour: three to fifteen times."""
FAILED_SHARE: Final = 0.0006
"""Answers with a status of 500 or above on an ordinary day."""

Route = tuple[str, str]


class Routes:
    """What the API answers; `failing` and `slow` are switched by what is planted."""

    __slots__ = ("_dice", "down", "failing", "load", "slow")

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self.load = 1.0
        """How much slower everything is because it is busy."""
        self.down = False
        """The server restarts: every call fails."""
        self.failing: dict[Route, float] = {}
        """Share of answers of a route that fail."""
        self.slow: dict[Route, float] = {}
        """Microseconds that a route's calls wait longer, on average."""

    def fails(self, route: Route) -> bool:
        """Whether this call fails on the server's side."""
        return self.down or self._dice.uniform() < self.failing.get(route, FAILED_SHARE)

    def duration_us(self, route: Route) -> int:
        """How long this call takes."""
        dice = self._dice
        taken = MEDIAN_US[route] * self.load * math.exp(SIGMA * dice.normal())
        if dice.uniform() < SLOW_SHARE:
            taken *= dice.between(3.0, 15.0)
        if self.slow:
            taken += self.slow.get(route, 0.0) * (0.7 + 0.3 * dice.exponential())
        return int(taken)


def line(
    at_ns: int, route: Route, status: int, duration_us: int, account: str | None, access: Access
) -> tuple[int, Line]:
    """When a call that began then was answered, and its canonical log line."""
    answered_ns = at_ns + duration_us * NS_PER_US
    return answered_ns, {
        "timestamp": rfc3339(answered_ns),
        "severity_text": "INFO" if status < 500 else "ERROR",
        "event_name": "api.request_answered",
        "service.name": "tallystick",
        "http.request.method": route[0],
        "http.route": route[1],
        "http.response.status_code": status,
        "duration_us": duration_us,
        "account": account,
        "client.address": access.address,
        "auth.key": access.key,
    }
