"""Saved searches: durable, whole, bounded."""

from pathlib import Path

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Misconfigured, Refused
from tallystick.watch.collect.search import saved as saved_module
from tallystick.watch.collect.search.saved import SavedSearches, check_name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where they are kept; the folder is not there yet."""
    return tmp_path / "data" / "searches.json"


def test_what_was_saved_is_there_after_a_start(path: Path) -> None:
    """All members come back, by name, from the file alone."""
    kept = SavedSearches(path, ManualClock())
    slow = kept.put("slow", "duration_us>500000", "ada", description="Too slow.", earliest="-1h")
    kept.put("errors", "severity=ERROR", "bob")

    again = SavedSearches(path, ManualClock())

    assert [each.name for each in again.all()] == ["errors", "slow"]
    assert again.get("slow") == slow
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_name_is_taken_over_and_removed(path: Path) -> None:
    """The newest query holds; what is removed is unknown, also after a start."""
    kept = SavedSearches(path, ManualClock())
    kept.put("x", "one", "ada")
    kept.put("x", "two", "bob")
    assert kept.get("x").query == "two"
    assert kept.remove("x").author == "bob"
    for each in (kept, SavedSearches(path, ManualClock())):
        with pytest.raises(Refused, match="There is no saved search 'x'") as refusal:
            each.get("x")
        assert refusal.value.code == "UNKNOWN_SEARCH"


@pytest.mark.parametrize("name", ["", " x", "x ", "a/b", "_new", "a\nb", "x" * 101])
def test_names_that_cannot_be(name: str) -> None:
    """They would not fit into a path, or not be told from Splunk's own."""
    with pytest.raises(Refused, match="name") as refusal:
        check_name(name)
    assert refusal.value.field == "name"


def test_there_are_only_so_many(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next new name is refused; a known one can still be changed."""
    monkeypatch.setattr(saved_module, "SAVED_SEARCHES_MAX", 1)
    kept = SavedSearches(path, ManualClock())
    kept.put("a", "one", "ada")
    kept.put("a", "two", "ada")
    with pytest.raises(Refused) as refusal:
        kept.put("b", "one", "ada")
    assert refusal.value.code == "SEARCHES_TOO_MANY"


def test_a_damaged_file_is_said(path: Path) -> None:
    """Nobody's searches are written over because the file could not be read."""
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(Misconfigured, match="does not hold saved searches"):
        SavedSearches(path, ManualClock())
