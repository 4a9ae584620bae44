"""What was found in a line, and the line as it is written without it."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tallystick.limits import LOG_LINE_BYTES_MAX
from tallystick.watch.collect.redact.finder import Severity

REDACTIONS_FIELD = "redactions"
"""The member that counts what was taken out of a line: `{"PAN": 1}`."""
SEALED_FIELD = "log.sealed"
"""The member with what was taken out, sealed."""
_SHORTEST = '"*"'
"""Stands for any text with a finding where the line would become too long."""


class Found(NamedTuple):
    """One finding: its kind, and the JSON pointer of the member it is in. Never the value."""

    kind: str
    severity: Severity
    field: str


class Edit(NamedTuple):
    """`text` is to stand where `line[start:end]` stands."""

    start: int
    end: int
    text: str


@dataclass
class Outcome:
    """What was found in a line, and what is to be done about it."""

    line: str
    found: list[Found] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    originals: dict[str, object] = field(default_factory=dict)
    """By JSON pointer what stood there and may be read again; of a name with `#` behind it."""
    told: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where the values of our own members stand already."""
    empty: bool = True
    """Whether no member of the line stays."""


def written(outcome: Outcome, sealed: str | None) -> bytes:
    """The line without what was found, with the counts, and with the originals as they are sealed.

    Where that is longer than a line may be, it goes without the originals; then with a star for
    each text that had a finding; then without the counts.
    """
    stars = [Edit(e.start, e.end, _SHORTEST if e.text else "") for e in outcome.edits]
    counts = _counts(outcome)
    sealings = {SEALED_FIELD: _seals(outcome, sealed)} if sealed else {}
    attempts: tuple[tuple[list[Edit], dict[str, str]], ...] = (
        (outcome.edits, counts | sealings),
        (outcome.edits, counts),
        (stars, counts),
        (stars, {}),
    )
    for edits, members in attempts:
        line = "".join(_pieces(outcome, edits, members)).encode("utf-8", "surrogateescape")
        if len(line) <= LOG_LINE_BYTES_MAX:
            break
    return line


def _counts(outcome: Outcome) -> dict[str, str]:
    counts = Counter(found.kind for found in outcome.found)
    start, end = outcome.told.get(REDACTIONS_FIELD, (0, 0))
    said = _value(outcome, REDACTIONS_FIELD)
    if isinstance(said, dict) and not any(start <= edit.start < end for edit in outcome.edits):
        counts.update({kind: n for kind, n in said.items() if type(n) is int and n > 0})
    return {REDACTIONS_FIELD: json.dumps(dict(sorted(counts.items())), separators=(",", ":"))}


def _seals(outcome: Outcome, sealed: str) -> str:
    """The seals of a line, the newest last: one that was redacted before has some already."""
    said = _value(outcome, SEALED_FIELD)
    return json.dumps(f"{said} {sealed}" if isinstance(said, str) and said else sealed)


def _value(outcome: Outcome, name: str) -> object:
    start, end = outcome.told.get(name, (0, 0))
    try:
        value: object = json.loads(outcome.line[start:end])
    except (ValueError, RecursionError):
        return None
    return value


def _pieces(outcome: Outcome, edits: list[Edit], members: Mapping[str, str]) -> Iterator[str]:
    """The line, piece by piece, with these values for our own members."""
    told = {outcome.told[name]: value for name, value in members.items() if name in outcome.told}
    inside = [e for e in edits if not any(a <= e.start and e.end <= b for a, b in told)]
    place = 0
    for edit in sorted([*inside, *(Edit(*span, value) for span, value in told.items())]):
        yield outcome.line[place : edit.start]
        yield edit.text
        place = edit.end
    last = outcome.line.rfind("}") if outcome.line.lstrip().startswith("{") else -1
    if last < place:  # no object, so it has no members
        yield outcome.line[place:]
        return
    yield outcome.line[place:last]
    new = [f'"{name}":{value}' for name, value in members.items() if name not in outcome.told]
    yield ("" if outcome.empty or not new else ",") + ",".join(new)
    yield outcome.line[last:]
