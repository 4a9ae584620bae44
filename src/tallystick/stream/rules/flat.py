"""An event laid flat: which values stand at the paths that patterns ask for, and in which elements.

As AWS's event-ruler does it: arrays are crushed out of the path, so each element of an array
stands at the array's own path, and members of objects inside it below. A value remembers in which
element of which array it was found (its `Membership`), so that two conditions on objects of an
array are met by one and the same object. A name with a dot in it is the same as two nested ones.
Empty objects and empty arrays have no values: `exists` is false there.
"""

from collections.abc import Iterable, Mapping

Membership = tuple[tuple[int, int], ...]
"""Pairs of an array's number in the event and an element's in the array, outermost first."""
Flat = dict[str, list[tuple[object, Membership]]]
"""The values at each path; paths without any are not there."""

ARRAYS_MAX = 64
"""Arrays inside one another that are looked into; values deeper down are not there."""


class Paths:
    """A tree of the paths that are asked for: an event is looked into there and nowhere else."""

    __slots__ = ("below", "path")

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self.below: dict[str, Paths] = {}
        self.path: str | None = None
        """The whole path where one ends here."""
        for path in paths:
            node = self
            for step in path.split("."):
                node = node.below.setdefault(step, Paths())
            node.path = path

    def down(self, name: str) -> "Paths | None":
        """Where a member's name leads."""
        node = self.below.get(name)
        if node is not None or "." not in name:
            return node
        node = self
        for step in name.split("."):
            node = node.below.get(step)
            if node is None:
                return None
        return node


def flatten(event: Mapping[str, object], paths: Paths) -> Flat:
    """The values of the event at these paths."""
    flat: Flat = {}
    _walk(event, paths, (), flat, [0])
    return flat


def _walk(
    members: Mapping[str, object], paths: Paths, inside: Membership, flat: Flat, arrays: list[int]
) -> None:
    down, below = paths.down, paths.below
    for name, value in members.items():
        node = below.get(name) or (down(name) if "." in name else None)
        if node is None:
            continue
        if isinstance(value, dict):
            if node.below:
                _walk(value, node, inside, flat, arrays)
        elif isinstance(value, list):
            _elements(value, node, inside, flat, arrays)
        elif node.path is not None:
            flat.setdefault(node.path, []).append((value, inside))


def _elements(
    elements: list[object], node: Paths, inside: Membership, flat: Flat, arrays: list[int]
) -> None:
    if len(inside) >= ARRAYS_MAX:
        return
    number = arrays[0]
    arrays[0] += 1
    for index, value in enumerate(elements):
        if isinstance(value, dict):
            if node.below:
                _walk(value, node, (*inside, (number, index)), flat, arrays)
        elif isinstance(value, list):
            _elements(value, node, (*inside, (number, index)), flat, arrays)
        elif node.path is not None:
            flat.setdefault(node.path, []).append((value, inside))


def together(one: Membership, other: Membership) -> Membership | None:
    """Both, or None where they are different elements of the same array."""
    if not other or one == other:
        return one
    if not one:
        return other
    known = dict(one)
    for number, index in other:
        if known.setdefault(number, index) != index:
            return None
    return tuple(known.items())
