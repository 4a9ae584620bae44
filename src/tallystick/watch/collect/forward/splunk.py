"""Splunk's HTTP Event Collector as a destination (or whoever speaks it).

Names go back the way on which they come in: `com.splunk.source` becomes `source`. An indexer that
acknowledges is waited for: with `acknowledge` a batch is taken when its ack id is true.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock, parse_rfc3339
from tallystick.errors import PermanentError, TemporaryError
from tallystick.ids import new_guid
from tallystick.watch.collect.columns import INDEX_FIELD
from tallystick.watch.collect.forward.destination import Numbered
from tallystick.watch.collect.forward.over_http import poster_to
from tallystick.watch.collect.lines import decode_line

BYTES_MAX = 1_000_000
"""Below every limit that is known: Splunk Cloud refuses above five million."""
LINES_MAX = 1_000
ACK_SECONDS_MAX = 20.0
ACK_PAUSE_SECONDS = 0.5
EVENT = "/services/collector/event"
ACK = "/services/collector/ack"
_METADATA = {
    "host": "host.name",
    "source": "com.splunk.source",
    "sourcetype": "com.splunk.sourcetype",
    "index": INDEX_FIELD,
}
_Line = dict[str, object]


class SplunkSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="splunk_hec", tag_field="type"
):
    """Where an HTTP Event Collector is."""

    name: str
    url: str
    """The collector's origin, such as https://splunk.example:8088."""
    token: str
    index: str | None = None
    """Instead of each line's own index."""
    sourcetype: str = "tallystick"
    """For lines that do not name theirs."""
    acknowledge: bool = False
    """Whether to wait for indexer acknowledgement (the token must have it switched on)."""
    indexes: tuple[str, ...] = ()
    """Forward these indexes only."""


class _Answer(msgspec.Struct):
    code: int
    text: str = ""
    ack_id: int | None = msgspec.field(default=None, name="ackId")
    wrong: int | None = msgspec.field(default=None, name="invalid-event-number")


class _Acks(msgspec.Struct):
    acks: dict[str, bool]


class Splunk:
    """One collector."""

    lines_max = LINES_MAX
    bytes_max = BYTES_MAX

    def __init__(self, settings: SplunkSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._channel = new_guid().upper()
        self._headers = {
            "Authorization": f"Splunk {settings.token}",
            "Content-Type": "application/json",
            "X-Splunk-Request-Channel": self._channel,
        }
        self._poster = poster_to(settings.url, clock)

    async def send(self, lines: Sequence[Numbered]) -> int:
        """Post; where one event is refused by its number, those behind it are posted again."""
        events = [self._event(each) for each in lines]
        refused = 0
        while events:
            answer = await self._post(b"".join(events))
            if answer.code == 0:
                await self._await_ack(answer.ack_id)
                break
            if answer.wrong is None or not 0 <= answer.wrong < len(events):
                raise PermanentError(f"{self._poster.url.host} answered: {answer.text}.")
            # Splunk has indexed those before the one it names, and none from it on.
            refused += 1
            events = events[answer.wrong + 1 :]
        return refused

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()

    async def _post(self, body: bytes) -> _Answer:
        answered = await self._poster.post(body, self._headers, path=EVENT, taken=(400,))
        try:
            return msgspec.json.decode(answered, type=_Answer)
        except msgspec.DecodeError as error:
            raise TemporaryError(f"{self._poster.url.host} does not speak HEC.") from error

    async def _await_ack(self, ack_id: int | None) -> None:
        if not self._settings.acknowledge or ack_id is None:
            return
        asked = msgspec.json.encode({"acks": [ack_id]})
        path = f"{ACK}?channel={self._channel}"
        until_ns = self._clock.monotonic_ns() + round(ACK_SECONDS_MAX * NS_PER_SECOND)
        while self._clock.monotonic_ns() < until_ns:
            answered = await self._poster.post(asked, self._headers, path=path)
            if msgspec.json.decode(answered, type=_Acks).acks.get(str(ack_id)):
                return
            await self._clock.sleep(ACK_PAUSE_SECONDS)
        raise TemporaryError(f"{self._poster.url.host} has not acknowledged a batch.")

    def _event(self, each: Numbered) -> bytes:
        members = decode_line(each.line)
        envelope: _Line = {"time": _seconds(members.pop("timestamp", None))}
        for name, field in _METADATA.items():
            value = members.pop(field, None)
            if value is not None:
                envelope[name] = value
        envelope.setdefault("sourcetype", self._settings.sourcetype)
        if self._settings.index is not None:
            envelope["index"] = self._settings.index
        envelope["event"] = members
        envelope["fields"] = {"event_id": f"tallystick-{each.seq}"}
        return msgspec.json.encode({k: v for k, v in envelope.items() if v is not None})


def _seconds(stamp: object) -> Decimal | None:
    """Epoch seconds of an RFC 3339 stamp, in all its digits; None where it is none."""
    try:
        return Decimal(parse_rfc3339(str(stamp))) / NS_PER_SECOND
    except ValueError:
        return None
