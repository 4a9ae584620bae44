"""Log silence: has a service stopped to log, against its own rhythm?

A service that says nothing any more raises no error anywhere: that it is silent is the only sign.
Hours in which it is usually silent do not count, and neither does the first weekend.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.observation import LogSeen, Observation, TimeSeen
from tallystick.watch.detect.operations.kernels import SKETCH_WIDTH, Said
from tallystick.watch.detect.operations.logs import kernels as k
from tallystick.watch.detect.operations.rhythm.kernels import (
    CELLS_WIDTH,
    CLOCK_WIDTH,
    RHYTHM_WIDTH,
    Rhythms,
)
from tallystick.watch.detect.operations.slots import SavedSlots, Slots
from tallystick.watch.detect.operations.wording import span, stamp, surprise, time_of_day
from tallystick.watch.detect.score import (
    ALARM_P_MAX,
    Contribution,
    Example,
    Finding,
    Judged,
    Reason,
)
from tallystick.watch.detect.wording import once_in, rounded

SERVICES_MAX = 2_000
"""Most services (of an index each) that are known at once."""
ROWS_MAX = 512
REFRACTORY_SECONDS = 60.0
_SECONDS_MAX = 4e9
_COLUMNS = {
    "lines": ("f8", RHYTHM_WIDTH),
    "cells": ("f8", CELLS_WIDTH),
    "gaps": ("f4", SKETCH_WIDTH),
}


class _Saved(msgspec.Struct, tag="services", forbid_unknown_fields=True):
    clock: bytes
    services: SavedSlots


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class LogSilence:
    """Scores lines by the gap before them, and every second by who is silent."""

    names = ("log_silence",)
    observes = (LogSeen, TimeSeen)

    def __init__(self, entities_max: int = SERVICES_MAX, alarm_p: float = ALARM_P_MAX) -> None:
        self._alarm_p = alarm_p
        self._clock = np.zeros(CLOCK_WIDTH)
        self._services = Slots(_COLUMNS, entities_max)

    def __len__(self) -> int:
        return len(self._services)

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Score lines and seconds."""
        places = [
            place
            for place, seen in enumerate(batch)
            if type(seen) is LogSeen
            or (type(seen) is TimeSeen and 0 <= seen.at_seconds < _SECONDS_MAX)
        ]
        p_values = np.full(len(batch), np.nan)
        findings: list[Finding] = []
        start = 0
        while start < len(places):
            names = [_name(batch[place]) for place in places[start : start + ROWS_MAX]]
            some = places[start : start + self._services.safe(names)]
            at = np.array([batch[place].at_seconds for place in some], np.float64)
            judged, found = self._judge(names[: len(some)], at)
            p_values[some] = judged
            findings += [self._finding(line, some[int(line[k.F_ROW])]) for line in found]
            start += len(some)
        return Judged(p_values.tolist(), findings)

    def snapshot(self) -> bytes:
        """All services."""
        return _ENCODER.encode(_Saved(self._clock.tobytes(), self._services.save()))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        saved = _DECODER.decode(data)
        clock = np.frombuffer(saved.clock).copy()
        if clock.size != CLOCK_WIDTH:
            raise ValueError("this clock is of another detector")
        self._services.load(saved.services)
        self._clock = clock

    def _judge(
        self, names: Sequence[str | None], at: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        services = self._services
        slots = services.rows(names)
        p_values = np.full(len(names), np.nan)
        found = np.zeros((sum(name is None for name in names) * len(services), k.FOUND_WIDTH))
        known = Rhythms(
            services.numbers("lines"), services.numbers("cells"), services.sketches("gaps")
        )
        said = Said(p_values, found)
        number = k.judge_services(slots, at, self._clock, known, len(services), self._alarm_p, said)
        return p_values, found[:number]

    def _finding(self, line: NDArray[np.float64], row: int) -> Finding:
        name = self._services.name(int(line[k.F_SLOT]))
        return Finding(
            row=row,
            detector="log_silence",
            family="operations",
            entity=name,
            p_value=float(line[k.F_P]),
            refractory_seconds=REFRACTORY_SECONDS,
            reason=_reason(name, line),
        )


def _name(seen: Observation) -> str | None:
    """Whose line it is; None for a tick of time."""
    return f"{seen.index} {seen.service}" if type(seen) is LogSeen else None


def _reason(name: str, line: NDArray[np.float64]) -> Reason:
    p_value, age, last, half, most = (
        float(line[at]) for at in (k.F_P, k.F_AGE, k.F_LAST, k.F_HALF, k.F_MOST)
    )
    index, _, service = name.partition(" ")
    came = f"no log line for {span(age)}"
    expected = f"some every {span(half)}, 99 % within {span(most)}"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{service} has said nothing in the index {index}: {came}; at this hour usually "
            f"{expected} ({once_in(p_value)})."
        ),
        contributions=(
            Contribution("log_age", "s", rounded(age), 0.0, rounded(most), surprise(p_value)),
        ),
        nearest=(
            Example(stamp(last), f"{service} logged{time_of_day(last)}") if stamp(last) else None
        ),
    )
