"""Delivery: tried again with growing pauses, given up with a reason, and sent again when asked."""

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.errors import PermanentError, Refused, TemporaryError
from tallystick.stream.rules import Rule
from tallystick.stream.rules import outbox as outbox_module
from tallystick.stream.rules.courier import (
    ATTEMPTS_AT_ONCE_MAX,
    ATTEMPTS_OF_TARGET_MAX,
    BACKOFF_SECONDS_MAX,
    Courier,
)
from tallystick.stream.rules.database import Database
from tallystick.stream.rules.outbox import Matched, Outbox, delivery_key
from tallystick.stream.rules.rule import Retry
from tallystick.stream.rules.targets import Parcel

FILLED = {"detail-type": ["Order Filled"]}


class Scripted:
    """A target that does what it is told, and remembers what it was asked."""

    def __init__(self, *script: Exception | None) -> None:
        self.script = list(script)
        self.parcels: list[Parcel] = []
        self.under_way = self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, parcel: Parcel) -> None:
        """Raise the next error of the script, if it is one."""
        self.parcels.append(parcel)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error

    async def close(self) -> None:
        """Nothing is held."""


class Office:
    """An outbox and a courier with scripted targets."""

    def __init__(self, path: Any, clock: ManualClock, retry: Retry, **targets: Scripted) -> None:
        self.database = Database(path / "rules.db")
        self.outbox = Outbox(self.database)
        self.clock = clock
        places = {("r", name): (target, retry) for name, target in targets.items()}
        chance = random.Random(7)  # noqa: S311  jitter
        self.courier = Courier(self.outbox, places, clock, chance)

    def put(self, target: str, *numbers: int) -> None:
        """Something to deliver."""
        found = [
            Matched(delivery_key(str(n), "r", target), "r", target, str(n), b'"%d"' % n)
            for n in numbers
        ]
        self.outbox.keep(found, self.clock.now_ns())
        self.courier.ring({("r", target)})

    def failed(self, target: str) -> int:
        """How many attempts failed, as the file says."""
        return self.outbox.counts().get(("r", target), {}).get("failed", 0)

    async def until(self, question: Callable[[], Any], step: float = 0.0) -> None:
        """Run until the answer is true, moving the time by `step` each turn."""
        task = asyncio.create_task(self.courier.run())
        try:
            for _ in range(4_000):
                if question():
                    return
                self.clock.advance(step)
                await asyncio.sleep(0.001)
            pytest.fail("it never became true")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def busy(seconds: int) -> TemporaryError:
    """A refusal that says when to come back."""
    error = TemporaryError("come back")
    error.retry_after_seconds = seconds
    return error


def test_an_attempt_that_fails_is_made_again_under_the_same_key(
    tmp_path: Any, clock: ManualClock
) -> None:
    """Until it is taken; then nothing is left, and everything is counted."""

    async def main() -> None:
        """On one loop."""
        target = Scripted(TemporaryError("no"), TemporaryError("no"))
        office = Office(tmp_path, clock, Retry(), t=target)
        office.put("t", 1)
        await office.until(lambda: not office.outbox.waiting(), step=0.1)
        assert [parcel.attempt for parcel in target.parcels] == [1, 2, 3]
        assert len({parcel.key for parcel in target.parcels}) == 1
        counts = office.outbox.counts()
        assert counts["r", "t"] == {"delivered": 1, "failed": 2}
        assert counts["r", ""] == {"matched": 1}
        office.database.close()

    asyncio.run(main())


def test_a_receiver_that_says_when_is_not_asked_before(tmp_path: Any, clock: ManualClock) -> None:
    """`Retry-After` is heeded."""

    async def main() -> None:
        """On one loop."""
        target = Scripted(busy(120))
        office = Office(tmp_path, clock, Retry(), t=target)
        began_ns = clock.now_ns()
        office.put("t", 1)
        await office.until(lambda: office.failed("t") == 1)
        await office.until(lambda: len(target.parcels) == 2, step=1.0)
        assert clock.now_ns() - began_ns >= 120 * NS_PER_SECOND
        office.database.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("retry", "error", "attempts", "reason"),
    [
        (Retry(attempts_max=3), TemporaryError("no."), 3, "no. Given up: 3 attempts."),
        (Retry(max_age_seconds=3), TemporaryError("no."), 3, "no. Given up: too old."),
        (Retry(), PermanentError("never."), 1, "never."),
    ],
    ids=["attempts", "age", "refused"],
)
def test_a_delivery_is_given_up_with_a_reason(
    tmp_path: Any, clock: ManualClock, retry: Retry, error: Exception, attempts: int, reason: str
) -> None:
    """And stands among the dead letters, with what would have been sent."""

    async def main() -> None:
        """On one loop."""
        target = Scripted(*[error] * 20)
        office = Office(tmp_path, clock, retry, t=target)
        office.put("t", 1)
        await office.until(office.outbox.dead_count, step=0.1)
        (letter,) = office.outbox.dead(10)
        assert letter.attempts == len(target.parcels) <= attempts
        assert letter.reason == reason
        assert json.loads(bytes(letter.body)) == "1"
        assert office.outbox.counts()["r", "t"]["dead"] == 1
        office.database.close()

    asyncio.run(main())


def test_a_dead_letter_can_be_sent_again_or_thrown_away(
    stage: Callable[..., Any], make_rule: Callable[..., Rule], receiver: Any
) -> None:
    """One, or all of a rule; another number is refused."""

    async def main() -> None:
        """On one loop."""
        receiver.answers += [(400, {}, b"")] * 2
        at = stage(make_rule(pattern=FILLED, targets=[
            {"id": "w", "type": "webhook", "url": receiver.url}]))  # fmt: skip
        async with at.working():
            await at.say({"kind": "order_filled"}, {"kind": "order_filled"})
            await at.until(lambda: at.rules.outbox.dead_count() == 2)
            newest, oldest = at.rules.outbox.dead(10)
            assert [each.id for each in at.rules.outbox.dead(10, newest.id)] == [oldest.id]
            assert at.rules.outbox.dead(10, rule="other") == []
            assert await at.rules.revive(oldest.id) == 1
            await at.until(lambda: len(receiver.received) == 3)
            keys = {headers["Idempotency-Key"] for _, headers, _ in receiver.received}
            assert len(keys) == 2
            at.rules.outbox.discard(newest.id)
            with pytest.raises(Refused, match="no dead letter"):
                at.rules.outbox.discard(newest.id)
            with pytest.raises(Refused, match="no dead letter"):
                await at.rules.revive(newest.id)
            assert await at.rules.revive() == 0
            await at.until(lambda: not at.rules.outbox.waiting())

    asyncio.run(main())


def test_a_target_that_is_down_is_left_alone_and_holds_up_no_other(
    tmp_path: Any, clock: ManualClock
) -> None:
    """After five failures in a row nothing is sent for ten seconds; then one trial."""

    async def main() -> None:
        """On one loop."""
        down, well = Scripted(*[TemporaryError("no")] * 8), Scripted()
        office = Office(tmp_path, clock, Retry(), down=down, well=well)
        office.put("down", *range(20))
        await office.until(office.courier.open_breakers)
        asked = len(down.parcels)
        assert asked <= 5 + ATTEMPTS_OF_TARGET_MAX
        office.put("well", *range(3))
        await office.until(lambda: len(well.parcels) == 3)
        assert len(down.parcels) == asked
        await office.until(lambda: not office.outbox.waiting(), step=1.0)
        assert office.courier.open_breakers() == {}
        office.database.close()

    asyncio.run(main())


def test_only_so_many_at_once(tmp_path: Any, clock: ManualClock) -> None:
    """A few to each target, a bounded number in all."""

    async def main() -> None:
        """On one loop."""
        targets = {f"t{number}": Scripted() for number in range(20)}
        office = Office(tmp_path, clock, Retry(), **targets)
        for name, target in targets.items():
            target.gate.clear()
            office.put(name, *range(6))
        everybody = targets.values()
        try:
            await office.until(lambda: sum(t.under_way for t in everybody) == ATTEMPTS_AT_ONCE_MAX)
        finally:
            office.database.close()
        assert max(target.most for target in everybody) == ATTEMPTS_OF_TARGET_MAX

    asyncio.run(main())


def test_a_bug_of_a_target_is_a_failure_like_others(tmp_path: Any, clock: ManualClock) -> None:
    """It is told, and stops no other delivery."""

    async def main() -> None:
        """On one loop."""
        target = Scripted(ZeroDivisionError("a bug"))
        office = Office(tmp_path, clock, Retry(), t=target)
        office.put("t", 1)
        await office.until(lambda: not office.outbox.waiting(), step=0.1)
        assert len(target.parcels) == 2
        office.database.close()

    asyncio.run(main())


def test_what_is_due_to_a_rule_that_is_gone_is_a_dead_letter(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """Nothing vanishes because an operator deletes a file."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern=FILLED))
        await at.say({"kind": "order_filled"})
        await at.rules.close()
        at.open([])
        async with at.working():
            await at.until(at.rules.outbox.dead_count)
            (letter,) = at.rules.outbox.dead(1)
            assert (letter.rule, letter.attempts) == ("r", 0)
            assert letter.reason == "There is no such rule or target any more."

    asyncio.run(main())


def test_pauses_grow_and_differ(tmp_path: Any, clock: ManualClock) -> None:
    """Half to all of 1, 2, 4 ... seconds, never more than five minutes."""

    async def main() -> None:
        """On one loop; the next attempt is made as soon as it may be."""
        target = Scripted(*(TemporaryError("no") for _ in range(12)))
        office = Office(tmp_path, clock, Retry(), t=target)
        office.put("t", 1)
        pauses = []
        for attempt in range(1, 13):
            await office.until(lambda n=attempt: office.failed("t") == n)  # type: ignore[misc]
            due_ns = office.outbox.due_at("r", "t")
            assert due_ns is not None
            pauses.append((due_ns - clock.now_ns()) / NS_PER_SECOND)
            clock.advance(BACKOFF_SECONDS_MAX)  # a breaker that opened lets one through again
        for n, pause in enumerate(pauses):
            whole = min(2.0**n, BACKOFF_SECONDS_MAX)
            assert max(1.0, whole / 2) - 0.001 <= pause <= whole + 0.001
        assert len({pause / BACKOFF_SECONDS_MAX for pause in pauses[-3:]}) == 3
        office.database.close()

    asyncio.run(main())


def test_the_newest_dead_letters_are_kept(
    tmp_path: Any, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a limit the oldest makes room."""

    async def main() -> None:
        """On one loop."""
        monkeypatch.setattr(outbox_module, "DEAD_KEPT_MAX", 3)
        target = Scripted(*[PermanentError("never.")] * 5)
        office = Office(tmp_path, clock, Retry(), t=target)
        for number in range(5):
            office.put("t", number)
            await office.until(lambda: not office.outbox.waiting())
        assert [each.event_id for each in office.outbox.dead(10)] == ["4", "3", "2"]
        office.database.close()

    asyncio.run(main())
