"""Who cannot be reached is not waited for: the next one is told, and the timeline says why."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from tallystick.clock import Clock, SystemClock
from tallystick.errors import PermanentError, TemporaryError
from tallystick.watch.notify import (
    Alert,
    Alerting,
    Deliverer,
    IncidentRecord,
    IncidentStore,
    Notifier,
)
from tallystick.watch.notify.config import PolicyText, RouteText, StepText
from tallystick.watch.notify.message import Message

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
ALERTING = Alerting(
    targets={"pager": {"type": "terminal"}, "mail": {"type": "terminal"}},
    policies={"page": PolicyText((StepText(("target:pager",), fallback=("target:mail",)),))},
    routes=(RouteText("all of it", policy="page"),),
)


@dataclass
class Fixed:
    """A channel that always answers the same."""

    error: Exception | None = None
    took: list[Message] = field(default_factory=list)

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: object, clock: Clock) -> Self:
        """Not opened by configuration."""
        raise NotImplementedError

    async def send(self, message: Message) -> str:
        """Raise, or take it."""
        if self.error is not None:
            raise self.error
        self.took.append(message)
        return "id-7"

    async def close(self) -> None:
        """Nothing is open."""


def asked_for(seconds: int) -> TemporaryError:
    """What a channel raises when it was told to come back later."""
    error = TemporaryError("pager.example answered 429.")
    error.retry_after_seconds = seconds
    return error


@pytest.mark.parametrize(
    ("error", "state"),
    [(PermanentError("pager.example answered 400."), "dead"), (asked_for(120), "pending")],
    ids=["refused", "asked to wait"],
)
def test_the_next_channel_is_told_at_once(
    tmp_path: Path, eventually: Eventually, make_alert: Callable[..., Alert],
    error: Exception, state: str,
) -> None:  # fmt: skip
    """Whether the first will never take it, or not soon enough."""
    pager, mail = Fixed(error), Fixed()

    async def main() -> IncidentRecord:
        """Raise an alert and wait until somebody has it."""
        clock, store = SystemClock(), IncidentStore(tmp_path / "notify.db")
        channels = {"pager": pager, "mail": mail}
        chance = random.Random(1)  # noqa: S311  jitter
        notifier = Notifier(store, Deliverer(store, channels, clock, chance), ALERTING, clock)
        await notifier.start()
        try:
            await asyncio.to_thread(notifier.raise_alert, make_alert("a", severity="critical"))
            await eventually(
                lambda: "told" in {line.what for line in notifier.incident("I-1").timeline}
            )
            return notifier.incident("I-1")
        finally:
            await notifier.stop()

    record = asyncio.run(main())
    assert [message.incident for message in mail.took] == ["I-1"]
    assert {each.target: each.state for each in record.messages} == {
        "pager": state, "mail": "delivered",
    }  # fmt: skip
    told = [line for line in record.timeline if line.what == "told"]
    assert [line.by for line in told] == ["mail"]
    failed = [line for line in record.timeline if line.what == "failed"]
    assert len(failed) == (state == "dead")
