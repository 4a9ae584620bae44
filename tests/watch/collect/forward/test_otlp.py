"""OTLP as a destination."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tallystick.clock import SystemClock
from tallystick.watch.collect.forward import Numbered
from tallystick.watch.collect.forward.otlp import Otlp, OtlpSettings, export_request

Numbers = Callable[..., list[Numbered]]
Serve = Callable[[Any], AbstractAsyncContextManager[str]]


def test_members_take_their_places_in_the_data_model(numbered: Numbers) -> None:
    """Time, severity, ids and the body are fields of the record; the rest are attributes."""
    line = numbered(
        5,
        1,
        body="a sentence",
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        span_id="00f067aa0ba902b7",
        severity_text="WARN",
        tags=["a", 1, {"deep": 0.5}],
        open=True,
    )

    resource = export_request(line).resource_logs[0]
    record = resource.scope_logs[0].log_records[0]

    assert [a.value.string_value for a in resource.resource.attributes] == ["tallystick"]
    assert record.time_unix_nano == 1_795_320_000_123_456_000
    assert (record.severity_text, record.severity_number) == ("WARN", 13)
    assert record.event_name == "api.request_answered"
    assert record.body.string_value == "a sentence"
    assert record.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert record.span_id.hex() == "00f067aa0ba902b7"
    attributes = {each.key: each.value for each in record.attributes}
    assert attributes["log.seq"].int_value == 5
    assert attributes["log.record.uid"].string_value == "tallystick-5"
    assert attributes["open"].bool_value is True
    assert attributes["tags"].array_value.values[1].int_value == 1
    deep = attributes["tags"].array_value.values[2].kvlist_value.values[0]
    assert (deep.key, deep.value.double_value) == ("deep", 0.5)


def test_lines_of_one_resource_stand_together(numbered: Numbers) -> None:
    """One resource each service and host, whatever their order."""
    sent = [
        *numbered(1, 1, **{"host.name": "a"}),
        *numbered(2, 1, **{"host.name": "b"}),
        *numbered(3, 1, **{"host.name": "a"}),
    ]

    groups = export_request(sent).resource_logs

    assert [len(group.scope_logs[0].log_records) for group in groups] == [2, 1]


def test_rejected_records_are_counted_and_not_sent_again(
    otlp_peer: Any, serve_peer: Serve, numbered: Numbers
) -> None:
    """`partial_success`: the protocol forbids a retry."""
    otlp_peer.rejected = 2

    async def story() -> int:
        async with serve_peer(otlp_peer) as url:
            otlp = Otlp(OtlpSettings("otlp", f"{url}/v1/logs", {"X-Key": "k"}), SystemClock())
            try:
                return await otlp.send(numbered(1, 5))
            finally:
                await otlp.close()

    assert asyncio.run(story()) == 2
    assert otlp_peer.seqs() == [1, 2, 3, 4, 5]
