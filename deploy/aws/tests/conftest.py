"""What every test reads: the templates of the profiles, synthesised once until they change."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from proof import assembly, synthesise
from proof.assembly import Assembly
from proof.values import Values

CONTAINED = """
import dataclasses, sys
from stack.profile import load
from stack.synth import build
small = load("small")
service = dataclasses.replace(small.service, runtimes=("fargate",))
changed = dataclasses.replace(small, service=service)
build(changed, stage="staging", outdir=sys.argv[1]).synth()
"""
"""In a process of its own: the whole CDK stays out of the tests' memory."""


@pytest.fixture(scope="session")
def full() -> Assembly:
    """Profile `full`: everything."""
    return synthesise.fresh("full")


@pytest.fixture(scope="session")
def small() -> Assembly:
    """Profile `small`: what a start-up dares to switch on."""
    return synthesise.fresh("small")


@pytest.fixture(scope="session")
def contained(tmp_path_factory: pytest.TempPathFactory, here: Path) -> Assembly:
    """Profile `small` in the stage `staging`, answered by containers in place of functions."""
    folder = tmp_path_factory.mktemp("contained")
    subprocess.run(  # noqa: S603  our own
        [sys.executable, "-c", CONTAINED, str(folder)],
        check=True,
        cwd=here,
        env=os.environ
        | {"CDK_VALIDATION": "false", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20"},
    )
    return assembly.read(folder)


@pytest.fixture(scope="session")
def values(full: Assembly) -> Values:
    """Intrinsics of `full` with stand-ins."""
    return Values(full)


@pytest.fixture(scope="session")
def here() -> Path:
    """The folder `deploy/aws`."""
    return Path(__file__).resolve().parents[1]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the suite held, beside the seconds that pytest says."""
    held, child = (
        resource.getrusage(who).ru_maxrss // 1000
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    terminalreporter.write_line(
        f"memory: {held} MB in the tests (of 300 allowed), {child} MB in their largest child"
    )
