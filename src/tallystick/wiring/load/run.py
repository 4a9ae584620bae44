"""A run: who sends what when, and what is counted when the answer comes."""

import asyncio
import random
import ssl
from collections.abc import Callable
from typing import BinaryIO
from urllib.parse import urlsplit

import msgspec

from tallystick.clock import NS_PER_SECOND, NS_PER_US, Clock
from tallystick.errors import PermanentError
from tallystick.wiring.load.answers import Tally
from tallystick.wiring.load.connection import Connection
from tallystick.wiring.load.histogram import Histogram
from tallystick.wiring.load.orders import Orders, Request
from tallystick.wiring.load.plan import Plan
from tallystick.wiring.load.result import Ended

PACE_SECONDS = 0.001
"""Shortest sleep between two looks at the schedule: what the event loop's timers can do."""
LOOK_SECONDS = 0.25
"""Between two looks at answers that take too long; also how often `watch` is told."""
RECONNECT_SECONDS = 0.05
CONNECT_SECONDS_MAX = 10.0
PORTS = {"http": 80, "https": 443}

NOTHING = b"null"


class Progress(msgspec.Struct, frozen=True):
    """How far a run is; seconds since it began, warm-up and all."""

    seconds: float
    seconds_all: float
    requests: int
    orders: int
    in_flight: int


Watch = Callable[[Progress], None]


class Run:
    """Owner of the connections and of everything that is counted."""

    def __init__(self, plan: Plan, orders: Orders, clock: Clock, keep: BinaryIO | None) -> None:
        self.plan = plan
        parts = urlsplit(plan.url)
        self._address = parts.hostname or "", parts.port or PORTS[parts.scheme]
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._orders = orders
        self._clock = clock
        self._keep = keep
        self._now = clock.monotonic_ns
        self._chance = random.Random(f"{plan.seed} arrivals")  # noqa: S311  seeded
        self._gap_ns = NS_PER_SECOND / plan.rate if plan.rate else 0.0
        self.acknowledged = bytearray()
        self.tally = Tally(plan.prefix, orders, self.acknowledged)
        self.warm = Tally(plan.prefix, orders, self.acknowledged)
        self.latencies_us = Histogram()
        self.sent_late_us = Histogram()
        self.missing = self.unsent = self.dropped = self.retried = self.sent = 0
        self.in_flight = 0
        self._dead = 0
        self.ended: Ended = "time"
        self.complaint: str | None = None
        self.finished = asyncio.get_running_loop().create_future()
        self._over = False
        self._stopping = False
        self._gone = asyncio.Event()
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self.start_ns = self.from_ns = self._end_ns = self.last_ns = self._due_ns = 0

    # What is sent when.

    def begin(self) -> None:
        """Everything is open: start the clock and send."""
        plan = self.plan
        self.start_ns = self._due_ns = self._now()
        self.from_ns = self.last_ns = self.start_ns + round(plan.warm_up_seconds * NS_PER_SECOND)
        self._end_ns = self.from_ns + round(plan.seconds * NS_PER_SECOND)
        for connection in list(self._connections):
            self._free(connection)

    async def pace(self) -> None:
        """Send what the schedule of an open loop says, as connections are free."""
        while not self._over:
            self._send_due()
            ahead = (self._due_ns - self._now()) / NS_PER_SECOND
            await self._clock.sleep(max(PACE_SECONDS, min(ahead, LOOK_SECONDS)))

    async def watch(self, watch: Watch) -> None:
        """Cut off answers that take too long, and tell how far we are."""
        wait_ns = round(self.plan.answer_seconds * NS_PER_SECOND)
        seconds_all = self.plan.warm_up_seconds + self.plan.seconds
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            now_ns = self._now()
            for connection in list(self._connections):
                if connection.request is not None and now_ns - connection.sent_ns > wait_ns:
                    connection.abort()
            if self.plan.rate is None and now_ns >= self._end_ns:
                self._end("time")
            answered = self.tally.statuses.total() + self.warm.statuses.total()
            seconds = (now_ns - self.start_ns) / NS_PER_SECOND
            orders = self.tally.orders + self.warm.orders
            watch(Progress(seconds, seconds_all, answered, orders, self.in_flight))

    def _send_due(self) -> None:
        now_ns = self._now()
        while self._idle:
            request = self._next(now_ns)
            if request is None:
                return
            self._send(self._idle.pop(), request, now_ns)
        if self._due_ns >= self._end_ns:
            self._end("time")

    def _free(self, connection: Connection) -> None:
        """This connection may send: at once if something is due, else it waits."""
        now_ns = self._now()
        request = self._next(now_ns)
        if request is None:
            self._idle.append(connection)
        else:
            self._send(connection, request, now_ns)

    def _next(self, now_ns: int) -> Request | None:
        """The request to be sent now; None while none is due, and when the run is over."""
        if self._over:
            return None
        due_ns = self._due_ns if self._gap_ns else now_ns
        if due_ns > now_ns:
            return None
        if due_ns >= self._end_ns:
            self._end("time")
            return None
        if due_ns >= self.from_ns:
            if self.sent == self.plan.requests:
                self._end("requests")
                return None
            self.sent += 1
        if self._gap_ns:
            self._due_ns += self._gap()
        request = self._orders.next()
        request.due_ns = due_ns
        return request

    def _gap(self) -> int:
        """Nanoseconds to the next arrival."""
        if self.plan.arrivals == "constant":
            return round(self._gap_ns)
        return round(self._chance.expovariate(1.0) * self._gap_ns)

    def _send(self, connection: Connection, request: Request, now_ns: int) -> None:
        self.in_flight += 1
        request.sent_ns = now_ns
        request.give_up_ns = now_ns + round(self.plan.retry_seconds * NS_PER_SECOND)
        connection.send(request, now_ns)
        if self.plan.drop and self._chance.random() < self.plan.drop:
            self.dropped += 1
            if self._chance.random() < 0.5:  # cut when it has just gone out, or when it is answered
                asyncio.get_running_loop().call_soon(connection.abort)
            else:
                connection.drops_answer = True

    # What comes back.

    def answered(self, connection: Connection, status: int, body: bytes) -> None:
        """One whole answer."""
        request, connection.request = connection.request, None
        assert request is not None  # noqa: S101  the connection says so
        now_ns = self._now()
        self.in_flight -= 1
        if request.due_ns >= self.from_ns:
            self.last_ns = now_ns
            self.latencies_us.record((now_ns - request.due_ns) // NS_PER_US)
            if self._gap_ns:
                self.sent_late_us.record((request.sent_ns - request.due_ns) // NS_PER_US)
            self.tally.judge(request, status, body)
        else:
            self.warm.judge(request, status, body)
        if self._keep is not None:
            _keep(self._keep, request, status, now_ns - request.due_ns, body)
        if connection.is_open:
            self._free(connection)
        self._finish()

    def closed(self, connection: Connection) -> None:
        """A connection less: a new one takes its place, and its request where it may."""
        self._connections.discard(connection)
        if not self._connections:
            self._gone.set()
        if connection in self._idle:
            self._idle.remove(connection)
        request, connection.request = connection.request, None
        if request is not None and self._now() >= request.give_up_ns:
            self._miss(request)
            request = None
        if not self._stopping and not (self._over and request is None):
            task = asyncio.get_running_loop().create_task(self._open_again(request))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        self._finish()

    def broken(self, sentence: str) -> None:
        """What came is no HTTP."""
        self.complaint = self.complaint or sentence

    def _miss(self, request: Request) -> None:
        self.in_flight -= 1
        self.missing += 1
        if self._keep is not None:
            _keep(self._keep, request, 0, 0, NOTHING)

    def _end(self, ended: Ended) -> None:
        """Nothing more is sent; what is on its way is waited for."""
        if not self._over:
            self._over, self.ended = True, ended
            self._finish()

    def _finish(self) -> None:
        if self._over and not self.in_flight and not self.finished.done():
            self.finished.set_result(None)

    # Connections.

    async def open(self) -> None:
        """Open every connection before the first request goes out.

        Raises:
            PermanentError: the server does not take them.
        """
        for _ in range(self.plan.connections):
            try:
                await self._connect()
            except (OSError, TimeoutError) as error:
                raise PermanentError(f"Cannot connect to {self.plan.url}: {error}.") from error

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            _, connection = await loop.create_connection(
                lambda: Connection(self), *self._address, ssl=self._tls
            )
        self._connections.add(connection)
        return connection

    async def _open_again(self, request: Request | None) -> None:
        """A new connection for a lost one; tried again as long as requests are."""
        while not self._stopping:
            try:
                connection = await self._connect()
            except (OSError, TimeoutError):
                if request is not None and self._now() >= request.give_up_ns:
                    self._miss(request)
                    request = None
                    self._finish()
                if request is None and (self._over or not self.plan.retry_seconds):
                    break
                await self._clock.sleep(RECONNECT_SECONDS)
                continue
            if request is None:
                self._free(connection)
            else:
                self.retried += 1
                connection.send(request, self._now())
            return
        self._dead += 1
        if self._dead == self.plan.connections:
            self._end("lost")

    async def close(self) -> None:
        """Cut what is left: it is over, or took too long."""
        self._stopping = self._over = True
        for connection in list(self._connections):
            if connection.request is None:
                connection.close()
            else:
                self._miss(connection.request)
                connection.request = None
                connection.abort()
        for task in list(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        self._gone.clear()
        if self._connections:
            await self._gone.wait()  # each says by itself that it is closed

    def count_unsent(self) -> None:
        """What an open loop's schedule had for the run and was never sent."""
        if self._gap_ns and self.ended == "time":
            left_ns = min(self._end_ns, self._now()) - self._due_ns
            self.unsent = max(0, round(left_ns / self._gap_ns))


def _keep(file: BinaryIO, request: Request, status: int, took_ns: int, body: bytes) -> None:
    """One JSON line: what was asked, the status (0: no answer), how long it took, the answer."""
    asked = request.wire.partition(b"\r\n\r\n")[2] or NOTHING
    is_json = body.startswith(b"{") or body == NOTHING
    line = {
        "request": msgspec.Raw(asked),
        "status": status,
        "latency_ms": round(took_ns / 1e6, 3),
        "answer": msgspec.Raw(body) if is_json else body.decode(errors="replace"),
    }
    file.write(msgspec.json.encode(line) + b"\n")
