"""`tallystick scan`: what it says, as table, JSON and OCSF, and its exit codes."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from tallystick.clock import SystemClock, rfc3339
from tallystick.watch.collect.store import LogStore
from tallystick.wiring.commands.scan import scan

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "redaction.md"
CARD = "4111 1111 1111 1111"


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(scan, arguments, catch_exceptions=False)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose log store has an unredacted line in a part, and one that is hot."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.delenv("TALLYSTICK_REDACTION", raising=False)
    now = rfc3339(SystemClock().now_ns())
    store = LogStore(tmp_path / "logs", SystemClock())
    store.append([b'{"timestamp":"2020-01-01T00:00:00Z","body":"' + CARD.encode() + b'"}'])
    store.seal()
    store.append([msgspec.json.encode({"timestamp": now, "mail": "a@b.example"})])
    store.close()
    return tmp_path


def test_the_table(data: Path) -> None:
    """Kinds, counts and places; no value; exit code 1. Then: known from before."""
    result = run()

    assert result.exit_code == 1
    assert "2 lines in 2 files scanned." in result.stdout
    assert "PAN" in result.stdout
    assert "/mail" in result.stdout
    assert "4111" not in result.output + (data / "scanned.jsonl").read_text()
    assert "1 of them before" in run().stdout
    assert "before" not in run("--again").stdout


def test_as_json(data: Path) -> None:
    """Facts for programs."""
    facts = json.loads(run("--json").stdout)

    assert facts["kinds"] == {"PAN": 1, "EMAIL": 1}
    assert [(f["field"], f["index"], f["sample"]) for f in facts["findings"]] == [
        ("/body", "tallystick", 1),
        ("/mail", "tallystick", 2),
    ]
    assert str(data) not in json.dumps(facts)


def test_as_ocsf(data: Path) -> None:
    """An event a line."""
    del data
    events = [json.loads(line) for line in run("--ocsf").stdout.splitlines()]

    assert [(event["class_uid"], event["finding_info"]["types"]) for event in events] == [
        (2006, ["PAN"]),
        (2006, ["EMAIL"]),
    ]


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        (("--earliest", "-1h"), ["EMAIL"]),
        (("--latest", "2021-01-01T00:00:00Z"), ["PAN"]),
        (("--index", "main"), []),
        (("--index", "tallystick", "--index", "main"), ["PAN", "EMAIL"]),
    ],
)
def test_bounds(options: tuple[str, ...], kinds: list[str]) -> None:
    """By time and index; exit code 0 where nothing is found."""
    result = run("--json", *options)

    assert list(json.loads(result.stdout)["kinds"]) == kinds
    assert result.exit_code == bool(kinds)


def test_files_and_a_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any files, without a data folder; with the policy that is named, or the setting's."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path / "none"))
    monkeypatch.delenv("TALLYSTICK_REDACTION", raising=False)
    (tmp_path / "a.log").write_text(f"{CARD} of CL-12345678\n")
    policy = tmp_path / "policy.toml"
    policy.write_text('off = ["PAN"]\n[[patterns]]\nkind = "CLIENT_ID"\npattern = "CL-[0-9]{8}"\n')
    files = (str(tmp_path / "a.log"),)

    assert list(json.loads(run(*files, "--json").stdout)["kinds"]) == ["PAN"]
    named = run(*files, "--json", "--policy", str(policy))
    assert list(json.loads(named.stdout)["kinds"]) == ["CLIENT_ID"]
    monkeypatch.setenv("TALLYSTICK_REDACTION", str(policy))
    assert run(*files, "--json").stdout == named.stdout
    assert not (tmp_path / "none").exists()


def test_what_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No store, no such file, a bad time or policy, a damaged file: a sentence, exit code 2."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.delenv("TALLYSTICK_REDACTION", raising=False)
    assert "There is no log store" in run().stderr
    assert run(str(tmp_path / "none")).exit_code == 2
    damaged = tmp_path / "x.parquet"
    damaged.write_text("no parquet")
    result = run(str(damaged))
    assert result.exit_code == 2
    assert "not read" in result.stderr
    assert run(str(damaged), "--earliest", "yesterdayish").exit_code == 2
    assert "is no redaction policy" in run(str(damaged), "--policy", str(damaged)).stderr
