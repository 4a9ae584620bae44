"""Grows a ledger quickly: real entries of the product, again and again with other ids.

A product is started, real orders are placed and it is stopped; their entries then become forms,
from which as many as wanted are appended through the product's own ledger, in its own process
and order. The last step starts and stops the product again, so that it folds them all and keeps
its snapshot, as one that ran on would have.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import httpx

import targets
from orders_race import Say
from tallystick.clock import SystemClock
from tallystick.execution.entries import decode, keys_of
from tallystick.ledger import Ledger, Sealable
from tallystick.wal import fold_wal
from tallystick.wiring.ledger import open_parts
from tallystick.wiring.load import Price, prices_of
from tallystick.wiring.settings import read_settings
from targets import Target

Kind = Literal["filled", "resting"]
KINDS: tuple[Kind, ...] = ("filled", "resting")
ACCOUNT = "load"
"""Of many accounts: load-000000, load-000001, ..."""
BATCH = 8_192
FOLD_BATCHES = 16
FORMS = 400
"""Different orders that the others are made from."""
OPEN_ORDERS = 500
"""Resting orders of one account: half of what one may have."""
AWAY_BPS, STEP_BPS = 100, 1
"""How far from the market the nearest resting order is, and how much further each next form."""
PAIRS = ("EUR/USD", "GBP/USD", "AUD/USD", "USD/JPY")
FORM_ID = "form-"
DEMO = b"demo"


class SeedError(Exception):
    """The ledger could not be grown."""


def accounts(data: Path, count: int, say: Say) -> None:
    """Open so many accounts, with the limits of the demo's."""
    with targets.product("seed", data):
        pass
    _append(data, count, lambda ledger: _accounts(ledger, count), say)
    _settle(data, say)


def orders(data: Path, kind: Kind, count: int, say: Say) -> None:
    """Let so many orders be filled, or rest away from the market."""
    with targets.product("seed", data) as target:
        _place_forms(target, kind, say)
    holders = -(-count // OPEN_ORDERS) if kind == "resting" else 0
    _append(data, holders, lambda ledger: _accounts(ledger, holders), say)
    _append(data, count, lambda ledger: _orders(ledger, count, holders), say)
    _settle(data, say)


def _place_forms(target: Target, kind: Kind, say: Say) -> None:
    prices = prices_of(target.url, target.token)
    headers = {"Authorization": f"Bearer {target.token}"}
    with httpx.Client(base_url=target.url, headers=headers, timeout=30) as http:
        for number in range(FORMS):
            body = _form(number, kind, target.account, prices)
            answer = http.post("/v1/orders", json=body)
            wanted = "filled" if kind == "filled" else "new"
            state = answer.json()["order"]["state"] if answer.is_success else answer.text
            if state != wanted:
                raise SeedError(f"an order of the seed is {state}, not {wanted}")
            say(f"seed: {kind} orders", number / FORMS)


def _form(number: int, kind: Kind, account: str, prices: dict[str, Price]) -> dict[str, str]:
    pair, side = PAIRS[number % len(PAIRS)], ("buy", "sell")[number // len(PAIRS) % 2]
    body = {
        "client_order_id": f"{FORM_ID}{number:012}", "account": account, "pair": pair,
        "side": side, "quantity": f"{100_000 + number}",
    }  # fmt: skip
    if kind == "filled":
        return body | {"type": "market", "time_in_force": "FOK"}
    price = prices[pair].beside(side, AWAY_BPS + number // 8 * STEP_BPS)
    return body | {"type": "limit", "time_in_force": "GTC", "price": price}


def _append(data: Path, count: int, make: Callable[[Ledger], Iterator[Sealable]], say: Say) -> None:
    """Append what `make` gives, `count` entries of it, while no server has the folder."""
    settings = read_settings({"TALLYSTICK_DATA": str(data), "TALLYSTICK_ALERTS_TERMINAL": "false"})
    parts = open_parts(settings, SystemClock())
    try:
        asyncio.run(_appended(parts.ledger, make(parts.ledger), count, data, say))
    finally:
        parts.close()


async def _appended(
    ledger: Ledger, entries: Iterator[Sealable], count: int, data: Path, say: Say
) -> None:
    done = batches = 0
    while batch := list(islice(entries, BATCH)):
        await ledger.append(ledger.size, batch)
        done, batches = done + len(batch), batches + 1
        say(f"{data.name}: {count:,} entries", done / count)
        if batches % FOLD_BATCHES == 0:
            fold_wal(data / "ledger.db")
    fold_wal(data / "ledger.db")


def _accounts(ledger: Ledger, count: int) -> Iterator[Sealable]:
    """The demo account's opening for each of them."""
    opened = _found(ledger, b'"account":"demo"', b'"kind":"account_opened"')[0][1]
    form = opened.replace(b"%", b"%%").replace(b'"account":"demo"', b'"account":"%b-%06d"')
    for number in range(count):
        yield Sealable(form % (ACCOUNT.encode(), number))


def _orders(ledger: Ledger, count: int, holders: int) -> Iterator[Sealable]:
    """The forms in turn, each with a client_order_id, a position, and one of so many accounts."""
    forms = [
        _template(*found) for found in _found(ledger, b'"client_order_id":"' + FORM_ID.encode())
    ]
    first, name = ledger.size, ACCOUNT.encode()
    for number in range(count):
        named = {
            b"client": b"seed-%012d" % number,
            b"position": first + number,
            b"account": b"%b-%06d" % (name, number % holders) if holders else DEMO,
        }
        entry = forms[number % len(forms)] % named
        yield Sealable(entry, keys_of(decode(entry)))


def _template(position: int, entry: bytes) -> bytes:
    """The form with named places for the client_order_id, the account, the position in its ids."""
    entry = entry.replace(b"%", b"%%").replace(b'"account":"%b"' % DEMO, b'"account":"%(account)b"')
    form = re.sub(FORM_ID.encode() + rb"[0-9]{12}", rb"%(client)b", entry)
    return re.sub(rb'"([OF])-%d\b' % position, rb'"\1-%(position)d', form)


def _found(ledger: Ledger, *texts: bytes) -> list[tuple[int, bytes]]:
    """Position and bytes of the entries that hold all of these."""
    rows = ((position, ledger.rows(position, 1)[0].entry) for position in range(ledger.size))
    return [(at, entry) for at, entry in rows if all(text in entry for text in texts)]


def _settle(data: Path, say: Say) -> None:
    """Let the product fold everything, and keep its snapshot when it ends."""
    say(f"{data.name}: the product folds it", 0.5)
    with targets.product("seed", data):
        say(f"{data.name}: the product keeps it", 0.9)
