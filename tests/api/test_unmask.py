"""Unmasking at the door: only for those who may, only after the ledger says so."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tallystick.access import Tokens
from tallystick.api.operation import route
from tallystick.api.problems import problem_response
from tallystick.api.unmask import OPERATIONS
from tallystick.clock import Clock, ManualClock, SystemClock
from tallystick.errors import TallystickError
from tallystick.execution import Book, Desk, QuoteBoard
from tallystick.execution.entries import decode
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, SqliteStore
from tallystick.ledger.notices import LogUnmasked, Notice
from tallystick.watch.collect.redact import Originals, Redactor, Unmasker
from tallystick.watch.collect.store import LogStore

BODY = "card 4111 1111 1111 1111 of jane@example.com"
LINES = [
    {"timestamp": "2026-11-22T04:00:00Z", "event_name": "a.b", "body": BODY, "mail": "x@y.example"},
    {"timestamp": "2026-11-22T04:00:00Z", "body": "fine"},
    {
        "timestamp": "2026-11-22T04:00:01Z",
        "iban": "DE89370400440532013000",
        "com.splunk.index": "m",
    },
    {"timestamp": "2026-11-22T04:00:01Z", "body": "password=hunter2"},
]
REASON = {"reason": "complaint 77"}


@dataclass
class Behind:
    """What the operation asks for: real rooms on one folder, without those not needed."""

    tokens: Tokens
    unmasker: Unmasker
    clock: Clock
    ledger_public: bool = False
    ledger_tiles_public: bool = True


class House:
    """A server of the operation on a data folder with four lines, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        """Start it and wait until it answers."""
        self._folder = folder
        self.tokens = Tokens(folder / "tokens.json")
        self.store = LogStore(folder / "logs", ManualClock())
        self.originals = Originals(folder / "keys" / "logs", ManualClock())
        redactor = Redactor(originals=self.originals)
        self.store.append(redactor.redact([msgspec.json.encode(line) for line in LINES]))
        self.store.seal()
        self.refuse: TallystickError | None = None
        self._redactor = redactor
        self._ready = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(20), "the server did not start"

    def ask(self, seq: object, body: object, *scopes: Any, indexes: Any = None) -> httpx.Response:
        """One request, by somebody with these scopes (`unmask` by default)."""
        token = self.tokens.issue("ann", "", scopes or ("unmask",), indexes)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(f"{self.url}/v1/logs/{seq}/unmask", json=body, headers=headers)

    @property
    def entries(self) -> list[LogUnmasked]:
        """What the ledger says about it."""
        rows = self._ledger.rows(0, 100)
        said = [decode(row.entry) for row in rows]
        return [each for each in said if isinstance(each, LogUnmasked)]

    def close(self) -> None:
        """End it."""
        assert self._server is not None
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.originals.close()
        self.store.close()

    async def _serve(self) -> None:
        clock = SystemClock()
        signer = FileKeyring("ledger.example/door", b"\x05" * 32)
        self._ledger = ledger = Ledger(SqliteStore(self._folder / "ledger.db", clock), signer)
        desk = Desk(ledger, Book(), QuoteBoard(), clock)

        async def append(make: Callable[[str], Notice], key: str | None) -> int:
            if self.refuse is not None:
                raise self.refuse
            return (await desk.record(make, key)).receipt.position

        working = asyncio.create_task(desk.run())
        unmasker = Unmasker(self.store, self.originals, self._redactor, append)
        behind: Any = Behind(self.tokens, unmasker, clock)
        handlers: Any = {TallystickError: self._explain}
        app = Starlette(routes=[route(o, behind) for o in OPERATIONS], exception_handlers=handlers)
        config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", loop="asyncio")
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server.serve())
        while not self._server.started:  # noqa: ASYNC110  it has no event to wait for
            await asyncio.sleep(0)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        self._ready.set()
        await serving
        desk.close()
        await working
        ledger.close()

    async def _explain(self, _request: Request, error: TallystickError) -> Response:
        return problem_response(error)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A server on an empty folder."""
    house = House(tmp_path)
    yield house
    house.close()


def code(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["code"]


def test_reading_and_its_entry(house: House) -> None:
    """All that was taken out, of a line in a part; the entry tells who and where, no more."""
    answer = house.ask(1, REASON)
    one = house.ask(1, REASON | {"fields": ["/mail"]}).json()

    assert answer.status_code == 200
    said = answer.json()
    assert said["fields"] == {"/body": BODY, "/mail": "x@y.example"}
    assert (said["seq"], said["index"], said["by"]) == (1, "tallystick", "ann")
    assert one["fields"] == {"/mail": "x@y.example"}
    first, second = house.entries
    assert (said["position"], one["position"]) == (0, 1)
    assert first == LogUnmasked(
        said["at"], 1, "tallystick", ("/body", "/mail"), "ann", "complaint 77"
    )
    assert second.fields == ("/mail",)
    assert b"jane" not in msgspec.json.encode(house.entries)


@pytest.mark.parametrize(
    ("seq", "body", "expected"),
    [
        (2, REASON, (409, "NOT_SEALED")),
        (4, REASON, (409, "NOT_SEALED")),
        (99, REASON, (404, "UNKNOWN_LINE")),
        (0, REASON, (404, "UNKNOWN_LINE")),
        ("x", REASON, (404, "UNKNOWN_LINE")),
        ("1" * 40, REASON, (404, "UNKNOWN_LINE")),
        (1, {}, (422, "BAD_REQUEST")),
        (1, {"reason": ""}, (422, "VALUE_NOT_ALLOWED")),
        (1, REASON | {"fields": []}, (422, "VALUE_NOT_ALLOWED")),
        (1, REASON | {"fields": ["/none"]}, (422, "VALUE_NOT_ALLOWED")),
        (1, {"reason": "about x@y.example"}, (422, "PERSONAL_DATA")),
        (1, {"reason": "card 5555555555554444?"}, (422, "PERSONAL_DATA")),
        (3, {"reason": "is it DE89370400440532013000"}, (422, "PERSONAL_DATA")),
    ],
)
def test_what_is_refused(house: House, seq: object, body: Any, expected: tuple[int, str]) -> None:
    """With a code, and without an entry."""
    assert code(house.ask(seq, body)) == expected
    assert house.entries == []


@pytest.mark.parametrize("scope", ["operate", "audit", "read", "trade"])
def test_only_those_who_may(house: House, scope: str) -> None:
    """Not even operators: it is a permission of its own."""
    assert code(house.ask(1, REASON, scope)) == (403, "FORBIDDEN")
    assert house.entries == []


def test_only_in_their_indexes(house: House) -> None:
    """A token for one index reads nothing of another, nor learns what is there."""
    assert code(house.ask(1, REASON, indexes=["m"])) == (404, "UNKNOWN_LINE")
    assert house.ask(3, REASON, indexes=["m"]).json()["fields"] == {
        "/iban": "DE89370400440532013000"
    }


def test_no_entry_no_answer(house: House) -> None:
    """Where the ledger takes nothing, nothing is told."""
    house.refuse = TallystickError("The disk is full.")
    refused = house.ask(1, REASON)

    assert refused.status_code == 500
    assert "jane" not in refused.text


def test_what_was_destroyed_is_gone(house: House) -> None:
    """The month's key is no more."""
    sealed = msgspec.json.decode(house.store.read(1, 1)[0][1])["log.sealed"]
    house.originals.destroy(sealed.split(".")[1])

    assert code(house.ask(1, REASON)) == (410, "ORIGINALS_DESTROYED")
    assert house.entries == []


def test_many_fields_are_read_in_portions(house: House) -> None:
    """The entry names each: sixty-four at once."""
    redactor = Redactor(originals=house.originals)
    line = {f"f{n}": f"user{n}@example.com" for n in range(65)}
    seq = house.store.append(redactor.redact([msgspec.json.encode(line)]))

    assert code(house.ask(seq, REASON)) == (422, "FIELDS_TOO_MANY")
    some = house.ask(seq, REASON | {"fields": [f"/f{n}" for n in range(64)]})
    assert len(some.json()["fields"]) == 64
    assert code(house.ask(seq, REASON | {"fields": ["/f1"] * 65})) == (422, "VALUE_NOT_ALLOWED")
