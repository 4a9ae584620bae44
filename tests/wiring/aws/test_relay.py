"""The relay as a function: every entry on Kinesis, in order, from where the last one left off."""

import asyncio
import json
import secrets
from collections.abc import Iterator

import pytest
from aws_flood import Context, open_accounts, order, request
from aws_world import HOME, KEYRING, OTHER, VKEY, World
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured
from tallystick.stream.kinesis import KinesisPeer, KinesisStream
from tallystick.stream.message import Message, entry_envelope
from tallystick.wiring.aws import order as function
from tallystick.wiring.aws import relay
from tallystick.wiring.aws.clients import client


@pytest.fixture
def streaming(inside: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world with a stream, in which something was traded."""
    prefix = f"t-{secrets.token_hex(4)}"
    inside.client("kinesis").create_stream(StreamName=f"{prefix}-entries", ShardCount=2)
    monkeypatch.setenv("TALLYSTICK_STREAM", f"kinesis://{HOME}/{prefix}")
    function._orders = None
    relay._relaying = None
    open_accounts(inside)
    trade(inside, 3)
    monkeypatch.setenv("TALLYSTICK_KEYS", "")
    monkeypatch.setenv("TALLYSTICK_VKEYS", str(VKEY))
    monkeypatch.setenv("TALLYSTICK_LOOP_SECONDS", "0")
    inside.environment["prefix"] = prefix
    yield inside
    if function._orders is not None:
        function._orders.close()
        function._orders = None
    if relay._relaying is not None:
        relay._relaying.close()
        relay._relaying = None


def trade(world: World, orders: int) -> None:
    """So many orders of `desk`."""
    for _ in range(orders):
        body = order("desk", f"r-{secrets.token_hex(4)}")
        answer = function.handler(
            request("POST", "/v1/orders", world.tokens["desk"], body), Context()
        )
        assert answer["statusCode"] == 201


def heard(world: World, count: int, region: str = HOME) -> list[Message]:
    """What stands in the stream, read as a new group reads it."""

    async def read() -> list[Message]:
        peer = KinesisPeer(region, world.endpoint)
        name = f"{world.environment['prefix']}-entries"
        stream = KinesisStream(peer, name, entry_envelope("x"), SystemClock(), "reader")
        try:
            found: list[Message] = []
            for _ in range(20):
                for batch in await stream.read("", 500, 0.3):
                    found += batch.messages
                if len(found) >= count:
                    break
            return found
        finally:
            await stream.close()

    return asyncio.run(read())


def size(world: World) -> int:
    """The ledger's."""
    del world
    trading = function.environment().trading
    trading.ledger.catch_up()
    return trading.ledger.size


def test_every_entry_is_said_once(streaming: World) -> None:
    """The body is the entry's bytes; the position is the id; a second invocation has nothing."""
    said = relay.handler({}, Context())
    assert said == {"said": size(streaming), "behind": 0, "looks": 1}
    assert relay.handler({}, Context())["said"] == said["said"]
    messages = heard(streaming, said["said"])
    assert sorted(each.position for each in messages) == list(range(said["said"]))
    rows = function.environment().trading.ledger.rows(0, said["said"])
    assert {m.position: m.body for m in messages} == dict(enumerate(r.entry for r in rows))


def test_it_begins_before_the_first_order(inside: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that nobody signed yet has no key in it: the public half of KMS' key is asked.

    That is all that it asks of KMS: the stub refuses any other request.
    """
    prefix = f"t-{secrets.token_hex(4)}"
    inside.client("kinesis").create_stream(StreamName=f"{prefix}-entries", ShardCount=1)
    inside.environment["prefix"] = prefix
    monkeypatch.setenv("TALLYSTICK_STREAM", f"kinesis://{HOME}/{prefix}")
    monkeypatch.setenv("TALLYSTICK_LOOP_SECONDS", "0")
    monkeypatch.setattr(relay, "_relaying", None)
    monkeypatch.setattr(function, "_orders", None)
    with monkeypatch.context() as reading, Stubber(client("kms")) as kms:
        reading.setenv("TALLYSTICK_KEYS", "kms-public:mrk-1")
        reading.setenv("TALLYSTICK_ORIGIN", KEYRING.name)
        public = Ed25519PublicKey.from_public_bytes(KEYRING.public_key)
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        answer = {"PublicKey": der, "SigningAlgorithms": ["ED25519_SHA_512"]}
        kms.add_response("get_public_key", answer, {"KeyId": "mrk-1"})
        assert relay.handler({}, Context()) == {"said": 0, "behind": 0, "looks": 1}
    assert relay._relaying is not None
    open_accounts(inside)
    trade(inside, 1)
    assert function._orders is not None
    written = function._orders.trading.ledger.size
    function._orders.close()
    assert relay.handler({}, Context())["said"] == written
    relay._relaying.close()
    assert len(heard(inside, written)) == written


def test_the_next_environment_goes_on_where_the_last_one_was(streaming: World) -> None:
    """The cursor is in the table, not in the process."""
    first = relay.handler({}, Context())["said"]
    assert relay._relaying is not None
    relay._relaying.close()
    relay._relaying = None
    trade(streaming, 2)
    assert relay.handler({}, Context())["said"] == first + 2
    assert len(heard(streaming, first + 2)) == first + 2


def test_another_region_goes_on_where_the_first_one_was(
    streaming: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failover the replicated table says how far it was: no alarm rings for old entries."""
    first = relay.handler({}, Context())["said"]
    assert relay._relaying is not None
    relay._relaying.close()
    relay._relaying = None
    prefix = streaming.environment["prefix"]
    name = f"{prefix}-entries"
    streaming.client("kinesis", OTHER).create_stream(StreamName=name, ShardCount=1)
    monkeypatch.setenv("TALLYSTICK_STREAM", f"kinesis://{OTHER}/{prefix}")
    trade(streaming, 1)
    assert relay.handler({}, Context())["said"] == first + 1
    assert [each.position for each in heard(streaming, 1, OTHER)] == [first]


def test_what_was_not_acknowledged_is_said_again_under_the_same_id(streaming: World) -> None:
    """A relay that ended between Kinesis and its cursor: repeats, and nothing is missing."""
    relaying = relay._relaying = relay.Relaying(SystemClock())
    kept = relaying.streams.cursors.put
    relaying.streams.cursors.put = lambda _name, _at: (_ for _ in ()).throw(  # type: ignore[method-assign]
        KeyboardInterrupt
    )
    with pytest.raises(KeyboardInterrupt):
        relay.handler({}, Context())
    del kept
    assert relay._relaying is None
    said = relay.handler({}, Context())["said"]
    messages = heard(streaming, 2 * said)
    assert {each.position for each in messages} == set(range(said))
    by_position = {each.position: each.body for each in messages}
    assert all(by_position[each.position] == each.body for each in messages)


def test_two_relays_do_each_other_no_harm(streaming: World) -> None:
    """The cursor never goes back, and what both said is the same."""
    one, other = relay.Relaying(SystemClock()), relay.Relaying(SystemClock())
    try:
        assert other.streams.said == 0
        one.run(0)
        trade(streaming, 1)
        other.run(0)
        one.run(0)
        assert one.streams.said == other.streams.said == size(streaming)
    finally:
        one.close()
        other.close()


def test_a_stream_that_is_not_there_is_said(
    streaming: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator is told how to make it; the next invocation begins anew."""
    monkeypatch.setenv("TALLYSTICK_STREAM", f"kinesis://{HOME}/nowhere")
    with pytest.raises(Misconfigured, match="create-stream"):
        relay.handler({}, Context())
    assert relay._relaying is None
    monkeypatch.setenv("TALLYSTICK_STREAM", f"kinesis://{HOME}/{streaming.environment['prefix']}")
    assert json.dumps(relay.handler({}, Context()))


def test_an_address_that_is_none_is_refused(
    streaming: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said at the start."""
    del streaming
    for address in ("", "kinesis://", "kafka://host/prefix"):
        monkeypatch.setenv("TALLYSTICK_STREAM", address)
        with pytest.raises(Misconfigured, match="kinesis://"):
            relay.handler({}, Context())
