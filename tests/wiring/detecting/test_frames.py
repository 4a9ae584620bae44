"""Frames arrive as they were sent, however the pipe cuts them."""

import re
import struct

import pytest

from tallystick.errors import Corrupt
from tallystick.limits import DETECT_FRAME_BYTES_MAX
from tallystick.watch.detect.observation import CallSeen, TimeSeen
from tallystick.watch.detect.watcher import anomaly_id
from tallystick.wiring.detecting.frames import (
    Challenge,
    Entries,
    Frames,
    Heard,
    Seen,
    ToChild,
    frame,
)

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


ODD = {
    "a lone surrogate": "ac\ud800me",
    "surrogates the wrong way round": "\udc00\ud800",
    "a NUL": "ac\0me",
    "control characters": "\x1b[31mac\nme",
    "right to left": "\u202eemca",
    "an emoji": "\N{RAINBOW}",
    "long": "a" * 10_000,
    "none at all": "",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_whatever_text_comes_can_be_said(text: str) -> None:
    """A name goes through as it is, or with `?` where UTF-8 has no bytes; the rest is kept."""
    seen = Seen([CallSeen("t", 1.0, f"GET /{text}", 200, 3.0, text, text, text)])
    [heard] = Frames[ToChild](ToChild).feed(frame(seen))

    said = text.encode(errors="replace").decode()
    assert heard == Seen([CallSeen("t", 1.0, f"GET /{said}", 200, 3.0, said, said, said)])
    assert [*Frames[ToChild](ToChild).feed(frame(Challenge(text)))] == [Challenge(said)]


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_whatever_text_comes_has_an_id(text: str) -> None:
    """Always the same, in letters that a URL takes."""
    name = anomaly_id("route_errors", None, text)
    assert name == anomaly_id("route_errors", None, text)
    assert re.fullmatch(r"route_errors-[0-9a-f]{16}", name)


def test_bytes_that_are_no_text_are_refused() -> None:
    """A name that is no UTF-8 ends the pipe, and not the reader's own loop."""
    broken = frame(Challenge("acme")).replace(b"acme", b"ac\xffe")
    with pytest.raises(Corrupt):
        list(Frames[ToChild](ToChild).feed(broken))
