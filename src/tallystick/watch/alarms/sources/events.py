"""Events as an alarm's numbers: those that match its pattern are counted.

Ledger entries come by the ten thousand a second: a gate looks at their bytes, and only what may
match some alarm is read.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tallystick.clock import parse_rfc3339
from tallystick.stream import Message
from tallystick.stream.rules import Index, Seen, entry_event, read_pattern
from tallystick.stream.rules.event import LEDGER
from tallystick.stream.rules.gate import Gate
from tallystick.watch.alarms.alarm import Alarm, EventSource
from tallystick.watch.alarms.series import Series, series_of
from tallystick.watch.alarms.sources.tally import About

LABEL_CHARACTERS_MAX = 256
"""How much of a value names a series."""
_ORDER = "order/"


class Happened(NamedTuple):
    """Something that an alarm counts."""

    alarm: Alarm
    series: Series
    at_ns: int
    about: About


class Listening:
    """Which alarms are about an event. Keeps nothing but the number of what it could not read."""

    def __init__(self, alarms: Sequence[Alarm], region: str) -> None:
        """Of the alarms those about events; `region` is the ledger's name.

        Raises:
            Refused: `BAD_PATTERN`.
        """
        self.unreadable = 0
        self._region = region
        self._alarms = {a.name: a for a in alarms if isinstance(a.source, EventSource)}
        patterns = {
            name: read_pattern(alarm.source.pattern, decimals=True)
            for name, alarm in self._alarms.items()
            if isinstance(alarm.source, EventSource)
        }
        self._gate = Gate(patterns.values())
        self._index = Index(patterns)

    def worth_reading(self, messages: Iterable[Message]) -> list[Message]:
        """Those whose bytes may match; most are turned away."""
        if not self._alarms:
            return []
        lets = self._gate.lets
        return [message for message in messages if lets(message.body)]

    def entry(self, message: Message) -> Seen | None:
        """A ledger entry as an event; None for what is none, or cannot be read (counted)."""
        try:
            return entry_event(message.position, message.body, self._region)
        except (ValueError, RecursionError):
            self.unreadable += 1
            return None

    def happened(self, event: Seen, now_ns: int) -> list[Happened]:
        """What the event is to each alarm that it matches."""
        found = self._index.matching(event.members)
        if not found:
            return []
        at_ns, about = _at(event, now_ns), _about(event)
        return [
            Happened(self._alarms[name], event_series(self._alarms[name], event), at_ns, about)
            for name in found
        ]


def event_series(alarm: Alarm, event: Seen) -> Series:
    """The series that an event belongs to: `$.detail.order.pair` gives the label `pair`."""
    by = alarm.source.by if isinstance(alarm.source, EventSource) else ()
    steps = [path.removeprefix("$.").split(".") for path in by]
    names = [each[-1] for each in steps]
    return series_of(
        {
            name if names.count(name) == 1 else ".".join(path): _value(event.members, path)
            for name, path in zip(names, steps, strict=True)
        }
    )


def _value(members: Mapping[str, object], path: Sequence[str]) -> str:
    found: object = members
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return (
        "" if found is None or isinstance(found, dict | list) else str(found)[:LABEL_CHARACTERS_MAX]
    )


def _at(event: Seen, now_ns: int) -> int:
    """The event's own time; now, where it has none or is ahead of us."""
    try:
        return min(parse_rfc3339(str(event.members.get("time", ""))), now_ns)
    except ValueError:
        return now_ns


def _about(event: Seen) -> About:
    resources = event.members.get("resources")
    named = [str(each) for each in resources] if isinstance(resources, list) else []
    orders = [each.removeprefix(_ORDER) for each in named if each.startswith(_ORDER)]
    entry = event.members.get("source") == LEDGER and event.id.isdecimal()
    return About(int(event.id) if entry else None, orders[0] if orders else None)
