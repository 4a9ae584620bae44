"""The consumer: entries and anomalies on the bus, each of them known by its position."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import uvicorn
from aws_flood import Context
from aws_world import World

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured, TemporaryError
from tallystick.watch.detect.forest import RandomCutForest
from tallystick.watch.detect.sagemaker.app import Container
from tallystick.watch.detect.sagemaker.features import NAMES
from tallystick.watch.detect.sagemaker.model import Description, HostedModel
from tallystick.wiring.aws import consume, events
from tallystick.wiring.aws.forest import forest_at

EVENTS = Path(__file__).parent / "events"
CUTOFF = 1.5


def event(name: str) -> Any:
    """The fixture of this name."""
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.fixture
def bus(aws: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    """What a rule for everything has put into a queue, read back; each event once."""
    name = aws.environment["TALLYSTICK_BUS"]
    sqs, bridge = aws.client("sqs"), aws.client("events")
    queue = sqs.create_queue(QueueName=f"q-{secrets.token_hex(4)}")["QueueUrl"]
    asked = {"QueueUrl": queue, "AttributeNames": ["QueueArn"]}
    arn = sqs.get_queue_attributes(**asked)["Attributes"]["QueueArn"]
    pattern = json.dumps({"source": ["tallystick.ledger", "tallystick.detect"]})
    bridge.put_rule(Name="all", EventBusName=name, EventPattern=pattern)
    bridge.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "q", "Arn": arn}])
    monkeypatch.setattr(consume, "_consuming", None)
    monkeypatch.setenv("TALLYSTICK_LEDGER", "")

    def read() -> list[Any]:
        found: list[Any] = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    return read


def test_entries_come_as_events(bus: Callable[[], list[Any]]) -> None:
    """Packed records too: detail-type in words, members as they are, numbers for matching."""
    assert consume.handler(event("kinesis_packed"), Context()) == {"batchItemFailures": []}
    said = {each["detail"]["position"]: each for each in bus()}
    assert sorted(said) == [8, 9, 10]
    assert said[8]["detail-type"] == "Order Decided"
    assert said[8]["detail"]["numbers"] == {"quantity": 1_000.0}
    assert said[8]["detail"]["order"]["quantity"] == "1000"
    assert said[8]["resources"] == ["entry/8", "account/desk"]
    assert said[9]["detail-type"] == "Margin Changed"
    assert said[9]["detail"]["event"] == "call_entered"


def test_a_poisoned_record_is_named_and_the_others_are_dealt_with(
    bus: Callable[[], list[Any]],
) -> None:
    """Lambda gives it again from there, and in the end to the dead letters."""
    records = event("kinesis_poison")
    answer = consume.handler(records, Context())
    poisoned = records["Records"][1]["kinesis"]["sequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": poisoned}]}
    assert {each["detail"]["position"] for each in bus()} == {11, 12}


def test_what_comes_again_is_told_once(bus: Callable[[], list[Any]]) -> None:
    """A margin call in a record that Lambda gives twice, to two environments, pages once."""
    consume.handler(event("kinesis_packed"), Context())
    consume._consuming = None
    consume.handler(event("kinesis_packed"), Context())
    calls = [each for each in bus() if each["detail-type"] == "Margin Changed"]
    assert len(calls) == 1


class Hosted:
    """Our container in a thread, with a forest of usual orders; `asked` counts."""

    def __init__(self) -> None:
        chance = np.random.default_rng(1)
        rows = np.column_stack(
            [
                chance.normal(3.0, 0.1, 400), chance.normal(0.2, 0.01, 400),
                chance.normal(3.5, 0.1, 400), chance.normal(0.9, 0.02, 400),
                chance.normal(0.4, 0.02, 400),
            ]
        )  # fmt: skip
        forest = RandomCutForest(5, 50, 128, seed=1)
        forest.learn(rows)
        reference = forest.score(rows[:50])
        model = HostedModel(forest, Description("rcf", 5, NAMES, 400, tuple(reference)))
        self.usual = rows
        app = Container(model, SystemClock()).app()
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error")
        self.server = uvicorn.Server(config)
        self._thread = Thread(target=self.server.run)
        self._thread.start()
        while not self.server.started:
            assert self._thread.is_alive()
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """End it."""
        self.server.should_exit = True
        self._thread.join()


@pytest.fixture(scope="module")
def hosted() -> Iterator[Hosted]:
    """The container, for all tests here."""
    container = Hosted()
    yield container
    container.stop()


def test_an_odd_order_is_told_once(
    bus: Callable[[], list[Any]], hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty-five million where a thousand is usual: scored by our container, told as an event."""
    monkeypatch.setenv("TALLYSTICK_FOREST", hosted.url)
    monkeypatch.setenv("TALLYSTICK_FOREST_CUTOFF", str(CUTOFF))
    for _ in range(2):
        assert consume.handler(event("kinesis_one"), Context()) == {"batchItemFailures": []}
    found = [each for each in bus() if each["source"] == "tallystick.detect"]
    assert [each["detail"]["position"] for each in found] == [7]
    (odd,) = found
    assert odd["detail-type"] == "Anomaly Found"
    assert odd["detail"]["score"] > CUTOFF
    assert "O-7" in odd["detail"]["sentence"]


def test_a_forest_that_is_away_has_the_record_come_again(
    bus: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once holds for detection too; one that refuses does not stop the stream."""
    monkeypatch.setenv("TALLYSTICK_FOREST", "http://127.0.0.1:9")
    answer = consume.handler(event("kinesis_one"), Context())
    assert len(answer["batchItemFailures"]) == 1
    assert consume._consuming is not None

    def refuses(_messages: object) -> list[dict[str, object]]:
        raise Misconfigured("wants another number of features")

    monkeypatch.setattr(consume._consuming._forest, "odd", refuses)
    assert consume.handler(event("kinesis_one"), Context()) == {"batchItemFailures": []}
    assert bus()


def test_an_order_that_comes_again_pages_once(
    bus: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the forest is away its record is tried again and again: the order is told once."""
    monkeypatch.setenv("TALLYSTICK_FOREST", "http://127.0.0.1:9")
    for _ in range(3):
        assert consume.handler(event("kinesis_one"), Context())["batchItemFailures"]
    assert [each["detail"]["position"] for each in bus()] == [7]
    monkeypatch.setattr(consume, "ORDERS_KEPT_MAX", 0)
    assert consume._consuming is not None
    consume._consuming._told.clear()
    consume.handler(event("kinesis_one"), Context())
    assert not consume._consuming._told


def test_a_bus_that_refuses_has_the_record_come_again(
    aws: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What EventBridge did not take is a failure, in EventBridge's words."""
    del aws

    class Refusing:
        """Takes nothing."""

        def put_events(self, Entries: list[Any]) -> Any:  # noqa: N803  as botocore has it
            """Refuse each."""
            refused = [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}] * len(Entries)
            return {"FailedEntryCount": len(Entries), "Entries": refused}

    monkeypatch.setattr(events, "client", lambda *_names: Refusing())
    with pytest.raises(TemporaryError, match="ThrottlingException"):
        events.tell([events.anomaly_put({"position": 1}, "bus")])


@pytest.mark.parametrize("address", ["sagemaker:", "ftp://host", "owned", ""])
def test_an_address_of_no_forest_is_refused(address: str) -> None:
    """Said at the cold start."""
    with pytest.raises(Misconfigured, match="TALLYSTICK_FOREST"):
        forest_at(address, "eu-west-1", 3.0, None)


def test_a_bus_must_be_named(aws: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one nobody would hear."""
    del aws
    monkeypatch.setattr(consume, "_consuming", None)
    monkeypatch.setenv("TALLYSTICK_LEDGER", "")
    monkeypatch.setenv("TALLYSTICK_BUS", "")
    with pytest.raises(Misconfigured, match="TALLYSTICK_BUS"):
        consume.handler(event("kinesis_one"), Context())
