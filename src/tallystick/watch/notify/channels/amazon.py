"""The connection to Amazon SNS, through aiobotocore (the extra `aws`): for `sns` and `sms`.

Credentials are found as AWS's own tools find them. botocore tries nothing again by itself: that is
the outbox's.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from tallystick.clock import Clock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.retry import retry_after

SEND_SECONDS_MAX = 5
_TRY_AGAIN = frozenset(
    {
        "InternalError",
        "KMSThrottling",
        "RequestThrottled",
        "Throttled",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Codes below 500 after which the same request may be taken later."""


class SnsClient:
    """Publishes; connects at the first time."""

    def __init__(self, region: str, endpoint: str | None, clock: Clock) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the extra is not installed.
        """
        try:
            from aiobotocore.session import get_session  # noqa: PLC0415  an extra
        except ImportError as error:
            raise Misconfigured(
                "Amazon SNS needs the extra aws: pip install 'tallystick[aws]'."
            ) from error
        self._session = get_session()
        # Read at start: it takes as long as many orders, and the first alert is no time for that.
        for data in ("service-2", "endpoint-rule-set-1"):
            self._session.get_component("data_loader").load_service_model("sns", data)
        self._session.get_component("data_loader").load_data("endpoints")
        self._region = region
        self._endpoint = endpoint
        self._clock = clock
        self._stack = AsyncExitStack()
        self._client: Any = None

    async def publish(self, MessageAttributes: Mapping[str, str], **members: str) -> str:  # noqa: N803  SNS's name
        """Publish once; the MessageId. The attributes are strings.

        Raises:
            TemporaryError: not reached, throttled or their trouble.
            PermanentError: refused.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  an extra

        attributes = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in MessageAttributes.items()
        }
        try:
            client = await self._connected()
            answer = await client.publish(MessageAttributes=attributes, **members)
        except ClientError as error:
            # Without its cause: what a service says may repeat what it was sent.
            raise self._refusal(error.response) from None
        except (BotoCoreError, OSError) as error:
            name = type(error).__name__
            # A region or credentials that are missing may be there the next time.
            raise TemporaryError(f"Amazon SNS cannot be reached ({name}).") from error
        return str(answer.get("MessageId", ""))

    async def close(self) -> None:
        """Close connections."""
        self._client = None
        await self._stack.aclose()

    def _refusal(self, response: Mapping[str, Any]) -> TemporaryError | PermanentError:
        said = response.get("Error", {})
        code = str(said.get("Code", "")).rpartition(".")[2]
        answered = response.get("ResponseMetadata", {})
        status = int(answered.get("HTTPStatusCode", 0))
        sentence = f"Amazon SNS answered {status} {code}."
        if status < 500 and status != 429 and code not in _TRY_AGAIN:
            return PermanentError(sentence)
        error = TemporaryError(sentence)
        asked = answered.get("HTTPHeaders", {}).get("retry-after")
        wait = retry_after(asked, self._clock.now_ns())
        error.retry_after_seconds = max(TemporaryError.retry_after_seconds, wait)
        return error

    async def _connected(self) -> Any:
        if self._client is None:
            from aiobotocore.config import AioConfig  # noqa: PLC0415  an extra

            config = AioConfig(
                connect_timeout=SEND_SECONDS_MAX,
                read_timeout=SEND_SECONDS_MAX,
                # The outbox tries again; what it does not know of would be a second message.
                retries={"mode": "standard", "total_max_attempts": 1},
            )
            made = self._session.create_client(
                "sns", region_name=self._region, endpoint_url=self._endpoint, config=config
            )
            self._client = await self._stack.enter_async_context(made)
        return self._client
