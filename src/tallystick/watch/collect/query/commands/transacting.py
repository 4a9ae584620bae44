"""transaction: lines that belong together become one row."""
# ruff: noqa: S608  what is put together here is our own SQL; values are bound

import re
from dataclasses import dataclass, field, replace
from typing import Final

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.commands.command import Body, Command
from tallystick.watch.collect.query.commands.filtering import StageFields
from tallystick.watch.collect.query.expressions import truth
from tallystick.watch.collect.query.nodes import Expr, Field, Option, Says
from tallystick.watch.collect.query.patterns import quoted_pattern
from tallystick.watch.collect.query.predicate import condition
from tallystick.watch.collect.query.search import Search, read_search
from tallystick.watch.collect.query.stage import Sort, Stage
from tallystick.watch.collect.query.times import parse_span
from tallystick.watch.collect.query.values import Value, comma, sql
from tallystick.watch.collect.query.wording import bad

LINES_MAX: Final = 1_000
"""Most lines of one transaction that its row repeats."""
_EXPRESSION = re.compile(r"(?:eval\s*)?\(", re.IGNORECASE)
Edge = Search | Expr | None
"""What tells the first or the last line: a search, an expression, or nothing does."""


@dataclass(frozen=True)
class Transaction:
    """`transaction`: lines with the same values, cut at pauses, a span, and first or last lines.

    A transaction that lasts longer than `maxspan` is cut into pieces of that length, counted from
    its first line. Where first or last lines are told, those without one are left out.
    """

    by: tuple[Field, ...]
    pause_ns: int | None
    span_ns: int | None
    starts: Edge
    ends: Edge

    def compile(self, stage: Stage) -> Stage:
        """A table: `_time`, the fields, `duration` in seconds and `eventcount`.

        Any other member that is named later is a list of its values, `_raw` of the lines.
        """
        stage = stage.where(sql("{} IS NOT NULL", stage.field("_time").time()))
        keys: list[Value] = []
        for named in self.by:
            stage, key = stage.hidden(Value("any", stage.field(named.name).text()))
            stage = stage.where(sql("{} IS NOT NULL", key.sql))
            keys.append(key)
        stage, ns = stage.hidden(
            Value("number", sql("CAST(epoch_ns({}) AS HUGEINT)", stage.field("_time").time()))
        )
        stage, starts = _edge(stage, self.starts)
        stage, ends = _edge(stage, self.ends)
        order = sql("{}, seq", ns.sql) if stage.open else ns.sql
        stage, numbers = self._numbered(stage, keys, (ns.sql, starts, ends, order))
        groups = _Groups(stage, [*keys, *numbers], ns.sql, order, _complete(starts, ends, order))
        return groups.table([named.name for named in self.by])

    def _numbered(
        self, stage: Stage, keys: list[Value], parts: tuple[Sql, Sql | None, Sql | None, Sql]
    ) -> tuple[Stage, list[Value]]:
        """The rows with the number of their transaction among those with the same keys."""
        ns, starts, ends, order = parts
        partition = sql("PARTITION BY {} ", comma([k.sql for k in keys])) if keys else Sql("")
        window = sql("({}ORDER BY {})", partition, order)
        cuts = [sql("lag({}) OVER {} IS NULL", ns, window)]
        if self.pause_ns is not None:
            cuts.append(sql(f"{{}} - lag({{}}) OVER {{}} > {self.pause_ns}", ns, ns, window))
        if starts is not None:
            cuts.append(starts)
        if ends is not None:
            cuts.append(sql("coalesce(lag({}) OVER {}, false)", ends, window))
        first = sql("CASE WHEN {} THEN 1 ELSE 0 END", comma(cuts, " OR "))
        stage, cut = stage.hidden(Value("number", first))
        running = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
        total = sql(f"sum({{}}) OVER ({{}}ORDER BY {{}} {running})", cut.sql, partition, order)
        stage, number = stage.hidden(Value("number", total))
        if self.span_ns is None:
            return stage, [number]
        within = comma([*[key.sql for key in keys], number.sql])
        passed = sql("({} - min({}) OVER (PARTITION BY {}))", ns, ns, within)
        stage, piece = stage.hidden(Value("number", sql(f"{{}} // {self.span_ns + 1}", passed)))
        return stage, [number, piece]


@dataclass
class _Groups:
    """The step that makes one row a transaction; it lists the members that are asked for later."""

    stage: Stage
    keys: list[Value]
    ns: Sql
    order: Sql
    having: Sql
    found: dict[str, tuple[str, Value]] = field(default_factory=dict)

    def table(self, names: list[str]) -> Stage:
        """The table of the transactions, the newest first."""
        builder = self.stage.builder
        start, count, length = builder.fresh(), builder.fresh(), builder.fresh()
        relation = builder.later(lambda: self._select(start, count, length))
        columns = {
            "_time": Value("time", Sql(start)),
            **dict(zip(names, self.keys, strict=False)),
            "duration": Value("number", Sql(length)),
            "eventcount": Value("number", Sql(count)),
        }
        order = (Sort(Sql(start), descending=True), *(Sort(key.sql) for key in self.keys))
        table = self.stage.table(list(columns), relation, list(columns.values()), order)
        return replace(table, derived=(self._member,))

    def _member(self, name: str) -> Value:
        if name not in self.found:
            self.found[name] = (self.stage.builder.fresh(), self.stage.field(name))
        return Value("list", Sql(self.found[name][0]))

    def _select(self, start: str, count: str, length: str) -> Sql:
        by = comma([key.sql for key in self.keys])
        parts = [
            by,
            sql(f"min({{}}) AS {start}", self.stage.field("_time").time()),
            Sql(f"count(*) AS {count}"),
            sql(f"(max({{}}) - min({{}})) / 1e9 AS {length}", self.ns, self.ns),
            *(self._listed(name) for name in self.found),
        ]
        select = "SELECT {} FROM " + self.stage.relation + " GROUP BY {} {}"
        return sql(select, comma(parts), by, self.having)

    def _listed(self, name: str) -> Sql:
        """The lines in their order; of other members each value once."""
        column, value = self.found[name]
        text = value.text()
        if name == "_raw":
            listed = sql("list({} ORDER BY {})", text, self.order)
        else:
            there = sql("list(DISTINCT {}) FILTER (WHERE {} IS NOT NULL)", text, text)
            listed = sql("list_sort({})", there)
        return sql(f"list_slice({{}}, 1, {LINES_MAX}) AS {column}", listed)


def _edge(stage: Stage, edge: Edge) -> tuple[Stage, Sql | None]:
    """The rows with a column that is true for first, or last, lines."""
    if edge is None:
        return stage, None
    found = condition(edge, StageFields(stage)) if isinstance(edge, Search) else truth(edge, stage)
    stage, column = stage.hidden(Value("truth", sql("coalesce({}, false)", found)))
    return stage, column.sql


def _complete(starts: Sql | None, ends: Sql | None, order: Sql) -> Sql:
    """Only transactions that have the first and last lines they should."""
    wanted: list[Sql] = []
    if starts is not None:
        wanted.append(sql("first({} ORDER BY {})", starts, order))
    if ends is not None:
        wanted.append(sql("last({} ORDER BY {})", ends, order))
    return sql("HAVING {}", comma(wanted, " AND ")) if wanted else Sql("")


def read_transaction(body: Body) -> Command:
    """`transaction order.id maxpause=30s startswith="placed" endswith=eval(state="FILLED")`."""
    given = body.arguments(
        "endswith", "keepevicted", "maxevents", "maxpause", "maxspan", "mvlist", "startswith"
    )
    pause, span = (_length(given.options.get(name)) for name in ("maxpause", "maxspan"))
    starts, ends = (_read_edge(body, given.options.get(n)) for n in ("startswith", "endswith"))
    if not given.items and starts is None and ends is None and pause is None and span is None:
        raise body.missing("fields, or maxpause, maxspan, startswith or endswith")
    fields = tuple({named.name: named for named in given.some_fields()}.values())
    return Transaction(fields, pause, span, starts, ends)


def _length(option: Option | None) -> int | None:
    """Nanoseconds; -1 is no limit, as in Splunk."""
    if option is None or option.value == "-1":
        return None
    span = parse_span(option.value, option.value_at)
    if span.months:
        raise bad(option.value_at, "a length in months is not known in seconds; write days")
    return span.ns


def _read_edge(body: Body, option: Option | None) -> Edge:
    """A quoted text is searched for; `eval(...)` is an expression, `(...)` a search."""
    if option is None:
        return None
    at = option.value_at
    match = _EXPRESSION.match(option.value)
    if match is None or not option.value.endswith(")"):
        return Search(where=Says(quoted_pattern(f'"{option.value}"')))
    start, end = at + match.end(), at + len(option.value) - 1
    if match[0][0] != "(":
        return body.part(start, end).expression()
    return read_search(body.text, start, end, body.now_ns)
