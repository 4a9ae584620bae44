"""The message rate of an account: the generic cell rate algorithm (ITU-T I.371). Pure.

An account's whole state is one number: the theoretical arrival time of its next message. While
that lies no further ahead than the burst allows, a message conforms.
"""

from tallystick.execution.book.limits import Limits

NS_PER_SECOND = 1_000_000_000


def wait_ns(limits: Limits, due_ns: int, at_ns: int) -> int:
    """How long a message at `at_ns` would have to wait to conform; 0: it does.

    `due_ns` is the theoretical arrival time, 0 at first.
    """
    rate = limits.messages_per_second
    if rate is None:
        return 0
    burst = limits.message_burst or rate
    return max(0, due_ns - at_ns - (burst - 1) * _interval_ns(rate))


def counted(limits: Limits, due_ns: int, at_ns: int) -> int:
    """The theoretical arrival time after one message more."""
    rate = limits.messages_per_second
    return due_ns if rate is None else max(due_ns, at_ns) + _interval_ns(rate)


def _interval_ns(rate: int) -> int:
    return NS_PER_SECOND // max(1, rate)
