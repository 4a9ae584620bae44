"""Docker's log driver and the OpenTelemetry Collector's exporter themselves, built from source."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SOURCES = Path(__file__).resolve().parents[3] / "conformance" / "collectors"
BUILD_SECONDS_MAX = 280
RUN_SECONDS_MAX = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(BUILD_SECONDS_MAX + 60)]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `docker` and `splunkhec` are; skips without Go or without their modules."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not installed")
    if subprocess.run(
        [go, "mod", "download"], cwd=SOURCES, check=False, capture_output=True
    ).returncode:
        pytest.skip("the modules of the senders cannot be fetched")
    folder = tmp_path_factory.mktemp("senders")
    command = [go, "build", "-mod=readonly", "-o", f"{folder}{os.sep}", "./..."]
    subprocess.run(command, cwd=SOURCES, check=True, timeout=BUILD_SECONDS_MAX)
    return folder


def run(
    program: Path, door: Any, path: str = "", *options: str
) -> subprocess.CompletedProcess[str]:
    """Run a sender to its end."""
    command = [program, "-url", door.url + path, "-token", "hec-of-the-facts", *options]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=RUN_SECONDS_MAX
    )


def test_dockers_log_driver(programs: Path, door: Any) -> None:
    """Every format, packed and not: every line of the container is there, once, in order."""
    for number, wanted in enumerate(("inline", "json", "raw"), start=1):
        for packed in ("true", "false"):
            done = run(programs / "docker", door, "", "-format", wanted, f"-gzip={packed}")
            assert (done.returncode, done.stderr) == (0, "")
        lines = door.lines()[200 * (number - 1) :]
        assert len(lines) == 200
        found = [str(each.get("line", each.get("line.number", each.get("body")))) for each in lines]
        expected = {
            "inline": [f'{{"number":{n}}}' for n in range(100)],
            "json": [str(n) for n in range(100)],
            "raw": [f'0123456789ab {{"number":{n}}}' for n in range(100)],
        }[wanted]
        assert found == expected * 2
        assert lines[7]["timestamp"] == "2026-09-16T08:30:00.007000Z"


def test_dockers_log_driver_with_a_wrong_token(programs: Path, door: Any) -> None:
    """It says why it could not send."""
    door.tokens.issue("other", "", ("ingest",))
    command = [programs / "docker", "-url", door.url, "-token", "wrong"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert "Invalid token" in done.stderr
    assert door.lines() == []


def test_the_opentelemetry_collectors_exporter(programs: Path, door: Any) -> None:
    """`splunk_hec` as the collector runs it: each record with its severity, trace and number."""
    done = run(programs / "splunkhec", door, "/services/collector", "-count", "1000")
    assert (done.returncode, done.stderr) == (0, "")
    lines = door.lines()
    assert [line["body"] for line in lines] == [f"record {n}" for n in range(1_000)]
    assert lines[999].items() >= {
        "number": 999, "severity_text": "INFO", "service.name": "otel-exporter",
        "trace_id": "010203e7000000000000000000000000", "com.splunk.index": "main",
    }.items()  # fmt: skip
