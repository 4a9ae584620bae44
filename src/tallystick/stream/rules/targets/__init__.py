"""The targets, one file each; a new one is a file and a line here."""

from tallystick.stream.rules.targets.notification import NotificationTarget
from tallystick.stream.rules.targets.port import (
    Maker,
    Notification,
    Parcel,
    Surroundings,
    Target,
)
from tallystick.stream.rules.targets.queue import QueueTarget
from tallystick.stream.rules.targets.sqs import SqsTarget
from tallystick.stream.rules.targets.webhook import WebhookTarget
from tallystick.stream.rules.targets.workflow import WorkflowTarget

TARGETS: dict[str, Maker] = {
    "notification": NotificationTarget,
    "queue": QueueTarget,
    "sqs": SqsTarget,
    "webhook": WebhookTarget,
    "workflow": WorkflowTarget,
}

__all__ = [
    "TARGETS",
    "Maker",
    "Notification",
    "NotificationTarget",
    "Parcel",
    "QueueTarget",
    "SqsTarget",
    "Surroundings",
    "Target",
    "WebhookTarget",
    "WorkflowTarget",
]
