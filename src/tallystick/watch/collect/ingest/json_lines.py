"""JSON lines: log lines as this product writes them, one JSON object a line of text."""

from dataclasses import dataclass

import msgspec

from tallystick.clock import parse_rfc3339
from tallystick.limits import LOG_LINE_BYTES_MAX
from tallystick.watch.collect.columns import EVENT_ID_FIELD, INDEX_FIELD, SEQ_FIELD
from tallystick.watch.collect.ingest.batch import Batch, Gathering, Writer, event_key
from tallystick.watch.collect.ingest.event_time import (
    FINER,
    NO_TIME,
    SECOND,
    OwnTimes,
    stamp,
)
from tallystick.watch.collect.ingest.reasons import reason_of

_NOBODY = Writer()
_SPACE = b" \t\r"


class LineError(msgspec.Struct, frozen=True):
    """A line that was not taken."""

    line: int
    """Which line of the body, from 1."""
    reason: str
    """A sentence."""


@dataclass(frozen=True)
class JsonLines:
    """What a request becomes."""

    batch: Batch
    errors: tuple[LineError, ...]


class _Line(
    msgspec.Struct,
    gc=False,
    rename={"index": INDEX_FIELD, "event_id": EVENT_ID_FIELD, "seq": SEQ_FIELD},
):
    """The members of a line that mean something here."""

    timestamp: str | None = None
    index: str | None = None
    event_id: str | int | None = None
    seq: msgspec.Raw = msgspec.Raw(b"")


_line = msgspec.json.Decoder(_Line)


def parse_lines(
    body: bytes,
    *,
    received_ns: int,
    writer: Writer = _NOBODY,
    request: bytes | None = None,
) -> JsonLines:
    """Lines for the store; a bad one is named and keeps no other out, a blank one is none.

    Each is kept as it was written, with the members that it lacks put in behind: `timestamp`,
    the time of receipt, and `com.splunk.index`. The `request` names it only where its lines say
    when they were (`OwnTimes`).

    Raises:
        Refused: `BODY_TOO_LARGE`, too many lines for one request.
    """
    gathering = Gathering()
    errors: list[LineError] = []
    received = stamp(received_ns)
    times = OwnTimes()
    for number, text in enumerate(body.split(b"\n"), start=1):
        piece = text.strip(_SPACE)
        if not piece:
            continue
        try:
            line, key, told = _taken(piece, received, writer)
        except ValueError as error:
            errors.append(LineError(number, f"Line {number}: {error}."))
            gathering.count()
        else:
            gathering.add(line, key)
            times.add(told)
    return JsonLines(gathering.batch(request if times else None), tuple(errors))


def _taken(piece: bytes, received: str, writer: Writer) -> tuple[bytes, int | None, int]:
    """(the line, its key, how well it says itself when it was).

    Raises:
        ValueError: it cannot be stored.
    """
    try:
        found = _line.decode(piece)
        piece.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(reason_of(error)) from error
    if bytes(found.seq):
        raise ValueError(f"{SEQ_FIELD} is given by the store")
    index = writer.index if found.index is None else found.index
    if not writer.may_write(index):
        raise ValueError(f"the token may not write to the index {index[:64]!r}")
    line = piece
    if found.timestamp is None:
        line = _with(line, "timestamp", received)
    else:
        parse_rfc3339(found.timestamp)
    if found.index is None:
        line = _with(line, INDEX_FIELD, index)
    if len(line) > LOG_LINE_BYTES_MAX:
        raise ValueError(f"it is longer than {LOG_LINE_BYTES_MAX} bytes")
    key = None if found.event_id is None else event_key(index, str(found.event_id))
    told = NO_TIME if found.timestamp is None else FINER if "." in found.timestamp else SECOND
    return line, key, told


def _with(line: bytes, name: str, text: str) -> bytes:
    """The object with one more member."""
    before = line[:-1].rstrip()
    comma = b"" if before == b"{" else b","
    return b"%b%b%b:%b}" % (before, comma, _json(name), _json(text))


_json = msgspec.json.Encoder().encode
