"""Words for accounts that are financed daily: opening one, going to an hour."""

from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock, parse_rfc3339


class Rolling:
    """What the tests of rolls are written in."""

    @staticmethod
    def floor(words: Any, stamp: str) -> Any:
        """A floor at a moment; nothing is quoted yet."""
        return words.Floor(clock=ManualClock(parse_rfc3339(stamp)))

    @staticmethod
    async def open(floor: Any, words: Any, financing: str = "daily") -> None:
        """An account that is financed daily, and a price for the euro."""
        await floor.desk.open_account("demo", words.LIMITS, home="USD", financing=financing)
        floor.price()

    @staticmethod
    def at(floor: Any, stamp: str) -> None:
        """Go on to a moment, with a fresh price."""
        floor.clock.advance((parse_rfc3339(stamp) - floor.clock.now_ns()) / NS_PER_SECOND)
        floor.price()


@pytest.fixture(scope="session")
def rolling() -> type[Rolling]:
    """`rolling.floor(...)`, `rolling.open(...)`, `rolling.at(...)`."""
    return Rolling
