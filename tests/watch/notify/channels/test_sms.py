"""Text messages through Twilio and Amazon SNS."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tallystick.errors import Misconfigured
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.channels import sms
from tallystick.watch.notify.message import Message, Ways

Make = Callable[..., Message]
Open = Callable[..., Channel]
ACCOUNT = "AC" + "0123456789abcdef" * 2
TWILIO = {
    "to": "+442071838750",
    "account": ACCOUNT,
    "token": {"env": "T"},
    "sender": "+15017122661",
}
SNS = {"to": "+442071838750", "provider": "sns", "region": "eu-west-2"}


def test_a_text_says_what_is_wrong_and_how_to_acknowledge(make_message: Make) -> None:
    """One line, and one link: the one that matters now."""
    assert sms.text(make_message()) == (
        "CRITICAL I-12: Latency of POST /v1/orders is above 250 ms (2 alerts) "
        "Acknowledge: https://fx.example/a/bearer-of-this-link-a?until=1795412345"
    )
    over = make_message(action="resolve", why="resolved", by="ann", firing=0)
    assert sms.text(over) == (
        "RESOLVED I-12: Latency of POST /v1/orders is above 250 ms "
        "Open the incident: https://fx.example/incidents/I-12"
    )


def test_a_text_is_in_the_letters_of_a_phone(make_message: Make) -> None:
    """A single dash of a typesetter would double what it costs (GSM 03.38); names stay."""
    title = "\u201cGröße\u201d \u2013 5 \u2192 6\u2026"
    text = sms.text(make_message(title=title, firing=1, ways=Ways()))

    assert text == 'CRITICAL I-12: "Größe" - 5 -> 6...'


def test_twilio_is_asked_as_documented(
    serve: Callable[[type[Any]], Any], peers: ModuleType, open_channel: Open, make_message: Make
) -> None:
    """Number, sender and body as a form; the id is the message's SID."""
    peer = serve(peers.Twilio)

    async def story() -> None:
        channel = open_channel("sms", peer.options(), peer.secrets())
        assert await channel.send(make_message()) == "SM" + "0" * 32
        service = {**peer.options(), "messaging_service": "MG" + "0" * 32}
        del service["sender"]
        other = open_channel("sms", service, peer.secrets())
        await other.send(make_message())
        await channel.close()
        await other.close()

    asyncio.run(story())
    first, second = (request.form() for request in peer.taken)
    assert (first["To"], first["From"]) == ("+442071838750", "+15017122661")
    assert second["MessagingServiceSid"] == "MG" + "0" * 32
    assert peer.complaints == []


@pytest.mark.usefixtures("aws")
def test_sns_sends_a_text_to_a_number(open_channel: Open, make_message: Make) -> None:
    """Against moto's SNS: `Publish` with `PhoneNumber`, as a transactional text."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"

    async def story() -> str:
        channel = open_channel("sms", {**SNS, "url": url, "sender": "FXDESK"})
        taken = await channel.send(make_message())
        await channel.close()
        return taken

    try:
        assert asyncio.run(story())
        client = boto3.client("sns", region_name="eu-west-2", endpoint_url=url)
        assert client.check_if_phone_number_is_opted_out(phoneNumber="+442071838750")
        client.close()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({**TWILIO, "to": "020 7183 8750"}, "to is a number in E.164"),
        ({**TWILIO, "account": "mine"}, "Account SID"),
        ({**TWILIO, "token": None}, "token is missing"),
        ({**TWILIO, "api_key": "AC"}, "api_key is the SID"),
        ({**TWILIO, "sender": None}, "either a sender or"),
        ({**TWILIO, "sender": "a name that is too long"}, "sender is a number"),
        ({**TWILIO, "sender": None, "messaging_service": "x"}, "messaging_service is a SID"),
        ({**TWILIO, "region": "eu-west-2"}, "region belongs to the provider sns"),
        ({**SNS, "region": None}, "region is missing"),
        ({**SNS, "account": ACCOUNT}, "belong to the provider twilio"),
        ({**SNS, "sender": "+15017122661"}, "sender is up to eleven"),
        ({**SNS, "provider": "pigeon"}, "provider"),
    ],
)
def test_options_that_cannot_work_are_said_at_start(
    options: dict[str, object], sentence: str, open_channel: Open
) -> None:
    """Each in a sentence, before the first text is lost."""
    with pytest.raises(Misconfigured, match=sentence):
        open_channel("sms", options, {"T": "token"})
