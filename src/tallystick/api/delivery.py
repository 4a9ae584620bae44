"""Targets and messages: whether people can be reached, and what could not be delivered."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from tallystick.api.incidents import Nothing
from tallystick.api.operation import Call, Operation
from tallystick.api.orders import Limit
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_DEFAULT
from tallystick.watch.notify import MessageRecord, TargetRecord

_DIGITS_MAX = 15


class TargetList(msgspec.Struct, frozen=True):
    """The targets of the configuration; `dead` messages wait for somebody to replay them."""

    targets: list[TargetRecord]


class DeadMessagesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many, newest first; only of a `target` where one is named."""

    limit: Limit = PAGE_ITEMS_DEFAULT
    target: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class DeadMessageList(msgspec.Struct, frozen=True):
    """Messages that were given up, newest first; `total` counts all of them."""

    messages: list[MessageRecord]
    total: int


async def targets(services: Services, _call: Call) -> TargetList:
    """Every target, and what waits for it."""
    return TargetList(await asyncio.to_thread(services.notifier.targets))


async def try_target(services: Services, call: Call) -> MessageRecord:
    """Send a test message; what became of it is asked by its id."""
    notifier, name = services.notifier, call.path["name"]
    number = await asyncio.to_thread(notifier.test_target, name, call.principal.name)
    return await asyncio.to_thread(notifier.message, number)


async def message(services: Services, call: Call) -> MessageRecord:
    """One message and what became of it."""
    return await asyncio.to_thread(services.notifier.message, _number(call))


async def dead(services: Services, call: Call) -> DeadMessageList:
    """Messages that were given up."""
    query: DeadMessagesQuery = call.query
    found = await asyncio.to_thread(services.notifier.dead, query.limit, query.target)
    counted = await asyncio.to_thread(services.notifier.targets)
    total = sum(each.dead for each in counted if query.target in {None, each.name})
    return DeadMessageList(found, max(len(found), total))


async def replay(services: Services, call: Call) -> MessageRecord:
    """Send a message that was given up once more."""
    return await asyncio.to_thread(services.notifier.replay_dead, _number(call))


def _number(call: Call) -> int:
    text = call.path["id"]
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS_MAX:
        raise Refused("UNKNOWN_MESSAGE", f"There is no message {text[:64]!r}; ids are numbers.")
    return int(text)


OPERATIONS = (
    Operation(
        "GET", "/v1/notify/targets", "Targets of alerts, with what waits and what was given up.",
        targets, TargetList, scope="operate", tag="incidents",
    ),
    Operation(
        "POST", "/v1/notify/targets/{name}/test", "Send a test message to a target.",
        try_target, MessageRecord, scope="operate", body=Nothing, status=202, tag="incidents",
        refusals=("UNKNOWN_TARGET",),
    ),
    Operation(
        "GET", "/v1/notify/messages/{id}", "A message to a target, and what became of it.",
        message, MessageRecord, scope="operate", tag="incidents", refusals=("UNKNOWN_MESSAGE",),
    ),
    Operation(
        "GET", "/v1/notify/dead", "Messages that could not be delivered, newest first.",
        dead, DeadMessageList, scope="operate", query=DeadMessagesQuery, tag="incidents",
    ),
    Operation(
        "POST", "/v1/notify/dead/{id}/replay", "Send a message that was given up once more.",
        replay, MessageRecord, scope="operate", body=Nothing, status=202, tag="incidents",
        refusals=("UNKNOWN_MESSAGE", "MESSAGE_NOT_DEAD"),
    ),
)  # fmt: skip
