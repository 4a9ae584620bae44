"""The gates: cdk-nag and the CDK's validator over one synthesis, then cfn-lint over every template.

Runs in `.venv`; `python -m proof.gate FOLDER` synthesises the full profile there, leaves
`validation-report.json` and
`cfn-lint.json`, and says what it took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PACKS = ("AwsSolutionsChecks", "NIST80053R5Checks", "PCIDSS321Checks", "ServerlessChecks")
SYNTH = f"""
import sys
import aws_cdk as cdk
import cdk_nag
from stack.profile import load
from stack.synth import build
app = build(load("full"), outdir=sys.argv[1])
for pack in {PACKS!r}:
    cdk.Validations.of(app).add_plugins(getattr(cdk_nag, pack)(app))
try:
    app.synth()
except RuntimeError as error:
    if "ValidationFailed" not in str(error):
        raise
"""
"""A failed validation is an answer: the report says of what."""
LINTERS = 2
SAMPLE_SECONDS = 0.2
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Memory(threading.Thread):
    """Looks five times a second at what this process and all below it hold; remembers the most."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.together_bytes = 0
        """The most that all of them held at once; pages that they share count in each."""
        self.largest_bytes = 0
        """The most that one of them held."""
        self._done = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._done.wait(SAMPLE_SECONDS):
            held = [_resident(each) for each in _family(os.getpid())]
            self.together_bytes = max(self.together_bytes, sum(held))
            self.largest_bytes = max(self.largest_bytes, *held)

    def stop(self) -> dict[str, int]:
        """Stop looking; return both in megabytes."""
        self._done.set()
        self.join()
        return {
            "memory_mb": self.largest_bytes // 1_000_000,
            "together_mb": self.together_bytes // 1_000_000,
        }


def _family(root: int) -> set[int]:
    """Return a process and everything that it started, and they in turn."""
    parents = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                parents[int(each.name)] = int(
                    (each / "stat").read_text().rpartition(")")[2].split()[1]
                )
            except (OSError, IndexError):
                continue
    family, found = {root}, {root}
    while found:
        found = {child for child, parent in parents.items() if parent in found} - family
        family |= found
    return family


def _resident(process: int) -> int:
    """Return the bytes of memory that a process holds; nothing of one that has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def synthesise(folder: Path) -> None:
    """Synthesise with the packs and the validator."""
    environment = {
        **os.environ,
        "CDK_VALIDATION": "true",
        "JSII_NODE": str(HERE / "proof/small-node"),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-c", SYNTH, str(folder)]
    with (folder / "synth.log").open("w") as log:
        subprocess.run(command, check=True, env=environment, cwd=HERE, stdout=log, stderr=log)  # noqa: S603  our own


def lint(folder: Path) -> list[dict[str, object]]:
    """Return what cfn-lint says of every template; two linters share them, the longest first."""
    templates = sorted(folder.glob("*.template.json"), key=lambda each: -each.stat().st_size)
    command = [
        str(Path(sys.executable).with_name("cfn-lint")),
        "--format",
        "json",
        "--include-checks",
        "W",
        "--template",
    ]
    linters = [
        subprocess.Popen(  # noqa: S603  our own command
            [*command, *map(str, share)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for share in (templates[number::LINTERS] for number in range(LINTERS))
        if share
    ]
    found: list[dict[str, object]] = []
    for each in linters:
        said, wrong = each.communicate()
        if not said.strip():
            raise RuntimeError(f"cfn-lint said nothing: {wrong[-2000:]}")
        found += json.loads(said)
    return found


def main(folder: Path) -> None:
    """Run both gates and write what they took beside what they found."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in folder.glob("*.template.json"):
        each.unlink()
    memory = Memory()
    memory.start()
    began = time.monotonic()
    synthesise(folder)
    validated = time.monotonic()
    (folder / "cfn-lint.json").write_text(json.dumps(lint(folder)))
    ended = time.monotonic()
    took = {
        "validate_seconds": round(validated - began, 1),
        "lint_seconds": round(ended - validated, 1),
        "seconds": round(ended - began, 1),
        **memory.stop(),
    }
    (folder / "took.json").write_text(json.dumps(took))
    sys.stdout.write(f"gates: {took}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
