"""Orders told in a line, and what one look says of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.observation import AccountSeen, Observation, OrderSeen
from tallystick.watch.detect.orders.columns import Tables
from tallystick.watch.detect.orders.look import ROWS_MAX, Look, Out
from tallystick.watch.detect.orders.looks import LOOKS
from tallystick.watch.detect.orders.washing.look import Washing
from tallystick.watch.detect.score import Finding

START = 1_790_000_000.0
"""A Monday, 14:13:20 UTC."""
TELL_ALL = 2.0
"""With this threshold a look tells its numbers of every row."""


def order(position: int, at: float = 0.0, **members: object) -> OrderSeen:
    """An order of acme, `at` seconds after the start; it is filled at the market, if not said."""
    known: dict[str, object] = {
        "event": "decided", "order_id": f"O-{position}", "account": "acme", "pair": "EUR/USD",
        "side": "buy", "state": "filled", "quantity": 1_000_000.0, "limit_price": None,
        "fill_price": None, "mid": 1.08, "bid": 1.0799, "ask": 1.0801,
    }  # fmt: skip
    known |= members
    if known["state"] == "filled" and "filled" not in members and known["event"] != "cancelled":
        known["filled"] = known["quantity"]
        known["fill_price"] = known["fill_price"] or known["mid"]
    stamp = rfc3339(round((START + at) * NS_PER_SECOND))
    return OrderSeen(position, stamp, START + at, **known)  # type: ignore[arg-type]


def account(position: int, at: float = 0.0, **members: object) -> AccountSeen:
    """An entry about acme, by default money that came in."""
    known: dict[str, object] = {"event": "funds", "account": "acme"} | members
    stamp = rfc3339(round((START + at) * NS_PER_SECOND))
    return AccountSeen(position, stamp, START + at, **known)  # type: ignore[arg-type]


@dataclass
class Seen:
    """What a look said of a stream, a number a row."""

    p: np.ndarray
    came: np.ndarray
    low: np.ndarray
    high: np.ndarray
    extra: np.ndarray
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Looking:
    """One look, fed with observations."""

    name: str
    detector: str
    tables: Tables = field(default_factory=lambda: Tables(1_000))
    rows: int = 0

    def __post_init__(self) -> None:
        """Make the look."""
        slots = {name: table.limit for name, table in self.tables.each().items()}
        self.look: Look = LOOKS[self.name](slots)
        if isinstance(self.look, Washing):
            self.look.name_of = self.tables.accounts.name

    def see(self, seen: Sequence[Observation], alarm_p: float = TELL_ALL) -> Seen:
        """All that it says of these, as one who is told everything hears it."""
        parts: list[tuple[np.ndarray, ...]] = []
        findings: list[Finding] = []
        for start in range(0, len(seen), ROWS_MAX):
            piece = seen[start : start + ROWS_MAX]
            out: Out = self.look.out[self.detector]
            for array in (out.came, out.low, out.high, out.extra):
                array[:] = math.nan
            self.look.judge(self.tables.columns(piece), alarm_p)
            rows = len(piece)
            parts.append(tuple(each[:rows].copy() for each in out[:5]))
            findings.extend(
                self.look.finding(self.detector, row, piece[row])
                for row in np.flatnonzero(out.p[:rows] <= alarm_p).tolist()
            )
        return Seen(*(np.concatenate(each) for each in zip(*parts, strict=True)), findings)


@pytest.fixture(scope="session")
def looking() -> Callable[[str, str], Looking]:
    """Makes a look: `looking("size", "order_size")`."""
    return Looking


@pytest.fixture(scope="session")
def make() -> Callable[..., OrderSeen]:
    """Makes an order: `make(position, at_seconds, side="sell", ...)`."""
    return order


@pytest.fixture(scope="session")
def make_account() -> Callable[..., AccountSeen]:
    """Makes an entry about an account."""
    return account
