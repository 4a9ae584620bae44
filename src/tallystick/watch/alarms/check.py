"""Whether an alarm can work: every refusal is a sentence, and names the member that is wrong."""

import math
import re
from collections.abc import Iterable

from tallystick.errors import Refused
from tallystick.stream.rules.pattern import read_pattern
from tallystick.watch.alarms.alarm import (
    Alarm,
    Comparison,
    DetectorSource,
    EventSource,
    LogSource,
    MetricSource,
    Source,
)
from tallystick.watch.alarms.composite import Composite
from tallystick.watch.alarms.order import in_order
from tallystick.watch.collect.query import parse

ALARMS_MAX = 1_000
"""Most alarms."""
DESCRIPTION_CHARACTERS_MAX = 500
RUNBOOK_CHARACTERS_MAX = 16_384
UNIT_CHARACTERS_MAX = 32
LABELS_MAX = 32
LABEL_CHARACTERS_MAX = 256
BY_MAX = 5
"""Most labels that name the series of an alarm."""
PERIODS_MAX = 500
"""Most periods that an alarm looks back."""
_SECONDS_BELOW_A_MINUTE = (10, 20, 30)
_DAY_SECONDS = 86_400
_WINDOW_SECONDS_MAX = 7 * _DAY_SECONDS
"""CloudWatch's limit too (for periods of an hour and more; a day for shorter ones)."""
WIDTH_MAX = 100.0
SUPPRESSION_SECONDS_MAX = _DAY_SECONDS
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_OURS = frozenset({"alarm", "severity"})
_OF_BAND: tuple[Comparison, ...] = ("outside", "above", "below")
_OF_COUNTS = frozenset({"average", "sum", "count", "rate", "increase", "last"})


def check_alarm(alarm: Alarm) -> Alarm:
    """The same alarm, if it can work by itself; what it refers to is `check_alarms`' business.

    Raises:
        Refused: `ALARM_UNUSABLE`, with the `field`; `BAD_PATTERN` and `BAD_QUERY` from its source.
    """
    _check_texts(alarm)
    _check_suppressor(alarm)
    if (alarm.source is None) is (alarm.rule is None):
        raise _refused("An alarm has either a source or a rule.", "source")
    if alarm.rule is not None:
        Composite.parse(alarm.rule)
        if alarm.threshold is not None or alarm.band is not None:
            sentence = "An alarm with a rule has neither a threshold nor a band."
            raise _refused(sentence, "threshold")
    else:
        _check_periods(alarm)
        _check_limit(alarm)
        if alarm.source is not None:
            _check_source(alarm.source, alarm)
    return alarm


def check_alarms(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """All of them, in the order in which they are evaluated.

    Raises:
        Refused: as `check_alarm` and `in_order` do, with the alarm's name; `ALARMS_TOO_MANY`.
    """
    checked: list[Alarm] = []
    for alarm in alarms:
        try:
            checked.append(check_alarm(alarm))
        except Refused as refusal:
            sentence = f"{alarm.name}: {refusal}"
            raise Refused(refusal.code, sentence, field=refusal.field) from None
    if len(checked) > ALARMS_MAX:
        raise Refused("ALARMS_TOO_MANY", f"There can be at most {ALARMS_MAX} alarms.")
    return in_order(checked)


def _check_texts(alarm: Alarm) -> None:
    if _NAME.fullmatch(alarm.name) is None:
        sentence = (
            f"{alarm.name[:64]!r} cannot be an alarm's name: it is 1 to 64 letters, digits, dots,"
            " dashes and underscores, and begins with a letter or digit."
        )
        raise _refused(sentence, "name")
    if not alarm.description.strip():
        raise _refused("An alarm says in a sentence what it is about.", "description")
    for field, text, most in (
        ("description", alarm.description, DESCRIPTION_CHARACTERS_MAX),
        ("runbook", alarm.runbook, RUNBOOK_CHARACTERS_MAX),
        ("unit", alarm.unit, UNIT_CHARACTERS_MAX),
    ):
        if len(text) > most:
            raise _refused(f"The {field} is longer than {most} characters.", field)
    if len(alarm.labels) > LABELS_MAX:
        raise _refused(f"An alarm has at most {LABELS_MAX} labels.", "labels")
    for name, value in alarm.labels.items():
        if _LABEL.fullmatch(name) is None or name in _OURS or len(value) > LABEL_CHARACTERS_MAX:
            sentence = (
                f"The label {name[:64]!r} cannot be used: a name is letters, digits and underscores"
                f" and neither alarm nor severity, a value at most {LABEL_CHARACTERS_MAX} long."
            )
            raise _refused(sentence, "labels")


def _check_suppressor(alarm: Alarm) -> None:
    suppressor = alarm.suppressor
    if suppressor is None:
        return
    if suppressor.alarm == alarm.name:
        raise _refused("An alarm cannot keep itself quiet.", "suppressor")
    for seconds in (suppressor.wait_seconds, suppressor.extension_seconds):
        if not 0 <= seconds <= SUPPRESSION_SECONDS_MAX:
            sentence = f"A suppressor waits 0 to {SUPPRESSION_SECONDS_MAX} seconds, not {seconds}."
            raise _refused(sentence, "suppressor")


def _check_periods(alarm: Alarm) -> None:
    seconds = alarm.period_seconds
    minutes = seconds % 60 == 0 and 60 <= seconds <= _DAY_SECONDS
    if not minutes and seconds not in _SECONDS_BELOW_A_MINUTE:
        sentence = f"A period is 10, 20, 30 or whole minutes up to a day, not {seconds} seconds."
        raise _refused(sentence, "period_seconds")
    if not 1 <= alarm.periods <= PERIODS_MAX:
        sentence = f"An alarm looks at 1 to {PERIODS_MAX} periods, not {alarm.periods}."
        raise _refused(sentence, "periods")
    if seconds * alarm.periods > _WINDOW_SECONDS_MAX:
        raise _refused("An alarm looks back seven days at most.", "periods")
    if not 1 <= alarm.datapoints <= alarm.periods:
        sentence = f"An alarm fires from 1 to {alarm.periods} periods on, not {alarm.datapoints}."
        raise _refused(sentence, "datapoints")


def _check_limit(alarm: Alarm) -> None:
    if (alarm.threshold is None) is (alarm.band is None):
        sentence = "An alarm holds its source against either a threshold or a band."
        raise _refused(sentence, "threshold")
    if (alarm.band is not None) is not (alarm.comparison in _OF_BAND):
        sentence = (
            f"{alarm.comparison!r} does not fit: a threshold takes >=, >, < or <=,"
            f" a band takes {', '.join(_OF_BAND)}."
        )
        raise _refused(sentence, "comparison")
    if alarm.threshold is not None and not math.isfinite(alarm.threshold):
        raise _refused("A threshold is a finite number.", "threshold")
    if alarm.band is not None and not 0 < alarm.band.width <= WIDTH_MAX:
        sentence = f"A band is more than 0 and at most {WIDTH_MAX:g} of its spreads wide."
        raise _refused(sentence, "band")


def _check_source(source: Source, alarm: Alarm) -> None:
    if len(set(source.by)) != len(source.by) or len(source.by) > BY_MAX:
        sentence = f"At most {BY_MAX} different names tell the series of an alarm apart."
        raise _refused(sentence, "source")
    match source:
        case MetricSource():
            if not source.name:
                raise _refused("A metric has a name, as in /metrics.", "source")
            if source.over_labels and source.over is None:
                sentence = "Labels of a second metric stand there, but not which it is: `over`."
                raise _refused(sentence, "source")
        case LogSource():
            parse(source.query, 0)
        case EventSource():
            read_pattern(source.pattern, decimals=True)
            if not all(path.startswith("$.") for path in source.by):
                sentence = "A series of events is named by a path such as $.account."
                raise _refused(sentence, "source")
            _check_counted(alarm)
        case DetectorSource():
            _check_counted(alarm)


def _check_counted(alarm: Alarm) -> None:
    if alarm.statistic not in _OF_COUNTS:
        sentence = f"Events and anomalies are counted; they have no {alarm.statistic}."
        raise _refused(sentence, "statistic")


def _refused(sentence: str, field: str) -> Refused:
    return Refused("ALARM_UNUSABLE", sentence, field=field)
