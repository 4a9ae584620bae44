"""The seeded market of days.py, and runs of the drift guard over it."""

import importlib.util
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tallystick.watch.detect.drift.guard import DriftGuard
from tallystick.watch.detect.score import Finding


@pytest.fixture(scope="session")
def market() -> ModuleType:
    """The module days.py."""
    path = Path(__file__).with_name("days.py")
    spec = importlib.util.spec_from_file_location("drift_days", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["drift_days"] = module
    spec.loader.exec_module(module)
    return module


ATTACKER_ORDERS_MIN = 8.0
"""Orders a day of an attacker, at least: of whom hardly trades little can be said."""
Found = dict[str, list[tuple[int, Finding]]]


@pytest.fixture(scope="session")
def watched(market: ModuleType) -> Callable[..., tuple[list[Any], Found]]:
    """Runs the guard over days: the accounts, and the (day, finding) of each by name."""

    def run(
        seed: int, days: int, count: int, attacks: tuple[Any, ...] = (), **more: Any
    ) -> tuple[list[Any], Found]:
        rng = random.Random(seed)  # noqa: S311  a seeded test
        clients = market.accounts(rng, count)
        for client, attack in zip(clients, attacks, strict=False):
            client.attack = attack
            client.orders = max(client.orders, ATTACKER_ORDERS_MIN)
        guard, found = DriftGuard(), Found()
        for day, rows in market.trading(rng, clients, days, **more):
            for finding in guard.observe(rows).findings:
                found.setdefault(finding.entity, []).append((day, finding))
        return clients, found

    return run
