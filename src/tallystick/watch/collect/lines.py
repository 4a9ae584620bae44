"""A log line on its way into the store and out of it: encoded, checked, decoded.

A line is a flat JSON object with OpenTelemetry names: `timestamp` (RFC 3339), `severity_text`,
`event_name` (`room.verb_past`), `body` (a sentence, optional), `service.name`, and attributes
with dots in their names (`http.response.status_code`, `order.id`, `duration_us`).
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from tallystick.clock import rfc3339
from tallystick.limits import LOG_LINE_BYTES_MAX

Line = dict[str, object]

SERVICE_NAME = "tallystick"
CHECKED_AT_ONCE = 500
"""Lines that are checked in one call into C, which keeps the interpreter from all other threads."""


class _AnyObject(msgspec.Struct, gc=False):
    """Some JSON object; decoding into it checks the syntax and keeps nothing."""


_encoder = msgspec.json.Encoder(decimal_format="number")
_checker = msgspec.json.Decoder(_AnyObject)


def _number(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


_decoder = msgspec.json.Decoder(Line, float_hook=_number)
_splitter = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value = msgspec.json.Decoder(float_hook=_number)


def decode_line(line: bytes | str | msgspec.Raw) -> Line:
    """The members of a stored line; a number that is larger than any float, such as 1e999, as text.

    JSON allows such a number (RFC 8259, section 6), so senders' lines may have it. A member with an
    integer of more digits than Python reads is its JSON text.
    """
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError:
        return {name: _value_or_text(raw) for name, raw in _splitter.decode(line).items()}


def _value_or_text(raw: msgspec.Raw) -> object:
    try:
        return _value.decode(raw)
    except msgspec.ValidationError:
        return bytes(raw).decode()


def encode_line(line: Mapping[str, object]) -> bytes:
    """One line as it is stored: compact JSON without a line feed.

    Raises:
        ValueError: it cannot be written as JSON (an object of ours, NaN, a lone surrogate), is
            nested beyond measure, or is longer than `LOG_LINE_BYTES_MAX`.
    """
    try:
        encoded = _encoder.encode(line)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"The line cannot be written as JSON: {error}") from error
    check_lines([encoded])
    return encoded


def check_lines(lines: Sequence[bytes]) -> bytes:
    """The lines joined as they stand in a segment, each closed by a line feed.

    Raises:
        ValueError: one of them is no JSON object in UTF-8 on one line, or is too long.
    """
    starts = range(0, len(lines), CHECKED_AT_ONCE)
    return b"".join([_checked(lines[start : start + CHECKED_AT_ONCE]) for start in starts])


def _checked(lines: Sequence[bytes]) -> bytes:
    block = b"\n".join(lines) + b"\n"
    if len(lines) != block.count(b"\n"):
        raise ValueError("A log line contains a line feed.")
    if max(map(len, lines)) > LOG_LINE_BYTES_MAX:
        raise ValueError(f"A log line is longer than {LOG_LINE_BYTES_MAX} bytes.")
    try:
        objects = len(_checker.decode_lines(block))
        block.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"A log line is no JSON object: {error}") from error
    if objects != len(lines):
        raise ValueError("A log line is empty.")
    return block


def encode_own(lines: Sequence[Line | msgspec.Struct]) -> tuple[list[bytes], int]:
    """Our own lines, and how many had to be left out.

    Lines that cannot be written are left out; everything else about a batch is one call into C.
    The store checks them once more: what it refuses goes through `encode_one_by_one`.
    """
    try:
        block = _encoder.encode_lines(lines)
    except (TypeError, ValueError, RecursionError):
        return encode_one_by_one(lines)
    return block.split(b"\n")[:-1], 0


def _plain(line: Line | msgspec.Struct) -> Line:
    """The line with structs and dataclasses as dicts, so that their members can be seen."""
    plain: Line = msgspec.to_builtins(line, builtin_types=(Decimal,), str_keys=True)
    return plain


def report(
    at_ns: int, severity_text: str, event_name: str, body: str, attributes: Mapping[str, object]
) -> Line:
    """A line in which this room speaks about itself."""
    return {
        "timestamp": rfc3339(at_ns),
        "severity_text": severity_text,
        "event_name": event_name,
        "body": body,
        "service.name": SERVICE_NAME,
        **attributes,
    }


def encode_one_by_one(lines: Sequence[Line | msgspec.Struct]) -> tuple[list[bytes], int]:
    """`encode_own`, slowly: each line that is left can be stored."""
    encoded = []
    for line in lines:
        try:
            encoded.append(encode_line(_plain(line)))
        except (TypeError, ValueError, RecursionError):
            continue  # counted below and reported by the caller
    return encoded, len(lines) - len(encoded)
