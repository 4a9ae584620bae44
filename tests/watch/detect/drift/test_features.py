"""The features of the drift guard are named, and each aspect has one."""

from tallystick.watch.detect.drift.features import FEATURES, NAME_OF
from tallystick.watch.detect.drift.kernels import ASPECTS


def test_each_aspect_has_a_feature() -> None:
    """By a name that docs/reference/features.md has, used by the guard."""
    assert sorted(NAME_OF) == list(range(ASPECTS))
    assert set(NAME_OF.values()) == set(FEATURES)
    assert all(each.detectors == ("drift",) for each in FEATURES.values())
    assert all(each.meaning.endswith(".") for each in FEATURES.values())
