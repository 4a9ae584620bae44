"""A throw-away Kafka broker: the published jars, its own controller too (KRaft), on loopback.

`TALLYSTICK_TEST_KAFKA` (host:port) names a running broker to use instead. Without Java and Maven
there is none. Its settings are Kafka's defaults but for the counts that need several brokers: what
it acknowledges is in the page cache of one broker.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import LOOPBACK, free_port

VARIABLE = "TALLYSTICK_TEST_KAFKA"
POM = Path(__file__).resolve().parent.parent / "tests" / "stream" / "kafka" / "pom.xml"
START_SECONDS_MAX = 90.0
MAVEN_SECONDS_MAX = 300.0
HEAP = "512m"
IDENTITY = "MkU3OEVBNTcwNTJENDM2Qk"
"""A cluster's id, as its format wants it."""


class BrokerMissingError(Exception):
    """There is no broker here; the message says what to do."""


@contextmanager
def servers(folder: Path) -> Iterator[str]:
    """`host:port` of a broker; it keeps its data in `folder`.

    Raises:
        BrokerMissingError: it cannot be started here.
    """
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    folder.mkdir()
    classpath = _classpath(folder)
    port, controller = free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{LOOPBACK}:{controller}
listeners=PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}
advertised.listeners=PLAINTEXT://{LOOPBACK}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder / "data"}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
""")
    java = ["java", f"-Xmx{HEAP}", "-cp", classpath]
    with (folder / "log").open("wb") as log:
        tool = ["kafka.tools.StorageTool", "format", "-t", IDENTITY, "-c", str(properties)]
        subprocess.run([*java, *tool], check=True, stdout=log, stderr=log)
        process = subprocess.Popen(
            [*java, "kafka.Kafka", str(properties)], stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(process, port, folder / "log")
        yield f"{LOOPBACK}:{port}"
    finally:
        process.send_signal(signal.SIGKILL)  # nobody needs its data again
        process.wait()


def _classpath(folder: Path) -> str:
    """The broker's jars, which Maven fetches once."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        raise BrokerMissingError(
            "The cluster needs a Kafka broker: install Java and Maven (Debian: apt-get install"
            f" default-jre-headless maven), or set {VARIABLE} to host:port of a running one."
        )
    said = folder / "classpath"
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:build-classpath"]
    command.append(f"-Dmdep.outputFile={said}")
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=MAVEN_SECONDS_MAX
    )
    if done.returncode:
        raise BrokerMissingError(f"Maven cannot fetch a Kafka broker:\n{done.stdout[-2_000:]}")
    return said.read_text().strip()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        with socket.socket() as one:
            if one.connect_ex((LOOPBACK, port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            words = log.read_text(errors="replace")[-2_000:]
            raise BrokerMissingError(f"The Kafka broker did not start:\n{words}")
        time.sleep(0.05)
