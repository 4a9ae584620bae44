"""The whole product as a process of its own, and a browser: for tests that need nothing less."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ROOT = Path(__file__).resolve().parents[1]
END_SECONDS_MAX = 20.0
"""From SIGTERM to the end of the process; it promises five, on a machine that is not busy."""


class Server:
    """`tallystick serve` on a free port of loopback, on a data folder that may be used before.

    Nothing is written to standard error unless something is wrong: alerts are not shown there.
    `settings` are those of docs/reference/settings.md in lower case.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        """Start the process and wait for nothing."""
        self.folder = folder
        self.url = self.account = self.token = self.vkey = self.hec_token = ""
        mine = {"data": str(folder), "port": "0", "alerts_terminal": "false"} | settings
        self.stderr = folder.with_name(f"{folder.name}.stderr")
        with self.stderr.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tallystick", "serve"],
                cwd=ROOT,
                env=environment() | {f"TALLYSTICK_{k.upper()}": v for k, v in mine.items()},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def wait(self) -> "Server":
        """Until it has said on its screen where it listens; fails with what it said instead."""
        assert self.process.stdout is not None
        if not any("API reference" in line for line in self.process.stdout):
            pytest.fail(f"the server ended with {self.process.wait()}: {self.said()}")
        facts = msgspec.json.decode((self.folder / "demo.json").read_bytes(), type=dict[str, str])
        self.url, self.account, self.token = facts["url"], facts["account"], facts["token"]
        self.vkey, self.hec_token = facts["vkey"], facts["hec_token"]
        return self

    def client(self) -> httpx.Client:
        """An HTTP client with the demo token, to be closed by whoever takes it."""
        authorization = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=authorization, timeout=30)

    def said(self) -> str:
        """All that was written to standard error, by this process and those before it."""
        return self.stderr.read_text()

    def kill(self) -> None:
        """End it at once, as a power cut would end the process (not the disk)."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator would; its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        try:
            return self.process.wait(END_SECONDS_MAX)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()


def environment() -> dict[str, str]:
    """The environment of this test run without any setting of the product."""
    return {name: v for name, v in os.environ.items() if not name.startswith("TALLYSTICK_")}


@pytest.fixture
def launch() -> Iterator[Callable[..., Server]]:
    """Starts servers and does not wait for them; they are gone after the test."""
    begun: list[Server] = []

    def start(folder: Path, **settings: str) -> Server:
        begun.append(Server(folder, **settings))
        return begun[-1]

    yield start
    for server in begun:
        server.kill()


@pytest.fixture
def serve(launch: Callable[..., Server]) -> Callable[..., Server]:
    """Starts servers that are ready for requests; they are gone after the test."""
    return lambda folder, **settings: launch(folder, **settings).wait()


@pytest.fixture
def tallystick() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line to its end, in the tree's folder unless told otherwise."""

    def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tallystick", *arguments]
        return subprocess.run(
            command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Chrome"]:
    """A headless Chromium with a profile of its own; skips where there is none."""
    from selenium.webdriver import Chrome, ChromeOptions  # noqa: PLC0415  few tests need it
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = ChromeOptions()
    options.binary_location = program
    profile = tmp_path_factory.mktemp("chromium")
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--window-size=1440,900", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()
