"""How SQL reaches the fields of log lines: what the query language and the store agree on.

The language compiles a search to SQL without knowing how lines are kept; the store says, for each
shape of rows it has (a hot tail of JSON, a Parquet file with columns of its own), how a field is
spelled there.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["text", "number"]
"""What a field is read as: VARCHAR, or a number (DOUBLE or BIGINT)."""

SEQ_FIELD = "log.seq"
"""The number a line has in its store, in the order in which lines came."""
INDEX_FIELD = "com.splunk.index"
"""Which index a line belongs to; a line that does not say it is one of our own."""
OWN_INDEX = "tallystick"
"""The index of lines that do not name one: those of this process."""
DEFAULT_INDEX = "main"
"""The index of lines from elsewhere that do not name one; it is written into them."""
EVENT_ID_FIELD = "log.record.uid"
"""A line's own identity (OpenTelemetry semantic conventions): the same one is kept once."""


@dataclass(frozen=True)
class Sql:
    """SQL with question marks, and the values for them in order."""

    text: str
    values: tuple[object, ...] = ()


@dataclass(frozen=True, order=True)
class Use:
    """A field that a query needs, and what it reads it as."""

    field: str
    kind: Kind

    @property
    def column(self) -> str:
        """Its column in the relation `events`, quoted for SQL."""
        name = self.field if self.kind == "text" else f"{self.field}#"
        return '"' + name.replace('"', '""') + '"'


class Columns(Protocol):
    """The fields of one shape of rows. Fragments may be repeated, with their values each time."""

    def has(self, field: str) -> bool:
        """False only when no row of this shape has the field."""
        ...

    def text(self, field: str) -> Sql:
        """The field as VARCHAR: JSON text of a list or object, NULL where it is missing."""
        ...

    def number(self, field: str) -> Sql:
        """The field as a number, NULL where it is missing or no number."""
        ...

    def searched(self, text: str = "") -> tuple[Sql, ...]:
        """VARCHAR expressions that together hold every value of a line: free text looks there.

        `text` is a plain piece of what is looked for; expressions that cannot hold it may be left
        out.
        """
        ...

    def line(self) -> Sql:
        """The whole line as JSON text."""
        ...
