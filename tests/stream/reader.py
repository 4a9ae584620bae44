"""A consumer as a process of its own, to be killed: python reader.py BACKEND PEER NAME FILE.

It says each position that it has read on a line of standard output, and commits what it has said
every hundredth message. PEER is JSON.
"""

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from tallystick.stream.kafka import KafkaPeer
from tallystick.stream.kinesis import KinesisPeer


def peer_of(backend: str, said: str) -> Any:
    """The peer that a test has."""
    facts = json.loads(said)
    return {"kafka": KafkaPeer, "kinesis": KinesisPeer, "embedded": dict}[backend](**facts)


async def main(backend: str, peer: str, name: str, file: str) -> None:
    """Read for ever."""
    spec = importlib.util.spec_from_file_location(
        "stream_peers", Path(__file__).with_name("conftest.py")
    )
    assert spec is not None
    assert spec.loader is not None
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    stream = peers.open_by(backend, peer_of(backend, peer), name, Path(file))
    count = 0
    while True:
        for batch in await stream.read("killed", 50, wait_seconds=0.2):
            for message, offset in zip(batch.messages, batch.offsets, strict=True):
                print(message.position, flush=True)  # noqa: T201  to the test
                count += 1
                if count % 100 == 0:
                    await stream.commit("killed", {batch.partition: offset})


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
