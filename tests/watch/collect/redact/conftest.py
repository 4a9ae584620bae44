"""A redactor with keys of its own, and ways to say what becomes of a text."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock
from tallystick.watch.collect.redact import Originals, Redactor

Becomes = Callable[[str], tuple[str, dict[str, int]]]


@pytest.fixture
def originals(tmp_path: Path) -> Iterator[Originals]:
    """Keys in a fresh folder."""
    originals = Originals(tmp_path / "keys", ManualClock())
    yield originals
    originals.close()


@pytest.fixture
def redactor(originals: Originals) -> Redactor:
    """The engine with every kind, and keys."""
    return Redactor(originals=originals)


@pytest.fixture(scope="module")
def becomes() -> Becomes:
    """What a text in a log line becomes, and what was counted; without keys."""
    redactor = Redactor()

    def of(text: str) -> tuple[str, dict[str, int]]:
        line = msgspec.json.encode({"body": text})
        [redacted] = redactor.redact([line])
        [again] = redactor.redact([redacted])
        assert again is redacted, "to redact twice changes nothing"
        said = msgspec.json.decode(redacted)
        return said["body"], said.get("redactions", {})

    return of
