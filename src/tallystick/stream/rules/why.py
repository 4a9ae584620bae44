"""Why a pattern does not match an event: the first path that fails, in a sentence."""

import json

import msgspec

from tallystick.stream.rules.pattern import Branch, Event, Leaf, Pattern, holds

SHOWN_CHARACTERS_MAX = 200
"""How much of a value is shown."""


class Verdict(msgspec.Struct, frozen=True):
    """Whether it matched; if not, the `path` that failed and a sentence that says how."""

    matched: bool
    path: str | None = None
    reason: str | None = None


def verdict(pattern: Pattern, event: Event) -> Verdict:
    """Hold the event against the pattern and say what became of it.

    With `$or`, of the alternatives the one that came furthest is told.
    """
    flat = pattern.flat(event)
    if any(holds(branch, flat) for branch in pattern.branches):
        return Verdict(matched=True)
    best: tuple[int, Branch, Leaf | None] | None = None
    for branch in pattern.branches:
        failing = [leaf for leaf in branch if not holds((leaf,), flat)]
        met = len(branch) - len(failing)
        if best is None or met > best[0]:
            best = (met, branch, failing[0] if failing else None)
    assert best is not None  # noqa: S101  a pattern has a branch
    _, branch, leaf = best
    more = (
        f" (the nearest of {len(pattern.branches)} alternatives)"
        if len(pattern.branches) > 1
        else ""
    )
    if leaf is None:
        paths = ", ".join(leaf.path for leaf in branch)
        return Verdict(
            matched=False,
            path=branch[-1].path,
            reason=f"Each of {paths} is met{more}, but by different elements of an array.",
        )
    found = [value for value, _ in flat.get(leaf.path, ())]
    there = f"is {_shown(found[0] if len(found) == 1 else found)}" if found else "is not there"
    reason = f"{leaf.path} {there}; asked for is {_shown(leaf.wanted)}{more}."
    return Verdict(matched=False, path=leaf.path, reason=reason)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}..."
