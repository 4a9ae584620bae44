"""Some log lines behind a real server."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest


def log_app() -> Any:
    """The module of the app beside this folder."""
    path = Path(__file__).resolve().parents[1] / "log_app.py"
    spec = importlib.util.spec_from_file_location("log_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line(minute: int, members: dict[str, Any]) -> bytes:
    """A line at this time of one afternoon."""
    stamp = f"2026-03-02T14:{minute:02}:00Z"
    return msgspec.json.encode({"timestamp": stamp, "severity_text": "INFO"} | members)


@pytest.fixture(scope="module")
def new_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Starts apps on folders of their own; they are gone after the module."""
    module = log_app()
    begun: list[Any] = []

    def start(**search: Any) -> Any:
        begun.append(module.LogApp(tmp_path_factory.mktemp("logs"), **search))
        return begun[-1]

    yield start
    for app in begun:
        app.close()


@pytest.fixture(scope="module")
def app(new_app: Callable[..., Any]) -> Any:
    """An hour of requests: one each second minute fails; and two lines of another index."""
    made = new_app()
    lines = [
        line(
            minute,
            {
                "event_name": "api.request_answered",
                "body": f"answered order O-{minute} in {minute * 10} ms",
                "http.response.status_code": 500 if minute % 2 else 200,
                "http.route": f"/v1/{'orders' if minute % 3 else 'trades'}",
                "duration_us": minute * 1_000,
                "host.name": f"h{minute % 2}",
                "severity_text": "ERROR" if minute % 2 else "INFO",
            },
        )
        for minute in range(60)
    ]
    paid = {"body": "payments settled", "com.splunk.index": "pay"}
    other = [line(minute, paid) for minute in (10, 20)]
    made.store.append(lines[:40])
    made.store.seal()
    made.store.append([*lines[40:], *other])
    return made
