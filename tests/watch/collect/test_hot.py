"""The hot segment: what a crash can leave of it, byte by byte."""

from pathlib import Path

import pytest

from tallystick.watch.collect.hot import HotSegment

LINES = [b'{"n":1}', b'{"body":"\xc3\xa9"}', b'{"n":3}']
BLOCK = b"\n".join(LINES) + b"\n"


@pytest.mark.parametrize("kept", range(len(BLOCK) + 1))
def test_every_torn_end_is_cut_to_whole_lines(tmp_path: Path, kept: int) -> None:
    """Cut anywhere, the segment has the whole lines before and can grow from there."""
    path = tmp_path / "hot-000000000000005.jsonl"
    path.write_bytes(BLOCK[:kept])
    segment, cut_bytes = HotSegment.recover(path, 5)
    whole = BLOCK[:kept].count(b"\n")
    assert (segment.lines, segment.end, segment.size + cut_bytes) == (whole, 5 + whole, kept)
    segment.append(b'{"n":4}\n', 1)
    assert segment.read().encode().split(b"\n") == [*LINES[:whole], b'{"n":4}']
    segment.close()


@pytest.mark.parametrize("damage", [bytes(8), b"\n", b"\xff\n", b'{"n":\n2}\n'])
def test_nothing_after_the_first_damage_is_kept(tmp_path: Path, damage: bytes) -> None:
    """A page that never reached the disk may be zeros; what follows was not acknowledged."""
    path = tmp_path / "hot-000000000000001.jsonl"
    path.write_bytes(BLOCK + damage + b'{"n":9}\n')
    segment, cut_bytes = HotSegment.recover(path, 1)
    assert (segment.lines, cut_bytes) == (3, len(damage) + 8)
    assert path.read_bytes() == BLOCK
    segment.close()
