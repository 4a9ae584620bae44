"""The channels, one file each; a new one is a file and a line here."""

from collections.abc import Mapping

from tallystick.errors import Misconfigured
from tallystick.watch.notify.channel import Configured, options_of
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

CHANNELS: dict[str, type[Configured]] = {
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

__all__ = ["CHANNELS", "TerminalChannel", "WebhookChannel", "channel_of"]


def channel_of(target: Mapping[str, object]) -> type[Configured]:
    """The channel of a target, which has all the options that it needs, and no others.

    Raises:
        Misconfigured: there is no channel of this type, or an option is missing, unknown or wrong.
    """
    channel = CHANNELS.get(str(target.get("type")))
    if channel is None:
        known = ", ".join(sorted(CHANNELS))
        raise Misconfigured(f"type {target.get('type')!r} is unknown; there is: {known}.")
    options_of(target, channel.options)
    return channel
