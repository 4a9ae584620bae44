"""The classifier: how probable it is that a case is a bad one, learnt from cases that were judged.

Several boosted forests, each trained without one part of the entities, and a calibration that is
fitted on the parts each had not seen: so the probabilities are not those of the training set.
"""

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Refused
from tallystick.watch.detect.supervised.trees import ForestTable, checked_forest

FORM = "tallystick-classifier"
FILE_NAME = "classifier.json"
FILE_BYTES_MAX = 64 * 1024 * 1024
FEATURES_MAX = 1_000
FORESTS_MAX = 64
VERSION_LENGTH = 12
NUMBER_MAX = float(np.finfo(np.float64).max)


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From a margin to a probability: a line through these points, flat beyond them."""

    margin: tuple[float, ...]
    probability: tuple[float, ...]


class Unseen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a case is worth that shows nothing: bad by `daily` for each day nobody knew anything.

    `feature` is the column with those days, `evidence` the probability from which the forests are
    believed instead.
    """

    feature: int
    daily: float
    evidence: float


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a classifier is."""

    features: tuple[str, ...]
    forests: tuple[ForestTable, ...]
    calibration: Calibration
    unseen: Unseen | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    form: str
    v: int
    digest: str
    content: Content


class Classifier:
    """Scores rows of features; deterministic, and the same from its file on every machine.

    Raises:
        Refused: BAD_MODEL: the content is no classifier.
    """

    def __init__(self, content: Content) -> None:
        _check(content)
        self.content = content
        self._forests = [checked_forest(each, len(content.features)) for each in content.forests]
        self._margin = np.array(content.calibration.margin)
        self._probability = np.array(content.calibration.probability)

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the columns of `score`, in order."""
        return self.content.features

    @property
    def version(self) -> str:
        """12 hex digits of what it is: equal for equal classifiers alone."""
        return _digest(self.content)[:VERSION_LENGTH]

    def margin(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """The mean log-odds of the forests, not calibrated. NaN in `rows` is a missing number."""
        numbers = np.clip(np.asarray(rows, np.float64), -NUMBER_MAX, NUMBER_MAX)
        if numbers.ndim != 2 or numbers.shape[1] != len(self.features):
            raise ValueError(f"rows of {len(self.features)} features are needed")
        each = np.array([forest.margins(numbers) for forest in self._forests])
        mean: NDArray[np.float64] = each.mean(axis=0)
        return mean

    def score(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """How probable it is that each row is a bad case, 0 to 1."""
        margin = self.margin(rows)
        said: NDArray[np.float64] = np.interp(margin, self._margin, self._probability)
        unseen = self.content.unseen
        if unseen is not None:
            days = np.nan_to_num(np.asarray(rows)[:, unseen.feature].astype(np.float64))
            shown = np.where(said > unseen.evidence, said, 0.0)
            hidden = np.clip(unseen.daily * days, 0.0, unseen.evidence)
            said = 1.0 - (1.0 - shown) * (1.0 - hidden)
        # Steps of the calibration leave ties; within one the margin still knows an order.
        return np.clip(said + TIE_BREAK * np.tanh(margin / 10.0), 0.0, 1.0)

    def encode(self) -> bytes:
        """The file: JSON, with the digest of its content."""
        return msgspec.json.encode(_File(FORM, 1, _digest(self.content), self.content))


TIE_BREAK = 1e-7
"""The margin's say among equal probabilities."""


def decode(data: bytes) -> Classifier:
    """The classifier of a file.

    Raises:
        Refused: BAD_MODEL: the bytes are no classifier, one of a later form, or were changed.
    """
    if len(data) > FILE_BYTES_MAX:
        raise Refused("BAD_MODEL", f"A classifier is at most {FILE_BYTES_MAX} bytes.")
    try:
        read = msgspec.json.decode(data, type=_File)
    except ValueError as error:
        raise Refused("BAD_MODEL", f"This is no classifier: {error}.") from error
    if read.form != FORM or read.v != 1:
        raise Refused("BAD_MODEL", f"This is {read.form!r} {read.v}, not {FORM!r} 1.")
    if read.digest != _digest(read.content):
        raise Refused("BAD_MODEL", "The classifier was changed: its digest does not fit.")
    return Classifier(read.content)


def _digest(content: Content) -> str:
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def _check(content: Content) -> None:
    """Refuse what no training writes."""
    margin, probability = content.calibration.margin, content.calibration.probability
    points = np.array([margin, probability]) if len(margin) == len(probability) else np.empty(0)
    if not 0 < len(content.features) <= FEATURES_MAX:
        raise Refused("BAD_MODEL", "The classifier has no features, or too many.")
    if len(set(content.features)) != len(content.features):
        raise Refused("BAD_MODEL", "Two features of the classifier have one name.")
    if not 0 < len(content.forests) <= FORESTS_MAX:
        raise Refused("BAD_MODEL", "The classifier has no trees, or too many forests.")
    if not points.size or (np.diff(points) < 0).any():
        raise Refused("BAD_MODEL", "The classifier's calibration is no rising line.")
    if not (probability[0] >= 0.0 and probability[-1] <= 1.0):
        raise Refused("BAD_MODEL", "The classifier's calibration gives no probabilities.")
    unseen = content.unseen
    if unseen is not None and not (
        0 <= unseen.feature < len(content.features)
        and 0.0 <= unseen.daily <= 1.0
        and 0.0 <= unseen.evidence <= 1.0
    ):
        raise Refused("BAD_MODEL", "The classifier's share for the unseen is none.")
