"""The app of alert_app.py, one for each module that asks for it."""

import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

DEADLINE_SECONDS = 20.0


@pytest.fixture(scope="session")
def alert_app() -> ModuleType:
    """The module alert_app.py."""
    path = Path(__file__).resolve().parents[1] / "alert_app.py"
    spec = importlib.util.spec_from_file_location("alert_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def app(alert_app: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running app; gone after the module."""
    made = alert_app.AlertApp(tmp_path_factory.mktemp("alerting"))
    yield made
    made.close()


@pytest.fixture
def client(app: Any) -> httpx.Client:
    """The client of the one who operates."""
    found: httpx.Client = app.client
    return found


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


@pytest.fixture
def no() -> Callable[..., dict[str, Any]]:
    """Checks that a response is problem+json with this status and code; the problem."""

    def check(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
        assert response.headers["content-type"] == "application/problem+json", response.text
        problem: dict[str, Any] = response.json()
        assert (response.status_code, problem["code"]) == (status, code), response.text
        assert problem["title"] != code, "the code has no title"
        assert problem["detail"].endswith("."), problem["detail"]
        return problem

    return check
