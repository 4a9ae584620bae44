"""slack and teams: what a chat shows, and that no name can write more than itself."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.channels.slack import blocks
from tallystick.watch.notify.channels.teams import card
from tallystick.watch.notify.message import Message, Ways

Make = Callable[..., Message]
Open = Callable[..., Channel]


def texts(part: Any) -> list[str]:
    """Every text of a nested form."""
    if isinstance(part, str):
        return [part]
    inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [text for each in inside for text in texts(each)]


@pytest.fixture
def posted(serve: Callable[[type[Any]], Any], open_channel: Open) -> Callable[..., Any]:
    """Posts a message to a peer; the body it took."""

    def post(kind: type[Any], message: Message) -> Any:
        peer = serve(kind)

        async def story() -> None:
            channel = open_channel(peer.kind, peer.options(), peer.secrets())
            await channel.send(message)
            await channel.close()

        asyncio.run(story())
        assert peer.complaints == []
        return msgspec.json.decode(peer.taken[0].body)

    return post


def test_slack_says_what_it_is_and_what_to_do(
    posted: Any, peers: ModuleType, make_message: Make
) -> None:
    """Headline, sentence, facts, alerts with their proofs, and the links that act."""
    body = posted(peers.Slack, make_message())
    whole = "\n".join(texts(body["blocks"]))

    assert body["text"] == "CRITICAL I-12: Latency of POST /v1/orders is above 250 ms"
    assert ":red_circle: *It opened with 2 alerts.*" in whole
    assert "*alarm*\norder-latency" in whole
    assert "order O-1042 · ledger position 1041" in whole
    assert "<https://fx.example/v1/orders/O-1042/receipt|receipt>" in whole
    assert "<https://fx.example/a/bearer-of-this-link-a?until=1795412345|Acknowledge>" in whole
    assert "|Resolve> · <https://fx.example/incidents/I-12|Open the incident>" in whole


def test_what_is_over_offers_nothing_to_do(make_message: Make) -> None:
    """No link to acknowledge what is resolved."""
    over = make_message(action="resolve", why="resolved", by="ann", firing=0)
    for form in (blocks(over), card(over, 2)):
        whole = "\n".join(texts(form))
        assert "Acknowledge" not in whole
        assert "Resolved by ann after 1 min." in whole


def test_what_is_acknowledged_can_be_resolved(make_message: Make) -> None:
    """Whoever works on it ends it from the chat."""
    taken = make_message(action="acknowledge", why="acknowledged", by="ann")
    for form in (blocks(taken), card(taken, 2)):
        whole = "\n".join(texts(form))
        assert "Acknowledged by ann." in whole
        assert "Resolve" in whole
        assert "bearer-of-this-link-a" not in whole


def test_without_links_there_is_no_row_of_them(make_message: Make) -> None:
    """No public address, no dead buttons."""
    assert "actions" not in card(make_message(ways=Ways()), 2)
    assert "Open the incident" not in "\n".join(texts(blocks(make_message(ways=Ways()))))


def test_a_name_cannot_mention_everybody_or_hide_a_link(make_message: Make) -> None:
    """`<!channel>` of a hostile name is text in Slack, `[x](y)` is text in Teams."""
    evil = make_message(title="<!channel> [pay](http://evil.example) & *now*")
    slack = "\n".join(texts(blocks(evil)[1:]))
    assert "<!channel>" not in slack
    whole = "\n".join(texts(card(evil, 2)["body"]))
    assert "[pay](http://evil.example)" not in whole
    assert r"\[pay\](http://evil.example)" in whole


def test_a_card_that_is_too_large_names_fewer_alerts(
    posted: Any, peers: ModuleType, hostile: Message
) -> None:
    """A workflow takes 28 KB: alerts are left out until it fits, and the rest is counted."""
    body = posted(peers.Teams, hostile)
    elements = body["attachments"][0]["content"]["body"]

    assert len(msgspec.json.encode(body)) <= 28_000
    assert "more" in elements[-1]["text"]
    assert elements[0]["style"] == "attention"


def test_a_card_has_buttons_for_what_can_be_done(
    posted: Any, peers: ModuleType, make_message: Make
) -> None:
    """Acknowledge, resolve, open."""
    content = posted(peers.Teams, make_message())["attachments"][0]["content"]

    assert [action["title"] for action in content["actions"]] == [
        "Acknowledge",
        "Resolve",
        "Open the incident",
    ]
    assert content["fallbackText"].startswith("CRITICAL I-12")
