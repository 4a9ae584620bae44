"""The channels, one file each; a new one is a file and a line here."""

from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.channels.terminal import TerminalChannel
from tallystick.watch.notify.channels.webhook import WebhookChannel

CHANNELS: dict[str, type[Channel]] = {
    "terminal": TerminalChannel,
    "webhook": WebhookChannel,
}

__all__ = ["CHANNELS", "TerminalChannel", "WebhookChannel"]
