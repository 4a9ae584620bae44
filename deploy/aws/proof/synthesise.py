"""The templates of a profile, made anew when what they are made of has changed.

Runs in any environment: the CDK lives in `.venv` and is asked as a process of its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from proof import assembly

HERE = Path(__file__).resolve().parent.parent
SHIPPED = "../../src/tallystick/stream/rules/shipped"
SOURCES = ("stack", "profiles", "functions", "packs", "cost/budgets.json", SHIPPED)
SUFFIXES = {".py", ".toml", ".yaml", ".yml", ".json", ".sql"}
PROFILES = ("small", "standard", "full")
PROGRAM = """
import sys
from stack.profile import load
from stack.synth import build
build(load(sys.argv[1]), outdir=sys.argv[2]).synth()
"""
EACH = """
import dataclasses, sys
from stack.profile import load
from stack.synth import build
profile = load(sys.argv[1])
for each in dataclasses.fields(profile.switches):
    if getattr(profile.switches, each.name):
        switches = dataclasses.replace(profile.switches, **{each.name: False})
        without = dataclasses.replace(profile, switches=switches)
        build(without, outdir=f"{sys.argv[2]}/{each.name}").synth()
"""
WITH = """
import dataclasses, sys
from stack.profile import load
from stack.synth import build
profile = load(sys.argv[1])
switches = dataclasses.replace(profile.switches, **{sys.argv[3]: True})
build(dataclasses.replace(profile, switches=switches), outdir=sys.argv[2]).synth()
"""
SYNTH_SECONDS = 300
EACH_SECONDS = 1200


def folder(profile: str) -> Path:
    """Return where the profile's assembly lies; `TALLYSTICK_CDK_OUT` puts it elsewhere."""
    return Path(os.environ.get("TALLYSTICK_CDK_OUT", HERE / "cdk.out")) / profile


def digest() -> str:
    """Return a hash over everything that the templates are made of."""
    hashed = hashlib.sha256()
    places = [HERE / each for each in SOURCES]
    files = [each for each in places if each.is_file()]
    files += [each for place in places for each in place.rglob("*") if each.suffix in SUFFIXES]
    for each in sorted(files):
        hashed.update(f"{each.name}\n".encode() + each.read_bytes())
    return hashed.hexdigest()


def fresh(profile: str) -> assembly.Assembly:
    """Return the profile's assembly; synthesise it first where it is missing or out of date.

    :raises subprocess.CalledProcessError: the synthesis failed.
    """
    target = folder(profile)
    if "TALLYSTICK_CDK_OUT" in os.environ:
        return assembly.read(target)
    target.parent.mkdir(exist_ok=True)
    with (target.parent / f".{profile}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _renew(profile, target)
        return assembly.read(target)


def _renew(profile: str, target: Path) -> None:
    """Synthesise into `target` unless it was made of the same sources."""
    mark, wanted = target / ".sources", digest()
    if mark.exists() and mark.read_text() == wanted:
        return
    shutil.rmtree(target, ignore_errors=True)
    _run(PROGRAM, profile, str(target), seconds=SYNTH_SECONDS)
    mark.write_text(wanted)


def without_each_switch(profile: str) -> Iterator[tuple[str, assembly.Assembly]]:
    """Synthesise the profile once for each switch that it has on, without that switch.

    Yield both.
    """
    with tempfile.TemporaryDirectory() as target:
        _run(EACH, profile, target, seconds=EACH_SECONDS)
        for each in sorted(Path(target).iterdir()):
            yield each.name, assembly.read(each)


def with_switch(profile: str, switch: str) -> assembly.Assembly:
    """Synthesise the profile with one switch more, and return what comes of it."""
    with tempfile.TemporaryDirectory() as target:
        _run(WITH, profile, target, switch, seconds=SYNTH_SECONDS)
        return assembly.read(Path(target))


def _run(program: str, *arguments: str, seconds: int) -> None:
    """Run a program in the CDK's environment."""
    environment = {
        **os.environ,
        "CDK_VALIDATION": "false",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "ignore",
    }
    command = [str(HERE / ".venv/bin/python"), "-c", program, *arguments]
    subprocess.run(command, check=True, env=environment, cwd=HERE, timeout=seconds)  # noqa: S603  our own


if __name__ == "__main__":
    for each in sys.argv[1:] or PROFILES:
        sys.stdout.write(f"{each}: {sum(fresh(each).types().values())} resources\n")
