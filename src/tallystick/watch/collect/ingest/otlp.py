"""OpenTelemetry log records to log lines, whichever way they were encoded.

Names: what the log data model names keeps its name (`timestamp`, `severity_text`, `body`,
`trace_id` ...), attributes of a record stand beside it, those of its resource under `resource.`
but for the few that say where a line comes from, those of its scope under `otel.scope.`.
Source: OpenTelemetry "Logs Data Model" 1.x, opentelemetry-proto `logs/v1/logs.proto`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tallystick.clock import NS_PER_SECOND
from tallystick.limits import LOG_LINE_BYTES_MAX
from tallystick.watch.collect.columns import INDEX_FIELD
from tallystick.watch.collect.ingest.batch import Batch, Gathering, Writer
from tallystick.watch.collect.ingest.event_time import (
    FINER,
    NO_TIME,
    SECOND,
    OwnTimes,
    stamp,
)
from tallystick.watch.collect.ingest.flatten import add
from tallystick.watch.collect.ingest.hec_event import key_of
from tallystick.watch.collect.lines import Line, encode_line

_PLAIN = frozenset(
    {
        "service.name",
        "host.name",
        "com.splunk.source",
        "com.splunk.sourcetype",
        INDEX_FIELD,
    }
)
"""Attributes of a resource that lines have under their own name, here as over HEC."""
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_NS_END = 2**63


@dataclass(frozen=True)
class Record:
    """One log record; times are nanoseconds since the epoch, 0 where there is none."""

    time_ns: int = 0
    observed_ns: int = 0
    severity_number: int = 0
    severity_text: str = ""
    body: object = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    trace_id: str = ""
    """Hexadecimal digits."""
    span_id: str = ""
    flags: int = 0
    event_name: str = ""
    dropped_attributes: int = 0


@dataclass(frozen=True)
class Origin:
    """What a record's resource and scope say about it."""

    resource: Mapping[str, object] = field(default_factory=dict)
    scope_name: str = ""
    scope_version: str = ""
    scope: Mapping[str, object] = field(default_factory=dict)

    def members(self) -> Line:
        """As members of a line."""
        line: Line = {name: value for name, value in self.resource.items() if name in _PLAIN}
        others = {name: value for name, value in self.resource.items() if name not in _PLAIN}
        _put(line, "resource", others)
        if self.scope_name:
            line["otel.scope.name"] = self.scope_name
        if self.scope_version:
            line["otel.scope.version"] = self.scope_version
        _put(line, "otel.scope", self.scope)
        return line


@dataclass(frozen=True)
class OtlpBatch:
    """What a request becomes."""

    batch: Batch
    records: int
    """How many it has, good and bad."""
    errors: tuple[str, ...]
    """Why records were rejected: a sentence for each."""


class BadRecord(Exception):  # noqa: N818  told to the sender, beside what was taken
    """This record cannot be taken."""


class Records:
    """Takes the records of one request, one after another."""

    def __init__(self, received_ns: int, writer: Writer) -> None:
        self._received_ns = received_ns
        self._writer = writer
        self._gathering = Gathering()
        self._errors: list[str] = []
        self._times = OwnTimes()

    def take(self, record: Record, origin: Line) -> None:
        """Take one record.

        Raises:
            Refused: `BODY_TOO_LARGE`, too many for one request.
        """
        try:
            line = _line(record, origin, self._received_ns)
            _give_index(line, self._writer)
            key = key_of(line)
            encoded = _encoded(line)
        except BadRecord as error:
            self.reject(str(error))
            return
        self._gathering.add(encoded, key)
        self._times.add(_told(record.time_ns))

    def reject(self, reason: str) -> None:
        """Count one that cannot be taken."""
        number = self._gathering.count()
        self._errors.append(f"Record {number}: {reason}.")

    def batch(self, request: bytes | None = None) -> OtlpBatch:
        """All that was taken; the `request` names it where its records say when they were."""
        batch = self._gathering.batch(request if self._times else None)
        return OtlpBatch(batch, self._gathering.events, tuple(self._errors))


def _told(time_ns: int) -> int:
    if not time_ns:
        return NO_TIME
    return FINER if time_ns % NS_PER_SECOND else SECOND


def _give_index(line: Line, writer: Writer) -> None:
    index = line.setdefault(INDEX_FIELD, writer.index)
    if not isinstance(index, str) or not writer.may_write(index):
        raise BadRecord(f"the token may not write to the index {str(index)[:64]!r}")


def finite(number: float) -> float | str:
    """The number, or its name where JSON has none, as Protocol Buffers write it."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _line(record: Record, origin: Line, received_ns: int) -> Line:
    at_ns = record.time_ns or record.observed_ns or received_ns
    if not max(at_ns, record.observed_ns) < _NS_END:
        raise BadRecord("its time does not fit 63 bits of nanoseconds")
    line: Line = {"timestamp": stamp(at_ns)}
    if record.observed_ns and record.observed_ns != at_ns:
        line["observed_timestamp"] = stamp(record.observed_ns)
    severity = record.severity_text or _severity_text(record.severity_number)
    named = {
        "severity_text": severity,
        "severity_number": record.severity_number,
        "event_name": record.event_name,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "trace_flags": record.flags,
        "dropped_attributes_count": record.dropped_attributes,
    }
    line.update({name: value for name, value in named.items() if value})
    if isinstance(record.body, dict):
        _put(line, "body", record.body)
    elif record.body is not None:
        line["body"] = record.body
    own = {name: value for name, value in origin.items() if name not in record.attributes}
    line.update(own)
    add(line, record.attributes, otherwise="attributes")
    return line


def _put(line: Line, prefix: str, members: Mapping[str, object]) -> None:
    if members:
        add(line, {prefix: dict(members)}, otherwise="resource")


def _severity_text(number: int) -> str:
    """The short name of a severity: 9 is INFO, 10 is INFO2."""
    if not 1 <= number <= 24:
        return ""
    step, finer = divmod(number - 1, 4)
    return _SEVERITIES[step] + (str(finer + 1) if finer else "")


def _encoded(line: Line) -> bytes:
    try:
        return encode_line(line)
    except ValueError as error:
        if "longer" in str(error):
            message = f"as a line it is longer than {LOG_LINE_BYTES_MAX} bytes"
        else:
            message = "it cannot be written as JSON"
        raise BadRecord(message) from error
