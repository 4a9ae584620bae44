"""A relay's place in the state table: positions by name, which never go back."""

from tallystick.stream.cursors import Cursors
from tallystick.wiring.aws.clients import FAILURES, client, code_of, explained
from tallystick.wiring.aws.settings import Table

_FORWARDS = "attribute_not_exists(id) OR place < :place"


class TableCursors(Cursors):
    """As much of `Cursors` as a relay asks for, in DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table.name
        self._client = client("dynamodb", table.region)
        self._known: dict[str, int] = {}  # bounded by: the names of relays

    def get(self, name: str) -> int:
        """Where `name` goes on, as the table has it now.

        Raises:
            TemporaryError: it cannot be read.
        """
        try:
            answer = self._client.get_item(
                TableName=self._table, Key=_key(name), ConsistentRead=True
            )
        except FAILURES as error:
            raise explained("The table of cursors", error) from error
        self._known[name] = int(answer.get("Item", {}).get("place", {}).get("N", 0))
        return self._known[name]

    def peek(self, name: str) -> int:
        """Where `name` goes on, as far as this process knows."""
        known = self._known.get(name)
        return self.get(name) if known is None else known

    def put(self, name: str, position: int) -> bool:
        """Keep where `name` goes on; False where somebody else is already further.

        Raises:
            TemporaryError: it cannot be written.
        """
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(name),
                UpdateExpression="SET place = :place",
                ConditionExpression=_FORWARDS,
                ExpressionAttributeValues={":place": {"N": str(position)}},
            )
        except FAILURES as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            raise explained("The table of cursors", error) from error
        self._known[name] = position
        return True


def _key(name: str) -> dict[str, dict[str, str]]:
    return {"id": {"S": f"cursor {name}"}}
