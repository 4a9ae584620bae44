"""What several tests of the conventions need."""

import warnings
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest

from tallystick.fx import use_overrides


@pytest.fixture(scope="session")
def quantlib() -> ModuleType:
    """QuantLib; its generated types warn about themselves when they are loaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return import_module("QuantLib")


@pytest.fixture
def overrides_back() -> Iterator[None]:
    """Whatever a test puts above the calendars is taken off again."""
    yield
    use_overrides({})
