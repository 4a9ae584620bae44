"""Splunk's export: results as they are found, to the last; and live, where `rt` is asked for."""

import asyncio
from collections.abc import AsyncIterator, Generator
from itertools import chain

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tallystick.api.log_stream import StreamedResponse
from tallystick.api.splunk.asking import Asked, refused
from tallystick.api.splunk.atom import Mode
from tallystick.api.splunk.results import (
    MEDIA_TYPES,
    Shown,
    export_json,
    live_line,
    written,
)
from tallystick.api.splunk.rows import Results, event_result
from tallystick.errors import Refused
from tallystick.watch.collect.search import Found, LogTail, LogTails, Stopper
from tallystick.watch.collect.search.tail import GATHER_SECONDS

_BLANK = b"\n"
"""What keeps a live export from being silent: clients skip empty lines."""


async def export(asked: Asked) -> Response:
    """Everything that fits, streamed.

    Raises:
        Refused: `BAD_REQUEST`, `BAD_QUERY`.
        Crowded: too many searches are running.
    """
    query = asked.one("search")
    if query is None:
        raise Refused("BAD_REQUEST", "The form has no member 'search'.")
    mode = asked.mode
    question = asked.question(query, asked.one("earliest_time"), asked.one("latest_time"))
    pipeline = asked.search.read(question)
    if pipeline.search.live:
        if mode != "json":
            raise Refused("BAD_REQUEST", "A real-time export is written with output_mode=json.")
        tails = asked.services.tails
        return LiveResponse(tails, await tails.run(lambda: tails.tail(question)))
    fields = tuple(dict.fromkeys(asked.members.get("f", ())))

    stopper = Stopper()

    def begin() -> Exported:
        found = asked.search.find(question, stopper)
        return Exported(found, _pieces(found, fields, mode))

    return StreamedResponse(
        asked.search, begin, stop=stopper.stop, media_type=MEDIA_TYPES[mode],
        refuse=lambda error: refused(error, mode),
    )  # fmt: skip


class Exported:
    """What was found, and its bytes."""

    def __init__(self, found: Found, pieces: Generator[bytes, None, None]) -> None:
        self._found = found
        self.pieces = pieces

    def close(self) -> None:
        """Let go of the search."""
        self.pieces.close()
        self._found.close()


def _pieces(found: Found, fields: tuple[str, ...], mode: Mode) -> Generator[bytes, None, None]:
    shown = _shown(found, fields)
    yield from export_json(shown) if mode == "json" else written(shown, mode)


def _shown(found: Found, fields: tuple[str, ...]) -> Shown:
    """What was found; the names of fields of events are those of the first piece."""
    messages = tuple(("WARN", sentence) for sentence in found.warnings)
    pieces = iter(found)
    if found.shape == "table":
        return Shown(Results("table", found.fields, pieces), messages=messages)
    first = next(pieces, [])
    names: dict[str, None] = {}
    for row in first:
        names |= dict.fromkeys(event_result(row))
    results = Results("events", fields, chain([first], pieces))
    return Shown(results, messages=messages, names=lambda: tuple(names))


class LiveResponse(Response):
    """A live export; it holds its place among the followers while it is being sent."""

    def __init__(self, tails: LogTails, tail: LogTail) -> None:
        super().__init__(media_type=MEDIA_TYPES["json"])
        self._tails = tails
        self._tail = tail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the client leaves or the process does."""
        with self._tails.place() as grown:
            stream = StreamingResponse(self._lines(grown), media_type=MEDIA_TYPES["json"])
            await stream(scope, receive, send)

    async def _lines(self, grown: asyncio.Event) -> AsyncIterator[bytes]:
        tails, tail, offset = self._tails, self._tail, 0
        yield _BLANK
        while not tails.closed:
            grown.clear()
            if not tail.is_behind:
                yield await _silence(grown, tails.heartbeat_seconds)
                continue
            taken = await tails.run(tail.take)
            tails.missed += taken.missed
            lines = [
                live_line(number, event_result([seq, at_ns, line.decode()]))
                for number, (seq, at_ns, line) in enumerate(taken.timed(), offset)
            ]
            offset += len(lines)
            if lines:
                yield b"".join(lines)
            await tails.clock.sleep(GATHER_SECONDS)


async def _silence(grown: asyncio.Event, seconds: float) -> bytes:
    """Nothing as soon as lines come, an empty line where none do."""
    try:
        async with asyncio.timeout(seconds):
            await grown.wait()
    except TimeoutError:
        return _BLANK
    return b""
