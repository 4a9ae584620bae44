"""A load generator that costs little: it places orders over keep-alive connections.

Closed loop: each of N connections sends its next request when the answer to its last one has
come, so the server is never asked for more than it gives. Requests are made ahead of time, answers
are read no further than status and `Content-Length`. Run it in a process of its own:

    python benchmarks/load.py --url http://127.0.0.1:8080 --token tally_... --seconds 5

It prints its `Result` as JSON. With `--keep FILE` every answer is kept as one JSON line
(`{"request", "status", "latency_ms", "answer"}`; status 0 and answer null: no answer came), so that
a test can hold the server to what it has acknowledged.
"""

import asyncio
import gc
import secrets
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Literal, cast
from urllib.parse import urlsplit

import click
import msgspec
import uvloop

CONNECTIONS_MAX = 1_024
"""Most connections of one load process: the usual limit of open files."""
SECONDS_MAX = 3_600.0
"""Longest run."""
REQUESTS_MAX = 2_000_000
"""Most requests of one run; each takes about 500 bytes of memory, made ahead."""
REQUESTS_PER_SECOND_MAX = 60_000
"""Without `--requests`, so many requests are made ahead for each second of the run."""
ANSWER_SECONDS_MAX = 15.0
"""How long the last answers are waited for when the run is over."""
HEAD_BYTES_MAX = 16_384
"""Longest head of an answer."""
QUANTITY_MIN, QUANTITY_STEPS, QUANTITY_STRIDE = 100_000, 900_000, 7_919
"""Quantities walk through 100,000..999,999 by a prime stride: none comes twice in 900,000."""


class LoadError(Exception):
    """The load could not be put on the server."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask of which server.

    The run ends after `seconds` or `requests` answers, whichever comes first. `prefix` starts
    every client_order_id and must be new for each run against the same ledger. An answer that
    contains the text `expect` is counted in `Result.expected`.
    """

    url: str
    token: str
    account: str = "demo"
    path: str = "/v1/orders"
    connections: int = 64
    seconds: float = 5.0
    requests: int | None = None
    prefix: str = msgspec.field(default_factory=lambda: f"load-{secrets.token_hex(4)}")
    pairs: tuple[str, ...] = ("EUR/USD", "GBP/USD", "AUD/USD", "USD/JPY")
    expect: str = '"rejection":null'

    def __post_init__(self) -> None:
        """Holds the plan to its limits."""
        within = {
            "connections": 1 <= self.connections <= CONNECTIONS_MAX,
            "seconds": 0 < self.seconds <= SECONDS_MAX,
            "requests": self.requests is None or 1 <= self.requests <= REQUESTS_MAX,
            "pairs": bool(self.pairs),
        }
        for name, fits in within.items():
            if not fits:
                raise LoadError(f"{name} = {getattr(self, name)!r} is outside its limits")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. Latencies are milliseconds from writing a request to its whole answer."""

    requests: int
    seconds: float
    requests_per_second: float
    latency_ms_p50: float
    latency_ms_p90: float
    latency_ms_p99: float
    latency_ms_max: float
    statuses: dict[str, int]
    expected: int
    unanswered: int
    request_bytes: float
    answer_bytes: float
    cpu_seconds: float
    ended: Literal["time", "requests", "lost"]


def order_bodies(plan: Plan, count: int) -> Iterator[bytes]:
    """`count` market orders: a buy and then a sale of each quantity, so positions stay small."""
    for number in range(count):
        step = number // 2
        quantity = QUANTITY_MIN + step * QUANTITY_STRIDE % QUANTITY_STEPS
        yield msgspec.json.encode(
            {
                "client_order_id": f"{plan.prefix}-{number:07}",
                "account": plan.account,
                "pair": plan.pairs[step % len(plan.pairs)],
                "side": "sell" if number % 2 else "buy",
                "quantity": str(quantity),
                "type": "market",
                "time_in_force": "FOK",
            }
        )


def _requests(plan: Plan) -> list[bytes]:
    """The whole HTTP/1.1 requests (RFC 9112), head and body in one piece."""
    count = plan.requests or min(REQUESTS_MAX, round(plan.seconds * REQUESTS_PER_SECOND_MAX) + 1)
    head = (
        f"POST {plan.path} HTTP/1.1\r\nHost: {urlsplit(plan.url).netloc}\r\n"
        f"Authorization: Bearer {plan.token}\r\nContent-Type: application/json\r\n"
        "Content-Length: "
    ).encode()
    return [b"%b%d\r\n\r\n%b" % (head, len(body), body) for body in order_bodies(plan, count)]


class _Run:
    """What all connections share: the requests still to send, and what has come back."""

    def __init__(self, plan: Plan, keep: BinaryIO | None) -> None:
        self.plan = plan
        self.keep = keep
        self.requests = iter(_requests(plan))
        self.expect = plan.expect.encode()
        self.connections: list[_Connection] = []
        self.latencies = array("d")
        self.statuses: Counter[int] = Counter()
        self.expected = 0
        self.unanswered = 0
        self.request_bytes = 0
        self.answer_bytes = 0
        self.ended: Literal["time", "requests", "lost"] = "time"
        self.broken: str | None = None
        self.open = plan.connections
        self.deadline = 0.0
        self.last_answer = 0.0
        self.finished = asyncio.get_running_loop().create_future()

    def next_request(self) -> bytes | None:
        """The next request, or None when the run is over."""
        if time.perf_counter() >= self.deadline:
            return None
        request = next(self.requests, None)
        if request is None and self.ended == "time":
            self.ended = "requests"
        return request

    def answered(self, request: bytes, sent: float, status: int, body: bytes) -> None:
        """Counts one whole answer."""
        self.last_answer = time.perf_counter()
        self.latencies.append(self.last_answer - sent)
        self.statuses[status] += 1
        self.request_bytes += len(request)
        self.answer_bytes += len(body)
        if self.expect in body:
            self.expected += 1
        if self.keep is not None:
            self._keep(request, status, self.last_answer - sent, body)

    def lost(self, request: bytes) -> None:
        """Counts a request whose answer will never come: nobody knows if it was done."""
        self.unanswered += 1
        self.ended = "lost"
        if self.keep is not None:
            self._keep(request, 0, 0.0, b"null")

    def closed(self) -> None:
        """One connection less; the last one ends the run."""
        self.open -= 1
        if not self.open and not self.finished.done():
            self.finished.set_result(None)

    def _keep(self, request: bytes, status: int, seconds: float, body: bytes) -> None:
        assert self.keep is not None
        is_json = body.startswith(b"{") or body == b"null"
        line = {
            "request": msgspec.Raw(request.partition(b"\r\n\r\n")[2]),
            "status": status,
            "latency_ms": round(seconds * 1e3, 3),
            "answer": msgspec.Raw(body) if is_json else body.decode(errors="replace"),
        }
        self.keep.write(msgspec.json.encode(line) + b"\n")


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request on its way."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._request: bytes | None = None
        self._sent = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has the methods only

    def send(self) -> None:
        """Sends the next request, or closes when there is none."""
        assert self._transport is not None
        self._request = self._run.next_request()
        if self._request is None:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def abort(self) -> None:
        """Drops the connection at once; its request counts as unanswered."""
        assert self._transport is not None
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._received:
            data = self._received + data
        try:
            answer = _answer(data)
        except ValueError as error:
            self._run.broken = str(error)
            self.abort()
            return
        if answer is None:
            self._received = data
            return
        self._received = b""
        assert self._request is not None, "an answer without a request"
        self._run.answered(self._request, self._sent, *answer)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        if self._request is not None:
            self._run.lost(self._request)
            self._request = None
        self._run.closed()


def _answer(data: bytes) -> tuple[int, bytes] | None:
    """Status and body of the one answer in `data`; None while it is not whole.

    Raises:
        ValueError: this is no HTTP/1.1 answer with a Content-Length, or there is more than one.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > HEAD_BYTES_MAX:
            raise ValueError(f"the head of an answer has more than {HEAD_BYTES_MAX} bytes")
        return None
    head = data[: end + 2].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0 or not head.startswith(b"http/1.1 "):
        raise ValueError(f"this answer cannot be read: {data[:200]!r}")
    length = int(head[at + 17 : head.index(b"\r", at + 17)])
    body = data[end + 4 :]
    if len(body) > length:
        raise ValueError("more bytes came than the answer's Content-Length")
    return (int(head[9:12]), body) if len(body) == length else None


async def _connect(run: _Run) -> None:
    """Opens every connection before the first request goes out.

    Raises:
        LoadError: the server does not take them.
    """
    parts = urlsplit(run.plan.url)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise LoadError(f"{run.plan.url!r} is not of the form http://host:port")
    loop = asyncio.get_running_loop()
    for _ in range(run.plan.connections):
        try:
            _, connection = await loop.create_connection(
                lambda: _Connection(run), parts.hostname, parts.port
            )
        except OSError as error:
            raise LoadError(f"cannot connect to {run.plan.url}: {error}") from error
        run.connections.append(connection)


async def put_load(plan: Plan, keep: BinaryIO | None = None) -> Result:
    """Puts the planned load on the server and says what came back.

    A server that closes connections or dies in the middle is no error: what was on its way is
    counted as `unanswered`, and the run ends early with `ended = "lost"`.

    Raises:
        LoadError: no connection, or answers that are not HTTP/1.1 with a Content-Length.
    """
    run = _Run(plan, keep)
    await _connect(run)
    cpu, start = time.process_time(), time.perf_counter()
    run.deadline = start + plan.seconds
    for connection in run.connections:
        connection.send()
    _, late = await asyncio.wait([run.finished], timeout=plan.seconds + ANSWER_SECONDS_MAX)
    if late:
        for connection in run.connections:
            connection.abort()
        await run.finished
    if run.broken:
        raise LoadError(run.broken)
    return _result(run, start, time.process_time() - cpu)


def _result(run: _Run, start: float, cpu_seconds: float) -> Result:
    latencies = sorted(run.latencies)
    count = len(latencies)
    seconds = max(run.last_answer - start, 1e-9)

    def latency_ms(share: float) -> float:
        return round(latencies[min(count - 1, int(count * share))] * 1e3, 3) if count else 0.0

    return Result(
        requests=count,
        seconds=round(seconds, 3) if count else 0.0,
        requests_per_second=round(count / seconds, 1) if count else 0.0,
        latency_ms_p50=latency_ms(0.50),
        latency_ms_p90=latency_ms(0.90),
        latency_ms_p99=latency_ms(0.99),
        latency_ms_max=latency_ms(1.0),
        statuses={str(status): number for status, number in sorted(run.statuses.items())},
        expected=run.expected,
        unanswered=run.unanswered,
        request_bytes=round(run.request_bytes / count, 1) if count else 0.0,
        answer_bytes=round(run.answer_bytes / count, 1) if count else 0.0,
        cpu_seconds=round(cpu_seconds, 3),
        ended=run.ended,
    )


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--url", required=True, help="The server: http://127.0.0.1:8080.")
@click.option("--token", required=True, help="Bearer token.")
@click.option("--account", default="demo", show_default=True, help="Account that trades.")
@click.option("--path", default="/v1/orders", show_default=True, help="Path to POST to.")
@click.option("--connections", default=64, show_default=True, help="Keep-alive connections.")
@click.option("--seconds", default=5.0, show_default=True, help="Length of the run.")
@click.option("--requests", type=int, help="End after so many requests.")
@click.option("--prefix", help="Start of every client_order_id; new for each run.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep every answer in this file.")
def main(keep: Path | None, prefix: str | None, **options: str | float | None) -> None:
    """Puts load on a server and prints the result as JSON."""
    named = options | ({"prefix": prefix} if prefix else {})
    gc.disable()  # a short, bounded run that makes no cycles
    try:
        plan = Plan(**named)  # type: ignore[arg-type]  # click gives each option its type
        with ExitStack() as stack:
            kept = stack.enter_context(keep.open("wb")) if keep else None
            result = uvloop.run(put_load(plan, kept))
    except LoadError as error:
        click.echo(f"load: {error}", err=True)
        sys.exit(2)
    click.echo(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
