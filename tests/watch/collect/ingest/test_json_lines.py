"""JSON lines: our own form, from elsewhere."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.limits import INGEST_EVENTS_MAX, LOG_LINE_BYTES_MAX
from tallystick.watch.collect.ingest import JsonLines, Writer, event_key, parse_lines
from tallystick.watch.collect.lines import check_lines

RECEIVED_NS = 1_795_320_496_000_000_000
STAMP = b'"timestamp":"2026-11-22T04:08:16.000000Z"'


def parse(body: bytes, writer: Writer | None = None) -> JsonLines:
    """Lines as they were received at one moment."""
    writer = writer or Writer()
    return parse_lines(body, received_ns=RECEIVED_NS, writer=writer, request=b"r")


def test_a_line_is_kept_as_it_was_written() -> None:
    """Byte for byte where nothing is missing; what is missing stands behind."""
    whole = b'{"timestamp":"2026-09-16T08:30:00.123456789Z","com.splunk.index":"web","a": 1.10}'
    parsed = parse(whole + b"\r\n\n  \n" + b'{"a":{"b":1}}\n{ }')
    index = b'"com.splunk.index":"main"'
    assert parsed.batch.lines == [
        whole,
        b'{"a":{"b":1},' + STAMP + b"," + index + b"}",
        b"{" + STAMP + b"," + index + b"}",
    ]
    assert parsed.errors == ()


def test_a_request_with_times_of_its_own_can_be_known_again() -> None:
    """One line without a time, and the same text may mean something new."""
    coarse = b'{"timestamp":"2026-09-16T08:30:00Z"}\n'
    timed = b'{"timestamp":"2026-09-16T08:30:00.5Z"}\n'
    assert parse(timed + coarse).batch.request == b"r"
    assert parse(coarse * 2).batch.request is None
    assert parse(timed + b"{}").batch.request is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"text", "JSON is malformed"),
        (b"[]", "expected `object`, got `array`"),
        (b'{"a":1', "input data was truncated"),
        (b'{"a":1} {}', "trailing characters"),
        (b'{"a":"\xff"}', "byte 7 is no UTF-8"),
        (b'{"a":"\\ud800"}', "JSON is malformed|truncated"),
        (b'{"log.seq":1}', "log.seq is given by the store"),
        (b'{"timestamp":1}', "expected `str | null`"),
        (b'{"timestamp":"noon"}', "not an RFC 3339 stamp"),
        (b'{"com.splunk.index":"web"}', "may not write to the index 'web'"),
        (b'{"com.splunk.index":5}', "expected `str | null`"),
        (b'{"log.record.uid":[]}', r"expected `int \| str \| null`"),
        (b'{"a":"' + b"x" * LOG_LINE_BYTES_MAX + b'"}', "longer than 65536 bytes"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
    ],
    ids=range(14),
)
def test_a_bad_line_is_named_and_keeps_no_other_out(line: bytes, reason: str) -> None:
    """Its number counts from 1, blank lines too."""
    parsed = parse(b"{}\n\n" + line + b"\n{}", Writer("t", ("main",)))
    assert len(parsed.batch.lines) == 2
    (error,) = parsed.errors
    assert error.line == 3
    assert error.reason.startswith("Line 3: ")
    assert error.reason.endswith(".")
    assert re.search(reason, error.reason, re.IGNORECASE)


def test_ids_are_known() -> None:
    """A number and a text are the same id."""
    parsed = parse(b'{"log.record.uid":"5"}\n{}\n{"log.record.uid":5,"com.splunk.index":"web"}')
    assert parsed.batch.keys == [event_key("main", "5"), None, event_key("web", "5")]


def test_a_request_has_a_limit_on_its_lines() -> None:
    """Good or bad."""
    for line in (b"{}\n", b"x\n"):
        with pytest.raises(Refused, match="events"):
            parse(line * (INGEST_EVENTS_MAX + 1))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=30) | st.from_regex(rb'\{("a":[0-9]{1,3})?\}', fullmatch=True)))
def test_whatever_is_sent_becomes_lines_that_can_be_stored(bodies: list[bytes]) -> None:
    """No body crashes the parser."""
    parsed = parse(b"\n".join(bodies))
    if parsed.batch.lines:
        check_lines(parsed.batch.lines)
