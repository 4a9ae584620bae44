"""Real peers on loopback for forwarders: each says what it has got and can be told to misbehave."""

import asyncio
import contextlib
import gzip
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import boto3
import pytest
import uvicorn
from moto.server import ThreadedMotoServer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tallystick.clock import SystemClock
from tallystick.watch.collect.forward import Destination, Numbered, open_destination
from tallystick.watch.collect.forward.cloudwatch import CloudWatchSettings
from tallystick.watch.collect.forward.otlp import OtlpSettings
from tallystick.watch.collect.forward.splunk import SplunkSettings
from tallystick.watch.collect.forward.syslog import SyslogSettings

Handler = Callable[[Request], Awaitable[Response]]
SYSLOG = re.compile(
    rb"<(?P<pri>\d{1,3})>1 (?P<at>-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z) "
    rb"(?P<host>[\x21-\x7e]{1,255}) (?P<app>[\x21-\x7e]{1,48}) (?P<proc>[\x21-\x7e]{1,128}) "
    rb"(?P<msgid>[\x21-\x7e]{1,32}) "
    rb'(?P<sd>(?:\[[^ =\]"]{1,32}(?: [^ =\]"]{1,32}="(?:[^"\\\]]|\\.)*")*\])+|-)'
    rb"(?: \xef\xbb\xbf(?P<msg>.*))?",
    re.DOTALL,
)
"""RFC 5424 section 6."""


def lines(first: int, count: int, **members: object) -> list[Numbered]:
    """Numbered log lines."""
    return [
        Numbered(
            seq,
            json.dumps(
                {
                    "timestamp": "2026-11-22T04:00:00.123456Z",
                    "severity_text": "INFO",
                    "event_name": "api.request_answered",
                    "service.name": "tallystick",
                    "number": seq,
                }
                | members
            ).encode(),
        )
        for seq in range(first, first + count)
    ]


@asynccontextmanager
async def http_peer(handler: Handler) -> AsyncIterator[str]:
    """A real HTTP server on a free port; gives its origin."""
    listener = socket.create_server(("127.0.0.1", 0))

    async def answer(request: Request) -> Response:
        return await handler(request)

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


class HecPeer:
    """A collector with Splunk's measured rules: what stands before a wrong event is indexed."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []
        self.refuse: Callable[[dict[str, object]], bool] = lambda _event: False
        self.answers: list[Response] = []
        self.acks: list[bool] = []

    async def __call__(self, request: Request) -> Response:
        """One request."""
        if request.headers["authorization"] != "Splunk of-the-test":
            return JSONResponse({"text": "Invalid token", "code": 4}, 403)
        body = (await request.body()).decode()
        if request.url.path.endswith("/ack"):
            ids = json.loads(body)["acks"]
            done = self.acks.pop(0) if self.acks else True
            return JSONResponse({"acks": {str(each): done for each in ids}})
        if self.answers:
            return self.answers.pop(0)
        decoder, at, number = json.JSONDecoder(), 0, 0
        while at < len(body):
            event, at = decoder.raw_decode(body, at)
            if self.refuse(event):
                wrong = {"text": "Invalid data format", "code": 6, "invalid-event-number": number}
                return JSONResponse(wrong, 400)
            self.events.append(event)
            number += 1
        return JSONResponse({"text": "Success", "code": 0, "ackId": 3})

    def seqs(self) -> list[int]:
        """The numbers of what it has."""
        ids = [str(event["fields"]["event_id"]) for event in self.events]  # type: ignore[index]
        return [int(each.removeprefix("tallystick-")) for each in ids]


class OtlpPeer:
    """A receiver of OTLP/HTTP in protobuf."""

    def __init__(self) -> None:
        self.requests: list[ExportLogsServiceRequest] = []
        self.answers: list[Response] = []
        self.rejected = 0

    async def __call__(self, request: Request) -> Response:
        """One request."""
        if self.answers:
            return self.answers.pop(0)
        assert request.headers["content-type"] == "application/x-protobuf"
        body = gzip.decompress(await request.body())
        self.requests.append(ExportLogsServiceRequest.FromString(body))
        answer = ExportLogsServiceResponse()
        answer.partial_success.rejected_log_records = self.rejected
        return Response(answer.SerializeToString(), media_type="application/x-protobuf")

    def seqs(self) -> list[int]:
        """The numbers of what it has."""
        return [
            attribute.value.int_value
            for request in self.requests
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
            for attribute in record.attributes
            if attribute.key == "log.seq"
        ]


class SyslogPeer:
    """A syslog server over TCP that reads by octet counts."""

    def __init__(self) -> None:
        self.messages: list[re.Match[bytes]] = []
        self.arrived = asyncio.Condition()
        self._writers: list[asyncio.StreamWriter] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._writers.append(writer)
        while header := await _until_space(reader):
            octets = await reader.readexactly(int(header))
            match = SYSLOG.fullmatch(octets)
            assert match is not None, octets
            async with self.arrived:
                self.messages.append(match)
                self.arrived.notify_all()
        writer.close()

    async def hang_up(self) -> None:
        """End every connection."""
        for writer in self._writers:
            writer.close()
            await writer.wait_closed()
        self._writers.clear()

    async def wait(self, count: int) -> list[int]:
        """The numbers of what it has, once it has so many."""
        async with self.arrived, asyncio.timeout(20):
            await self.arrived.wait_for(lambda: len(self.messages) >= count)
        return self.seqs()

    def seqs(self) -> list[int]:
        """The numbers of what it has."""
        found = [re.search(rb'log\.seq="(\d+)"', match["sd"]) for match in self.messages]
        return [int(each[1]) for each in found if each is not None]


async def _until_space(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b" ")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return b""


@dataclass
class Ring:
    """A destination and the peer behind it."""

    destination: Destination
    arrived: Callable[[int], Awaitable[list[int]]]
    """The numbers of the lines that the peer has, once there are so many."""
    interrupt: Callable[[], Awaitable[None]]
    """Make the next attempt fail for a moment."""


Open = Callable[[], AbstractAsyncContextManager[Ring]]


@asynccontextmanager
async def splunk_ring() -> AsyncIterator[Ring]:
    """Splunk's HTTP Event Collector."""
    peer = HecPeer()
    async with http_peer(peer) as url:
        settings = SplunkSettings("splunk", url, "of-the-test", acknowledge=True)
        async with _closing(open_destination(settings, SystemClock())) as destination:
            yield _http_ring(destination, peer)


@asynccontextmanager
async def otlp_ring() -> AsyncIterator[Ring]:
    """An OTLP receiver."""
    peer = OtlpPeer()
    async with http_peer(peer) as url:
        settings = OtlpSettings("otlp", f"{url}/v1/logs")
        async with _closing(open_destination(settings, SystemClock())) as destination:
            yield _http_ring(destination, peer)


@asynccontextmanager
async def syslog_ring() -> AsyncIterator[Ring]:
    """A syslog server over TCP."""
    peer = SyslogPeer()
    server = await asyncio.start_server(peer.take, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    settings = SyslogSettings("syslog", host, port, "tcp")

    async def interrupt() -> None:
        nonlocal server
        server.close()
        await peer.hang_up()
        await asyncio.sleep(0.05)  # syslog is told of the end by its kernel, and by nothing else

        async def back() -> None:
            nonlocal server
            server = await asyncio.start_server(peer.take, host, port)

        asyncio.get_running_loop().call_later(0.2, lambda: tasks.append(loop.create_task(back())))

    loop, tasks = asyncio.get_running_loop(), list[asyncio.Task[None]]()
    async with _closing(open_destination(settings, SystemClock())) as destination:
        yield Ring(destination, peer.wait, interrupt)
    await peer.hang_up()
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def cloudwatch_ring() -> AsyncIterator[Ring]:
    """CloudWatch Logs, as moto's server knows it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client("logs", region_name="eu-central-1", endpoint_url=endpoint)
    group = f"tallystick-{port}"  # moto's servers of one process share what they know
    settings = CloudWatchSettings("cw", group, region="eu-central-1", endpoint=endpoint)

    def has() -> list[int]:
        found = client.filter_log_events(logGroupName=group)["events"]
        return [*before, *(json.loads(event["message"])["number"] for event in found)]

    async def arrived(_count: int) -> list[int]:
        return await asyncio.to_thread(has)

    before: list[int] = []

    async def interrupt() -> None:
        before.extend(await arrived(0))  # they go with the stream
        await asyncio.to_thread(
            client.delete_log_stream, logGroupName=group, logStreamName=settings.stream
        )

    try:
        async with _closing(open_destination(settings, SystemClock())) as destination:
            yield Ring(destination, arrived, interrupt)
    finally:
        client.close()
        server.stop()


@asynccontextmanager
async def _closing(destination: Destination) -> AsyncIterator[Destination]:
    try:
        yield destination
    finally:
        await destination.close()


def _http_ring(destination: Destination, peer: HecPeer | OtlpPeer) -> Ring:
    async def arrived(_count: int) -> list[int]:
        return peer.seqs()

    async def interrupt() -> None:
        peer.answers.append(Response(b"", 503, {"Retry-After": "2"}))

    return Ring(destination, arrived, interrupt)


RINGS: dict[str, Open] = {
    "splunk": splunk_ring,
    "otlp": otlp_ring,
    "syslog": syslog_ring,
    "cloudwatch": cloudwatch_ring,
}


@pytest.fixture(params=RINGS)
def ring(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AbstractAsyncContextManager[Ring]]:
    """Each destination with a real peer."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-test")
    with contextlib.ExitStack():
        yield RINGS[request.param]()


@pytest.fixture
def numbered() -> Callable[..., list[Numbered]]:
    """Makes log lines with numbers."""
    return lines


@pytest.fixture
def hec_peer() -> HecPeer:
    """A collector."""
    return HecPeer()


@pytest.fixture
def otlp_peer() -> OtlpPeer:
    """A receiver."""
    return OtlpPeer()


@pytest.fixture
def serve_peer() -> Callable[[Handler], AbstractAsyncContextManager[str]]:
    """Serves a peer over HTTP."""
    return http_peer
