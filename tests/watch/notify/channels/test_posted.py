"""What a vendor said, without what it was told in confidence."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import PermanentError
from tallystick.watch.notify.channels.posted import VendorPoster, without


def test_secrets_are_hidden_the_longest_first() -> None:
    """No rest of a longer one stays behind a shorter one."""
    said = without({"abc", "abcdef", ""}, "x abcdef y abc z")
    assert said == "x … y … z"


def test_the_answer_is_quoted_without_the_url(
    serve: Callable[[type[Any]], Any], peers: ModuleType
) -> None:
    """The path and its longer parts are hidden; why it was refused is said."""
    peer = serve(peers.Slack)
    peer.plan.append("refusal")

    async def story() -> None:
        poster = VendorPoster(peer.origin + peer.path, ManualClock(), "Slack's webhook")
        with pytest.raises(PermanentError) as caught:
            await poster.post(b"{}", {})
        await poster.close()
        said = str(caught.value)
        assert said.startswith("127.0.0.1 answered 400: refused: ")
        assert "SECRET" not in said
        assert "abcdefghijklmnop" not in said

    asyncio.run(story())
