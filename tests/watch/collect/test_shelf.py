"""The shelf: files by name, and what a crash left of them."""

from pathlib import Path

import pytest

from tallystick.errors import Corrupt
from tallystick.watch.collect.shelf import hot_files, hot_path, publish, sealed_file, sealed_files


def test_names_carry_the_range(tmp_path: Path) -> None:
    """What is written under a name is read back from it, oldest first; strangers are ignored."""
    for first, end in ((10, 15), (1, 10)):
        sealed_file(tmp_path, first, end, 7).path.touch()
    for first in (20, 15):
        hot_path(tmp_path, first).touch()
    (tmp_path / "README").touch()
    assert [(file.first, file.end) for file in sealed_files(tmp_path)] == [(1, 10), (10, 15)]
    assert [first for first, _ in hot_files(tmp_path)] == [15, 20]


def test_leftovers_go(tmp_path: Path) -> None:
    """Unfinished files and the sources of a finished merge are removed."""
    for first, end in ((1, 3), (3, 5), (1, 5), (5, 6)):
        sealed_file(tmp_path, first, end, 7).path.touch()
    (tmp_path / "logs-000000000000006-000000000000009-7.tmp").touch()
    assert [(file.first, file.end) for file in sealed_files(tmp_path)] == [(1, 5), (5, 6)]
    assert len(list(tmp_path.iterdir())) == 2


def test_overlap_is_corrupt(tmp_path: Path) -> None:
    """No crash leaves two files that share some lines."""
    for first, end in ((1, 4), (3, 6)):
        sealed_file(tmp_path, first, end, 7).path.touch()
    with pytest.raises(Corrupt, match="hold the same log lines"):
        sealed_files(tmp_path)


def test_publish_gives_the_name(tmp_path: Path) -> None:
    """The finished file takes its name and the unfinished one is gone."""
    unfinished = tmp_path / "x.tmp"
    unfinished.write_bytes(b"content")
    file = sealed_file(tmp_path, 1, 2, 7)
    publish(unfinished, file)
    assert file.path.read_bytes() == b"content"
    assert not unfinished.exists()
