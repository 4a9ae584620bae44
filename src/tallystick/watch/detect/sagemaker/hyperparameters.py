"""The hyperparameters of a training job, as the built-in Random Cut Forest documents them.

SageMaker hands all of them over as strings, some of which are JSON.
"""

from collections.abc import Mapping
from typing import Literal, cast

import msgspec

from tallystick.watch.detect.forest.forest import SAMPLES_DEFAULT, TREES_DEFAULT
from tallystick.watch.detect.sagemaker.errors import ClientError

Metric = Literal["accuracy", "precision_recall_fscore"]
METRICS: tuple[Metric, ...] = ("accuracy", "precision_recall_fscore")
FEATURE_DIM = (1, 10_000)
NUM_TREES = (50, 1_000)
NUM_SAMPLES = (1, 2_048)
MINI_BATCH = (1, 2**31 - 1)
SEED = (0, 2**31 - 1)
_FOREIGN = ("sagemaker_", "_tuning_objective_metric", "_kfp_")
"""What SageMaker's own tools add, for other containers."""


class Hyperparameters(msgspec.Struct, frozen=True):
    """How a forest is trained.

    `seed` and `feature_names` are ours: the same data and seed give the same model, and
    explanations call features by name.
    """

    feature_dim: int
    num_trees: int = TREES_DEFAULT
    num_samples_per_tree: int = SAMPLES_DEFAULT
    eval_metrics: tuple[Metric, ...] = METRICS
    seed: int = 0
    feature_names: tuple[str, ...] = ()


def read_hyperparameters(given: Mapping[str, str]) -> Hyperparameters:
    """The hyperparameters of `hyperparameters.json`.

    Raises:
        ClientError: one is missing, unknown or out of its range.
    """
    known = dict.fromkeys(
        ("feature_dim", "num_trees", "num_samples_per_tree", "eval_metrics", "mini_batch_size",
         "seed", "feature_names")
    )  # fmt: skip
    for name in given:
        if name not in known and not name.startswith(_FOREIGN):
            wanted = ", ".join(sorted(known))
            raise ClientError(f"There is no hyperparameter {name!r}; there are {wanted}.")
    if "feature_dim" not in given:
        raise ClientError("The hyperparameter feature_dim is required.")
    _whole(given, "mini_batch_size", MINI_BATCH, 1)  # the vendor's own library always sends it
    dimensions = _whole(given, "feature_dim", FEATURE_DIM, 0)
    return Hyperparameters(
        dimensions,
        _whole(given, "num_trees", NUM_TREES, TREES_DEFAULT),
        _whole(given, "num_samples_per_tree", NUM_SAMPLES, SAMPLES_DEFAULT),
        _metrics(given.get("eval_metrics")),
        _whole(given, "seed", SEED, 0),
        _names(given.get("feature_names", ""), dimensions),
    )


def _whole(given: Mapping[str, str], name: str, between: tuple[int, int], default: int) -> int:
    if name not in given:
        return default
    low, high = between
    text = str(given[name]).strip().strip('"')
    digits = text.isascii() and text.isdigit() and len(text) <= 10
    if not digits or not low <= int(text) <= high:
        sentence = f"The hyperparameter {name} is a whole number from {low} to {high}: {text!r}."
        raise ClientError(sentence)
    return int(text)


def _metrics(text: str | None) -> tuple[Metric, ...]:
    if text is None:
        return METRICS
    try:
        named = msgspec.json.decode(text, type=list[str])
    except ValueError:
        named = [part.strip() for part in text.split(",")]
    if not named or not set(named) <= set(METRICS):
        sentence = f"The hyperparameter eval_metrics is a list of {' and '.join(METRICS)}: {text}."
        raise ClientError(sentence)
    return tuple(cast("Metric", each) for each in named)


def _names(text: str, dimensions: int) -> tuple[str, ...]:
    if not text:
        return ()
    names = tuple(part.strip() for part in text.split(","))
    if len(names) != dimensions or len(set(names)) != dimensions or not all(names):
        raise ClientError(f"The hyperparameter feature_names is {dimensions} different names.")
    return names
