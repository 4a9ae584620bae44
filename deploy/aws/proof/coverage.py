"""Whether what coverage.yaml says of the templates is so."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from proof.assembly import every
from proof.values import Values

if TYPE_CHECKING:
    from proof.assembly import Assembly, Json

HERE = Path(__file__).resolve().parent.parent
STACK = "stack"
"""Stands for a type where the row speaks of the stacks themselves."""
EXPECTATIONS = ("equals", "contains", "matches", "at_least", "exists", "includes")


def rows() -> list[dict[str, Any]]:
    """Return the rows of coverage.yaml."""
    return cast("list[dict[str, Any]]", yaml.safe_load((HERE / "coverage.yaml").read_text()))


def plumbing() -> dict[str, str]:
    """Return the types that only connect others, each with what it connects."""
    return cast("dict[str, str]", yaml.safe_load((HERE / "plumbing.yaml").read_text()))


def cost_keys(patterns: list[str], known: list[str]) -> dict[str, list[str]]:
    """Return the keys of prices that each pattern stands for; `free` stands for none."""
    return {
        each: [key for key in known if fnmatch(key, each)] for each in patterns if each != "free"
    }


def failures(assembly: Assembly, wanted: dict[str, Any]) -> list[str]:
    """Return a sentence for each region in which nothing fulfils one `assert` of a row."""
    return [said for region in wanted["regions"] if (said := _failure(assembly, wanted, region))]


def _failure(assembly: Assembly, wanted: dict[str, Any], region: str) -> str:
    """Return what is wrong in one region, or nothing."""
    if wanted["type"] == STACK:
        bare = [
            each.name
            for each in assembly.stacks
            if each.region == region and not each.termination_protection
        ]
        return f"without termination protection: {bare}" if bare else ""
    titles = {each.name: each.title for each in assembly.stacks}
    found = [
        each
        for each in assembly.resources(wanted["type"])
        if each.region == region and titles[each.stack] == f"tallystick-{wanted['stack']}"
    ]
    if not found:
        return f"no {wanted['type']} in {wanted['stack']} of {region}"
    values = Values(assembly)
    reached = [every(cast("Json", values.of(each)), wanted["path"]) for each in found]
    if "includes" in wanted:
        needed = {str(each).format(region=region) for each in wanted["includes"]}
        there = {str(value) for one in reached for value in one}
        return (
            ""
            if needed <= there
            else f"{wanted['path']} in {region} lacks {sorted(needed - there)}, has {sorted(there)}"
        )
    if any(_fulfils(value, wanted) for one in reached for value in one):
        return ""
    return f"{wanted['type']} {wanted['path']} in {wanted['stack']} of {region} is {reached}"


def _fulfils(value: Json, wanted: dict[str, Any]) -> bool:
    """Say whether one value is what is expected."""
    text = value if isinstance(value, str) else json.dumps(value)
    if "equals" in wanted:
        return bool(value == wanted["equals"])
    if "contains" in wanted:
        return wanted["contains"] in text
    if "matches" in wanted:
        return re.search(wanted["matches"], text) is not None
    if "at_least" in wanted:
        return float(text) >= float(wanted["at_least"])
    return value not in (None, "")
