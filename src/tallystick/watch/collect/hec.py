"""Splunk's HTTP Event Collector: request bodies to log lines, bytes in, bytes out.

Names are those of the OpenTelemetry Collector's exporter and receiver, so both ways agree:
`host.name`, `com.splunk.source`, `com.splunk.sourcetype`, `com.splunk.index`. Members of an
event object and of `fields` become attributes of the line, nested ones with dots.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from tallystick.clock import NS_PER_SECOND, NS_PER_US, rfc3339
from tallystick.limits import LOG_FIELD_NAME_CHARACTERS_MAX, LOG_FIELDS_MAX
from tallystick.watch.collect.conditions import SEQ_FIELD
from tallystick.watch.collect.hec_answers import HEC_ANSWERS, HecAnswer
from tallystick.watch.collect.lines import Line, encode_line

_SUCCESS, _NO_DATA, _BAD_FORMAT = HEC_ANSWERS[0], HEC_ANSWERS[5], HEC_ANSWERS[6]
_TOKEN_REQUIRED, _BAD_AUTHORIZATION = HEC_ANSWERS[2], HEC_ANSWERS[3]
_NO_EVENT, _BLANK_EVENT, _BAD_FIELDS = HEC_ANSWERS[12], HEC_ANSWERS[13], HEC_ANSWERS[15]

_SOURCETYPE_DEFAULT = "httpevent"
_ENVELOPE = ("time", "host", "source", "sourcetype", "index", "event", "fields")
_RESERVED = frozenset({"timestamp", SEQ_FIELD})
_SPACE = re.compile(r"[ \t\r\n]*")
_INT_DIGITS_MAX = 18  # whatever has more would not fit 64 bits
_SECONDS_END = 13_569_465_600  # the year 2400: larger numbers are milliseconds
_MILLISECONDS_END = 253_402_300_800_000  # the year 10000: larger ones are nanoseconds
_NS_END = 2**63


@dataclass(frozen=True)
class HecMetadata:
    """What the query string says about all events of one request."""

    host: str | None = None
    source: str | None = None
    sourcetype: str | None = None
    index: str | None = None


@dataclass(frozen=True)
class HecBatch:
    """Encoded lines for the log store, and the answer once they are durable.

    When the answer is an error, the lines are the events before the one that it names.
    """

    lines: tuple[bytes, ...]
    answer: HecAnswer


class _Bad(Exception):  # noqa: N818  an answer on its way up
    """This event cannot be taken."""

    def __init__(self, answer: HecAnswer) -> None:
        super().__init__(answer.text)
        self.answer = answer


_NO_METADATA = HecMetadata()


def parse_events(
    body: bytes, *, received_ns: int, metadata: HecMetadata = _NO_METADATA
) -> HecBatch:
    """The body of `/services/collector/event`: objects stacked, or one array of objects.

    An error names the first event that is wrong; it and all after it are left out, as Splunk
    does it, so that a client mends it and sends the rest again.
    """
    lines: list[bytes] = []
    number = 0
    try:
        for envelope in _envelopes(body):
            line = _event_line(envelope, received_ns, metadata)
            if line is not None:
                lines.append(_encoded(line))
            number += 1
    except _Bad as bad:
        return HecBatch(tuple(lines), bad.answer.at_event(number))
    return HecBatch(tuple(lines), _SUCCESS if number else _NO_DATA)


def parse_raw(body: bytes, *, received_ns: int, metadata: HecMetadata = _NO_METADATA) -> HecBatch:
    """The body of `/services/collector/raw`: one event a line of text; blank lines are none.

    Bytes that are not UTF-8 become U+FFFD.
    """
    lines: list[bytes] = []
    for text in body.decode("utf-8", "replace").split("\n"):
        sentence = text.removesuffix("\r")
        if not sentence.strip():
            continue
        line = _line(received_ns, {"body": sentence}, {}, metadata)
        try:
            lines.append(_encoded(line))
        except _Bad as bad:
            return HecBatch(tuple(lines), bad.answer.at_event(len(lines)))
    return HecBatch(tuple(lines), _SUCCESS if lines else _NO_DATA)


def hec_token(authorization: str | None) -> str | HecAnswer:
    """The token of `Authorization: Splunk <token>`, or Basic with the token as the password.

    Anything else is answered with code 2 (nothing given) or 3 (not understood).
    """
    if not authorization:
        return _TOKEN_REQUIRED
    scheme, _, credentials = authorization.strip().partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return _BAD_AUTHORIZATION
        credentials = decoded.partition(":")[2]
    elif scheme.lower() != "splunk":
        return _BAD_AUTHORIZATION
    return credentials or _BAD_AUTHORIZATION


def _envelopes(body: bytes) -> Iterator[object]:
    """One JSON value after another; the members of a top-level array count one by one."""
    text = body.decode("utf-8", "surrogateescape")  # what is not UTF-8 fails with its event
    at = _after_space(text, 0)
    while at < len(text):
        try:
            value, at = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise _Bad(_BAD_FORMAT) from error
        if isinstance(value, list):
            yield from value
        else:
            yield value
        at = _after_space(text, at)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _event_line(envelope: object, received_ns: int, metadata: HecMetadata) -> Line | None:
    """The line of one envelope; None for the lone `fields` that Splunk takes and forgets."""
    if not isinstance(envelope, dict):
        raise _Bad(_BAD_FORMAT)
    fields = _fields(envelope)
    event = envelope.get("event")
    if event is None:
        if set(envelope) != {"fields"}:
            raise _Bad(_NO_EVENT)
        if not any(name.startswith("metric_name:") for name in fields):
            return None
        event = "metric"
    if isinstance(event, str) and not event.strip():
        raise _Bad(_BLANK_EVENT)
    at_ns = _time_ns(envelope["time"]) if envelope.get("time") is not None else received_ns
    own = _own_metadata(envelope, metadata)
    members = event if isinstance(event, dict) else {"body": event}
    return _line(at_ns, members, fields, own)


def _fields(envelope: dict[str, object]) -> dict[str, object]:
    """Indexed fields, and members that Splunk does not know (it would drop the event)."""
    fields = envelope.get("fields")
    if isinstance(fields, list):
        raise _Bad(_BAD_FORMAT)
    if fields is None:
        fields = {}
    if not isinstance(fields, dict) or not all(map(_is_flat, fields.values())):
        raise _Bad(_BAD_FIELDS)
    unknown = {name: value for name, value in envelope.items() if name not in _ENVELOPE}
    return unknown | fields


def _is_flat(value: object) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, dict | list) for item in value)
    return not isinstance(value, dict)


def _own_metadata(envelope: dict[str, object], metadata: HecMetadata) -> HecMetadata:
    def text(name: str, otherwise: str | None) -> str | None:
        value = envelope.get(name)
        if value is not None and not isinstance(value, str):
            raise _Bad(_BAD_FORMAT)
        return otherwise if value is None else value

    return HecMetadata(
        host=text("host", metadata.host),
        source=text("source", metadata.source),
        sourcetype=text("sourcetype", metadata.sourcetype),
        index=text("index", metadata.index),
    )


def _line(
    at_ns: int, members: dict[str, object], fields: dict[str, object], metadata: HecMetadata
) -> Line:
    """Put the parts together; where names meet, the envelope wins over fields over the event."""
    line: Line = {"timestamp": _timestamp(at_ns)}
    named = {
        "host.name": metadata.host,
        "com.splunk.source": metadata.source,
        "com.splunk.sourcetype": metadata.sourcetype or _SOURCETYPE_DEFAULT,
        "com.splunk.index": metadata.index,
    }
    line.update({name: value for name, value in named.items() if value is not None})
    severity = fields.get("otel.log.severity.text")
    if isinstance(severity, str):
        line["severity_text"] = severity
    _add(line, fields, otherwise="fields")
    _add(line, members, otherwise="event")
    return line


def _add(line: Line, members: dict[str, object], otherwise: str) -> None:
    """Flatten the members into the line; a name that is taken goes under `otherwise`."""
    flat: Line = {}
    _flatten(flat, "", members, otherwise)
    for name, value in flat.items():
        taken = name in line or name in _RESERVED
        line[f"{otherwise}.{name}" if taken else name] = value


def _flatten(flat: Line, prefix: str, value: object, otherwise: str) -> None:
    """Nested objects become dotted names while these are few and short; else they stay."""
    if not (
        isinstance(value, dict)
        and (value or not prefix)
        and len(flat) + len(value) <= LOG_FIELDS_MAX
        and len(prefix) < LOG_FIELD_NAME_CHARACTERS_MAX
    ):
        flat[prefix or otherwise] = value
        return
    for name, member in value.items():
        _flatten(flat, f"{prefix}.{name}" if prefix else name, member, otherwise)


def _time_ns(value: object) -> int:
    """Nanoseconds since the epoch of a `time` in seconds (or ms or ns, by its size)."""
    if isinstance(value, str):
        try:
            value = _number(value) if _TIME.fullmatch(value) else None
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value < _NS_END:
        raise _Bad(_BAD_FORMAT)
    if value < _SECONDS_END:
        return int(value * NS_PER_SECOND)
    if value < _MILLISECONDS_END:
        return int(value * 1_000_000)
    return int(value)


def _timestamp(at_ns: int) -> str:
    """RFC 3339 with microseconds, or nanoseconds when there are any."""
    text = rfc3339(at_ns)
    below_us = at_ns % NS_PER_US
    return f"{text[:-1]}{below_us:03}Z" if below_us else text


def _encoded(line: Line) -> bytes:
    try:
        return encode_line(line)
    except ValueError as error:
        raise _Bad(_BAD_FORMAT) from error


def _number(text: str) -> int | Decimal:
    """A JSON number with all its digits."""
    if len(text) <= _INT_DIGITS_MAX and text.lstrip("-").isdigit():
        return int(text)
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is no number of a size that can be kept") from error


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not JSON")


_TIME = re.compile(r"\d+(\.\d+)?", re.ASCII)
_decoder = json.JSONDecoder(
    parse_float=_number, parse_int=_number, parse_constant=_no_constant, strict=True
)
