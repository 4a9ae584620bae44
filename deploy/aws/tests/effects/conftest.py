"""What the proofs by effect share.

Two emulators, the templates of profile `full`, and their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proof import assembly, emulators, synthesise
from proof.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def full() -> assembly.Assembly:
    """Templates of profile `full`, made anew where they are out of date."""
    return synthesise.fresh("full")


@pytest.fixture
def values(full: assembly.Assembly) -> Values:
    """Resolve the intrinsics of profile `full`; a test adds what it really created."""
    return Values(full)


@pytest.fixture(scope="session")
def running_ministack() -> Iterator[emulators.Emulator]:
    """One ministack for the whole run."""
    with emulators.ministack() as running:
        yield running


@pytest.fixture(scope="session")
def running_moto() -> Iterator[emulators.Emulator]:
    """One moto server for the whole run."""
    with emulators.moto() as running:
        yield running


@pytest.fixture
def ministack(running_ministack: emulators.Emulator) -> emulators.Clients:
    """Clients of an empty ministack: `ministack("kinesis")`, `ministack("s3", "eu-central-1")`."""
    running_ministack.reset()
    return running_ministack.client


@pytest.fixture
def moto(running_moto: emulators.Emulator) -> emulators.Clients:
    """Clients of an empty moto server."""
    running_moto.reset()
    return running_moto.client
