"""The gate before the ledger's entries: which bytes can match a rule at all, without reading them.

Entries are canonical JSON, so a text that a pattern asks for stands in the bytes exactly as it is
encoded, and a number of so many digits has that many. The gate never turns away what would match;
it lets through what has to be read to be sure. An order that no rule is about costs it two
searches of its bytes.
"""

from collections.abc import Iterable

import msgspec

from tallystick.stream.rules.event import LEDGER, kind_of
from tallystick.stream.rules.operators import WrongError, numeric_terms
from tallystick.stream.rules.pattern import Branch, Leaf, Pattern

CONDITIONS_MAX = 8
"""Most branches of one kind whose conditions are looked for; with more the entry is read."""
_KIND = b'"kind":"'
_encode = msgspec.json.Encoder().encode


class _Condition(msgspec.Struct, frozen=True):
    """What the bytes must have: of each tuple of texts one, and numbers of enough digits."""

    texts: tuple[tuple[bytes, ...], ...] = ()
    digits: tuple[tuple[bytes, int], ...] = ()

    def met(self, body: bytes) -> bool:
        for name, count in self.digits:
            if not _has_digits(body, name, count):
                return False
        for texts in self.texts:
            for text in texts:
                if text in body:
                    break
            else:
                return False
        return True


class Gate:
    """`lets` says whether an entry has to be read."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._of_kind: dict[bytes, list[_Condition]] = {}
        self._of_any: list[_Condition] = []
        for pattern in patterns:
            for branch in pattern.branches:
                self._add(branch)

    def lets(self, body: bytes) -> bool:
        """Whether these bytes may be an entry that matches."""
        if self._of_any and _any_met(self._of_any, body):
            return True
        start = body.find(_KIND) + len(_KIND)
        if start < len(_KIND):
            return False
        end = body.find(b'"', start)
        if body.find(_KIND, end) >= 0:  # a document inside has a kind too
            return any(kind in body for kind in self._of_kind)
        conditions = self._of_kind.get(body[start:end])
        return conditions is not None and _any_met(conditions, body)

    def _add(self, branch: Branch) -> None:
        leaves = {leaf.path: leaf for leaf in branch}
        source = leaves.get("source")
        if source is not None and not source.or_absent and not source.passes(LEDGER):
            return
        kinds = _kinds(leaves)
        condition = _condition(branch)
        if kinds is None:
            self._of_any.append(condition)
        for kind in kinds or ():
            self._of_kind.setdefault(kind.encode(), []).append(condition)


def _any_met(conditions: list[_Condition], body: bytes) -> bool:
    if len(conditions) > CONDITIONS_MAX:
        return True
    for condition in conditions:  # noqa: SIM110  any() would cost as much as the search itself
        if condition.met(body):
            return True
    return False


def _kinds(leaves: dict[str, Leaf]) -> set[str] | None:
    """The kinds of entry that a branch can be about; None for any."""
    found: set[str] | None = None
    for path, read in (("detail-type", kind_of), ("detail.kind", str)):
        leaf = leaves.get(path)
        if leaf is not None and leaf.literals is not None:
            kinds = {read(value) for value in leaf.literals if isinstance(value, str)} - {None}
            named = {kind for kind in kinds if kind is not None}
            found = named if found is None else found & named
    return found


def _condition(branch: Branch) -> _Condition:
    texts, digits = [], []
    for leaf in branch:
        if not leaf.path.startswith("detail.") or leaf.or_absent or leaf.path == "detail.kind":
            continue
        name = leaf.path.rpartition(".")[2]
        if leaf.literals is not None and all(isinstance(each, str) for each in leaf.literals):
            texts.append(tuple(_encode(each) for each in leaf.literals))
        elif (count := _digits(leaf)) > 1:
            digits.append((_encode(name)[1:] + b":", count))  # or the end of a dotted name
    return _Condition(tuple(texts), tuple(digits))


def _digits(leaf: Leaf) -> int:
    """How many digits before the point every number has that the leaf asks for; 0 for unknown."""
    least = []
    for each in leaf.wanted:
        if not isinstance(each, dict) or "numeric" not in each:
            return 0
        try:
            terms = numeric_terms(each["numeric"])
        except WrongError:
            return 0
        least.append(
            max((_length(bound) for sign, bound in terms if sign in {">", ">="}), default=0)
        )
    return min(least, default=0)


def _length(bound: float) -> int:
    return len(str(int(bound))) if bound >= 10 else 0


def _has_digits(body: bytes, name: bytes, count: int) -> bool:
    """Whether some member of this name begins, as a text, with so many digits; or is no text."""
    at = body.find(name)
    while at >= 0:
        start = at + len(name)
        if body[start : start + 1] != b'"':
            return True  # a number, or an array of texts: to be read
        if body[start + 1 : start + 1 + count].isdigit():
            return True
        at = body.find(name, start)
    return False
