"""The guide says what is: its policy can be used, its example is what happens."""

import re
from pathlib import Path

import msgspec

from tallystick.watch.collect.redact import FINDERS, Redactor, read_policy

GUIDE = Path(__file__).resolve().parents[4] / "docs" / "guides" / "redaction.md"


def blocks(language: str) -> list[str]:
    """The code blocks of the guide in a language."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def test_the_policy_can_be_used(tmp_path: Path) -> None:
    """It is read, and its pattern finds what it names."""
    path = tmp_path / "redaction.toml"
    path.write_text(blocks("toml")[0])
    engine = Redactor(read_policy(path))

    [line] = engine.redact([b'{"body":"CL-12345678"}'])

    assert msgspec.json.decode(line)["body"] == "[CLIENT_ID]"


def test_the_example_is_what_happens(redactor: Redactor) -> None:
    """But for what is chance."""
    before, after = blocks("json")

    [line] = redactor.redact([before.strip().encode()])

    chance = re.compile(r'email:[0-9a-f]{12}|"log.sealed":.*')
    assert chance.sub("", line.decode()) == chance.sub("", after.strip())


def test_every_kind_is_told() -> None:
    """Each stands in the table."""
    assert {
        kind for kind in (*FINDERS, "SECRET", "FIELD") if f"`{kind}`" not in GUIDE.read_text()
    } == set()
