"""What is told of incidents, targets and alerts to those who ask. Values only."""

import msgspec

from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.incidents.incident import Happening
from tallystick.watch.notify.incidents.standing import Standing
from tallystick.watch.notify.outbox import MessageRecord


class IncidentRecord(msgspec.Struct, frozen=True):
    """An incident with its whole story; messages and alerts are the newest, the newest first."""

    incident: Standing
    timeline: tuple[Happening, ...]
    timeline_left_out: int
    messages: tuple[MessageRecord, ...]
    alerts: tuple[Alert, ...]


class TargetRecord(msgspec.Struct, frozen=True):
    """A target, and how many messages wait for it or were given up."""

    name: str
    type: str
    pending: int
    dead: int


class ActiveAlert(msgspec.Struct, frozen=True):
    """An alert that fires, since when (RFC 3339), and what keeps it quiet (empty: nothing)."""

    alert: Alert
    since: str
    held: str
    incidents: tuple[str, ...]
