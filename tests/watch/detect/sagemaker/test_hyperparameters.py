"""Hyperparameters with the documented names, defaults and ranges."""

import pytest

from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.hyperparameters import (
    METRICS,
    Hyperparameters,
    read_hyperparameters,
)


def test_the_documented_defaults_hold() -> None:
    """100 trees of 256 samples, both metrics; only feature_dim is required."""
    assert read_hyperparameters({"feature_dim": "7"}) == Hyperparameters(7, 100, 256, METRICS)


def test_everything_comes_as_strings() -> None:
    """As SageMaker and its library hand it over, with what they add for themselves."""
    given = {
        "feature_dim": "2", "num_trees": "50", "num_samples_per_tree": "1",
        "eval_metrics": '["accuracy"]', "mini_batch_size": "1000", "seed": "9",
        "feature_names": "size, hour", "sagemaker_region": '"eu-west-1"',
        "_tuning_objective_metric": "test:f1",
    }  # fmt: skip
    asked = read_hyperparameters(given)
    assert asked == Hyperparameters(2, 50, 1, ("accuracy",), 9, ("size", "hour"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("feature_dim", "0"),
        ("feature_dim", "10001"),
        ("feature_dim", "two"),
        ("num_trees", "49"),
        ("num_trees", "1001"),
        ("num_samples_per_tree", "0"),
        ("num_samples_per_tree", "2049"),
        ("num_samples_per_tree", "-1"),
        ("mini_batch_size", "0"),
        ("seed", "1e3"),
        ("eval_metrics", "[]"),
        ("eval_metrics", '["auc"]'),
        ("eval_metrics", "auc"),
        ("feature_names", "only-one"),
        ("feature_names", "a,a"),
        ("trees", "7"),
    ],
)
def test_what_is_out_of_range_is_refused(name: str, value: str) -> None:
    """The sentence names the hyperparameter."""
    with pytest.raises(ClientError, match=name):
        read_hyperparameters({"feature_dim": "2", name: value})


def test_feature_dim_is_required() -> None:
    """Nothing is guessed from the data."""
    with pytest.raises(ClientError, match="feature_dim is required"):
        read_hyperparameters({})
