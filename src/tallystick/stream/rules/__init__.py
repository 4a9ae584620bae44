"""Event rules: what happened is held against patterns, and what matches is brought to targets.

EventBridge's job with EventBridge's syntax: patterns, input transformers, schedules, dead letters,
archive (the ledger) and replay. Start reading at `engine`; the syntax is `pattern` and `operators`.
"""

from tallystick.stream.rules.engine import EventRules
from tallystick.stream.rules.event import (
    DETECT,
    LEDGER,
    LOGS,
    Seen,
    entry_event,
    ledger_check_failed,
    other_event,
    read_event,
    words_of,
)
from tallystick.stream.rules.index import Index
from tallystick.stream.rules.outbox import DeadLetter, leave_event
from tallystick.stream.rules.pattern import Pattern, compile_pattern, read_pattern
from tallystick.stream.rules.queues import QueueItem, QueueMessage
from tallystick.stream.rules.replays import Replay
from tallystick.stream.rules.rule import Rule, read_rule, read_rules, shipped_rules
from tallystick.stream.rules.runs import Run
from tallystick.stream.rules.signature import is_signed, signature, signed_headers
from tallystick.stream.rules.targets import TARGETS, Notification
from tallystick.stream.rules.why import Verdict, verdict

__all__ = [
    "DETECT",
    "LEDGER",
    "LOGS",
    "TARGETS",
    "DeadLetter",
    "EventRules",
    "Index",
    "Notification",
    "Pattern",
    "QueueItem",
    "QueueMessage",
    "Replay",
    "Rule",
    "Run",
    "Seen",
    "Verdict",
    "compile_pattern",
    "entry_event",
    "is_signed",
    "leave_event",
    "ledger_check_failed",
    "other_event",
    "read_event",
    "read_pattern",
    "read_rule",
    "read_rules",
    "shipped_rules",
    "signature",
    "signed_headers",
    "verdict",
    "words_of",
]
