"""Many patterns at once: an event is held against those only that its values can lead to.

Of each branch one leaf with exact values is looked up in a table, the one that it shares with the
fewest others; so a thousand rules for a thousand accounts cost one look-up. Branches without such
a leaf are all tried.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from tallystick.stream.rules.flat import Paths, flatten
from tallystick.stream.rules.operators import literal_key
from tallystick.stream.rules.pattern import Branch, Event, Leaf, Pattern, holds

Name = TypeVar("Name", bound=Hashable)
_Place = tuple[str, object]


class Index(Generic[Name]):
    """Patterns under their names; `matching` gives the names in the order they were given in."""

    def __init__(self, patterns: Mapping[Name, Pattern]) -> None:
        named = [
            (name, branch) for name, pattern in patterns.items() for branch in pattern.branches
        ]
        self._order = {name: number for number, name in enumerate(patterns)}
        shared = Counter(place for _, branch in named for place in _places(branch))
        self._found: dict[str, dict[object, list[tuple[Name, Branch]]]] = {}
        self._tried: list[tuple[Name, Branch]] = []
        for name, branch in named:
            leaf = _rarest(branch, shared)
            if leaf is None or leaf.literals is None:
                self._tried.append((name, branch))
                continue
            table = self._found.setdefault(leaf.path, {})
            for key in {literal_key(value) for value in leaf.literals}:
                table.setdefault(key, []).append((name, branch))
        self._tree = Paths({leaf.path for _, branch in named for leaf in branch})

    def matching(self, event: Event) -> list[Name]:
        """The names of all patterns that the event matches."""
        flat = flatten(event, self._tree)
        names: set[Name] = set()
        for path, table in self._found.items():
            for value, _ in flat.get(path, ()):
                for name, branch in table.get(literal_key(value), ()):
                    if name not in names and holds(branch, flat):
                        names.add(name)
        for name, branch in self._tried:
            if name not in names and holds(branch, flat):
                names.add(name)
        return sorted(names, key=self._order.__getitem__)


def _places(branch: Branch) -> Iterable[_Place]:
    for leaf in branch:
        for value in leaf.literals or ():
            yield leaf.path, literal_key(value)


def _rarest(branch: Branch, shared: Counter[_Place]) -> Leaf | None:
    """The leaf that leads to the fewest other branches."""
    exact = [leaf for leaf in branch if leaf.literals is not None]
    return min(
        exact,
        key=lambda leaf: max(
            shared[leaf.path, literal_key(value)] for value in leaf.literals or ()
        ),
        default=None,
    )
