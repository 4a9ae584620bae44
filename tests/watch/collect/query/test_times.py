"""Times as queries write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND, parse_rfc3339, rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect.query import parse_time
from tallystick.watch.collect.query.times import NS_MAX, NS_MIN, Span, is_live, parse_span

NOW_NS = parse_rfc3339("2026-11-22T05:17:23.456Z")  # a Sunday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-22T05:17:23.456000Z"),
        ("now()", "2026-11-22T05:17:23.456000Z"),
        ("rt", "2026-11-22T05:17:23.456000Z"),
        ("rt-5m", "2026-11-22T05:12:23.456000Z"),
        ("now-1h@h", "2026-11-22T04:00:00.000000Z"),
        ("-1h", "2026-11-22T04:17:23.456000Z"),
        ("-1h@h", "2026-11-22T04:00:00.000000Z"),
        ("@h", "2026-11-22T05:00:00.000000Z"),
        ("-h", "2026-11-22T04:17:23.456000Z"),
        ("+90s", "2026-11-22T05:18:53.456000Z"),
        ("-500ms", "2026-11-22T05:17:22.956000Z"),
        ("-7d@d", "2026-11-15T00:00:00.000000Z"),
        ("-2days", "2026-11-20T05:17:23.456000Z"),
        ("@w", "2026-11-22T00:00:00.000000Z"),
        ("@w0", "2026-11-22T00:00:00.000000Z"),
        ("@w7", "2026-11-22T00:00:00.000000Z"),
        ("@w1", "2026-11-16T00:00:00.000000Z"),
        ("@w6", "2026-11-21T00:00:00.000000Z"),
        ("-1w@w1", "2026-11-09T00:00:00.000000Z"),
        ("@mon", "2026-11-01T00:00:00.000000Z"),
        ("-1mon@mon", "2026-10-01T00:00:00.000000Z"),
        ("-9M", "2026-02-22T05:17:23.456000Z"),
        ("@q", "2026-10-01T00:00:00.000000Z"),
        ("-1q@q", "2026-07-01T00:00:00.000000Z"),
        ("@y", "2026-01-01T00:00:00.000000Z"),
        ("-1y@y+3mon", "2025-04-01T00:00:00.000000Z"),
        ("@d-1s", "2026-11-21T23:59:59.000000Z"),
        ("0", "1970-01-01T00:00:00.000000Z"),
        ("1795320000.25", "2026-11-22T04:00:00.250000Z"),
        ("2026-11-22T04:00:00Z", "2026-11-22T04:00:00.000000Z"),
        ("2026-11-22T04:00:00.5+01:00", "2026-11-22T03:00:00.500000Z"),
        ("2026-11-22", "2026-11-22T00:00:00.000000Z"),
        ("2026-11-22 04:30", "2026-11-22T04:30:00.000000Z"),
        ("'2026-11-22 04:30:15.25'", "2026-11-22T04:30:15.250000Z"),
        ("11/21/2026", "2026-11-21T00:00:00.000000Z"),
        ("11/21/2026:23:59:58", "2026-11-21T23:59:58.000000Z"),
    ],
)
def test_what_a_time_means(text: str, expected: str) -> None:
    """The forms by examples; now is a Sunday."""
    assert rfc3339(parse_time(text, NOW_NS)) == expected


def test_a_month_back_from_its_last_day() -> None:
    """31 March less a month is the last day of February."""
    march = parse_rfc3339("2026-03-31T10:00:00Z")
    assert rfc3339(parse_time("-1mon", march)) == "2026-02-28T10:00:00.000000Z"


def test_times_that_no_column_holds_are_its_ends() -> None:
    """Far away is as far as it goes."""
    assert parse_time("9999-12-31", NOW_NS) == NS_MAX
    assert parse_time("-400y", NOW_NS) == NS_MIN


@pytest.mark.parametrize("text", ["", "soon", "-1x", "@", "@w9", "2026-13-01", "-1h@", "1h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """The sentence shows what a time looks like."""
    with pytest.raises(Refused) as refused:
        parse_time(text, NOW_NS, 4)
    assert str(refused.value) == (
        f"The query cannot be read at position 5: {text} is no time such as "
        "-1h@h, now or 2026-11-22T04:00:00Z."
    )


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """And a time is one that a column holds."""
    try:
        assert NS_MIN <= parse_time(text, NOW_NS) <= NS_MAX
    except Refused as refused:
        assert refused.code == "BAD_QUERY"  # noqa: PT017  both ways are fine


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("5m", Span(300 * NS_PER_SECOND)),
        ("30", Span(30 * NS_PER_SECOND)),
        ("h", Span(3_600 * NS_PER_SECOND)),
        ("250ms", Span(250_000_000)),
        ("1d", Span(86_400 * NS_PER_SECOND)),
        ("2mon", Span(months=2)),
        ("1q", Span(months=3)),
        ("1y", Span(months=12)),
    ],
)
def test_what_a_span_means(text: str, span: Span) -> None:
    """Lengths of time by examples."""
    assert parse_span(text, 0) == span


@pytest.mark.parametrize("text", ["", "0m", "5 m", "-5m", "5x", "999999999y", "m5"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """Also what is nothing, or longer than a century."""
    with pytest.raises(Refused, match="position 3"):
        parse_span(text, 2)


def test_live() -> None:
    """`rt` asks for what comes."""
    assert is_live("rt")
    assert is_live("rt-30s")
    assert not is_live("now")
