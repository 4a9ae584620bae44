"""The detection process: one thread that reads frames, asks the detectors and says what they found.

It ends when its input ends, so it never outlives its server. What it learnt is written by a fork of
it: the fork sees memory as it was at that moment, and looking at new entries goes on meanwhile.
"""

import os
import resource
import select
from collections import deque
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock, SystemClock, parse_own_stamp
from tallystick.durable import replace_file
from tallystick.errors import Corrupt
from tallystick.limits import DETECT_UNTOLD_MAX
from tallystick.stream.message import Message
from tallystick.watch.detect.detection import Detection
from tallystick.watch.detect.detectors import build
from tallystick.watch.detect.models import Registry, model_of
from tallystick.watch.detect.models.desk import MODELS
from tallystick.watch.detect.score import Anomaly
from tallystick.watch.detect.warming import warm_up
from tallystick.wiring.detecting.frames import (
    Begun,
    Challenge,
    Entries,
    Found,
    Frames,
    Seen,
    Standing,
    State,
    ToChild,
    ToParent,
    frame,
)

READ_BYTES = 1 << 20
STATE = "state"
"""File in the folder of detection: what was learnt."""
SAVE_SECONDS = 30
"""How often what was learnt is kept. Entries since then are fed again after a restart; of what is
not on the ledger this much is lost at most."""
STATE_SECONDS = 0.25
STANDING_SECONDS = 2
LATE_HOURS_MAX = 1.0
"""An order that is looked at later than this is history: a state was lost, or a version changed."""
NICENESS = 5
"""Detection gives way to orders where the machine is full."""


class _Saved(msgspec.Struct):
    v: Literal[1]
    learnt: bytes
    untold: list[Anomaly]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class Child:
    """Detection, its state on disk and its way to the server."""

    def __init__(self, folder: Path, told: int, clock: Clock) -> None:
        self._state = folder / STATE
        self._told = told
        self._clock = clock
        self._folder = folder
        self._detection = self._new()
        self._number = 0
        self._untold: deque[tuple[int, Anomaly]] = deque(maxlen=DETECT_UNTOLD_MAX)
        self._saving: int | None = None
        self._kept = True
        self._saved_ns = self._said_ns = self._stood_ns = clock.monotonic_ns()

    def begin(self) -> None:
        """Go on from what was kept; a state that cannot be read is learnt anew."""
        note, untold = "", list[Anomaly]()
        if self._state.exists():
            try:
                saved = _DECODER.decode(self._state.read_bytes())
                self._detection.restore(saved.learnt)
                untold = saved.untold
            except (ValueError, Corrupt) as error:
                self._detection = self._new()
                note = f"What was learnt cannot be read and is learnt anew: {error}"
        self._say(Begun(self._detection.position, self._detection.model, note))
        self._tell(untold)

    def take(self, said: ToChild) -> None:
        """One frame of the server."""
        if isinstance(said, Entries):
            found = self._detection.take([Message(*row) for row in said.rows])
            self._tell(late_ones_held(found, self._clock.now_ns()))
        elif isinstance(said, Seen):
            self._tell(self._detection.see(said.rows))
        elif isinstance(said, Challenge):
            self._detection.challenge(said.version)
        else:
            while self._untold and self._untold[0][0] <= said.number:
                self._untold.popleft()

    def tend(self) -> None:
        """Between frames: say how things stand, keep what was learnt."""
        now_ns = self._clock.monotonic_ns()
        if self._saving is not None:
            ended, status = os.waitpid(self._saving, os.WNOHANG)
            if ended:
                self._saving = None
                self._kept = status == 0
        if now_ns - self._said_ns >= STATE_SECONDS * NS_PER_SECOND:
            self._said_ns = now_ns
            detection = self._detection
            resident = _resident_bytes()
            self._say(State(detection.position, detection.observed, detection.unreadable, resident))
        if now_ns - self._stood_ns >= STANDING_SECONDS * NS_PER_SECOND:
            self._stood_ns = now_ns
            self._say(self._standing())
        if self._saving is None and now_ns - self._saved_ns >= SAVE_SECONDS * NS_PER_SECOND:
            self._saved_ns = now_ns
            self._saving = self._fork()

    def save(self) -> bool:
        """Keep what was learnt, now; whether it is kept."""
        if self._saving is not None:
            os.waitpid(self._saving, 0)
            self._saving = None
        return self._write()

    def _new(self) -> Detection:
        return Detection(partial(model_of, Registry(self._folder / MODELS)), build)

    def _standing(self) -> Standing:
        detection = self._detection
        return Standing(
            model=detection.model,
            challenger=detection.challenger,
            held_streams=detection.held_streams(self._clock.now_ns() / NS_PER_SECOND),
            findings=detection.findings(),
            drift=detection.drift(),
            comparison=detection.comparison(),
            notes=detection.noted(),
            kept=self._kept,
        )

    def _write(self) -> bool:
        """Whether it is on disk; one that is full is tried again, and the server says so."""
        untold = [anomaly for _number, anomaly in self._untold]
        saved = _ENCODER.encode(_Saved(1, self._detection.snapshot(), untold))
        try:
            replace_file(self._state, saved)
        except OSError:
            return False
        return True

    def _fork(self) -> int:
        pid = os.fork()
        if pid:
            return pid
        failed = 1
        try:
            failed = 0 if self._write() else 1
        finally:
            os._exit(failed)  # the fork must not run what its parent would run at its end

    def _tell(self, found: list[Anomaly]) -> None:
        if found:
            self._number += 1
            self._untold.extend((self._number, anomaly) for anomaly in found)
            self._say(Found(self._number, found))

    def _say(self, value: ToParent) -> None:
        data = memoryview(frame(value))
        while data:
            data = data[os.write(self._told, data) :]


def late_ones_held(found: list[Anomaly], now_ns: int) -> list[Anomaly]:
    """Anomalies that happened long ago alert nobody: they are found because all is read again."""
    told = []
    for each in found:
        hours = (now_ns - parse_own_stamp(each.at)) / NS_PER_SECOND / 3_600
        if each.held is None and hours > LATE_HOURS_MAX:
            why = f"It was found {hours:,.0f} hours after it happened."
            told.append(msgspec.structs.replace(each, held=why))
        else:
            told.append(each)
    return told


def _resident_bytes() -> int:
    """What this process holds in memory now."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except FileNotFoundError:  # not Linux: the most it ever held
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def run(folder: Path, heard: int, told: int) -> int:
    """Detection until the input ends.

    Raises:
        Corrupt: the server said what cannot be read.
    """
    os.nice(NICENESS)
    child = Child(folder, told, SystemClock())
    frames = Frames[ToChild](ToChild)
    try:
        warm_up(build())
        child.begin()
        while True:
            if select.select([heard], [], [], STATE_SECONDS)[0]:
                piece = os.read(heard, READ_BYTES)
                if not piece:
                    break
                for said in frames.feed(piece):
                    child.take(said)
            child.tend()
        kept = child.save()
    except BrokenPipeError:  # the server was killed: its successor feeds the entries again
        return 1
    return 0 if kept else 1
