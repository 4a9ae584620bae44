"""Text messages, through Twilio or Amazon SNS: the least that lets a person act.

Sources: Twilio's Programmable Messaging API (`POST .../Accounts/{sid}/Messages.json`, a form with
To, From or MessagingServiceSid, and Body of at most 1,600 characters; 201 and the message's `sid`;
an API key's SID and secret may stand for the account's); Amazon SNS `Publish` with `PhoneNumber`.
Neither knows a deduplication key: an attempt whose answer is lost is a second text.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol, Self
from urllib.parse import urlencode

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Misconfigured
from tallystick.watch.notify.channel import Secret, Secrets, options_of
from tallystick.watch.notify.channels.amazon import SnsClient
from tallystick.watch.notify.channels.posted import VendorPoster
from tallystick.watch.notify.channels.writing.sentences import counted, deeds, headline, shown
from tallystick.watch.notify.message import Message

TWILIO_URL = "https://api.twilio.com"
TITLE_CHARACTERS_MAX = 120
TEXT_CHARACTERS_MAX = 1_600
_E164 = re.compile(r"\+[1-9][0-9]{5,14}")
_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_KEY = re.compile(r"SK[0-9a-fA-F]{32}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_SENDER_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_TYPED = str.maketrans(
    {
        "\u2026": "...",
        "\u2013": "-",
        "\u2014": "-",
        "\u00b7": "-",
        "\u201c": '"',
        "\u201d": '"',
        "\u2018": "'",
        "\u2019": "'",
        "\u2192": "->",
    }
)


class SmsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom (E.164), and through whom.

    Of Twilio: the account, its token (or the secret of `api_key`), and who sends: `sender` is a
    number or name of the account, or `messaging_service`. Of SNS: the region, and a `sender` (up
    to eleven letters and digits) where the country shows one; AWS's credentials are found as its
    own tools find them. `url` is another address of the service.
    """

    to: str
    provider: Literal["twilio", "sns"] = "twilio"
    account: str | None = None
    token: Secret | None = None
    api_key: str | None = None
    sender: str | None = None
    messaging_service: str | None = None
    region: str | None = None
    url: str | None = None


class Carrier(Protocol):
    """Brings one text to one number."""

    async def send(self, text: str) -> str:
        """The carrier's id of it; raises as `Channel.send`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class SmsChannel:
    """One text a message."""

    options: ClassVar[type[msgspec.Struct]] = SmsOptions

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    @classmethod
    def open(cls, options: Mapping[str, object], secrets: Secrets, clock: Clock) -> Self:
        """Of `SmsOptions`."""
        given = options_of(options, SmsOptions)
        if not _E164.fullmatch(given.to):
            raise Misconfigured("to is a number in E.164: +, country code, number: +442071838750.")
        if given.provider == "twilio":
            return cls(_twilio(given, secrets, clock))
        return cls(_sns(given, clock))

    async def send(self, message: Message) -> str:
        """Send once."""
        return await self._carrier.send(text(message))

    async def close(self) -> None:
        """Close connections."""
        await self._carrier.close()


def text(message: Message) -> str:
    """`CRITICAL I-12: what is wrong (3 alerts). Acknowledge: https://...`, in typed letters.

    A single letter outside GSM 03.38 doubles what a text costs, so typographic ones are replaced.
    """
    words = headline(message, TITLE_CHARACTERS_MAX)
    if message.action == "trigger" and message.firing > 1:
        words += f" ({counted(message.firing, 'alert')})"
    for way in (*deeds(message)[:1], *shown(message))[:1]:
        words += f" {way.text}: {way.url}"
    return words.translate(_TYPED)[:TEXT_CHARACTERS_MAX]


class _Twilio:
    def __init__(self, given: SmsOptions, user: str, token: str, clock: Clock) -> None:
        url = f"{given.url or TWILIO_URL}/2010-04-01/Accounts/{given.account}/Messages.json"
        basic = b64encode(f"{user}:{token}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {basic}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        self._form = {"To": given.to}
        if given.messaging_service:
            self._form["MessagingServiceSid"] = given.messaging_service
        else:
            self._form["From"] = given.sender or ""
        self._poster = VendorPoster(url, clock, "Twilio", token, basic)

    async def send(self, text: str) -> str:
        form = urlencode(self._form | {"Body": text})
        answer = await self._poster.post(form.encode(), self._headers)
        try:
            return msgspec.json.decode(answer, type=_Message).sid
        except msgspec.DecodeError:
            return ""

    async def close(self) -> None:
        await self._poster.close()


class _Message(msgspec.Struct, frozen=True):
    sid: str = ""


class _Sns:
    def __init__(self, given: SmsOptions, client: SnsClient) -> None:
        self._client = client
        self._to = given.to
        self._attributes = {"AWS.SNS.SMS.SMSType": "Transactional"}
        if given.sender:
            self._attributes["AWS.SNS.SMS.SenderID"] = given.sender

    async def send(self, text: str) -> str:
        return await self._client.publish(
            PhoneNumber=self._to, Message=text, MessageAttributes=self._attributes
        )

    async def close(self) -> None:
        await self._client.close()


def _twilio(given: SmsOptions, secrets: Secrets, clock: Clock) -> Carrier:
    if given.region is not None:
        raise Misconfigured("region belongs to the provider sns.")
    if given.account is None or not _ACCOUNT.fullmatch(given.account):
        raise Misconfigured("account is the Account SID of Twilio: AC and 32 hex digits.")
    if given.token is None:
        raise Misconfigured("token is missing: the account's auth token, or the api_key's secret.")
    if given.api_key is not None and not _KEY.fullmatch(given.api_key):
        raise Misconfigured("api_key is the SID of an API key of Twilio: SK and 32 hex digits.")
    if (given.sender is None) == (given.messaging_service is None):
        raise Misconfigured("Name either a sender or a messaging_service.")
    if given.messaging_service is not None and not _SERVICE.fullmatch(given.messaging_service):
        raise Misconfigured("messaging_service is a SID of Twilio: MG and 32 hex digits.")
    if given.sender is not None and not _is_sender(given.sender):
        raise Misconfigured("sender is a number in E.164, or up to eleven letters and digits.")
    return _Twilio(given, given.api_key or given.account, given.token.read(secrets), clock)


def _sns(given: SmsOptions, clock: Clock) -> Carrier:
    if any((given.account, given.token, given.api_key, given.messaging_service)):
        raise Misconfigured(
            "account, token, api_key and messaging_service belong to the provider twilio."
        )
    if given.region is None:
        raise Misconfigured("region is missing: an AWS region such as eu-west-2.")
    if given.sender is not None and not _SENDER_ID.fullmatch(given.sender):
        raise Misconfigured("sender is up to eleven letters and digits.")
    return _Sns(given, SnsClient(given.region, given.url, clock))


def _is_sender(sender: str) -> bool:
    return bool(_E164.fullmatch(sender) or _SENDER_ID.fullmatch(sender))
