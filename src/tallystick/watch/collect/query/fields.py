"""The names of fields: aliases that everybody types, and how a field is read in one shape of rows.

A line's own member of that name wins over what the alias stands for.
"""

from collections.abc import Mapping
from typing import Final

from tallystick.watch.collect.columns import INDEX_FIELD, OWN_INDEX, SEQ_FIELD, Columns, Sql, Use
from tallystick.watch.collect.query.members import places

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "@message": ("body",),
    "@timestamp": ("timestamp",),
    "client_ip": ("client.address",),
    "clientip": ("client.address",),
    "event": ("event_name",),
    "host": ("host.name",),
    "index": (INDEX_FIELD,),
    "level": ("severity_text",),
    "log_level": ("severity_text",),
    "message": ("body",),
    "method": ("http.request.method",),
    "msg": ("body",),
    "path": ("url.path",),
    "route": ("http.route",),
    "service": ("service.name",),
    "severity": ("severity_text",),
    "source": ("com.splunk.source",),
    "sourcetype": ("com.splunk.sourcetype",),
    "span": ("span_id",),
    "status": ("http.response.status_code",),
    "trace": ("trace_id",),
    "uri": ("url.path",),
    "user": ("user.id",),
}
"""What Splunk, CloudWatch and people call a field, and its OpenTelemetry name."""
TIME_FIELD: Final = "_time"
RAW_FIELD: Final = "_raw"
_STAMP_SQL = "strftime(_time, '%Y-%m-%dT%H:%M:%S.%fZ')"


def reading(use: Use, columns: Columns) -> Sql:
    """The SQL of one column of the relation `events`, in a shape that has these columns."""
    return text_of(use.field, columns) if use.kind == "text" else number_of(use.field, columns)


def text_of(field: str, columns: Columns) -> Sql:
    """The field as VARCHAR, aliases resolved; NULL where it is missing."""
    if field == SEQ_FIELD:
        return Sql("CAST(seq AS VARCHAR)")
    if field == TIME_FIELD:
        return Sql(_STAMP_SQL)
    if field == RAW_FIELD:
        return columns.line()
    parts = [columns.text(name) for name in _names(field, columns)]
    if field in {"index", INDEX_FIELD}:
        parts.append(Sql("?", (OWN_INDEX,)))
    return _first(parts, "VARCHAR")


def number_of(field: str, columns: Columns) -> Sql:
    """The field as a number, aliases resolved; NULL where it is missing or no number."""
    if field == SEQ_FIELD:
        return Sql("seq")
    if field == TIME_FIELD:
        return Sql("(epoch_ns(_time) / 1e9)")
    if field == RAW_FIELD:
        return Sql("CAST(NULL AS DOUBLE)")
    return _first([columns.number(name) for name in _names(field, columns)], "DOUBLE")


def value_in(line: Mapping[str, object], field: str) -> object:
    """The field in a line that was read, aliases resolved; None where it is missing."""
    for name in (field, *ALIASES.get(field, ())):
        for first, *steps in places(name):
            value = line.get(first)
            for step in steps:
                value = value.get(step) if isinstance(value, dict) else None
            if value is not None:
                return value
    return OWN_INDEX if field in {"index", INDEX_FIELD} else None


def _names(field: str, columns: Columns) -> list[str]:
    return [name for name in (field, *ALIASES.get(field, ())) if columns.has(name)]


def _first(parts: list[Sql], kind: str) -> Sql:
    if not parts:
        return Sql(f"CAST(NULL AS {kind})")
    if len(parts) == 1:
        return parts[0]
    values = tuple(value for part in parts for value in part.values)
    return Sql(f"coalesce({', '.join(part.text for part in parts)})", values)
