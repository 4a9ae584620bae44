"""The server's end: starts the detection process, feeds it, hears it, starts it again when it ends.

Entries come from the relay in ledger order and wait for the process as long as it needs; nothing
of them can be lost. Calls, prices and log counts do not wait: of those the oldest are let go.
"""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

import structlog

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Corrupt, TemporaryError
from tallystick.limits import DETECT_SEEN_MAX
from tallystick.stream import Message
from tallystick.stream.relay import Consumer
from tallystick.watch.detect.found.state import DetectionState, DetectorState
from tallystick.watch.detect.models.comparison import Comparison
from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.score import Anomaly
from tallystick.wiring.detecting.frames import (
    Begun,
    Challenge,
    Entries,
    Found,
    Frames,
    Heard,
    Seen,
    Standing,
    State,
    ToChild,
    ToParent,
    frame,
)

READ_BYTES = 1 << 18
GATHER_MAX = 512
"""Most entries that gather; those of a quiet moment are handed over at once."""
SEEN_SECONDS = 0.1
"""How often what has gathered, and what is not on the ledger, is handed over."""
BEGIN_SECONDS_MAX = 300
"""How long a start may take: the detectors are compiled at the first one."""
END_SECONDS_MAX = 10
"""How long the process may take to keep what it learnt."""
PAUSE_SECONDS = (1, 2, 5, 15, 60)
"""Before each further start of a process that ended by itself; the last one repeats."""
CALM_SECONDS = 300
"""A process that ran this long has shown that it can: the pauses begin anew."""
TELL_SECONDS = 1
"""Before anomalies are told again to one who could not take them."""

_MODULE = "tallystick.wiring.detecting"
_PASSED = (
    "HOME", "LANG", "LC_", "PATH", "PYTHON", "SSL_CERT_", "TMPDIR", "TZ", "VIRTUAL_ENV",
    "NUMBA_", "OMP_", "OPENBLAS_", "MKL_",
    "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
)  # fmt: skip
"""Beginnings of the variables that detection is given: what starts Python, how its libraries
compute, where a hosted challenger's keys are. The server's own secrets are none of its business."""
_SET = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
"""Room for all the accounts that there may ever be costs nothing while it is untouched: glibc must
ask the system for it each time. Left alone it soon reuses, and so touches, what was freed, and
after some changes of the challenger the process holds gigabytes."""
_log = structlog.get_logger("wiring")


Feed = Callable[[str, Consumer, int | None], Awaitable[None]]
"""The relay's `feed`: hands entries to a consumer in order, from a position on, for ever."""


class DetectionProcess:
    """Detection, seen from the server; on the event loop's thread.

    `told` is called with anomalies, oldest first, and must have them on disk when it returns; when
    it raises TemporaryError they are told again. The same anomaly may be told more than once.
    `state` is the last that the process said of itself, None while there is none.
    """

    def __init__(
        self, folder: Path, feed: Feed, told: Callable[[list[Anomaly]], None], clock: Clock
    ) -> None:
        self.state: State | None = None
        self.standing: Standing | None = None
        self.model = ""
        self.starts = 0
        self.pid = 0
        self._folder = folder
        self._entries = feed
        self._told = told
        self._clock = clock
        self._seen: deque[Observation] = deque(maxlen=DETECT_SEEN_MAX)
        self._begun = asyncio.Event()
        self._position = 0
        self._gathered: list[tuple[int, bytes]] = []  # bounded by: GATHER_MAX and one message more
        self._handed_ns = 0
        self._challenger: str | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ending = False

    def offer(self, observation: Observation) -> None:
        """Something that is not on the ledger; from any thread."""
        self._seen.append(observation)

    def challenge(self, version: str | None) -> None:
        """Let a version watch in the shadow, or none; also in each process to come."""
        self._challenger = version
        if self._writer is not None:
            self._writer.write(frame(Challenge(version)))

    def comparison(self) -> Comparison | None:
        """What champion and challenger found since the challenge."""
        return None if self.standing is None else self.standing.comparison

    def stands(self) -> DetectionState:
        """How detection stands, as it was said last."""
        state, standing = self.state, self.standing
        if state is None:
            return DetectionState(model=self.model, starts=self.starts, position=self._position)
        return DetectionState(
            running=True,
            model=self.model,
            position=state.position,
            observed=state.observed,
            unreadable=state.unreadable,
            starts=self.starts,
            resident_bytes=state.resident_bytes,
            challenger=None if standing is None else standing.challenger,
            held_streams=0 if standing is None else standing.held_streams,
            detectors=() if standing is None else _states(standing.findings),
            drift=() if standing is None else standing.drift,
        )

    async def run(self) -> None:
        """Keep a detection process for ever; cancelled, it ends in good order."""
        ended = 0
        while True:
            began_ns = self._clock.monotonic_ns()
            await self._run_once()
            calm = self._clock.monotonic_ns() - began_ns > CALM_SECONDS * NS_PER_SECOND
            ended = 1 if calm else ended + 1
            pause = PAUSE_SECONDS[min(ended, len(PAUSE_SECONDS)) - 1]
            sentence = f"The detection process has ended; it starts again in {pause} s."
            _log.error("detect.process_ended", body=sentence, ended=ended)
            await self._clock.sleep(pause)

    async def _run_once(self) -> None:
        self._begun.clear()
        self._gathered = []  # the next process says from where it wants them
        self._ending = False
        self.starts += 1
        self._folder.mkdir(exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", _MODULE, str(self._folder),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env=_environment(), start_new_session=True,
        )  # fmt: skip
        self.pid = process.pid
        writer = cast("asyncio.StreamWriter", process.stdin)
        reader = cast("asyncio.StreamReader", process.stdout)
        hearing = asyncio.create_task(self._hear(reader, writer), name="detect-hear")
        feeding = asyncio.create_task(self._feed(writer), name="detect-feed")
        handing = asyncio.create_task(self._hand_over(writer), name="detect-hand")
        try:
            await asyncio.wait((hearing, feeding, handing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._ending = True
            self._writer = None
            for task in (feeding, handing):
                task.cancel()
            ends = await asyncio.gather(feeding, handing, return_exceptions=True)
            writer.close()
            await self._end(process, hearing)
            self.state = self.standing = None
        (heard,) = await asyncio.gather(hearing, return_exceptions=True)
        for error in (*ends, heard):
            # A pipe that broke, or what cannot be read, is told by the end of the process.
            if isinstance(error, Exception) and not isinstance(error, (ConnectionError, Corrupt)):
                raise error

    async def _end(self, process: Process, hearing: "asyncio.Task[None]") -> None:
        """Let it keep what it learnt; one that does not come to an end is killed.

        One that has not begun has learnt nothing: it may be in the middle of being compiled.
        """
        if not self._begun.is_set():
            _kill(process)
        try:
            async with asyncio.timeout(END_SECONDS_MAX):
                await asyncio.gather(hearing, return_exceptions=True)
                await process.wait()
        except TimeoutError:
            _log.warning("detect.process_killed", body="It did not end in time.")
            _kill(process)
            await process.wait()

    async def _feed(self, writer: asyncio.StreamWriter) -> None:
        """Entries, from where the process wants them."""
        async with asyncio.timeout(BEGIN_SECONDS_MAX):
            await self._begun.wait()

        async def consume(messages: list[Message]) -> None:
            self._gathered += ((each.position, each.body) for each in messages)
            waited_ns = self._clock.monotonic_ns() - self._handed_ns
            if len(self._gathered) >= GATHER_MAX or waited_ns >= SEEN_SECONDS * NS_PER_SECOND:
                await self._hand_entries(writer)

        await self._entries("detect", consume, self._position)

    async def _hand_entries(self, writer: asyncio.StreamWriter) -> None:
        """Those that have gathered: detectors need half the time for hundreds at once."""
        self._handed_ns = self._clock.monotonic_ns()
        entries, self._gathered = self._gathered, []
        if entries:
            await _say(writer, Entries(entries))

    async def _hand_over(self, writer: asyncio.StreamWriter) -> None:
        """What has gathered, and what is not on the ledger, a few times a second."""
        await self._begun.wait()
        while True:
            await self._hand_entries(writer)
            seen = self._seen
            if seen:
                await _say(writer, Seen([seen.popleft() for _ in range(len(seen))]))
            await self._clock.sleep(SEEN_SECONDS)

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = Frames[ToParent](ToParent)
        while piece := await reader.read(READ_BYTES):
            for said in frames.feed(piece):
                if isinstance(said, Found):
                    if await self._tell(said.anomalies):
                        await _say(writer, Heard(said.number))
                elif isinstance(said, State):
                    self.state = said
                elif isinstance(said, Standing):
                    self._stand(said)
                else:
                    self._begin(said)
                    self._writer = writer
                    await _say(writer, Challenge(self._challenger))

    def _stand(self, said: Standing) -> None:
        if not said.kept and (self.standing is None or self.standing.kept):
            sentence = "What detection learnt cannot be written to disk; it is tried again."
            _log.error("detect.state_not_kept", body=sentence)
        self.standing, self.model = said, said.model
        for note in said.notes:
            _log.warning("detect.noted", body=note)

    def _begin(self, said: Begun) -> None:
        self._position, self.model = said.position, said.model
        if said.note:
            _log.warning("detect.state_unreadable", body=said.note)
        _log.info("detect.begun", position=said.position, model=said.model)
        self._begun.set()

    async def _tell(self, anomalies: list[Anomaly]) -> bool:
        """Whether they are on disk now; False at an end: the next start brings them again."""
        while True:
            try:
                self._told(anomalies)
            except TemporaryError as error:
                _log.warning("detect.told_later", body=str(error))
                if self._ending:
                    return False
                await self._clock.sleep(TELL_SECONDS)
            else:
                return True


def _kill(process: Process) -> None:
    """End a process now; uvloop, unlike asyncio, refuses to kill one that has ended already."""
    with suppress(ProcessLookupError):
        process.kill()


async def _say(writer: asyncio.StreamWriter, value: ToChild) -> None:
    writer.write(frame(value))
    await writer.drain()


def _states(findings: dict[str, int]) -> tuple[DetectorState, ...]:
    return tuple(DetectorState(name, count) for name, count in findings.items())


def _environment() -> dict[str, str]:
    """What detection needs of this process's."""
    return {k: v for k, v in os.environ.items() if k.startswith(_PASSED)} | _SET
