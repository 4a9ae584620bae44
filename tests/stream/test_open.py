"""The address of a stream, as it stands in the settings."""

import asyncio
from pathlib import Path

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Misconfigured
from tallystick.stream.kafka import KafkaStream
from tallystick.stream.kinesis import KinesisStream
from tallystick.stream.message import Message
from tallystick.stream.open import BACKENDS, DATABASES, open_stream


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "must be `embedded`"),
        ("nats://host/x", "must be `embedded`"),
        ("embedded://x", "must be `embedded`"),
        ("kafka:", "no such servers"),
        ("kafka://host:9092", "a prefix"),
        ("kafka://host:9092/a/b", "a prefix"),
        ("kafka://host:9092/ä", "a prefix"),
        ("kafka://user:pw@host:9092/x", "no such servers"),
        ("kafka://host:9092/x?group.id=y", "'group.id' is no property"),
        ("kafka://host:9092/x?bootstrap.servers=y", "no property that may be set"),
        ("kinesis:///x", "there is no region"),
        ("kinesis://eu-west-1", "a prefix"),
        ("kinesis://eu-west-1/x?shards=3", "'shards' is no option"),
    ],
)
def test_what_is_no_address(tmp_path: Path, address: str, sentence: str) -> None:
    """A sentence says what is wrong; nothing is made."""
    with pytest.raises(Misconfigured, match="TALLYSTICK_STREAM") as refused:
        open_stream(address, tmp_path, ManualClock(), "o")
    assert sentence in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_remote_streams_have_names_of_one_prefix(tmp_path: Path) -> None:
    """Three topics, or three streams; nothing is connected yet."""

    async def run() -> None:
        address = "kafka://a:9092,b:9092/fx?security.protocol=SSL"
        streams = open_stream(address, tmp_path, ManualClock(), "o")
        assert isinstance(streams.entries, KafkaStream)
        parts = (streams.entries, streams.dead, streams.logs)
        names = [part._topic for part in parts if isinstance(part, KafkaStream)]
        assert names == ["fx.entries", "fx.dead", "fx.logs"]
        config = streams.entries._peer.config()
        assert config["bootstrap.servers"] == "a:9092,b:9092"
        assert config["security.protocol"] == "SSL"
        assert streams.remote
        await streams.close()
        streams = open_stream("kinesis://eu-west-1/fx", tmp_path, ManualClock(), "o")
        assert isinstance(streams.entries, KinesisStream)
        assert (streams.entries._stream, streams.entries._peer.region) == (
            "fx-entries",
            "eu-west-1",
        )
        await streams.close()

    asyncio.run(run())
    assert {path.name for path in tmp_path.glob("*.db")} <= set(DATABASES)


def test_a_relay_has_a_place_for_each_address(tmp_path: Path) -> None:
    """A new stream is told everything; the same one goes on, wherever somebody moved it."""

    async def run() -> None:
        one = open_stream("kafka://a:9092/fx", tmp_path, ManualClock(), "o")
        one.acknowledged(7)
        await one.close()
        other = open_stream("kafka://a:9092/new", tmp_path, ManualClock(), "o")
        assert other.said == 0
        await other.close()
        one = open_stream("kafka://a:9092/fx?ssl.ca.location=x", tmp_path, ManualClock(), "o")
        assert one.said == 7
        command = open_stream("kafka://a:9092/fx", tmp_path, ManualClock(), "o")
        command.cursors.move(command.relay_name, 2)
        await command.close()
        assert one.said == 2
        one.acknowledged(8)
        assert one.said == 2
        one.acknowledged(3)
        assert one.said == 3
        await one.close()

    asyncio.run(run())


def test_the_embedded_one_knows_by_itself(tmp_path: Path) -> None:
    """What it holds is what was said."""

    async def run() -> None:
        streams = open_stream("embedded", tmp_path, ManualClock(), "o")
        assert (streams.remote, streams.logs, streams.said) == (False, None, 0)
        await streams.entries.append([Message(0, b"{}")])
        streams.acknowledged(1)
        assert streams.said == 1
        await streams.close()

    asyncio.run(run())
    assert set(BACKENDS) == {"embedded", "kafka", "kinesis"}
