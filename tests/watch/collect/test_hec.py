"""Splunk's HTTP Event Collector, with the bodies that clients send."""

import base64
import gzip
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.clock import ManualClock
from tallystick.limits import HEC_BODY_BYTES_MAX
from tallystick.watch.collect import (
    HEC_ANSWERS,
    HecAnswer,
    HecBatch,
    HecMetadata,
    LogStore,
    gunzip,
    hec_token,
    parse_events,
    parse_raw,
)

OpenStore = Callable[..., LogStore]


RECEIVED_NS = 1_795_320_496_000_000_000
RECEIVED = "2026-11-22T04:08:16.000000Z"


def parse(body: bytes, metadata: HecMetadata | None = None) -> HecBatch:
    """Events as they were received at one moment."""
    return parse_events(body, received_ns=RECEIVED_NS, metadata=metadata or HecMetadata())


def lines(batch: HecBatch) -> list[dict[str, object]]:
    """The lines of a batch, decoded."""
    return [msgspec.json.decode(line, type=dict[str, object]) for line in batch.lines]


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
    """The code, the number of the event, and the events before it, as Splunk answers."""
    batch = parse(body)
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
    assert batch.lines[0].endswith(
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
    assert set(line) == {"timestamp", "com.splunk.sourcetype", "k" * 300, "b"}
    (line,) = lines(parse(b'{"event":{%b}}' % members))
    assert len(line["event"]) == 1_000  # type: ignore[arg-type]


def test_an_event_that_is_too_long_is_bad() -> None:
    """One line has a limit; the events before it are kept."""
    batch = parse(b'{"event":"a"}{"event":"%b"}' % (b"x" * 65_536))
    assert (batch.answer.code, batch.answer.invalid_event_number, len(batch.lines)) == (6, 1, 1)


def test_raw_text() -> None:
    """One event a line; CR and blank lines are dropped; broken characters are marked."""
    metadata = HecMetadata(host="h", sourcetype="syslog")
    batch = parse_raw(b"one\r\n\n  \ntwo \xff\n", received_ns=RECEIVED_NS, metadata=metadata)
    assert batch.answer.code == 0
    common = {"timestamp": RECEIVED, "host.name": "h", "com.splunk.sourcetype": "syslog"}
    assert lines(batch) == [common | {"body": "one"}, common | {"body": "two \ufffd"}]


def test_raw_without_text_or_with_too_much() -> None:
    """No line at all is code 5; a line beyond the limit is code 6 and names itself."""
    assert parse_raw(b"\n \n", received_ns=0).answer.code == 5
    batch = parse_raw(b"a\n" + b"x" * HEC_BODY_BYTES_MAX, received_ns=0)
    assert (batch.answer.code, batch.answer.invalid_event_number, len(batch.lines)) == (6, 1, 1)


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Splunk 12345678-1234", "12345678-1234"),
        ("splunk  abc ", "abc"),
        ("Basic " + base64.b64encode(b"x:abc").decode(), "abc"),
        ("Basic " + base64.b64encode(b"x:a:b").decode(), "a:b"),
        (None, HEC_ANSWERS[2]),
        ("", HEC_ANSWERS[2]),
        ("Bearer abc", HEC_ANSWERS[3]),
        ("Splunk", HEC_ANSWERS[3]),
        ("abc", HEC_ANSWERS[3]),
        ("Basic ???", HEC_ANSWERS[3]),
        ("Basic " + base64.b64encode(b"abc").decode(), HEC_ANSWERS[3]),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), HEC_ANSWERS[3]),
    ],
)
def test_the_token_in_the_header(authorization: str | None, expected: object) -> None:
    """Scheme in any case, Basic with the token as password, anything else 2 or 3."""
    assert hec_token(authorization) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
ENVELOPES = st.fixed_dictionaries(
    {"event": VALUES},
    optional={
        "time": VALUES,
        "host": VALUES,
        "fields": st.dictionaries(st.text(max_size=8), VALUES, max_size=3),
        "other": VALUES,
    },
)


@settings(max_examples=50, deadline=None)
@given(st.lists(ENVELOPES, max_size=4), st.binary(max_size=20), st.booleans())
def test_whatever_is_taken_can_be_stored_and_searched(
    tmp_path_factory: pytest.TempPathFactory,
    envelopes: list[dict[str, object]],
    junk: bytes,
    broken: bool,
) -> None:
    """No body crashes the parser, and no line that it makes upsets store or search engine."""
    body = b"".join(map(msgspec.json.encode, envelopes)) + (junk if broken else b"")
    batch = parse(body)
    assert isinstance(batch.answer, HecAnswer)
    store = LogStore(tmp_path_factory.mktemp("hec"), ManualClock())
    store.append(batch.lines)
    assert len(store.search("timestamp>1970-01-01T00:00:00Z x*y NOT a=1").logs) >= 0
    store.seal()
    assert len(store.search("com.splunk.sourcetype=httpevent").logs) == len(batch.lines)
    store.close()


def test_numbers_beyond_all_measure_do_not_upset_a_search(open_store: OpenStore) -> None:
    """What JSON allows and no machine number holds can be stored, sealed and compared."""
    store = open_store()
    batch = parse(b'{"event":{"a":1e999,"b":-1E-999,"c":%b,"d":1e999999999}}' % (b"9" * 5_000))
    store.append(batch.lines)
    for _ in range(2):
        assert len(store.search("c>5 b<=0").logs) == 1
        assert len(store.search("e>5").logs) == 0
        store.seal()


def test_gzip_of_the_reference_client() -> None:
    """A gzip body unpacks to the events that were packed."""
    body = b'{"event":"a"}'
    assert parse(gunzip(gzip.compress(body), bytes_max=HEC_BODY_BYTES_MAX)).answer.code == 0
