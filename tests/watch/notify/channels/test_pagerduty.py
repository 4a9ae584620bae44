"""PagerDuty's Events API v2: its caps, its keys, and what it shows."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.channels.pagerduty import URLS, PagerDutyChannel
from tallystick.watch.notify.message import Message, Ways

Make = Callable[..., Message]
Open = Callable[..., Channel]


@pytest.fixture
def pagerduty(serve: Callable[[type[Any]], Any], peers: ModuleType) -> Any:
    """PagerDuty on loopback."""
    return serve(peers.PagerDuty)


@pytest.fixture
def sent(pagerduty: Any, open_channel: Open) -> Callable[..., list[dict[str, Any]]]:
    """Sends, and gives the events that PagerDuty took."""

    def send(*messages: Message) -> list[dict[str, Any]]:
        async def story() -> None:
            channel = open_channel("pagerduty", pagerduty.options(), pagerduty.secrets())
            for message in messages:
                assert await channel.send(message) == message.dedup_key
            await channel.close()

        asyncio.run(story())
        assert pagerduty.complaints == []
        return [msgspec.json.decode(request.body) for request in pagerduty.taken]

    return send


def test_an_incident_is_one_alert_there(sent: Any, make_message: Make) -> None:
    """Trigger, acknowledge and resolve, all by one deduplication key."""
    trigger, acknowledge, resolve = sent(
        make_message(),
        make_message(action="acknowledge", why="acknowledged", by="ann", number=2),
        make_message(action="resolve", why="resolved", number=3),
    )
    key = make_message().dedup_key
    short = {"routing_key": "e93facc04764012d7bfb002500d5d1a6", "dedup_key": key}

    assert (trigger["event_action"], trigger["dedup_key"]) == ("trigger", key)
    assert acknowledge == short | {"event_action": "acknowledge"}
    assert resolve == short | {"event_action": "resolve"}


def test_what_pagerduty_shows(sent: Any, make_message: Make) -> None:
    """Summary, source, severity, time, component and class; links to the incident and proofs."""
    (event,) = sent(make_message())
    payload = event["payload"]

    assert payload["summary"] == "CRITICAL I-12: Latency of POST /v1/orders is above 250 ms"
    assert payload["source"] == "api-1"
    assert payload["severity"] == "critical"
    assert payload["timestamp"] == "2026-11-22T04:30:00.000000Z"
    assert (payload["group"], payload["class"]) == ("fx", "order-latency")
    assert payload["custom_details"]["Alerts"][1]["proof"] == "order O-1042 · ledger position 1041"
    assert event["client_url"] == "https://fx.example/incidents/I-12"
    assert {link["text"]: link["href"] for link in event["links"]} == {
        "Open the incident": "https://fx.example/incidents/I-12",
        "alarm": "https://fx.example/alarms/order-latency",
        "runbook": "https://wiki.fx.example/latency",
        "order": "https://fx.example/v1/orders/O-1042",
        "receipt": "https://fx.example/v1/orders/O-1042/receipt",
    }
    assert "bearer" not in str(event)


def test_without_a_public_address_there_are_only_whole_links(sent: Any, make_message: Make) -> None:
    """A path leads nowhere from PagerDuty's page."""
    (event,) = sent(make_message(ways=Ways()))

    assert "client_url" not in event
    assert [link["href"] for link in event["links"]] == ["https://wiki.fx.example/latency"]


def test_a_long_summary_is_cut(sent: Any, make_message: Make) -> None:
    """At 1,024 characters, counted as PagerDuty counts them, with an ellipsis."""
    (event,) = sent(make_message(title="é" * 5_000))
    summary = event["payload"]["summary"]

    assert len(summary) == 1_024
    assert summary.endswith("é…")


def test_a_large_event_goes_without_its_details(sent: Any, make_message: Make) -> None:
    """Above 512,000 bytes PagerDuty would refuse it; everything else still arrives."""
    alert = msgspec.structs.replace(make_message().alerts[0], summary="x" * 60_000)
    (event,) = sent(make_message(alerts=(alert,) * 10))

    assert "custom_details" not in event["payload"]
    assert event["payload"]["summary"].startswith("CRITICAL I-12")


def test_a_long_key_is_hashed(pagerduty: Any, open_channel: Open, make_message: Make) -> None:
    """255 characters fit; what is longer is its SHA-256, the same for every message."""

    async def story() -> list[str]:
        channel = open_channel("pagerduty", pagerduty.options(), pagerduty.secrets())
        keys = ["k" * 255, "k" * 256, "k" * 256]
        said = [await channel.send(make_message(dedup_key=key)) for key in keys]
        await channel.close()
        return said

    fits, hashed, again = asyncio.run(story())
    assert fits == "k" * 255
    assert (len(hashed), hashed) == (64, again)


@pytest.mark.parametrize("key", ["", "short", "e93facc04764012d7bfb002500d5d1a!", "é" * 32])
def test_a_key_that_is_none_is_said_at_start(key: str, open_channel: Open) -> None:
    """Before the first page is lost; and the sentence does not repeat it."""
    with pytest.raises(Misconfigured) as caught:
        open_channel("pagerduty", {"routing_key": {"env": "K"}}, {"K": key})
    assert not key or key not in str(caught.value)


def test_the_region_says_which_host(open_channel: Open) -> None:
    """An account of the EU region is not known in the US."""
    secrets = {"K": "e93facc04764012d7bfb002500d5d1a6"}
    for region, host in (("us", "events.pagerduty.com"), ("eu", "events.eu.pagerduty.com")):
        channel = open_channel(
            "pagerduty", {"routing_key": {"env": "K"}, "region": region}, secrets
        )
        assert isinstance(channel, PagerDutyChannel)
        assert host in URLS[region]
        assert channel._poster._poster.url.host == host
    with pytest.raises(Misconfigured, match="region"):
        open_channel("pagerduty", {"routing_key": {"env": "K"}, "region": "mars"}, secrets)
