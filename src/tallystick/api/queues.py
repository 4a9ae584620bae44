"""Durable queues over the API: what event rules put into them is received and acknowledged."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND
from tallystick.stream.rules import QueueItem, QueueMessage
from tallystick.stream.rules.queues import (
    RECEIVE_MAX,
    VISIBILITY_SECONDS_DEFAULT,
    VISIBILITY_SECONDS_MAX,
)

WAIT_SECONDS_MAX = 20
"""Longest time a receive waits for a message; SQS's limit too."""
WAIT_LOOK_SECONDS = 0.25
RECEIPTS_MAX = 100
"""Most receipts in one request."""
Visibility = Annotated[int, Meta(ge=0, le=VISIBILITY_SECONDS_MAX)]


class QueueList(msgspec.Struct, frozen=True):
    """Queues that hold messages."""

    queues: list[QueueItem]


class ReceiveQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many, how long they are hidden from others, and how long to wait for the first."""

    limit: Annotated[int, Meta(ge=1, le=RECEIVE_MAX)] = 10
    visibility_seconds: Visibility = VISIBILITY_SECONDS_DEFAULT
    wait_seconds: Annotated[int, Meta(ge=0, le=WAIT_SECONDS_MAX)] = 0


class Received(msgspec.Struct, frozen=True):
    """Messages, hidden from others until they are acknowledged or their time is over."""

    messages: list[QueueMessage]


Receipts = Annotated[list[str], Meta(max_length=RECEIPTS_MAX)]


class QueueChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Receipts of messages that were dealt with, and of others to hide for `hide_seconds`."""

    acknowledge: Receipts = []
    hide: Receipts = []
    hide_seconds: Visibility = 0


class QueueChanged(msgspec.Struct, frozen=True):
    """How many of the receipts were still good."""

    acknowledged: int
    hidden: int


async def queues(services: Services, _call: Call) -> QueueList:
    """Queues that hold messages."""
    now_ns = services.clock.now_ns()
    return QueueList(await asyncio.to_thread(services.rules.queues.all, now_ns))


async def receive(services: Services, call: Call) -> Received:
    """Take messages of a queue; each comes again unless it is acknowledged in time."""
    asked: ReceiveQuery = call.query
    clock, held = services.clock, services.rules.queues
    until_ns = clock.monotonic_ns() + asked.wait_seconds * NS_PER_SECOND
    while True:
        messages = await asyncio.to_thread(
            held.receive, call.path["name"], clock.now_ns(), asked.limit, asked.visibility_seconds
        )
        if messages or clock.monotonic_ns() >= until_ns:
            return Received(messages)
        await clock.sleep(WAIT_LOOK_SECONDS)


async def change_queue(services: Services, call: Call) -> QueueChanged:
    """Acknowledge messages, or hide them for longer or shorter."""
    asked: QueueChange = call.body
    name, held = call.path["name"], services.rules.queues
    acknowledged = await asyncio.to_thread(held.acknowledge, name, asked.acknowledge)
    hidden = await asyncio.to_thread(
        held.hide, name, asked.hide, services.clock.now_ns(), asked.hide_seconds
    )
    return QueueChanged(acknowledged, hidden)


OPERATIONS = (
    Operation(
        "GET", "/v1/queues", "Queues that hold messages.",
        queues, QueueList, scope="operate", tag="rules",
    ),
    Operation(
        "GET", "/v1/queues/{name}", "Receive messages, hidden from others for a while.",
        receive, Received, scope="operate", query=ReceiveQuery, tag="rules",
        refusals=("BAD_QUEUE",),
    ),
    Operation(
        "POST", "/v1/queues/{name}", "Acknowledge received messages, or hide them for longer.",
        change_queue, QueueChanged, scope="operate", body=QueueChange, tag="rules",
    ),
)  # fmt: skip
