"""`tallystick logs`: what people see, what scripts read, and how it ends."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from tallystick.wiring.commands.logs import SUFFIXES, logs
from tallystick.wiring.facts import Facts, save_facts

SECONDS_MAX = 30
pytestmark = pytest.mark.server


def line(minute: int, **members: Any) -> bytes:
    """A line at this minute."""
    stamp = f"2026-03-02T14:{minute:02}:00Z"
    return json.dumps({"timestamp": stamp, "severity_text": "INFO"} | members).encode()


@pytest.fixture(scope="module")
def new_app(new_log_app: Callable[..., Any]) -> Callable[[], Any]:
    """Starts servers with ten lines; they are gone after the module."""

    def start() -> Any:
        made = new_log_app()
        made.store.append([line(n, body=f"order {n} filled", n=n) for n in range(10)])
        return made

    return start


@pytest.fixture(scope="module")
def app(new_app: Callable[[], Any]) -> Any:
    """The server that is only asked."""
    return new_app()


@pytest.fixture(scope="module")
def growing(new_app: Callable[[], Any]) -> Any:
    """A server that gets new lines."""
    return new_app()


@pytest.fixture
def run(app: Any) -> Callable[..., Result]:
    """The command against the server."""

    def ask(*arguments: str) -> Result:
        where = ["--url", app.url, "--token", app.token]
        return CliRunner().invoke(logs, [*where, *arguments], catch_exceptions=False)

    return ask


def started(app: Any, *arguments: str) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    code = "from tallystick.wiring.commands.logs import logs; logs()"
    where = ["--url", app.url, "--token", app.token]
    return subprocess.Popen(
        [sys.executable, "-c", code, *where, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_time_that_is_none_is_named(run: Callable[..., Result]) -> None:
    """The option it was given with, not a position in the query."""
    result = run("-e", "yesterdayy")
    assert result.exit_code == 1
    assert "earliest cannot be read: yesterdayy is no time such as -1h@h" in result.stderr


def test_fields_are_shown_by_the_names_of_the_language(run: Callable[..., Result]) -> None:
    """An alias as in a query."""
    result = run("-n", "1", "--fields", "n,msg,index", "order")
    assert result.stdout.endswith('n=9 msg="order 9 filled" index=tallystick\n')


def test_lines_are_shown_the_newest_last(run: Callable[..., Result]) -> None:
    """As a terminal wants them; without a terminal nothing else is said."""
    result = run("-n", "2", "order")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "2026-03-02 14:08:00.000 INFO  order 8 filled n=8",
        "2026-03-02 14:09:00.000 INFO  order 9 filled n=9",
    ]


def test_json_and_csv_are_for_programs(run: Callable[..., Result]) -> None:
    """A line is an object, and so is a row of a table; CSV has a header."""
    found = [json.loads(text) for text in run("--json", "-n", "2").output.splitlines()]
    assert [each["n"] for each in found] == [8, 9]
    rows = run("--format", "json", "* | stats count max(n)").output.splitlines()
    assert [json.loads(row) for row in rows] == [{"count": 10, "max(n)": 9}]
    table = csv.DictReader(io.StringIO(run("--csv", "-n", "3", "--fields", "n").output))
    assert [row["n"] for row in table] == ["9", "8", "7"]


def test_a_table_is_shown_as_one(run: Callable[..., Result]) -> None:
    """With its names above."""
    shown = run("* | stats count by severity_text").output.splitlines()
    assert [row.split() for row in shown] == [["severity_text", "count"], ["INFO", "10"]]


def test_what_is_around_a_line(run: Callable[..., Result]) -> None:
    """The line itself is marked."""
    shown = run("--around", "5", "-n", "1").output.splitlines()
    assert [row[0] == "▶" for row in shown] == [False, True, False]
    assert "order 4 filled" in shown[1]
    assert len(run("--around", "5", "-n", "1", "--json").output.splitlines()) == 3


def test_patterns(run: Callable[..., Result]) -> None:
    """The kinds of messages."""
    assert "order <*> filled" in run("--patterns").output
    found = json.loads(run("--patterns", "--json").output)
    assert found["count"] == 10


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_an_export_is_whole(run: Callable[..., Result], tmp_path: Path, suffix: str) -> None:
    """In the format of the file's name; nothing unfinished stays."""
    path = tmp_path / f"out{suffix}"
    result = run("--export", str(path), "order")
    assert result.exit_code == 0
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    reader = {"csv": "read_csv", "parquet": "read_parquet", "ndjson": "read_json"}[SUFFIXES[suffix]]
    with duckdb.connect() as connection:
        query = f"SELECT sum(n) FROM {reader}(?)"  # noqa: S608  one of three
        found = connection.sql(query, params=[str(path)]).fetchall()
    assert found == [(45,)]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (['"open'], 1, "position"),
        (["--around", "999999"], 1, "There is no log line"),
        (["--export", "out.txt"], 2, "has to end with"),
        (["--export", "/nowhere/out.csv"], 2, "cannot be written"),
    ],
)
def test_what_cannot_be_is_said(
    run: Callable[..., Result], arguments: list[str], status: int, said: str
) -> None:
    """A sentence, and an exit code that scripts can tell apart."""
    result = run(*arguments)
    assert result.exit_code == status
    assert said in result.output


def test_without_a_server_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody ran on the folder, nobody answers at the address, or the token is not ours."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.delenv("TALLYSTICK_TOKEN", raising=False)
    result = CliRunner().invoke(logs, [])
    assert (result.exit_code, "No server has run on" in result.output) == (2, True)
    save_facts(tmp_path, Facts("http://127.0.0.1:9", "demo", "tally_x", "", ""))
    result = CliRunner().invoke(logs, [])
    assert (result.exit_code, "gives no answer" in result.output) == (2, True)
    result = CliRunner().invoke(logs, ["--url", "http://127.0.0.1:10"])
    assert (result.exit_code, "No token for" in result.output) == (2, True)


def test_the_server_of_the_data_folder_is_asked(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its facts name the address and the token."""
    save_facts(tmp_path, Facts(app.url, "demo", app.token, "", ""))
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    result = CliRunner().invoke(logs, ["-n", "1", "--json"])
    assert json.loads(result.output)["n"] == 9


def test_a_folder_without_a_server_is_read(tmp_path: Path) -> None:
    """The store itself; but not while a server uses it, and nothing new can come there."""
    from tallystick.clock import SystemClock  # noqa: PLC0415  only here
    from tallystick.watch.collect.store import LogStore  # noqa: PLC0415

    store = LogStore(tmp_path / "logs", SystemClock())
    store.append([line(1, body="kept")])

    def ask(*arguments: str) -> Result:
        return CliRunner().invoke(logs, ["--data", str(tmp_path), *arguments])

    busy = ask()
    assert busy.exit_code == 2
    store.close()
    assert "kept" in ask().output
    assert "kept" in ask("--patterns").output
    assert "kept" in ask("--around", "1").output
    path = tmp_path / "x.csv"
    assert ask("--export", str(path)).exit_code == 0
    assert "kept" in path.read_text()
    assert ask("--follow").exit_code == 2
    (tmp_path / "empty").mkdir()
    nothing = CliRunner().invoke(logs, ["--data", str(tmp_path / "empty")])
    assert "There are no logs" in nothing.output


def test_following_shows_new_lines_and_ends_at_ctrl_c(growing: Any) -> None:
    """The last ones first, then what comes; Ctrl-C ends it without a word."""
    process = started(growing, "--follow", "-n", "1", "order")
    assert process.stdout is not None
    try:
        assert "order " in process.stdout.readline()
        growing.store.append([line(10, body="nothing"), line(11, body="order 11 filled")])
        assert "order 11 filled" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS_MAX)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("arguments", [("--json",), (), ("--follow",)], ids=str)
def test_a_reader_that_leaves_is_no_error(growing: Any, arguments: tuple[str, ...]) -> None:
    """`tallystick logs | head -1` ends quietly."""
    process = started(growing, *arguments, "order OR filler")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    for _ in range(50):
        if process.poll() is not None:
            break
        growing.store.append([line(20, body="order filler " + "x" * 200) for _ in range(200)])
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    said = process.stderr.read()
    process.stderr.close()
    process.kill()
    process.wait()
    assert (process.returncode, said) == (0, "")


def test_help_says_how(tmp_path: Path) -> None:
    """With examples, and without loading what takes long."""
    code = (
        "import sys; from click.testing import CliRunner;"
        "from tallystick.wiring.commands.logs import logs;"
        "r = CliRunner().invoke(logs, ['-h']); assert 'Examples:' in r.output;"
        "assert 'duckdb' not in sys.modules and 'httpx' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ), cwd=tmp_path)
