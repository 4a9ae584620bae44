"""The escape hatch: one read-only SELECT over the relation `events`, in DuckDB's own SQL.

DuckDB parses the statement; each part of the parsed tree must be on a list of `sql_names`; what
runs is written from that tree, not from the text. So nothing reaches a file, a setting or another
table, even before the engine, which is locked down as well, refuses it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tallystick.watch.collect.columns import Sql, Use
from tallystick.watch.collect.query.fields import RAW_FIELD, TIME_FIELD
from tallystick.watch.collect.query.pipeline import PIPELINE_CHARACTERS_MAX
from tallystick.watch.collect.query.plan import Plan
from tallystick.watch.collect.query.scratch import scratch
from tallystick.watch.collect.query.search import Search
from tallystick.watch.collect.query.sql_names import EXPRESSIONS, FUNCTIONS, NODES
from tallystick.watch.collect.query.wording import bad, shown, unknown

RELATION: Final = "events"
_OWN = frozenset({"seq", TIME_FIELD, RAW_FIELD})
_NAMED = re.compile(r"[a-z_]\w*", re.IGNORECASE)

Tree = dict[str, Any]
"""A part of what json_serialize_sql gives; its form is DuckDB's."""


def compile_sql(
    text: str,
    *,
    earliest_ns: int | None = None,
    latest_ns: int | None = None,
    indexes: frozenset[str] | None = None,
) -> Plan:
    """The plan of a SELECT over `events`: columns `seq`, `_time`, `_raw`, and any field.

    A field is VARCHAR under its own name (quoted, or with its dots), and a number under its name
    with `#` behind, quoted.

    Raises:
        Refused: `BAD_QUERY`; the statement is not one SELECT, or uses what is not allowed.
    """
    checked = _checked(text)
    search = Search(None, earliest_ns, latest_ns, indexes)
    statement = _written(checked.tree, text)
    plain = checked.fields - checked.aliases
    for fields in dict.fromkeys((plain, checked.fields)):
        columns, problem = _columns(statement, fields)
        if not problem:
            break
    else:
        raise bad(0, problem)
    return Plan(
        search,
        tuple(sorted(_use(name) for name in fields)),
        checked.whole,
        Sql(statement),
        "table",
        columns,
    )


@dataclass
class _Checked:
    """A statement whose every part is allowed, and what it reads."""

    tree: Tree
    fields: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()
    tables: set[str] = field(default_factory=lambda: {RELATION})
    whole: bool = False


def _checked(text: str) -> _Checked:
    if len(text) > PIPELINE_CHARACTERS_MAX:
        reason = f"a query has at most {PIPELINE_CHARACTERS_MAX} characters"
        raise bad(PIPELINE_CHARACTERS_MAX, reason)
    statement = _parsed(text)
    parts = list(_parts(statement["node"]))
    checked = _Checked(statement)
    for part in parts:
        checked.tables |= _tables_of(part)
    names: set[str] = set()
    for part in parts:
        _check(part, checked)
        if part.get("class") == "COLUMN_REF":
            names.add(_settle(part, checked.tables))
        checked.whole |= part.get("class") == "STAR"
    aliases = {str(part["alias"]) for part in parts if part.get("alias")}
    checked.whole |= RAW_FIELD in names
    checked.fields = frozenset(names - _OWN)
    checked.aliases = frozenset(aliases)
    return checked


def _parsed(text: str) -> Tree:
    """The one statement of the text."""
    with scratch() as connection:
        row = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchone()
    try:
        answer: Tree = msgspec.json.decode(row[0] if row else "{}")
    except (msgspec.DecodeError, RecursionError):
        raise bad(0, "it is nested too deep") from None
    if answer.get("error"):
        at = int(answer.get("position") or 0)
        raise bad(min(at, len(text)), _problem(str(answer.get("error_message", ""))))
    statements = answer["statements"]
    if len(statements) != 1:
        raise bad(0, f"one SELECT goes, not {len(statements)} statements")
    statement: Tree = statements[0]
    return statement


def _problem(message: str) -> str:
    if message.startswith("Only SELECT"):
        return "only one SELECT goes here"
    if message.startswith("Max expression depth"):
        return "it is nested too deep"
    return message.splitlines()[0].rstrip(".!") if message else "it is no SQL"


def _parts(tree: Tree) -> Iterator[Tree]:
    """All objects of the tree."""
    waiting: list[object] = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _tables_of(part: Tree) -> set[str]:
    """The names that this part gives to tables."""
    named: set[str] = set()
    if isinstance(part.get("type"), str) and "class" not in part and part.get("alias"):
        named.add(str(part["alias"]))
    entries = part.get("cte_map")
    if isinstance(entries, dict):
        named |= {str(entry["key"]) for entry in entries.get("map", ())}
    return named


def _check(part: Tree, checked: _Checked) -> None:
    """Refuse what is not on the lists."""
    kind, expression = part.get("type"), part.get("class")
    at = _place(part)
    if expression is not None:
        if expression not in EXPRESSIONS:
            raise bad(at, f"{str(expression).lower()} is not allowed in SQL here")
    elif kind == "TABLE_FUNCTION":
        function = part.get("function") or {}
        if function.get("function_name") != "unnest":
            raise bad(at, "only the relation events can be read")
    elif isinstance(kind, str) and kind not in NODES and _is_node(part):
        raise bad(at, f"{kind.lower().replace('_', ' ')} is not allowed in SQL here")
    if part.get("sample"):
        raise bad(at, "a sample is not allowed in SQL here")
    if kind == "BASE_TABLE":
        _check_table(part, checked, at)
    if "function_name" in part:
        _check_function(part, at)
    entries = part.get("cte_map")
    if isinstance(entries, dict) and any(e["key"] == RELATION for e in entries.get("map", ())):
        raise bad(at, f"{RELATION} is the name of the log, and cannot be given again")


def _place(part: Tree) -> int:
    """Where the part stands; what DuckDB does not know is the beginning."""
    at = int(part.get("query_location") or 0)
    return at if at <= PIPELINE_CHARACTERS_MAX else 0


def _is_node(part: Tree) -> bool:
    """Whether this is a part of a statement, and not the type of a value or of a join."""
    return "id" not in part and "type_info" not in part and "kind" not in part


def _check_table(part: Tree, checked: _Checked, at: int) -> None:
    path = (part.get("qualified_name") or {}).get("path") or [part.get("table_name")]
    if len(path) != 1 or part.get("schema_name") or part.get("catalog_name"):
        raise bad(at, "only the relation events can be read")
    if path[0] not in checked.tables or part.get("at_clause"):
        raise bad(at, f"there is no table {shown(str(path[0]))}; the log is called {RELATION}")


def _check_function(part: Tree, at: int) -> None:
    name = str(part["function_name"]).lower()
    path = (part.get("qualified_name") or {}).get("path") or [name]
    if len(path) != 1 or part.get("schema") or part.get("catalog"):
        raise bad(at, f"function {shown(name)} is not allowed in SQL here")
    if name and _NAMED.fullmatch(name) and name not in FUNCTIONS:
        raise unknown(at, "SQL function", name, FUNCTIONS)


def _settle(reference: Tree, tables: set[str]) -> str:
    """The field of a reference; `http.route` becomes one name, as if it were quoted."""
    names: list[str] = reference["column_names"]
    if len(names) > 1 and names[0] in tables:
        reference["column_names"] = [names[0], ".".join(names[1:])]
        return ".".join(names[1:])
    reference["column_names"] = [".".join(names)]
    return ".".join(names)


def _use(name: str) -> Use:
    return Use(name[:-1], "number") if name.endswith("#") and len(name) > 1 else Use(name, "text")


def _written(statement: Tree, text: str) -> str:
    """The statement as DuckDB writes the tree."""
    whole = msgspec.json.encode({"error": False, "statements": [statement]}).decode()
    import duckdb  # noqa: PLC0415  lazily, it takes long to load

    try:
        with scratch() as connection:
            row = connection.execute("SELECT json_deserialize_sql(?)", [whole]).fetchone()
    except duckdb.Error as error:
        raise bad(0, f"it cannot be read: {_sentence(error)}") from None
    return str(row[0]) if row else text


def _columns(statement: str, fields: frozenset[str]) -> tuple[tuple[str, ...], str]:
    """The columns of the answer, asked of a relation without rows; or what is wrong."""
    import duckdb  # noqa: PLC0415  lazily, it takes long to load

    columns = ["CAST(0 AS BIGINT) AS seq", "CAST(NULL AS TIMESTAMP_NS) AS _time"]
    columns.append("CAST(NULL AS VARCHAR) AS _raw")
    for use in sorted(map(_use, fields)):
        kind = "VARCHAR" if use.kind == "text" else "DOUBLE"
        columns.append(f"CAST(NULL AS {kind}) AS {use.column}")
    plan = Plan(Search(), (), False, Sql(statement), "table", ())
    whole = plan.over(Sql(f"SELECT {', '.join(columns)} WHERE false"))
    try:
        with scratch() as connection:
            rows = connection.execute(f"DESCRIBE {whole.text}").fetchall()
    except duckdb.Error as error:
        return (), _sentence(error)
    return tuple(str(row[0]) for row in rows), ""


def _sentence(error: Exception) -> str:
    """The first line of what DuckDB says, without its heading."""
    first = str(error).strip().splitlines()[0]
    return first.split("Error: ", 1)[-1].strip().rstrip(".!")
