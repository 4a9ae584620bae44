"""Limits over the API: set by scope, read with where they come from, overridden by signature."""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from tallystick.execution import decode
from tallystick.execution.approval import check_entry
from tallystick.execution.entries import LimitOverridden
from tallystick.ledger.checkpoint import VerifierKey

Check = Callable[..., str]
LIMITS, OVERRIDES = "/v1/limits", "/v1/limits/overrides"
BODY: dict[str, Any] = {"scope": "all", "reason": "policy"}


async def effective(r: Any, **query: str) -> dict[str, tuple[str, str, str | None]]:
    """What holds for the trader: (value, scope, id) by limit."""
    answer = await r.ask("trader", "GET", LIMITS, **query)
    assert answer.status_code == 200, answer.text
    return {
        each["limit"]: (each["value"], each["scope"], each["id"])
        for each in answer.json()["limits"]
    }


def test_each_limit_says_where_it_comes_from(room: Any) -> None:
    """The tightest of all scopes, by name, with the entry that set it."""

    async def story() -> None:
        """One limit in three scopes."""
        async with room() as r:
            opened = await effective(r)
            assert opened["order_quantity_max"] == ("1000000", "account", "demo")
            assert opened["duplicates_max"] == ("1000000", "account", "demo")
            assert "order_usd_max" not in opened
            sets = [
                ("all", None, {"order_quantity_max": "900000", "order_usd_max": "500000.00"}),
                ("desk", "x", {"order_quantity_max": "950000", "collar_bps": 50}),
                ("pair", "EUR/USD", {"order_quantity_max": "800000"}),
                ("desk", "y", {"order_quantity_max": "1"}),
            ]
            positions = {}
            for scope, name, limits in sets:
                answer = await r.ask("ann", "PUT", LIMITS, **BODY | {"scope": scope, "id": name,
                                     "limits": limits})  # fmt: skip
                assert answer.status_code == 200, answer.text
                assert answer.json()["limits"] == limits
                positions[scope, name] = answer.json()["receipt"]["position"]
            whole = await effective(r)
            assert whole["order_quantity_max"] == ("900000", "all", None)
            assert whole["collar_bps"] == ("50", "desk", "x")
            paired = await effective(r, pair="EUR/USD")
            assert paired["order_quantity_max"] == ("800000", "pair", "EUR/USD")
            assert paired["order_usd_max"] == ("500000.00", "all", None)
            raw = (await r.ask("ann", "GET", LIMITS, account="demo", pair="EUR/USD")).json()
            found = {each["limit"]: each for each in raw["limits"]}
            assert (raw["account"], raw["desk"], raw["pair"]) == ("demo", "x", "EUR/USD")
            assert found["order_quantity_max"]["position"] == positions["pair", "EUR/USD"]
            assert (await r.place(quantity="800001"))["rejection"]["code"] == "QUANTITY_TOO_LARGE"
            await r.ask("ann", "PUT", LIMITS, **BODY, limits={})
            assert "order_usd_max" not in await effective(r)

    asyncio.run(story())


def test_what_is_refused(room: Any, refused: Check) -> None:
    """Each with a status, a code, the field and a sentence; nothing is written."""

    async def story() -> None:
        """What cannot be."""
        async with room() as r:
            size = r.ledger.size
            cases: list[tuple[dict[str, Any], str, str]] = [
                ({"limits": {"leverage": 30}}, "UNKNOWN_FIELD", "limits.leverage"),
                ({"limits": {"collar_bps": "1"}}, "VALUE_NOT_ALLOWED", "limits.collar_bps"),
                (
                    {"limits": {"order_usd_max": "1.001"}}, "AMOUNT_TOO_PRECISE",
                    "limits.order_usd_max",
                ),
                ({"limits": {}, "scope": "desk", "id": "z"}, "UNKNOWN_DESK", "id"),
                ({"limits": {}, "reason": "x" * 501}, "VALUE_NOT_ALLOWED", "reason"),
                (
                    {"limits": {"message_burst": 3}, "scope": "pair", "id": "EUR/USD"},
                    "VALUE_NOT_ALLOWED", "limits.message_burst",
                ),
            ]  # fmt: skip
            for members, code, field in cases:
                refused(await r.ask("ann", "PUT", LIMITS, **BODY | members), 422, code, field)
            refused(await r.ask("trader", "PUT", LIMITS, **BODY, limits={}), 403, "FORBIDDEN")
            refused(await r.ask("trader", "GET", LIMITS, account="other"), 403, "FORBIDDEN")
            refused(await r.ask("ann", "GET", LIMITS, account="no"), 422, "UNKNOWN_ACCOUNT",
                    "account")  # fmt: skip
            refused(await r.ask("trader", "GET", LIMITS, pair="x"), 422, "UNKNOWN_PAIR")
            assert r.ledger.size == size

    asyncio.run(story())


def test_setting_limits_happens_once(room: Any, refused: Check) -> None:
    """A retry is the stored answer, also after the limits were set again."""

    async def story() -> None:
        """Twice under one key."""
        async with room() as r:
            first = await r.ask("ann", "PUT", LIMITS, key="k", **BODY, limits={"collar_bps": 5})
            await r.ask("ann", "PUT", LIMITS, key="k-2", **BODY, limits={"collar_bps": 6})
            again = await r.ask("ann", "PUT", LIMITS, key="k", **BODY, limits={"collar_bps": 5})
            assert again.content == first.content
            assert again.headers["idempotency-replayed"] == "true"
            assert (await effective(r))["collar_bps"] == ("6", "all", None)
            other = await r.ask("ann", "PUT", LIMITS, key="k", **BODY, limits={"collar_bps": 7})
            refused(other, 409, "IDEMPOTENCY_CONFLICT")

    asyncio.run(story())


def test_an_override_from_the_note_to_the_auditor(room: Any) -> None:
    """Submitted by Ann, approved by Alice: it holds, ends, and is proved by the entry alone."""

    async def story() -> None:
        """Two million, for two hours."""
        async with room() as r:
            large = {"quantity": "2000000"}
            assert (await r.place(**large))["rejection"]["code"] == "QUANTITY_TOO_LARGE"
            note = r.note()
            answer = await r.ask("ann", "POST", OVERRIDES, note=note)
            assert answer.status_code == 200, answer.text
            said = answer.json()
            assert (said["approver"], said["by"], said["value"]) == ("alice", "ann", "2000000")
            assert (await r.place(**large))["order"]["state"] == "filled"
            raw = (await r.ask("trader", "GET", LIMITS)).json()["limits"]
            (limit,) = [each for each in raw if each["limit"] == "order_quantity_max"]
            assert limit["until"] == said["until"]
            assert limit["position"] == said["receipt"]["position"]

            again = await r.ask("bob", "POST", OVERRIDES, note=note)
            assert again.content == answer.content, "whoever submits it, it counts once"
            r.clock.advance(7_200)
            r.price()
            assert (await r.place(**large))["rejection"]["code"] == "QUANTITY_TOO_LARGE"
            late = await r.ask("ann", "POST", OVERRIDES, note=note)
            assert late.content == answer.content, "a retry after its end still finds its answer"

            entry = decode(b64decode(said["receipt"]["entry"]))
            assert isinstance(entry, LimitOverridden)
            alice = VerifierKey.parse(r.alice.vkey)
            assert check_entry(entry, [alice]).approval.reason == "a large hedge"

    asyncio.run(story())


def test_overrides_that_are_refused(room: Any, refused: Check) -> None:
    """Somebody else's, changed, ended, too long, for nobody, for another ledger."""

    async def story() -> None:
        """None of them is written."""
        async with room() as r:
            size = r.ledger.size
            old = r.note(hours=1)
            r.clock.advance(3_600)
            changed = r.note().replace("2000000", "9000000")
            cases = [
                (r.note(r.mallory), "UNKNOWN_APPROVER"),
                (changed, "BAD_OVERRIDE"),
                ("hello", "BAD_OVERRIDE"),
                (old, "OVERRIDE_EXPIRED"),
                (r.note(scope="account", id="nobody"), "UNKNOWN_ACCOUNT"),
                (r.note(scope="desk", id="z"), "UNKNOWN_DESK"),
                (r.note(scope="pair", id="EUR/USD", limit="open_orders_max"), "VALUE_NOT_ALLOWED"),
                (r.note(limit="messages_per_second", value="0"), "VALUE_NOT_ALLOWED"),
                (r.note(ledger="example.com/other"), "BAD_OVERRIDE"),
            ]
            for note, code in cases:
                refused(await r.ask("ann", "POST", OVERRIDES, note=note), 422, code, "note")
            refused(await r.ask("trader", "POST", OVERRIDES, note=old), 403, "FORBIDDEN")
            assert r.ledger.size == size
            own = await r.ask("ann", "POST", OVERRIDES, note=r.note(ledger=r.ledger.origin))
            assert own.status_code == 200

    asyncio.run(story())
