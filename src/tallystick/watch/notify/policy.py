"""The policy: is this alert delivered, a duplicate, or silenced? A value says so, and why.

Pure: the moment, the silences and the last delivered alert of the same fingerprint are arguments.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from tallystick.errors import Refused
from tallystick.watch.notify.alert import SEVERITIES, Alert, Severity

REPEAT_INTERVAL_SECONDS = 4 * 3_600
"""How long one delivered alert speaks for all of its fingerprint (Alertmanager's default)."""
SILENCE_DAYS_MAX = 31
"""Longest silence: what should be quiet for ever should not be an alert."""
MATCHERS_MAX = 16
"""Most matchers in one silence."""
PATTERN_CHARACTERS_MAX = 200
"""Longest value or pattern of a matcher."""
LABEL_CHARACTERS_MAX = 256
"""A label is matched by its first so many characters."""
_NS_PER_DAY = 86_400 * 10**9
_NS_MAX = 2**63 - 1
_REPEATS = re.compile(r"[*+{]|(?<!\()\?")
_TANGLED = re.compile(r"\)[*+{?]|\\[1-9]|\(\?P=")
_REPEATS_MAX = 3
_GROUPS_MAX = 3

Operator = Literal["=", "!=", "=~", "!~"]


class Matcher(msgspec.Struct, frozen=True):
    """One condition on a label; a label that is not there counts as empty.

    `=~` and `!~` are regular expressions that must match the whole label. `severity` and `source`
    of the alert can be matched like labels.
    """

    label: str
    operator: Operator
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet the condition."""
        found = labels.get(self.label, "")[:LABEL_CHARACTERS_MAX]
        if self.operator in {"=", "!="}:
            return (found == self.value) is (self.operator == "=")
        return (re.fullmatch(self.value, found) is not None) is (self.operator == "=~")


class Silence(msgspec.Struct, frozen=True):
    """Between two moments, alerts that meet every matcher are not sent.

    Moments are nanoseconds since the epoch; the end is no longer silent. `key` is that
    under which it was made once (empty: none), `request` the digest of what was asked.
    """

    id: str
    matchers: tuple[Matcher, ...]
    starts_at_ns: int
    ends_at_ns: int
    comment: str
    author: str
    key: str = ""
    request: str = ""

    def covers(self, labels: Mapping[str, str], now_ns: int) -> bool:
        """Whether an alert with these labels is silenced now."""
        active = self.starts_at_ns <= now_ns < self.ends_at_ns
        return active and all(matcher.matches(labels) for matcher in self.matchers)


class Deliver(msgspec.Struct, frozen=True, tag_field="decision", tag="deliver"):
    """Send it to these channels."""

    channels: tuple[str, ...]


class Deduplicated(msgspec.Struct, frozen=True, tag_field="decision", tag="deduplicated"):
    """The alert with the id `of` has said this already, and not long ago."""

    of: str


class Silenced(msgspec.Struct, frozen=True, tag_field="decision", tag="silenced"):
    """The silence with the id `by` covers it."""

    by: str


Decision = Deliver | Deduplicated | Silenced


class Sent(msgspec.Struct, frozen=True):
    """The last alert of a fingerprint that was decided to be delivered."""

    alert_id: str
    severity: Severity
    at_ns: int


class Policy(msgspec.Struct, frozen=True):
    """Every alert goes to all `channels`, once in `repeat_interval_seconds`, unless silenced."""

    channels: tuple[str, ...]
    repeat_interval_seconds: float = REPEAT_INTERVAL_SECONDS

    def decide(
        self, alert: Alert, now_ns: int, silences: Iterable[Silence], last: Sent | None
    ) -> Decision:
        """Silences come first; then a duplicate is held back, unless it has become more severe."""
        labels = {"severity": alert.severity, "source": alert.source, **alert.labels}
        for silence in silences:
            if silence.covers(labels, now_ns):
                return Silenced(silence.id)
        if last is not None and not _worse(alert.severity, last.severity):
            open_until_ns = last.at_ns + round(self.repeat_interval_seconds * 10**9)
            if now_ns < open_until_ns:
                return Deduplicated(last.alert_id)
        return Deliver(self.channels)


def check_silence(silence: Silence) -> None:
    """A silence that can be kept.

    Raises:
        Refused: `SILENCE_EMPTY`, `SILENCE_PERIOD`, `SILENCE_UNEXPLAINED` or `MATCHER_PATTERN`.
    """
    if not 1 <= len(silence.matchers) <= MATCHERS_MAX:
        raise Refused("SILENCE_EMPTY", f"A silence needs 1 to {MATCHERS_MAX} matchers.")
    length = silence.ends_at_ns - silence.starts_at_ns
    possible = silence.starts_at_ns >= 0 and silence.ends_at_ns <= _NS_MAX
    if not possible or not 0 < length <= SILENCE_DAYS_MAX * _NS_PER_DAY:
        raise Refused(
            "SILENCE_PERIOD",
            f"A silence must end after it starts, and lasts at most {SILENCE_DAYS_MAX} days.",
        )
    if not silence.comment.strip() or not silence.author.strip():
        raise Refused(
            "SILENCE_UNEXPLAINED", "A silence needs an author and a comment that says why."
        )
    for matcher in silence.matchers:
        _check_matcher(matcher)


def _check_matcher(matcher: Matcher) -> None:
    value = matcher.value
    if not matcher.label or len(value) > PATTERN_CHARACTERS_MAX:
        raise Refused(
            "MATCHER_PATTERN",
            f"A matcher needs a label and at most {PATTERN_CHARACTERS_MAX} characters of value.",
        )
    if matcher.operator in {"=", "!="}:
        return
    # Python's engine backtracks: what could take for ever on one label is refused.
    repeats, groups = len(_REPEATS.findall(value)), value.count("(")
    if repeats > _REPEATS_MAX or groups > _GROUPS_MAX or _TANGLED.search(value):
        raise Refused(
            "MATCHER_PATTERN",
            f"The pattern {value!r} is too complex: at most {_REPEATS_MAX} repetitions and "
            f"{_GROUPS_MAX} groups, no repeated groups, no back-references.",
        )
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refused("MATCHER_PATTERN", f"{value!r} is no regular expression: {error}.") from error


def _worse(severity: Severity, than: Severity) -> bool:
    return SEVERITIES.index(severity) < SEVERITIES.index(than)
