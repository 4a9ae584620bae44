"""Amazon SQS: a queue of the operator's; needs the extra `aws`.

A FIFO queue (its URL ends in `.fifo`) gets the parcel's key as deduplication id, so a second
attempt within SQS's five minutes is there once; a standard queue's readers know it by the message
attribute `idempotency-key`. Credentials are found as AWS's own tools find them.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.stream.rules.targets.port import Parcel, Surroundings, options_of

BODY_BYTES_MAX = 262_144
"""Largest message of SQS."""
_TRY_AGAIN = frozenset({"RequestThrottled", "Throttling", "ThrottlingException", "InternalError"})


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which queue; `endpoint` where it is not AWS's own, `group` of a FIFO queue's messages."""

    queue_url: str
    region: str
    endpoint: str | None = None
    group: str = "tallystick"


class SqsTarget:
    """Sends each parcel as a message."""

    def __init__(self, given: Mapping[str, object], around: Surroundings) -> None:  # noqa: ARG002
        self._options = options_of(given, Options)
        try:
            from aiobotocore.session import get_session  # noqa: PLC0415  an extra
        except ImportError as error:
            sentence = "it needs the extra aws: pip install 'tallystick[aws]'."
            raise Misconfigured(sentence) from error
        self._session = get_session()
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._connecting = asyncio.Lock()

    async def send(self, parcel: Parcel) -> None:
        """Send once."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  an extra

        if len(parcel.body) > BODY_BYTES_MAX:
            raise PermanentError(f"A message of SQS has at most {BODY_BYTES_MAX} bytes.")
        try:
            client = await self._connected()
            await client.send_message(**self._message(parcel))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            sentence = f"SQS answered {status} {code}."
            if status >= 500 or code in _TRY_AGAIN:
                raise TemporaryError(sentence) from error
            raise PermanentError(sentence) from error
        except (BotoCoreError, OSError) as error:
            sentence = f"SQS cannot be reached ({type(error).__name__})."
            raise TemporaryError(sentence) from error

    async def close(self) -> None:
        """Close connections."""
        self._client = None
        await self._stack.aclose()

    def _message(self, parcel: Parcel) -> dict[str, Any]:
        message: dict[str, Any] = {
            "QueueUrl": self._options.queue_url,
            "MessageBody": parcel.body.decode(),
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value}
                for name, value in (("idempotency-key", parcel.key), ("rule", parcel.rule))
            },
        }
        if self._options.queue_url.endswith(".fifo"):
            message["MessageGroupId"] = self._options.group
            message["MessageDeduplicationId"] = parcel.key
        return message

    async def _connected(self) -> Any:
        """The client, made at the first send, once."""
        async with self._connecting:
            if self._client is None:
                made = self._session.create_client(
                    "sqs",
                    region_name=self._options.region,
                    endpoint_url=self._options.endpoint,
                )
                self._client = await self._stack.enter_async_context(made)
        return self._client
