"""Lines as JSON text in one column: the shape of what is not sealed yet."""

from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query.members import places, pointer

SEPARATOR = "\x1f"
"""Between the values of a line where they are searched as one text (ASCII unit separator)."""
_NUMBER = r"^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$"


class JsonColumns:
    """The members of the JSON objects in a VARCHAR column; `column` is our own SQL."""

    def __init__(self, column: str = "raw") -> None:
        self._column = column

    def has(self, field: str) -> bool:  # noqa: ARG002  the port's
        """Any field may be there."""
        return True

    def text(self, field: str) -> Sql:
        """The member, or what it is called within an object; each line is parsed once."""
        pointers = [pointer(*steps) for steps in places(field)]
        if len(pointers) == 1:
            return Sql(f"json_extract_string({self._column}, ?)", (pointers[0],))
        found = f"json_extract_string({self._column}, CAST(? AS VARCHAR[]))"
        return Sql(f"list_any_value({found})", (pointers,))

    def number(self, field: str) -> Sql:
        """The member as a DOUBLE, when its whole text spells a finite number."""
        text = self.text(field)
        return Sql(f"TRY_CAST(regexp_extract({text.text}, ?) AS DOUBLE)", (*text.values, _NUMBER))

    def searched(self, text: str = "") -> tuple[Sql, ...]:  # noqa: ARG002  the port's
        """All values of the line, one after the other, whatever is looked for."""
        values = f"json_extract_string({self._column}, '$.*')"
        return (Sql(f"array_to_string({values}, chr(31))"),)

    def line(self) -> Sql:
        """The column itself."""
        return Sql(self._column)
