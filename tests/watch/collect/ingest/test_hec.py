"""Splunk's HTTP Event Collector, with the bodies that clients send."""

import gzip
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.limits import (
    INGEST_BAD_EVENTS_MAX,
    INGEST_BODY_BYTES_MAX,
    INGEST_EVENTS_MAX,
    INGEST_REFUSED_BYTES_MAX,
    LOG_LINE_BYTES_MAX,
)
from tallystick.watch.collect.ingest import (
    HEC_ANSWERS,
    HecAnswer,
    HecBatch,
    HecMetadata,
    Writer,
    event_key,
    gunzip,
    parse_events,
    parse_raw,
)
from tallystick.watch.collect.lines import check_lines

RECEIVED_NS = 1_795_320_496_000_000_000
RECEIVED = "2026-11-22T04:08:16.000000Z"


def parse(body: bytes, metadata: HecMetadata | None = None, **more: Any) -> HecBatch:
    """Events as they were received at one moment."""
    return parse_events(body, received_ns=RECEIVED_NS, metadata=metadata or HecMetadata(), **more)


def lines(batch: HecBatch) -> list[dict[str, object]]:
    """The lines of a batch, decoded."""
    return [msgspec.json.decode(line, type=dict[str, object]) for line in batch.batch.lines]


def test_the_reference_request() -> None:
    """Two stacked events as in Splunk's own documentation; all digits of the time are kept."""
    batch = parse(
        b'{"time":1789547400.123456789,"host":"api-1","source":"gateway","sourcetype":"fx:api",'
        b'"index":"main","event":{"msg":"order rejected","status":409},'
        b'"fields":{"env":"prod","tenant":"acme"}}\n'
        b'{"time":"1789547400.456","event":"plain text event"}'
    )
    assert batch.answer == HEC_ANSWERS[0]
    assert lines(batch) == [
        {
            "timestamp": "2026-09-16T08:30:00.123456789Z",
            "host.name": "api-1",
            "com.splunk.source": "gateway",
            "com.splunk.sourcetype": "fx:api",
            "com.splunk.index": "main",
            "env": "prod",
            "tenant": "acme",
            "msg": "order rejected",
            "status": 409,
        },
        {
            "timestamp": "2026-09-16T08:30:00.456000Z",
            "com.splunk.sourcetype": "httpevent",
            "com.splunk.index": "main",
            "body": "plain text event",
        },
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'{"event":"a"}{"event":"b"}',
        b' \r\n{"event":"a"}\n\n\t{"event":"b"} ',
        b'[{"event":"a"},{"event":"b"}]',
        b'[{"event":"a"}][{"event":"b"}]',
    ],
)
def test_how_events_are_put_together(body: bytes) -> None:
    """Stacked with or without space, or in an array: the same two events."""
    assert [line["body"] for line in lines(parse(body))] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "code", "number", "kept"),
    [
        (b"", 5, None, 0),
        (b" \n ", 5, None, 0),
        (b"[]", 5, None, 0),
        (b"not json", 6, 0, 0),
        (b'{"event":"a"}{"event":', 6, 1, 1),
        (b'{"event":"a"}{"event":"b"},{"event":"c"}', 6, 2, 2),
        (b'{"event":"a"} 5', 6, 1, 1),
        (b'[{"event":"a"},[{"event":"b"}]]', 6, 1, 1),
        (b'{"event":"a"}{"event":"\xff"}', 6, 1, 1),
        (b'{"event":"a"}{"event":"\\ud800"}', 6, 1, 1),
        (b'{"event":"a"}{"event":NaN}', 6, 1, 1),
        (b'{"event":' + b"[" * 100_000, 6, 0, 0),
        (b'{"event":1e99999999999999999999}', 6, 0, 0),
        (b'{"event":"a","time":"yesterday"}', 6, 0, 0),
        (b'{"event":"a","time":-1}', 6, 0, 0),
        (b'{"event":"a","time":true}', 6, 0, 0),
        (b'{"event":"a","time":1e400}', 6, 0, 0),
        (b'{"event":"a","host":5}', 6, 0, 0),
        (b'{"event":"a"}{"host":"h"}', 12, 1, 1),
        (b'{"event":null}', 12, 0, 0),
        (b'{"event":"a"}{"event":""}{"event":"c"}', 13, 1, 1),
        (b'{"event":"  "}', 13, 0, 0),
        (b'{"event":"a","fields":{"b":{"c":1}}}', 15, 0, 0),
        (b'{"event":"a","fields":{"b":[{"c":1}]}}', 15, 0, 0),
        (b'{"event":"a","fields":"b"}', 15, 0, 0),
        (b'{"event":"a","fields":["b"]}', 6, 0, 0),
    ],
)
def test_what_is_wrong_is_named(body: bytes, code: int, number: int, kept: int) -> None:
    """Strict: the code, the number of the event, and the events before it, as Splunk answers."""
    batch = parse(body, strict=True)
    assert (batch.answer.code, batch.answer.invalid_event_number) == (code, number)
    assert [line["body"] for line in lines(batch)] == ["a", "b"][:kept]


@pytest.mark.parametrize(
    ("time", "timestamp"),
    [
        (b"0", "1970-01-01T00:00:00.000000Z"),
        (b"1789547400", "2026-09-16T08:30:00.000000Z"),
        (b'"1789547400.000000001"', "2026-09-16T08:30:00.000000001Z"),
        (b"1.7895474e9", "2026-09-16T08:30:00.000000Z"),
        (b"1789547400123", "2026-09-16T08:30:00.123000Z"),
        (b"1789547400123456789", "2026-09-16T08:30:00.123456789Z"),
        (b"null", RECEIVED),
    ],
)
def test_time_in_every_unit(time: bytes, timestamp: str) -> None:
    """Seconds, milliseconds and nanoseconds are told apart by size; without one it is now."""
    assert lines(parse(b'{"event":"a","time":%b}' % time))[0]["timestamp"] == timestamp


def test_numbers_keep_their_digits() -> None:
    """No number goes through a float."""
    batch = parse(b'{"event":{"a":0.12345678901234567890123,"b":12345678901234567890123,"c":1.10}}')
    assert batch.batch.lines[0].endswith(
        b'"a":0.12345678901234567890123,"b":12345678901234567890123,"c":1.10}'
    )


def test_names_that_meet_are_kept_apart() -> None:
    """The envelope wins over fields, fields over the event; nothing is lost."""
    (line,) = lines(
        parse(
            b'{"host":"h","event":{"timestamp":"t","env":"e","log.seq":7,"a":{"b":{"c":1},"d":{}}},'
            b'"fields":{"env":"f","host.name":"i","otel.log.severity.text":"WARN"}}'
        )
    )
    assert line == {
        "timestamp": RECEIVED,
        "host.name": "h",
        "fields.host.name": "i",
        "com.splunk.sourcetype": "httpevent",
        "com.splunk.index": "main",
        "severity_text": "WARN",
        "otel.log.severity.text": "WARN",
        "env": "f",
        "event.env": "e",
        "event.timestamp": "t",
        "event.log.seq": 7,
        "a.b.c": 1,
        "a.d": {},
    }


def test_events_of_other_types_and_unknown_members() -> None:
    """Numbers, booleans and lists are bodies; a member that Splunk would stumble over is kept."""
    batch = parse(b'{"event":5,"extra":"x"}{"event":false}{"event":[1,2]}')
    assert [(line["body"], line.get("extra")) for line in lines(batch)] == [
        (5, "x"),
        (False, None),
        ([1, 2], None),
    ]


def test_metrics_and_lone_fields() -> None:
    """A metric is a line; lone fields without one are taken and forgotten, as Splunk does."""
    batch = parse(
        b'{"event":"metric","fields":{"metric_name:cpu":0.3}}'
        b'{"fields":{"metric_name:cpu":0.4}}{"fields":{"a":1}}'
    )
    assert batch.answer.code == 0
    assert [line["metric_name:cpu"] for line in lines(batch)] == [0.3, 0.4]


def test_metadata_of_the_request_fills_what_an_event_leaves_open() -> None:
    """`?host=&source=&sourcetype=&index=`; the event's own word counts more."""
    metadata = HecMetadata(host="qh", source="qs", sourcetype="qt", index="qi")
    (line,) = lines(parse(b'{"event":"a","host":"h"}', metadata))
    assert line == {
        "timestamp": RECEIVED,
        "host.name": "h",
        "com.splunk.source": "qs",
        "com.splunk.sourcetype": "qt",
        "com.splunk.index": "qi",
        "body": "a",
    }


def test_an_object_that_would_explode_stays_nested() -> None:
    """Flattening is bounded: long names times many members cannot blow a line up."""
    members = b",".join(b'"%d":0' % n for n in range(1_000))
    (line,) = lines(parse(b'{"event":{"%b":{"a":{%b}},"b":1}}' % (b"k" * 300, members)))
    common = {"timestamp", "com.splunk.sourcetype", "com.splunk.index"}
    assert set(line) == common | {"k" * 300, "b"}
    (line,) = lines(parse(b'{"event":{%b}}' % members))
    assert len(line["event"]) == 1_000  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "event",
    [
        {"a": {"b": {"c": 1}}, "a.b": {"c": 2}},
        {"a": {}, "": {"x": 1}},
        {"a": {"": {"": 1}}},
        {"k" * 255: {"b": {"c": 1}}},
        {"k" * 256: {"b": {"c": 1}}},
        {"a": {str(n): n for n in range(300)}, "b": {str(n): n for n in range(300)}},
        {"a": [{"b": {"c": 1}}], "d": "{"},
    ],
    ids=range(7),
)
def test_nested_events_are_flattened_alike(event: dict[str, object]) -> None:
    """Quickly or exactly, also where the bounds are."""
    body = json.dumps({"event": event}, separators=(",", ":")).encode()
    exact = lines(parse(body + b'{"event":"\xff"}'))[0]
    assert list(lines(parse(body))[0].items()) == list(exact.items())


def test_an_event_that_is_too_long_is_bad() -> None:
    """One line has a limit; the events beside it are lines, and its beginning is kept."""
    batch = parse(b'{"event":"a"}{"event":"%b"}{"event":"c"}' % (b"x" * LOG_LINE_BYTES_MAX))
    (refusal,) = batch.refusals
    assert (batch.answer.code, refusal.number, refusal.answer.code) == (0, 1, 6)
    assert refusal.reason == f"as a line it is longer than {LOG_LINE_BYTES_MAX} bytes"
    first, third, kept = lines(batch)
    assert (first["body"], third["body"]) == ("a", "c")
    assert kept["event_name"] == "ingest.event_refused"
    assert len(str(kept["body"])) == INGEST_REFUSED_BYTES_MAX


BROKEN = [
    (b'{"event":"a"}{"event":""}{"event":"c"}', [(1, 13)]),
    (b'{"event":"a"}{"event":nul}{"event":"c"}', [(1, 6)]),
    (b'{"event":"a"}{"event":NaN}{"event":"c"}', [(1, 6)]),
    (b'{"event":"a"}\n{"event":"b\n{"event":"c"}', [(1, 6)]),
    (b'{"event":"a"}\n{"event":{"b":1}\n{"event":"c"}', [(1, 6)]),
    (b'{"event":"a"}{"event":"b}{"event":"c"}', [(1, 6)]),
    (b'{"event":"a"} b {"event":"c"}', [(1, 6)]),
    (b'{"event":"a"},{"event":"c"}', [(1, 6)]),
    (b'{"event":"a"}{"event":"b\xff"}{"event":"c"}', [(1, 6)]),
    (b'{"event":"a"}{"event":"b","fields":{"n":{"m":1}}}{"event":"c"}', [(1, 15)]),
    (b'{"event":"a"}{"event":"b","index":"secret"}{"event":"c"}', [(1, 7)]),
    (b'[{"event":"a"},{"event":1e99999999999999999999},{"event":"c"}]', [(1, 6)]),
    (b'[{"event":"a"},{"event":},{"event":"c"}]', [(1, 6)]),
    (b'[{"event":"a"},5,{"event":"c"}', [(1, 6)]),
    (b'{"nothing":1}{"event":"a"}{"event":"c"}{"event":"unfinished', [(0, 12), (3, 6)]),
]


@pytest.mark.parametrize(("body", "bad"), BROKEN, ids=range(len(BROKEN)))
def test_one_bad_event_never_drops_the_others(body: bytes, bad: list[tuple[int, int]]) -> None:
    """The good ones are lines, the answer is Success, and each bad one is named and kept."""
    batch = parse(body, writer=Writer("t", ("main",)))
    assert batch.answer.code == 0
    assert [(each.number, each.answer.code) for each in batch.refusals] == bad
    assert all(each.reason for each in batch.refusals)
    good, kept = lines(batch)[:2], lines(batch)[2:]
    assert [line["body"] for line in good] == ["a", "c"]
    assert [line["hec.code"] for line in kept] == [code for _, code in bad]
    assert all(line["com.splunk.index"] == "main" for line in kept)


def test_where_a_body_stops_being_json_is_said_by_the_byte() -> None:
    """Bytes are counted, not characters, from the beginning of the body."""
    body = '{"event":"\u00e4\u00f6"}\n{"event":x}'.encode()
    (refusal,) = parse(body).refusals
    assert refusal.reason == f"it is no JSON at byte {body.index(b'x')}: expecting value"


def test_when_no_event_is_good_none_is_taken() -> None:
    """An error, and no line: the sender may send the same again."""
    batch = parse(b'{"event":""}{"event":null}')
    assert (batch.answer.code, batch.answer.invalid_event_number) == (13, 0)
    assert (batch.batch.lines, len(batch.refusals)) == ([], 2)


def test_a_body_of_nothing_but_broken_events_is_not_read_to_its_end() -> None:
    """After a hundred of them nothing of the request is taken, the good ones neither."""
    batch = parse(b'{"event":"a"}' + b'{"event":b}' * INGEST_BAD_EVENTS_MAX)
    assert (batch.answer.code, len(batch.refusals)) == (0, INGEST_BAD_EVENTS_MAX)
    batch = parse(b'{"event":"a"}' + b'{"event":b}' * (INGEST_BAD_EVENTS_MAX + 1))
    assert (batch.answer.code, batch.answer.invalid_event_number, batch.batch.lines) == (6, 1, [])


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        (b'{"event":"a"}{"event":"b","extra":1}{"event":"c"}', ["a"]),
        (b'{"extra":1,"event":"b"}{"event":"c"}', []),
    ],
)
def test_in_strict_mode_an_unknown_member_ends_the_request(body: bytes, taken: list[str]) -> None:
    """As measured on Splunk: Success, without that event and all behind it."""
    batch = parse(body, strict=True)
    assert batch.answer == HEC_ANSWERS[0]
    assert [line["body"] for line in lines(batch)] == taken


def test_a_request_has_a_limit_on_its_events() -> None:
    """However small they are; otherwise a small body would become a large one."""
    for body in (b'{"event":1}', b'{"fields":{}}', b"{}"):
        assert parse(body * 10).answer.code in {0, 12}
        with pytest.raises(Refused, match=f"at most {INGEST_EVENTS_MAX} events") as refused:
            parse(body * (INGEST_EVENTS_MAX + 1))
        assert refused.value.code == "BODY_TOO_LARGE"


def test_lines_of_a_request_have_a_limit_on_their_size() -> None:
    """Metadata of the request stand in every line: a long name may not fill the memory."""
    metadata = HecMetadata(host="h" * 60_000)
    with pytest.raises(Refused, match="bytes") as refused:
        parse(b'{"event":1}' * 2_000, metadata)
    assert refused.value.code == "BODY_TOO_LARGE"


@pytest.mark.parametrize(
    ("body", "event_id"),
    [
        (b'{"event":"a","fields":{"event_id":"e-1"}}', "e-1"),
        (b'{"event":"a","fields":{"event_id":17}}', "17"),
        (b'{"event":"a","fields":{"event_id":"\\u00e4","x":{}}}', None),
        (b'{"event":{"log.record.uid":"e-2"}}', "e-2"),
        (b'{"event":"a","fields":{"log.record.uid":"e-3"}}', "e-3"),
        (b'{"event":{"log":{"record":{"uid":5}}}}', "5"),
        (b'{"event":"a","fields":{"event_id":true}}', None),
    ],
)
def test_the_id_of_an_event(body: bytes, event_id: str | None) -> None:
    """`fields.event_id`, or the name it is stored under; always a text."""
    batch = parse(body)
    if batch.batch.keys is None:
        assert event_id is None
        return
    assert event_id is not None
    assert batch.batch.keys == [event_key("main", event_id)]
    assert lines(batch)[0]["log.record.uid"] == event_id


@pytest.mark.parametrize(
    ("time", "is_timed"),
    [(b"1789547400.5", True), (b'"1789547400.5"', True), (b"1789547400123", True),
     (b"1789547400", False), (b'"1789547400"', False), (b"null", False)],
)  # fmt: skip
def test_whether_events_tell_their_own_time(time: bytes, is_timed: bool) -> None:
    """Only to less than a second is a time as good as a name."""
    assert parse(b'{"event":"a","time":%b}' % time).is_timed is is_timed
    timed = b'{"event":"a","time":%b}{"event":"b","time":1.5}{"event":"c","time":7}' % time
    assert parse(timed).is_timed is (time != b"null")  # one of them is enough
    assert not parse(timed + b'{"event":"c"}').is_timed


@pytest.mark.parametrize(
    ("event", "timestamp"),
    [
        (b'"2026-09-16T08:30:00.123456789Z it began"', "2026-09-16T08:30:00.123456789Z"),
        (b'"[2026-09-16 10:30:00,5 +0200] it began"', "2026-09-16T08:30:00.500000Z"),
        (b'"10.0.0.1 - - [16/Sep/2026:08:30:00 +0000] GET /"', "2026-09-16T08:30:00.000000Z"),
        (b'"<34>Sep 16 08:30:00 host su: failed"', "2026-09-16T08:30:00.000000Z"),
        (b'"Dec 24 08:30:00 host su: failed"', "2025-12-24T08:30:00.000000Z"),
        (b'"1789547400.25 epoch"', "2026-09-16T08:30:00.250000Z"),
        (b'{"timestamp":"2026-09-16T08:30:00Z"}', "2026-09-16T08:30:00.000000Z"),
        (b'{"ts":1789547400123}', "2026-09-16T08:30:00.123000Z"),
        (b'"no time, 2026-99-99T08:30:00Z"', RECEIVED),
        (b'{"time":"soon"}', RECEIVED),
        (b"5", RECEIVED),
    ],
)
def test_times_are_found_in_events(event: bytes, timestamp: str) -> None:
    """`auto_extract_timestamp`; a `time` of the envelope counts more, and without the wish none."""
    body = b'{"event":%b}' % event
    assert lines(parse(body, extract_time=True))[0]["timestamp"] == timestamp
    assert lines(parse(body))[0]["timestamp"] == RECEIVED
    timed = b'{"time":1,"event":%b}' % event
    said = lines(parse(timed, extract_time=True))[0]["timestamp"]
    assert said == "1970-01-01T00:00:01.000000Z"


def test_raw_text() -> None:
    """One event a line; CR and blank lines are dropped; broken characters are marked."""
    metadata = HecMetadata(host="h", sourcetype="syslog")
    batch = parse_raw(b"one\r\n\n  \ntwo \xff\n", received_ns=RECEIVED_NS, metadata=metadata)
    assert batch.answer.code == 0
    common = {
        "timestamp": RECEIVED,
        "host.name": "h",
        "com.splunk.sourcetype": "syslog",
        "com.splunk.index": "main",
    }
    assert lines(batch) == [common | {"body": "one"}, common | {"body": "two \ufffd"}]


def test_raw_text_with_its_own_times() -> None:
    """Only where it is asked for."""
    body = b"2026-09-16T08:30:00Z one\ntwo\n"
    batch = parse_raw(body, received_ns=RECEIVED_NS, extract_time=True)
    stamps = [line["timestamp"] for line in lines(batch)]
    assert stamps == ["2026-09-16T08:30:00.000000Z", RECEIVED]


def test_raw_without_text_or_with_too_much() -> None:
    """No line at all is code 5; a line beyond the limit is named, in strict mode with code 6."""
    assert parse_raw(b"\n \n", received_ns=0).answer.code == 5
    body = b"a\n" + b"x" * LOG_LINE_BYTES_MAX + b"\nb"
    batch = parse_raw(body, received_ns=0)
    assert (batch.answer.code, [each.number for each in batch.refusals]) == (0, [1])
    assert [line["body"] for line in lines(batch)][:2] == ["a", "b"]
    batch = parse_raw(body, received_ns=0, strict=True)
    assert (batch.answer.code, batch.answer.invalid_event_number) == (6, 1)
    assert len(batch.batch.lines) == 1


@pytest.mark.parametrize(
    ("writer", "index", "code"),
    [
        (Writer(), "main", 0),
        (Writer(), None, 0),
        (Writer(), "any-other_1", 0),
        (Writer(), "tallystick", 7),
        (Writer(), "../main", 7),
        (Writer(), "_internal", 7),
        (Writer(), "", 0),
        (Writer("t", ("web", "tallystick")), "web", 0),
        (Writer("t", ("web", "tallystick")), "tallystick", 0),
        (Writer("t", ("web", "tallystick")), "main", 7),
        (Writer("t", ("web",)), None, 0),
    ],
)
def test_where_a_token_may_write(writer: Writer, index: str | None, code: int) -> None:
    """On its list; without one anywhere but among our own lines, under a name that is one."""
    envelope = {"event": "a"} if index is None else {"event": "a", "index": index}
    expected = index or writer.index
    for batch in (
        parse(json.dumps(envelope).encode(), writer=writer),
        parse(b'{"event":"a"}', HecMetadata(index=index), writer=writer),
    ):
        assert batch.answer.code == code
        assert [line["com.splunk.index"] for line in lines(batch)] == [expected] * (not code)


TEXTS = st.text(max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
TIMES = st.integers(0, 2**40) | st.decimals(0, 10**10, places=6).map(str) | VALUES
NAMES = st.sampled_from(["a", "body", "host.name", "timestamp", "event_id", "log.record.uid", ""])
ENVELOPES = st.fixed_dictionaries(
    {"event": VALUES | st.dictionaries(NAMES | TEXTS, SCALARS, max_size=4)},
    optional={
        "time": TIMES,
        "host": TEXTS | VALUES,
        "sourcetype": TEXTS,
        "index": st.sampled_from(["main", "web", "tallystick", "_x"]),
        "fields": st.dictionaries(NAMES | TEXTS, SCALARS | VALUES, max_size=3),
        "other": VALUES,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(ENVELOPES, max_size=4), st.binary(max_size=20), st.booleans())
def test_whatever_is_sent_becomes_lines_that_can_be_stored(
    envelopes: list[dict[str, object]], junk: bytes, broken: bool
) -> None:
    """No body crashes the parser, every line is one, and every error is a sentence."""
    body = b"".join(map(msgspec.json.encode, envelopes)) + (junk if broken else b"")
    for batch in (parse(body), parse(body, strict=True), parse_raw(body, received_ns=0)):
        assert isinstance(batch.answer, HecAnswer)
        assert all(re.fullmatch(r"\S.*\S", each.reason, re.DOTALL) for each in batch.refusals)
        if batch.batch.lines:
            check_lines(batch.batch.lines)


NESTED = st.recursive(
    SCALARS,
    lambda inner: st.dictionaries(
        st.sampled_from(["a", "b", "c.d", "", "body"]), inner, max_size=3
    ),
    max_leaves=12,
)
"""Objects in objects, with names that meet."""


@settings(max_examples=600, deadline=None)
@given(ENVELOPES | st.fixed_dictionaries({"event": NESTED}), st.booleans())
def test_the_quick_way_makes_the_same_lines(envelope: dict[str, object], extract: bool) -> None:
    """As the exact one, which a byte that is no UTF-8 behind the event forces."""
    event = msgspec.json.encode(envelope)
    quick = parse(event, extract_time=extract)
    exact = parse(event + b'{"event":"\xff"}', extract_time=extract)
    if quick.batch.lines:
        assert quick.batch.lines[0] == exact.batch.lines[0] or (
            lines(quick)[0] == lines(exact)[0]
            and "metric" not in event.decode()
            and list(lines(quick)[0]) == list(lines(exact)[0])
        )
        assert (quick.batch.keys or [None])[0] == (exact.batch.keys or [None])[0]
    else:
        assert quick.answer.code == exact.answer.code


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ \nevent1', max_size=60).map(str.encode))
def test_no_bytes_crash_the_parser(body: bytes) -> None:
    """Braces, quotes and line feeds in any order."""
    for batch in (parse(body), parse(body, strict=True)):
        if batch.batch.lines:
            check_lines(batch.batch.lines)


def test_gzip_of_the_reference_client() -> None:
    """A gzip body unpacks to the events that were packed."""
    body = b'{"event":"a"}'
    assert parse(gunzip(gzip.compress(body), bytes_max=INGEST_BODY_BYTES_MAX)).answer.code == 0
