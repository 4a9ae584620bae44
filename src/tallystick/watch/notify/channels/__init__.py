"""The channels, one file each; a new one is a file and a line here."""

from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.channels.alertmanager import AlertmanagerChannel
from tallystick.watch.notify.channels.alertmanager_webhook import AlertmanagerWebhookChannel
from tallystick.watch.notify.channels.apprise import AppriseChannel
from tallystick.watch.notify.channels.email import EmailChannel
from tallystick.watch.notify.channels.pagerduty import PagerDutyChannel
from tallystick.watch.notify.channels.slack import SlackChannel
from tallystick.watch.notify.channels.sms import SmsChannel
from tallystick.watch.notify.channels.sns import SnsChannel
from tallystick.watch.notify.channels.teams import TeamsChannel
from tallystick.watch.notify.channels.terminal import TerminalChannel
from tallystick.watch.notify.channels.webhook import WebhookChannel

CHANNELS: dict[str, type[Channel]] = {
    "alertmanager": AlertmanagerChannel,
    "alertmanager_webhook": AlertmanagerWebhookChannel,
    "apprise": AppriseChannel,
    "email": EmailChannel,
    "pagerduty": PagerDutyChannel,
    "slack": SlackChannel,
    "sms": SmsChannel,
    "sns": SnsChannel,
    "teams": TeamsChannel,
    "terminal": TerminalChannel,
    "webhook": WebhookChannel,
}

__all__ = ["CHANNELS", "TerminalChannel", "WebhookChannel"]
