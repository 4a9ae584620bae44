"""A version is its content, and nothing else."""

import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.detect.config import SHIPPED, DetectConfig
from tallystick.watch.detect.models import REVISION, Model, shipped
from tallystick.watch.detect.models.version import ARTEFACTS_MAX, ENDPOINT, is_version


def test_the_same_content_is_the_same_version() -> None:
    """Neither the order of members nor that of names counts; twelve hexadecimal digits."""
    one = Model(DetectConfig(disabled=("a", "b"), numbers={"x": {"p": 1.0, "q": 2.0}}))
    other = Model(DetectConfig(disabled=("b", "a", "a"), numbers={"x": {"q": 2.0, "p": 1.0}}))
    assert one.version == other.version
    assert is_version(one.version)
    whole = Model(DetectConfig(disabled=("a", "b"), numbers={"x": {"p": 1, "q": 2}}))
    assert whole.version == one.version


@pytest.mark.parametrize(
    "model",
    [
        Model(DetectConfig(alarm_p=1e-5)),
        Model(DetectConfig(disabled=("layering",))),
        Model(DetectConfig(numbers={"orders": {"warm_up": 50.0}})),
        Model(SHIPPED, {"classifier.json": b"{}"}),
        Model(SHIPPED, {"classifier.json": b"[]"}),
        Model(SHIPPED, revision="0"),
    ],
    ids=["alarm", "disabled", "number", "artefact", "another artefact", "revision"],
)
def test_whatever_changes_a_score_changes_the_version(model: Model) -> None:
    """Configuration, each artefact's bytes, and the detectors' code."""
    assert model.version != shipped().version
    assert model.here().revision == REVISION


def test_the_version_of_a_configuration_never_changes() -> None:
    """Golden: promotions on ledgers name it. Raise the revision, and this line, knowingly."""
    golden = Model(DetectConfig(alarm_p=1e-5, disabled=("layering",)), {"a": b"b"}, revision="1")
    assert golden.manifest.canonical == (
        b'{"artefacts":{"a":"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"},'
        b'"config":{"alarm_p":0.00001,"disabled":["layering"]},"revision":"1"}'
    )


def test_members_of_later_releases_rename_nothing() -> None:
    """What is as by default does not stand in what is hashed."""
    manifest = Model(SHIPPED, revision="1").manifest
    assert manifest.canonical == b'{"artefacts":{},"config":{},"revision":"1"}'


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "A", "a/b", "a" * 65])
def test_an_artefact_has_a_files_name(name: str) -> None:
    """Nothing leaves the version's folder."""
    with pytest.raises(Misconfigured, match="artefacts"):
        Model(SHIPPED, {name: b""})


def test_there_are_only_so_many_artefacts() -> None:
    """A limit on everything."""
    with pytest.raises(Misconfigured, match="artefacts"):
        Model(SHIPPED, {f"a{number}": b"" for number in range(ARTEFACTS_MAX + 1)})


def test_what_asks_an_endpoint_can_only_challenge() -> None:
    """Its scores are somebody else's, and may take their time."""
    assert shipped().promotable
    assert not Model(SHIPPED, {ENDPOINT: b"{}"}).promotable
