"""The cost report: docs/cost.md, and the budgets that the templates take.

`python -m cost.report` writes both.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cost.lines import HIGH, LOW, usage
from cost.model import Estimate, estimate
from proof import synthesise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cost.lines import Line

HERE = Path(__file__).resolve().parent
BUDGETS = HERE / "budgets.json"
SWITCHES = HERE / "switches.json"
PAGE = HERE.parent / "docs/cost.md"
DEAREST = 12


def service(line: Line) -> str:
    """Return the service that a line belongs to, as CloudFormation names it."""
    return line.type.split("::")[1]


def estimates() -> dict[str, Estimate]:
    """Return the estimate of each profile."""
    return {name: estimate(synthesise.fresh(name), usage(name)) for name in synthesise.PROFILES}


def budgets(found: Mapping[str, Estimate]) -> dict[str, dict[str, int]]:
    """Return what the templates take as the month's limit: the base and a fifth more."""
    return {
        name: {"base_usd": round(each.total()), "budget_usd": each.budget}
        for name, each in found.items()
    }


def page(found: Mapping[str, Estimate], switches: Mapping[str, float]) -> str:
    """Return docs/cost.md."""
    parts = [
        HEAD,
        _totals(found),
        *(_dearest(name, each) for name, each in found.items()),
        _switches(switches),
        TAIL,
    ]
    return "\n\n".join(parts) + "\n"


HEAD = """# What it costs

Written by `python -m cost.report` from the templates, `cost/usage` and `cost/prices.yaml`; a test
holds this page to them. US dollars a month, list prices, without tax, free tiers and support.
Prices stand as remembered from AWS's public price lists until `python -m cost.refresh_prices` has
checked them: the share of each total that is unchecked is shown."""

TAIL = f"""## How it is counted

Each resource of a profile's templates becomes lines of the bill (`cost/pricing.py`) or is named as
free with a reason (`cost/free.yaml`); a type in neither fails the model. Low and high are {LOW} and
{HIGH} times the expected load, and what scales by itself at its bounds. Storage stands as after a
year. A plan is a one-year commitment without upfront payment, where one is sold. The month's budget
in AWS Budgets is the base and a fifth more (`cost/budgets.json`).

What the model leaves out: support plans, tax, licences of third parties, restores, and staging
accounts (deploy the small profile there)."""


def _totals(found: Mapping[str, Estimate]) -> str:
    """Return the table of totals."""
    rows = [
        "| profile | trades/s | low | base | high | with one-year plans | budget | unchecked |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, each in found.items():
        figures = [
            each.total("low"),
            each.total(),
            each.total("high"),
            each.total(plan=True),
            each.budget,
        ]
        money = " | ".join(f"{figure:,.0f}" for figure in figures)
        rows.append(
            f"| {name} | {usage(name).trades_per_second:g} | {money} | {each.unverified:.0%} |"
        )
    return "\n".join(rows)


def _dearest(name: str, found: Estimate) -> str:
    """Return the table of the dearest services of a profile."""
    by = found.by(service)
    low, high, plan = (
        found.by(service, "low"),
        found.by(service, "high"),
        found.by(service, plan=True),
    )
    rows = [
        f"## {name}: the dearest first",
        "",
        "| service | low | base | high | with plans |",
        "|---|---|---|---|---|",
    ]
    first = list(by)[:DEAREST]
    rows += [
        f"| {each} | {low[each]:,.0f} | {by[each]:,.0f} | {high[each]:,.0f} | {plan[each]:,.0f} |"
        for each in first
    ]
    rest = [sum(table[each] for each in by if each not in first) for table in (low, by, high, plan)]
    rows.append("| the rest | " + " | ".join(f"{each:,.0f}" for each in rest) + " |")
    return "\n".join(rows)


def _switches(added: Mapping[str, float]) -> str:
    """Return the table of what each switch adds to the full profile."""
    rows = ["## What each switch adds to the full profile", "", "| switch | a month |", "|---|---|"]
    rows += [
        f"| {name} | {usd:,.0f} |"
        for name, usd in sorted(added.items(), key=lambda item: (-item[1], item[0]))
    ]
    return "\n".join(rows)


def switches() -> dict[str, float]:
    """Return what each switch adds, as it was last measured by `--switches`."""
    return cast("dict[str, float]", json.loads(SWITCHES.read_text())) if SWITCHES.exists() else {}


def measured_switches(base: Estimate) -> dict[str, float]:
    """Synthesise the full profile without each switch in turn.

    The difference is what the switch adds.
    """
    found: dict[str, float] = {}
    for name, assembly in synthesise.without_each_switch("full"):
        found[name] = round(base.total() - estimate(assembly, usage("full")).total())
        sys.stdout.write(f"{name}: {found[name]}\n")
    return found


def write(path: Path, text: str) -> None:
    """Write a file where its text has changed, so that nothing downstream takes it for new."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main(arguments: list[str]) -> None:
    """Write the budgets and the page; with `--switches` measure what each switch adds first."""
    found = estimates()
    if "--switches" in arguments:
        write(
            SWITCHES, json.dumps(measured_switches(found["full"]), indent=1, sort_keys=True) + "\n"
        )
    write(BUDGETS, json.dumps(budgets(found), indent=1) + "\n")
    write(PAGE, page(found, switches()))
    for name, each in found.items():
        sys.stdout.write(
            f"{name}: {each.total('low'):,.0f} / {each.total():,.0f} / "
            f"{each.total('high'):,.0f} USD, {each.total(plan=True):,.0f} with plans, "
            f"{each.unverified:.0%} on unchecked prices\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
