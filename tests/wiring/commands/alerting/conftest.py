"""Commands that ask the real app of tests/api/alert_app.py, on a terminal of 100 columns."""

import importlib.util
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tallystick.wiring.facts import Facts, save_facts

ROOT = Path(__file__).resolve().parents[4]
DEADLINE_SECONDS = 20.0
COLUMNS = 100


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running app; gone after the module."""
    path = ROOT / "tests" / "api" / "alert_app.py"
    spec = importlib.util.spec_from_file_location("alert_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    made = module.AlertApp(tmp_path_factory.mktemp("alerting"))
    yield made
    made.close()


@pytest.fixture
def run(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[click.Command, str], Result]:
    """Runs a command line; the app is the server on the data folder of the settings."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.delenv("TALLYSTICK_TOKEN", raising=False)
    save_facts(tmp_path, Facts(app.url, "demo", app.token, "hec", "vkey"))

    def ask(command: click.Command, *words: str) -> Result:
        return CliRunner().invoke(command, words, catch_exceptions=False)

    return ask


@pytest.fixture
def facts(run: Callable[..., Result]) -> Callable[..., Any]:
    """What a command says with --json, when it does well."""

    def ask(command: click.Command, *words: str) -> Any:
        result = run(command, *words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return ask


@pytest.fixture
def soon() -> Callable[[Callable[[], Any]], Any]:
    """Asks again and again until the answer is true; fails at a deadline."""

    def ask(question: Callable[[], Any]) -> Any:
        pause = threading.Event()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            answer = question()
            if answer:
                return answer
            pause.wait(0.01)
        pytest.fail(f"not true within {DEADLINE_SECONDS:.0f} s")

    return ask
