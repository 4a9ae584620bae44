"""JSON values one after another, exactly, with a way on behind one that cannot be read."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from tallystick.limits import LOG_LINE_BYTES_MAX
from tallystick.watch.collect.ingest.reasons import reason_of

_LOOK_CHARACTERS = 2 * LOG_LINE_BYTES_MAX
"""How far the end of a broken event is looked for: no longer one could be kept."""
_INT_DIGITS_MAX = 18  # whatever has more would not fit 64 bits
_SPACE = re.compile(r"[ \t\r\n]*")
_BRACES = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"|[{}]')
_EVENT = re.compile(r'\{[ \t\r\n]*"(?:time|host|source|sourcetype|index|event|fields)"[ \t\r\n]*:')
"""Where an event seems to begin."""


@dataclass(frozen=True)
class Scanned:
    """One value of a body, or what stands where one should."""

    value: object
    text: str
    """As it was sent; bytes that are no UTF-8 are lone surrogates (PEP 383)."""
    reason: str = ""
    """Why it cannot be read; empty when it can."""


def read_json(text: str) -> object:
    """One JSON value with all its digits.

    Raises:
        ValueError, RecursionError: it is none.
    """
    return _decoder.decode(text)


def scan(body: bytes, start: int = 0) -> Iterator[Scanned]:
    """The values from `start` on; the members of a top-level array count one by one."""
    text = body[start:].decode("utf-8", "surrogateescape")
    at, in_array = _after_space(text, 0), False
    while at < len(text):
        if in_array and text[at] in ",]":
            in_array = text[at] == ","
            at = _after_space(text, at + 1)
            continue
        if not in_array and text[at] == "[":
            in_array = True
            at = _after_space(text, at + 1)
            continue
        try:
            value, end = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            end = _resume(text, at, "}," if in_array else "}")
            yield Scanned(None, text[at:end], _why(error, text, start))
        else:
            yield Scanned(value, text[at:end])
        at = _after_space(text, end)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _resume(text: str, at: int, separators: str) -> int:
    """The end of the broken event that begins at `at`.

    Its closing brace, where its braces fit, or where the next event seems to begin, whichever
    comes first; else the end of the text. It takes no longer than the way is, and a little.
    """
    end = _closing_brace(text, at) if text[at] == "{" else len(text)
    for match in _EVENT.finditer(text, at + 1, end):
        if text[at] != "{" or _is_separated(text, match.start(), separators):
            return match.start()
    return end


def _closing_brace(text: str, at: int) -> int:
    """Behind the brace that closes the one at `at`; the end of the text, where none does."""
    depth = 0
    for match in _BRACES.finditer(text, at, at + _LOOK_CHARACTERS):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    return len(text)


def _is_separated(text: str, at: int, separators: str) -> bool:
    """Whether a line feed or a separator stands before this place, but for white space."""
    before = at - 1
    while text[before] in " \t\r":
        before -= 1
    return text[before] == "\n" or text[before] in separators


def _why(error: Exception, text: str, start: int) -> str:
    if isinstance(error, json.JSONDecodeError):
        before = text[: error.pos].encode("utf-8", "surrogateescape")
        said = error.msg[:1].lower() + error.msg[1:]
        return f"it is no JSON at byte {start + len(before)}: {said}"
    return reason_of(error)


def _number(text: str) -> int | Decimal:
    """A JSON number with all its digits."""
    if len(text) <= _INT_DIGITS_MAX and text.lstrip("-").isdigit():
        return int(text)
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text[:64]!r} is no number of a size that can be kept") from error


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not JSON")


_decoder = json.JSONDecoder(
    parse_float=_number, parse_int=_number, parse_constant=_no_constant, strict=True
)
