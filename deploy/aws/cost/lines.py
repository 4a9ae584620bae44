"""The words of the cost model: prices, usage, and one line of the bill."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).resolve().parent
HOURS = 730.0
"""Hours of a month, as AWS counts them."""
HOME = "eu-west-1"
LOW, HIGH = 0.5, 2.0
"""What load may be of what was expected; the report's low and high."""


class CostError(Exception):
    """The model cannot price something; the sentence says what is missing and where to add it."""


@dataclass(frozen=True)
class Price:
    """One row of `prices.yaml`."""

    key: str
    unit: str
    usd: Mapping[str, float]
    save: float
    """Share that a one-year plan takes off; 0 where there is none."""
    verified: bool

    def of(self, region: str) -> float:
        """Return the price in `region`; where only one is known, that one."""
        return self.usd.get(region, self.usd[HOME])


@dataclass(frozen=True)
class Line:
    """One line of the bill: so much of a thing a month."""

    key: str
    """Which price."""
    quantity: float
    where: str
    """Path of the construct that causes it."""
    type: str
    region: str
    follows_load: bool = False
    """Twice the trades, twice the quantity."""
    low: float | None = None
    high: float | None = None
    """Bounds of what scales by itself, where load alone does not say it."""


@dataclass(frozen=True)
class Function:
    """How often a function runs and for how long."""

    match: str
    milliseconds: float
    per_trade: float = 0.0
    per_request: float = 0.0
    per_month: float = 0.0


@dataclass(frozen=True)
class Usage:
    """What a profile is expected to do in a month.

    Read from `usage/NAME.yaml` over `usage/common.yaml`.
    """

    trades_per_second: float
    """Mean over the hours in which the market is open."""
    cap_usd: float
    """What the profile may cost at the most; a test holds it."""
    values: Mapping[str, float]
    functions: tuple[Function, ...]
    buckets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """Return one figure; CostError where nobody said it."""
        if name not in self.values:
            raise CostError(f"usage/common.yaml says nothing of {name}")
        return float(self.values[name])

    @property
    def trades(self) -> float:
        """Trades a month."""
        return self.trades_per_second * 3600 * self["trading_hours"]

    @property
    def requests(self) -> float:
        """Requests a month at the door: each trade, and what is read around it."""
        return self.trades * (1 + self["reads_per_trade"])

    @property
    def entry_gb(self) -> float:
        """Gigabytes of ledger entries a month."""
        return self.trades * self["entries_per_trade"] * self["entry_kb"] / 1e6

    @property
    def log_gb(self) -> float:
        """Gigabytes of application log a month."""
        return self.requests * self["log_kb_per_request"] / 1e6 + self["log_gb_fixed"]


def prices() -> dict[str, Price]:
    """Return the price list by key."""
    rows = cast("list[dict[str, object]]", yaml.safe_load((HERE / "prices.yaml").read_text()))
    return {
        str(each["key"]): Price(
            key=str(each["key"]),
            unit=str(each["unit"]),
            usd=cast("dict[str, float]", each["usd"]),
            save=float(cast("float", each.get("save", 0.0))),
            verified=bool(each["verified"]),
        )
        for each in rows
    }


def usage(profile: str, trades_per_second: float | None = None) -> Usage:
    """Return the usage of a profile; `trades_per_second` asks what another load would cost."""
    common = yaml.safe_load((HERE / "usage/common.yaml").read_text())
    own = yaml.safe_load((HERE / f"usage/{profile}.yaml").read_text())
    return Usage(
        trades_per_second=own["trades_per_second"]
        if trades_per_second is None
        else trades_per_second,
        cap_usd=own["cap_usd"],
        values={**common["values"], **own.get("values", {})},
        functions=tuple(Function(**each) for each in common["functions"]),
        buckets={**common["buckets"], **own.get("buckets", {})},
    )
