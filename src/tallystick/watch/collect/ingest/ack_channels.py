"""Indexer acknowledgment: Splunk's channels and the ids that they count."""

import re
from collections import OrderedDict

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Crowded
from tallystick.limits import HEC_ACK_IDLE_SECONDS, HEC_CHANNELS_MAX

_GUID = re.compile(
    r"\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?", re.IGNORECASE
)
_ID_MAX = 2**63 - 1


def is_channel(text: str) -> bool:
    """Whether this names a channel: a GUID, with or without its hyphens."""
    return _GUID.fullmatch(text) is not None


class AckChannels:
    """Counts acknowledgment ids, from 0 in each channel of each token.

    An id is given when its events are durable, so every id that was given is acknowledged; it
    stays so when it was asked for, because that answer may have been lost. Ids do not outlive
    the process: a client that asks for one of before is told `false`, and sends again.
    """

    def __init__(
        self,
        clock: Clock,
        channels_max: int = HEC_CHANNELS_MAX,
        seconds: int = HEC_ACK_IDLE_SECONDS,
    ) -> None:
        self._clock = clock
        self._channels_max = channels_max
        self._idle_ns = seconds * NS_PER_SECOND
        self._channels: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()
        """(next id, when it was last used) by (token, channel), the longest idle first."""

    @property
    def fullness(self) -> float:
        """From 0, no channel in use, to 1, no room for another."""
        self._forget_idle()
        return len(self._channels) / self._channels_max

    def open(self, token: str, channel: str) -> None:
        """Make sure that there is room to count for this channel.

        Raises:
            Crowded: too many channels are in use.
        """
        key = (token, channel.lower())
        if key not in self._channels:
            self._forget_idle()
            if len(self._channels) >= self._channels_max:
                raise Crowded("Too many acknowledgment channels are in use; try again later.")
        self._use(key, 0)

    def given(self, token: str, channel: str) -> int:
        """The id of a request whose events are durable now."""
        key = (token, channel.lower())
        return self._use(key, 1)

    def told(self, token: str, channel: str, ids: list[int]) -> dict[str, bool]:
        """Whether each of the ids was given; the channel of somebody else knows none."""
        key = (token, channel.lower())
        end = self._use(key, 0) if key in self._channels else 0
        return {str(number): 0 <= number < end for number in ids}

    def _use(self, key: tuple[str, str], more: int) -> int:
        """Count on; the first of the ids."""
        number, _ = self._channels.get(key, (0, 0))
        self._channels[key] = (min(number + more, _ID_MAX), self._clock.monotonic_ns())
        self._channels.move_to_end(key)
        return number

    def _forget_idle(self) -> None:
        before_ns = self._clock.monotonic_ns() - self._idle_ns
        while self._channels:
            key, (_, used_ns) = next(iter(self._channels.items()))
            if used_ns > before_ns:
                return
            del self._channels[key]
