"""A message as plain text: everything a person needs, in the order it is needed."""

from collections.abc import Callable

from tallystick.watch.notify.channels.writing.letter import CAUTION, plain_text
from tallystick.watch.notify.message import Message, Ways

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
