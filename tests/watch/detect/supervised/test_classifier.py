"""The classifier's file: the same scores as scikit-learn, and nothing foreign is read."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from tallystick.errors import Refused
from tallystick.watch.detect.supervised.classifier import (
    Calibration,
    Classifier,
    Content,
    Unseen,
    decode,
)
from tallystick.watch.detect.supervised.trees import Forest, ForestTable, checked_forest, forest_of

LEAF = ForestTable(0.5, (0,), (-1,), (0.0,), (0,), (0,), (0,), (1.0,))
STUMP = ForestTable(
    -1.0, (0,), (0, -1, -1), (2.5, 0, 0), (1, 0, 0), (1, 0, 0), (2, 0, 0), (0.0, -3.0, 3.0)
)
LINE = Calibration((-4.0, 0.0, 2.0), (0.0, 0.1, 1.0))
SMALL = Content(("size", "days"), (STUMP,), LINE)


def learnt(rows: int = 3_000) -> tuple[HistGradientBoostingClassifier, np.ndarray]:
    """A model of scikit-learn on rows with gaps, and the rows."""
    chance = np.random.default_rng(5)
    x = chance.normal(size=(rows, 6)) * 10.0 ** np.arange(-3, 3)
    y = (x[:, 2] + chance.normal(size=rows) > 1).astype(int)
    x[chance.random(x.shape) < 0.1] = np.nan
    x[:, 5] = np.where(chance.random(rows) < 0.9, np.nan, 7.0)
    model = HistGradientBoostingClassifier(max_iter=60, max_features=0.5, random_state=2)
    return model.fit(x, y), x


def test_the_forest_scores_as_scikit_learn_does() -> None:
    """Margins equal scikit-learn's to 1e-9, also for missing numbers, and after the JSON."""
    model, x = learnt()
    forest = forest_of(model)
    read = msgspec.json.decode(msgspec.json.encode(forest.table), type=ForestTable)
    expected = model.decision_function(x)
    np.testing.assert_allclose(forest.margins(x), expected, atol=1e-9, rtol=0)
    np.testing.assert_array_equal(checked_forest(read, 6).margins(x), forest.margins(x))
    edge = np.full((1, 6), np.nan)
    np.testing.assert_allclose(forest.margins(edge), model.decision_function(edge), atol=1e-9)


def test_probabilities_come_through_the_calibration() -> None:
    """A stump by hand: left is -4, right is 2, a missing size goes left."""
    classifier = Classifier(SMALL)
    rows = np.array([[1.0, 0], [3.0, 0], [np.nan, 0], [np.inf, 0], [-np.inf, 0]])
    assert classifier.margin(rows).tolist() == [-4, 2, -4, 2, -4]
    np.testing.assert_allclose(classifier.score(rows), [0, 1, 0, 1, 0], atol=1e-6)


def test_what_shows_nothing_is_worth_its_days() -> None:
    """Below the evidence the unseen days decide; above it the forests do."""
    unseen = Unseen(feature=1, daily=0.001, evidence=0.05)
    classifier = Classifier(msgspec.structs.replace(SMALL, unseen=unseen))
    rows = np.array([[1.0, 7], [1.0, 9], [1.0, np.nan], [1.0, 1e9], [3.0, 7]])
    np.testing.assert_allclose(classifier.score(rows), [0.007, 0.009, 0, 0.05, 1], atol=1e-6)


def test_the_file_gives_the_same_classifier() -> None:
    """Encode, decode: version, names and scores are equal; another content is another version."""
    model, x = learnt(800)
    content = Content(tuple("abcdef"), (forest_of(model).table,), LINE)
    classifier = Classifier(content)
    again = decode(classifier.encode())
    assert again.encode() == classifier.encode()
    assert again.version == classifier.version != Classifier(SMALL).version
    np.testing.assert_array_equal(again.score(x), classifier.score(x))


def changed(change: Callable[[dict[str, object]], object]) -> bytes:
    """The file of SMALL with something else in it."""
    file = msgspec.json.decode(Classifier(SMALL).encode())
    change(file)
    return msgspec.json.encode(file)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "no classifier"),
        (b"\x80\x04pickled", "no classifier"),
        (b'{"form": "tallystick-classifier"}', "no classifier"),
        (changed(lambda file: file.update(form="other")), "not 'tallystick-classifier'"),
        (changed(lambda file: file.update(v=2)), "not 'tallystick-classifier' 1"),
        (changed(lambda file: file.update(digest="00")), "digest does not fit"),
        (changed(lambda file: file["content"].update(features=["a", "b"])), "digest"),  # type: ignore[attr-defined]
        (changed(lambda file: file.update(more=1)), "no classifier"),
    ],
    ids=["empty", "pickle", "part", "form", "later", "digest", "changed", "more"],
)
def test_a_foreign_or_changed_file_is_refused(data: bytes, sentence: str) -> None:
    """No bytes but those of a whole classifier of this form are read."""
    with pytest.raises(Refused, match=sentence) as refused:
        decode(data)
    assert refused.value.code == "BAD_MODEL"


BROKEN = {
    "loops": {"left": (0, 0, 0)},
    "leads out": {"right": (9, 0, 0)},
    "no such feature": {"feature": (2, -1, -1)},
    "negative feature": {"feature": (-2, -1, -1)},
    "short": {"value": (0.0,)},
    "no root": {"roots": (3,)},
    "missing": {"missing_left": (2, 0, 0)},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=list(BROKEN))
def test_trees_that_would_not_end_are_refused(change: dict[str, object]) -> None:
    """A walk always goes down the table and stays in it."""
    with pytest.raises(Refused):
        checked_forest(msgspec.structs.replace(STUMP, **change), 2)


@pytest.mark.parametrize(
    "content",
    [
        msgspec.structs.replace(SMALL, features=()),
        msgspec.structs.replace(SMALL, features=("a", "a")),
        msgspec.structs.replace(SMALL, forests=()),
        msgspec.structs.replace(SMALL, calibration=Calibration((), ())),
        msgspec.structs.replace(SMALL, calibration=Calibration((1.0, 0.0), (0.0, 1.0))),
        msgspec.structs.replace(SMALL, calibration=Calibration((0.0, 1.0), (0.0, 1.5))),
        msgspec.structs.replace(SMALL, unseen=Unseen(5, 0.1, 0.1)),
        msgspec.structs.replace(SMALL, unseen=Unseen(0, 2.0, 0.1)),
    ],
    ids=["none", "twice", "treeless", "empty", "falls", "large", "column", "daily"],
)
def test_a_content_that_no_training_writes_is_refused(content: Content) -> None:
    """Each part of the content is checked before it is believed."""
    with pytest.raises(Refused):
        Classifier(content)


def test_rows_of_another_width_are_a_mistake() -> None:
    """A caller that shows other features is told at once."""
    with pytest.raises(ValueError, match="2 features"):
        Classifier(SMALL).score(np.zeros((1, 3)))


def test_a_leaf_alone_is_a_forest() -> None:
    """A tree that never split gives its value to every row."""
    assert Forest(LEAF).margins(np.zeros((2, 1))).tolist() == [1.5, 1.5]
