"""The notifier: the front desk of the room. Raise an alert here; everything else follows."""

from tallystick.clock import Clock
from tallystick.errors import Refused
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.deliver import Deliverer
from tallystick.watch.notify.outbox import AlertRecord, Outbox
from tallystick.watch.notify.policy import Decision, Matcher, Policy, Silence, check_silence


class Notifier:
    """Decides, stores and delivers alerts.

    `raise_alert`, `recent`, `silences`, `add_silence` and `end_silence` block for the disk (a few
    milliseconds when they write) and may be called from any thread; on an event loop call them
    through `asyncio.to_thread`. `start` and `stop` belong to one event loop.
    """

    def __init__(self, outbox: Outbox, deliverer: Deliverer, policy: Policy, clock: Clock) -> None:
        self._outbox = outbox
        self._deliverer = deliverer
        self._policy = policy
        self._clock = clock

    def raise_alert(self, alert: Alert) -> Decision:
        """Decide and store; durable when it returns, and on its way to the channels.

        The same id again changes nothing and gives the first decision.
        """
        decision = self._outbox.raise_alert(alert, self._policy.decide, self._clock.now_ns())
        self._deliverer.wake()
        return decision

    def recent(self, limit: int) -> list[AlertRecord]:
        """The last alerts, newest first, with why they were sent or not and what became of it."""
        return self._outbox.recent(limit)

    def silences(self) -> list[Silence]:
        """Silences that have not ended."""
        return self._outbox.silences(self._clock.now_ns())

    def add_silence(
        self,
        matchers: tuple[Matcher, ...],
        starts_at_ns: int,
        ends_at_ns: int,
        comment: str,
        author: str,
        *,
        key: str = "",
        request: str = "",
    ) -> Silence:
        """Silence alerts that meet every matcher, between these moments.

        Raises:
            Refused: see `policy.check_silence`; `SILENCE_PERIOD` also when it is over already.
        """
        silence = Silence("", matchers, starts_at_ns, ends_at_ns, comment, author, key, request)
        check_silence(silence)
        now_ns = self._clock.now_ns()
        if ends_at_ns <= now_ns:
            raise Refused("SILENCE_PERIOD", "This silence would be over already.")
        return self._outbox.add_silence(silence, now_ns)

    def known_silence(self, key: str) -> Silence | None:
        """The silence that was made under this key, also when it has ended since."""
        return self._outbox.known_silence(key)

    def end_silence(self, silence_id: str) -> None:
        """End a silence now.

        Raises:
            Refused: `UNKNOWN_SILENCE`.
        """
        if not self._outbox.end_silence(silence_id, self._clock.now_ns()):
            raise Refused("UNKNOWN_SILENCE", f"There is no silence {silence_id!r}.")

    async def start(self) -> None:
        """Deliver from now on; what an earlier process left over goes first."""
        self._deliverer.start()

    async def stop(self) -> None:
        """Stop delivering and close the outbox; what is not delivered waits for the next start."""
        try:
            await self._deliverer.stop()
        finally:
            self._outbox.close()
