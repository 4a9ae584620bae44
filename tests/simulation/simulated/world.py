"""Puts one world together from a seed, lets everything go wrong in it, and then lets it rest."""

import asyncio
import random
from dataclasses import dataclass
from functools import cache

from simulated.database import Database, Lies
from simulated.loop import VirtualClock, VirtualLoop, run
from simulated.network import Network
from simulated.outsiders import Client, Follower, SimulatedWitness, cosign_for_ever
from simulated.sequencer import Sequencer
from simulated.truth import Broken, Truth
from tallystick.errors import Corrupt, TallystickError
from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import VerifierKey, parse_checkpoint
from tallystick.ledger.guard import Head, MemoryGuard

BAD_SECONDS = 10.0
"""How long things go wrong."""
REST_SECONDS_MAX = 30.0
"""How long everybody may take to get on, once nothing goes wrong any more."""
CLIENTS, KEYS_EACH = 3, 4


@dataclass(frozen=True)
class Plan:
    """What kind of world; the default is the product's own."""

    guarded: bool = True
    lies: Lies = Lies()  # noqa: RUF009  it is frozen
    publishes_unguarded: bool = False
    """The publisher asks the database for the newest checkpoint, and not the ledger."""
    racing_witness: bool = False
    """The witness looks at what it knows at one moment, and stores at another."""
    guard_forgets: bool = False
    """A power cut takes the guard back to what was flushed of it."""
    log_forks: bool = False
    """Nothing is expected of the log: is the witness taken in?"""
    disasters: tuple[str, ...] = ("kill", "power", "restore", "clone")


class FlushedGuard(MemoryGuard):
    """Held by a machine whose power may be cut: only what was flushed stays."""

    def __init__(self) -> None:
        super().__init__()
        self._flushed: Head | None = None

    def sync(self) -> None:
        """What is held stays."""
        self._flushed = self.head()

    def lose_power(self) -> None:
        """What was not flushed is gone."""
        self._head = self._flushed


@cache
def _signers() -> tuple[FileKeyring, FileKeyring]:
    return (
        FileKeyring("ledger.example/simulated", b"\x07" * 32),
        FileKeyring("witness.example", b"\x08" * 32),
    )


class World:
    """One database, two processes on it, and everybody else."""

    def __init__(self, seed: int, plan: Plan) -> None:
        self.chance = random.Random(seed)  # noqa: S311  no secret
        self.loop = VirtualLoop()
        self.truth = Truth(self.loop, log_forks=plan.log_forks)
        self.plan = plan
        self.network = Network(self.chance)
        self.guard = FlushedGuard() if plan.guarded else None
        self.databases = [Database("the database", lies=plan.lies)]
        self.places: list[Database | None] = [self.databases[0], self.databases[0], None]
        """On which database the process of each number runs, or is to run."""
        self.processes: list[Sequencer | None] = [None, None, None]
        signer, witness = _signers()
        self.vkey = VerifierKey.of(signer.name, signer.public_key)
        self.witness = SimulatedWitness(witness, self.vkey, VirtualClock(self.loop), self.chance)
        self.witness.racing = plan.racing_witness
        self.clients = [
            Client(f"c{n}", KEYS_EACH, self.any_process, self.truth) for n in range(CLIENTS)
        ]
        self.follower = Follower(self.vkey, self.any_process, self.truth)
        self._backups: list[Database] = []
        self._started = 0

    def any_process(self) -> Sequencer | None:
        """Some process that is up."""
        up = [process for process in self.processes if process is not None and process.alive]
        return self.chance.choice(up) if up else None

    # The life of this world.

    async def live(self) -> None:
        """From its first second to its last; raises what is wrong with it."""
        loop = asyncio.get_running_loop()
        others = [
            loop.create_task(client.run(self.network, self.chance)) for client in self.clients
        ]
        if not self.plan.log_forks:
            others.append(loop.create_task(self.follower.run(self.network)))
        while self.loop.time() < BAD_SECONDS:
            self._start_processes()
            await asyncio.sleep(self.chance.uniform(0.2, 1.5))
            self._go_wrong()
            self._watch(others)
        if self.plan.log_forks:
            return
        self._rest()
        while not self._is_done():
            await asyncio.sleep(0.5)
            self._start_processes()
            self._watch(others)
            if self.loop.time() > BAD_SECONDS + REST_SECONDS_MAX:
                raise Broken(f"I6: nobody gets on; left are {[c.left for c in self.clients]}")
        self.truth.require_kept(self._real())

    def _watch(self, others: list[asyncio.Task[None]]) -> None:
        for task in others:
            if task.done() and (error := task.exception()) is not None:
                raise error
        for process in (*self.processes, self.witness):
            if process is not None and process.failure is not None:
                raise process.failure

    def _is_done(self) -> bool:
        size = self._real().size
        followed = self.follower.head is not None and self.follower.head.size == size
        read = len(self.follower.leaves) == size
        cosigned = len(self.truth.cosigned.leaves) == size
        return followed and read and cosigned and not any(client.left for client in self.clients)

    # What goes wrong.

    def _go_wrong(self) -> None:
        fate = self.chance.random()
        kind = self.chance.choice(self.plan.disasters)
        if fate < 0.4:
            return
        if kind == "kill":
            self._kill(self.chance.randrange(3))
        elif kind == "power":
            self._lose_power()
        elif kind == "restore":
            self._back_up_or_restore()
        elif kind == "clone":
            self._clone()

    def _kill(self, number: int) -> None:
        process = self.processes[number]
        if process is not None:
            self.truth.say("kill -9 of", process.name)
            process.kill()

    def _lose_power(self) -> None:
        self.truth.say("a power cut")
        for number in range(3):
            self._kill(number)
        for database in self.databases:
            database.lose_power(self.chance)
        if self.guard is not None and self.plan.guard_forgets:
            self.guard.lose_power()

    def _back_up_or_restore(self) -> None:
        if not self._backups or self.chance.random() < 0.4:
            backup = self._real().copy(f"the backup of {self._real().size}")
            self.truth.say("made", backup.name)
            self._backups.append(backup)
            return
        for number in range(3):
            self._kill(number)
        restored = self.chance.choice(self._backups).copy("a restored backup")
        self.truth.say("put back a backup of", restored.size)
        self.databases.append(restored)
        self.places = [restored, restored, None]

    def _clone(self) -> None:
        self._kill(2)
        clone = None
        if self.places[2] is None:
            clone = self._real().copy(f"a clone of {self._real().size}")
            self.databases.append(clone)
            self.truth.say("made", clone.name)
        self.places[2] = clone

    def _rest(self) -> None:
        """Nothing goes wrong any more, and the operator puts the right database in place."""
        self.truth.say("rest")
        self.network.bad = False
        real = self._real()
        for database in self.databases:
            if database.limbo is not None:
                database.limbo = None
        for number in range(3):
            if self.places[number] is not real:
                self._kill(number)
        self.places = [real, real, None]

    def _real(self) -> Database:
        """The database whose history was signed last, as far as the guard knows."""
        head = self.guard.head() if self.guard else None
        if head is None or head.size == 0:
            return self.databases[0]
        for database in self.databases:
            note = database.store.checkpoint(head.size)
            if note is not None and parse_checkpoint(note[1]).root == head.root:
                return database
        raise Broken("I1: the database that was signed last is gone")

    # Who is up.

    def _start_processes(self) -> None:
        for number, database in enumerate(self.places):
            process = self.processes[number]
            if database is None or (process is not None and process.alive):
                continue
            if process is not None and process.failure is not None:
                raise process.failure
            self._start(number, database)

    def _start(self, number: int, database: Database) -> None:
        self._started += 1
        name = f"p{number}.{self._started}"
        self.truth.say(name, "starts on", database.name, "with", database.size)
        try:
            process = Sequencer(
                name, database, _signers()[0], self.guard, self.truth, self.chance,
                lambda: self.network.bad, publishes_unguarded=self.plan.publishes_unguarded,
            )  # fmt: skip
        except Corrupt as error:
            self.truth.say(name, "refuses:", type(error).__name__)
            self.processes[number] = None
            return
        self.processes[number] = process
        process.spawn(cosign_for_ever(process, self.witness, self.network, self.truth, self.chance))


def simulate(seed: int, plan: Plan = Plan()) -> Truth:
    """One world from its beginning to its end; what was true in it.

    Raises:
        Failed: an invariant was broken, or something in it raised; with the trace.
    """
    world = World(seed, plan)
    try:
        run(world.loop, world.live())
    except (Broken, TallystickError, AssertionError) as error:
        raise Failed(seed, error, world.truth) from error
    return world.truth


class Failed(Exception):  # noqa: N818  a name says what happened
    """A world in which something that must be true is not."""

    def __init__(self, seed: int, error: Exception, truth: Truth) -> None:
        super().__init__(
            f"{truth.trace()}\n\nSeed {seed} breaks: {error!r}\nReplay it with:"
            f" TALLYSTICK_TEST_SEED={seed} .venv/bin/python -m pytest tests/simulation -k one_seed"
        )
        self.error = error
