"""The archive against a real S3-compatible server; conformance/s3.py does it by itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[2] / "conformance" / "s3.py"
NO_MODULES = 2


def conformance(path: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end with this PATH."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith("TALLYSTICK_")}
    return subprocess.run(
        [sys.executable, str(RUN)], env=kept | {"PATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_a_real_s3_server_keeps_the_contract() -> None:
    """Object Lock, legal hold, versions, checksums, multipart: by a server that is not ours."""
    if shutil.which("go") is None:
        pytest.skip("there is no Go toolchain")
    done = conformance(os.environ["PATH"])
    if done.returncode == NO_MODULES:
        pytest.skip("the Go modules cannot be fetched here")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_without_go_it_says_so_and_skips(tmp_path: Path) -> None:
    """Nobody needs Go to work on Tallystick."""
    done = conformance(str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "skipped, there is no Go" in done.stdout
