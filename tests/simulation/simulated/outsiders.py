"""Those outside: clients who want receipts, a follower who trusts nobody, a witness, a cosigner."""

import asyncio
import random
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus

from simulated.loop import VirtualClock
from simulated.network import Lost, Network, Process
from simulated.sequencer import Sequencer
from simulated.truth import Broken, Truth, mth
from tallystick.errors import Refused, TallystickError
from tallystick.keys import Signer
from tallystick.ledger.checkpoint import Checkpoint, VerifierKey, parse_body, verify_note
from tallystick.ledger.merkle import verify_consistency
from tallystick.ledger.witness.core import (
    Head,
    MemoryHeads,
    Submission,
    Witness,
    admit,
    decide,
    logs_of,
)
from tallystick.ledger.witness.protocol import AddCheckpoint, encode_request, parse_size

RETRY_SECONDS = 0.3
ASK_SECONDS = 0.7
ROWS_MAX = 7
CONFLICTS_MAX = 2

AnyProcess = Callable[[], Sequencer | None]
"""A process that answers to the product's name at the moment, as a load balancer picks one."""


class Client:
    """Wants each of its keys settled, asks until they are, and now and then asks again."""

    def __init__(self, name: str, keys: int, any_process: AnyProcess, truth: Truth) -> None:
        self.left = [f"{name}-{number}" for number in range(keys)]
        self._any_process = any_process
        self._truth = truth

    async def run(self, network: Network, chance: random.Random) -> None:
        """Until the last key is settled."""
        while self.left:
            key = self.left[0]
            if await self._ask(key, network):
                self.left.pop(0)
                if chance.random() < 0.3:
                    await self._ask(key, network)
            await asyncio.sleep(chance.uniform(0, RETRY_SECONDS))

    async def _ask(self, key: str, network: Network) -> bool:
        process = self._any_process()
        if process is None:
            return False
        try:
            receipt = await network.call(process, process.submit, key)
        except (Lost, TallystickError) as error:
            self._truth.say(key, "is not settled by", process.name, type(error).__name__)
            return False
        self._truth.say(key, "is settled by", process.name, "at", receipt.position)
        self._truth.acknowledge(key, receipt)
        return True


class Follower:
    """Keeps the newest checkpoint it saw and every entry, and takes nobody's word for anything."""

    def __init__(self, vkey: VerifierKey, any_process: AnyProcess, truth: Truth) -> None:
        self.head: Checkpoint | None = None
        self.leaves: list[bytes] = []
        self._vkey = vkey
        self._any_process = any_process
        self._truth = truth

    async def run(self, network: Network) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(ASK_SECONDS)
            process = self._any_process()
            if process is None:
                continue
            try:
                await self._take_checkpoint(network, process)
                await self._take_rows(network, process)
            except (Lost, TallystickError) as error:
                self._truth.say("the follower hears nothing of", process.name, error)

    async def _take_checkpoint(self, network: Network, process: Sequencer) -> None:
        note = await network.call(process, process.checkpoint)
        if not note:
            return
        new = parse_body(verify_note(note, [self._vkey]).text)
        old = self.head or new
        first, last = sorted((old, new), key=lambda each: each.size)
        proof = await network.call(process, process.proof, first.size, last.size)
        try:
            verify_consistency(
                size1=first.size, size2=last.size, proof=proof, root1=first.root, root2=last.root
            )
        except TallystickError as error:
            raise Broken(f"I2: the follower was shown inconsistent heads, {error}") from error
        self.head = last

    async def _take_rows(self, network: Network, process: Sequencer) -> None:
        start, rows = await network.call(process, process.rows, len(self.leaves), ROWS_MAX)
        leaves = [sha256(b"\x00" + row.entry).digest() for row in rows]
        known = self.leaves[start : start + len(leaves)]
        if start > len(self.leaves) or leaves[: len(known)] != known:
            raise Broken(f"I4: the follower was shown other entries at {start}")
        self.leaves += leaves[len(known) :]
        head = self.head
        if head and head.size <= len(self.leaves) and mth(self.leaves[: head.size]) != head.root:
            raise Broken(f"I4: the entries up to {head.size} are not those of the checkpoint")


class SimulatedWitness(Process):
    """The product's witness, at the end of a bad line; `racing` looks and stores at two moments."""

    def __init__(
        self, signer: Signer, log: VerifierKey, clock: VirtualClock, chance: random.Random
    ) -> None:
        super().__init__("the witness")
        self.racing = False
        self._heads = MemoryHeads()
        self._witness = Witness(signer, logs_of([log]), self._heads, clock)
        self._chance = chance

    async def add_checkpoint(self, request: bytes) -> tuple[HTTPStatus, bytes]:
        """The answer to the body of a POST."""
        if self.racing:
            return await self._race(request)
        answer = self._witness.add_checkpoint(request)
        return answer.status, answer.body.encode()

    async def _race(self, request: bytes) -> tuple[HTTPStatus, bytes]:
        submission = admit(self._witness.logs, request)
        assert isinstance(submission, Submission)
        origin = submission.checkpoint.origin
        head: Head | None = self._heads.heads.get(origin)
        verdict, new = decide(head, submission)
        await asyncio.sleep(self._chance.uniform(0, 0.5))
        if new is not None:
            self._heads.heads[origin] = new
        return verdict.status, f"{verdict.size}\n".encode()


async def cosign_for_ever(
    process: Sequencer,
    witness: SimulatedWitness,
    network: Network,
    truth: Truth,
    chance: random.Random,
) -> None:
    """Ask the witness to cosign whatever this process published."""
    old = 0
    while True:
        await asyncio.sleep(ASK_SECONDS)
        note = process.published
        if not note:
            continue
        head = parse_body(note.rpartition("\n\n")[0] + "\n")
        if old == head.size and chance.random() < 0.8:
            continue
        for _ in range(CONFLICTS_MAX):
            if old > head.size:
                break
            try:
                # Refused while this process has not taken in what another one published.
                proof = await process.proof(old, head.size)
                request = encode_request(AddCheckpoint(old, tuple(proof), note))
                status, body = await network.call(witness, witness.add_checkpoint, request)
            except (Lost, Refused):
                break
            truth.say(process.name, "asks the witness for", head.size, "from", old, status)
            if status is HTTPStatus.OK:
                leaves = process.database.leaves(head.size)
                truth.cosigned.extend(head.size, head.root, leaves)
                old = head.size
                break
            if status is not HTTPStatus.CONFLICT:
                break
            old = parse_size(body)
