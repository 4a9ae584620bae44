"""A trained forest as a folder: what training leaves, and hosting loads.

The folder is what SageMaker packs into `model.tar.gz` and unpacks into `/opt/ml/model`.
"""

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.forest import RandomCutForest, restored
from tallystick.watch.detect.forest.calibration import Calibration, grades
from tallystick.watch.detect.sagemaker.errors import ClientError

DESCRIPTION = "model.json"
FOREST = "forest.msgpack"
VERSION_CHARACTERS = 12
Array = NDArray[np.float64]


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands beside the forest; `version` is of the bytes of both."""

    algorithm: Literal["rcf"]
    feature_dim: int
    feature_names: tuple[str, ...]
    rows: int
    reference: tuple[float, ...]
    """Scores of usual points."""
    version: str = ""
    v: int = 1


class Part(msgspec.Struct, frozen=True):
    """A feature's part in a score, for being too low and too high."""

    feature: str
    low: float
    high: float


class Verdict(msgspec.Struct, frozen=True):
    """Everything about a row; `expected` is the nearest usual row."""

    score: float
    p_value: float
    grade: float
    attribution: tuple[Part, ...]
    expected: tuple[float, ...]


class HostedModel:
    """A forest that scores, and learns nothing any more."""

    def __init__(self, forest: RandomCutForest, description: Description) -> None:
        self.forest = forest
        self.description = description
        self.calibration = Calibration(np.array(description.reference))
        self._names = description.feature_names or tuple(
            str(number) for number in range(forest.dimensions)
        )

    @property
    def dimensions(self) -> int:
        """How many numbers a row has."""
        return self.forest.dimensions

    @property
    def version(self) -> str:
        """Which model this is: 12 hexadecimal digits of its content's hash."""
        return self.description.version

    def scores(self, rows: Array) -> Array:
        """The bare score of each row."""
        return self.forest.score(rows)

    def verdicts(self, rows: Array) -> list[Verdict]:
        """Score, probability and explanation of each row."""
        scores = self.forest.score(rows)
        p_values = self.calibration.p_values(scores)
        return [
            Verdict(
                score, p_value, grade, self._parts(row), tuple(self.forest.expected(row).tolist())
            )
            for row, score, p_value, grade in zip(
                rows, scores.tolist(), p_values.tolist(), grades(p_values).tolist(), strict=True
            )
        ]

    def _parts(self, row: Array) -> tuple[Part, ...]:
        parts = self.forest.attribution(row).tolist()
        named = [Part(name, *each) for name, each in zip(self._names, parts, strict=True)]
        return tuple(sorted(named, key=lambda part: (-(part.low + part.high), part.feature)))


def save_model(folder: Path, forest: RandomCutForest, description: Description) -> Description:
    """Write the model; gives its description with the version."""
    data = forest.snapshot()
    named = msgspec.structs.replace(description, version=_version(data, description))
    for name, content in ((FOREST, data), (DESCRIPTION, _encode(named))):
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as aside:
            aside.write(content)
        Path(aside.name).chmod(0o644)  # whoever packs it is somebody else
        Path(aside.name).replace(folder / name)
    return named


def load_model(folder: Path) -> HostedModel:
    """The model in a folder.

    Raises:
        ClientError: there is none, or its bytes are not what its version says.
    """
    try:
        data = (folder / FOREST).read_bytes()
        description = msgspec.json.decode((folder / DESCRIPTION).read_bytes(), type=Description)
        forest = restored(data)
    except OSError as error:
        raise ClientError(f"There is no model in {folder}: {error.strerror}.") from error
    except ValueError as error:
        raise ClientError(f"The model in {folder} cannot be read: {error}.") from error
    if description.version != _version(data, description):
        raise ClientError(f"The model in {folder} was changed after it was trained.")
    if forest.dimensions != description.feature_dim:
        raise ClientError(f"The model in {folder} has another number of features.")
    return HostedModel(forest, description)


def _encode(description: Description) -> bytes:
    return msgspec.json.encode(description, order="sorted")


def _version(forest: bytes, description: Description) -> str:
    unnamed = _encode(msgspec.structs.replace(description, version=""))
    return sha256(sha256(forest).digest() + sha256(unnamed).digest()).hexdigest()[
        :VERSION_CHARACTERS
    ]
