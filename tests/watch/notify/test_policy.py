"""Silences by value: which there can be, and what they cover."""

import pytest

from tallystick.errors import Refused
from tallystick.watch.notify import Alert, Matcher, Silence
from tallystick.watch.notify.alert import matched_labels
from tallystick.watch.notify.policy import check_silence

NOW = 1_790_000_000 * 10**9
HOUR = 3_600 * 10**9
LABELS = matched_labels(
    Alert("a", "f", "warning", "s", "detect", "", {"detector": "order_size", "account": "demo"})
)


def silence(*matchers: Matcher, **members: object) -> Silence:
    """A silence from an hour ago to in an hour."""
    settled = {"starts_at_ns": NOW - HOUR, "ends_at_ns": NOW + HOUR, "comment": "c", "author": "a"}
    return Silence(id="S-1", matchers=matchers, **settled | members)  # type: ignore[arg-type]


ALL = Matcher("detector", "!=", "")


@pytest.mark.parametrize(
    ("matcher", "silenced"),
    [
        (Matcher("account", "=", "demo"), True),
        (Matcher("account", "=", "dem"), False),
        (Matcher("account", "!=", "demo"), False),
        (Matcher("account", "!=", "other"), True),
        (Matcher("account", "=~", "d.*"), True),
        (Matcher("account", "=~", "em"), False),
        (Matcher("account", "!~", "em"), True),
        (Matcher("account", "!~", "demo|x"), False),
        (Matcher("nothing", "=", ""), True),
        (Matcher("severity", "=", "warning"), True),
        (Matcher("source", "=~", "det.ct"), True),
    ],
)
def test_matchers(matcher: Matcher, *, silenced: bool) -> None:
    """Equal, not equal, and whole-label patterns; severity and source are labels too."""
    assert silence(matcher).covers(LABELS, NOW) is silenced


def test_a_silence_needs_every_matcher_and_its_time() -> None:
    """One matcher that does not hold, or a moment outside, and it covers nothing."""
    assert not silence(ALL, Matcher("account", "=", "x")).covers(LABELS, NOW)
    assert not silence(ALL, starts_at_ns=NOW + 1).covers(LABELS, NOW)
    assert not silence(ALL, ends_at_ns=NOW).covers(LABELS, NOW)
    assert silence(ALL, starts_at_ns=NOW).covers(LABELS, NOW)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (silence(), "SILENCE_EMPTY"),
        (silence(*[ALL] * 17), "SILENCE_EMPTY"),
        (silence(ALL, ends_at_ns=NOW - HOUR), "SILENCE_PERIOD"),
        (silence(ALL, ends_at_ns=NOW + 1_000 * HOUR), "SILENCE_PERIOD"),
        (silence(ALL, starts_at_ns=2**63, ends_at_ns=2**63 + 9), "SILENCE_PERIOD"),
        (silence(ALL, comment=" "), "SILENCE_UNEXPLAINED"),
        (silence(ALL, author=""), "SILENCE_UNEXPLAINED"),
        (silence(Matcher("", "=", "x")), "MATCHER_PATTERN"),
        (silence(Matcher("a", "=", "x" * 201)), "MATCHER_PATTERN"),
        (silence(Matcher("a", "=~", "(")), "MATCHER_PATTERN"),
        (silence(Matcher("a", "=~", "(a+)+$")), "MATCHER_PATTERN"),
        (silence(Matcher("a", "!~", "a?a?a?a?aaaa")), "MATCHER_PATTERN"),
        (silence(Matcher("a", "=~", "(a|a)" * 30)), "MATCHER_PATTERN"),
    ],
)
def test_a_silence_that_cannot_be_kept_is_refused(wrong: Silence, code: str) -> None:
    """Each with its code and a sentence."""
    with pytest.raises(Refused) as refused:
        check_silence(wrong)
    assert refused.value.code == code


def test_an_ordinary_silence_is_accepted() -> None:
    """The common forms pass."""
    check_silence(silence(ALL, Matcher("account", "=~", "(demo|house)-[0-9]+"), ALL))
