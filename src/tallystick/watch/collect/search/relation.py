"""Questions of our own about the events of any query: counts, facets, patterns.

A query with nothing behind its search is asked through the columns of the store; the events that
later commands of it made are asked as they came out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.watch.collect.columns import Sql, Use
from tallystick.watch.collect.query import JsonColumns, Plan, reading


def sql(*parts: str | Sql) -> Sql:
    """The parts behind one another, with their values in order."""
    fragments = [Sql(part) if isinstance(part, str) else part for part in parts]
    text = "".join(fragment.text for fragment in fragments)
    return Sql(text, tuple(value for fragment in fragments for value in fragment.values))


def listed(parts: Sequence[Sql]) -> Sql:
    """The parts with commas between them."""
    values = tuple(value for part in parts for value in part.values)
    return Sql(", ".join(part.text for part in parts), values)


@dataclass(frozen=True)
class Events:
    """The events of a plan as a relation with `seq` and `_time`."""

    plan: Plan
    relation: Sql
    columns: tuple[Sql, ...]
    """The fields that were asked for, in their order."""
    raw: Sql
    """The whole line; there where it was asked for."""
    _uses: tuple[Use, ...]
    _whole: bool

    def ask(self, question: Sql, fields: tuple[str, ...]) -> Plan:
        """The plan of a question over the relation, which answers with a table."""
        return Plan(
            search=self.plan.search,
            uses=self._uses,
            whole=self._whole,
            sql=question,
            shape="table",
            fields=fields,
        )


def events_of(plan: Plan, uses: Sequence[Use] = (), *, whole: bool = False) -> Events:
    """The events of a plan whose shape is `events`, with these fields."""
    if plan.simple:
        columns = tuple(Sql(use.column) for use in uses)
        distinct = tuple(sorted(set(uses)))
        return Events(plan, Sql("events"), columns, Sql("_raw"), distinct, whole)
    made = {name: f"made{number}" for number, name in enumerate(plan.fields)}
    alias = ", ".join(("seq", "_time", "_raw", *made.values()))
    relation = sql("(", plan.sql, f") AS found({alias})")
    columns = tuple(_computed(use, plan, made) for use in uses)
    return Events(plan, relation, columns, Sql("found._raw"), plan.uses, plan.whole)


def _computed(use: Use, plan: Plan, made: dict[str, str]) -> Sql:
    kind = "VARCHAR" if use.kind == "text" else "DOUBLE"
    if use.field in made:
        return Sql(f"TRY_CAST(found.{made[use.field]} AS {kind})")
    if use.field in plan.removed:
        return Sql(f"CAST(NULL AS {kind})")
    return reading(use, JsonColumns("found._raw"))
