"""The verifier needs no database and no server code."""

import subprocess
import sys
from pathlib import Path

BLOCKED = ("apsw", "duckdb", "uvicorn", "starlette", "uvloop", "httptools")
ROOMS = ("access", "api", "execution", "stream", "watch", "web", "ledger.storage", "ledger.ledger")

PROGRAM = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None  # importing it now fails
for room in {rooms!r}:
    sys.modules["tallystick." + room] = None
from tallystick.wiring.cli import main
main(["verify", {what!r}], prog_name="tallystick")
"""


def test_verify_runs_without_database_and_server(tmp_path: Path) -> None:
    """With database, HTTP server and the writing rooms blocked, it still gives a verdict."""
    receipt = tmp_path / "receipt.json"
    receipt.write_text("{}")
    program = PROGRAM.format(blocked=BLOCKED, rooms=ROOMS, what=str(receipt))

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2, ran.stderr
    assert "cannot tell" in ran.stdout
