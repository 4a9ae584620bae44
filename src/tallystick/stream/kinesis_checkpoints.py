"""Where a group goes on in each shard: a lease table of DynamoDB, as KCL has it.

DynamoDB and not a table of ours: the places outlive the machine, tools made for the Kinesis
Client Library read them, and a conditional write tells a reader that another one has taken over.
One table a group, one item a shard; `checkpoint` is a sequence number, `TRIM_HORIZON`,
`AT_TIMESTAMP` or `SHARD_END`. Whoever reads last owns the shard: there is one reader a group.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tallystick.clock import Clock
from tallystick.errors import TemporaryError
from tallystick.stream.kinesis_records import SPREAD

TRIM_HORIZON = "TRIM_HORIZON"
AT_TIMESTAMP = "AT_TIMESTAMP"
SHARD_END = "SHARD_END"
TABLE_SECONDS_MAX = 60
"""How long a new table may take to be there."""


@dataclass(frozen=True)
class Place:
    """A checkpoint: its word or sequence number, the event in the record, a time for a seek."""

    checkpoint: str = TRIM_HORIZON
    sub: int = 0
    time_ns: int = 0

    @property
    def offset(self) -> int | None:
        """The offset last dealt with, None where that is not known."""
        return int(self.checkpoint) * SPREAD + self.sub if self.checkpoint.isdecimal() else None

    @staticmethod
    def behind(offset: int) -> "Place":
        """Everything up to this offset was dealt with."""
        return Place(str(offset // SPREAD), offset % SPREAD)


class Checkpoints:
    """The table of one group; `owner` names this reader among all there ever are."""

    def __init__(self, dynamodb: Any, table: str, owner: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._owner = owner
        self._clock = clock
        self._ready = False

    async def load(self) -> dict[str, Place]:
        """By shard; nothing for a group that never kept any."""
        places: dict[str, Place] = {}
        pages = self._dynamodb.get_paginator("scan")
        try:
            async for page in pages.paginate(TableName=self._table, ConsistentRead=True):
                for item in page["Items"]:
                    places[item["leaseKey"]["S"]] = _place_of(item)
        except self._dynamodb.exceptions.ResourceNotFoundException:
            return {}
        return places

    async def claim(self, shard: str, parents: list[str]) -> Place:
        """Take the shard over from whoever had it; where it goes on."""
        await self._ensure()
        names = {"#c": "checkpoint"}
        values: dict[str, Any] = {
            ":o": {"S": self._owner},
            ":one": {"N": "1"},
            ":zero": {"N": "0"},
            ":start": {"S": TRIM_HORIZON},
        }
        update = (
            "SET leaseOwner = :o, #c = if_not_exists(#c, :start),"
            " checkpointSubSequenceNumber = if_not_exists(checkpointSubSequenceNumber, :zero)"
            " ADD leaseCounter :one"
        )
        if parents:
            values[":p"] = {"SS": parents}
            update = update.replace(" ADD ", ", parentShardId = :p ADD ")
        answer = await self._update(shard, update, values, names, ReturnValues="ALL_NEW")
        return _place_of(answer["Attributes"])

    async def keep(self, shard: str, place: Place) -> None:
        """Keep where the group goes on.

        Raises:
            TemporaryError: another reader has taken the shard over.
        """
        names = {"#c": "checkpoint"}
        values = {
            ":o": {"S": self._owner},
            ":c": {"S": place.checkpoint},
            ":s": {"N": str(place.sub)},
            ":one": {"N": "1"},
        }
        update = "SET #c = :c, checkpointSubSequenceNumber = :s ADD leaseCounter :one"
        try:
            await self._update(shard, update, values, names, ConditionExpression="leaseOwner = :o")
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            raise TemporaryError(f"Another reader of the group has taken {shard} over.") from error

    async def move(self, shard: str, place: Place) -> None:
        """Put the group elsewhere; whoever reads the shard finds itself no longer its owner."""
        await self._ensure()
        names = {"#c": "checkpoint"}
        values = {
            ":o": {"S": self._owner},
            ":c": {"S": place.checkpoint},
            ":s": {"N": str(place.sub)},
            ":t": {"N": str(place.time_ns)},
            ":one": {"N": "1"},
        }
        update = (
            "SET leaseOwner = :o, #c = :c, checkpointSubSequenceNumber = :s, seekTime = :t"
            " ADD leaseCounter :one"
        )
        await self._update(shard, update, values, names)

    async def is_mine(self, shard: str) -> bool:
        """Whether nobody has taken the shard over since it was claimed."""
        answer = await self._dynamodb.get_item(
            TableName=self._table, Key={"leaseKey": {"S": shard}}, ConsistentRead=True
        )
        return bool(answer.get("Item", {}).get("leaseOwner", {}).get("S") == self._owner)

    async def _update(self, shard: str, update: str, values: Any, names: Any, **more: Any) -> Any:
        return await self._dynamodb.update_item(
            TableName=self._table,
            Key={"leaseKey": {"S": shard}},
            UpdateExpression=update,
            ExpressionAttributeValues=values,
            ExpressionAttributeNames=names,
            **more,
        )

    async def _ensure(self) -> None:
        """The table is there."""
        if self._ready:
            return
        with suppress(self._dynamodb.exceptions.ResourceInUseException):  # it is there already
            await self._dynamodb.create_table(
                TableName=self._table,
                AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
        for _ in range(TABLE_SECONDS_MAX):
            said = await self._dynamodb.describe_table(TableName=self._table)
            if said["Table"]["TableStatus"] == "ACTIVE":
                self._ready = True
                return
            await self._clock.sleep(1)
        raise TemporaryError(f"The table {self._table} of checkpoints is still being made.")


def _place_of(item: Any) -> Place:
    return Place(
        item["checkpoint"]["S"],
        int(item.get("checkpointSubSequenceNumber", {}).get("N", "0")),
        int(item.get("seekTime", {}).get("N", "0")),
    )
