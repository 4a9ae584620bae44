"""The policy decides by value: deliver, duplicate, or silenced, and says by what."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.watch.notify import (
    Alert,
    Deduplicated,
    Deliver,
    Matcher,
    Policy,
    Silence,
    Silenced,
)
from tallystick.watch.notify.policy import Sent, check_silence

NOW = 1_790_000_000 * 10**9
HOUR = 3_600 * 10**9
POLICY = Policy(("terminal", "webhook"), repeat_interval_seconds=3_600)


def silence(*matchers: Matcher, **members: object) -> Silence:
    """A silence from an hour ago to in an hour."""
    settled = {"starts_at_ns": NOW - HOUR, "ends_at_ns": NOW + HOUR, "comment": "c", "author": "a"}
    return Silence(id="S-1", matchers=matchers, **settled | members)  # type: ignore[arg-type]


ALL = Matcher("detector", "!=", "")


def test_a_first_alert_goes_to_every_channel(make_alert: Callable[..., Alert]) -> None:
    """Nothing stands against it."""
    assert POLICY.decide(make_alert("a"), NOW, [], None) == Deliver(("terminal", "webhook"))


@pytest.mark.parametrize(
    ("age_ns", "severity", "delivered"),
    [
        (0, "warning", False),
        (HOUR - 1, "info", False),
        (HOUR, "warning", True),
        (0, "error", True),
        (0, "critical", True),
    ],
)
def test_a_duplicate_is_held_back_for_the_interval(
    make_alert: Callable[..., Alert], age_ns: int, severity: str, *, delivered: bool
) -> None:
    """Within the repeat interval one alert speaks for all, unless it has become worse."""
    last = Sent("first", "warning", NOW - age_ns)
    decision = POLICY.decide(make_alert("b", severity=severity), NOW, [], last)
    assert decision == (Deliver(POLICY.channels) if delivered else Deduplicated("first"))


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
def test_matchers(make_alert: Callable[..., Alert], matcher: Matcher, *, silenced: bool) -> None:
    """Equal, not equal, and whole-label patterns; severity and source are labels too."""
    decision = POLICY.decide(make_alert("a"), NOW, [silence(matcher)], None)
    assert decision == (Silenced("S-1") if silenced else Deliver(POLICY.channels))


def test_a_silence_needs_every_matcher_and_its_time(make_alert: Callable[..., Alert]) -> None:
    """One matcher that does not hold, or a moment outside, and the alert is sent."""
    half = silence(ALL, Matcher("account", "=", "x"))
    early = silence(ALL, starts_at_ns=NOW + 1)
    over = silence(ALL, ends_at_ns=NOW)
    just = silence(ALL, starts_at_ns=NOW)
    assert POLICY.decide(make_alert("a"), NOW, [half, early, over], None) == Deliver(
        POLICY.channels
    )
    assert POLICY.decide(make_alert("a"), NOW, [just], None) == Silenced("S-1")


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


@given(
    labels=st.dictionaries(st.text(max_size=4), st.text(max_size=300), max_size=4),
    label=st.text(min_size=1, max_size=4),
    value=st.text(max_size=20),
)
def test_not_equal_is_the_opposite_of_equal(labels: dict[str, str], label: str, value: str) -> None:
    """Whatever the labels: exactly one of `=` and `!=` holds."""
    equal, other = (Matcher(label, op, value).matches(labels) for op in ("=", "!="))
    assert equal is not other
