"""A training job: channels of rows in, a model folder out, metrics as log lines.

The lines of metrics have the form that SageMaker's hyperparameter tuning looks for:
`#quality_metric: host=algo-1, test f1 <score>=0.91`.
"""

from collections.abc import Callable

import msgspec
import numpy as np

from tallystick.watch.detect.forest import RandomCutForest
from tallystick.watch.detect.forest.calibration import REFERENCE_SCORES_MAX
from tallystick.watch.detect.sagemaker.channels import Channel, Job, Resources
from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.hyperparameters import (
    Hyperparameters,
    read_hyperparameters,
)
from tallystick.watch.detect.sagemaker.model import (
    Array,
    Description,
    HostedModel,
    load_model,
    save_model,
)

Say = Callable[[str], None]
DISTRIBUTIONS = {"train": "ShardedByS3Key", "test": "FullyReplicated"}
"""How each channel has to be spread over machines, as the built-in forest wants it."""


class Quality(msgspec.Struct, frozen=True):
    """How well the model tells the anomalies of the test channel, by its cut-off."""

    rows: int
    anomalies: int
    accuracy: float
    precision: float
    recall: float
    f1: float


def train(job: Job, say: Say) -> Description:
    """Train on the job's data and write its model.

    Raises:
        ClientError: what the job was given cannot work.
    """
    asked = read_hyperparameters(job.hyperparameters())
    channels = job.channels()
    _check(channels, job.resources())
    try:
        forest = RandomCutForest(
            asked.feature_dim, asked.num_trees, asked.num_samples_per_tree, seed=asked.seed
        )
    except ValueError as error:
        raise ClientError(f"{error}.") from error
    sample = _Sample(asked.feature_dim)
    for rows in job.chunks("train", channels["train"], asked.feature_dim):
        features = rows[:, -asked.feature_dim :]
        forest.learn(features)
        sample.add(features)
        say(f"#progress_metric: host={job.resources().current_host}, rows={forest.seen}")
    if not forest.seen:
        raise ClientError("The channel train has no rows.")
    reference = forest.score_without(sample.rows(), sample.numbers())
    job.model.mkdir(parents=True, exist_ok=True)
    saved = save_model(
        job.model, forest,
        Description("rcf", asked.feature_dim, asked.feature_names, forest.seen,
                    tuple(np.sort(reference).tolist())),
    )  # fmt: skip
    say(f"model {saved.version}: {forest.seen:,} rows, {forest.trees} trees")
    if "test" in channels:
        _say_quality(job, channels["test"], asked, say)
    return saved


def _check(channels: dict[str, Channel], resources: Resources) -> None:
    if "train" not in channels or set(channels) - set(DISTRIBUTIONS):
        raise ClientError("There has to be a channel train, and there may be a channel test.")
    for name, channel in channels.items():
        if channel.s3_distribution_type not in {"", DISTRIBUTIONS[name]}:
            sentence = f"The channel {name} has to be spread as {DISTRIBUTIONS[name]}."
            raise ClientError(sentence)
    if len(resources.hosts) > 1:
        raise ClientError("This container trains on one machine; ask for one instance.")


class _Sample:
    """Rows of the stream to calibrate on, evenly spread: each `step`-th, the step doubles."""

    def __init__(self, dimensions: int) -> None:
        self._kept = np.zeros((0, dimensions))
        self._step = 1
        self._seen = 0

    def add(self, rows: Array) -> None:
        numbers = np.arange(self._seen, self._seen + len(rows))
        self._seen += len(rows)
        self._kept = np.concatenate([self._kept, rows[numbers % self._step == 0]])
        while len(self._kept) > REFERENCE_SCORES_MAX:
            self._kept = self._kept[::2]
            self._step *= 2

    def rows(self) -> Array:
        return self._kept

    def numbers(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Which of the stream each row was."""
        return np.arange(len(self._kept), dtype=np.int64) * self._step


def _say_quality(job: Job, channel: Channel, asked: Hyperparameters, say: Say) -> None:
    quality = quality_of(load_model(job.model), job, channel)
    host = job.resources().current_host
    found = {"accuracy": quality.accuracy} if "accuracy" in asked.eval_metrics else {}
    if "precision_recall_fscore" in asked.eval_metrics:
        found |= {"precision": quality.precision, "recall": quality.recall, "f1": quality.f1}
    for name, value in found.items():
        say(f"#quality_metric: host={host}, test {name} <score>={value}")


def quality_of(model: HostedModel, job: Job, channel: Channel) -> Quality:
    """How the model does on labelled rows: 1 in the first column is an anomaly.

    Raises:
        ClientError: a label is neither 0 nor 1, or there are no labels.
    """
    counts = np.zeros((2, 2), np.int64)  # [anomaly, found]
    for rows in job.chunks("test", channel, model.dimensions):
        if rows.shape[1] == model.dimensions:
            raise ClientError("The channel test has no labels: its content type says label_size=0.")
        labels = rows[:, 0]
        if not np.isin(labels, (0.0, 1.0)).all():
            raise ClientError("A label of the channel test is neither 0 nor 1.")
        found = model.scores(rows[:, 1:]) > model.calibration.cutoff
        np.add.at(counts, (labels.astype(np.int64), found.astype(np.int64)), 1)
    (clean, false), (missed, hit) = counts.tolist()
    rows_all = clean + false + missed + hit
    precision = hit / (hit + false) if hit + false else 0.0
    recall = hit / (hit + missed) if hit + missed else 0.0
    both = precision + recall
    return Quality(
        rows_all, missed + hit, (clean + hit) / rows_all if rows_all else 0.0, precision, recall,
        2 * precision * recall / both if both else 0.0,
    )  # fmt: skip
