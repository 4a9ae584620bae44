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
from stack import profile

HERE = Path(__file__).resolve().parent.parent
SHIPPED = "../../src/tallystick/stream/rules/shipped"
SOURCES = ("stack", "profiles", "functions", "packs", "cost/budgets.json", SHIPPED)
PACKAGE = HERE / "build/functions.zip"
"""The functions' code; without it the templates carry a stand-in that cannot be deployed."""
SUFFIXES = {".py", ".toml", ".yaml", ".yml", ".json", ".sql"}
PROFILES = profile.SHIPPED
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
profile, on = load(sys.argv[1]), sys.argv[3] == "on"
for each in dataclasses.fields(profile.switches):
    if getattr(profile.switches, each.name) is not on:
        other = profile.with_switch(each.name, on=on)
        build(other, outdir=f"{sys.argv[2]}/{each.name}").synth()
"""
WITH = """
import sys
from stack.profile import load
from stack.synth import build
build(load(sys.argv[1]).with_switch(sys.argv[3], on=True), outdir=sys.argv[2]).synth()
"""
SYNTH_SECONDS = 300
EACH_SECONDS = 1200


def folder(name: str) -> Path:
    """Return where the profile's assembly lies; `TALLYSTICK_CDK_OUT` puts it elsewhere."""
    return Path(os.environ.get("TALLYSTICK_CDK_OUT", HERE / "cdk.out")) / name


def digest() -> str:
    """Return a hash over everything that the templates are made of."""
    hashed = hashlib.sha256()
    places = [HERE / each for each in SOURCES]
    files = [each for each in places if each.is_file()]
    files += [each for place in places for each in place.rglob("*") if each.suffix in SUFFIXES]
    for each in [*sorted(files), *([PACKAGE] if PACKAGE.exists() else [])]:
        hashed.update(f"{each.name}\n".encode() + each.read_bytes())
    return hashed.hexdigest()


def fresh(name: str) -> assembly.Assembly:
    """Return the profile's assembly; synthesise it first where it is missing or out of date.

    :raises subprocess.CalledProcessError: the synthesis failed.
    """
    target = folder(name)
    if "TALLYSTICK_CDK_OUT" in os.environ:
        return assembly.read(target)
    target.parent.mkdir(exist_ok=True)
    with (target.parent / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _renew(name, target)
        return assembly.read(target)


def _renew(name: str, target: Path) -> None:
    """Synthesise into `target` unless it was made of the same sources."""
    mark, wanted = target / ".sources", digest()
    if mark.exists() and mark.read_text() == wanted:
        return
    shutil.rmtree(target, ignore_errors=True)
    _run(PROGRAM, name, str(target), seconds=SYNTH_SECONDS)
    mark.write_text(wanted)


def each_switch(name: str, *, on: bool) -> Iterator[tuple[str, assembly.Assembly]]:
    """Synthesise the profile once for each switch that it has not so, with that one turned.

    Yield both.
    """
    with tempfile.TemporaryDirectory() as target:
        _run(EACH, name, target, "on" if on else "off", seconds=EACH_SECONDS)
        for each in sorted(Path(target).iterdir()):
            yield each.name, assembly.read(each)


def with_switch(name: str, switch: str) -> assembly.Assembly:
    """Synthesise the profile with one switch more, and return what comes of it."""
    with tempfile.TemporaryDirectory() as target:
        _run(WITH, name, target, switch, seconds=SYNTH_SECONDS)
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


def main(names: list[str]) -> None:
    """Synthesise these profiles, or all that there are, and say what came of it."""
    try:
        for each in names or profile.names():
            profile.load(each)  # a sentence about what is wrong with it, before anything starts
            sys.stdout.write(f"{each}: {sum(fresh(each).types().values())} resources\n")
    except profile.ProfileError as error:
        sys.exit(f"aws: {error}")
    except subprocess.CalledProcessError:
        sys.exit("aws: the synthesis failed; its reason stands above")
    if not PACKAGE.exists():
        sys.stdout.write(
            "The functions' code is not built, so these templates cannot be deployed: "
            "`make aws-package`, then this again.\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
