"""What a search found: rows that come in pieces, and what has to be said about them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from tallystick.watch.collect.columns import SEQ_FIELD
from tallystick.watch.collect.search.spool import Row


class Found:
    """Rows of a search, in pieces; whoever takes them closes it.

    `events`: a row is a line's number, its time (nanoseconds since the epoch, None where it has
    none) and the line as JSON text with `log.seq`; newest first. `table`: a row has a value for
    each field.
    """

    def __init__(
        self,
        shape: Literal["events", "table"],
        fields: tuple[str, ...],
        pieces: Iterable[list[Row]],
        close: Callable[[], None],
        warnings: tuple[str, ...] = (),
    ) -> None:
        """`close` lets go of the search, also before its end; `warnings` are sentences."""
        self.shape = shape
        self.fields = fields
        self.warnings = warnings
        self._pieces = iter(pieces)
        self._close = close

    def __iter__(self) -> Iterator[list[Row]]:
        """The pieces, none of them empty."""
        return (piece for piece in self._pieces if piece)

    def close(self) -> None:
        """Let go of the search; for the thread that took the pieces; it may be closed twice."""
        self._close()


def with_seq(seq: object, text: object) -> str:
    """A line as JSON text with its number as the last member."""
    line = str(text)
    members = line[: line.rindex("}")].rstrip()
    comma = "" if members.endswith("{") else ","
    return f'{members}{comma}"{SEQ_FIELD}":{seq}}}'
