"""Profiles: read whole, checked at once, nothing missing and nothing unknown."""

import dataclasses
import json
from pathlib import Path

import pytest

from stack import profile as profiles
from stack.capabilities.cost_guard import BUDGETS, budget_usd
from stack.profile import ProfileError, load


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Path) -> Path:
    """A folder of profiles with a copy of `small` to spoil."""
    text = (here / "profiles" / "small.toml").read_text()
    (tmp_path / "spoilt.toml").write_text(text.replace('name = "small"', 'name = "spoilt"'))
    monkeypatch.setattr(profiles, "PROFILES", tmp_path)
    return tmp_path / "spoilt.toml"


def spoil(path: Path, old: str, new: str) -> None:
    """Replace a piece of the profile that is there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("name", ["small", "standard", "full"])
def test_the_profiles_of_the_tree_are_read(name: str) -> None:
    """Each shipped profile is complete and says its own name."""
    assert load(name).name == name


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('owner = "trading-platform"\n', "", "tags.owner: missing"),
        ("[tags]\n", "[tags]\nmood = 1\n", "tags.mood: unknown"),
        ("zones = 2", "zones = true", "network.zones: expected int"),
        ("zones = 2", "zones = 1", "one zone is not highly available"),
        ("zones = 2", "zones = 4", "names fewer than 4"),
        ('primary = "eu-west-1"', 'primary = "us-west-2"', "outside the European Union"),
        ('recovery = "eu-central-1"', 'recovery = "eu-west-1"', "is another region"),
        ('staging = "222222222222"', 'staging = "333333333333"', "separate accounts"),
        ('runtimes = ["lambda"]', 'runtimes = ["abacus"]', "lambda, fargate"),
        ("endpoints = []", 'endpoints = "kms"', "network.endpoints: a list"),
        ('name = "spoilt"', 'name = "small"', "is not the file's name"),
        ('based_on = "small"', 'based_on = "mine"', "one of small, standard, full"),
        ("[tags]", "[tags", "at line"),
    ],
)
def test_a_wrong_profile_is_refused_in_a_sentence(
    written: Path, old: str, new: str, said: str
) -> None:
    """What is missing, unknown, of another type or against itself is named where it stands."""
    spoil(written, old, new)
    with pytest.raises(ProfileError, match=said):
        load("spoilt")


def test_a_profile_that_is_not_there_names_those_that_are() -> None:
    """Whoever mistypes is told what there is."""
    with pytest.raises(ProfileError, match=r"full.*small.*standard"):
        load("fool")


def test_a_copy_under_a_name_of_its_own_is_a_profile(written: Path) -> None:
    """Its budget is its own, or until then that of what it was copied from."""
    estimated = json.loads(BUDGETS.read_text())["small"]["budget_usd"]
    assert budget_usd(load("spoilt")) == estimated
    spoil(written, "budget_usd = 0", "budget_usd = 700")
    assert budget_usd(load("spoilt")) == 700


def test_staging_has_a_name_of_its_own() -> None:
    """Two accounts cannot answer to one name: staging has its zone, production the profile's."""
    full = load("full")
    assert full.of_stage("production") == full
    staging = full.of_stage("staging")
    assert staging.api_domain == "api.staging.tallystick.example.com"
    assert staging.hosted_zone_id == full.staging_hosted_zone_id != full.hosted_zone_id


def test_images_are_named_by_tag_or_digest() -> None:
    """What the pipeline has built takes the tag's place; without it the profile's tag stays."""
    full = load("full")
    digest = "sha256:" + "0" * 64
    made = full.with_images(digest, "")
    assert made.service.image_tag == digest
    assert made.stream == full.stream
    assert full.with_images("", "") == full


def test_stages_have_accounts_of_their_own() -> None:
    """Staging is never production; a stage that there is not is refused."""
    full = load("full")
    assert len(set(dataclasses.astuple(full.accounts))) == 3
    assert full.account("staging") != full.account("production")
    with pytest.raises(ProfileError, match="no stage 'playground'"):
        full.account("playground")
