"""Alarms as an operator writes them: one TOML file each, whose name is the alarm's.

    description = "Orders are answered slowly."
    severity = "error"
    statistic = "p99"
    comparison = ">"
    threshold = 0.5
    unit = "seconds"
    periods = 5
    datapoints = 3

    [source]
    type = "metric"                                 # or logs, events, detector; or `rule` instead
    name = "http_server_request_duration_seconds"
    labels = {http_route = "/v1/orders"}

A folder's file replaces the shipped alarm of the same name. A folder in which any alarm is wrong is
refused, with every complaint.
"""

import tomllib
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec

from tallystick.errors import Misconfigured, Refused
from tallystick.watch.alarms.alarm import Alarm
from tallystick.watch.alarms.check import check_alarm, check_alarms

ALARM_FILE_BYTES_MAX = 65_536
"""Largest file of an alarm."""


def shipped() -> tuple[Alarm, ...]:
    """The alarms that come with the product."""
    return read_alarms(None)


def read_alarms(folder: Path | None) -> tuple[Alarm, ...]:
    """The shipped alarms and those of the operator's folder, in the order of their evaluation.

    Raises:
        Misconfigured: with every complaint about every file.
    """
    alarms = _read(resources.files(__package__).joinpath("shipped").iterdir(), "")
    if folder is not None:
        if not folder.is_dir():
            raise Misconfigured(f"The folder of alarms {folder} is not there.")
        alarms |= _read(folder.iterdir(), f"{folder}/")
    try:
        return check_alarms(alarms.values())
    except Refused as refusal:
        raise Misconfigured(f"Alarms cannot be used. {refusal}") from refusal


def read_alarm(name: str, data: bytes) -> Alarm:
    """The alarm in a file's bytes.

    Raises:
        Misconfigured: it cannot be read, or cannot work.
    """
    if len(data) > ALARM_FILE_BYTES_MAX:
        raise Misconfigured(f"it is larger than {ALARM_FILE_BYTES_MAX} bytes.")
    try:
        members: dict[str, Any] = tomllib.loads(data.decode())
        if members.setdefault("name", name) != name:
            raise Misconfigured(f"its name is the file's, {name}, not {members['name']}.")
        return check_alarm(msgspec.convert(members, Alarm))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Misconfigured(f"it is no TOML: {error}.") from error
    except (msgspec.ValidationError, Refused) as error:
        raise Misconfigured(str(error)) from error


def _read(files: Iterable[Traversable], place: str) -> dict[str, Alarm]:
    alarms: dict[str, Alarm] = {}
    complaints: list[str] = []
    for file in sorted(files, key=lambda each: each.name):
        name, dot, suffix = file.name.rpartition(".")
        if suffix != "toml" or not dot or name.startswith("."):
            continue
        try:
            alarms[name] = read_alarm(name, file.read_bytes())
        except (OSError, Misconfigured) as error:
            complaints.append(f"{place}{file.name}: {error}")
    if complaints:
        raise Misconfigured("\n  ".join(["Alarms cannot be used:", *complaints]))
    return alarms
