"""The Go programs that judge us: Tessera's own tools, and two small clients beside them."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD_SECONDS_MAX = 900
"""A first build fetches and compiles everything; later ones take a second."""


class NoModulesError(Exception):
    """Go is here, but the modules cannot be had: no network, and not fetched before."""


class StepError(Exception):
    """A step did not end as it should."""


@dataclass(frozen=True)
class Program:
    """One built program."""

    path: Path

    def run(self, *arguments: str, seconds_max: float, cwd: Path | None = None) -> "Output":
        """Run it to its end.

        Raises:
            StepError: it takes longer than `seconds_max`.
        """
        command = [str(self.path), *arguments]
        try:
            done = subprocess.run(
                command, cwd=cwd, timeout=seconds_max, capture_output=True, text=True, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise StepError(f"{self.path.name} took longer than {seconds_max:.0f} s.") from error
        return Output(self.path.name, done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Output:
    """What a program said and how it ended."""

    program: str
    status: int
    stdout: str
    stderr: str

    def require_success(self) -> "Output":
        """Raises `StepError` with its last words, where it failed."""
        if self.status != 0:
            raise StepError(f"{self.program} ended with {self.status}:\n{self.stderr[-2_000:]}")
        return self


def go() -> str | None:
    """The Go command, where there is one."""
    return shutil.which("go")


def build(command: str, folder: Path) -> dict[str, Program]:
    """Build everything into `folder`, by name; go.mod and go.sum pin what is built.

    Raises:
        NoModulesError: a module is missing and cannot be fetched.
        StepError: it does not compile.
    """
    fetched = _go([command, "mod", "download"])
    if fetched.returncode != 0:
        raise NoModulesError(fetched.stderr[-2_000:])
    built = _go([command, "build", "-mod=readonly", "-o", f"{folder}{os.sep}", "./...", "tool"])
    if built.returncode != 0:
        raise StepError(f"go build failed:\n{built.stderr[-4_000:]}")
    return {path.name: Program(path) for path in folder.iterdir()}


def _go(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=HERE, timeout=BUILD_SECONDS_MAX,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise StepError(f"{' '.join(command)} took longer than {BUILD_SECONDS_MAX} s.") from error
