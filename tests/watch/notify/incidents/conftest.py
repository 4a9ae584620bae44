"""A desk: a notifier over a store in memory, a clock that is moved by hand, and no channels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tallystick.clock import ManualClock, rfc3339
from tallystick.watch.notify import (
    Alert,
    Alerting,
    Decision,
    IncidentFilter,
    IncidentStore,
    Notifier,
    Standing,
    fingerprint,
    read_alerting,
)
from tallystick.watch.notify.incidents.incident import Happening

TARGETS = ("pager", "mail", "chat")
FILE = """
[targets]
pager = { type = "pagerduty" }
mail = { type = "email" }
chat = { type = "slack" }

[policies.page]
rounds = 1
acknowledge_seconds = 3600
steps = [
    { tell = ["target:pager"] },
    { tell = ["target:mail"], after_seconds = 300, fallback = ["target:chat"] },
]

[[routes]]
name = "desk"
policy = "page"
group_by = ["team"]
"""


class Quiet:
    """Delivers nothing: the tests take messages themselves."""

    def start(self) -> None:
        """Nothing."""

    def wake(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""


@dataclass
class Desk:
    """What a test does with a notifier."""

    alerting: Alerting
    clock: ManualClock
    store: IncidentStore
    notifier: Notifier
    heard: list[tuple[str, str, str]] = field(default_factory=list)
    raised: int = 0

    def fire(self, name: str = "a", severity: str = "warning", **members: object) -> Decision:
        """Raise the alert of this name; labels are members that start with `l_`."""
        labels = {"name": name} | {
            key[2:]: str(value) for key, value in members.items() if key.startswith("l_")
        }
        rest = {key: value for key, value in members.items() if not key.startswith("l_")}
        return self._raise(name, severity, labels, rest)

    def end(self, name: str = "a", **members: object) -> Decision:
        """It has ended."""
        return self._raise(name, "warning", {"name": name}, {"ends_at": self.stamp()} | members)

    def stamp(self, seconds: float = 0) -> str:
        """A moment so far from now, as RFC 3339."""
        return rfc3339(self.clock.now_ns() + round(seconds * 10**9))

    def later(self, seconds: float) -> list[tuple[str, str, str]]:
        """Let time pass in steps, and give what was told then."""
        step = 5.0
        while seconds > 0:
            self.clock.advance(min(step, seconds))
            seconds -= step
            self.notifier.look()
        return self.told()

    def told(self) -> list[tuple[str, str, str]]:
        """What was told since this was asked last: target, incident, why; it all arrives."""
        self.notifier.look()
        told = []
        for target in self.alerting.targets:
            while (due := self.store.next_due(target, self.clock.now_ns())) is not None:
                told.append((due.id, target, due.message.incident, due.message.why))
                self.store.settle(due, "delivered", self.clock.now_ns(), provider_id="p")
        new: list[tuple[str, str, str]] = [
            (target, incident, why) for _, target, incident, why in sorted(told)
        ]
        self.heard += new
        return new

    def only(self) -> Standing:
        """The one incident there is."""
        (found,) = self.notifier.incidents(IncidentFilter(), 10)
        return found

    def timeline(self, number: int = 1) -> list[Happening]:
        """What happened to an incident."""
        return list(self.notifier.incident(f"I-{number}").timeline)

    def whats(self, number: int = 1) -> list[str]:
        """What happened, a word each."""
        return [each.what for each in self.timeline(number)]

    def _raise(
        self, name: str, severity: str, labels: dict[str, str], members: dict[str, object]
    ) -> Decision:
        self.raised += 1
        settled: dict[str, object] = {
            "id": f"{name}-{self.raised}",
            "fingerprint": fingerprint({"name": name}),
            "severity": severity,
            "summary": f"Trouble {name}.",
            "source": "tests",
            "starts_at": self.stamp(),
            "labels": labels,
        }
        return self.notifier.raise_alert(Alert(**settled | members))  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Builds a desk from the text of an alerting file: `desk()`, `desk(more)`, `desk(file=...)`."""
    desks: list[Desk] = []

    def build(more: str = "", file: str = FILE, path: str = ":memory:") -> Desk:
        source = tmp_path / "alerting.toml"
        source.write_text(file + more)
        alerting = read_alerting(source)
        clock = ManualClock()
        store = IncidentStore(Path(path))
        notifier = Notifier(store, Quiet(), alerting, clock)
        desks.append(Desk(alerting, clock, store, notifier))
        return desks[-1]

    yield build
    for each in desks:
        each.store.close()
