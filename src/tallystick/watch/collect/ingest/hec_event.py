"""One event of Splunk's HTTP Event Collector: its envelope, exactly, as a log line.

Names are those of the OpenTelemetry Collector's exporter and receiver, so both ways agree:
`host.name`, `com.splunk.source`, `com.splunk.sourcetype`, `com.splunk.index`. Members of an
event object and of `fields` become attributes of the line, nested ones with dots.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tallystick.limits import LOG_LINE_BYTES_MAX
from tallystick.watch.collect.columns import EVENT_ID_FIELD, INDEX_FIELD
from tallystick.watch.collect.ingest.batch import Writer, event_key
from tallystick.watch.collect.ingest.event_time import epoch_ns, precision, stamp, time_in
from tallystick.watch.collect.ingest.flatten import add
from tallystick.watch.collect.ingest.hec_answers import HEC_ANSWERS, HecAnswer
from tallystick.watch.collect.lines import Line, encode_line

BAD_FORMAT, BAD_INDEX = HEC_ANSWERS[6], HEC_ANSWERS[7]
NO_EVENT, BLANK_EVENT, BAD_FIELDS = HEC_ANSWERS[12], HEC_ANSWERS[13], HEC_ANSWERS[15]

SOURCETYPE_DEFAULT = "httpevent"
EVENT_ID = "event_id"
"""The member of `fields` that is the event's own id; it is stored as `log.record.uid`."""
SEVERITY = "otel.log.severity.text"
ENVELOPE = frozenset({"time", "host", "source", "sourcetype", "index", "event", "fields"})


@dataclass(frozen=True)
class HecMetadata:
    """What the query string says about all events of one request."""

    host: str | None = None
    source: str | None = None
    sourcetype: str | None = None
    index: str | None = None


@dataclass(frozen=True)
class Asked:
    """What holds for all events of a request beside their text."""

    received_ns: int
    metadata: HecMetadata
    writer: Writer
    extract_time: bool = False
    """Whether an event without a `time` is searched for one (`auto_extract_timestamp`)."""


@dataclass(frozen=True)
class Made:
    """An event as it is stored."""

    line: bytes
    key: int | None
    """`event_key` of the event, where it has an id."""
    told: int
    """How well it says itself when it was: NO_TIME, SECOND or FINER."""


class BadEvent(Exception):  # noqa: N818  an answer on its way up
    """This event cannot be taken."""

    def __init__(self, answer: HecAnswer, reason: str) -> None:
        super().__init__(reason)
        self.answer = answer
        self.reason = reason


def made_of(envelope: object, asked: Asked) -> Made | None:
    """The line of one envelope; None for the lone `fields` that Splunk takes and forgets.

    Raises:
        BadEvent.
    """
    if not isinstance(envelope, dict):
        raise BadEvent(BAD_FORMAT, "an event is a JSON object")
    fields = _fields(envelope)
    event = envelope.get("event")
    if event is None:
        if envelope.keys() != {"fields"}:
            raise BadEvent(NO_EVENT, "the member event is missing")
        if not any(name.startswith("metric_name:") for name in fields):
            return None
        event = "metric"
    if isinstance(event, str) and not event.strip():
        raise BadEvent(BLANK_EVENT, "the member event is blank")
    time = envelope.get("time")
    at_ns = _at_ns(time, event, asked)
    metadata = _own_metadata(envelope, asked)
    members = event if isinstance(event, dict) else {"body": event}
    line, key = line_of(at_ns, members, fields, metadata)
    return Made(encoded(line), key, precision(time))


def line_of(
    at_ns: int,
    members: Mapping[str, object],
    fields: Mapping[str, object],
    metadata: HecMetadata,
) -> tuple[Line, int | None]:
    """Put the parts together; where names meet, the envelope wins over fields over the event."""
    line: Line = {"timestamp": stamp(at_ns)}
    named = {
        "host.name": metadata.host,
        "com.splunk.source": metadata.source,
        "com.splunk.sourcetype": metadata.sourcetype or SOURCETYPE_DEFAULT,
        INDEX_FIELD: metadata.index,
    }
    line.update({name: value for name, value in named.items() if value is not None})
    severity = fields.get(SEVERITY)
    if isinstance(severity, str):
        line["severity_text"] = severity
    event_id = fields.get(EVENT_ID)
    if isinstance(event_id, str | int | Decimal) and not isinstance(event_id, bool):
        line[EVENT_ID_FIELD] = str(event_id)
        fields = {name: value for name, value in fields.items() if name != EVENT_ID}
    add(line, fields, otherwise="fields")
    add(line, members, otherwise="event")
    return line, key_of(line)


def key_of(line: Line) -> int | None:
    """`event_key` of a line that has an id of its own, which becomes a text; else None."""
    event_id = line.get(EVENT_ID_FIELD)
    if event_id is None or isinstance(event_id, bool | list | dict):
        return None
    line[EVENT_ID_FIELD] = text = str(event_id)
    return event_key(str(line.get(INDEX_FIELD)), text)


def encoded(line: Line) -> bytes:
    """The line as it is stored.

    Raises:
        BadEvent: it is too long, or holds what is no text.
    """
    try:
        return encode_line(line)
    except ValueError as error:
        raise BadEvent(BAD_FORMAT, _why(error)) from error


def _why(error: ValueError) -> str:
    if "longer" in str(error):
        return f"as a line it is longer than {LOG_LINE_BYTES_MAX} bytes"
    return "it holds characters that are no text"


def _at_ns(time: object, event: object, asked: Asked) -> int:
    if time is not None:
        try:
            return epoch_ns(time)
        except ValueError as error:
            raise BadEvent(BAD_FORMAT, str(error)) from error
    found = time_in(event, asked.received_ns) if asked.extract_time else None
    return asked.received_ns if found is None else found


def _fields(envelope: dict[str, object]) -> dict[str, object]:
    """Indexed fields, and members that Splunk does not know (it would drop the event)."""
    fields = envelope.get("fields")
    if isinstance(fields, list):
        raise BadEvent(BAD_FORMAT, "the member fields is a list")
    if fields is None:
        fields = {}
    if not isinstance(fields, dict):
        raise BadEvent(BAD_FIELDS, "the member fields is no object")
    for name, value in fields.items():
        if not _is_flat(value):
            raise BadEvent(BAD_FIELDS, f"the field {name[:64]!r} is nested")
    unknown = {name: value for name, value in envelope.items() if name not in ENVELOPE}
    return unknown | fields


def _is_flat(value: object) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, dict | list) for item in value)
    return not isinstance(value, dict)


def _own_metadata(envelope: dict[str, object], asked: Asked) -> HecMetadata:
    def text(name: str, otherwise: str | None) -> str | None:
        value = envelope.get(name)
        if value is not None and not isinstance(value, str):
            raise BadEvent(BAD_FORMAT, f"the member {name} is no text")
        return otherwise if value is None else value

    metadata = asked.metadata
    index = text("index", None) or metadata.index or asked.writer.index
    return HecMetadata(
        host=text("host", metadata.host),
        source=text("source", metadata.source),
        sourcetype=text("sourcetype", metadata.sourcetype),
        index=checked_index(index, asked.writer),
    )


def checked_index(index: str, writer: Writer) -> str:
    """The index, if it may be written to.

    Raises:
        BadEvent.
    """
    if not writer.may_write(index):
        raise BadEvent(BAD_INDEX, f"the token may not write to the index {index[:64]!r}")
    return index
