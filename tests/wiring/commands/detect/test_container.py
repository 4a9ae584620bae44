"""`tallystick detect container`: trained and hosted by real processes, as SageMaker runs them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from tallystick.watch.detect.sagemaker.channels import FAILURE_CHARACTERS_MAX
from tallystick.wiring.commands.detect.container import container

COMMAND = (
    sys.executable,
    "-c",
    "from tallystick.wiring.commands.detect.container import container; container()",
)
UP_SECONDS_MAX = 200.0
"""A first start compiles."""


def lay_out(root: Path, content: bytes, **hyperparameters: str) -> None:
    """A training job of two features under `root`."""
    config, data = root / "opt/ml/input/config", root / "opt/ml/input/data/train"
    config.mkdir(parents=True)
    data.mkdir(parents=True)
    asked = {"feature_dim": "2", "num_trees": "50", **hyperparameters}
    (config / "hyperparameters.json").write_text(json.dumps(asked))
    channel = {"ContentType": "text/csv", "S3DistributionType": "ShardedByS3Key"}
    (config / "inputdataconfig.json").write_text(json.dumps({"train": channel}))
    (data / "a.csv").write_bytes(content)


def rows(count: int) -> bytes:
    """CSV of ordinary rows."""
    found = np.random.default_rng(1).normal(size=(count, 2)).tolist()
    return "".join(f"{one!r},{other!r}\n" for one, other in found).encode()


@pytest.fixture(autouse=True)
def own_sigterm() -> Iterator[None]:
    """Whatever a command does with SIGTERM in this process is undone."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a job that a process has trained."""
    root = tmp_path_factory.mktemp("job")
    lay_out(root, rows(500))
    done = subprocess.run(
        [*COMMAND, "train", "--root", str(root)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "rows=500" in done.stdout
    return root


Served = tuple["subprocess.Popen[bytes]", httpx.Client]


@pytest.fixture
def serve(trained: Path) -> Iterator[Callable[[], Served]]:
    """Starts the server of the trained model and waits for its first ping."""
    started: list[subprocess.Popen[bytes]] = []
    clients: list[httpx.Client] = []

    def start() -> Served:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        asked = ["serve", "--root", str(trained), "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen([*COMMAND, *asked], stderr=subprocess.DEVNULL)
        started.append(process)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0, trust_env=False)
        clients.append(client)
        deadline = time.monotonic() + UP_SECONDS_MAX
        while True:
            try:
                assert client.get("/ping").status_code == 200
            except httpx.ConnectError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return process, client

    yield start
    for client in clients:
        client.close()
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.server
def test_what_was_trained_is_served_until_sigterm(serve: Callable[[], Served]) -> None:
    """Scores over HTTP; SIGTERM ends it cleanly, after what is under way was answered."""
    process, client = serve()
    answer = client.post("/invocations", content=b"0,0\n9,9\n", headers={"Accept": "*/*"})
    usual, odd = (each["score"] for each in answer.json()["scores"])
    assert odd > 2 * usual

    body = rows(20_000)
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(client.post, "/invocations", content=body)
        with httpx.Client(base_url=client.base_url, trust_env=False) as other:
            assert other.get("/ping").status_code == 200  # while rows are scored
        os.kill(process.pid, signal.SIGTERM)
        assert len(asked.result().json()["scores"]) == 20_000
    assert process.wait(30) == 0
    with pytest.raises(httpx.HTTPError):
        client.get("/ping")


@pytest.mark.server
def test_a_job_that_fails_says_why(tmp_path: Path) -> None:
    """Exit code 1, a sentence on standard error, and the same where SageMaker looks for it."""
    lay_out(tmp_path, b"1,2\n1,x\n")
    done = subprocess.run(
        [*COMMAND, "train", "--root", str(tmp_path)], capture_output=True, text=True, check=False
    )
    said = "a.csv: Line 2 has 'x', which is no finite number."
    assert done.returncode == 1
    assert done.stderr == f"tallystick: {said}\n"
    assert (tmp_path / "opt/ml/output/failure").read_text() == f"ClientError: {said}"
    assert not list((tmp_path / "opt/ml").glob("model/*"))


def test_a_fault_of_ours_is_no_fault_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is called an AlgorithmError, and cut to what is shown."""
    lay_out(tmp_path, rows(10))

    def broken(*_arguments: object) -> None:
        raise RuntimeError("x" * 2_000)

    monkeypatch.setattr("tallystick.wiring.sagemaker.train", broken)
    done = CliRunner().invoke(container, ["train", "--root", str(tmp_path)])
    told = (tmp_path / "opt/ml/output/failure").read_text()
    assert done.exit_code == 1
    assert told.startswith("AlgorithmError: RuntimeError: xxx")
    assert len(told) == FAILURE_CHARACTERS_MAX


def test_without_a_model_nothing_is_served(tmp_path: Path) -> None:
    """A sentence and exit code 1, before anything listens."""
    done = CliRunner().invoke(container, ["serve", "--root", str(tmp_path)])
    assert done.exit_code == 1
    assert "There is no model in" in done.output


def test_kernels_are_compiled_when_an_image_is_built() -> None:
    """The command that the Dockerfile calls."""
    done = CliRunner().invoke(container, ["warm"])
    assert (done.exit_code, done.output) == (0, "")


def test_the_image_calls_what_there_is() -> None:
    """Entry points of deploy/sagemaker name commands that exist, in the exec form."""
    folder = Path(__file__).resolve().parents[4] / "deploy/sagemaker"
    dockerfile = (folder / "Dockerfile").read_text()
    entry = dockerfile.partition("ENTRYPOINT ")[2].splitlines()[0]
    assert json.loads(entry) == ["python", "-m", "tallystick", "detect", "container"]
    for name in ("serve", "train"):
        assert name in container.commands
        script = folder / name
        assert os.access(script, os.X_OK)
        assert f"detect container {name} " in script.read_text()
        assert f"deploy/sagemaker/{name}" in dockerfile
