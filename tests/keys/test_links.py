"""The key of links: made once, kept to its owner, and never taken from a file that is not one."""

import stat
from pathlib import Path

import pytest

from tallystick.errors import Misconfigured
from tallystick.keys.links import LINK_KEY_BYTES, open_link_key


def test_it_is_made_at_the_first_start_and_stays(tmp_path: Path) -> None:
    """In a folder and a file that only their owner may read."""
    folder = tmp_path / "keys"
    key = open_link_key(folder)
    assert len(key) == LINK_KEY_BYTES
    assert open_link_key(folder) == key
    assert stat.S_IMODE((folder / "links.key").stat().st_mode) == 0o600
    assert open_link_key(tmp_path / "others") != key


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """With what to do about it."""
    open_link_key(tmp_path)
    (tmp_path / "links.key").chmod(0o644)
    with pytest.raises(Misconfigured, match="run: chmod 600"):
        open_link_key(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "TALLYSTICK+LINKS+", "TALLYSTICK+LINKS+c2hvcnQ=", "TALLYSTICK+LINKS+!", "AAAA" * 11, "é"],
)
def test_what_is_no_key_is_refused_without_a_word_of_it(tmp_path: Path, text: str) -> None:
    """Another file's content is not said."""
    path = tmp_path / "links.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Misconfigured, match=r"links\.key does not hold a key for links\.$"):
        open_link_key(tmp_path)
