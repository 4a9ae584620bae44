"""Amazon CloudWatch Logs as a destination, through aiobotocore (the extra `aws`).

Source: CloudWatch Logs API reference, `PutLogEvents`: at most 10,000 events and 1,048,576 bytes a
request (26 are counted for each event), in order of time, within 24 hours of one another.
"""

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from tallystick.clock import Clock, parse_rfc3339
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.watch.collect.forward.destination import Numbered
from tallystick.watch.collect.lines import decode_line

LINES_MAX = 1_000
BYTES_MAX = 900_000
SPAN_MS_MAX = 24 * 3_600 * 1_000
"""Furthest apart that events of one request may be, in milliseconds."""
_NS_PER_MS = 1_000_000
_EXISTS = "ResourceAlreadyExistsException"
_NOT_FOUND = "ResourceNotFoundException"
_NEVER = frozenset({"InvalidParameterException", "DataAlreadyAcceptedException"})


class CloudWatchSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="cloudwatch", tag_field="type"
):
    """Which log group; credentials come from the environment as everywhere on AWS."""

    name: str
    group: str
    stream: str = "tallystick"
    region: str | None = None
    endpoint: str | None = None
    """Another address of the service, for a private endpoint."""
    indexes: tuple[str, ...] = ()
    """Forward these indexes only."""


class CloudWatch:
    """One log stream, made where it is not there yet."""

    lines_max = LINES_MAX
    bytes_max = BYTES_MAX

    def __init__(self, settings: CloudWatchSettings, clock: Clock) -> None:
        try:
            import aiobotocore.session  # noqa: PLC0415  an extra
        except ImportError as error:
            raise Misconfigured(
                "Forwarding to CloudWatch needs the extra: pip install 'tallystick[aws]'."
            ) from error
        self._settings = settings
        self._clock = clock
        self._session = aiobotocore.session.get_session()
        self._stack = AsyncExitStack()
        self._client: Any = None  # aiobotocore makes its clients at run time

    async def send(self, lines: Sequence[Numbered]) -> int:
        """Put; events that are too old, too new or expired there are refused for good."""
        events = sorted((self._event(each) for each in lines), key=lambda event: event[0])
        refused = 0
        for piece in _within_a_day(events):
            refused += await self._put(piece)
        return refused

    async def close(self) -> None:
        """Close the connections."""
        await self._stack.aclose()
        self._client = None

    async def _put(self, events: Sequence[tuple[int, str]]) -> int:
        names = {"logGroupName": self._settings.group, "logStreamName": self._settings.stream}
        told = [{"timestamp": at_ms, "message": text} for at_ms, text in events]
        answer = await self._call("put_log_events", **names, logEvents=told)
        return _refused(answer.get("rejectedLogEventsInfo") or {}, len(events))

    async def _call(self, what: str, **members: object) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  an extra

        try:
            if self._client is None:
                await self._open()
            answer: dict[str, Any] = await getattr(self._client, what)(**members)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code == _NOT_FOUND:
                await self._make()
            if code in _NEVER:
                raise PermanentError(f"CloudWatch answered {code}.") from error
            raise TemporaryError(f"CloudWatch answered {code}.") from error
        except (BotoCoreError, OSError) as error:
            raise TemporaryError(
                f"CloudWatch cannot be reached ({type(error).__name__})."
            ) from error
        return answer

    async def _open(self) -> None:
        client = self._session.create_client(
            "logs", region_name=self._settings.region, endpoint_url=self._settings.endpoint
        )
        self._client = await self._stack.enter_async_context(client)

    async def _make(self) -> None:
        """The group and the stream; that one is there already is fine."""
        from botocore.exceptions import ClientError  # noqa: PLC0415  an extra

        group, stream = self._settings.group, self._settings.stream
        for make, members in (
            (self._client.create_log_group, {"logGroupName": group}),
            (self._client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            try:
                await make(**members)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != _EXISTS:
                    raise TemporaryError("CloudWatch's log group cannot be made.") from error

    def _event(self, each: Numbered) -> tuple[int, str]:
        """(milliseconds since the epoch, the line)."""
        stamp = decode_line(each.line).get("timestamp")
        try:
            at_ns = parse_rfc3339(str(stamp))
        except ValueError:
            at_ns = self._clock.now_ns()
        return at_ns // _NS_PER_MS, each.line.decode()


def _within_a_day(events: Sequence[tuple[int, str]]) -> Iterator[Sequence[tuple[int, str]]]:
    start = 0
    for number, (at_ms, _) in enumerate(events):
        if at_ms - events[start][0] >= SPAN_MS_MAX:
            yield events[start:number]
            start = number
    if events:
        yield events[start:]


def _refused(info: dict[str, int], events: int) -> int:
    """How many events `rejectedLogEventsInfo` names."""
    old = max(info.get("tooOldLogEventEndIndex", 0), info.get("expiredLogEventEndIndex", 0))
    new = events - info.get("tooNewLogEventStartIndex", events)
    return min(old + new, events)
