"""What the server's prices are, so that orders can be put beside the market."""

import httpx
import msgspec

from tallystick.errors import PermanentError

SECONDS_MAX = 10.0
ANSWER_BYTES_MAX = 1_048_576


class Price(msgspec.Struct, frozen=True):
    """A pair's newest bid and ask, decimal strings as the server gives them."""

    pair: str
    bid: str
    ask: str

    def beside(self, side: str, bps: int) -> str:
        """A price `bps` hundredths of a percent worse for the market than its own side.

        That is below the bid for a buy and above the ask for a sell, so it rests; with negative
        `bps` it crosses. With the digits of the quote.
        """
        text = self.bid if side == "buy" else self.ask
        digits = len(text.partition(".")[2])
        points = int(text.replace(".", ""))
        moved = points * (10_000 - bps if side == "buy" else 10_000 + bps) // 10_000
        shown = f"{max(1, moved):0{digits + 1}}"
        return f"{shown[:-digits]}.{shown[-digits:]}" if digits else shown


class _Prices(msgspec.Struct, frozen=True):
    prices: tuple[Price, ...]


def prices_of(url: str, token: str) -> dict[str, Price]:
    """The newest price of every pair the server has one of.

    Raises:
        PermanentError: it does not say.
    """
    headers = {"Authorization": f"Bearer {token}"}
    try:
        answer = httpx.get(f"{url}/v1/prices", headers=headers, timeout=SECONDS_MAX)
        answer.raise_for_status()
        found = msgspec.json.decode(answer.content[:ANSWER_BYTES_MAX], type=_Prices)
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError) as error:
        raise PermanentError(f"{url} does not say its prices: {error}") from error
    return {price.pair: price for price in found.prices}
