"""The peers of remote streams, real where they can be had: a Kafka broker, moto's Kinesis."""

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiobotocore.session import get_session
from confluent_kafka import Producer
from moto.server import ThreadedMotoServer

from tallystick.clock import SystemClock
from tallystick.ids import new_guid
from tallystick.stream import kafka as kafka_module
from tallystick.stream.embedded import EmbeddedStream
from tallystick.stream.event import Event
from tallystick.stream.kafka import KafkaPeer, KafkaStream
from tallystick.stream.kinesis import KinesisPeer, KinesisStream
from tallystick.stream.message import Message
from tallystick.stream.stream import Stream

TEST_KAFKA = "TALLYSTICK_TEST_KAFKA"
"""Names a running broker (host:port), or `mock`, librdkafka's own; without it one is started."""
POM = Path(__file__).parent / "kafka" / "pom.xml"
START_SECONDS_MAX = 60.0
MAVEN_SECONDS_MAX = 240.0
REGION = "eu-west-1"
T = TypeVar("T")


class Broker:
    """One Kafka broker, its own controller too (KRaft), from published jars, on loopback."""

    def __init__(self, folder: Path, classpath: str) -> None:
        self.folder = folder
        self._classpath = classpath
        self.port, self._controller_port = free_port(), free_port()
        self.servers = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        self._properties = folder / "server.properties"
        self._properties.write_text(
            f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{self._controller_port}
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder / "data"}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
controller.quorum.election.timeout.ms=200
controller.quorum.fetch.timeout.ms=500
"""
        )
        identity = ["-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", str(self._properties)]
        self._java("kafka.tools.StorageTool", "format", *identity).wait(START_SECONDS_MAX)

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._process = self._java("kafka.Kafka", str(self._properties))
        deadline = time.monotonic() + START_SECONDS_MAX
        while not listens(self.port):
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2_000:]
            assert time.monotonic() < deadline, "the broker does not come up"
            time.sleep(0.05)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS_MAX)
            self._process = None

    def _java(self, main: str, *arguments: str) -> "subprocess.Popen[bytes]":
        small = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        with (self.folder / "log").open("ab") as log:
            command = ["java", *small, "-cp", self._classpath, main, *arguments]
            return subprocess.Popen(command, stdout=log, stderr=log)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def kafka_classpath() -> str | None:
    """The jars of a broker, fetched once; None on machines without Java, Maven or a repository."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        return None
    said = Path(tempfile.gettempdir()) / f"tallystick-kafka-{os.getuid()}.classpath"
    with said.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Maven shares its repository with nobody
        if said.exists():
            jars = said.read_text().strip()
            if jars and all(Path(jar).exists() for jar in jars.split(":")):
                return jars
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:build-classpath"]
        command.append(f"-Dmdep.outputFile={said}")
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=MAVEN_SECONDS_MAX)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return None
    return said.read_text().strip()


@pytest.fixture(scope="session")
def kafka_jars() -> str:
    """The broker's jars."""
    jars = kafka_classpath()
    if jars is None:
        pytest.skip("needs Java and Maven (Debian: default-jre-headless maven), to start a broker")
    return jars


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaPeer]:
    """A broker: the one that is named, else a real one from published jars, else the mock."""
    named = os.environ.get(TEST_KAFKA)
    jars = None if named else kafka_classpath()
    if named and named != "mock":
        yield KafkaPeer(named, {})
    elif jars is not None:
        broker = Broker(tmp_path_factory.mktemp("kafka") / "broker", jars)
        broker.start()
        quick = {"session.timeout.ms": "1000", "heartbeat.interval.ms": "300"}
        try:
            yield KafkaPeer(broker.servers, quick)
        finally:
            broker.kill(signal.SIGTERM)
    else:
        mock = Producer({"bootstrap.servers": "mock:1", "test.mock.num.brokers": 1})
        kafka_module.ANSWER_SECONDS_MAX = 0.5  # it knows nothing of making topics
        brokers = mock.list_topics(timeout=10).brokers.values()
        yield KafkaPeer(",".join(f"{one.host}:{one.port}" for one in brokers), {})
        mock.flush(1)


@pytest.fixture
def needs_real_kafka() -> None:
    """The mock knows no times of offsets, no members of groups, and deletes no records."""
    named = os.environ.get(TEST_KAFKA)
    if named == "mock" or (named is None and kafka_classpath() is None):
        pytest.skip("the mock broker cannot do this; Java and Maven would start a real one")


@pytest.fixture
def kafka_broker(kafka_jars: str, tmp_path: Path) -> Iterator[Broker]:
    """A broker of one's own, to be killed."""
    broker = Broker(tmp_path / "broker", kafka_jars)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def kinesis() -> Iterator[KinesisPeer]:
    """The server of moto."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    before = {name: os.environ.get(name) for name in keys}
    os.environ.update(keys)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield KinesisPeer(REGION, f"http://{host}:{port}")
    server.stop()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def envelope(message: Message) -> Event:
    """`<key>:<anything>` as an event of that key."""
    key = message.body.split(b":")[0].decode()
    return Event(
        str(message.position),
        "tests",
        "test.said",
        message.body,
        datacontenttype="text/plain",
        partitionkey=key or None,
    )


async def make_kinesis_stream(peer: KinesisPeer, name: str, shards: int = 2) -> None:
    """A stream that can be used."""
    async with get_session().create_client(
        "kinesis", region_name=peer.region, endpoint_url=peer.endpoint
    ) as client:
        await client.create_stream(StreamName=name, ShardCount=shards)
        await client.get_waiter("stream_exists").wait(StreamName=name)


class Place:
    """Where one stream is: opens it as often as there are processes."""

    def __init__(self, backend: str, request: pytest.FixtureRequest, folder: Path) -> None:
        self.backend = backend
        self.name = f"t-{new_guid()[:8]}"
        self.file = folder / "stream.db"
        self.partitions = 1 if backend == "embedded" else 2
        self.peer: Any = None if backend == "embedded" else request.getfixturevalue(backend)
        if backend == "kinesis":
            asyncio.run(make_kinesis_stream(request.getfixturevalue(backend), self.name))

    def open(self) -> Stream:
        """The stream, as the next process would open it."""
        return open_by(self.backend, self.peer, self.name, self.file)


def open_by(backend: str, peer: Any, name: str, file: Path) -> Stream:
    """A stream of some backend."""
    if backend == "embedded":
        return EmbeddedStream(file, SystemClock())
    if backend == "kafka":
        return KafkaStream(peer, name, envelope, partitions=2)
    return KinesisStream(peer, name, envelope, SystemClock(), new_guid())


@pytest.fixture
def stream_place() -> type[Place]:
    """Makes the place of a stream of some backend."""
    return Place


@pytest.fixture
def stream_address(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Makes the address of new streams of some backend, as it stands in the settings."""

    def address(backend: str) -> str:
        name = f"t-{new_guid()[:8]}"
        if backend == "embedded":
            return backend
        peer = request.getfixturevalue(backend)
        if backend == "kafka":
            return f"kafka://{peer.servers}/{name}"
        for stream in ("entries", "dead", "logs"):
            asyncio.run(make_kinesis_stream(peer, f"{name}-{stream}"))
        return f"kinesis://{peer.region}/{name}?endpoint={peer.endpoint}"

    return address


@pytest.fixture
def make_stream() -> Callable[..., Coroutine[Any, Any, None]]:
    """Makes a stream in Kinesis."""
    return make_kinesis_stream
