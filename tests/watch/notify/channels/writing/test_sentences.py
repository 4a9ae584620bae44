"""The words of a message, the same on every channel."""

from collections.abc import Callable

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.channels.writing.sentences import (
    alert_ways,
    deeds,
    facts,
    happened,
    headline,
    is_absolute,
    lasted,
    lived,
    one_line,
    shown,
    told,
)
from tallystick.watch.notify.message import Message, Ways

Make = Callable[..., Message]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"why": "opened"}, "It opened with 2 alerts."),
        ({"why": "opened", "firing": 1}, "It opened with 1 alert."),
        ({"why": "worsened"}, "It got worse and is critical now."),
        ({"why": "joined", "firing": 1_200}, "More of the same: 1,200 alerts now."),
        ({"why": "escalated"}, "Nobody has acknowledged it for 1 min."),
        ({"why": "repeated"}, "It is still open after 1 min."),
        ({"why": "reopened"}, "It fires again shortly after it was resolved."),
        ({"why": "storm"}, "Many incidents open at once"),
        ({"why": "test"}, "This is a test: nothing is wrong."),
        ({"why": "heartbeat"}, "This is a probe of the chain of alerts"),
        ({"why": "acknowledged", "by": "ann"}, "Acknowledged by ann."),
        ({"why": "acknowledged"}, "Somebody has acknowledged it."),
        ({"why": "unacknowledged"}, "Its acknowledgement has run out."),
        ({"why": "unacknowledged", "by": "ann"}, "ann took the acknowledgement back."),
        ({"why": "resolved", "by": "ann"}, "Resolved by ann after 1 min."),
        ({"why": "resolved"}, "All of it has ended, after 1 min."),
    ],
)
def test_every_why_is_a_sentence(
    make_message: Make, members: dict[str, object], sentence: str
) -> None:
    """What a person reads first after the headline."""
    assert happened(make_message(**members)).startswith(sentence)


def test_a_headline_is_one_line_of_its_state(make_message: Make) -> None:
    """Severity while it fires, then what became of it; a test has no incident."""
    assert headline(make_message(title="a\nb")) == "CRITICAL I-12: a b"
    assert headline(make_message(action="resolve", title="a")) == "RESOLVED I-12: a"
    assert headline(make_message(action="acknowledge", title="a")) == "ACKNOWLEDGED I-12: a"
    assert headline(make_message(why="test", incident="", title="a")) == "TEST: a"
    assert headline(make_message(title="a" * 99), 20) == "CRITICAL I-12: aaaa…"


def test_the_facts_begin_with_what_is_asked_first(make_message: Make) -> None:
    """Severity, since when, how much, for whom; then the labels by name."""
    known = {fact.name: fact.value for fact in facts(make_message(recipient="bob"))}

    assert list(known) == [
        "Severity", "Since", "Firing", "On call", "alarm", "instance", "team",
    ]  # fmt: skip
    assert known["Since"] == "2026-11-22 04:30:00 UTC (1 min)"
    assert known["Firing"] == "2 alerts"
    assert "Firing" not in {fact.name for fact in facts(make_message(action="resolve"))}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (12_000, "3 h 20 min"),
        (86_400, "1 d"),
        (187_200, "2 d 4 h"),
    ],
)
def test_how_long_it_lasted(seconds: int, text: str) -> None:
    """Two units at most, cut and never rounded up."""
    assert lasted(seconds * NS_PER_SECOND) == text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/v1/orders/O-1",
        "javascript:alert(1)",
        "https://",
        "https://x/a b",
        'https://x/"onclick=',
        "https://x/|evil",
        "https://x/<b>",
        "https://ex\u0430mple.com/",
        "http://[::1",
    ],
)
def test_a_link_is_whole_and_harmless_or_none(url: str) -> None:
    """Nothing that could break out of where it is written, in any channel's form."""
    assert not is_absolute(url)


def test_paths_become_links_where_there_is_an_address(make_message: Make) -> None:
    """Of the place where the incident is shown; nowhere else."""
    message = make_message()
    ways = alert_ways(message.alerts[1], message)
    assert [way.url for way in ways] == [
        "https://fx.example/v1/orders/O-1042",
        "https://fx.example/v1/orders/O-1042/receipt",
    ]
    bare = make_message(ways=Ways())
    assert alert_ways(bare.alerts[1], bare) == ()


def test_what_can_be_done_now(make_message: Make) -> None:
    """Acknowledge and resolve while it is open, resolve while somebody is at it, then nothing."""
    assert [way.text for way in deeds(make_message())] == ["Acknowledge", "Resolve"]
    assert [way.text for way in deeds(make_message(action="acknowledge"))] == ["Resolve"]
    assert deeds(make_message(action="resolve")) == ()
    assert deeds(make_message(why="test")) == ()
    assert deeds(make_message(ways=Ways())) == ()
    assert [way.text for way in shown(make_message())] == ["Open the incident"]


def test_an_alert_on_a_line(make_message: Make) -> None:
    """Its details, and its span with an end where it has one."""
    message = make_message(action="resolve", why="resolved")
    alert = message.alerts[0]

    assert told(alert) == "threshold 250 · value 431.25"
    assert lived(alert, make_message()) == "critical since 2026-11-22 04:30:00 UTC"
    assert lived(alert, message).endswith(", ended 2026-11-22 04:31:40 UTC")


def test_a_text_that_turns_around_is_flattened() -> None:
    """Control characters, also those that reverse the direction, are spaces."""
    assert one_line("a\x1b[2J\u202eb\r\n c", 99) == "a [2J b c"
