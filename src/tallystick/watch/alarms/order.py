"""How alarms hang together: which is evaluated before which, and what may not be taken away."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from tallystick.errors import Refused
from tallystick.watch.alarms.alarm import Alarm
from tallystick.watch.alarms.composite import parsed


def children(alarm: Alarm) -> tuple[str, ...]:
    """The alarms that its rule names.

    Raises:
        Refused: `ALARM_UNUSABLE`: it has one that cannot be read.
    """
    return parsed(alarm.rule).alarms if alarm.rule else ()


def in_order(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """The alarms, each behind those that its rule names; the order is always the same.

    Raises:
        Refused: `ALARM_UNUSABLE`: two have one name, or a rule cannot be read. `ALARM_REFERENCE`:
            one names another that is not there. `ALARM_CYCLE`: rules, or suppressors, go in a
            circle.
    """
    by_name: dict[str, Alarm] = {}
    for alarm in sorted(alarms, key=lambda each: each.name):
        if alarm.name in by_name:
            raise Refused(
                "ALARM_UNUSABLE", f"There are two alarms called {alarm.name}.", field="name"
            )
        by_name[alarm.name] = alarm
    for alarm in by_name.values():
        for name, field in _references(alarm):
            if name not in by_name:
                sentence = f"{alarm.name} refers to {name}, and there is no such alarm."
                raise Refused("ALARM_REFERENCE", sentence, field=field)
    quiet = {
        alarm.name: (alarm.suppressor.alarm,) for alarm in by_name.values() if alarm.suppressor
    }
    _sorted(quiet, "suppressor", "keep each other quiet")
    needs = {alarm.name: children(alarm) for alarm in by_name.values()}
    return tuple(by_name[name] for name in _sorted(needs, "rule", "wait for each other"))


def needed_by(name: str, alarms: Iterable[Alarm]) -> tuple[str, ...]:
    """The alarms whose rule or suppressor names it: while there are any, it has to stay."""
    return tuple(
        sorted(each.name for each in alarms if name in {other for other, _ in _references(each)})
    )


def _references(alarm: Alarm) -> Iterator[tuple[str, str]]:
    for name in children(alarm):
        yield name, "rule"
    if alarm.suppressor:
        yield alarm.suppressor.alarm, "suppressor"


def _sorted(needs: Mapping[str, Iterable[str]], field: str, verb: str) -> tuple[str, ...]:
    sorter = TopologicalSorter(needs)
    try:
        return tuple(sorter.static_order())
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        sentence = f"Alarms cannot {verb} in a circle: {circle}."
        raise Refused("ALARM_CYCLE", sentence, field=field) from None
