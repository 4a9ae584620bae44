"""JSON values one after another, and the way on behind one that cannot be read."""

import pytest

from tallystick.watch.collect.ingest.hec_scan import Scanned, scan


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b"", []),
        (b' {"a":1}\n\t5"x"null[]', [{"a": 1}, 5, "x", None]),
        (b"[1,[2],{}] [3]", [1, [2], {}, 3]),
        (b"[1 2", [1, 2]),
    ],
)
def test_values_in_a_row(body: bytes, values: list[object]) -> None:
    """Members of an array count one by one."""
    found = list(scan(body))
    assert [each.value for each in found] == values
    assert not any(each.reason for each in found)


def test_it_may_begin_in_the_middle() -> None:
    """Bytes are counted from the beginning of the body all the same."""
    body = b'{"a":1}{"event":}'
    assert list(scan(body, 7)) == [
        Scanned(None, '{"event":}', "it is no JSON at byte 16: expecting value")
    ]


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b'{"event":x}{"event":1}', ['{"event":x}', '{"event":1}']),
        (b'{"event":{"a":x}}5', ['{"event":{"a":x}}', "5"]),
        (b'{"event":"} {"time":1}', ['{"event":"} ', '{"time":1}']),
        (b'{"event":\r\n {"event":1}', ['{"event":\r\n ', '{"event":1}']),
        (b'{"event": {"event":1', ['{"event": {"event":1']),
        (b'x{"event":1}', ["x", '{"event":1}']),
        (b'[{"event":"},{"host":1}]', ['{"event":"},', '{"host":1}']),
        (b'{"event":"}"', ['{"event":"}"']),
    ],
)
def test_the_way_on(body: bytes, texts: list[str]) -> None:
    """Behind the brace that fits, or where the next event seems to begin."""
    assert [each.text for each in scan(body)] == texts


@pytest.mark.parametrize(
    "body",
    [
        b'{"event":x' + b"\n" * 2_000_000,
        b'{"event":x' + b" " * 2_000_000 + b'{"event":1',
        b'{"event":x\n' * 100_000,
        b"{" * 1_000_000,
        b'"' * 1_000_001,
        b'{"' * 500_000,
        b"\n{" * 500_000,
    ],
    ids=range(7),
)
def test_no_body_takes_for_ever(body: bytes) -> None:
    """The first hundred errors, which is as far as anybody goes."""
    for number, _ in enumerate(scan(body)):
        if number == 100:
            break
