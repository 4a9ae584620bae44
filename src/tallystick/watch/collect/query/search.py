"""The search before the first pipe: which lines at all, in what time, in which indexes."""

import math
import re
from dataclasses import dataclass, replace

from tallystick.errors import Refused
from tallystick.watch.collect.columns import SEQ_FIELD
from tallystick.watch.collect.query.grammar import read
from tallystick.watch.collect.query.nodes import AllOf, Happened, Is, Measures, Node
from tallystick.watch.collect.query.times import TIMES_SHOWN, is_live, parse_time
from tallystick.watch.collect.query.wording import shown

SEQ_MAX = 2**62
"""Larger than the number of any line."""
_SEQ_DIGITS_MAX = 18
_LEADING_SEARCH = re.compile(r"\s*search(?=\s|$)")


@dataclass(frozen=True)
class Search:
    """The part before the first pipe: which lines at all.

    `where` is for `predicate`; the bounds and indexes are also in what `predicate` gives, and
    stand here so that a store can leave out whole parts: times, indexes, and the numbers of lines
    (both inclusive). `live` asks for new lines only.
    """

    where: Node | None = None
    earliest_ns: int | None = None
    latest_ns: int | None = None
    indexes: frozenset[str] | None = None
    live: bool = False
    first_seq: int = 1
    last_seq: int = SEQ_MAX


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
    own = {modifier.name: modifier for modifier in modifiers}
    moments: dict[str, int | None] = {}
    for name, beside in (("earliest", earliest), ("latest", latest)):
        if name in own:
            moments[name] = parse_time(own[name].value, now_ns, own[name].value_at)
        else:
            moments[name] = None if beside is None else _beside(name, beside, now_ns)
    since = own["earliest"].value if "earliest" in own else earliest
    live = since is not None and is_live(since)
    latest_ns = None if live else moments["latest"]
    return _narrowed(Search(where, moments["earliest"], latest_ns, live=live))


def _beside(name: str, text: str, now_ns: int) -> int:
    """A bound that stands beside the query, not within it."""
    try:
        return parse_time(text, now_ns)
    except Refused:
        sentence = f"{name} cannot be read: {shown(text)} is no time such as {TIMES_SHOWN}."
        raise Refused("BAD_QUERY", sentence, field=name) from None


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
            search = _numbered(search, node)
            left.append(node)
    where = left[0] if len(left) == 1 else AllOf(tuple(left)) if left else None
    return replace(search, where=where)


def _numbered(search: Search, node: Node) -> Search:
    """With the bounds of line numbers that this term implies, if any; it stays to be tested."""
    first, last = search.first_seq, search.last_seq
    if isinstance(node, Measures) and node.field == SEQ_FIELD:
        if node.order in {">", ">="}:
            first = max(first, math.floor(node.number))
        else:
            last = min(last, math.ceil(node.number))
    elif isinstance(node, Is) and node.field == SEQ_FIELD:
        exact = [pattern.exact or "" for pattern in node.patterns]
        if all(text.isascii() and text.isdigit() for text in exact):
            numbers = [int(text[:_SEQ_DIGITS_MAX]) for text in exact]
            first, last = max(first, min(numbers)), min(last, max(numbers))
    return replace(search, first_seq=first, last_seq=last)


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
