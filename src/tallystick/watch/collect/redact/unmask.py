"""Unmasking: what was taken out of a log line is read again; the ledger says by whom and why."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from tallystick.errors import Refused
from tallystick.ledger.notices import LogUnmasked, Notice
from tallystick.watch.collect.columns import INDEX_FIELD, OWN_INDEX
from tallystick.watch.collect.redact.engine import Redactor
from tallystick.watch.collect.redact.originals import Originals

UNMASK_FIELDS_MAX = 64
"""Most fields read at once: the entry names them all."""
UNMASK_POINTERS_BYTES_MAX = 16_384
"""Longest list of fields in an entry, in UTF-8."""
_VALUE_CHARACTERS_MIN = 4
"""A value this long may not stand in the reason."""

Append = Callable[[Callable[[str], Notice], str | None], Awaitable[int]]
"""Appends an entry, which is made when its time (RFC 3339) is known, and gives its position."""


class Lines(Protocol):
    """Where log lines are; `LogStore` is one."""

    def read(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Lines with their numbers, in order of arrival."""
        ...


class Unmasked(msgspec.Struct, frozen=True):
    """What stood at some fields of a line; the entry at `position` says that it was read."""

    seq: int
    index: str
    fields: dict[str, object]
    position: int
    at: str
    by: str
    reason: str


class _Placed(msgspec.Struct):
    index: object = msgspec.field(default=None, name=INDEX_FIELD)


class Unmasker:
    """Reads originals again; nothing is told before the entry is durable."""

    def __init__(
        self, lines: Lines, originals: Originals, redactor: Redactor, append: Append
    ) -> None:
        self._lines = lines
        self._originals = originals
        self._redactor = redactor
        self._append = append

    async def unmask(
        self,
        seq: int,
        *,
        fields: Sequence[str] | None,
        by: str,
        reason: str,
        require_index: Callable[[str], None],
    ) -> Unmasked:
        """What stood at these fields (JSON pointers; None: all) of the line with this number.

        Raises:
            Refused: `UNKNOWN_LINE`; `NOT_SEALED`, nothing is kept; `ORIGINALS_DESTROYED`;
                `VALUE_NOT_ALLOWED`, nothing was taken out there; `FIELDS_TOO_MANY`;
                `PERSONAL_DATA`, the reason tells what is asked for. `UNKNOWN_LINE` also where
                `require_index` refuses.
            Corrupt: what is sealed was changed.
        """
        index, originals = await asyncio.to_thread(self._open, seq, require_index)
        chosen = _chosen(originals, fields)
        self._require_impersonal(reason, chosen)
        at = ""

        def make(now: str) -> Notice:
            nonlocal at
            at = now
            return LogUnmasked(now, seq, index, tuple(sorted(chosen)), by, reason)

        position = await self._append(make, None)
        return Unmasked(seq, index, chosen, position, at, by, reason)

    def _open(
        self, seq: int, require_index: Callable[[str], None]
    ) -> tuple[str, dict[str, object]]:
        found = self._lines.read(seq, 1)
        if not found or found[0][0] != seq:
            raise _unknown(seq)
        line = found[0][1]
        named = msgspec.json.decode(line, type=_Placed).index
        index = OWN_INDEX if named is None else str(named)
        try:
            require_index(index)
        except Refused as error:  # whoever may not read it does not learn that it is there
            raise _unknown(seq) from error
        return index, self._originals.open(line)

    def _require_impersonal(self, reason: str, chosen: dict[str, object]) -> None:
        told = any(
            len(str(v)) >= _VALUE_CHARACTERS_MIN and str(v) in reason for v in chosen.values()
        )
        if told or self._redactor.find(reason.encode()):
            sentence = "The reason stays in the ledger for ever: it may not tell what was hidden."
            raise Refused("PERSONAL_DATA", sentence, field="reason")


def _unknown(seq: int) -> Refused:
    return Refused("UNKNOWN_LINE", f"There is no log line {seq}, or none any more.")


def _chosen(originals: dict[str, object], fields: Sequence[str] | None) -> dict[str, object]:
    if fields is None:
        chosen = originals
    else:
        unknown = [name for name in fields if name not in originals]
        if unknown:
            sentence = f"Nothing that can be read was taken out at {unknown[0]!r}."
            raise Refused("VALUE_NOT_ALLOWED", sentence, field="fields")
        chosen = {name: originals[name] for name in fields}
    size = sum(len(name.encode()) for name in chosen)
    if len(chosen) > UNMASK_FIELDS_MAX or size > UNMASK_POINTERS_BYTES_MAX:
        sentence = f"At most {UNMASK_FIELDS_MAX} fields are read at once; name those you need."
        raise Refused("FIELDS_TOO_MANY", sentence, field="fields")
    return chosen
