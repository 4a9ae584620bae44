"""One target's lane: pauses, the circuit, trials, who may pass, and when a message is given up."""

import random
from itertools import pairwise

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import TemporaryError
from tallystick.limits import OUTBOX_ATTEMPTS_MAX
from tallystick.watch.notify.lane import (
    BACKOFF_SECONDS_MAX,
    FAILURES_MAX,
    MESSAGE_SECONDS_MAX,
    OPEN_SECONDS_MAX,
    Lane,
    Outcome,
)
from tallystick.watch.notify.message import Message
from tallystick.watch.notify.outbox import Due

BUSY = TemporaryError("answered 503")


def new_lane() -> Lane:
    """The lane of a target that nobody has tried yet."""
    return Lane("x", random.Random(1))  # noqa: S311  jitter


def due(incident: str, attempts: int = 0, created_ns: int = 0) -> Due:
    """A message of this incident."""
    message = Message(
        key=incident, dedup_key=incident, incident=incident, number=1, action="trigger",
        why="opened", severity="critical", title="T", at_ns=0, opened_ns=0,
    )  # fmt: skip
    return Due(1, "x", attempts, created_ns, message)


def busy_for(seconds: int) -> TemporaryError:
    """What a channel raises when it is asked to come back later."""
    error = TemporaryError("answered 429")
    error.retry_after_seconds = seconds
    return error


def opened(lane: Lane, incident: str = "I-1") -> Outcome:
    """Let one incident's message fail until the circuit is open, at second 0."""
    for attempts in range(FAILURES_MAX):
        outcome = lane.failed(due(incident, attempts), BUSY, 0)
    assert lane.open_until_ns
    return outcome


@pytest.mark.parametrize("attempts", range(FAILURES_MAX - 1))
def test_failures_are_followed_by_growing_jittered_pauses(attempts: int) -> None:
    """Half to all of 1, 2, ... seconds, and never less than was asked for."""
    at_ns = new_lane().failed(due("I-1", attempts), BUSY, 0).at_ns
    whole = 2.0**attempts
    assert max(1.0, whole / 2) <= at_ns / NS_PER_SECOND <= whole


def test_a_message_that_fails_while_others_arrive_is_given_up_after_so_many_attempts() -> None:
    """The target is well, so its attempts count; the pauses grow to their longest."""
    lane = new_lane()
    pauses = []
    for attempts in range(OUTBOX_ATTEMPTS_MAX):
        lane.taken(due("I-2"), "", 0)
        outcome = lane.failed(due("I-1", attempts), BUSY, 0)
        pauses.append(outcome.at_ns / NS_PER_SECOND)
    assert outcome.state == "dead"
    assert outcome.error == f"answered 503 Given up: {OUTBOX_ATTEMPTS_MAX} attempts."
    assert BACKOFF_SECONDS_MAX / 2 <= pauses[-2] <= BACKOFF_SECONDS_MAX


def test_the_circuit_opens_after_failures_in_a_row_and_trials_come_once_a_minute() -> None:
    """Escalation goes on without it; failed trials count for no message, so none dies of them."""
    lane = new_lane()
    outcome = opened(lane)
    assert (outcome.tried, lane.stuck) == (True, True)
    now_ns, trials = 0, []
    while now_ns < MESSAGE_SECONDS_MAX * NS_PER_SECOND:
        now_ns = lane.shut_until_ns(now_ns)
        assert not lane.shut_until_ns(now_ns)
        assert lane.hurries
        outcome = lane.failed(due("I-1", FAILURES_MAX), BUSY, now_ns)
        assert (outcome.state, outcome.tried) == ("pending", False)
        trials.append(now_ns / NS_PER_SECOND)
    assert trials[:4] == [10, 30, 70, 130]
    assert {later - earlier for earlier, later in pairwise(trials[2:])} == {OPEN_SECONDS_MAX}


def test_who_is_back_gets_at_once_what_waited() -> None:
    """A trial that works closes the circuit, and nothing waits for its own next attempt."""
    lane = new_lane()
    lane.is_empty()
    assert not lane.hurries
    opened(lane)
    now_ns = lane.shut_until_ns(0)
    lane.taken(due("I-1"), "", now_ns)
    assert (lane.open_until_ns, lane.stuck, lane.hurries) == (0, False, True)
    lane.is_empty()
    assert not lane.hurries


def test_while_one_incident_alone_has_failed_another_may_pass() -> None:
    """The first may be what the target cannot bear; when a second fails, it is the target."""
    lane = new_lane()
    opened(lane)
    second = NS_PER_SECOND
    assert lane.shut_until_ns(second)
    assert not lane.lets_through(due("I-1"), second)
    assert lane.lets_through(due("I-2"), second)
    assert lane.look_again_ns(0) == second < lane.look_again_ns(second)
    lane.failed(due("I-2"), BUSY, second)
    assert not lane.lets_through(due("I-3"), 5 * second)


def test_who_asks_for_time_gets_it_from_everybody() -> None:
    """Retry-After holds for the target, not for one message; a long one is not waited for."""
    lane = new_lane()
    outcome = lane.failed(due("I-1"), busy_for(5), 0)
    assert outcome.at_ns == lane.shut_until_ns(0) == 5 * NS_PER_SECOND
    assert not lane.lets_through(due("I-2"), 4 * NS_PER_SECOND)
    assert not lane.stuck
    lane.failed(due("I-1", 1), busy_for(120), 5 * NS_PER_SECOND)
    assert lane.shut_until_ns(6 * NS_PER_SECOND) == 125 * NS_PER_SECOND
    assert lane.stuck


def test_a_message_that_fails_again_and_again_is_not_waited_for() -> None:
    """Escalation goes on, although the target works for others; a success ends that."""
    lane = new_lane()
    for attempts in range(FAILURES_MAX):
        assert not lane.stuck
        lane.taken(due("I-2"), "", 0)
        lane.failed(due("I-1", attempts), BUSY, 0)
    assert lane.stuck
    assert not lane.open_until_ns
    lane.taken(due("I-2"), "", 0)
    assert not lane.stuck


def test_a_refusal_is_an_answer() -> None:
    """The message is dead; the target is there."""
    lane = new_lane()
    opened(lane)
    outcome = lane.refused(due("I-1"), "answered 400", lane.shut_until_ns(0))
    assert (outcome.state, outcome.error) == ("dead", "answered 400")
    assert (lane.open_until_ns, lane.last_error) == (0, "answered 400")


def test_a_message_is_too_old_after_a_day() -> None:
    """Not before; the last error says why it was not delivered."""
    lane = new_lane()
    lane.failed(due("I-1"), BUSY, 0)
    day_ns = MESSAGE_SECONDS_MAX * NS_PER_SECOND
    assert lane.too_old(due("I-1"), day_ns) is None
    outcome = lane.too_old(due("I-1"), day_ns + 1)
    assert outcome is not None
    assert (outcome.state, outcome.tried) == ("dead", False)
    assert outcome.error == "Given up: it could not be delivered for 24 hours. answered 503"
