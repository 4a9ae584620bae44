"""The search before the first pipe: which lines at all, in what time, in which indexes."""

import re
from dataclasses import dataclass, replace

from tallystick.watch.collect.query.grammar import read
from tallystick.watch.collect.query.nodes import AllOf, Happened, Is, Node
from tallystick.watch.collect.query.times import is_live, parse_time

_LEADING_SEARCH = re.compile(r"\s*search(?=\s|$)")


@dataclass(frozen=True)
class Search:
    """The part before the first pipe: which lines at all.

    `where` is for `predicate`; the bounds and indexes are also in what `predicate` gives, and
    stand here so that a store can leave out whole parts. `live` asks for new lines only.
    """

    where: Node | None = None
    earliest_ns: int | None = None
    latest_ns: int | None = None
    indexes: frozenset[str] | None = None
    live: bool = False


def read_search(
    text: str,
    start: int,
    end: int,
    now_ns: int,
    earliest: str | None = None,
    latest: str | None = None,
) -> Search:
    """The search that stands in this part of the text."""
    if start == 0 and (match := _LEADING_SEARCH.match(text, 0, end)):
        start = match.end()
    where, modifiers = read("search", _blanked(text, start, end), start, now_ns)
    bounds = {"earliest": earliest, "latest": latest}
    at = {"earliest": 0, "latest": 0}
    for modifier in modifiers:
        bounds[modifier.name] = modifier.value
        at[modifier.name] = modifier.value_at
    moments = {
        name: None if value is None else parse_time(value, now_ns, at[name])
        for name, value in bounds.items()
    }
    live = bounds["earliest"] is not None and is_live(bounds["earliest"])
    latest_ns = None if live else moments["latest"]
    return _narrowed(Search(where, moments["earliest"], latest_ns, live=live))


def _blanked(text: str, start: int, end: int) -> str:
    return " " * start + text[start:end]


def _narrowed(search: Search) -> Search:
    """Terms that must hold anyway say which times and which indexes: parts can be left out."""
    nodes = search.where.nodes if isinstance(search.where, AllOf) else (search.where,)
    left: list[Node] = []
    for node in nodes:
        if isinstance(node, Happened):
            search = _bounded(search, node)
            continue
        if isinstance(node, Is) and node.field == "index":
            names = [pattern.exact for pattern in node.patterns]
            if None not in names:
                named = frozenset(name.lower() for name in names if name is not None)
                search = replace(
                    search, indexes=named if search.indexes is None else named & search.indexes
                )
                continue
        if node is not None:
            left.append(node)
    where = left[0] if len(left) == 1 else AllOf(tuple(left)) if left else None
    return replace(search, where=where)


def _bounded(search: Search, node: Happened) -> Search:
    if node.order in {">", ">="}:
        bound = node.at_ns + (node.order == ">")
        if search.earliest_ns is not None:
            bound = max(bound, search.earliest_ns)
        return replace(search, earliest_ns=bound)
    bound = node.at_ns + (node.order == "<=")
    if search.latest_ns is not None:
        bound = min(bound, search.latest_ns)
    return replace(search, latest_ns=bound)
