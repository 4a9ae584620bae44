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
from stack.profile import SHIPPED, ProfileError, load

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


def page(found: Mapping[str, Estimate], switches: Mapping[str, Mapping[str, float]]) -> str:
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


def _switches(added: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table of what each switch adds to the small and to the full profile."""
    names = {name for each in added.values() for name in each}
    full, small = added.get("full", {}), added.get("small", {})
    rows = [
        "## What each switch adds",
        "",
        "`recovery` is added to `small` with the larger instances that it asks for.",
        "",
        "| switch | small | full |",
        "|---|---|---|",
    ]
    for name in sorted(names, key=lambda each: (-full.get(each, 0), each)):
        usd = (f"{each[name]:,.0f}" if name in each else "" for each in (small, full))
        rows.append(f"| {name} | {' | '.join(usd)} |")
    return "\n".join(rows)


def switches() -> dict[str, dict[str, float]]:
    """Return what each switch adds by profile, as it was last measured by `--switches`."""
    if not SWITCHES.exists():
        return {}
    return cast("dict[str, dict[str, float]]", json.loads(SWITCHES.read_text()))


def measured_switches(name: str, base: Estimate, *, on: bool) -> dict[str, float]:
    """Synthesise a profile with each switch that is not `on` turned to it, one by one.

    The difference is what the switch adds.
    """
    found: dict[str, float] = {}
    for switch, assembly in synthesise.each_switch(name, on=on):
        difference = estimate(assembly, usage(name)).total() - base.total()
        found[switch] = round(difference if on else -difference)
        sys.stdout.write(f"{name} {switch}: {found[switch]}\n")
    return found


def write(path: Path, text: str) -> None:
    """Write a file where its text has changed, so that nothing downstream takes it for new."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main(arguments: list[str]) -> None:
    """Write the budgets and the page; with `--switches` measure what each switch adds first.

    The name of a profile of one's own says what that one costs, and writes nothing.
    """
    names = [each for each in arguments if not each.startswith("-") and each not in SHIPPED]
    if names:
        for name in names:
            _tell(name)
        return
    found = estimates()
    if "--switches" in arguments:
        measured = {
            "small": measured_switches("small", found["small"], on=True),
            "full": measured_switches("full", found["full"], on=False),
        }
        write(SWITCHES, json.dumps(measured, indent=1, sort_keys=True) + "\n")
    write(BUDGETS, json.dumps(budgets(found), indent=1) + "\n")
    write(PAGE, page(found, switches()))
    for name, each in found.items():
        sys.stdout.write(_sentence(name, each))


def _tell(name: str) -> None:
    """Say what a profile of one's own costs under the load of the one that it is based on."""
    try:
        based_on = load(name).based_on
    except ProfileError as error:
        sys.exit(f"aws: {error}")
    found = estimate(synthesise.fresh(name), usage(based_on))
    sys.stdout.write(_sentence(name, found))
    sys.stdout.write(f"Load as of {based_on} (cost/usage/{based_on}.yaml).\n")
    sys.stdout.write(f"For [limits] budget_usd, a fifth more than the base: {found.budget}\n")


def _sentence(name: str, found: Estimate) -> str:
    return (
        f"{name}: {found.total('low'):,.0f} / {found.total():,.0f} / "
        f"{found.total('high'):,.0f} USD, {found.total(plan=True):,.0f} with plans, "
        f"{found.unverified:.0%} on unchecked prices\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
