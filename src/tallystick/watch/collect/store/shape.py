"""Which members of a set of lines become columns of their own: a decision from counts alone.

A member becomes a column when it is common enough and (nearly) always of one type. A line whose
values do not fit the columns exactly is odd: it is kept whole beside them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from tallystick.watch.collect.store.parts import ColumnType

COLUMNS_MAX = 128
"""Most columns of a part; members beyond them stand in `rest`."""
COLUMN_NAME_CHARACTERS_MAX = 128
"""Longest name of a member that becomes a column."""
OTHERS_MAX = 256
"""Most members outside of the columns that the manifest names."""
_COLUMN_LINES_MIN = 8
_COLUMN_SHARE_MIN = 0.001  # of the lines: below this a column costs more than it saves
_TYPE_SHARE_MIN = 0.99  # of the values: the lines with the others are kept whole
_TAKEN = {"seq", "_time", "rest", "raw"}
_KIND: dict[str, ColumnType] = {
    "VARCHAR": "VARCHAR",
    "BOOLEAN": "BOOLEAN",
    "BIGINT": "BIGINT",
    "UBIGINT": "BIGINT",
    "DOUBLE": "DOUBLE",
}
_ABSENT = (None, "NULL")


def candidates(keys: Iterable[tuple[Sequence[str], int]]) -> list[str]:
    """Members common enough for a column: most frequent first, at most `COLUMNS_MAX`.

    `keys` are the distinct lists of member names and how many lines have each. Names that differ
    only by case would be one column to SQL, so only the most frequent of them is taken.
    """
    counts: Counter[str] = Counter()
    total = 0
    for names, lines in keys:
        total += lines
        for name in set(names):
            counts[name] += lines
    least = max(min(_COLUMN_LINES_MIN, total), total * _COLUMN_SHARE_MIN)
    chosen: dict[str, str] = {}
    for name, lines in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        folded = name.casefold()
        fits = name and folded not in _TAKEN and len(name) <= COLUMN_NAME_CHARACTERS_MAX
        if fits and lines >= least and folded not in chosen and "\0" not in name:
            chosen[folded] = name
        if len(chosen) == COLUMNS_MAX:
            break
    return list(chosen.values())


def column_types(
    names: Sequence[str], types: Iterable[tuple[Sequence[str | None], int]]
) -> dict[str, ColumnType]:
    """The type of each candidate's column; without those that are lists, objects or mixed.

    `types` are the distinct lists of JSON types, one for each name, and how many lines have each.
    """
    counted: list[Counter[str]] = [Counter() for _ in names]
    for row, lines in types:
        for counter, kind in zip(counted, row, strict=True):
            if kind not in _ABSENT:
                counter[_KIND.get(str(kind), "")] += lines
    chosen: dict[str, ColumnType] = {}
    for name, counter in zip(names, counted, strict=True):
        column = _column_type(counter)
        if column is not None:
            chosen[name] = column
    return chosen


def fits(row: Sequence[str | None], columns: Sequence[ColumnType | None]) -> bool:
    """Whether values of these JSON types can stand in these columns; None: there is no column."""
    return all(
        column is None or kind in _ABSENT or _stands_in(_KIND.get(str(kind), ""), column)
        for kind, column in zip(row, columns, strict=True)
    )


def others(keys: Iterable[Sequence[str]], types: dict[str, ColumnType]) -> frozenset[str]:
    """The members outside of the columns."""
    return frozenset(name for names in keys for name in names if name not in types)


def _column_type(counter: Counter[str]) -> ColumnType | None:
    total = counter.total()
    for column in ("VARCHAR", "BIGINT", "BOOLEAN", "DOUBLE"):
        holds = counter[column] + (counter["BIGINT"] if column == "DOUBLE" else 0)
        if total and holds >= total * _TYPE_SHARE_MIN:
            return column
    return None


def _stands_in(kind: str, column: ColumnType) -> bool:
    if column in ("TIME6", "TIME9"):
        return kind == "VARCHAR"
    return kind == column or (kind == "BIGINT" and column == "DOUBLE")
