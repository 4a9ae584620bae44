"""The tools of the Go ecosystem against a live server; `make conformance` does it at length."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[2] / "conformance" / "run.py"
NO_MODULES = 2


def conformance(*arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end with this PATH."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith("TALLYSTICK_")}
    command = [sys.executable, str(RUN), *arguments]
    return subprocess.run(
        command, env=kept | {"PATH": path}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(1_500)
def test_the_go_ecosystem_finds_nothing_wrong() -> None:
    """hammer, fsck, a mirror and a witnessed Tessera log, each with a few hundred entries."""
    if shutil.which("go") is None:
        pytest.skip("there is no Go toolchain")
    arguments = ("--leaves", "300", "--samples", "30", "--rounds", "3")
    done = conformance(*arguments, path=os.environ["PATH"])
    if done.returncode == NO_MODULES:
        pytest.skip("the Go modules cannot be fetched here")
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_go_it_says_so_and_skips(tmp_path: Path) -> None:
    """Nobody needs Go to work on Tallystick."""
    done = conformance(path=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "skipped, there is no Go" in done.stdout
