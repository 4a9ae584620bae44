"""Halting, reducing and resuming over the API: one person stops, two let it go on."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tallystick.execution import decode, risk
from tallystick.execution.entries import OrderCancelled, TradingStateSet

Check = Callable[..., str]
STATE, RESUME = "/v1/trading-state", "/v1/trading-state/resume"


def test_four_eyes(room: Any, refused: Check) -> None:
    """Ann halts the account and asks; she cannot grant it, Bob can; all of it is proved."""

    async def story() -> None:
        """Two tokens."""
        async with room() as r:
            demo = {"scope": "account", "id": "demo"}
            halted = await r.ask("ann", "POST", STATE, **demo, state="halted", reason="a drill")
            assert halted.status_code == 200
            said = halted.json()
            position = said["receipt"]["position"]
            placed = await r.place()
            assert placed["rejection"] == {
                "code": "KILL_SWITCH_ACTIVE",
                "reason": "Trading is stopped for this account or for all."
                " It is halted: the account demo.",
            }
            asked = await r.ask("ann", "POST", RESUME, **demo, reason="it is over")
            assert (asked.status_code, asked.json()["granted"]) == (202, False)
            again = await r.ask("ann", "POST", RESUME, **demo, reason="it is over")
            sentence = refused(again, 409, "SECOND_PERSON_NEEDED")
            assert sentence.startswith("ann asked for this already")
            (seen,) = (await r.ask("trader", "GET", STATE)).json()["states"]
            told = {
                "scope": "account", "id": "demo", "state": "halted", "by": "ann",
                "reason": "a drill", "position": position,
            }  # fmt: skip
            assert told.items() <= seen.items()
            assert seen["asked"]["by"] == "ann"
            granted = await r.ask("bob", "POST", RESUME, **demo, reason="seen")
            answer = granted.json()
            assert granted.status_code == 200
            assert (answer["granted"], answer["asked_by"], answer["by"]) == (True, "ann", "bob")
            entry = decode(r.ledger.receipt(answer["receipt"]["position"]).entry)
            assert isinstance(entry, TradingStateSet)
            assert (entry.asked_by, entry.by, entry.state) == ("ann", "bob", "active")
            assert (await r.place())["order"]["state"] == "filled"
            assert (await r.ask("ann", "GET", STATE)).json() == {"states": []}

    asyncio.run(story())


def test_what_is_refused(room: Any, refused: Check) -> None:
    """Each with a status, a code, the field and a sentence; nothing is written."""

    async def story() -> None:
        """What cannot be."""
        async with room() as r:
            size = r.ledger.size
            body: dict[str, Any] = {"scope": "all", "state": "halted", "reason": "x"}
            cases: list[tuple[dict[str, Any], str, str]] = [
                ({"state": "gone"}, "VALUE_NOT_ALLOWED", "state"),
                ({"scope": "galaxy"}, "VALUE_NOT_ALLOWED", "scope"),
                ({"id": "demo"}, "VALUE_NOT_ALLOWED", "id"),
                ({"scope": "account"}, "VALUE_NOT_ALLOWED", "id"),
                ({"scope": "account", "id": "nobody"}, "UNKNOWN_ACCOUNT", "id"),
                ({"scope": "desk", "id": "nowhere"}, "UNKNOWN_DESK", "id"),
                ({"scope": "pair", "id": "EURUSD"}, "UNKNOWN_PAIR", "id"),
                ({"reason": "x" * 501}, "VALUE_NOT_ALLOWED", "reason"),
                ({"reason": " "}, "VALUE_NOT_ALLOWED", "reason"),
                ({"more": 1}, "UNKNOWN_FIELD", "more"),
            ]
            for members, code, field in cases:
                refused(await r.ask("ann", "POST", STATE, **body | members), 422, code, field)
            refused(await r.ask("trader", "POST", STATE, **body), 403, "FORBIDDEN")
            refused(await r.ask("nobody", "POST", STATE, **body), 401, "UNAUTHENTICATED")
            nothing = await r.ask("ann", "POST", RESUME, scope="all", reason="x")
            refused(nothing, 409, "NOTHING_TO_RESUME", "state")
            assert r.ledger.size == size
            await r.ask("ann", "POST", STATE, **body)
            freer = await r.ask("ann", "POST", STATE, **body | {"state": "reducing"})
            refused(freer, 409, "SECOND_PERSON_NEEDED", "state")

    asyncio.run(story())


def test_a_retry_is_the_stored_answer(room: Any, refused: Check) -> None:
    """Byte for byte; the same key for something else is a conflict."""

    async def story() -> None:
        """Halt and ask, each twice."""
        async with room() as r:
            body: dict[str, Any] = {"scope": "all", "reason": "x"}
            for path, members in ((STATE, {"state": "halted"}), (RESUME, {})):
                first = await r.ask("ann", "POST", path, key="k" + path[-4:], **body, **members)
                size = r.ledger.size
                again = await r.ask("ann", "POST", path, key="k" + path[-4:], **body, **members)
                assert (again.status_code, again.content) == (first.status_code, first.content)
                assert again.headers["idempotency-replayed"] == "true"
                assert "idempotency-replayed" not in first.headers
                assert r.ledger.size == size
            other = await r.ask("ann", "POST", STATE, key="ktate", **body, state="reducing")
            refused(other, 409, "IDEMPOTENCY_CONFLICT")
            bad = await r.ask("ann", "POST", STATE, key="two words", **body, state="halted")
            refused(bad, 422, "BAD_KEY", "Idempotency-Key")

    asyncio.run(story())


def test_who_sees_which_stop(room: Any) -> None:
    """An operator all; a trader those of all, of pairs, of the own desk and account."""

    async def story() -> None:
        """A stop of every kind."""
        async with room() as r:
            for scope, name in (
                ("all", None), ("desk", "x"), ("desk", "y"), ("account", "other"),
                ("pair", "EUR/USD"),
            ):  # fmt: skip
                body = {"scope": scope, "id": name, "state": "reducing", "reason": "x"}
                assert (await r.ask("ann", "POST", STATE, **body)).status_code == 200
            names = {}
            for who in ("ann", "trader", "second"):
                states = (await r.ask(who, "GET", STATE)).json()["states"]
                names[who] = [(each["scope"], each["id"]) for each in states]
            everybody, pair = ("all", None), ("pair", "EUR/USD")
            assert names["trader"] == [everybody, ("desk", "x"), pair]
            assert names["second"] == [("account", "other"), everybody, ("desk", "y"), pair]
            assert len(names["ann"]) == 5

    asyncio.run(story())


@pytest.mark.parametrize("at_once", [2, 1_000])
def test_halting_may_take_all_orders_back(
    room: Any, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Of everybody, however many commits it takes; a replay takes nothing back again."""
    monkeypatch.setattr(risk, "CANCELS_AT_ONCE_MAX", at_once)

    async def story() -> None:
        """Five orders of two accounts."""
        async with room() as r:
            for account in ("demo", "demo", "demo", "other", "other"):
                await r.place(account=account, price="1.08000")
            body = {"scope": "all", "state": "halted", "reason": "a drill", "cancel_orders": True}
            stopped = await r.ask("ann", "POST", STATE, key="k", **body)
            assert stopped.status_code == 200
            listed = (await r.ask("trader", "GET", "/v1/orders")).json()["orders"]
            assert [each["state"] for each in listed] == ["cancelled"] * 3
            assert not r.desk.book.account("other").open_orders
            resume = {"scope": "all", "reason": "over"}
            await r.ask("ann", "POST", RESUME, **resume)
            await r.ask("bob", "POST", RESUME, **resume)
            await r.place(price="1.08000")
            replayed = await r.ask("ann", "POST", STATE, key="k", **body)
            assert replayed.content == stopped.content
            assert len(r.desk.book.account("demo").open_orders) == 1

    asyncio.run(story())


def test_the_switch_of_the_first_release(room: Any, refused: Check) -> None:
    """It halts at once; to resume it asks, and a second person's word is the grant."""

    async def story() -> None:
        """As clients of the first release speak."""
        async with room() as r:
            switch = "/v1/kill-switch"
            for account, shown in (("demo", ["demo"]), (None, [])):
                body = {"active": True, "reason": "a drill", "account": account}
                stopped = await r.ask("ann", "POST", switch, **body)
                seen = {"all": account is None, "accounts": shown}
                assert (stopped.status_code, stopped.json()) == (200, seen)
                assert (await r.place())["rejection"]["code"] == "KILL_SWITCH_ACTIVE"
                off = body | {"active": False}
                asked = await r.ask("ann", "POST", switch, **off)
                assert asked.status_code == 202
                answer = asked.json()
                assert answer.pop("asked")["by"] == "ann"
                assert answer == seen
                refused(await r.ask("ann", "POST", switch, **off), 409, "SECOND_PERSON_NEEDED")
                granted = await r.ask("bob", "POST", switch, **off)
                assert (granted.status_code, granted.json()) == (
                    (200, {"all": False, "accounts": []})
                )
                assert (await r.place())["order"]["state"] == "filled"
                nothing = await r.ask("ann", "POST", switch, **off)
                assert (nothing.status_code, nothing.json()) == (200, granted.json())
            body = {"active": True, "reason": "x", "account": "nobody"}
            refused(await r.ask("ann", "POST", switch, **body), 422, "UNKNOWN_ACCOUNT", "account")
            long = {"active": True, "reason": "x" * 501}
            refused(await r.ask("ann", "POST", switch, **long), 422, "VALUE_NOT_ALLOWED", "reason")
            refused(await r.ask("trader", "POST", switch, **body), 403, "FORBIDDEN")
            assert (await r.ask("trader", "GET", switch)).status_code == 200
            await r.place(price="1.08000")
            last = {"active": True, "reason": "x", "cancel_orders": True}
            assert (await r.ask("ann", "POST", switch, **last)).json()["all"] is True
            assert not r.desk.book.account("demo").open_orders

    asyncio.run(story())


def test_killing_one_order(room: Any, refused: Check) -> None:
    """An operator takes back whoever's order; once, with a code of its own."""

    async def story() -> None:
        """One order of the trader's."""
        async with room() as r:
            order = (await r.place(price="1.08000"))["order"]["id"]
            path = f"/v1/orders/{order}/kill"
            refused(await r.ask("trader", "POST", path, reason="x"), 403, "FORBIDDEN")
            killed = await r.ask("ann", "POST", path, key="k", reason="fat finger")
            assert killed.status_code == 200
            answer = killed.json()
            assert (answer["order"]["state"], answer["by"]) == ("cancelled", "ann")
            entry = decode(r.ledger.receipt(answer["receipt"]["position"]).entry)
            assert isinstance(entry, OrderCancelled)
            assert (entry.code, entry.reason) == ("OPERATOR_REQUEST", "fat finger")
            again = await r.ask("ann", "POST", path, key="k", reason="fat finger")
            assert again.content == killed.content
            refused(await r.ask("ann", "POST", path, reason="x"), 409, "ORDER_NOT_OPEN")
            gone = await r.ask("ann", "POST", "/v1/orders/O-99/kill", reason="x")
            refused(gone, 404, "UNKNOWN_ORDER")

    asyncio.run(story())
