"""How the lines of one index are taken apart: which columns, and which lines stay whole.

A line is odd, and kept whole, when a column could not give its value back exactly: a member twice,
another type than the column's, a number with more digits than a double holds.
"""
# ruff: noqa: S608  the fragments are our own; what people search for is bound

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from tallystick.watch.collect.query import places, pointer
from tallystick.watch.collect.store.engine import Row
from tallystick.watch.collect.store.parts import ColumnType, PartColumn
from tallystick.watch.collect.store.shape import OTHERS_MAX, candidates, column_types, fits, others
from tallystick.watch.collect.store.spelling import literal, quoted, statement

Keys = tuple[str, ...]
Query = Callable[[str, Sequence[object]], list[Row]]
"""Runs SQL over the table `sealing` and gives its rows."""

BIGINT_MAX = 2**63 - 1
_FIRST_MEMBERS = ("timestamp", "severity_text", "event_name", "body", "service.name")
_NOT_ALWAYS_EXACT = {"DOUBLE", "ARRAY", "OBJECT"}
_SUSPECT = r"[:\[,\s]-?(?:[0-9.]{16,}|[0-9.]+[eE])"  # a number that a double may not hold
_NUMBER = r"[:\[,\s](-?[0-9.]+(?:[eE][-+]?[0-9]+)?)"
_STAMP_SHARE_MIN = 0.99
_IN_LISTS = "IN (SELECT unnest(CAST(? AS VARCHAR[][])))"
_STRUCTURE: dict[ColumnType, str] = {"BIGINT": "HUGEINT", "TIME6": "VARCHAR", "TIME9": "VARCHAR"}


@dataclass(frozen=True)
class ShredPlan:
    """The columns of one index in one seal; `odd` is SQL that is true for lines kept whole."""

    types: dict[str, ColumnType]
    outside: frozenset[str]
    leftovers: bool
    odd: str
    values: tuple[object, ...]

    @property
    def integers(self) -> list[str]:
        """The members whose columns are BIGINT."""
        return [name for name, kind in self.types.items() if kind == "BIGINT"]

    @property
    def others(self) -> tuple[str, ...] | None:
        """The members outside of the columns in some line, sorted; None: too many to name."""
        return tuple(sorted(self.outside)) if len(self.outside) <= OTHERS_MAX else None

    def columns(self, *, raw: bool) -> dict[str, PartColumn]:
        """The columns of a part; with whole lines beside them, some values may stand there."""
        return {
            name: PartColumn(kind, not self._beside(name, raw=raw))
            for name, kind in self.types.items()
        }

    def _beside(self, name: str, *, raw: bool) -> bool:
        """Whether values of the field may stand outside of its column: as such, or in objects."""
        if raw and (self.others is None or name in self.outside):
            return True
        return any(steps[0] in self.outside for steps in places(name)[1:])


def plan_index(
    query: Query, index: str, keys: list[tuple[Keys, int]], unusable: set[str]
) -> ShredPlan:
    """Decide for the lines of one index, whose lists of member names are `keys` with counts."""
    names = [name for name in candidates(keys) if name not in unusable]
    pointers = [pointer(name) for name in names]
    counted = query(
        "SELECT json_type(raw, CAST(? AS VARCHAR[])), count(*), count(*) FILTER (form = 6),"
        ' count(*) FILTER (form = 9) FROM sealing WHERE "index" = ? GROUP BY ALL',
        [pointers, index],
    )
    types = column_types(names, [(row[0], row[1]) for row in counted])
    odd, values = ["false"], list[object]()
    if stamps := _stamps(types, counted):
        types["timestamp"] = stamps
        odd.append(f"form IS DISTINCT FROM {stamps[-1]}")
    columns = [types.get(name) for name in names]
    if misfits := [row[0] for row in counted if not fits(row[0], columns)]:
        odd.append(f"json_type(raw, CAST(? AS VARCHAR[])) {_IN_LISTS}")
        values += [pointers, misfits]
    if doubled := [list(row) for row, _ in keys if len(set(row)) < len(row)]:
        odd.append(f"keys {_IN_LISTS}")
        values.append(doubled)
    leftovers = any(name not in types for row, _ in keys for name in row)
    if leftovers or _NOT_ALWAYS_EXACT & {kind for row in counted for kind in row[0]}:
        odd.append(_inexact(mixed=_mixed(columns, counted)))
    condition = " OR ".join(odd)
    outside = others((row for row, _ in keys), types)
    if len(odd) > 1:
        sql = f'SELECT DISTINCT keys FROM sealing WHERE ({condition}) AND "index" = ?'
        whole = [row[0] for row in query(sql, [*values, index])]
        outside = outside.union(*whole)
    return ShredPlan(_ordered(types), outside, leftovers, condition, tuple(values))


def shredding(plan: ShredPlan) -> str:
    """The statement that makes the table `shredded`."""
    structure = {
        name: _STRUCTURE.get(kind, kind)
        for name, kind in plan.types.items()
        if not kind.startswith("TIME")
    }
    columns = [f"member.{quoted(name)} AS {quoted(name)}," for name in structure]
    rest = "CAST(NULL AS VARCHAR)"
    if plan.leftovers:
        members = ", ".join(literal(name) for name in plan.types)
        patch = literal(msgspec.json.encode(dict.fromkeys(plan.types)).decode())
        rest = (
            f"CASE WHEN NOT odd AND NOT list_has_all(CAST([{members}] AS VARCHAR[]), keys)"
            f" THEN nullif(CAST(json_merge_patch(line, {patch}) AS VARCHAR), '{{}}') END"
        )
    # without a column there is nothing to transform, and a structure may not be empty
    kept = structure or {"rest": "VARCHAR"}
    return statement("shredded").format(
        columns="\n  ".join(columns),
        rest=rest,
        structure=literal(msgspec.json.encode(kept).decode()),
        odd=f"({plan.odd})",
    )


def listed(columns: dict[str, PartColumn], *, rest: bool, raw: bool) -> str:
    """The select list of a part's columns, from the table `shredded`."""
    own = [
        f"CAST({quoted(name)} AS BIGINT) AS {quoted(name)}"
        if column.type == "BIGINT"
        else quoted(name)
        for name, column in columns.items()
        if not column.type.startswith("TIME")
    ]
    beside = ["rest"] * rest + ["raw"] * raw
    return ", ".join(["seq", "_time", *own, *beside])


def _stamps(types: dict[str, ColumnType], counted: list[Row]) -> ColumnType | None:
    """Whether (nearly) all timestamps are of one form that `_time` alone gives back."""
    lines = sum(row[1] for row in counted)
    if types.get("timestamp") != "VARCHAR":
        return None
    if sum(row[2] for row in counted) >= lines * _STAMP_SHARE_MIN:
        return "TIME6"
    return "TIME9" if sum(row[3] for row in counted) >= lines * _STAMP_SHARE_MIN else None


def _mixed(columns: Sequence[ColumnType | None], counted: list[Row]) -> bool:
    """Whether some column of doubles would take in integers."""
    return any(
        column == "DOUBLE" and kind in ("BIGINT", "UBIGINT")
        for row in counted
        for column, kind in zip(columns, row[0], strict=True)
    )


def _inexact(*, mixed: bool) -> str:
    """SQL: some number of the line has more digits than DuckDB keeps."""
    kept = (
        "false"
        if mixed
        else (
            "coalesce(TRY_CAST(x AS HUGEINT) BETWEEN -9223372036854775808 AND 18446744073709551615,"
            " false)"
        )
    )
    return (
        f"CASE WHEN regexp_matches(raw, '{_SUSPECT}') THEN len(list_filter("
        f"regexp_extract_all(raw, '{_NUMBER}', 1), lambda x: NOT CASE"
        " WHEN length(x) < 16 AND NOT regexp_matches(x, '[eE]') THEN true"
        f" WHEN regexp_full_match(x, '-?[0-9]+') THEN {kept}"
        " ELSE coalesce(CAST(TRY_CAST(x AS DOUBLE) AS VARCHAR) = x, false) END)) > 0"
        " ELSE false END"
    )


def _ordered(types: dict[str, ColumnType]) -> dict[str, ColumnType]:
    """The members that say most first: so lines are read back."""
    first = [name for name in _FIRST_MEMBERS if name in types]
    return {name: types[name] for name in [*first, *(n for n in types if n not in first)]}
