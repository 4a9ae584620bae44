"""Where `tallystick logs` reads: a running server, or the data folder itself when none runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from tallystick.errors import Misconfigured

if TYPE_CHECKING:
    from tallystick.watch.collect.search import (
        Around,
        Export,
        Format,
        Histogram,
        LogAnswer,
        LogSearch,
        Patterns,
        Question,
    )
    from tallystick.wiring.server_client import ServerClient

SILENCE_SECONDS_MAX = 20.0
"""Silence after which a tail is asked for again: its heartbeat comes every five seconds."""


class Logs(Protocol):
    """What the command asks; each answer is that of the API."""

    def page(self, question: "Question", limit: int) -> "LogAnswer":
        """The newest lines, or a table."""
        ...

    def histogram(self, question: "Question", buckets: int) -> "Histogram":
        """The volume over the range."""
        ...

    def patterns(self, question: "Question", limit: int) -> "Patterns":
        """The kinds of messages."""
        ...

    def around(self, seq: int, question: "Question", count: int) -> "Around":
        """A line with those before and after it."""
        ...

    def export(
        self, question: "Question", form: "Format", fields: tuple[str, ...]
    ) -> Iterator[bytes]:
        """Everything that fits, as a file."""
        ...

    def follow(self, question: "Question", after: int | None) -> Iterator["Told"]:
        """New lines as they come, for ever; those behind the number `after` first."""
        ...


class Told(msgspec.Struct, frozen=True):
    """A line of a tail, or how many were missed."""

    line: bytes | None
    missed: int = 0


class _Missed(msgspec.Struct):
    lines: int


class RemoteLogs:
    """The logs of a running server."""

    def __init__(self, server: "ServerClient") -> None:
        """The server is closed by whoever made it."""
        self._server = server

    def page(self, question: "Question", limit: int) -> "LogAnswer":
        """`GET /v1/logs`."""
        from tallystick.watch.collect.search import LogAnswer  # noqa: PLC0415  see the command

        query = _params(question, limit=limit)
        return self._server.ask("GET", "/v1/logs", LogAnswer, query=query)

    def histogram(self, question: "Question", buckets: int) -> "Histogram":
        """`GET /v1/logs/histogram`."""
        from tallystick.watch.collect.search import Histogram  # noqa: PLC0415  see the command

        query = _params(question, buckets=buckets)
        return self._server.ask("GET", "/v1/logs/histogram", Histogram, query=query)

    def patterns(self, question: "Question", limit: int) -> "Patterns":
        """`GET /v1/logs/patterns`."""
        from tallystick.watch.collect.search import Patterns  # noqa: PLC0415  see the command

        query = _params(question, limit=limit)
        return self._server.ask("GET", "/v1/logs/patterns", Patterns, query=query)

    def around(self, seq: int, question: "Question", count: int) -> "Around":
        """`GET /v1/logs/{seq}/around`."""
        from tallystick.watch.collect.search import Around  # noqa: PLC0415  see the command

        query = _given({"q": question.query, "before": count, "after": count})
        return self._server.ask("GET", f"/v1/logs/{seq}/around", Around, query=query)

    def export(
        self, question: "Question", form: "Format", fields: tuple[str, ...]
    ) -> Iterator[bytes]:
        """`GET /v1/logs/export`."""
        import httpx  # noqa: PLC0415  help is shown faster

        query = _params(question, format=form, fields=",".join(fields) or None)
        with self._server.stream("/v1/logs/export", query, {}, httpx.Timeout(None)) as response:
            yield from response.iter_bytes()

    def follow(self, question: "Question", after: int | None) -> Iterator[Told]:
        """`GET /v1/logs/tail`, again and again from where the last one ended."""
        import httpx  # noqa: PLC0415  help is shown faster

        from tallystick.wiring.server_client import ANSWER_SECONDS_MAX  # noqa: PLC0415

        last = None if after is None else str(after)
        query = _params(question)
        wait = httpx.Timeout(ANSWER_SECONDS_MAX, read=SILENCE_SECONDS_MAX)
        while True:
            headers = {} if last is None else {"Last-Event-ID": last}
            try:
                with self._server.stream("/v1/logs/tail", query, headers, wait) as response:
                    for seen, told in _events(response.iter_lines(), last):
                        last = seen
                        if told is not None:
                            yield told
            except (httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError):
                continue  # it was silent for too long: the server may have been started again


class LocalLogs:
    """The logs of a data folder that no server uses."""

    def __init__(self, search: "LogSearch") -> None:
        self._search = search

    def page(self, question: "Question", limit: int) -> "LogAnswer":
        """From the store."""
        return self._search.page(question, limit)

    def histogram(self, question: "Question", buckets: int) -> "Histogram":
        """From the store."""
        from tallystick.watch.collect.search import histogram  # noqa: PLC0415  see the command

        return histogram(self._search, question, buckets)

    def patterns(self, question: "Question", limit: int) -> "Patterns":
        """From the store."""
        from tallystick.watch.collect.search import patterns  # noqa: PLC0415  see the command

        return patterns(self._search, question, limit)

    def around(self, seq: int, question: "Question", count: int) -> "Around":
        """From the store."""
        from tallystick.watch.collect.search import around  # noqa: PLC0415  see the command

        return around(self._search, seq, question, before=count, after=count)

    def export(
        self, question: "Question", form: "Format", fields: tuple[str, ...]
    ) -> Iterator[bytes]:
        """From the store."""
        begun: Export = self._search.export(question, form, fields)
        return begun.pieces

    def follow(self, question: "Question", after: int | None) -> Iterator[Told]:
        """Nobody writes to a folder without a server.

        Raises:
            Misconfigured: always.
        """
        del question, after
        raise Misconfigured("Only a running server has new lines: leave --data out to follow them.")


@contextmanager
def local_logs(folder: Path) -> Iterator[LocalLogs]:
    """The logs below a data folder.

    Raises:
        Misconfigured: there are none, or a server uses them.
    """
    from tallystick.clock import SystemClock  # noqa: PLC0415  help is shown faster
    from tallystick.watch.collect.search import LogSearch, SavedSearches  # noqa: PLC0415
    from tallystick.watch.collect.store import LogStore  # noqa: PLC0415

    if not (folder / "logs").is_dir():
        raise Misconfigured(f"There are no logs in {folder}.")
    clock = SystemClock()
    store = LogStore(folder / "logs", clock)
    try:
        saved = SavedSearches(folder / "searches.json", clock)
        search = LogSearch(store, clock, saved, scratch=folder / "search")
        try:
            yield LocalLogs(search)
        finally:
            search.close()
    finally:
        store.close()


def _params(question: "Question", **more: object) -> dict[str, str]:
    return _given(
        {"q": question.query, "earliest": question.earliest, "latest": question.latest, **more}
    )


def _given(params: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items() if value not in {None, ""}}


def _events(lines: Iterator[str], last: str | None) -> Iterator[tuple[str | None, Told | None]]:
    """Server-sent events: the newest id, and what was told, if anything."""
    kind, data = "", ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "id":
            last = value
        elif name == "event":
            kind = value
        elif name == "data":
            data = value
        elif not line:
            told = None
            if kind == "line":
                told = Told(data.encode())
            elif kind == "missed":
                told = Told(None, msgspec.json.decode(data, type=_Missed).lines)
            yield last, told
            kind, data = "", ""
