"""search, where, regex: which rows go on."""

import re
from dataclasses import dataclass

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.commands.command import Body, Command
from tallystick.watch.collect.query.expressions import truth
from tallystick.watch.collect.query.fields import ALIASES
from tallystick.watch.collect.query.json_columns import JsonColumns
from tallystick.watch.collect.query.nodes import AllOf, Expr
from tallystick.watch.collect.query.patterns import quoted_expression
from tallystick.watch.collect.query.predicate import condition
from tallystick.watch.collect.query.regexes import read_regex
from tallystick.watch.collect.query.search import Search, read_search
from tallystick.watch.collect.query.stage import Stage
from tallystick.watch.collect.query.values import Value, sql
from tallystick.watch.collect.query.wording import bad

_REGEX = re.compile(
    r"""\s*(?:(['"`]?)([\w.@/~-]+)\1\s*(!?=)\s*)?("(?:\\.|[^"\\])*")\s*""", re.DOTALL
)


@dataclass(frozen=True)
class SearchAgain:
    """`search`: the first stage's language, on rows of any kind."""

    search: Search

    def compile(self, stage: Stage) -> Stage:
        """Rows that fit; straight behind the search it is part of it."""
        return searched(stage, self.search)


def searched(stage: Stage, search: Search) -> Stage:
    """The rows of the stage that fit."""
    builder = stage.builder
    if stage.relation == "events" and not stage.columns and not stage.derived:
        builder.search = both(builder.search, search)
        return stage
    return stage.where(condition(search, StageFields(stage)))


def both(one: Search, other: Search) -> Search:
    """What fits both searches."""
    nodes = [search.where for search in (one, other) if search.where is not None]
    earliest = [s.earliest_ns for s in (one, other) if s.earliest_ns is not None]
    latest = [s.latest_ns for s in (one, other) if s.latest_ns is not None]
    indexes = [s.indexes for s in (one, other) if s.indexes is not None]
    return Search(
        nodes[0] if len(nodes) == 1 else AllOf(tuple(nodes)) if nodes else None,
        max(earliest, default=None),
        min(latest, default=None),
        frozenset.intersection(*indexes) if indexes else None,
        one.live or other.live,
    )


@dataclass(frozen=True)
class StageFields:
    """The fields of the rows between two commands."""

    stage: Stage

    def text(self, field: str) -> Sql:
        """The field as text."""
        return self._field(field).text()

    def number(self, field: str) -> Sql:
        """The field as a number."""
        return self._field(field).number()

    def time(self) -> Sql:
        """The time of the row."""
        return self.stage.field("_time").time()

    def searched(self, text: str) -> tuple[Sql, ...]:
        """All fields, and the values of the line while there is one."""
        parts = [value.text() for value in self.stage.columns.values()]
        if self.stage.open:
            parts += JsonColumns(self.stage.field("_raw").text().text).searched(text)
        return tuple(parts)

    def _field(self, field: str) -> Value:
        """A table may have the field under its own name or under what its alias stands for."""
        if not self.stage.open and field not in self.stage.columns:
            for name in ALIASES.get(field, ()):
                if name in self.stage.columns:
                    return self.stage.columns[name]
        return self.stage.field(field)


@dataclass(frozen=True)
class Where:
    """`where`: rows for which an expression is true."""

    expression: Expr

    def compile(self, stage: Stage) -> Stage:
        """Rows for which it is true."""
        return stage.where(truth(self.expression, stage))


@dataclass(frozen=True)
class Regex:
    """`regex`: rows whose field matches, or with `!=` does not."""

    field: str
    expression: str
    matches: bool

    def compile(self, stage: Stage) -> Stage:
        """Rows that match; a missing field does not."""
        found = sql(
            "coalesce(regexp_matches({}, {}), false)",
            stage.field(self.field).text(),
            self.expression,
        )
        return stage.where(found if self.matches else sql("(NOT {})", found))


def read_search_command(body: Body) -> Command:
    """`search status>=500 NOT route="/health"`."""
    return SearchAgain(read_search(body.text, body.start, len(body.text), body.now_ns))


def read_where(body: Body) -> Command:
    """`where duration_us > 1000 AND like(route, "/v1/%")`."""
    return Where(body.expression())


def read_regex_command(body: Body) -> Command:
    """`regex field="expression"`, `regex field!="expression"`, or of the whole line."""
    match = _REGEX.fullmatch(body.text, body.start)
    if match is None:
        reason = 'regex is written as regex field="expression" or regex field!="expression"'
        raise bad(body.start, reason)
    regex = read_regex(quoted_expression(match[4]), match.start(4))
    return Regex(match[2] or "_raw", regex.text, match[3] != "!=")
