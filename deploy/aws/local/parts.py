"""The processes of the local stack: PostgreSQL, ministack, and our container with its forest."""
# ruff: noqa: S310, S603  it starts servers of its own on loopback, and asks them

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
AWS = HERE.parent
ROOT = AWS.parents[1]
MINISTACK = AWS / ".venv-local" / "bin" / "ministack"
PYTHON = AWS / ".venv-local" / "bin" / "python"
SECONDS_MAX = 90.0
END_SECONDS_MAX = 10.0
POSTGRES_USER = "postgres"
"""Who runs PostgreSQL when we are root, which PostgreSQL refuses to be."""


class MissingError(Exception):
    """Something is not installed; the sentence says what to do."""


class Processes:
    """What was started here, and is ended here, by its own number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._begun: list[subprocess.Popen[bytes]] = []

    def begin(
        self, name: str, *command: str, user: str | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start it; what it says goes to `NAME.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                cwd=self.folder, env=_environment() | environment, user=user, group=user,
                extra_groups=None if user is None else [],
            )  # fmt: skip
        self._begun.append(process)
        return process

    def log(self, name: str) -> str:
        """The end of what it said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3_000:]

    def end(self) -> None:
        """End all, the newest first."""
        for process in reversed(self._begun):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self._begun):
            try:
                process.wait(END_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def require_ministack() -> None:
    """It is installed.

    Raises:
        MissingError: it is not.
    """
    if not MINISTACK.exists():
        raise MissingError(
            "ministack is not installed: make an environment deploy/aws/.venv-local with"
            " uv venv deploy/aws/.venv-local && uv pip install --python"
            " deploy/aws/.venv-local/bin/python -r deploy/aws/requirements/local.txt"
        )


def postgres(processes: Processes) -> str:
    """A PostgreSQL of our own on loopback; the address of its owner."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places = os.pathsep.join([*map(str, programs), os.environ.get("PATH", "")])
    initdb, server = (shutil.which(name, path=places) for name in ("initdb", "postgres"))
    if initdb is None or server is None:
        raise MissingError("PostgreSQL is not installed (Debian: apt-get install postgresql).")
    user = POSTGRES_USER if os.geteuid() == 0 else None
    data, word, port = processes.folder / "postgres", secrets.token_hex(12), free_port()
    password = processes.folder / "password"
    password.write_text(word)
    if user is not None:
        processes.folder.chmod(0o755)
        shutil.chown(processes.folder, user, user)
        shutil.chown(password, user, user)
    made = processes.begin(
        "initdb", initdb, "--username=owner", "--auth=scram-sha-256", f"--pwfile={password}",
        "--no-sync", "--encoding=UTF8", "--locale=C", "-D", str(data), user=user,
    )  # fmt: skip
    if made.wait():
        raise MissingError(f"initdb failed: {processes.log('initdb')}")
    password.unlink()
    settings = {
        "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "",
        "shared_buffers": "16MB",
    }  # fmt: skip
    options = [f"--{name}={value}" for name, value in settings.items()]
    process = processes.begin("postgres", server, "-D", str(data), *options, user=user)
    until(lambda: listens(port), lambda: _alive(process, processes, "postgres"))
    return f"postgresql://owner:{word}@127.0.0.1:{port}/postgres"


def ministack(processes: Processes) -> str:
    """AWS' place on loopback; its address."""
    require_ministack()
    port = free_port()
    process = processes.begin(
        "ministack", str(MINISTACK), BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port),
        IOT_MTLS_ENABLED="0", SFTP_ENABLED="0", LAMBDA_EXECUTOR="local",
        AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test",  # noqa: S106  any will do
    )  # fmt: skip
    until(lambda: listens(port), lambda: _alive(process, processes, "ministack"))
    return f"http://127.0.0.1:{port}"


def forest(processes: Processes) -> tuple[str, float]:
    """Our container, trained on usual orders: its address, and the score that is its cutoff."""
    job = processes.folder / "job"
    (job / "opt/ml/input/config").mkdir(parents=True)
    (job / "opt/ml/input/data/train").mkdir(parents=True)
    shutil.copy(HERE / "usual_orders.csv", job / "opt/ml/input/data/train/part-0")
    named = "forest_quantity,forest_distance,forest_gap,forest_hour_sine,forest_hour_cosine"
    (job / "opt/ml/input/config/hyperparameters.json").write_text(
        json.dumps({"feature_dim": "5", "num_trees": "50", "feature_names": named})
    )
    (job / "opt/ml/input/config/inputdataconfig.json").write_text(
        json.dumps({"train": {"ContentType": "text/csv;label_size=0"}})
    )
    command = [sys.executable, "-m", "tallystick", "detect", "container"]
    source = {"PYTHONPATH": str(ROOT / "src")}
    training = processes.begin("train", *command, "train", "--root", str(job), **source)
    if training.wait():
        raise MissingError(f"The forest could not be trained: {processes.log('train')}")
    port = free_port()
    serving = ["serve", "--root", str(job), "--host", "127.0.0.1", "--port", str(port)]
    process = processes.begin("forest", *command, *serving, **source)
    until(lambda: listens(port), lambda: _alive(process, processes, "forest"))
    url = f"http://127.0.0.1:{port}"
    asked = urllib.request.Request(
        f"{url}/invocations", b"3.0,0.2,3.5,0.5,0.5",
        {"Content-Type": "text/csv", "Accept": "application/json;verbose=true"},
    )  # fmt: skip
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return url, float(json.load(answer)["cutoff"])


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as asking:
        asking.settimeout(1)
        return asking.connect_ex(("127.0.0.1", port)) == 0


def until(
    good: Callable[[], object],
    look: Callable[[], None] = lambda: None,
    seconds: float = SECONDS_MAX,
) -> object:
    """What `good` gives, once it gives something.

    Raises:
        TimeoutError: it does not.
    """
    deadline = time.monotonic() + seconds
    while not (found := good()):
        look()
        if time.monotonic() > deadline:
            raise TimeoutError("It did not happen in time.")
        time.sleep(0.1)
    return found


def _alive(process: subprocess.Popen[bytes], processes: Processes, name: str) -> None:
    if process.poll() is not None:
        raise MissingError(f"{name} ended: {processes.log(name)}")


def _environment() -> dict[str, str]:
    """Ours, without the product's settings and without anybody's AWS."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TALLYSTICK_", "AWS_"))
    }
