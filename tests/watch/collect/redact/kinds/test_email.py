"""E-mail addresses: hidden, yet equal ones are equal still."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock
from tallystick.watch.collect.redact import Originals, Redactor

Becomes = Callable[[str], tuple[str, dict[str, int]]]


@pytest.mark.parametrize(
    "address",
    [
        "jane@example.com", "jane.doe+fx@mail.example.co.uk", "o'brien@example.org", "j@ex.io",
        "jane%40example.com", "jörg@münchen.example", "JANE_DOE@EXAMPLE.COM", "a-b@c-d.museum",
    ],
)  # fmt: skip
def test_addresses_are_found(becomes: Becomes, address: str) -> None:
    """Whoever writes them, also in an address of the web."""
    assert becomes(f"to {address}.") == ("to [EMAIL].", {"EMAIL": 1})
    assert becomes(f"<{address}>; 'x@y.example'")[1] == {"EMAIL": 2}
    assert becomes(f"/find?who={address}&n=1") == ("/find?who=[EMAIL]&n=1", {"EMAIL": 1})


@pytest.mark.parametrize(
    "text",
    ["@example.com", "user@host", "a @ b.com", "1@2.3", "@", "email:ab12cd34ef56", "x@y", "50%40"],
)
def test_near_misses(becomes: Becomes, text: str) -> None:
    """No name, no domain, no address."""
    assert becomes(text) == (text, {})


def test_equal_addresses_join(redactor: Redactor, tmp_path: Path) -> None:
    """Under one key, whatever the case; under another key they are others. The domain is gone."""
    texts = ["jane@example.com", "Jane@Example.COM", "jane%40example.com", "john@example.com"]
    lines = [msgspec.json.encode({"body": text}) for text in texts]

    bodies = [msgspec.json.decode(line)["body"] for line in redactor.redact(lines)]
    other = Originals(tmp_path / "other", ManualClock())
    elsewhere = msgspec.json.decode(Redactor(originals=other).redact(lines[:1])[0])["body"]
    other.close()

    assert all(re.fullmatch("email:[0-9a-f]{12}", body) for body in bodies)
    assert bodies[0] == bodies[1] == bodies[2] != bodies[3]
    assert elsewhere != bodies[0]


def test_a_restart_keeps_the_key(tmp_path: Path) -> None:
    """The same address is the same pseudonym tomorrow."""
    said = set()
    for _ in range(2):
        originals = Originals(tmp_path, ManualClock())
        said.add(originals.pseudonym("jane@example.com"))
        originals.close()
    assert len(said) == 1
