"""Who must know: alerts are decided upon, kept in an outbox, and delivered at least once.

It knows nothing of those who raise alerts: whoever has one calls `Notifier.raise_alert`.
"""

from tallystick.watch.notify.alert import Alert, Severity, fingerprint
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.channels import CHANNELS, TerminalChannel, WebhookChannel
from tallystick.watch.notify.deliver import Deliverer
from tallystick.watch.notify.notifier import Notifier
from tallystick.watch.notify.outbox import AlertRecord, Delivery, Outbox
from tallystick.watch.notify.policy import (
    Decision,
    Deduplicated,
    Deliver,
    Matcher,
    Policy,
    Silence,
    Silenced,
)

__all__ = [
    "CHANNELS",
    "Alert",
    "AlertRecord",
    "Channel",
    "Decision",
    "Deduplicated",
    "Deliver",
    "Deliverer",
    "Delivery",
    "Matcher",
    "Notifier",
    "Outbox",
    "Policy",
    "Severity",
    "Silence",
    "Silenced",
    "TerminalChannel",
    "WebhookChannel",
    "fingerprint",
]
