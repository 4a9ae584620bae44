"""How detection stands: what the detection process says of itself, for whoever operates it."""

import msgspec

from tallystick.watch.detect.drift.state import DriftState


class DetectorState(msgspec.Struct, frozen=True):
    """One detector, and how many anomalies it found since the start."""

    name: str
    findings: int


class DetectionState(msgspec.Struct, frozen=True):
    """The detection process, as it said last.

    `on` is whether there is to be one (TALLYSTICK_DETECTION), `running` whether there is one now,
    `starts` how often it was started. `position` is the next
    ledger entry's that it will look at. `observed` counts observations, `unreadable` entries that
    could not be read, both since its start. `held_streams` counts those whose anomalies are held
    back now, by what was dismissed.
    """

    on: bool = True
    running: bool = False
    model: str = ""
    challenger: str | None = None
    position: int = 0
    observed: int = 0
    unreadable: int = 0
    starts: int = 0
    resident_bytes: int = 0
    held_streams: int = 0
    detectors: tuple[DetectorState, ...] = ()
    drift: tuple[DriftState, ...] = ()
