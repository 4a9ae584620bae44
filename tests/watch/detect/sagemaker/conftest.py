"""Training jobs and containers as SageMaker lays them out, under a folder of the test."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import httpx
import numpy as np
import pytest
import uvicorn

from tallystick.clock import Clock, SystemClock
from tallystick.watch.detect.sagemaker.app import Container
from tallystick.watch.detect.sagemaker.channels import Job
from tallystick.watch.detect.sagemaker.model import HostedModel, load_model
from tallystick.watch.detect.sagemaker.training import train

TRAIN = {
    "ContentType": "text/csv;label_size=0",
    "TrainingInputMode": "File",
    "S3DistributionType": "ShardedByS3Key",
    "RecordWrapperType": "None",
}
TEST = {
    "ContentType": "text/csv;label_size=1",
    "TrainingInputMode": "File",
    "S3DistributionType": "FullyReplicated",
}


def csv(rows: np.ndarray) -> bytes:
    """Rows as CSV."""
    return "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist()).encode()


def usual(rows: int = 600, seed: int = 1) -> np.ndarray:
    """Ordinary rows of three features."""
    return np.random.default_rng(seed).normal(size=(rows, 3))


def labelled(rows: int = 300, odd: int = 10) -> np.ndarray:
    """A label and three features; the odd rows come last."""
    features = np.concatenate([usual(rows - odd, 2), usual(odd, 3) + 9])
    labels = np.concatenate([np.zeros(rows - odd), np.ones(odd)])
    return np.column_stack([labels, features])


MakeJob = Callable[..., Job]


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    """Lays a job out: channels by name with (description, content), and hyperparameters."""

    def make(
        channels: Mapping[str, tuple[Mapping[str, object], bytes]] | None = None,
        resources: Mapping[str, object] | None = None,
        **hyperparameters: str,
    ) -> Job:
        job = Job(tmp_path)
        job.config.mkdir(parents=True, exist_ok=True)
        asked = {"feature_dim": "3", "num_trees": "50", **hyperparameters}
        (job.config / "hyperparameters.json").write_text(json.dumps(asked))
        given = {"train": (TRAIN, csv(usual()))} if channels is None else channels
        described = {name: described for name, (described, _) in given.items()}
        (job.config / "inputdataconfig.json").write_text(json.dumps(described))
        if resources is not None:
            (job.config / "resourceconfig.json").write_text(json.dumps(resources))
        for name, (_, content) in given.items():
            folder = tmp_path / "opt/ml/input/data" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "part-0").write_bytes(content)
        return job

    return make


@pytest.fixture(scope="session")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> HostedModel:
    """A model that was trained on ordinary rows of three named features."""
    job = Job(tmp_path_factory.mktemp("hosted"))
    job.config.mkdir(parents=True)
    asked = {"feature_dim": "3", "num_trees": "50", "feature_names": "size,hour,distance"}
    (job.config / "hyperparameters.json").write_text(json.dumps(asked))
    (job.config / "inputdataconfig.json").write_text(json.dumps({"train": TRAIN}))
    data = job.root / "opt/ml/input/data/train"
    data.mkdir(parents=True)
    (data / "part-0").write_bytes(csv(usual()))
    train(job, lambda _line: None)
    return load_model(job.model)


@contextmanager
def container_of(
    model: HostedModel, clock: Clock | None = None, seconds_max: float = 55.0
) -> Iterator[httpx.Client]:
    """The container's server in a thread, on a free port; a client of it."""
    app = Container(model, clock or SystemClock(), seconds_max).app()
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    sock = config.bind_socket()
    thread = Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    with ExitStack() as stack:
        stack.callback(sock.close)
        stack.callback(thread.join)
        stack.callback(setattr, server, "should_exit", True)
        address = f"http://127.0.0.1:{sock.getsockname()[1]}"
        yield stack.enter_context(httpx.Client(base_url=address, timeout=60.0, trust_env=False))


@pytest.fixture(scope="session")
def container(hosted: HostedModel) -> Iterator[httpx.Client]:
    """The container of `hosted`."""
    with container_of(hosted) as client:
        yield client
