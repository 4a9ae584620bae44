"""The guide to witnesses does what it says, against a live ledger."""

import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs/guides/witnesses.md"
SCRIPT = f"""#!{sys.executable}
from tallystick.wiring.cli import main
from tallystick.wiring.commands.witness import witness
main.add_command(witness)
main(prog_name="tallystick")
"""
SHELL_SECONDS_MAX = 120


def free_port() -> int:
    """A port of loopback that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_guide_runs_from_its_first_command_to_its_last(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    """Bob watches Alice's live ledger; his line verifies under her policy; a stale request is told.

    Only the port differs from what stands there, because 8090 may be taken.
    """
    alice = serve(tmp_path / "alice")
    folder = tmp_path / "bob"
    folder.mkdir()
    (folder / "tallystick").write_text(SCRIPT)
    (folder / "tallystick").chmod(0o755)
    (folder / ".venv").symlink_to(sys.prefix)
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    # Whatever fails, the witness that runs beside the shell is ended by its id.
    trap = "trap 'kill $(cat witness.pid); wait' ERR\n"
    script = "set -eE\n" + trap + "\necho -----\n".join(blocks).replace("8090", str(free_port()))
    shell = subprocess.run(
        ["bash", "-c", f"{script}\nwait $(cat witness.pid)"],
        cwd=folder,
        env={"ALICE": alice.url, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=SHELL_SECONDS_MAX,
        check=False,
    )
    assert shell.returncode == 0, shell.stdout + shell.stderr
    _, _, _, page, _, policy, lines, stale, standing, _ = shell.stdout.split("-----\n")
    assert page.startswith("bob.example/witness is a witness")
    assert policy.startswith(f"log {alice.vkey}\nwitness bob bob.example/witness+")
    assert lines.count("\n— ") == 2
    size = lines.splitlines()[1]
    assert stale == f"{size}\n409 text/x.tlog.size\n"
    assert standing == "witnessed by bob enough\n"
    assert '"event_name": "ledger.checkpoint_cosigned"' in (folder / "witness.log").read_text()
    assert alice.stop() == 0
