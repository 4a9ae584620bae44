"""docs/guides/operate-the-ledger.md: every command in it works as it is written."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree

from tallystick.wiring.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "guides" / "operate-the-ledger.md"
PREPARE = """
import asyncio, sys
from contextlib import closing
from pathlib import Path
from tallystick.clock import SystemClock
from tallystick.execution.entries import raw_key
from tallystick.ledger import Publisher, Sealable
from tallystick.wiring.ledger import PUBLISHED, open_ledger, store_of
from tallystick.wiring.settings import Settings

settings, clock = Settings(data=sys.argv[1]), SystemClock()
with open_ledger(settings, clock, new=True) as opened:
    entries = [name.encode() for name in sys.argv[2:]]
    sealables = [Sealable(entry, (raw_key(entry),)) for entry in entries]
    asyncio.run(opened.ledger.append(opened.ledger.size, sealables))
with closing(Publisher(store_of(settings, clock), settings.folder / PUBLISHED)) as publisher:
    publisher.publish()
"""


def run(data: Path, command: list[str]) -> str:
    """What it printed, once it has ended well."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TALLYSTICK_")}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment | {"TALLYSTICK_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def append(data: Path, *names: str) -> None:
    """Raw entries, appended and published by a process of their own, as a server would."""
    run(data, [sys.executable, "-c", PREPARE, str(data), *names])


def test_its_commands_rotate_keys_and_restore_a_backup(tmp_path: Path) -> None:
    """One key is rotated and retired; a restored backup gets back what was published."""
    data = tmp_path / "data"
    append(data, "a", "b")
    backup = Path(copytree(data, tmp_path / "backup"))
    outputs = {}
    for block in re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        if "reconcile" in block:
            append(data, "c")
            for path in data.glob("ledger.db*"):
                path.unlink()
            for path in backup.glob("ledger.db*"):
                (data / path.name).write_bytes(path.read_bytes())
        outputs[block.split(" --")[0].splitlines()[-1]] = run(data, ["bash", "-ec", block])

    listed = run(data, ["./tallystick", "keys", "list"])
    assert [line.split()[0] for line in listed.splitlines()] == ["signs", "retired"]
    assert "Put back 3 entries" in outputs["./tallystick ledger reconcile"]
    assert Settings(data=str(data)).guard_folder.exists()
