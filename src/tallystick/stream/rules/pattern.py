"""Event patterns in EventBridge's JSON syntax, compiled to closures.

A pattern is a tree of members; its leaves are arrays of what a value may be. All leaves must be
met, each by any of its alternatives and by any element where the event has an array; conditions on
objects in an array are met by one element (`flat`). `$or` gives alternatives: the pattern becomes
the list of its *branches*, each a conjunction, and matches where one of them does.

Where a path is asked for twice (beside an `$or` and inside) both must be met.
"""

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec

from tallystick.errors import Refused
from tallystick.stream.rules.flat import Flat, Membership, Paths, flatten, together
from tallystick.stream.rules.operators import (
    OPERATORS,
    Scalar,
    Test,
    WrongError,
    equals,
    operator_of,
)

BRANCHES_MAX = 1_000
"""Most branches that the `$or`s of one pattern may multiply to; event-ruler's advice too."""
PATTERN_CHARACTERS_MAX = 16_384
"""Longest pattern as JSON; EventBridge's own limit is 2,048."""
DEPTH_MAX = 64
"""Deepest nesting of a pattern's members."""
_RESERVED = frozenset({"exactly", "exists", *OPERATORS})
_decode = msgspec.json.Decoder().decode
Event = Mapping[str, object]


class Leaf(msgspec.Struct, frozen=True):
    """One condition: a value at `path` that `passes`, or, `or_absent`, none at all.

    `wanted` is the array as it stood in the pattern. `literals` are its values where it has
    nothing but exact ones, else None.
    """

    path: str
    passes: Test
    or_absent: bool
    wanted: list[object]
    literals: tuple[Scalar, ...] | None


Branch = tuple[Leaf, ...]
"""A conjunction, sorted by path; the order in which event-ruler looks at them."""


class Pattern:
    """A compiled pattern; `matches` is what it is for."""

    def __init__(self, pattern: Mapping[str, object], *, decimals: bool = False) -> None:
        """Compile. With `decimals`, `numeric` also reads decimal texts.

        Raises:
            Refused: `BAD_PATTERN`, with the reason and where in the pattern it is.
        """
        self.source = pattern
        alternatives = _members(pattern, (), decimals, in_or=False)
        self.branches: tuple[Branch, ...] = tuple(
            tuple(sorted(branch, key=lambda leaf: leaf.path)) for branch in alternatives
        )
        self.paths = sorted({leaf.path for branch in self.branches for leaf in branch})
        self._tree = Paths(self.paths)

    def matches(self, event: Event) -> bool:
        """Whether the event is one of those that are asked for."""
        flat = flatten(event, self._tree)
        return any(holds(branch, flat) for branch in self.branches)

    def flat(self, event: Event) -> Flat:
        """The event at this pattern's paths."""
        return flatten(event, self._tree)


def holds(branch: Branch, flat: Flat) -> bool:
    """Whether every leaf of a branch is met, by elements that belong together."""
    in_arrays = False
    for leaf in branch:  # most fail here, before anything has to be put together
        found = flat.get(leaf.path)
        if found is None:
            if not leaf.or_absent:
                return False
            continue
        passed = False
        for value, inside in found:
            in_arrays = in_arrays or bool(inside)
            passed = passed or leaf.passes(value)
        if not passed and not (leaf.or_absent and in_arrays):
            return False
    return not in_arrays or _consistent(branch, 0, (), flat)


def _consistent(branch: Branch, index: int, inside: Membership, flat: Flat) -> bool:
    """Whether the leaves from `index` on can be met within the elements chosen so far."""
    if index == len(branch):
        return True
    leaf = branch[index]
    reachable = False
    tried: set[Membership] = set()
    for value, where in flat.get(leaf.path, ()):
        chosen = together(inside, where)
        if chosen is None:
            continue
        reachable = True
        if chosen not in tried and leaf.passes(value):
            tried.add(chosen)
            if _consistent(branch, index + 1, chosen, flat):
                return True
    return leaf.or_absent and not reachable and _consistent(branch, index + 1, inside, flat)


def read_pattern(text: str | bytes, *, decimals: bool = False) -> Pattern:
    """The pattern in this JSON.

    Raises:
        Refused: `BAD_PATTERN`.
    """
    if len(text) > PATTERN_CHARACTERS_MAX:
        raise _invalid(f"It is longer than {PATTERN_CHARACTERS_MAX} characters", ())
    try:
        pattern = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(f"It is no JSON: {error}", ()) from error
    return compile_pattern(pattern, decimals=decimals)


def compile_pattern(pattern: object, *, decimals: bool = False) -> Pattern:
    """The pattern in this decoded JSON.

    Raises:
        Refused: `BAD_PATTERN`.
    """
    if not isinstance(pattern, Mapping):
        raise _invalid("Filter is not an object", ())
    return Pattern(cast("Mapping[str, object]", pattern), decimals=decimals)


def _members(
    members: Mapping[str, object], path: tuple[str, ...], decimals: bool, *, in_or: bool
) -> list[list[Leaf]]:
    """The branches of an object: every combination of its members' alternatives."""
    if not members:
        raise _invalid("Empty objects are not allowed", path)
    if len(path) > DEPTH_MAX:
        raise _invalid(f"It is nested deeper than {DEPTH_MAX}", path[:3])
    branches: list[list[Leaf]] = [[]]
    for name, value in members.items():
        if name == "$or" and _is_or(value):
            alternatives = _alternatives(cast("list[object]", value), path, decimals)
        elif in_or and name in _RESERVED:
            raise _invalid(f"{name} is reserved and cannot be a name inside $or", path)
        elif isinstance(value, Mapping):
            alternatives = _members(value, (*path, name), decimals, in_or=in_or)
        elif isinstance(value, list):
            alternatives = [[_leaf(value, (*path, name), decimals)]]
        else:
            raise _invalid(f'"{name}" must be an object or an array', (*path, name))
        if len(branches) * len(alternatives) > BRANCHES_MAX:
            raise _invalid(f"Its $or has more than {BRANCHES_MAX} combinations", path)
        branches = [[*one, *other] for one in branches for other in alternatives]
    return branches


def _is_or(value: object) -> bool:
    """`$or` is a keyword before an array, and an ordinary name before an object."""
    return not isinstance(value, Mapping)


def _alternatives(value: object, path: tuple[str, ...], decimals: bool) -> list[list[Leaf]]:
    where = (*path, "$or")
    if not isinstance(value, list):
        raise _invalid("It must be an Array followed with $or", where)
    if len(value) < 2:
        raise _invalid("There must have at least 2 Objects in $or relationship", where)
    found: list[list[Leaf]] = []
    for each in value:
        if not isinstance(each, Mapping):
            raise _invalid("Only JSON object is allowed in array of $or relationship", where)
        found += _members(each, path, decimals, in_or=True)
    return found


def _leaf(wanted: list[object], path: tuple[str, ...], decimals: bool) -> Leaf:
    if not wanted:
        raise _invalid("Empty arrays are not allowed", path)
    tests: list[Test] = []
    literals: list[Scalar] = []
    absent = False
    for each in wanted:
        if isinstance(each, Mapping):
            try:
                test = operator_of(each, decimals=decimals)
            except WrongError as error:
                raise _invalid(str(error), path) from error
            absent = absent or test is None
            tests += [] if test is None else [test]
        elif not (each is None or isinstance(each, (str, int, float))):
            raise _invalid("Match value must be String, number, true, false, or null", path)
        else:
            literals.append(each)
            tests.append(equals(each))
    exact = len(literals) == len(wanted)
    if exact and len(literals) > 1:
        tests = [_one_of(literals)]
    literal = tuple(literals) if exact else None
    return Leaf(".".join(path), _any_of(tests), absent, wanted, literal)


def _any_of(tests: list[Test]) -> Test:
    """Whether one of the tests is passed; none of them where only absence is asked for."""
    if len(tests) == 1:
        return tests[0]
    return lambda value: any(test(value) for test in tests)


def _one_of(literals: Iterable[Scalar]) -> Test:
    """Many exact values at once."""
    plain = frozenset(each for each in literals if not isinstance(each, bool))
    bools = frozenset(each for each in literals if isinstance(each, bool))
    return lambda value: value in bools if isinstance(value, bool) else value in plain


def _invalid(reason: str, path: tuple[str, ...]) -> Refused:
    """EventBridge's sentence (InvalidEventPatternException), and where it went wrong."""
    where = f" At {'.'.join(path)}." if path else ""
    sentence = f"Event pattern is not valid. Reason: {reason.rstrip('.')}.{where}"
    return Refused("BAD_PATTERN", sentence, field="pattern")
