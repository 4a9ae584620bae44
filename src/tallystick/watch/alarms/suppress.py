"""Whether an alarm that fires keeps quiet, because another one explains it.

CloudWatch's ActionsSuppressor: while the suppressor is in ALARM nobody is told; the alarm waits
`wait_seconds` for the suppressor to fire (it may be a moment later), and stays quiet for
`extension_seconds` after the suppressor went back (the alarm may be a moment later). What still
fires when nothing holds it any more is told then; what ended before that is never told.
"""

from typing import Literal, NamedTuple

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.alarms.alarm import Alarm, State

By = Literal["Alarm", "WaitPeriod", "ExtensionPeriod"]
"""CloudWatch's words for what holds an alarm (ActionsSuppressedBy)."""


class Held(NamedTuple):
    """Nobody is told yet: by what, until when (None: while the suppressor fires), and why."""

    by: By
    until_ns: int | None
    sentence: str


def held(
    alarm: Alarm, since_ns: int, other: State, other_left_ns: int | None, now_ns: int
) -> Held | None:
    """What keeps an alarm quiet that went into ALARM at `since_ns`; None: tell it now.

    `other` is the suppressor's state, `other_left_ns` when it last went out of ALARM (None: never).
    Ask at the change, at `until_ns`, and whenever the suppressor changes.
    """
    suppressor = alarm.suppressor
    if suppressor is None:
        return None
    name = suppressor.alarm
    if other == "ALARM":
        return Held("Alarm", None, f"Nobody is told while {name} is in ALARM.")
    if other_left_ns is not None:
        until = other_left_ns + suppressor.extension_seconds * NS_PER_SECOND
        if now_ns < until:
            sentence = f"Nobody is told until {rfc3339(until)}: {name} has just gone back."
            return Held("ExtensionPeriod", until, sentence)
    until = since_ns + suppressor.wait_seconds * NS_PER_SECOND
    if now_ns < until:
        sentence = f"Nobody is told until {rfc3339(until)}: {name} may fire and explain it."
        return Held("WaitPeriod", until, sentence)
    return None
