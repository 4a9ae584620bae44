"""Log lines to where teams already look: Splunk, OpenTelemetry, CloudWatch, syslog.

`DESTINATIONS` is the registry: a new destination is a module with its settings and its class, and
a line here.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Misconfigured
from tallystick.watch.collect.forward.cloudwatch import CloudWatch, CloudWatchSettings
from tallystick.watch.collect.forward.cursors import Cursors
from tallystick.watch.collect.forward.destination import Destination, Numbered
from tallystick.watch.collect.forward.forwarder import Forwarder
from tallystick.watch.collect.forward.otlp import Otlp, OtlpSettings
from tallystick.watch.collect.forward.splunk import Splunk, SplunkSettings
from tallystick.watch.collect.forward.syslog import Syslog, SyslogSettings

__all__ = [
    "DESTINATIONS",
    "Cursors",
    "Destination",
    "DestinationSettings",
    "Forwarder",
    "Numbered",
    "open_destination",
    "read_destinations",
]

DestinationSettings = SplunkSettings | OtlpSettings | CloudWatchSettings | SyslogSettings

DESTINATIONS: dict[type[DestinationSettings], Callable[..., Destination]] = {
    SplunkSettings: Splunk,
    OtlpSettings: Otlp,
    CloudWatchSettings: CloudWatch,
    SyslogSettings: Syslog,
}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    destination: tuple[DestinationSettings, ...]


def read_destinations(path: Path) -> tuple[DestinationSettings, ...]:
    """The destinations that a TOML file names, `[[destination]]` each.

    Raises:
        Misconfigured: it cannot be read, or two have one name.
    """
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_File).destination
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"TALLYSTICK_FORWARD: {path} cannot be used ({error}).") from error
    names = [each.name for each in found]
    if len(set(names)) != len(names):
        raise Misconfigured(f"TALLYSTICK_FORWARD: {path} must name each destination once.")
    return found


def open_destination(settings: DestinationSettings, clock: Clock) -> Destination:
    """The destination that the settings describe.

    Raises:
        Misconfigured: an address cannot be used, or an extra is not installed.
    """
    return DESTINATIONS[type(settings)](settings, clock)
