"""Event rules at work: every entry is held against them, and what matches is on its way for good.

`take` is fed by the relay from `position` on and costs an entry that no rule is about two searches
of its bytes. `offer` takes events that are no entries. `run` delivers, and keeps schedules and
replays going.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

import structlog

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Corrupt, Misconfigured, Refused, TemporaryError
from tallystick.ledger import Ledger
from tallystick.stream.message import Message
from tallystick.stream.rules.almanac import Almanac
from tallystick.stream.rules.courier import Courier, Whom
from tallystick.stream.rules.database import Database
from tallystick.stream.rules.event import Seen
from tallystick.stream.rules.making import make_targets
from tallystick.stream.rules.matching import Matching
from tallystick.stream.rules.outbox import Matched, Outbox
from tallystick.stream.rules.queues import Queues
from tallystick.stream.rules.replays import Replay, Replays, position_at, within
from tallystick.stream.rules.rule import Rule
from tallystick.stream.rules.runs import Runs, RunState
from tallystick.stream.rules.targets import Notification, Surroundings, WorkflowTarget

CURSOR_SECONDS = 10
"""How often the position is kept while nothing matches; a restart looks again at what came after.
"""
INBOX_SECONDS = 1.0
"""How often events that another process offered are looked for."""
INBOX_EVENTS_MAX = 256
"""Most offered events in one transaction."""
TURN_SECONDS_MAX = 30.0
"""How often the almanac is turned at least, because clocks are set."""
REPLAY_ENTRIES_MAX = 256
"""Entries of a replay in one transaction."""
REPLAY_ENTRIES_PER_SECOND_MAX = 5_000
"""How fast a replay goes, so that what is new is not held up."""
REPLAY_LOOK_SECONDS = 0.5
"""How often a replay that somebody began is looked for."""

_log = structlog.get_logger("stream")


class EventRules:
    """The rules of one server, their file and their targets; on one event loop."""

    def __init__(
        self,
        path: Path,
        rules: Sequence[Rule],
        ledger: Ledger,
        clock: Clock,
        chance: random.Random,
        *,
        notify: Callable[[Notification], None] | None = None,
        secret: bytes | None = None,
        callback_url: str = "",
    ) -> None:
        """Open the file and make the targets; nothing is delivered yet.

        At the very first start everything that is in the ledger already is the past: rules are
        about what comes. `notify` raises an alert, durably, once for its id; `secret` signs where
        a target names none of its own.

        Raises:
            Misconfigured: a target cannot work; all complaints are named.
            Corrupt, TemporaryError: the file cannot be used, or is of another ledger.
        """
        self.hear: Callable[[bytes], Awaitable[None]] = _nobody
        """Who else looks at events that are no entries; told again after a crash."""
        self.rules = {rule.name: rule for rule in rules}
        self._ledger = ledger
        self._clock = clock
        self._database = Database(path)
        self.outbox = Outbox(self._database)
        self.queues = Queues(self._database)
        self.runs = Runs(self._database)
        self.replays = Replays(self._database, self.outbox)
        around = Surroundings(clock, self.queues, self.runs, notify, secret, callback_url)
        try:
            self.targets = make_targets(rules, around)
        except Misconfigured:
            self._database.close()
            raise
        self.matching = Matching(rules, ledger.origin, clock)
        self._almanac = Almanac(self._database, self.outbox, rules, self.matching)
        self._courier = Courier(self.outbox, self.targets, clock, chance)
        self.position = self._begin()
        """The next ledger position that will be looked at: where the relay begins to feed."""
        self._kept_ns = clock.monotonic_ns()

    def _begin(self) -> int:
        """Where the last run was; at the very first start, behind what is there."""
        size, kept = self._ledger.size, self.outbox.cursor()
        if kept is None:
            self.outbox.keep([], self._clock.now_ns(), size)
            return size
        if kept > size:
            self._database.close()
            raise Corrupt(
                f"The event rules have seen {kept} entries and the ledger has only {size}: an"
                " older backup may have been put back, or another ledger's file of rules. Put the"
                " right ledger back, or move rules.db away."
            )
        return kept

    async def take(self, messages: list[Message]) -> None:
        """The relay's consumer: messages in order, each looked at once, by its position."""
        fresh = [message for message in messages if message.position >= self.position]
        if not fresh:
            return
        promising = self.matching.worth_reading(fresh)
        position = fresh[-1].position + 1
        waited_ns = self._clock.monotonic_ns() - self._kept_ns
        if promising or waited_ns > CURSOR_SECONDS * NS_PER_SECOND:
            found = await asyncio.to_thread(self.matching.entries, promising)
            if found or waited_ns > CURSOR_SECONDS * NS_PER_SECOND:
                await self._keep(found, position)
        self.position = position

    def offer(self, event: Seen) -> None:
        """An event that is no entry, durable when it returns; once under its id. Any thread.

        One that no rule is about is not kept.
        """
        if self.matching.names(event):
            self.outbox.offer(event.id, event.body)

    async def run(self) -> None:
        """Deliver, keep schedules, work off replays and what was offered; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._courier.run(), name="rules-courier")
            for step in (self._take_offered, self._turn, self._replay):
                group.create_task(self._again(step), name=f"rules{step.__name__}")

    async def close(self) -> None:
        """Keep the position and let go of everything; after `run` has been cancelled."""
        try:
            await asyncio.to_thread(self.outbox.keep, [], self._clock.now_ns(), self.position)
        finally:
            for target, _ in self.targets.values():
                await target.close()
            self._database.close()

    def open_breakers(self) -> dict[Whom, int]:
        """Targets that are left alone, and until when, in nanoseconds since the epoch."""
        return self._courier.open_breakers()

    def gauges(self) -> Iterable[tuple[str, str, float]]:
        """What an operator watches: name, meaning, figure."""
        behind = self._ledger.size - self.position
        yield "tallystick_rules_lag_entries", "Not yet held against event rules.", behind
        waiting = sum(self.outbox.waiting().values())
        yield "tallystick_rules_deliveries_waiting", "Deliveries on their way.", waiting
        dead = self.outbox.dead_count()
        yield "tallystick_rules_dead_letters", "Deliveries that were given up.", dead
        alone = len(self.open_breakers())
        yield "tallystick_rules_targets_left_alone", "Targets that failed too often.", alone
        unreadable = self.matching.unreadable
        yield "tallystick_rules_unreadable_total", "Events that could not be read.", unreadable

    async def revive(
        self, seq: int | None = None, rule: str | None = None, target: str | None = None
    ) -> int:
        """Send dead letters again, from the first attempt on; gives how many.

        Raises:
            Refused: `UNKNOWN_DEAD_LETTER`, where one is asked for that is none.
        """
        now_ns = self._clock.now_ns()
        revived = await asyncio.to_thread(self.outbox.revive, now_ns, seq, rule, target)
        if seq is not None and not revived:
            raise Refused("UNKNOWN_DEAD_LETTER", f"There is no dead letter {seq}.")
        self._courier.ring(set(revived))
        return len(revived)

    def begin_replay(
        self,
        name: str,
        from_ns: int,
        to_ns: int,
        *,
        rule: str | None = None,
        dry_run: bool = False,
    ) -> Replay:
        """Say the entries from one time on and before another again, to one rule or all.

        Raises:
            Refused: `UNKNOWN_RULE`, `REPLAY_EXISTS`, `BAD_RANGE`.
        """
        if rule is not None and rule not in self.rules:
            raise Refused("UNKNOWN_RULE", f"There is no rule {rule!r}.", field="rule")
        if from_ns >= to_ns:
            raise Refused("BAD_RANGE", "A replay ends after it begins.", field="to")
        size = self._ledger.size
        first = position_at(self._ledger, from_ns, size)
        end = position_at(self._ledger, to_ns, size)
        return self.replays.begin(
            name, rule, first, end, self._clock.now_ns(), times=(from_ns, to_ns), dry_run=dry_run
        )

    async def answer_run(self, run: str, token: str, state: RunState, output: bytes) -> bool:
        """What a workflow's engine says of a run; whether it was under way until now.

        Raises:
            Refused: `UNKNOWN_RUN`, also where the token is not the run's.
        """
        known = await asyncio.to_thread(self.runs.get, run)
        target, _ = self.targets.get((known.rule, known.target), (None, None))
        if not isinstance(target, WorkflowTarget) or not target.is_token(run, token):
            raise Refused("UNKNOWN_RUN", "There is no such run.")
        return await asyncio.to_thread(self.runs.end_run, run, state, output, self._clock.now_ns())

    async def _keep(self, found: list[Matched], position: int) -> None:
        """One transaction; tried again while the file is away, since nothing may be lost."""
        while True:
            try:
                now_ns = self._clock.now_ns()
                await asyncio.to_thread(self.outbox.keep, found, now_ns, position)
            except TemporaryError as error:
                _log.warning("stream.rules_wait", body=str(error))
                await self._clock.sleep(error.retry_after_seconds)
            else:
                self._kept_ns = self._clock.monotonic_ns()
                self._ring(found)
                return

    def _ring(self, found: Iterable[Matched]) -> None:
        self._courier.ring({(each.rule, each.target) for each in found})

    async def _again(self, step: Callable[[], Awaitable[float]]) -> None:
        """A step again and again, each time after as many seconds as it says."""
        while True:
            try:
                seconds = await step()
            except TemporaryError as error:
                _log.warning("stream.rules_wait", body=str(error))
                seconds = float(error.retry_after_seconds)
            await self._clock.sleep(seconds)

    async def _take_offered(self) -> float:
        """Look at events that were offered, and for runs that are late."""
        now_ns = self._clock.now_ns()
        await asyncio.to_thread(self.runs.bury_late, now_ns)
        waiting = await asyncio.to_thread(self.outbox.offered, INBOX_EVENTS_MAX)
        if not waiting:
            return INBOX_SECONDS
        bodies = [body for _, body in waiting]
        for body in bodies:
            await self.hear(body)
        found = await asyncio.to_thread(self.matching.offered, bodies)
        seqs = [seq for seq, _ in waiting]
        await asyncio.to_thread(self.outbox.take_offered, seqs, found, now_ns)
        self._ring(found)
        return 0.0

    async def _turn(self) -> float:
        """Set off what the calendar says."""
        now_ns = self._clock.now_ns()
        found, next_ns = await asyncio.to_thread(self._almanac.turn, now_ns)
        self._ring(found)
        wait = TURN_SECONDS_MAX if next_ns is None else (next_ns - now_ns) / NS_PER_SECOND
        return min(max(wait, 0.0), TURN_SECONDS_MAX)

    async def _replay(self) -> float:
        """A piece of the oldest replay under way."""
        under_way = await asyncio.to_thread(self.replays.running)
        if under_way is None:
            return REPLAY_LOOK_SECONDS
        replay, from_ns, to_ns = under_way
        limit = min(REPLAY_ENTRIES_MAX, replay.end - replay.position)
        rows = self._ledger.rows(replay.position, limit)
        messages = [
            Message(position, row.entry)
            for position, row in enumerate(rows, replay.position)
            if within(row.entry, from_ns, to_ns)
        ]
        found = await asyncio.to_thread(self.matching.again, messages, replay.name, replay.rule)
        events = len({(each.rule, each.event_id) for each in found})
        if replay.dry_run:
            found = []
        position = replay.position + len(rows)
        await asyncio.to_thread(
            self.replays.advance, replay, position, events, found, self._clock.now_ns()
        )
        self._ring(found)
        return len(rows) / REPLAY_ENTRIES_PER_SECOND_MAX


async def _nobody(_body: bytes) -> None:
    """Nobody else looks."""
