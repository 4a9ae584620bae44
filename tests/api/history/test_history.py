"""Searches, documents and range proofs at the door, on a real server."""

import base64
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tallystick.ledger import Sealable
from tallystick.ledger.checkpoint import parse_checkpoint
from tallystick.ledger.compact import heights
from tallystick.ledger.merkle import CompactRange, leaf_hash, verify_inclusion
from tallystick.ledger.notices import HeadText, LedgerReconciled
from tallystick.ledger.verify import verify_receipt

Reading = Callable[..., None]
ENTRIES = "/v1/ledger/entries"


def positions(answer: dict[str, Any]) -> list[int]:
    """Of the entries of a page."""
    return [item["position"] for item in answer["entries"]]


def test_entries_are_found_and_prove_themselves(reading: Reading) -> None:
    """Exact bytes, leaf hash, proof in a tree of the size asked for, and receipt."""

    async def act(room: Any) -> None:
        await room.open("demo", "other")
        for n in range(20):
            await room.place("demo" if n % 2 else "other")
        answer = await room.get(ENTRIES, account="demo", kind="order_decided", size=20,
                                receipts=True, to=20)  # fmt: skip
        assert positions(answer) == [3, 5, 7, 9, 11, 13, 15, 17, 19]
        assert (answer["from"], answer["to"], answer["position"]) == (0, 20, 22)
        for item in answer["entries"]:
            entry = item["entry"].encode()
            assert item["entry_base64"] is None
            assert leaf_hash(entry).hex() == item["leaf_hash"]
            proof = [base64.b64decode(each) for each in item["inclusion"]]
            verify_inclusion(index=item["position"], size=20, leaf=leaf_hash(entry), proof=proof,
                             root=room.ledger.root(20))  # fmt: skip
            receipt = msgspec.json.encode(item["receipt"])
            assert verify_receipt(receipt, room.ledger.vkey).verdict == "clean"
            order = msgspec.json.decode(entry)["order"]
            assert (item["account"], item["pair"]) == (order["account"], order["pair"])

    reading(act)


def test_pages_meet_while_the_ledger_grows(reading: Reading) -> None:
    """Cursors are positions: what is appended meanwhile moves no page, in either order."""

    async def act(room: Any) -> None:
        await room.open("demo", "other")
        for order in ("asc", "desc"):
            for n in range(11):
                await room.place("demo" if n % 3 else "other")
            size = room.ledger.size
            found, cursor = [], {}
            while True:
                page = await room.get(
                    ENTRIES, account="demo", order=order, limit=4, to=size, **cursor
                )
                found += positions(page)
                await room.place("demo")
                if page["next_cursor"] is None:
                    break
                cursor = {"cursor": page["next_cursor"]}
            whole = await room.get(ENTRIES, account="demo", to=size, limit=1_000)
            assert found == (positions(whole) if order == "asc" else positions(whole)[::-1])

    reading(act)


def test_an_account_sees_its_own_entries_only(reading: Reading) -> None:
    """Of others it learns nothing; operators and auditors see all; strangers nothing."""

    async def act(room: Any) -> None:
        await room.open("demo", "other")
        mine = (await room.place("demo")).receipt.position
        theirs = (await room.place("other")).receipt.position
        await room.switch(None, active=False)

        assert positions(await room.get(ENTRIES, "demo")) == [0, mine]
        assert positions(await room.get(ENTRIES, "other")) == [1, theirs]
        for name in ("operator", "auditor"):
            assert positions(await room.get(ENTRIES, name)) == [0, 1, 2, 3, 4]
        assert await room.refused(ENTRIES, "demo", account="other") == "403 FORBIDDEN"
        assert await room.refused(ENTRIES, "trader") == "403 FORBIDDEN"
        assert await room.refused(ENTRIES, None) == "401 UNAUTHENTICATED"
        unseen = f"/v1/history/order/O-{theirs}"
        assert await room.refused(unseen, "demo") == "404 UNKNOWN_DOCUMENT"
        assert await room.refused("/v1/history/account/other", "demo") == "404 UNKNOWN_DOCUMENT"
        assert (await room.get(unseen, "auditor"))["exists"]
        switch = await room.get("/v1/history/kill_switch/*", "demo")
        assert switch["versions"][0]["state"]["active"] is False

    reading(act)


def test_a_public_ledger_is_read_without_a_token(reading: Reading) -> None:
    """Where entries are public, so are searches and documents."""

    async def act(room: Any) -> None:
        await room.open("demo")
        placed = await room.place("demo")
        assert positions(await room.get(ENTRIES, None)) == [0, 1]
        story = await room.get(f"/v1/history/order/{placed.entry.order.id}", None)
        assert story["exists"]

    reading(act, public=True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"since": "yesterday"}, "422 VALUE_NOT_ALLOWED"),
        ({"from_": 5, "to": 2}, "422 BAD_RANGE"),
        ({"since": "2026-11-24T10:00:01Z", "until": "2026-11-24T10:00:00Z"}, "422 BAD_RANGE"),
        ({"account": "nobody"}, "422 UNKNOWN_ACCOUNT"),
        ({"pair": "EURUSD"}, "422 UNKNOWN_PAIR"),
        ({"limit": 1_001}, "422 VALUE_NOT_ALLOWED"),
        ({"order": "up"}, "422 VALUE_NOT_ALLOWED"),
        ({"size": 99}, "422 BAD_RANGE"),
        ({"size": 1}, "422 BAD_RANGE"),
        ({"what": "ever"}, "422 UNKNOWN_FIELD"),
        ({"cursor": -1}, "422 VALUE_NOT_ALLOWED"),
        ({"min_position": 999}, "409 NOT_HERE_YET"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_queries_that_cannot_be_answered(
    reading: Reading, query: dict[str, Any], code: str
) -> None:
    """Each is refused with its code and a sentence; nothing is guessed."""

    async def act(room: Any) -> None:
        await room.open("demo", "other")
        assert await room.refused(ENTRIES, **query) == code

    reading(act)


def test_times_are_cuts_of_the_ledger(reading: Reading) -> None:
    """`since` is included, `until` is not; a page says which positions they came down to."""

    async def act(room: Any) -> None:
        await room.open("demo")
        placed = [await room.place() for _ in range(5)]
        at = [each.entry.at for each in placed]
        answer = await room.get(ENTRIES, since=at[1], until=at[3], limit=1)
        assert (answer["from"], answer["to"]) == (2, 4)
        assert positions(await room.get(ENTRIES, since=at[1], until=at[3])) == [2, 3]
        assert positions(await room.get(ENTRIES, since="2200-01-01T00:00:00Z")) == []
        assert positions(await room.get(ENTRIES, until="1999-01-01T00:00:00+05:30")) == []

    reading(act)


def test_raw_entries_travel_in_base64(reading: Reading) -> None:
    """Bytes that are no text are given exactly, and say nothing of themselves."""

    async def act(room: Any) -> None:
        await room.open("demo")
        await room.ledger.append(1, [Sealable(b"\xff\x00raw")])
        (_, item) = (await room.get(ENTRIES))["entries"]
        assert item["entry"] is None
        assert base64.b64decode(item["entry_base64"]) == b"\xff\x00raw"
        assert (item["at"], item["kind"], item["account"], item["pair"]) == (None,) * 4

    reading(act)


def test_a_range_is_proved_whole(reading: Reading) -> None:
    """The leaves and the answer's hashes lead to the root of the checkpoint."""

    async def act(room: Any) -> None:
        await room.open("demo")
        for _ in range(30):
            await room.place()
        head = parse_checkpoint((await room.ask("/v1/ledger/checkpoint")).text)
        for start, stop in ((0, 31), (0, 0), (5, 20), (30, 31), (31, 31)):
            answer = await room.get("/v1/ledger/proof/range", None, from_=start, to=stop)
            assert answer["size"] == head.size == 31
            tree = CompactRange(start, [base64.b64decode(each) for each in answer["left"]])
            page = await room.get(ENTRIES, from_=start, to=stop, limit=1_000)
            for item in page["entries"]:
                tree.append(leaf_hash(item["entry"].encode()))
            right = [base64.b64decode(each) for each in answer["right"]]
            for node, height in zip(right, heights(stop, 31), strict=True):
                tree.append_subtree(node, height)
            assert tree.root() == head.root
        for query in (
            {"from_": 2, "to": 1},
            {"from_": 0, "to": 32},
            {"from_": 0, "to": 9, "size": 8},
        ):
            assert await room.refused("/v1/ledger/proof/range", **query) == "422 BAD_RANGE"

    reading(act)


def test_an_order_and_its_versions(reading: Reading) -> None:
    """Each version has its position, time, state and a receipt that verifies."""

    async def act(room: Any) -> None:
        await room.open("demo")
        placed = await room.place(price="1.08200")
        name = placed.entry.order.id
        recorded = await room.desk.cancel(name, "demo", by="a trader", reason="changed")
        answer = await room.get(f"/v1/history/order/{name}", "demo")
        assert (answer["kind"], answer["id"], answer["exists"], answer["size"]) == (
            "order", name, True, 3,
        )  # fmt: skip
        first, second = answer["versions"]
        assert (first["position"], first["kind"], first["at"]) == (
            1,
            "order_decided",
            placed.entry.at,
        )
        assert (second["position"], second["kind"]) == (2, "order_cancelled")
        assert second["at"] == recorded.entry.at
        assert first["state"]["order"]["state"] == "new"
        assert second["state"]["order"]["state"] == "cancelled"
        for version in (first, second):
            receipt = msgspec.json.encode(version["receipt"])
            assert verify_receipt(receipt, room.ledger.vkey).verdict == "clean"
        pages = [await room.get(f"/v1/history/order/{name}", limit=1, **cursor)
                 for cursor in ({}, {"cursor": 2})]  # fmt: skip
        assert [page["next_cursor"] for page in pages] == [2, None]
        assert [page["versions"][0] for page in pages] == [first, second]

    reading(act)


def test_state_as_of_a_position_or_a_time(reading: Reading) -> None:
    """The version in force then; before the first one it did not exist, which is no error."""

    async def act(room: Any) -> None:
        await room.open("other", "demo")
        placed = [await room.place("demo") for _ in range(3)]
        await room.switch("demo", active=True)
        path = "/v1/history/account/demo"
        bought = [round(float(each.entry.order.quantity)) for each in placed]
        for count, each in enumerate(placed, 1):
            position = each.receipt.position
            for query in ({"at_position": position}, {"at_time": each.entry.at}):
                answer = await room.get(path, "demo", **query)
                assert answer["size"] == position + 1
                (version,) = answer["versions"]
                assert version["position"] == position
                assert version["state"]["balances"]["EUR"] == f"{sum(bought[:count])}.00"
                assert version["state"]["stopped"] is False
        newest = await room.get(path, "demo", at_time="2200-01-01T00:00:00Z")
        assert newest["versions"][0]["state"]["stopped"] is True
        for query in ({"at_position": 0}, {"at_time": "1999-01-01T00:00:00Z"}):
            answer = await room.get(path, "demo", **query)
            assert (answer["exists"], answer["versions"]) == (False, [])
        fill = placed[1].entry.fills[0]
        trade = await room.get(f"/v1/history/trade/{fill.id}", "demo")
        assert trade["versions"][0]["state"]["price"] == fill.price
        assert await room.refused(path, at_position=99) == "422 BAD_RANGE"
        both = {"at_position": 1, "at_time": "1999-01-01T00:00:00Z"}
        assert await room.refused(path, **both) == "422 BAD_REQUEST"

    reading(act)


def test_documents_about_the_ledger_itself(reading: Reading) -> None:
    """What the operator did has versions, too."""

    async def act(room: Any) -> None:
        await room.open("demo")

        def notice(at: str) -> LedgerReconciled:
            return LedgerReconciled(at, None, HeadText(1, "00"), 0, False, "operator", "a test")

        await room.desk.record(notice)
        answer = await room.get("/v1/history/reconciliation/ledger", "demo")
        assert answer["versions"][0]["state"]["reason"] == "a test"

    reading(act)


@pytest.mark.parametrize(
    "path",
    ["order/O-0", "order/O-99", "order/nonsense", "trade/F-1-2", "trade/F-0-1", "trade/F-x",
     "account/nobody", "limit/nobody", "kill_switch/demo", "keys/ledger", "subject/S-1", "pet/rex"],
    ids=str,
)  # fmt: skip
def test_documents_that_are_not_there(reading: Reading, path: str) -> None:
    """Unknown, at any time, for those who may see everything and for those who may not."""

    async def act(room: Any) -> None:
        await room.open("demo")
        await room.place()
        for name in ("operator", "demo"):
            for query in ({}, {"at_position": 1}):
                code = await room.refused(f"/v1/history/{path}", name, **query)
                assert code == "404 UNKNOWN_DOCUMENT"

    reading(act)


def test_read_your_writes(reading: Reading) -> None:
    """With `min_position` an answer has seen that entry."""

    async def act(room: Any) -> None:
        await room.open("demo")
        for _ in range(5):
            position = (await room.place()).receipt.position
            answer = await room.get(ENTRIES, min_position=position, order="desc", limit=1)
            assert positions(answer) == [position]

    reading(act)
