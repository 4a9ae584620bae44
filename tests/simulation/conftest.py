"""Puts the simulated world beside its tests within reach of an import."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def asked_for(request: pytest.FixtureRequest) -> None:
    """Skips what takes minutes, unless somebody asks for it."""
    if "slow" not in str(request.config.getoption("markexpr")):
        pytest.skip("takes minutes; run it with: pytest -m slow")
