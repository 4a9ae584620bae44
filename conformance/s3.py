"""The archive against a real S3-compatible server with Object Lock: the vault's own contract suite.

The server is versitygw (Apache-2.0), built from its Go module, which `s3server/go.mod` pins; it
is a peer of tests only. Exit code: 0 passed, or there is no Go; 1 something does not hold; 2 Go is
here, but the modules cannot be fetched.
"""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from toolchain import BUILD_SECONDS_MAX, NoModulesError, StepError, go

ROOT = Path(__file__).resolve().parents[1]
MODULE = Path(__file__).resolve().parent / "s3server"
SUITE = ROOT / "tests" / "watch" / "collect" / "archive"
SERVER = "TALLYSTICK_TEST_S3"
START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 10.0
SUITE_SECONDS_MAX = 600.0
EXIT_NO_MODULES = 2


def build(command: str, folder: Path) -> Path:
    """Build the server into `folder`.

    Raises:
        NoModulesError: its modules are missing and cannot be fetched.
        StepError: it does not compile.
    """
    if _go([command, "mod", "download"]).returncode:
        raise NoModulesError("The modules of versitygw cannot be fetched.")
    built = _go([command, "build", "-mod=readonly", "-o", f"{folder}{os.sep}", "tool"])
    if built.returncode:
        raise StepError(f"go build failed:\n{built.stderr[-4_000:]}")
    return folder / "versitygw"


def _go(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=MODULE, timeout=BUILD_SECONDS_MAX, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise StepError(f"{' '.join(command)} took longer than {BUILD_SECONDS_MAX} s.") from error


@contextmanager
def served(program: Path, folder: Path) -> Iterator[dict[str, str]]:
    """The server on a free port of loopback, and the environment in which clients find it.

    Raises:
        StepError: it does not start.
    """
    port = _free_port()
    access, secret = secrets.token_hex(8), secrets.token_hex(16)
    objects, versions = folder / "objects", folder / "versions"
    for made in (objects, versions):
        made.mkdir()
    command = [
        str(program), "--port", f"127.0.0.1:{port}", "--quiet",
        "posix", "--versioning-dir", str(versions), str(objects),
    ]  # fmt: skip
    secrets_of = {"ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=os.environ | secrets_of, stdout=log, stderr=log)
        try:
            _await_port(process, port, folder / "server.log")
            yield {
                SERVER: f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": access,
                "AWS_SECRET_ACCESS_KEY": secret,
            }
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < give_up and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise StepError(f"versitygw does not start:\n{log.read_text()[-2_000:]}")


def run_suite(environment: dict[str, str]) -> str:
    """Run the suite against the server; its closing line.

    Raises:
        StepError: something failed, or nothing ran.
    """
    command = [
        sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider",
        "-k", "real", str(SUITE),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, timeout=SUITE_SECONDS_MAX,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout.strip().splitlines()
    closing = said[-1] if said else ""
    if done.returncode or "passed" not in closing or "skipped" in closing:
        raise StepError(f"{closing}\n{done.stdout[-4_000:]}{done.stderr[-2_000:]}")
    return closing


@click.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Folder to keep everything in.")
def main(keep: Path | None) -> None:
    """Run the vault's contract suite against a real S3-compatible server."""
    command = go()
    if command is None:
        click.echo("conformance of the archive: skipped, there is no Go on the PATH.")
        return
    with tempfile.TemporaryDirectory(prefix="tallystick-s3-") as made:
        folder = Path(made) if keep is None else keep
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with served(build(command, folder), folder) as environment:
                click.echo(f"versitygw: {run_suite(environment)}")
        except NoModulesError as error:
            click.echo(str(error), err=True)
            sys.exit(EXIT_NO_MODULES)
        except StepError as error:
            click.echo(f"conformance of the archive failed: {error}", err=True)
            sys.exit(1)


if __name__ == "__main__":
    main()
