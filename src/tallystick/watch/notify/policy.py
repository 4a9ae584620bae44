"""What was decided about an alert, and the silences that decide it. Values, pure."""

from collections.abc import Mapping

import msgspec

from tallystick.errors import Refused
from tallystick.watch.notify.routing.matcher import Matcher, all_match, check_matcher

SILENCE_DAYS_MAX = 31
"""Longest silence: what should be quiet for ever should not be an alert."""
MATCHERS_MAX = 16
"""Most matchers in one silence."""
_NS_PER_DAY = 86_400 * 10**9
_NS_MAX = 2**63 - 1

__all__ = [
    "MATCHERS_MAX",
    "SILENCE_DAYS_MAX",
    "Decision",
    "Deduplicated",
    "Deliver",
    "Matcher",
    "Silence",
    "Silenced",
    "check_silence",
]


class Silence(msgspec.Struct, frozen=True):
    """Between two moments, nobody is told of alerts that meet every matcher.

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
        return active and all_match(self.matchers, labels)


class Deliver(msgspec.Struct, frozen=True, tag_field="decision", tag="deliver"):
    """These targets are told: at once, or when their group's next message is due."""

    channels: tuple[str, ...]


class Deduplicated(msgspec.Struct, frozen=True, tag_field="decision", tag="deduplicated"):
    """The alert with the id `of` has said this already, and its incident goes on."""

    of: str


class Silenced(msgspec.Struct, frozen=True, tag_field="decision", tag="silenced"):
    """Nobody is told because of `by`.

    The id of a silence, or `mute:<name>`, `inhibited:<alert id>`, `storm:<incident id>`.
    """

    by: str


Decision = Deliver | Deduplicated | Silenced


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
        check_matcher(matcher)
