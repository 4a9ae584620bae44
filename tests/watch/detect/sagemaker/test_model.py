"""A model's folder: what was trained is what is hosted, or nothing is."""

import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tallystick.watch.detect.forest import RandomCutForest
from tallystick.watch.detect.sagemaker.errors import ClientError
from tallystick.watch.detect.sagemaker.model import (
    DESCRIPTION,
    FOREST,
    Description,
    load_model,
    save_model,
)

ROWS = np.random.default_rng(1).normal(size=(100, 2))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A model's folder."""
    forest = RandomCutForest(2, 5, 16)
    forest.learn(ROWS)
    save_model(tmp_path, forest, Description("rcf", 2, (), 100, (0.5, 1.0, 1.5)))
    return tmp_path


def test_it_travels_as_a_tar_archive(saved: Path, tmp_path: Path) -> None:
    """Packed as model.tar.gz and unpacked, read-only, it says the same."""
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in (DESCRIPTION, FOREST):
            tar.add(saved / name, name)
    place = tmp_path / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="data")
    assert (load_model(place).scores(ROWS) == load_model(saved).scores(ROWS)).all()
    assert (saved / FOREST).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", [DESCRIPTION, FOREST])
def test_what_was_changed_is_not_hosted(saved: Path, name: str) -> None:
    """The version is a hash of both files."""
    path = saved / name
    data = path.read_bytes()
    changed = data.replace(b"0.5", b"0.6") if name == DESCRIPTION else data[:-8] + bytes(8)
    path.write_bytes(changed)
    with pytest.raises(ClientError, match="changed after it was trained"):
        load_model(saved)


def test_what_is_no_model_is_refused(saved: Path, tmp_path: Path) -> None:
    """A missing folder, a missing file, and a file that says nothing."""
    with pytest.raises(ClientError, match="There is no model in"):
        load_model(tmp_path / "nothing")
    (saved / DESCRIPTION).write_text("{}")
    with pytest.raises(ClientError, match="cannot be read"):
        load_model(saved)
    shutil.rmtree(saved)


def test_another_number_of_features_is_refused(tmp_path: Path) -> None:
    """A description that does not fit its forest."""
    save_model(tmp_path, RandomCutForest(2, 5, 16), Description("rcf", 3, (), 0, ()))
    with pytest.raises(ClientError, match="another number of features"):
        load_model(tmp_path)
