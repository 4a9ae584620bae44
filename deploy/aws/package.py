"""Builds the functions' zip: the product and what it depends on, the same bytes every time.

    python deploy/aws/package.py [--python 3.14] [--machine arm64|x86_64] [--here] [--into FILE]

Packages come from the pins in requirements/functions.txt, each checked by its hash, as wheels for
the machine that the stack's functions run on (`--here`: for the interpreter that runs this, to try
things out, into a file of its own). Times, owners and the order of files are fixed, so two builds
of one tree are one file, and another hash is another content.
"""
# ruff: noqa: S603, T201  a command line that runs uv

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PINS = HERE / "requirements" / "functions.txt"
PACKAGE = HERE / "build" / "functions.zip"
PACKAGE_HERE = HERE / "build" / "functions-here.zip"
PYTHON, MACHINE = "3.14", "arm64"
"""What the stack's functions and the shipped profiles name; a test holds them together."""
UNPACKED_BYTES_MAX = 250 * 1024 * 1024
"""What a function's code may be, unpacked."""
MOMENT = (2020, 1, 1, 0, 0, 0)
"""When every file was made, it says."""
MACHINES = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
LEFT_OUT = ("__pycache__", "tests", "test")
"""Folders of packages that nobody runs there."""
LEFT_OUT_FILES = (".pyc", ".pyi", ".a", ".h", ".pxd")
SERVICES = frozenset(
    {"dynamodb", "events", "kinesis", "kms", "rds", "sagemaker-runtime", "secretsmanager", "sts",
     "signin", "sso", "sso-oidc", "xray"}
)  # fmt: skip
"""Of botocore's descriptions of 400 services, those that functions ask."""


def arguments(given: list[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Text)
    parser.add_argument("--python", default=PYTHON, help="version of Python on Lambda")
    parser.add_argument("--machine", choices=sorted(MACHINES), default=MACHINE)
    parser.add_argument("--here", action="store_true", help="for this interpreter and machine")
    parser.add_argument("--into", type=Path, help="the file to write")
    chosen = parser.parse_args(given)
    chosen.into = chosen.into or (PACKAGE_HERE if chosen.here else PACKAGE)
    return chosen


def main() -> int:
    """Build; say how large it is and its SHA-256."""
    chosen = arguments(sys.argv[1:])
    into: Path = chosen.into
    started = time.monotonic()
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    if not Path(uv).exists():
        say("uv is not there: put it on the path, or let `make run` install it into .uv")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "site"
        say("installing the pinned packages")
        target = None if chosen.here else (chosen.python, MACHINES[chosen.machine])
        if not install(uv, where, target):
            who = "this interpreter" if chosen.here else f"Python {chosen.python}, {chosen.machine}"
            say(f"the pins of {PINS.name} cannot be installed for {who}: what is said above is why")
            return 1
        say("adding the product")
        shutil.copytree(ROOT / "src" / "tallystick", where / "tallystick")
        files = sorted(kept(where), key=lambda path: path.relative_to(where).as_posix())
        size = sum(path.stat().st_size for path in files)
        if size > UNPACKED_BYTES_MAX:
            say(f"{size / 1e6:.0f} MB unpacked, more than Lambda takes")
            return 1
        say(f"packing {len(files):,} files, {size / 1e6:.0f} MB")
        pack(where, files, into)
    digest = hashlib.sha256(into.read_bytes()).hexdigest()
    seconds = time.monotonic() - started
    say(f"{into}: {into.stat().st_size / 1e6:.0f} MB, {seconds:.0f} s")
    print(digest)
    return 0


def install(uv: str, where: Path, target: tuple[str, str] | None) -> bool:
    """Put the pinned wheels into a folder, or say why not; nothing is compiled, nothing is run."""
    command = [
        uv, "pip", "install", "--quiet", "--target", str(where), "--require-hashes",
        "--only-binary", ":all:", "--requirement", str(PINS), "--link-mode", "copy",
    ]  # fmt: skip
    if target is None:
        command += ["--python", sys.executable]
    else:
        command += ["--python-version", target[0], "--python-platform", target[1]]
    return not subprocess.run(command, check=False).returncode


def kept(where: Path) -> Iterator[Path]:
    """The files that go into the zip."""
    models = where / "botocore" / "data"
    for path in where.rglob("*"):
        inside = path.relative_to(where)
        if not path.is_file() or path.suffix in LEFT_OUT_FILES or inside.parts[0] == "bin":
            continue
        if any(part in LEFT_OUT for part in inside.parts[:-1]):
            continue
        if path.is_relative_to(models):
            service = path.relative_to(models).parts[0]
            if (models / service).is_dir() and service not in SERVICES:
                continue
        if inside.parts[0].endswith(".dist-info") and inside.name in {"RECORD", "INSTALLER"}:
            continue
        yield path


def pack(where: Path, files: list[Path], into: Path) -> None:
    """Write the zip, whole or not at all."""
    into.parent.mkdir(parents=True, exist_ok=True)
    aside = into.with_suffix(".new")
    with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(where).as_posix(), MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
            entry.create_system = 3
            archive.writestr(entry, path.read_bytes())
    aside.replace(into)


def say(what: str) -> None:
    """Progress, for whoever waits."""
    print(f"  {what}", file=sys.stderr, flush=True)


class _Text(argparse.RawDescriptionHelpFormatter):
    """Shows the text above as it stands."""


if __name__ == "__main__":
    sys.exit(main())
