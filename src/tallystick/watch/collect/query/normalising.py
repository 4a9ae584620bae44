"""The pattern of a message: what changes from line to line becomes `<*>`."""

from typing import Final

from tallystick.watch.collect.columns import Sql

MASK: Final = "<*>"
_CHANGING: Final = (
    r'"[^"]*"|\'[^\']*\'',  # quoted parts
    r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b",  # UUIDs
    r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]+(?:Z|[+-][0-9:]+)?",  # times
    r"[\w.+-]+@[\w-]+\.[\w.-]+",  # addresses of mail
    r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?::[0-9]+)?\b",  # addresses of the net
    r"\b(?:0x)?[0-9a-fA-F]*[0-9][0-9a-fA-F]{7,}\b",  # hashes
    r"\b[A-Za-z_-]*[0-9](?:[\w.,:-]*\w)?",  # numbers, and names with a number in them
)


def normalised(text: Sql) -> Sql:
    """The SQL of a text with all that changes masked; NULL stays NULL."""
    expression = "|".join(f"(?:{part})" for part in _CHANGING)
    return Sql(f"regexp_replace({text.text}, ?, ?, 'g')", (*text.values, expression, MASK))
