"""Flat lines of nested values: members of objects get dotted names, within bounds."""

from collections.abc import Mapping

from tallystick.limits import LOG_FIELD_NAME_CHARACTERS_MAX, LOG_FIELDS_MAX
from tallystick.watch.collect.columns import SEQ_FIELD
from tallystick.watch.collect.lines import Line

RESERVED = frozenset({"timestamp", SEQ_FIELD})
"""Names that only the store and the parsers give."""


def add(line: Line, members: Mapping[str, object], otherwise: str) -> None:
    """Flatten the members into the line; a name that is taken goes under `otherwise`."""
    flat: Line = {}
    flatten(flat, "", members, otherwise)
    for name, value in flat.items():
        taken = name in line or name in RESERVED
        line[f"{otherwise}.{name}" if taken else name] = value


def flatten(flat: Line, prefix: str, value: object, otherwise: str) -> None:
    """Nested objects become dotted names while these are few and short; else they stay.

    An object that is empty, and whatever has no name, stands under `prefix` or `otherwise`.
    """
    if not (
        isinstance(value, dict)
        and (value or not prefix)
        and len(flat) + len(value) <= LOG_FIELDS_MAX
        and len(prefix) < LOG_FIELD_NAME_CHARACTERS_MAX
    ):
        flat[prefix or otherwise] = value
        return
    for name, member in value.items():
        flatten(flat, f"{prefix}.{name}" if prefix else name, member, otherwise)
