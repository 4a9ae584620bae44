"""Acknowledgment ids, as Splunk's clients expect them."""

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Crowded
from tallystick.watch.collect.ingest import AckChannels, is_channel

CHANNEL = "FE0ECFAD-13D5-401B-847D-77833BD77131"


def test_ids_count_from_0_in_each_channel_of_each_token() -> None:
    """In any case of the letters; one token's channel is not another's."""
    acks = AckChannels(ManualClock())
    assert [acks.given("t", CHANNEL), acks.given("t", CHANNEL.lower())] == [0, 1]
    assert (acks.given("u", CHANNEL), acks.given("t", "other")) == (0, 0)
    assert acks.told("t", CHANNEL, [0, 1, 2, -1]) == {"0": True, "1": True, "2": False, "-1": False}
    assert acks.told("u", CHANNEL, [0, 1]) == {"0": True, "1": False}


def test_an_id_stays_acknowledged() -> None:
    """The answer to the first poll may have been lost."""
    acks = AckChannels(ManualClock())
    acks.given("t", CHANNEL)
    assert [acks.told("t", CHANNEL, [0]) for _ in range(2)] == [{"0": True}] * 2


def test_a_channel_that_nobody_knows_is_no_error() -> None:
    """After a restart nothing is acknowledged; asking makes no channel."""
    acks = AckChannels(ManualClock(), channels_max=1)
    assert acks.told("t", CHANNEL, [7]) == {"7": False}
    assert acks.fullness == 0


def test_channels_are_bounded_and_idle_ones_make_room() -> None:
    """The limit is said before an event is taken; a channel in use never loses its count."""
    clock = ManualClock()
    acks = AckChannels(clock, channels_max=2, seconds=60)
    acks.open("t", "a")
    clock.advance(40)
    acks.open("t", "b")
    assert acks.given("t", "b") == 0
    with pytest.raises(Crowded):
        acks.open("t", "c")
    acks.open("t", "b")  # it is in use
    assert acks.fullness == 1
    clock.advance(30)
    acks.open("t", "c")
    assert acks.told("t", "b", [0]) == {"0": True}
    clock.advance(60)
    assert acks.fullness == 0


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (CHANNEL, True),
        (CHANNEL.lower().replace("-", ""), True),
        (f"{{{CHANNEL}}}", True),
        ("", False),
        ("1", False),
        (CHANNEL[:-1], False),
        (CHANNEL + "0", False),
        (CHANNEL.replace("F", "G"), False),
        (f"{CHANNEL}\n", False),
    ],
)
def test_a_channel_is_a_guid(text: str, is_one: bool) -> None:
    """Nothing else names one."""
    assert is_channel(text) is is_one
