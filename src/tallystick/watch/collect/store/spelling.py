"""How SQL spells times, names and texts of log lines; nothing here knows where lines lie."""

from functools import cache
from importlib import resources

ORDER = "ORDER BY _time, seq"
STAMP6 = "strftime(_time, '%Y-%m-%dT%H:%M:%S.%fZ')"
"""The RFC 3339 stamp of `_time` with microseconds."""
STAMP9 = (
    "(strftime(_time, '%Y-%m-%dT%H:%M:%S.')"
    " || lpad(CAST(epoch_ns(_time) % 1000000000 AS VARCHAR), 9, '0') || 'Z')"
)
"""The same with nanoseconds, for times after 1970."""


def quoted(name: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it; for names of members, never for what somebody searches."""
    return "'" + text.replace("'", "''") + "'"


def time_of(stamp: str, otherwise: str) -> str:
    """The TIMESTAMP_NS of an RFC 3339 stamp, or `otherwise` where it is missing or none.

    DuckDB leaves a zone aside when it reads nanoseconds, so stamps with one are read twice.
    """
    nanoseconds = f"TRY_CAST({stamp} AS TIMESTAMP_NS)"
    zoned = f"TRY_CAST(TRY_CAST({stamp} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP_NS)"
    read = f"CASE WHEN right({stamp}, 1) = 'Z' THEN {nanoseconds} ELSE {zoned} END"
    return f"coalesce(CASE WHEN isfinite({read}) THEN {read} END, {otherwise})"


@cache
def statement(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return resources.files(__package__).joinpath("sql", f"{name}.sql").read_text("utf-8")
