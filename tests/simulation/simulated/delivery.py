"""A world in which messages are committed, delivered, and processes die in between."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from structlog.testing import capture_logs

from simulated.loop import EPOCH_NS, VirtualLoop, run
from simulated.post import Inline, Mood, Post, Target
from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.deliver import Deliverer
from tallystick.watch.notify.lane import MESSAGE_SECONDS_MAX

HOURS_MAX = 30
"""So long a world may take: a day until messages are too old, and some more."""

BUGS = {"notify.channel_broken", "notify.message_unfinished", "notify.worker_died"}
"""What the deliverer says and survives; here nobody has bugs but the deliverer itself."""


class Failed(AssertionError):  # noqa: N818  a name says what happened
    """A promise was broken; the seed shows it again."""


class Died(Exception):  # noqa: N818  a name says what happened
    """The process is no more."""


class MortalLoop(VirtualLoop):
    """Dies before its n-th step: between any two awaits of anybody."""

    def __init__(self, steps: int, post: Post) -> None:
        super().__init__()
        self._steps = steps
        self._post = post

    def _run_once(self) -> None:
        self._steps -= 1
        if self._steps == 0:
            self._post.dead = True
            raise Died
        super()._run_once()  # type: ignore[misc]


class WorldClock:
    """Goes on from one process to the next."""

    def __init__(self) -> None:
        self.began_ns = EPOCH_NS
        self.loop: VirtualLoop | None = None

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return self.began_ns + self.monotonic_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds since this process began."""
        return round(self.loop.time() * NS_PER_SECOND) if self.loop else 0

    async def sleep(self, seconds: float) -> None:
        """Wait for this many virtual seconds."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Plan:
    """What happens in a world: transitions `(second, incident, number)`, moods, deaths."""

    transitions: tuple[tuple[float, str, int], ...]
    moods: dict[str, Mood]
    deaths: tuple[int, ...] = ()
    """The process dies after so many steps; the next one after so many."""
    flaky: float = 0.0
    orderless: bool = False
    gullible: bool = False


@dataclass
class World:
    """Store, targets and the clock: what outlives a process."""

    plan: Plan
    chance: random.Random
    clock: WorldClock = field(default_factory=WorldClock)
    post: Post = field(init=False)
    targets: dict[str, Target] = field(init=False)

    def __post_init__(self) -> None:
        """Nothing has happened yet."""
        plan = self.plan
        self.post = Post(self.chance, plan.flaky, plan.orderless, plan.gullible, clock=self.clock)
        self.targets = {
            name: Target(name, mood, self.chance, self.clock) for name, mood in plan.moods.items()
        }
        self._to_come = sorted(plan.transitions)

    def live(self) -> None:
        """From the first process to the last message."""
        for steps in (*self.plan.deaths, 0):
            loop = MortalLoop(steps, self.post)
            self.clock.loop = loop
            self.post.dead = False
            try:
                run(loop, self._process())
            except Died:
                self.clock.began_ns = self.clock.now_ns() + round(
                    self.chance.uniform(0, 20) * NS_PER_SECOND
                )
                self.clock.loop = None
                for target in self.targets.values():
                    target.reborn()

    async def _process(self) -> None:
        deliverer = Deliverer(self.post, self.targets, self.clock, self.chance, executor=Inline())
        deliverer.start()
        for at in list(self._to_come):
            until_ns = EPOCH_NS + round(at[0] * NS_PER_SECOND)
            await self.clock.sleep(max(0.0, (until_ns - self.clock.now_ns()) / NS_PER_SECOND))
            self._to_come.remove(at)
            self.post.commit(at[1], at[2], self.targets, self.clock.now_ns())
            await asyncio.sleep(0)  # the process may die between the commit and the call
            deliverer.wake()
        limit_ns = EPOCH_NS + HOURS_MAX * 3_600 * NS_PER_SECOND
        while any(row.state == "pending" for row in self.post.rows):
            assert self.clock.now_ns() < limit_ns, "messages wait for ever"
            await self.clock.sleep(20)
        await deliverer.stop()


def live(seed: int, plan: Callable[[random.Random], Plan]) -> World:
    """The world of this seed, lived to its end, with every promise kept."""
    chance = random.Random(seed)  # noqa: S311  a simulation
    world = World(plan(chance), chance)
    try:
        with capture_logs() as lines:
            world.live()
        for line in lines:
            assert line["event"] not in BUGS, f"D0: {line}"
            assert line.get("exc_info") is None, f"D0: {line}"
        require_kept(world)
    except AssertionError as error:
        raise Failed(f"{error} (seed {seed})") from error
    return world


def require_kept(world: World) -> None:
    """What must be true at the end of every world."""
    for row in world.post.rows:
        target = world.targets[row.target]
        if row.state == "delivered":
            assert row.message.key in target.taken, f"D1: {row} was lost"
        else:
            assert row.state == "dead", f"D2: {row} waits for ever"
            assert row.error, f"D3: {row} is dead, and nobody knows why"
            old_ns = row.due_ns - row.created_ns
            expected = row.message.incident in target.mood.refuses | target.mood.cannot
            too_old = old_ns > MESSAGE_SECONDS_MAX * NS_PER_SECOND
            assert expected or too_old or row.attempts >= 12, f"D4: {row} was given up too early"
    for target in world.targets.values():
        last: dict[str, int] = {}
        for message in target.taken.values():
            before = last.get(message.incident, -1)
            assert before < message.number, f"D5: {target.name} was told {message} too late"
            last[message.incident] = message.number
