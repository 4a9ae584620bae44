"""The circuit breaker: open after failures in a row, one trial after a while."""

from tallystick.breaker import FAILURES_MAX, OPEN_SECONDS, OPEN_SECONDS_MAX, Breaker
from tallystick.clock import NS_PER_SECOND


def test_it_opens_tries_once_and_closes() -> None:
    """Five failures, nothing; then one attempt; a success lets everything through again."""
    breaker = Breaker()
    for _ in range(FAILURES_MAX - 1):
        breaker.failed(0)
    assert breaker.allows(0, 4) == 4
    breaker.failed(0)
    assert breaker.allows(0, 4) == 0
    again = round(OPEN_SECONDS * NS_PER_SECOND)
    assert breaker.allows(again, 4) == 1
    breaker.succeeded()
    assert breaker.allows(again, 4) == 4


def test_each_trial_that_fails_doubles_the_wait() -> None:
    """Up to a limit."""
    breaker, now_ns = Breaker(), 0
    for _ in range(30):
        breaker.failed(now_ns)
        now_ns = max(now_ns, breaker.open_until_ns)
    wait = breaker.open_until_ns - now_ns
    breaker.failed(now_ns)
    wait = breaker.open_until_ns - now_ns
    assert wait == round(OPEN_SECONDS_MAX * NS_PER_SECOND)


def test_a_success_forgets_failures() -> None:
    """Only failures in a row count."""
    breaker = Breaker()
    for _ in range(20):
        breaker.failed(0)
        breaker.succeeded()
    assert breaker.allows(0, 4) == 4


def test_whoever_makes_it_says_how_patient_it_is() -> None:
    """Fewer failures, and a shorter longest wait."""
    breaker = Breaker(failures_max=2, seconds_max=15)
    breaker.failed(0)
    assert breaker.allows(0, 4) == 4
    breaker.failed(0)
    assert breaker.open_until_ns == round(OPEN_SECONDS * NS_PER_SECOND)
    breaker.failed(0)
    assert breaker.open_until_ns == 15 * NS_PER_SECOND
