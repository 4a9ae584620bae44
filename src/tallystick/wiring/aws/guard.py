"""The signed-head guard as one item of a DynamoDB table, in another region than the ledger.

The condition of the write is the head that was read: of two who advance at once one is told what
the other wrote, and looks whether it agrees. So no two processes, wherever they run, can both show
trees that are not of one history; and whoever restores the ledger's region does not restore this.
"""

from typing import Any

import structlog

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Corrupt, Forked, TallystickError, TemporaryError
from tallystick.ledger.guard import Agrees, Head
from tallystick.ledger.merkle import HASH_BYTES
from tallystick.wiring.aws.clients import FAILURES, client, code_of, explained
from tallystick.wiring.aws.settings import Table

HEAD_SECONDS = 1.0
"""How long a head that was read or written is taken for the newest. What fences is the conditional
write behind each commit: nothing is shown that it refused."""
ADVANCES_MAX = 16
"""How often others may be faster before it is not tried again."""
_IS_NEW = "attribute_not_exists(id)"
_IS_HELD = "tree_size = :held_size AND root = :held_root"
_log = structlog.get_logger("wiring")


class DynamoGuard:
    """Guards the log named `origin`; what it writes is durable when a call returns."""

    def __init__(self, table: Table, origin: str, clock: Clock) -> None:
        self._clock = clock
        self._until_ns = 0
        self._table = table.name
        self._client = client("dynamodb", table.region)
        self._key = {"id": {"S": f"head {origin}"}}
        self._held: Head | None = None
        """As last read or written; what is really held is that, or larger."""

    def head(self) -> Head | None:
        """What was signed last, by whoever, a moment ago."""
        if self._clock.monotonic_ns() < self._until_ns:
            return self._held
        return self._read()

    def advance(self, head: Head, agrees: Agrees) -> None:
        """Remember the head if it agrees with what is held; no question where that is larger."""
        for _ in range(ADVANCES_MAX):
            held = self._held
            if held is not None and held != head and not agrees(held):
                raise Forked(
                    f"A head of {held.size} entries was signed that is not of this database's"
                    f" history of {head.size}. Nothing more is signed. See:"
                    " tallystick ledger reconcile --help."
                )
            if held is not None and held.size >= head.size:
                return
            if self._put(head, held):
                return
        raise TemporaryError("Too many others advance the signed-head guard at once.")

    def reset(self, head: Head) -> None:
        """Forget what was held: an operator took responsibility."""
        try:
            self._client.put_item(TableName=self._table, Item={**self._key, **_said(head)})
        except FAILURES as error:
            raise _said_of(error) from error
        self._keep(head)

    def sync(self) -> None:
        """Nothing to do: DynamoDB answers when it is durable."""

    def _read(self) -> Head | None:
        try:
            answer = self._client.get_item(
                TableName=self._table, Key=self._key, ConsistentRead=True
            )
        except FAILURES as error:
            raise _said_of(error) from error
        self._keep(_head_of(answer.get("Item")))
        return self._held

    def _keep(self, held: Head | None) -> None:
        self._held = held
        self._until_ns = self._clock.monotonic_ns() + round(HEAD_SECONDS * NS_PER_SECOND)

    def _put(self, head: Head, held: Head | None) -> bool:
        """Write it in the place of what was read; False where that is another by now."""
        said = _said(head)
        values = {":size": said["tree_size"], ":root": said["root"]}
        if held is not None:
            was = _said(held)
            values |= {":held_size": was["tree_size"], ":held_root": was["root"]}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=self._key,
                UpdateExpression="SET tree_size = :size, root = :root",
                ConditionExpression=_IS_NEW if held is None else _IS_HELD,
                ExpressionAttributeValues=values,
            )
        except FAILURES as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise _said_of(error) from error
            self._read()
            return False
        self._keep(head)
        return True


def _said_of(error: Exception) -> TallystickError:
    """Our error for the table's; why it is away is the operator's to know, not the trader's."""
    said = explained("The signed-head guard", error)
    if isinstance(said, TemporaryError):
        _log.warning("wiring.guard_away", reason=str(said))
        return TemporaryError(
            "The signed-head guard does not answer, and nothing is signed or shown without it. Send"
            " the same request again."
        )
    return said


def _said(head: Head) -> dict[str, Any]:
    return {"tree_size": {"N": str(head.size)}, "root": {"B": head.root}}


def _head_of(item: dict[str, Any] | None) -> Head | None:
    if item is None:
        return None
    try:
        head = Head(int(item["tree_size"]["N"]), bytes(item["root"]["B"]))
    except (KeyError, ValueError) as error:
        raise Corrupt(f"The signed-head guard cannot be read: {error!r}.") from error
    if len(head.root) != HASH_BYTES:
        raise Corrupt("The signed-head guard holds no head.")
    return head
