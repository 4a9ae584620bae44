"""Asks all witnesses of a policy at once to cosign a checkpoint, and waits for none too long.

A question that was not answered in time is not called back: over a long way the first one has
to open a connection and to learn the witness's size, and the next one profits from both. A witness
is asked nothing else meanwhile, so each holds up one checkpoint at most.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from tallystick.clock import Clock
from tallystick.errors import Refused
from tallystick.ledger.checkpoint import parse_body, split_note, with_signatures
from tallystick.ledger.witness.asking import Asked, ConsistencyProof, NotCosigned, Question
from tallystick.ledger.witness.policy import Policy

COSIGN_SECONDS_MAX = 1.0
"""Longest wait for all witnesses together."""
GRACE_SECONDS = 0.1
"""How long the others are waited for once the quorum is met."""
LATE_SECONDS_MAX = 10.0
"""How long an answer may come late before the witness counts as dead."""
_LATE = "It had not answered when enough others had."
_TIMED_OUT = "It did not answer in time."
_NO_ADDRESS = "It has no address in the policy."


class Cosigned(msgspec.Struct, frozen=True):
    """A checkpoint with what its witnesses said.

    `note` has their signature lines after its own, in the policy's order. `witnesses` are those
    who cosigned, by their names in the policy; `missing` says of each other why not. `quorum` is
    whether the policy is content.
    """

    note: str
    witnesses: tuple[str, ...]
    missing: dict[str, str]
    quorum: bool


@dataclass(frozen=True)
class _Late:
    """A question whose answer may still come."""

    task: asyncio.Task[str]
    question: Question


class Cosigner:
    """Collects cosignatures for one log; one checkpoint at a time, others wait their turn.

    Made and closed where an event loop runs. What it remembers of the witnesses it may forget.
    """

    def __init__(
        self,
        policy: Policy,
        clock: Clock,
        *,
        seconds_max: float = COSIGN_SECONDS_MAX,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Ask those witnesses of the policy that have an address.

        Raises:
            Refused: `BAD_POLICY`, an address is not one of HTTP, or the witnesses that have one
                cannot meet the quorum.
        """
        self.policy = policy
        self._clock = clock
        self._seconds_max = seconds_max
        self._grace_seconds = grace_seconds
        self._asked = {w.name: Asked(w) for w in policy.witnesses if w.url is not None}
        if not policy.quorum_met(self._asked):
            raise Refused("BAD_POLICY", "Too few witnesses of the policy have an address.")
        self._late: dict[str, _Late] = {}
        """What was asked, and not answered in time; at most once for each witness."""
        self._turn = asyncio.Lock()
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=LATE_SECONDS_MAX,
            headers={"Accept-Encoding": "identity", "User-Agent": "tallystick"},
        )

    async def cosign(self, note: str, consistency_proof: ConsistencyProof) -> Cosigned:
        """The note with the cosignatures that could be had in time.

        Never fails for a witness's sake, and once its turn has come takes at most `seconds_max`.
        `consistency_proof` is called on the event loop, once or twice for each witness.

        Raises:
            NoteError: the note is no signed checkpoint.
        """
        text, _ = split_note(note)
        question = Question(note, text, parse_body(text), consistency_proof)
        async with self._turn:
            found = await self._collect(question)
        names = tuple(w.name for w in self.policy.witnesses if w.name in found)
        return Cosigned(
            note=with_signatures(note, (found[name] for name in names)),
            witnesses=names,
            missing={
                w.name: self._why(w.name) for w in self.policy.witnesses if w.name not in found
            },
            quorum=self.policy.quorum_met(names),
        )

    async def aclose(self) -> None:
        """Let go of all connections, and of answers that may still come."""
        await _end(late.task for late in self._late.values())
        await self._client.aclose()

    async def _collect(self, question: Question) -> dict[str, str]:
        """The signature line of each witness that cosigned, by its name."""
        found = self._take_late(question)
        now_ns = self._clock.monotonic_ns()
        asking = {
            asked.name: asyncio.create_task(self._ask(asked, question))
            for asked in self._asked.values()
            if asked.name not in found
            and asked.name not in self._late
            and asked.rest_until_ns <= now_ns
        }
        try:
            reason = await self._wait(asking, found)
        except BaseException:
            await _end(asking.values())
            raise
        for name, task in asking.items():
            if task.done():
                found |= self._settle(name, task, question)
            else:
                self._asked[name].missed(reason)
                self._late[name] = _Late(task, question)
        return found

    async def _ask(self, asked: Asked, question: Question) -> str:
        try:
            async with asyncio.timeout(LATE_SECONDS_MAX):
                return await asked.ask(self._client, question)
        except TimeoutError as error:
            raise NotCosigned(_TIMED_OUT) from error

    def _take_late(self, question: Question) -> dict[str, str]:
        """Answers that came since the last time; a line counts if it is to the same question."""
        found: dict[str, str] = {}
        for name, late in list(self._late.items()):
            if late.task.done():
                del self._late[name]
                timely = late.question.text == question.text
                found |= self._settle(name, late.task, late.question, timely=timely)
        return found

    def _settle(
        self, name: str, task: asyncio.Task[str], question: Question, *, timely: bool = True
    ) -> dict[str, str]:
        """The line that was given, if one was in time; remembers what became of it."""
        asked = self._asked[name]
        if isinstance(failure := task.exception(), NotCosigned):
            asked.failed(str(failure), self._clock.monotonic_ns())
            return {}
        line = task.result()
        asked.cosigned(question.checkpoint.size, timely=timely)
        return {name: line} if timely else {}

    async def _wait(self, asking: Mapping[str, asyncio.Task[str]], found: Collection[str]) -> str:
        """Until all have answered or time is up; what to say of those who had not."""
        limit = asyncio.create_task(self._clock.sleep(self._seconds_max))
        timers = {limit}
        try:
            while waiting := {task for task in asking.values() if not task.done()}:
                if len(timers) == 1 and self._enough(asking, found):
                    timers.add(asyncio.create_task(self._clock.sleep(self._grace_seconds)))
                done, _ = await asyncio.wait(waiting | timers, return_when=asyncio.FIRST_COMPLETED)
                if done & timers:
                    return _TIMED_OUT if limit in done else _LATE
            return _TIMED_OUT
        finally:
            await _end(timers)

    def _enough(self, asking: Mapping[str, asyncio.Task[str]], found: Collection[str]) -> bool:
        answered = {n for n, task in asking.items() if task.done() and not task.exception()}
        return bool(answered or found) and self.policy.quorum_met(answered.union(found))

    def _why(self, name: str) -> str:
        asked = self._asked.get(name)
        return _NO_ADDRESS if asked is None else asked.reason or _LATE


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Let none of them run on."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
