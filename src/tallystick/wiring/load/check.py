"""After a run: is every acknowledged order in the ledger, and each only once?"""

from collections.abc import Callable

import httpx
import msgspec

from tallystick.errors import PermanentError
from tallystick.limits import PAGE_ITEMS_MAX

SECONDS_MAX = 60.0
"""Longest wait for one page."""
ACCOUNTS_MAX = 1_000
"""Most accounts whose orders are looked through."""
PAGES_MAX = 10_000
"""Most pages of orders: ten million."""


class Check(msgspec.Struct, frozen=True):
    """What the ledger holds of a run's orders: looked at, there twice, acknowledged but not there.

    Rejected orders are in the ledger too.
    """

    orders: int
    twice: int
    lost: int

    @property
    def failures(self) -> list[str]:
        """What must not be; empty when all is well."""
        said = []
        if self.twice:
            said.append(f"{self.twice:,} orders are in the ledger more than once")
        if self.lost:
            said.append(f"{self.lost:,} acknowledged orders are not in the ledger")
        return said


class _Item(msgspec.Struct, frozen=True):
    client_order_id: str
    position: int


class _Page(msgspec.Struct, frozen=True):
    orders: list[_Item]
    next_before: int | None


def ledger_size(url: str, token: str) -> int:
    """How many entries the server's newest checkpoint has (C2SP tlog-checkpoint, second line).

    Raises:
        PermanentError: it does not say.
    """
    with _client(url, token) as http:
        text = _get(http, "/v1/ledger/checkpoint", {}).decode(errors="replace")
    size = text.split("\n")[1] if text.count("\n") else ""
    if not size.isdecimal():
        raise PermanentError(f"{url} has no checkpoint: {text[:100]!r}")
    return int(size)


def check_orders(
    url: str,
    token: str,
    accounts: list[str],
    prefix: str,
    acknowledged: bytes,
    since: int,
    say: Callable[[int], None] = lambda _orders: None,
) -> Check:
    """Read every order from ledger position `since` on; `acknowledged` has 1 at their numbers.

    Raises:
        PermanentError: the lists cannot be read, or there is too much to read.
    """
    if len(accounts) > ACCOUNTS_MAX:
        raise PermanentError(f"The orders of more than {ACCOUNTS_MAX:,} accounts are not checked.")
    seen = bytearray(len(acknowledged))
    twice = orders = pages = 0
    with _client(url, token) as http:
        for account in accounts:
            before: int | None = None
            while pages < PAGES_MAX:
                pages += 1
                page = _page(http, account, before)
                for item in page.orders:
                    name, _, digits = item.client_order_id.rpartition("-")
                    if name != prefix or not digits.isdecimal() or item.position < since:
                        continue
                    number = int(digits)
                    if number >= len(seen):
                        seen.extend(bytes(number + 1 - len(seen)))
                    twice += seen[number] == 1
                    seen[number] = min(2, seen[number] + 1)
                    orders += 1
                say(orders)
                before = page.next_before
                if before is None or before <= since:
                    break
            else:
                raise PermanentError(f"There are more than {PAGES_MAX:,} pages of orders.")
    lost = sum(1 for known, found in zip(acknowledged, seen, strict=False) if known and not found)
    return Check(orders, twice, lost)


def _page(http: httpx.Client, account: str, before: int | None) -> _Page:
    query: dict[str, str | int] = {"account": account, "limit": PAGE_ITEMS_MAX}
    if before is not None:
        query["before"] = before
    try:
        return msgspec.json.decode(_get(http, "/v1/orders", query), type=_Page)
    except msgspec.DecodeError as error:
        raise PermanentError(f"The list of orders cannot be read: {error}") from error


def _get(http: httpx.Client, path: str, query: dict[str, str | int]) -> bytes:
    try:
        return http.get(path, params=query).raise_for_status().content
    except httpx.HTTPError as error:
        raise PermanentError(f"{path} cannot be read: {error}") from error


def _client(url: str, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=url, headers=headers, timeout=SECONDS_MAX)
