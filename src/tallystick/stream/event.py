"""A CloudEvent 1.0: what a message is once it leaves this process.

CloudEvents 1.0.2 core; the Kafka protocol binding in binary mode (3.2) and the JSON event format.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable

import msgspec

SPEC_VERSION = "1.0"
JSON_CONTENT = "application/json"
STRUCTURED_CONTENT = "application/cloudevents+json"
_PREFIX = "ce_"
_EXTENSION = re.compile(r"[a-z0-9]{1,64}")
_ATTRIBUTES = ("id", "source", "type", "time", "subject", "traceparent", "partitionkey")


class UnreadableError(ValueError):
    """These bytes are no CloudEvent."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """Context attributes and data. `id` is unique within `source`; `time` is RFC 3339.

    `traceparent` (W3C Trace Context) and `partitionkey` are CloudEvents' own extensions: events
    of one partition key keep their order. Further extensions have lower-case letters and digits
    for a name.
    """

    id: str
    source: str
    type: str
    data: bytes
    time: str | None = None
    subject: str | None = None
    datacontenttype: str | None = JSON_CONTENT
    traceparent: str | None = None
    partitionkey: str | None = None
    extensions: dict[str, str] = {}


def to_headers(event: Event) -> list[tuple[str, bytes]]:
    """Binary mode: the attributes as headers `ce_*`, the data is the message's value."""
    headers = [("ce_specversion", SPEC_VERSION.encode())]
    headers += [(_PREFIX + name, value.encode()) for name, value in _attributes(event)]
    if event.datacontenttype is not None:
        headers.append(("content-type", event.datacontenttype.encode()))
    return headers


def from_headers(headers: Iterable[tuple[str, bytes | None]], value: bytes) -> Event:
    """Whatever mode the headers say.

    Raises:
        UnreadableError: it is no CloudEvent of version 1.
    """
    try:
        said = {name.lower(): (text or b"").decode() for name, text in headers}
    except UnicodeDecodeError as error:
        raise UnreadableError("a header is not UTF-8") from error
    content = said.get("content-type")
    if content is not None and content.startswith(STRUCTURED_CONTENT):
        return from_json(value)
    attributes = {name[3:]: text for name, text in said.items() if name.startswith(_PREFIX)}
    return _made(attributes, content, value)


def to_json(event: Event) -> bytes:
    """Structured mode: one JSON object; JSON data stands in it as it is, other data in base64."""
    said: dict[str, object] = {"specversion": SPEC_VERSION, **dict(_attributes(event))}
    if event.datacontenttype is not None:
        said["datacontenttype"] = event.datacontenttype
    if _is_json(event.datacontenttype):
        said["data"] = msgspec.Raw(event.data)
    else:
        said["data_base64"] = b64encode(event.data).decode()
    return msgspec.json.encode(said)


def from_json(text: bytes) -> Event:
    """An event of the JSON format.

    Raises:
        UnreadableError: it is no CloudEvent of version 1.
    """
    try:
        raws = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        said = {name: bytes(raw) for name, raw in raws.items()}
        data = said.pop("data", b"")
        encoded = said.pop("data_base64", None)
        attributes = {name: _text(raw) for name, raw in said.items() if raw != b"null"}
        if encoded is not None:
            data = b64decode(msgspec.json.decode(encoded, type=str), validate=True)
        content = attributes.pop("datacontenttype", JSON_CONTENT if encoded is None else None)
        if encoded is None and not _is_json(content) and data:
            data = msgspec.json.decode(data, type=str).encode()
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UnreadableError(str(error)) from error
    return _made(attributes, content, data)


def _attributes(event: Event) -> Iterable[tuple[str, str]]:
    for name in _ATTRIBUTES:
        value = getattr(event, name)
        if value is not None:
            yield name, value
    yield from event.extensions.items()


def _made(attributes: dict[str, str], content: str | None, data: bytes) -> Event:
    if not attributes.pop("specversion", "").startswith("1."):
        raise UnreadableError("it says no specversion 1")
    attributes.pop("datacontenttype", None)  # binary mode says it as the content type
    known = {name: attributes.pop(name, None) for name in _ATTRIBUTES}
    missing = [name for name in ("id", "source", "type") if not known[name]]
    if missing:
        raise UnreadableError(f"it has no {' and no '.join(missing)}")
    for name in attributes:
        if _EXTENSION.fullmatch(name) is None:
            raise UnreadableError(f"{name[:64]!r} is no name of an attribute")
    return msgspec.convert(
        {**known, "data": data, "datacontenttype": content, "extensions": attributes}, Event
    )


def _text(raw: bytes) -> str:
    """An attribute's value: text as it is, numbers and booleans as they are spelled."""
    return msgspec.json.decode(raw, type=str) if raw[:1] == b'"' else raw.decode()


def _is_json(content: str | None) -> bool:
    kind = (content or JSON_CONTENT).split(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))
