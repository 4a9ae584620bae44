"""The bill of one profile: every resource of its templates becomes lines, or is named as free."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import yaml

from cost.bill import Bill
from cost.lines import HIGH, HOME, LOW, CostError, Line, Price, Usage, prices
from cost.pricing import PRICED
from cost.trading import shape_of_tasks
from proof.values import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from proof.assembly import Assembly

HERE = Path(__file__).resolve().parent
BUDGET_OVER_BASE = 1.2


@dataclass(frozen=True)
class Estimate:
    """What one profile costs a month, in US dollars."""

    lines: tuple[Line, ...]
    prices: Mapping[str, Price]

    def usd(self, line: Line, case: str = "base", *, plan: bool = False) -> float:
        """Return what a line costs in a case: `low`, `base` or `high`.

        `plan` with one-year plans.
        """
        price = self.prices[line.key]
        quantity = line.quantity
        if case == "low":
            quantity = (
                line.low if line.low is not None else quantity * (LOW if line.follows_load else 1)
            )
        elif case == "high":
            quantity = (
                line.high
                if line.high is not None
                else quantity * (HIGH if line.follows_load else 1)
            )
        return quantity * price.of(line.region) * (1 - price.save if plan else 1)

    def total(self, case: str = "base", *, plan: bool = False) -> float:
        """Return the month's total."""
        return sum(self.usd(each, case, plan=plan) for each in self.lines)

    def by(
        self, of: Callable[[Line], str], case: str = "base", *, plan: bool = False
    ) -> dict[str, float]:
        """Return the total by what `of` says of a line, the dearest first."""
        sums: defaultdict[str, float] = defaultdict(float)
        for each in self.lines:
            sums[of(each)] += self.usd(each, case, plan=plan)
        return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))

    @property
    def unverified(self) -> float:
        """Return the share of the base total that rests on prices nobody has checked."""
        total = self.total()
        unsure = sum(self.usd(each) for each in self.lines if not self.prices[each.key].verified)
        return unsure / total if total else 0.0

    @property
    def budget(self) -> int:
        """Return the month's budget: a fifth above the base, in round tens."""
        return int(-(-self.total() * BUDGET_OVER_BASE // 10) * 10)


def free() -> dict[str, str]:
    """Return the types that cost nothing, each with the reason."""
    return cast("dict[str, str]", yaml.safe_load((HERE / "free.yaml").read_text()))


def estimate(assembly: Assembly, usage: Usage) -> Estimate:
    """Return what the assembly costs under the usage.

    :raises CostError: a type is neither priced nor free, or a price is missing.
    """
    known = prices()
    lines = tuple(each for each in _lines(assembly, usage) if each.quantity or each.high)
    for each in lines:
        if each.key not in known:
            raise CostError(f"prices.yaml has no {each.key}, which {each.where} needs")
        if HOME not in known[each.key].usd:
            raise CostError(f"prices.yaml has no price of {each.key} in {HOME}")
    return Estimate(lines, known)


def _lines(assembly: Assembly, usage: Usage) -> Iterator[Line]:
    """Yield the lines of every resource."""
    values = Values(assembly)
    costless = free()
    beside = {
        each.name: Counter(resource.type for resource in each.resources())
        for each in assembly.stacks
    }
    tasks = [(each, values.of(each)) for each in assembly.resources("AWS::ECS::TaskDefinition")]
    for resource in assembly.resources():
        if resource.type in PRICED:
            own = values.of(resource)
            if resource.type == "AWS::ECS::Service":
                own = shape_of_tasks(tasks, own)
            bill = Bill(resource, own, usage, beside[resource.stack])
            yield from PRICED[resource.type](bill)
        elif resource.type not in costless:
            raise CostError(
                f"{resource.type} ({resource.path}) is neither in cost/pricing.py "
                "nor in cost/free.yaml"
            )
