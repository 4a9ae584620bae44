"""Frames arrive as they were sent, however the pipe cuts them."""

import struct

import pytest

from tallystick.errors import Corrupt
from tallystick.limits import DETECT_FRAME_BYTES_MAX
from tallystick.watch.detect.observation import CallSeen, TimeSeen
from tallystick.wiring.detecting.frames import Entries, Frames, Heard, Seen, ToChild, frame

SAID: list[ToChild] = [
    Entries([(0, b"{}"), (1, b"\x00raw")]),
    Seen([TimeSeen("2026-11-22T10:00:00Z", 1.5), CallSeen("t", 1.0, "GET /", 200, 3.0, None)]),
    Heard(3),
]


@pytest.mark.parametrize("size", [1, 3, 7, 4_096])
def test_frames_survive_any_cut(size: int) -> None:
    """Byte by byte or all at once."""
    data = b"".join(frame(each) for each in SAID)
    frames = Frames[ToChild](ToChild)
    heard = [each for at in range(0, len(data), size) for each in frames.feed(data[at : at + size])]

    assert heard == SAID


@pytest.mark.parametrize(
    "data",
    [struct.pack(">I", DETECT_FRAME_BYTES_MAX + 1), struct.pack(">I", 3) + b"abc"],
    ids=["too long", "no frame"],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    """Before memory is taken for it."""
    with pytest.raises(Corrupt):
        list(Frames[ToChild](ToChild).feed(data))
