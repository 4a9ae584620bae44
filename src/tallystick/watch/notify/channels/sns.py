"""An Amazon SNS topic: whoever subscribes gets it in the form that suits the subscription.

Source: Amazon SNS API reference, `Publish`: at most 262,144 bytes; a Subject of at most 100 ASCII
characters; with `MessageStructure=json` each protocol has its own text. A FIFO topic (its name ends
in `.fifo`) gets the incident as group, so order is kept within it, and the message's key as
deduplication id, so a second attempt within five minutes is there once.
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Misconfigured
from tallystick.watch.notify.channel import Secrets, options_of
from tallystick.watch.notify.channels import sms
from tallystick.watch.notify.channels.amazon import SnsClient
from tallystick.watch.notify.channels.writing.letter import plain_text
from tallystick.watch.notify.channels.writing.sentences import headline
from tallystick.watch.notify.message import Message, Ways

MESSAGE_BYTES_MAX = 262_144
SUBJECT_CHARACTERS_MAX = 100
_ARN = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")


class SnsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The topic; its region stands in the ARN. `url` is another address of the service."""

    topic_arn: str
    url: str | None = None


class SnsChannel:
    """One publication a message: JSON for machines, text for people."""

    options: ClassVar[type[msgspec.Struct]] = SnsOptions

    def __init__(self, topic_arn: str, client: SnsClient) -> None:
        self._topic_arn = topic_arn
        self._client = client

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:  # noqa: ARG003  AWS's own tools know the credentials
        """Of `SnsOptions`."""
        given = options_of(options, SnsOptions)
        named = _ARN.fullmatch(given.topic_arn)
        if named is None:
            raise Misconfigured("topic_arn is the ARN of a topic: arn:aws:sns:REGION:ACCOUNT:NAME.")
        return cls(given.topic_arn, SnsClient(named[1], given.url, clock))

    async def send(self, message: Message) -> str:
        """Publish once; the MessageId."""
        members = {
            "TopicArn": self._topic_arn,
            "Subject": _subject(message),
            "MessageStructure": "json",
            "Message": _texts(message),
        }
        if self._topic_arn.endswith(".fifo"):
            members["MessageGroupId"] = message.dedup_key[:128]
            members["MessageDeduplicationId"] = message.key
        return await self._client.publish(MessageAttributes=_attributes(message), **members)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()


def _attributes(message: Message) -> dict[str, str]:
    """What subscriptions filter by."""
    return {
        "idempotency-key": message.key,
        "incident": message.incident,
        "action": message.action,
        "severity": message.severity,
    }


def _texts(message: Message) -> str:
    """One text for each protocol; without alerts where they are too many bytes."""
    # Whoever subscribes sees it: links that act go to people, not to queues and functions.
    told = msgspec.structs.replace(message, ways=Ways(incident=message.ways.incident))
    for alerts in (message.alerts, ()):
        told = msgspec.structs.replace(told, alerts=alerts, proved=message.proved if alerts else ())
        whole = msgspec.structs.replace(message, alerts=alerts)
        texts = {
            "default": msgspec.json.encode({"v": 2, "message": told}).decode(),
            "email": plain_text(whole),
            "sms": sms.text(whole),
        }
        encoded = msgspec.json.encode(texts)
        if len(encoded) <= MESSAGE_BYTES_MAX:
            break
    return encoded.decode()


def _subject(message: Message) -> str:
    """ASCII without control characters, as SNS wants it."""
    plain = headline(message, SUBJECT_CHARACTERS_MAX).encode("ascii", "replace").decode()
    return plain[:SUBJECT_CHARACTERS_MAX]
