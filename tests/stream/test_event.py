"""CloudEvents: read and written as the CloudEvents SDK does, bytes kept as they are."""

import json
from contextlib import suppress

import pytest
from cloudevents.core.bindings import kafka as sdk
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from tallystick.stream.event import (
    Event,
    UnreadableError,
    from_headers,
    from_json,
    to_headers,
    to_json,
)
from tallystick.stream.message import (
    ENTRY_TYPE,
    LOG_TYPE,
    NO_POSITION,
    UNREADABLE_TYPE,
    Message,
    entry_envelope,
    log_envelope,
    message_of,
    unreadable,
)

ENTRY = b'{"at":"2026-11-22T04:08:16.123456Z","kind":"order_decided","order":{"account":"acc-1"}}'
FULL = Event(
    "17",
    "ledger.example/test",
    "tallystick.entry.order_decided",
    ENTRY,
    time="2026-11-22T04:08:16.123456Z",
    subject="acc-1",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    partitionkey="acc-1",
    extensions={"deadreason": "too ünusual", "n7": "x"},
)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
EVENTS = st.builds(
    Event,
    TEXT,
    TEXT,
    TEXT,
    st.binary(max_size=40),
    time=st.none() | st.just("2026-11-22T04:08:16Z"),
    subject=st.none() | TEXT,
    datacontenttype=st.just("application/octet-stream"),
    traceparent=st.none() | TEXT,
    partitionkey=st.none() | TEXT,
    extensions=st.dictionaries(st.from_regex(r"x[a-z0-9]{1,8}", fullmatch=True), TEXT, max_size=3),
)


@given(EVENTS)
def test_both_modes_keep_everything(event: Event) -> None:
    """Whatever the attributes and the bytes are."""
    assert from_json(to_json(event)) == event
    assert from_headers(to_headers(event), event.data) == event
    structured = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    assert from_headers(structured, to_json(event)) == event


def test_json_data_stands_in_it_byte_for_byte() -> None:
    """An entry's exact bytes are what its hash is of: none is lost on the way."""
    assert ENTRY in to_json(FULL)
    assert from_json(to_json(FULL)) == FULL


def test_the_sdk_reads_what_we_write_to_kafka() -> None:
    """Binary mode: attributes, extensions, data and key."""
    message = sdk.KafkaMessage(headers=dict(to_headers(FULL)), key=b"acc-1", value=ENTRY)
    read = sdk.from_binary_event(message, JSONFormat())
    assert (read.get_id(), read.get_source(), read.get_type()) == (FULL.id, FULL.source, FULL.type)
    assert read.get_subject() == "acc-1"
    assert str(read.get_time()) == "2026-11-22 04:08:16.123456+00:00"
    assert read.get_extension("traceparent") == FULL.traceparent
    assert read.get_extension("deadreason") == "too ünusual"
    assert read.get_data() == json.loads(ENTRY)


def test_we_read_what_the_sdk_writes() -> None:
    """In both modes, and in JSON."""
    read = JSONFormat().read(None, to_json(FULL))
    for message in (sdk.to_binary_event(read), sdk.to_structured_event(read)):
        headers = list(message.headers.items())
        again = from_headers(headers, message.value)
        assert (again.id, again.type, again.subject) == (FULL.id, FULL.type, FULL.subject)
        assert json.loads(again.data) == json.loads(ENTRY)
        assert again.extensions == FULL.extensions


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"{", b'"x"', b"\xff", b'{"specversion":"1.0"}',
        b'{"specversion":"0.3","id":"1","source":"s","type":"t"}',
        b'{"specversion":"1.0","id":"","source":"s","type":"t"}',
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"?"}',
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","Bad-Name":"x"}',
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":' + b"[" * 20_000,
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","x":"\\ud800"}',
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_event_is_refused(text: bytes) -> None:
    """With one kind of error, whatever the bytes are."""
    with pytest.raises(UnreadableError):
        from_json(text)


@given(st.binary(max_size=60), st.lists(st.tuples(TEXT, st.none() | st.binary(max_size=9))))
def test_any_bytes_are_an_event_or_refused(
    data: bytes, headers: list[tuple[str, bytes | None]]
) -> None:
    """Nothing else is raised."""
    with suppress(UnreadableError):
        from_json(data)
    with suppress(UnreadableError):
        from_headers(headers, data)


def test_the_event_of_an_entry() -> None:
    """The position is the id, the account the key; strange bytes are an event too."""
    envelope = entry_envelope("ledger.example/test")
    made = envelope(Message(17, ENTRY))
    assert made == Event(
        "17", "ledger.example/test", "tallystick.entry.order_decided", ENTRY,
        time="2026-11-22T04:08:16.123456Z", subject="acc-1", partitionkey="acc-1",
    )  # fmt: skip
    assert message_of(made).position == 17
    plain = envelope(Message(3, b'{"account":"acc-2","kind":"funds_moved","at":"x"}'))
    assert (plain.type, plain.partitionkey) == ("tallystick.entry.funds_moved", "acc-2")
    assert envelope(Message(3, b'{"kind":"keys_changed"}')).partitionkey is None
    raw = envelope(Message(4, b"\x00\xff"))
    assert (raw.type, raw.datacontenttype) == (ENTRY_TYPE, "application/octet-stream")
    assert from_json(to_json(raw)).data == b"\x00\xff"
    assert envelope(Message(5, b"[" * 20_000)).data == b"[" * 20_000


def test_the_event_of_a_log_line() -> None:
    """The number is the id; a trace it belongs to is said."""
    envelope = log_envelope("ledger.example/test")
    line = b'{"timestamp":"2026-11-22T04:08:16Z","trace_id":"' + b"a" * 32
    made = envelope(Message(9, line + b'","span_id":"' + b"b" * 16 + b'"}'))
    assert (made.id, made.type, made.time) == ("9", LOG_TYPE, "2026-11-22T04:08:16Z")
    assert made.traceparent == f"00-{'a' * 32}-{'b' * 16}-01"
    assert envelope(Message(9, b"no json")).traceparent is None


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "٣", "", "9" * 20])
def test_ids_that_are_no_positions(text: str) -> None:
    """Other people's ids are not taken for ours."""
    assert message_of(Event(text, "s", "t", b"")).position == NO_POSITION


def test_what_is_unreadable_keeps_its_headers() -> None:
    """As JSON, whatever bytes they are."""
    message = unreadable("t/0/7", b"\xff", "no id", [("a", b"\xff"), ("b", None)])
    assert message.event is not None
    assert message.event.type == UNREADABLE_TYPE
    assert json.loads(message.event.extensions["headers"]) == {"a": "\\xff", "b": ""}
    assert from_headers(to_headers(message.event), message.body) == message.event
