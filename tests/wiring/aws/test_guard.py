"""The signed-head guard in DynamoDB: it keeps what the port promises, and nobody gets past it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from aws_world import OTHER, World, table

from tallystick.clock import ManualClock, SystemClock
from tallystick.errors import Corrupt, Forked, Misconfigured
from tallystick.ledger.guard import Head
from tallystick.wiring.aws import clients
from tallystick.wiring.aws.guard import HEAD_SECONDS, DynamoGuard
from tallystick.wiring.aws.settings import Table

ORIGIN = "ledger.example/aws"


def head(size: int, history: str = "ours") -> Head:
    """The head of a size in a history."""
    return Head(size, sha256(f"{history} {size}".encode()).digest())


def ours(held: Head) -> bool:
    """Whether a head is of our history."""
    return held == head(held.size)


@pytest.fixture
def guarded(aws: World) -> Table:
    """An empty table in the other region."""
    return Table(OTHER, table(aws, OTHER, "guard"))


@pytest.fixture
def guard(guarded: Table) -> Callable[[], DynamoGuard]:
    """Opens the guard of one log, as another process would."""
    return lambda: DynamoGuard(guarded, ORIGIN, SystemClock())


def test_nothing_is_held_at_first(guard: Callable[[], DynamoGuard]) -> None:
    """A new log has no head; the first one that is signed is remembered by all."""
    assert guard().head() is None
    guard().advance(head(0), ours)
    assert guard().head() == head(0)


def test_it_only_grows(guard: Callable[[], DynamoGuard]) -> None:
    """A smaller head of the same history is let through and changes nothing."""
    guard().advance(head(7), ours)
    guard().advance(head(5), ours)
    assert guard().head() == head(7)
    guard().sync()


@pytest.mark.parametrize("size", [3, 7, 9])
def test_another_history_is_refused(guard: Callable[[], DynamoGuard], size: int) -> None:
    """Whatever its size: a restored or copied database does not get past what was signed."""
    guard().advance(head(7), ours)
    with pytest.raises(Forked, match="reconcile"):
        guard().advance(head(size, "theirs"), lambda held: held == head(held.size, "theirs"))
    assert guard().head() == head(7)


def test_a_copy_that_read_before_us_is_refused_when_it_writes(
    guard: Callable[[], DynamoGuard],
) -> None:
    """Both saw the same head; the condition of the write tells the second of the first."""
    one, other = guard(), guard()
    one.advance(head(1), ours)
    assert other.head() == head(1)
    one.advance(head(2), ours)
    with pytest.raises(Forked):
        other.advance(head(2, "theirs"), lambda held: held.size < 2)


def test_many_writers_leave_the_largest_head(guard: Callable[[], DynamoGuard]) -> None:
    """Twelve at once, in any order: none is told of a fork, and nothing is lost."""
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda size: guard().advance(head(size), ours), range(1, 40)))
    assert guard().head() == head(39)


def test_what_was_read_is_new_for_a_moment_only(guarded: Table) -> None:
    """A head of another process is seen when the moment is over; writing always sees it."""
    clock = ManualClock()
    one, other = DynamoGuard(guarded, ORIGIN, clock), DynamoGuard(guarded, ORIGIN, clock)
    one.advance(head(1), ours)
    assert other.head() == head(1)
    one.advance(head(2), ours)
    assert other.head() == head(1)
    clock.advance(HEAD_SECONDS)
    assert other.head() == head(2)


def test_an_operator_may_reset_it(guard: Callable[[], DynamoGuard]) -> None:
    """Reconciling takes the responsibility."""
    guard().advance(head(9), ours)
    guard().reset(head(3, "theirs"))
    assert guard().head() == head(3, "theirs")


def test_logs_do_not_share_a_head(guarded: Table, guard: Callable[[], DynamoGuard]) -> None:
    """One table may serve several logs."""
    guard().advance(head(4), ours)
    assert DynamoGuard(guarded, "another.example/log", SystemClock()).head() is None


def test_what_cannot_be_read_is_no_head(
    aws: World, guarded: Table, guard: Callable[[], DynamoGuard]
) -> None:
    """A damaged item is not taken for an empty guard."""
    item = {"id": {"S": f"head {ORIGIN}"}, "tree_size": {"N": "3"}, "root": {"B": b"short"}}
    aws.client("dynamodb", OTHER).put_item(TableName=guarded.name, Item=item)
    with pytest.raises(Corrupt):
        guard().head()


def test_a_table_that_is_not_there_is_said(aws: World) -> None:
    """A name that is wrong is the operator's to mend, not to be tried again."""
    assert json.dumps(aws.environment["AWS_ENDPOINT_URL"])
    with pytest.raises(Misconfigured, match="guard"):
        DynamoGuard(Table(OTHER, "nowhere"), ORIGIN, SystemClock()).head()
    assert clients.client("dynamodb", OTHER) is clients.client("dynamodb", OTHER)
