"""sort, head, tail, reverse, dedup: the order of rows, and which of them."""

from dataclasses import dataclass, replace
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.commands.command import Body, Command, Given, as_field, is_comma
from tallystick.watch.collect.query.nodes import Field, Mark, Quoted, Word
from tallystick.watch.collect.query.stage import Order as RowOrder
from tallystick.watch.collect.query.stage import Sort as SortBy
from tallystick.watch.collect.query.stage import Stage, natural, ordering
from tallystick.watch.collect.query.values import Value, comma, sql
from tallystick.watch.collect.query.wording import bad, unknown

HEAD_DEFAULT: Final = 10
Item = Word | Quoted | Mark
_AS_KINDS: Final = ("auto", "ip", "num", "str")


@dataclass(frozen=True)
class Key:
    """One field to sort by, read as `auto`, `num`, `str` or `ip`."""

    field: Field
    descending: bool
    kind: str

    def order(self, stage: Stage) -> RowOrder:
        """What it sorts by in these rows."""
        value = stage.field(self.field.name)
        match self.kind:
            case "num":
                return (SortBy(value.number(), self.descending),)
            case "str":
                return (SortBy(value.text(), self.descending),)
            case "ip":
                padded = "lpad(v, 3, '0')"
                parts = sql(
                    f"list_transform(string_split({{}}, '.'), lambda v: {padded})", value.text()
                )
                return (SortBy(parts, self.descending),)
            case _:
                return natural(value, descending=self.descending)


@dataclass(frozen=True)
class Sort:
    """`sort`: rows by fields; with a number only the first so many."""

    keys: tuple[Key, ...]
    limit: int

    def compile(self, stage: Stage) -> Stage:
        """The rows in the new order; the old one breaks ties."""
        order = tuple(part for key in self.keys for part in key.order(stage))
        stage = stage.sorted_by(order)
        return stage.first(self.limit) if self.limit else stage


@dataclass(frozen=True)
class Head:
    """`head`: the first rows."""

    count: int

    def compile(self, stage: Stage) -> Stage:
        """Those rows."""
        return stage.first(self.count)


@dataclass(frozen=True)
class Tail:
    """`tail`: the last rows, the last one first, as in Splunk."""

    count: int

    def compile(self, stage: Stage) -> Stage:
        """Those rows."""
        return stage.reversed().first(self.count)


@dataclass(frozen=True)
class Reverse:
    """`reverse`: the last row first."""

    def compile(self, stage: Stage) -> Stage:
        """All rows."""
        return stage.reversed()


@dataclass(frozen=True)
class Dedup:
    """`dedup`: the first rows with the same values."""

    fields: tuple[Field, ...]
    count: int
    keep_empty: bool
    keep_events: bool
    consecutive: bool
    keys: tuple[Key, ...]

    def compile(self, stage: Stage) -> Stage:
        """At most `count` rows of each combination of values."""
        if self.keys:
            stage = stage.sorted_by(tuple(p for key in self.keys for p in key.order(stage)))
        values = [stage.field(field.name).text() for field in self.fields]
        there = sql("({})", comma([sql("{} IS NOT NULL", v) for v in values], " AND "))
        order = ordering(stage.order)
        if self.consecutive:
            changed = [
                sql("{} IS DISTINCT FROM lag({}) OVER (ORDER BY {})", v, v, order) for v in values
            ]
            stage, group = stage.hidden(Value("truth", sql("({})", comma(changed, " OR "))))
            first = group.sql
        else:
            partition = comma(values)
            stage, number = stage.hidden(
                Value(
                    "number",
                    sql("row_number() OVER (PARTITION BY {} ORDER BY {})", partition, order),
                )
            )
            first = sql(f"{{}} <= {self.count}", number.sql)
        if self.keep_events:
            return self._emptied(stage, first)
        wanted = sql("({} OR NOT {})" if self.keep_empty else "({} AND {})", first, there)
        return stage.where(wanted)

    def _emptied(self, stage: Stage, first: Sql) -> Stage:
        """All rows stay; the doubles lose the fields."""
        emptied: dict[str, Value] = {}
        for field in self.fields:
            value = stage.field(field.name)
            kept = sql("CASE WHEN {} THEN {} END", first, value.sql)
            emptied[field.name] = Value(value.kind, kept)
        return stage.compute(emptied)


def read_sort(body: Body) -> Command:
    """`sort 10 -count, +host`, `sort num(a) desc`; `sort @timestamp desc` as in CloudWatch."""
    limit, given = body.arguments("limit").count_first()
    keys = read_keys(given)
    if not keys:
        raise body.missing("a field")
    return Sort(keys, given.whole("limit", limit or 0))


def read_keys(given: Given) -> tuple[Key, ...]:
    """The fields with their signs: `-a`, `- a`, `num(a)`, `a desc`."""
    keys: list[Key] = []
    items = list(given.items)
    while items:
        item = items.pop(0)
        if is_comma(item):
            continue
        key = _key(given, item, items)
        if items and isinstance(items[0], Word) and items[0].text.lower() in {"asc", "desc"}:
            word = items.pop(0)
            key = replace(key, descending=word.text.lower() == "desc")
        keys.append(key)
    return tuple(keys)


def _key(given: Given, item: Item, rest: list[Item]) -> Key:
    """One field; what belongs to it is taken from the rest."""
    descending = False
    if isinstance(item, Word) and item.text[0] in "+-":
        descending = item.text[0] == "-"
        if len(item.text) > 1:
            item = Word(item.text[1:], item.at + 1)
        elif rest:
            item = rest.pop(0)
        else:
            raise given.body.missing(f"a field behind {item.text}")
    field, kind = as_field(item), "auto"
    if rest and isinstance(rest[0], Mark) and rest[0].text == "(":
        kind = field.name.lower()
        if kind not in _AS_KINDS:
            raise unknown(field.at, "way to sort called", field.name, _AS_KINDS)
        inside = rest[1:3]
        del rest[:3]
        if len(inside) < 2 or not isinstance(inside[1], Mark) or inside[1].text != ")":
            raise given.body.missing(f"one field in the parentheses behind {kind}")
        field = as_field(inside[0])
    return Key(field, descending, kind)


def read_head(body: Body) -> Command:
    """`head`, `head 20`, `head limit=20`."""
    return Head(_count(body))


def read_tail(body: Body) -> Command:
    """`tail 20`."""
    return Tail(_count(body))


def _count(body: Body) -> int:
    limit, given = body.arguments("limit").count_first()
    if given.items:
        raise bad(given.items[0].at, f"{body.name} takes one whole number")
    return given.whole("limit", HEAD_DEFAULT if limit is None else limit)


def read_reverse(body: Body) -> Command:
    """`reverse`."""
    given = body.arguments()
    if given.items:
        raise bad(given.items[0].at, "reverse takes nothing")
    return Reverse()


def read_dedup(body: Body) -> Command:
    """`dedup 2 host, route keepempty=true sortby -_time`."""
    limit, given = body.arguments("keepempty", "keepevents", "consecutive").count_first()
    before, after = given.split("sortby")
    if limit == 0:
        raise bad(body.start, "dedup keeps at least 1 row")
    return Dedup(
        before.fields(),
        limit or 1,
        given.truth("keepempty", default=False),
        given.truth("keepevents", default=False),
        given.truth("consecutive", default=False),
        () if after is None else read_keys(after),
    )
