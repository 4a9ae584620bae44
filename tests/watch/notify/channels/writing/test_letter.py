"""A message as plain text: everything a person needs, in the order it is needed."""

from collections.abc import Callable

import msgspec

from tallystick.ledger import Receipt
from tallystick.watch.notify.channels.writing.letter import CAUTION, PROVED, plain_text
from tallystick.watch.notify.channels.writing.page import page
from tallystick.watch.notify.channels.writing.sentences import RUNBOOK_LINES_MAX
from tallystick.watch.notify.message import Message, Ways
from tallystick.watch.notify.proved import Proved

Make = Callable[..., Message]


def test_a_letter_in_full(make_message: Make) -> None:
    """What happened, what to do, facts, chart, alerts with their proofs."""
    assert plain_text(make_message(recipient="ann")) == (
        """CRITICAL I-12: Latency of POST /v1/orders is above 250 ms
It opened with 2 alerts.

Acknowledge        https://fx.example/a/bearer-of-this-link-a?until=1795412345
Resolve            https://fx.example/a/bearer-of-this-link-r?until=1795412345
Open the incident  https://fx.example/incidents/I-12

Severity           critical
Since              2026-11-22 04:30:00 UTC (1 min)
Firing             2 alerts
On call            ann
alarm              order-latency
instance           api-1
team               fx

p99 of POST /v1/orders
▁▁▁▁▁▁·▁▂▂▄▄▅█
Last 431 ms, between 118 and 431; the limit is 250.

1. p99 of POST /v1/orders was 431 ms; the limit is 250 ms.
   critical since 2026-11-22 04:30:00 UTC
   threshold 250 · value 431.25
   alarm: https://fx.example/alarms/order-latency
   runbook: https://wiki.fx.example/latency

2. demo bought 250,000,000 EUR/USD, 40 times its usual size.
   warning since 2026-11-22 04:31:07 UTC
   expected 6,250,000 · came 250,000,000 · p value 1e-07
   order O-1042 · ledger position 1041
   order: https://fx.example/v1/orders/O-1042
   receipt: https://fx.example/v1/orders/O-1042/receipt

"""
        + CAUTION
        + "\n"
    )


def test_what_is_not_known_is_left_out(make_message: Make) -> None:
    """No empty rows, no caution where there is no link to be careful with."""
    bare = make_message(ways=Ways(), chart=None, alerts=(), labels={}, firing=1)

    assert plain_text(bare) == (
        "CRITICAL I-12: Latency of POST /v1/orders is above 250 ms\n"
        "It opened with 1 alert.\n\n"
        "Severity  critical\n"
        "Since     2026-11-22 04:30:00 UTC (1 min)\n"
        "Firing    1 alert\n"
    )


def test_more_alerts_than_are_named_are_counted(make_message: Make) -> None:
    """A storm fits into a letter."""
    assert "\n… and 498 more\n" in plain_text(make_message(firing=500))


def with_runbook(message: Message, runbook: str) -> Message:
    """The message, its first alert with a runbook."""
    first, *others = message.alerts
    first = msgspec.structs.replace(first, details={**first.details, "runbook": runbook})
    return msgspec.structs.replace(message, alerts=(first, *others))


def test_the_runbook_is_read_line_by_line(make_message: Make) -> None:
    """Not squeezed between other details; markup in it stays text; none where it is over."""
    book = "1. Ask <the venue>.\n   All pairs: `tallystick logs`.\n\n2. Halt.\x1b[2J\n"
    message = with_runbook(make_message(), book)
    said = "What to do:\n  1. Ask <the venue>.\n     All pairs: `tallystick logs`.\n  \n  2. Halt."
    assert said in plain_text(message)
    assert "runbook 1." not in plain_text(message)
    html = page(message, "chart@fx")
    assert "1. Ask &lt;the venue&gt;.\n   All pairs: `tallystick logs`." in html
    assert "\x1b" not in plain_text(message) + html
    over = msgspec.structs.replace(message, action="resolve", why="resolved")
    assert "What to do" not in plain_text(over) + page(over, "chart@fx")


def test_a_long_runbook_is_cut(make_message: Make) -> None:
    """A letter is no book."""
    text = plain_text(with_runbook(make_message(), "line\n" * 500))
    assert text.count("  line\n") == RUNBOOK_LINES_MAX


def test_what_is_proved_is_said(make_message: Make) -> None:
    """One line an entry, also of one that is about no order."""
    message = make_message(
        proved=(
            Proved(7, "O-8: demo buys 5 <EUR>/USD market, filled", Receipt(7, b"{}", "00", [], "")),
            Proved(9, "", Receipt(9, b"{}", "00", [], "")),
        )
    )
    first = "O-8: demo buys 5 <EUR>/USD market, filled (ledger position 7)"
    second = "An entry of the ledger (ledger position 9)"
    assert f"{PROVED}\n  {first}\n  {second}\n" in plain_text(message)
    html = page(message, "chart@fx")
    assert "5 &lt;EUR&gt;/USD market, filled (ledger position 7)" in html
    assert second in html
