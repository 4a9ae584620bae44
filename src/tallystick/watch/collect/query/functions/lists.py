"""Functions of fields with several values."""

from typing import Final

from tallystick.watch.collect.query.functions.function import Arguments, Function
from tallystick.watch.collect.query.values import Value, comma, sql

_INDEX_MAX = 2**31 - 2


def _split(call: Arguments) -> Value:
    return Value("list", sql("string_split({}, {})", call.text(0), call.text(1)))


def _index(call: Arguments) -> Value:
    """From 0; negative ones count from the end. With two, a list of all between."""
    items = call.values[0].items()
    start = _place(call.whole(1, "the index"))
    if len(call) == 2:
        return Value("any", sql(f"list_extract({{}}, {start})", items))
    end = _place(call.whole(2, "the last index"))
    part = sql(f"list_slice({{}}, {start}, {end})", items)
    return Value("list", sql("CASE WHEN len({}) > 0 THEN {} END", part, part))


def _place(index: int) -> int:
    """SQL counts from 1, and from -1 at the end."""
    index = max(-_INDEX_MAX, min(_INDEX_MAX, index))
    return index + 1 if index >= 0 else index


def _count(call: Arguments) -> Value:
    return Value("number", sql("len({})", call.values[0].items()))


def _joined(call: Arguments) -> Value:
    return Value("text", sql("array_to_string({}, {})", call.values[0].items(), call.text(1)))


def _append(call: Arguments) -> Value:
    parts = [sql("coalesce({}, [])", value.items()) for value in call.values]
    whole = sql("list_concat({})", comma(parts)) if len(parts) > 1 else parts[0]
    return Value("list", sql("CASE WHEN len({}) > 0 THEN {} END", whole, whole))


def _distinct(call: Arguments) -> Value:
    return Value("list", sql("list_sort(list_distinct({}))", call.values[0].items()))


def _sorted(call: Arguments) -> Value:
    return Value("list", sql("list_sort({})", call.values[0].items()))


def _find(call: Arguments) -> Value:
    """The index, from 0, of the first value that the regular expression matches."""
    found = sql(
        "list_position(list_transform({}, lambda v: regexp_matches(v, {})), true)",
        call.values[0].items(),
        call.regex(1).text,
    )
    return Value("number", sql("(nullif({}, 0) - 1)", found))


LISTS: Final[dict[str, Function]] = {
    "array": Function(1, None, _append),
    "mvappend": Function(1, None, _append),
    "mvcount": Function(1, 1, _count),
    "mvdedup": Function(1, 1, _distinct),
    "mvfind": Function(2, 2, _find),
    "mvindex": Function(2, 3, _index),
    "mvjoin": Function(2, 2, _joined),
    "mvsort": Function(1, 1, _sorted),
    "split": Function(2, 2, _split),
}
