"""Cursors: where each forwarder goes on."""

from pathlib import Path

import pytest

from tallystick.errors import Corrupt
from tallystick.watch.collect.forward import Cursors


def test_positions_are_kept_by_name(tmp_path: Path) -> None:
    """Another process reads what was kept; a new name is kept at once."""
    path = tmp_path / "forward.json"
    cursors = Cursors(path)
    assert cursors.position("splunk", otherwise=7) == 7
    cursors.keep("otlp", 12)

    again = Cursors(path)

    assert again.position("splunk", otherwise=99) == 7
    assert again.position("otlp", otherwise=99) == 12
    assert path.stat().st_mode & 0o077 == 0


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    """Nobody begins at zero because a file cannot be read."""
    path = tmp_path / "forward.json"
    path.write_text("{")

    with pytest.raises(Corrupt, match=r"forward\.json cannot be read"):
        Cursors(path)
