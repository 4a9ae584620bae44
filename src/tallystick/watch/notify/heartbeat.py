"""The dead man's switch: a service outside hears from us while alerts would reach people.

Every interval a probe is said like any message: committed to the store, found by the deliverer,
posted by a channel. So one ping proves the whole way, and whatever stands still on it (the disk,
the deliverer, the process, the machine, the network) makes the service outside call people. It is
withheld, too, while a proof of another part fails or no other target can be reached. What can
still be said from inside is said: an alert of its own.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Self

import msgspec
import structlog

from tallystick.clock import NS_PER_SECOND, Clock, rfc3339
from tallystick.errors import TallystickError
from tallystick.watch.notify.alert import Alert, fingerprint
from tallystick.watch.notify.channel import Secret, Secrets, options_of, text_of
from tallystick.watch.notify.channels.posted import VendorPoster
from tallystick.watch.notify.deliver import TargetHealth
from tallystick.watch.notify.incidents.store import IncidentStore
from tallystick.watch.notify.message import Message

HEARTBEAT_TARGET = "heartbeat"
"""The name of its channel among the deliverer's; no target of the configuration may have it."""
MISSED_MAX = 3
"""Intervals without a ping before an alert says so."""
PROOF_SECONDS_MAX = 10.0
"""Longest wait for all proofs together: whoever takes longer does not work."""
LABELS = {"alarm": "heartbeat"}

Proof = Callable[[], str]
"""Asks another part whether it does its work: "" or a sentence that says what is wrong. It may
block, and is asked in a thread."""

_log = structlog.get_logger()


class HeartbeatOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to ping: such services take a POST to a URL that nobody else knows."""

    url: str | Secret


class HeartbeatChannel:
    """Pings the service outside; `sent_ns` is when it last answered, 0 before the first time."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the URL cannot be used.
        """
        self._poster = VendorPoster(url, clock, "the heartbeat")
        self._clock = clock
        self.sent_ns = 0

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:
        """Of `HeartbeatOptions`."""
        return cls(text_of(options_of(options, HeartbeatOptions).url, secrets), clock)

    async def send(self, message: Message) -> str:
        """One ping."""
        headers = {"Content-Type": "text/plain; charset=utf-8", "Idempotency-Key": message.key}
        await self._poster.post(message.title.encode(), headers)
        self.sent_ns = self._clock.now_ns()
        return ""

    async def close(self) -> None:
        """Close idle connections."""
        await self._poster.close()


class Heartbeat:
    """Says probes and watches over them, between the start and the cancellation of `run`."""

    def __init__(
        self,
        store: IncidentStore,
        channel: HeartbeatChannel,
        raise_alert: Callable[[Alert], object],
        clock: Clock,
        *,
        every_seconds: int,
        health: Callable[[], Mapping[str, TargetHealth]],
        proofs: Mapping[str, Proof] | None = None,
    ) -> None:
        """`health` is the deliverer's, `raise_alert` the notifier's; `proofs` by a part's name."""
        self._store = store
        self._channel = channel
        self._raise_alert = raise_alert
        self._clock = clock
        self._every_seconds = every_seconds
        self._health = health
        self.proofs: Mapping[str, Proof] = {} if proofs is None else proofs
        """All are asked before each ping, also those that were put in later."""
        self._asked: asyncio.Task[str] | None = None
        self._part = ""
        self._probe: int | None = None
        self._begun_ns = clock.now_ns()
        self._said: Alert | None = None

    async def run(self) -> None:
        """Beat for ever."""
        self._begun_ns = self._clock.now_ns()
        try:
            while True:
                try:
                    await self.beat()
                except TallystickError as error:
                    # No probe was said: whoever is outside notices, and we try again.
                    _log.error("notify.heartbeat_failed", reason=str(error))
                await self._clock.sleep(self._every_seconds)
        finally:
            if self._asked is not None:
                self._asked.cancel()

    async def beat(self) -> None:
        """Say one probe, or why not.

        Raises:
            TallystickError: the store cannot be used.
        """
        await asyncio.to_thread(self._beat, await self._proved() or self._unreachable())

    def _beat(self, withheld: str) -> None:
        now_ns = self._clock.now_ns()
        if not withheld and not self._is_under_way():
            title = f"Tallystick works, {rfc3339(now_ns)}"
            self._probe = self._store.say(HEARTBEAT_TARGET, title, now_ns, why="heartbeat")
        self._tell(withheld or self._silent(now_ns), now_ns)

    async def _proved(self) -> str:
        """Which part does not work; empty where all do.

        One that does not answer is asked once: another question would hang beside it.
        """
        if self._asked is None:
            self._asked = asyncio.create_task(asyncio.to_thread(self._ask), name="heartbeat-ask")
        done, _ = await asyncio.wait({self._asked}, timeout=PROOF_SECONDS_MAX)
        if not done:
            late = f"no answer within {PROOF_SECONDS_MAX:g} s"
            return f"The heartbeat is withheld: {self._part}: {late}."
        asked, self._asked = self._asked, None
        return asked.result()

    def _ask(self) -> str:
        for part, proof in [*self.proofs.items()]:
            self._part = part
            try:
                sentence = proof()
            except Exception as error:  # noqa: BLE001  outermost loop of proofs
                # Whatever it has: a part that cannot be asked is no part that works.
                _log.exception("notify.proof_broken", part=part)
                sentence = f"It cannot be asked ({type(error).__name__})."
            if sentence:
                return f"The heartbeat is withheld: {part}: {sentence}"
        return ""

    def _unreachable(self) -> str:
        """That nobody could be told; empty where somebody could."""
        others = {name: each for name, each in self._health().items() if name != HEARTBEAT_TARGET}
        if others and all(each.stuck for each in others.values()):
            names = ", ".join(sorted(others))
            return f"The heartbeat is withheld: no target can be reached ({names})."
        return ""

    def _silent(self, now_ns: int) -> str:
        """That the service outside has not been reached for too long; empty where it has."""
        since_ns = self._channel.sent_ns or self._begun_ns
        if now_ns - since_ns <= MISSED_MAX * self._every_seconds * NS_PER_SECOND:
            return ""
        health = self._health().get(HEARTBEAT_TARGET)
        why = health.last_error if health and health.last_error else "No ping was sent."
        return f"The outside heartbeat has not been reached since {rfc3339(since_ns)}: {why}"

    def _is_under_way(self) -> bool:
        """Whether the last probe still waits; another would say no more."""
        record = None if self._probe is None else self._store.message(self._probe)
        return record is not None and record.state == "pending"

    def _tell(self, trouble: str, now_ns: int) -> None:
        """Keep the alert of a trouble alive, and end it when it is over.

        It ends by itself when nobody keeps it alive: a process that starts anew knows of none.
        """
        if trouble and self._said is None:
            _log.error("notify.heartbeat_missed", reason=trouble)
        said = self._said or _alert(trouble, now_ns)
        if trouble:
            ends_ns = now_ns + 2 * MISSED_MAX * self._every_seconds * NS_PER_SECOND
            self._raise_alert(msgspec.structs.replace(said, ends_at=rfc3339(ends_ns)))
            self._said = said
        elif self._said is not None:
            self._raise_alert(msgspec.structs.replace(said, ends_at=rfc3339(now_ns)))
            self._said = None


def _alert(trouble: str, now_ns: int) -> Alert:
    return Alert(
        id=f"heartbeat-{now_ns}",
        fingerprint=fingerprint(LABELS),
        severity="critical",
        summary=trouble,
        source="heartbeat",
        starts_at=rfc3339(now_ns),
        labels=LABELS,
    )
