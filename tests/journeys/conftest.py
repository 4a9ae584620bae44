"""What journeys have in common: a client whose connections may be cut, and a reader who types."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

Name = TypeVar("Name", bound=Hashable)
Answer = tuple[int, bytes]
"""Status and body."""
Ask = Callable[..., Awaitable[dict[Name, Answer | None]]]

HEAD_BYTES_MAX = 65_536
ROOT = Path(__file__).resolve().parents[2]
NOT_CHECKED_IN = (
    ".git", ".venv", ".uv", ".tallystick*", ".*_cache", ".hypothesis", "node_modules", "dist",
    "__pycache__",
)  # fmt: skip
OTHER_TERMINAL = "# in another terminal"


async def ask(
    url: str, token: str, requests: Iterable[tuple[Name, str, bytes]], connections: int = 16
) -> dict[Name, Answer | None]:
    """Send (name, path, body) requests over keep-alive connections; the answers by name.

    A request with a body is a POST. Each connection sends its next request when its last one was
    answered. A connection that is cut leaves None for what it had sent, and sends no more.
    """
    answers: dict[Name, Answer | None] = {}
    waiting = iter(requests)
    work = (_connection(url, token, waiting, answers) for _ in range(connections))
    await asyncio.gather(*work)
    return answers


async def _connection(
    url: str,
    token: str,
    requests: Iterator[tuple[Name, str, bytes]],
    answers: dict[Name, Answer | None],
) -> None:
    place = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(
            place.hostname, place.port, limit=HEAD_BYTES_MAX
        )
    except ConnectionError:
        return  # dead before it came to this connection: nothing was sent
    try:
        for name, path, body in requests:
            answers[name] = None
            verb = "POST" if body else "GET"
            writer.write(
                f"{verb} {path} HTTP/1.1\r\nHost: {place.netloc}\r\n"
                f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r")[0])
            whole = await reader.readexactly(length)
            answers[name] = int(head.split(maxsplit=2)[1]), whole
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.transport.abort()


@pytest.fixture(name="ask")
def _ask() -> Ask[Hashable]:
    """Many requests at once, over connections that may be cut."""
    return ask


@dataclass(frozen=True)
class Step:
    """One block of commands that a document shows, and what became of it.

    `expected` is the exit status of its last command as the document says it: "exit status N" in
    the paragraph before the block, otherwise 0.
    """

    code: str
    expected: int
    status: int
    output: str


def blocks(document: Path) -> list[tuple[str, str]]:
    """(paragraph before, code) of every block that is fenced as ```sh."""
    found = re.finditer(
        r"^```sh\n(.*?)^```$", text := document.read_text(), re.MULTILINE | re.DOTALL
    )
    return [(text[: block.start()].rstrip().rpartition("\n\n")[2], block[1]) for block in found]


class Reader:
    """Does what a document says, in a fresh copy of the tree with the environment of this run.

    Nothing is installed or built. Commands before a line `# in another terminal` run the server;
    where no block has such a line, `make run` does.
    """

    def __init__(self, folder: Path) -> None:
        """Copy the tree."""
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_CHECKED_IN))
        (folder / ".venv").symlink_to(sys.prefix)
        page = folder / "src/tallystick/web/static/index.html"
        if not page.is_file():
            pytest.skip("the page has not been built: run make page")
        page.touch()
        uv = folder / ".uv/bin/uv"
        uv.parent.mkdir(parents=True)
        uv.write_text("#!/bin/sh\necho 'the environment is there: why install?' >&2; exit 1\n")
        uv.chmod(0o755)
        strange = ("TALLYSTICK_", "MAKE", "MFLAGS")
        ours = {name: v for name, v in os.environ.items() if not name.startswith(strange)}
        self.environment = ours | {
            "TALLYSTICK_PORT": "0",
            "TALLYSTICK_DETECTION": "off",
            "PYTHONPATH": str(folder / "src"),
        }

    def walk(self, document: Path) -> list[Step]:
        """Every block in its order, in one shell, while the server runs."""
        server, steps = "make run", []
        for before, code in blocks(document):
            first, divided, rest = code.partition(OTHER_TERMINAL)
            if divided:
                server = first
            said = re.findall(r"exit status (\d)", before)
            steps.append((rest if divided else code, int(said[-1]) if said else 0))
        with subprocess.Popen(
            ["sh", "-c", server],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                self._until_it_runs(process)
                return self._type(steps)
            finally:
                os.killpg(process.pid, signal.SIGTERM)

    def _until_it_runs(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "API reference" in line:
                return
        pytest.fail(f"`make run` did not run: {''.join(lines)}")

    def _type(self, steps: list[tuple[str, int]]) -> list[Step]:
        script = "".join(f"{code}\nprintf '\\001%s\\001' $?\n" for code, _ in steps)
        run = subprocess.run(
            ["sh", "-c", f"exec 2>&1\n{script}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
        said = run.stdout.split("\x01")
        assert len(said) == 2 * len(steps) + 1, run.stdout
        return [
            Step(code, expected, int(said[2 * n + 1]), said[2 * n])
            for n, (code, expected) in enumerate(steps)
        ]


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Somebody who has just cloned the tree."""
    return Reader(tmp_path / "tallystick")
