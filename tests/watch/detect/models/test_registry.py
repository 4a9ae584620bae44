"""The registry keeps versions as they were, and notices when they are not."""

import threading
from pathlib import Path

import pytest

from tallystick.errors import Corrupt, Refused
from tallystick.watch.detect.config import SHIPPED, DetectConfig
from tallystick.watch.detect.models import Model, Registry, model_of, shipped

MODEL = Model(DetectConfig(disabled=("layering",)), {"classifier.json": b'{"trees":[]}'})


def test_a_version_comes_back_as_it_was(tmp_path: Path) -> None:
    """Configuration, artefacts and card, from another process's registry too."""
    version = Registry(tmp_path / "models").save(MODEL, "# A card")
    registry = Registry(tmp_path / "models")
    assert registry.load(version) == MODEL
    assert registry.card(version) == "# A card"
    assert registry.versions() == [version]
    assert registry.manifest(version).revision == MODEL.revision


def test_saving_again_changes_nothing(tmp_path: Path) -> None:
    """A version is immutable; so is its card."""
    registry = Registry(tmp_path)
    assert registry.save(MODEL, "first") == registry.save(MODEL, "second")
    assert registry.card(MODEL.version) == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_two_who_save_at_once_save_once(tmp_path: Path) -> None:
    """Whoever is second finds it there."""
    threads = [threading.Thread(target=Registry(tmp_path).save, args=(MODEL,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in tmp_path.iterdir()] == [MODEL.version]


def test_what_is_no_text_is_not_loaded(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, where a name should be."""
    registry = Registry(tmp_path)
    path = tmp_path / registry.save(MODEL) / "config.json"
    path.write_bytes(path.read_bytes().replace(b"layering", b"lay\xffring"))
    with pytest.raises(Corrupt, match="cannot be read"):
        registry.load(MODEL.version)


@pytest.mark.parametrize("name", ["config.json", "artefacts/classifier.json"])
def test_what_was_changed_is_not_loaded(tmp_path: Path, name: str) -> None:
    """One bit of the configuration or of an artefact."""
    registry = Registry(tmp_path)
    path = tmp_path / registry.save(MODEL) / name
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(Corrupt, match=MODEL.version):
        registry.load(MODEL.version)
    with pytest.raises(Corrupt):
        registry.save(MODEL)


def test_a_missing_artefact_is_noticed(tmp_path: Path) -> None:
    """Half a version is none."""
    registry = Registry(tmp_path)
    (tmp_path / registry.save(MODEL) / "artefacts/classifier.json").unlink()
    with pytest.raises(Corrupt, match="lacks an artefact"):
        registry.load(MODEL.version)


@pytest.mark.parametrize("version", ["0" * 12, "../../etc", "", "shipped"])
def test_what_is_not_there_is_refused(tmp_path: Path, version: str) -> None:
    """Also what could be no version, before any file is touched."""
    with pytest.raises(Refused) as caught:
        Registry(tmp_path / "none").load(version)
    assert caught.value.code == "UNKNOWN_MODEL"
    assert Registry(tmp_path / "none").versions() == []


def test_the_house_is_never_without_eyes(tmp_path: Path) -> None:
    """A champion that cannot be loaded is told, and what is shipped runs."""
    registry = Registry(tmp_path)
    assert model_of(registry, None) == (shipped(), None)
    assert model_of(registry, shipped().version) == (shipped(), None)

    version = registry.save(MODEL)
    assert model_of(registry, version) == (MODEL, None)

    model, note = model_of(registry, "0" * 12)
    assert model == shipped()
    assert note is not None
    assert "There is no model" in note

    (tmp_path / version / "config.json").write_bytes(b"{}")
    model, note = model_of(registry, version)
    assert model == shipped()
    assert note is not None


def test_a_version_of_another_release_runs_with_this_ones_detectors(tmp_path: Path) -> None:
    """An upgrade of the software keeps the configuration, under another name."""
    registry = Registry(tmp_path)
    old = Model(DetectConfig(disabled=("layering",)), revision="0")
    model, note = model_of(registry, registry.save(old))
    assert model.config == old.config
    assert model.version != old.version
    assert note is not None
    assert old.version in note
    assert model.version in note


def test_nothing_is_left_of_what_could_not_be_saved(tmp_path: Path) -> None:
    """A disk that refuses leaves no half version."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "models"
    folder.write_text("no folder")
    with pytest.raises(OSError, match="models"):
        Registry(folder).save(Model(SHIPPED, {"a": b""}))
