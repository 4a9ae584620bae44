"""Subjects at the door: the operations over HTTP, on a real ledger, and nothing told by mistake."""

import asyncio
import base64
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tallystick.access import Tokens
from tallystick.api.operation import route
from tallystick.api.problems import problem_response
from tallystick.api.subjects import OPERATIONS
from tallystick.clock import SystemClock
from tallystick.errors import Corrupt, TallystickError
from tallystick.execution import Book, Desk, LimitsText, QuoteBoard
from tallystick.keys import FileKeyring
from tallystick.keys.subjects import SubjectKeys
from tallystick.ledger import Ledger, Publisher, SqliteStore
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.notices import Notice
from tallystick.ledger.personal import Retention, SqliteVault, Subjects
from tallystick.ledger.personal.disclosure import verify_disclosure
from tallystick.ledger.personal.retention import Rule
from tallystick.ledger.verify import FolderSource, verify_ledger, verify_receipt

CANARY = "Jäne-Canary-7f3a"
FIELDS = {"name": CANARY, "email": "canary-7f3a@example.com", "note": ""}
LIMITS = LimitsText("1000", "1000.00", 100, 1_000, 10)
REASON = {"reason": "request of the data subject", "legal_basis": "GDPR, Article 17(1)(b)"}


@dataclass
class Behind:
    """What the operations ask for: real rooms on one folder, without those not needed."""

    tokens: Tokens
    desk: Desk
    ledger: Ledger
    subjects: Subjects
    ledger_public: bool = False
    ledger_tiles_public: bool = True


class House:
    """A server of the subjects' operations on a data folder, in a thread of its own."""

    def __init__(self, folder: Path, retention: Retention | None = None) -> None:
        """Start it and wait until it answers."""
        self.folder = folder
        self.lines: list[Any] = []
        tokens = Tokens(folder / "tokens.json")
        self.operator = tokens.issue("operator 1", "", ("operate",))
        self.trader = tokens.issue("trader 1", "demo", ("trade", "read"))
        self._retention = retention
        self._ready = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(tokens)))
        self._thread.start()
        assert self._ready.wait(20), "the server did not start"

    def client(self, token: str | None = None) -> httpx.Client:
        """A client with this token, the operator's by default."""
        headers = {"Authorization": f"Bearer {token or self.operator}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20)

    def close(self) -> None:
        """End it."""
        assert self._server is not None
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()

    async def _serve(self, tokens: Tokens) -> None:
        clock = SystemClock()
        signer = FileKeyring("ledger.example/door", b"\x05" * 32)
        self.ledger = ledger = Ledger(SqliteStore(self.folder / "ledger.db", clock), signer)
        self.vkey = ledger.vkey
        desk = Desk(ledger, Book(), QuoteBoard(), clock)

        async def append(make: Callable[[str], Notice], key: str | None) -> int:
            return (await desk.record(make, key)).receipt.position

        keys = SubjectKeys(self.folder / "keys")
        vault = SqliteVault(self.folder / "personal.db")
        subjects = Subjects(ledger, append, keys, vault, clock, retention=self._retention)
        working = asyncio.create_task(desk.run())
        if "demo" not in desk.book.accounts:
            await desk.open_account("demo", LIMITS)
        await subjects.start()
        following = asyncio.create_task(subjects.run())
        behind: Any = Behind(tokens, desk, ledger, subjects)
        handlers: Any = {TallystickError: self._explain}
        app = Starlette(routes=[route(o, behind) for o in OPERATIONS], exception_handlers=handlers)
        config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", loop="asyncio")
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server.serve())
        while not self._server.started:  # noqa: ASYNC110  it has no event to wait for
            await asyncio.sleep(0)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._ready.set()
        await serving
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        desk.close()
        await working
        subjects.close()
        ledger.close()

    async def _explain(self, _request: Request, error: TallystickError) -> Response:
        self.lines.append(str(error))
        return problem_response(error)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A server on an empty folder."""
    house = House(tmp_path)
    yield house
    house.close()


def problem(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which has the form of one."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["code"]


def test_record_read_and_erase(house: House) -> None:
    """A person's way through the product, with every answer on it."""
    with house.client() as client:
        put = client.put("/v1/subjects/S-1", json={"fields": FIELDS, "account": "demo"})
        again = client.put("/v1/subjects/S-1", json={"fields": FIELDS, "account": "demo"})
        got = client.get("/v1/subjects/S-1")
        older = client.get("/v1/subjects/S-1", params={"position": 1})
        erased = client.post("/v1/subjects/S-1/erase", json=REASON)
        twice = client.post("/v1/subjects/S-1/erase", json={"reason": "again"})
        gone = client.get("/v1/subjects/S-1")
        refused = client.put("/v1/subjects/S-1", json={"fields": FIELDS})

    assert put.status_code == 200
    assert put.json() == again.json() == got.json() == older.json()
    shown = got.json()
    assert {name: field["value"] for name, field in shown["fields"].items()} == FIELDS
    assert (shown["position"], shown["positions"], shown["by"]) == (1, [1], "operator 1")
    assert {len(base64.b64decode(field["blind"])) for field in shown["fields"].values()} == {32}
    assert erased.json() == twice.json()
    assert erased.json()["position"] == 2
    assert erased.json()["fields"] == ["email", "name", "note"]
    assert problem(gone) == problem(refused) == (410, "SUBJECT_ERASED")
    assert gone.json()["detail"] == "Subject S-1 was erased at position 2 of the ledger."


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/v1/subjects/S-9", None, (404, "UNKNOWN_SUBJECT")),
        ("GET", "/v1/subjects/S-9/disclosure", None, (404, "UNKNOWN_SUBJECT")),
        ("POST", "/v1/subjects/S-9/erase", REASON, (404, "UNKNOWN_SUBJECT")),
        ("POST", "/v1/subjects/S-9/erase", {"reason": ""}, (422, "VALUE_NOT_ALLOWED")),
        ("POST", "/v1/subjects/S-9/erase", {}, (422, "BAD_REQUEST")),
        ("GET", "/v1/subjects/S-9?position=-1", None, (422, "VALUE_NOT_ALLOWED")),
        ("GET", "/v1/subjects/jane%20doe", None, (422, "VALUE_NOT_ALLOWED")),
        ("PUT", "/v1/subjects/S-9", {"fields": {}}, (422, "VALUE_NOT_ALLOWED")),
        ("PUT", "/v1/subjects/S-9", {"fields": {"Name": CANARY}}, (422, "VALUE_NOT_ALLOWED")),
        ("PUT", "/v1/subjects/S-9", {"fields": {"name": 7}}, (422, "VALUE_NOT_ALLOWED")),
        ("PUT", "/v1/subjects/S-9", {"fields": {"n": CANARY * 300}}, (422, "VALUE_NOT_ALLOWED")),
        ("PUT", "/v1/subjects/S-9", {"fields": {"n": "é" * 3_000}}, (422, "VALUE_NOT_ALLOWED")),
        (
            "PUT", "/v1/subjects/S-9",
            {"fields": {f"f{n}": "x" * 4_000 for n in range(20)}}, (413, "BODY_TOO_LARGE"),
        ),
        (
            "PUT", "/v1/subjects/S-9",
            {"fields": {"n": "x"}, "account": "nobody"}, (422, "UNKNOWN_ACCOUNT"),
        ),
        (
            "PUT", "/v1/subjects/canary-7f3a-x",
            {"fields": {"n": "Canary-7F3A"}}, (422, "PERSONAL_DATA"),
        ),
    ],
)  # fmt: skip
def test_what_is_refused(
    house: House, method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    """Each with a code and a sentence, none of which repeats a value; nothing is appended."""
    with house.client() as client:
        response = client.request(method, path, json=body)

    assert problem(response) == expected
    assert all("canary" not in line.casefold() for line in [response.text, *house.lines])
    assert house.ledger.size == 1


def test_a_subject_has_bounds(house: House) -> None:
    """A name too many is refused; the subject stays as it was and can be erased."""
    with house.client() as client:
        for start in range(0, 128, 32):
            fields = {f"field_{number}": "x" for number in range(start, start + 32)}
            assert client.put("/v1/subjects/S-1", json={"fields": fields}).status_code == 200
        more = client.put("/v1/subjects/S-1", json={"fields": {"field_128": "x"}})
        erased = client.post("/v1/subjects/S-1/erase", json=REASON)

    assert problem(more) == (409, "SUBJECT_TOO_LARGE")
    assert len(erased.json()["fields"]) == 128


def test_only_operators_may(house: House) -> None:
    """A trader may do nothing here, a stranger neither."""
    with house.client(house.trader) as trader, house.client("nobody") as stranger:
        for client, status in ((trader, 403), (stranger, 401)):
            for method, path, body in (
                ("PUT", "/v1/subjects/S-1", {"fields": FIELDS}),
                ("GET", "/v1/subjects/S-1", None),
                ("GET", "/v1/subjects/S-1/disclosure", None),
                ("POST", "/v1/subjects/S-1/erase", REASON),
            ):
                assert client.request(method, path, json=body).status_code == status


def test_a_disclosure_proves_what_was_recorded(house: House) -> None:
    """To anybody with the verifier key: the fields shown, nothing of the others; no lie passes."""
    with house.client() as client:
        client.put("/v1/subjects/S-1", json={"fields": FIELDS})
        shown = client.get("/v1/subjects/S-1/disclosure", params={"fields": "email"})
        whole = client.get("/v1/subjects/S-1/disclosure")
        wrong = client.get("/v1/subjects/S-1/disclosure", params={"fields": "email,age"})
        client.post("/v1/subjects/S-1/erase", json=REASON)
    clock = SystemClock()

    assert problem(wrong) == (422, "VALUE_NOT_ALLOWED")
    assert CANARY not in shown.text
    assert whole.json()["fields"].keys() == FIELDS.keys()
    for proof in (shown, whole):
        assert verify_disclosure(proof.content, house.vkey, clock=clock).subject == "S-1"
    for lie in (
        shown.content.replace(b"canary-7f3a@", b"canary-7f3b@"),
        shown.content.replace(b'"email"', b'"name"'),
        shown.content.replace(b'"position":1', b'"position":0'),
        b"{}",
    ):
        with pytest.raises(Corrupt):
            verify_disclosure(lie, house.vkey, clock=clock)
    other = FileKeyring("ledger.example/door", b"\x06" * 32)
    wrong_key = VerifierKey.of(other.name, other.public_key)
    with pytest.raises(Corrupt, match="receipt does not hold"):
        verify_disclosure(shown.content, wrong_key, clock=clock)


def test_the_guide_s_own_check_agrees(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of plain Python in docs/guides/erasure.md take a disclosure, and no other value."""
    guide = Path(__file__).resolve().parents[2] / "docs" / "guides" / "erasure.md"
    lines = guide.read_text().partition("```python\n")[2].partition("```")[0]
    with house.client() as client:
        client.put("/v1/subjects/S-1", json={"fields": FIELDS})
        shown = client.get("/v1/subjects/S-1/disclosure").content
    monkeypatch.chdir(tmp_path)
    (tmp_path / "check.py").write_text(lines)
    for data, status in ((shown, 0), (shown.replace(b"canary-7f3a@", b"canary-7f3b@"), 1)):
        (tmp_path / "disclosure.json").write_bytes(data)
        run = subprocess.run([sys.executable, "check.py"], capture_output=True, check=False)
        assert run.returncode == status, run.stderr


def test_a_duty_to_keep_records(tmp_path: Path) -> None:
    """The refusal names rule, basis and date, and there is no way around it."""
    rule = Rule(name="identity", basis="AMLD, Article 40", years=5)
    house = House(tmp_path, Retention((rule,)))
    with house.client() as client:
        client.put("/v1/subjects/S-1", json={"fields": FIELDS})
        refused = client.post("/v1/subjects/S-1/erase", json=REASON)
        still = client.get("/v1/subjects/S-1")
        around = client.post("/v1/subjects/S-1/erase", json=REASON | {"override": True})
    house.close()

    assert problem(refused) == (409, "ERASURE_FORBIDDEN")
    assert "'identity' (AMLD, Article 40)" in refused.json()["detail"]
    assert "The first possible date is " in refused.json()["detail"]
    assert still.status_code == 200
    assert problem(around) == (422, "UNKNOWN_FIELD")


def everything(folder: Path) -> bytes:
    """Every byte of every file in the data folder."""
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def forms(value: str) -> list[bytes]:
    """A value as it might stand in a file: text, JSON, base64 at each offset, hexadecimal."""
    data = value.encode()
    found = [data, value.encode("utf-16-le"), data.hex().encode(), data.hex().upper().encode()]
    found.append(msgspec.json.encode(value)[1:-1])
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + data)
        found.append(whole[4 if offset else 0 : -4])
    return found


def test_the_canary_is_nowhere(tmp_path: Path) -> None:
    """Neither before nor after the erasure, in any form, in any file, in any log line.

    After the erasure no blind is found either. Verification passes both times.
    """
    with structlog.testing.capture_logs() as lines:
        house = House(tmp_path)
        with house.client() as client:
            client.put("/v1/subjects/S-1", json={"fields": FIELDS, "account": "demo"})
            client.put("/v1/subjects/S-1", json={"fields": {"name": CANARY + "-2"}})
            read = client.get("/v1/subjects/S-1").json()
            client.post("/v1/subjects/S-1/erase", json={"reason": f"as {CANARY} wrote"})
            before = everything(tmp_path)
            audited = _audit(house)
            client.post("/v1/subjects/S-1/erase", json=REASON)
            during = everything(tmp_path)
            assert _audit(house) > audited
        house.close()
    after = everything(tmp_path)
    blind = base64.b64decode(read["fields"]["name"]["blind"])

    for data in (before, during, after):
        assert b"subject_recorded" in data
        told = [*forms(CANARY), *forms(FIELDS["email"])]
        assert [form for form in told if form in data] == []
    for data in (during, after):
        assert blind not in data
        assert blind.hex().encode() not in data
        assert base64.b64encode(blind)[:-2] not in data
    assert "anary" not in repr(lines)


def _audit(house: House) -> int:
    """How many entries verify, in the published folder and each by its receipt."""
    store = SqliteStore(house.folder / "ledger.db")
    publisher = Publisher(store, house.folder / "ledger")
    size = publisher.publish()
    publisher.close()
    source = FolderSource(house.folder / "ledger")
    report = verify_ledger(source, house.vkey, canonical_json=True, clock=SystemClock())
    assert (report.verdict, report.entries) == ("clean", size), report
    signer = FileKeyring("ledger.example/door", b"\x05" * 32)
    ledger = Ledger(SqliteStore(house.folder / "ledger.db"), signer)
    for position in range(size):
        receipt = msgspec.json.encode(ledger.receipt(position))
        assert verify_receipt(receipt, house.vkey).verdict == "clean"
    ledger.close()
    return size
