"""`tallystick notify check` and `notify route`: the alerting file before a server reads it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tallystick.wiring.commands.notify import notify

FILE = """
[targets.chat]
type = "terminal"
[targets.pager]
type = "terminal"
[people.ann]
targets = ["chat"]
[policies.page]
[[policies.page.steps]]
tell = ["person:ann"]
fallback = ["target:pager"]
[[policies.page.steps]]
after_seconds = 300
tell = ["target:pager"]
[[routes]]
name = "risk"
match = ['team="risk"', 'severity=~"critical|error"']
group_by = ["alarm"]
policy = "page"
mute = ["nights"]
[mute_times.nights]
intervals = [{times = [{start = "00:00", end = "07:00"}]}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An alerting file."""
    path = tmp_path / "alerting.toml"
    path.write_text(FILE)
    return path


def run(*words: str) -> Result:
    """The command line."""
    return CliRunner().invoke(notify, words, catch_exceptions=False)


def test_a_file_is_checked(file: Path) -> None:
    """What stands in it is counted; what is wrong is named with its place."""
    said = run("check", str(file))
    counted = "2 targets, 1 person, 1 policy, 1 route, 1 mute time"
    assert (said.exit_code, said.stdout) == (0, f"{file} can be used: {counted}.\n")
    assert json.loads(run("check", str(file), "--json").stdout)["targets"] == 2
    file.write_text(FILE.replace('policy = "page"', 'policy = "pages"'))
    wrong = run("check", str(file))
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "routes[0].policy: there is no policy 'pages'" in wrong.stderr
    assert json.loads(run("check", str(file), "--json").stdout)["usable"] is False
    file.write_text("")
    assert run("check", str(file)).stdout == f"{file} can be used: nothing stands in it.\n"


def test_where_an_alert_goes(file: Path) -> None:
    """Its route, what it is grouped with, and who is told when."""
    words = ("route", str(file), "alarm=margin-call", "team=risk", "severity=critical")
    assert run(*words).stdout == (
        "risk\n"
        "  one incident   alarm=margin-call\n"
        "  quiet during   nights\n"
        "  policy         page\n"
        "    at once      person:ann; if all fail: target:pager\n"
        "    after 300 s  target:pager\n"
    )
    other = run("route", str(file), "team=risk").stdout
    assert other.startswith("all\n  one incident   each trouble by itself\n  policy         all\n")
    assert other.endswith("    at once      target:chat, target:pager\n")
    (found,) = json.loads(run(*words, "--json").stdout)["routes"]
    assert (found["route"], found["group"]) == ("risk", {"alarm": "margin-call"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("team",), "'team' is not of the form name=value."),
        (("severity=loud",), "severity is one of critical, error, warning, info, not 'loud'."),
    ],
    ids=["no-label", "severity"],
)
def test_labels_that_are_none(file: Path, words: tuple[str, ...], said: str) -> None:
    """Exit 2 and a sentence."""
    result = run("route", str(file), *words)
    assert (result.exit_code, result.stderr) == (2, f"tallystick: {said}\n")


@pytest.mark.parametrize("name", ["check", "route"])
def test_help_has_examples(name: str) -> None:
    """Whoever asks for help sees how it is called, and what the exit codes mean."""
    said = run(name, "--help").stdout
    assert f"tallystick notify {name}" in said
    assert "Exit code: 0" in said


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ('type = "pagrduty"', "targets.pager: type 'pagrduty' is unknown; there is: alertmanager,"),
        ('type = "email"', "targets.pager: Object missing required field `host`"),
        ('type = "terminal"\ncolour = "red"', "targets.pager: Object contains unknown field"),
        ('type = "slack"\nurl = "https://x.example/y"', "targets.pager: url is a secret"),
    ],
    ids=["type", "missing", "unknown", "secret"],
)
def test_a_target_is_checked_without_its_secrets(file: Path, target: str, said: str) -> None:
    """A start would refuse it, so this does."""
    file.write_text(f"[targets.pager]\n{target}\n")
    wrong = run("check", str(file))
    assert wrong.exit_code == 1
    assert said in wrong.stderr


def test_a_secret_need_not_be_there(file: Path) -> None:
    """The file is checked where it is written, not where it is used."""
    file.write_text('[targets.chat]\ntype = "slack"\nurl = { env = "NOT_SET_ANYWHERE" }\n')
    assert run("check", str(file)).exit_code == 0
