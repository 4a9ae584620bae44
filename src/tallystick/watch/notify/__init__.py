"""Who must know: alerts become incidents, which are kept, escalated, and told at least once.

It knows nothing of those who raise alerts: whoever has one calls `Notifier.raise_alert`.
"""

from tallystick.watch.notify.alert import Alert, Severity, fingerprint
from tallystick.watch.notify.alerting_file import check_options, read_alerting
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.channels import (
    CHANNELS,
    TerminalChannel,
    WebhookChannel,
    channel_of,
)
from tallystick.watch.notify.config import Alerting, every_target
from tallystick.watch.notify.deliver import Deliverer
from tallystick.watch.notify.incidents.alerts import AlertRecord, Delivery
from tallystick.watch.notify.incidents.book import IncidentFilter
from tallystick.watch.notify.incidents.records import ActiveAlert, IncidentRecord, TargetRecord
from tallystick.watch.notify.incidents.standing import Standing
from tallystick.watch.notify.incidents.store import IncidentStore
from tallystick.watch.notify.notifier import Notifier
from tallystick.watch.notify.outbox import MessageRecord
from tallystick.watch.notify.policy import (
    Decision,
    Deduplicated,
    Deliver,
    Matcher,
    Silence,
    Silenced,
)

__all__ = [
    "CHANNELS",
    "ActiveAlert",
    "Alert",
    "AlertRecord",
    "Alerting",
    "Channel",
    "Decision",
    "Deduplicated",
    "Deliver",
    "Deliverer",
    "Delivery",
    "IncidentFilter",
    "IncidentRecord",
    "IncidentStore",
    "Matcher",
    "MessageRecord",
    "Notifier",
    "Severity",
    "Silence",
    "Silenced",
    "Standing",
    "TargetRecord",
    "TerminalChannel",
    "WebhookChannel",
    "channel_of",
    "check_options",
    "every_target",
    "fingerprint",
    "read_alerting",
]
