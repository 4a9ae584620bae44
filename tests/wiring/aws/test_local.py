"""`make aws-local`: an order by HTTP becomes an alert, on ministack and a real PostgreSQL."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCAL = ROOT / "deploy" / "aws" / "local" / "run.py"
MINISTACK = ROOT / "deploy" / "aws" / ".venv-local" / "bin" / "ministack"
SECONDS_MAX = 280


@pytest.mark.slow
@pytest.mark.server
def test_the_core_path_holds() -> None:
    """Receipts verify, a retry gets its answer, both alerts are read back from the queue."""
    if not MINISTACK.exists():
        pytest.skip("ministack is not installed in deploy/aws/.venv-local: see docs/guides/aws.md")
    done = subprocess.run(
        [sys.executable, str(LOCAL)], capture_output=True, text=True, timeout=SECONDS_MAX,
        check=False,
    )  # fmt: skip
    if done.returncode == 2:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr[-5_000:]
    assert "Order Decided at position" in done.stderr
    assert "Anomaly Found at position" in done.stderr
    assert done.stderr.rstrip().endswith("the core path holds")
