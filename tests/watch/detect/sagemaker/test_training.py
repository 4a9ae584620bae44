"""A training job from its folder to its model, and every way in which it can fail."""

import os
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from tallystick.watch.detect.sagemaker import channels as channels_module
from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.model import DESCRIPTION, FOREST, load_model
from tallystick.watch.detect.sagemaker.recordio import frame, write_record
from tallystick.watch.detect.sagemaker.training import train

from .conftest import TEST, TRAIN, MakeJob, csv, labelled, usual

RECORDIO = "application/x-recordio-protobuf"


def quality(said: list[str]) -> dict[str, float]:
    """The metrics among log lines."""
    lines = [line for line in said if line.startswith("#quality_metric: host=algo-1, test ")]
    pairs = [line.removeprefix("#quality_metric: host=algo-1, test ") for line in lines]
    return {name: float(value) for name, value in (pair.split(" <score>=") for pair in pairs)}


def test_a_job_leaves_a_model_and_says_how_good_it_is(make_job: MakeJob) -> None:
    """Planted anomalies of the test channel are found; the model folder is all that is needed."""
    job = make_job({"train": (TRAIN, csv(usual())), "test": (TEST, csv(labelled()))})
    said: list[str] = []
    description = train(job, said.append)

    assert quality(said)["recall"] == 1.0
    assert set(quality(said)) == {"accuracy", "precision", "recall", "f1"}
    assert quality(said)["accuracy"] > 0.9
    assert {path.name for path in job.model.iterdir()} == {DESCRIPTION, FOREST}
    model = load_model(job.model)
    assert model.version == description.version
    assert len(model.version) == 12
    assert model.description.rows == 600


def test_the_same_job_gives_the_same_model(make_job: MakeJob) -> None:
    """Version and all; another seed gives another one."""
    first = train(make_job(), lambda _line: None)
    assert train(make_job(), lambda _line: None) == first
    assert train(make_job(seed="2"), lambda _line: None).version != first.version


def test_chunks_change_nothing(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that is read in small pieces gives the same model, CSV or RecordIO."""
    rows = usual().astype(np.float32).astype(np.float64)
    whole = train(make_job({"train": (TRAIN, csv(rows))}), lambda _line: None)
    monkeypatch.setattr(channels_module, "CHUNK_BYTES", 1_000)
    pieces = train(make_job({"train": (TRAIN, csv(rows).rstrip())}), lambda _line: None)
    records = b"".join(frame(write_record(row)) for row in rows)
    described = TRAIN | {"ContentType": RECORDIO}
    recordio = train(make_job({"train": (described, records)}), lambda _line: None)

    assert whole.version == pieces.version == recordio.version


def test_recordio_test_data_bring_their_labels(make_job: MakeJob) -> None:
    """The label stands in the record."""
    rows = labelled()
    records = b"".join(frame(write_record(row[1:], row[0])) for row in rows)
    said: list[str] = []
    described = TEST | {"ContentType": RECORDIO}
    train(make_job({"train": (TRAIN, csv(usual())), "test": (described, records)}), said.append)
    assert quality(said)["recall"] == 1.0


def test_one_metric_can_be_asked_for(make_job: MakeJob) -> None:
    """Only that is said."""
    given = {"train": (TRAIN, csv(usual())), "test": (TEST, csv(labelled()))}
    said: list[str] = []
    train(make_job(given, eval_metrics='["accuracy"]'), said.append)
    assert set(quality(said)) == {"accuracy"}


def test_pipe_mode_reads_the_named_pipe(make_job: MakeJob, tmp_path: Path) -> None:
    """The first epoch's pipe, to its end."""
    job = make_job({"train": (TRAIN | {"TrainingInputMode": "Pipe"}, b"")})
    pipe = tmp_path / "opt/ml/input/data/train_0"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(csv(usual()),))
    writer.start()
    piped = train(job, lambda _line: None)
    writer.join()
    assert piped.version == train(make_job(), lambda _line: None).version


def test_several_files_are_one_channel(make_job: MakeJob, tmp_path: Path) -> None:
    """In the order of their names, from folders too."""
    rows = usual()
    whole = train(make_job(), lambda _line: None)
    job = make_job({"train": (TRAIN, csv(rows[:200]))})
    inner = tmp_path / "opt/ml/input/data/train/z"
    inner.mkdir()
    (inner / "part-1").write_bytes(csv(rows[200:]))
    assert train(job, lambda _line: None).version == whole.version


FAILING = {
    "no train channel": ({"test": (TEST, b"")}, {}, "channel train"),
    "another channel": ({"train": (TRAIN, b"1,2,3\n"), "validation": (TEST, b"")}, {}, "channel"),
    "empty channel": ({"train": (TRAIN, b"")}, {}, "has no rows"),
    "bad line": ({"train": (TRAIN, b"1,2,3\n1,2\n")}, {}, "part-0: Line 2 has 2 values"),
    "bad content": ({"train": (TRAIN | {"ContentType": "image/png"}, b"")}, {}, "content type"),
    "compressed": ({"train": (TRAIN | {"CompressionType": "Gzip"}, b"")}, {}, "compressed"),
    "replicated": (
        {"train": (TRAIN | {"S3DistributionType": "FullyReplicated"}, b"1,2,3")}, {},
        "spread as ShardedByS3Key",
    ),
    "default is recordio": ({"train": ({}, b"1,2,3\n1,2,3\n")}, {}, "RecordIO"),
    "cut recordio": (
        {"train": (TRAIN | {"ContentType": RECORDIO}, frame(write_record(np.zeros(3)))[:-4])}, {},
        "in the middle of a record",
    ),
    "no labels": (
        {"train": (TRAIN, b"1,2,3\n"), "test": (TRAIN | {"S3DistributionType": ""}, b"1,2,3\n")},
        {}, "has no labels",
    ),
    "bad label": ({"train": (TRAIN, b"1,2,3\n"), "test": (TEST, b"2,1,2,3\n")}, {}, "neither 0"),
    "recordio without labels": (
        {
            "train": (TRAIN, b"1,2,3\n"),
            "test": (TEST | {"ContentType": RECORDIO}, frame(write_record(np.zeros(3)))),
        },
        {}, "without a label",
    ),
    "too large": (None, {"feature_dim": "10000", "num_trees": "1000"}, "GiB"),
    "hyperparameter": (None, {"num_trees": "7"}, "num_trees"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(FAILING))
def test_what_cannot_work_is_said(make_job: MakeJob, case: str) -> None:
    """A sentence for the user, and no model of half the data is left to be hosted."""
    channels, hyperparameters, said = FAILING[case]
    with pytest.raises(ClientError, match=said):
        train(make_job(channels, **hyperparameters), lambda _line: None)  # type: ignore[arg-type]


def test_it_trains_on_one_machine(make_job: MakeJob) -> None:
    """A forest of a shard would pass for one of all data."""
    hosts = {"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]}
    with pytest.raises(ClientError, match="one machine"):
        train(make_job(resources=hosts), lambda _line: None)


def test_no_files_and_bad_settings(make_job: MakeJob) -> None:
    """A channel's empty folder and JSON that is none."""
    job = make_job()
    (job.root / "opt/ml/input/data/train/part-0").unlink()
    with pytest.raises(ClientError, match="has no files"):
        train(job, lambda _line: None)
    (job.config / "hyperparameters.json").write_text("{")
    with pytest.raises(ClientError, match=r"hyperparameters\.json cannot be read"):
        train(job, lambda _line: None)
