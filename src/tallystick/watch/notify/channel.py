"""The port of every channel."""

from typing import Protocol

from tallystick.watch.notify.alert import Alert


class Channel(Protocol):
    """Says one alert to somebody.

    The contract (tests/watch/notify/test_channel_contract.py holds every channel to it):

    - `send` returns when the other side has taken the alert, and raises otherwise: `TemporaryError`
      when it is worth trying again (not before its `retry_after_seconds`), `PermanentError` when
      it is not. It may be cancelled at any moment.
    - It may be called again for the same alert with the same `idempotency_key`, which the channel
      hands on where the other side can use it.
    - One `send` at a time.
    """

    async def send(self, alert: Alert, idempotency_key: str) -> None:
        """Deliver, or raise."""
        ...

    async def close(self) -> None:
        """Let go of connections; `send` is not called afterwards."""
        ...
