"""A notifier over a real store that tells nobody, and an incident in it."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallystick.clock import ManualClock
from tallystick.watch.notify import Alert, Deliverer, IncidentStore, Notifier, every_target


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands until it is moved."""
    return ManualClock()


@pytest.fixture
def notifier(tmp_path: Path, clock: ManualClock) -> Iterator[Notifier]:
    """Without targets; the ways in change incidents, whoever is told."""
    store = IncidentStore(tmp_path / "notify.db")
    deliverer = Deliverer(store, {}, clock, random.Random(1))  # noqa: S311  jitter
    yield Notifier(store, deliverer, every_target({}), clock)
    store.close()


@pytest.fixture
def incident(notifier: Notifier, make_alert: Callable[..., Alert]) -> str:
    """The id of an open incident."""
    notifier.raise_alert(make_alert("a", summary="Prices of EUR/USD are <b>stale</b>."))
    return "I-1"
