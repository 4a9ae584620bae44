"""The hot segment: whatever a crash left of its file, the whole lines before it are there."""

from pathlib import Path

import pytest

from tallystick.watch.collect.store.hot import HotSegment, hot_files

LINES = [b'{"n":1}', b'{"n":22}', b'{"n":"\xc3\xbc"}']
BLOCK = b"\n".join(LINES) + b"\n"


@pytest.mark.parametrize("kept", range(len(BLOCK) + 1))
def test_every_torn_end_is_cut_to_whole_lines(tmp_path: Path, kept: int) -> None:
    """Cut anywhere, the segment has the whole lines before and can grow from there."""
    path = tmp_path / "hot-000000000000005-7.jsonl"
    path.write_bytes(BLOCK[:kept])
    segment, cut_bytes = HotSegment.recover(path)
    whole = BLOCK[:kept].count(b"\n")
    assert (segment.first, segment.opened_ns, segment.lines) == (5, 7, whole)
    assert (segment.end, segment.size + cut_bytes) == (5 + whole, kept)
    segment.append(b'{"n":4}\n', 1)
    assert segment.read(5, 9) == [*LINES[:whole], b'{"n":4}']
    segment.close()


@pytest.mark.parametrize("damage", [bytes(8), b"\n", b"\xff\n", b'{"n":\n2}\n'])
def test_nothing_after_the_first_damage_is_kept(tmp_path: Path, damage: bytes) -> None:
    """A page that never reached the disk may be zeros; what follows was not acknowledged."""
    path = tmp_path / "hot-000000000000001.jsonl"
    path.write_bytes(BLOCK + damage + b'{"n":9}\n')
    segment, cut_bytes = HotSegment.recover(path)
    assert (segment.lines, cut_bytes) == (3, len(damage) + 8)
    assert path.read_bytes() == BLOCK
    segment.close()


def test_any_run_of_lines_is_read(tmp_path: Path) -> None:
    """From blocks of many sizes, before and after the segment is opened again."""
    lines = [b'{"n":%d}' % n for n in range(5_000)]
    segment = HotSegment.create(tmp_path, 100, 7)
    start = 0
    for size in (1, 999, 1, 1_500, 700, 1_799):
        segment.append(b"\n".join(lines[start : start + size]) + b"\n", size)
        start += size
    for _ in range(2):
        for first in (0, 1, 998, 999, 1_000, 1_001, 2_500, 3_200, 4_999):
            for limit in (1, 2, 1_000, 9_999):
                assert segment.read(100 + first, limit) == lines[first : first + limit]
        assert segment.read(5_100, 1) == []
        segment.close()
        segment, cut_bytes = HotSegment.recover(segment.path)
        assert cut_bytes == 0
    segment.close()


def test_segments_are_found_oldest_first(tmp_path: Path) -> None:
    """Those of the release before have no time in their names; other files are none."""
    names = ["hot-000000000000001.jsonl", "hot-000000000000009-3.jsonl"]
    for name in (*reversed(names), "hot-1.jsonl", "manifest.jsonl"):
        (tmp_path / name).touch()
    assert [path.name for path in hot_files(tmp_path)] == names
