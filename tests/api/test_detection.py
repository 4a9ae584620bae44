"""Anomalies at the door: pages, the whole explanation, verdicts as entries, and how it stands."""

import asyncio
import base64
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
from tallystick.api.detection import OPERATIONS
from tallystick.api.operation import route
from tallystick.api.problems import problem_response
from tallystick.clock import Clock, SystemClock, rfc3339
from tallystick.errors import TallystickError
from tallystick.execution import Book, Desk, QuoteBoard
from tallystick.execution.entries import decode
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, SqliteStore
from tallystick.ledger.notices import AnomalyJudged
from tallystick.watch.collect.redact import Redactor
from tallystick.watch.detect.drift.state import DriftState
from tallystick.watch.detect.found import DetectionState, DetectorState, Found, Judging
from tallystick.watch.detect.score import Anomaly, Contribution, Example

START_NS = 1_790_000_000 * 10**9
STATE = DetectionState(
    running=True,
    model="0123456789ab",
    position=3,
    detectors=(DetectorState("order_size", 2),),
    drift=(DriftState("call_duration_us", "feature", 9_000, 0.31, 0.2, drifting=True),),
)


def anomaly(number: int, **members: object) -> Anomaly:
    """An order that is too large, at second `number`; members may be others."""
    usual: dict[str, object] = {
        "id": f"order_size-{number}",
        "detector": "order_size",
        "family": "fraud",
        "entity": "acme EUR/USD",
        "at": rfc3339(START_NS + number * 10**9),
        "p_value": 1e-9,
        "expected": "up to 300,000",
        "came": "5,000,000",
        "sentence": "acme bought 5,000,000 EUR/USD where 300,000 is usual.",
        "contributions": (
            Contribution("order_quantity", "EUR", 5e6, 1e4, 3e5, 6.0),
            Contribution("limit_share", "share", 0.5, 0.0, 0.1, 2.0),
        ),
        "nearest": Example(rfc3339(START_NS), "buy 280,000 EUR/USD", 1),
        "account": "acme",
        "pair": "EUR/USD",
        "position": number,
        "order_id": f"O-{number}",
        "positions": (number - 1, number),
    }
    return Anomaly(**usual | members)  # type: ignore[arg-type]


@dataclass
class Behind:
    """What the operations ask for: real rooms on one folder, without those not needed."""

    tokens: Tokens
    found: Found
    judging: Judging
    desk: Desk
    ledger: Ledger
    clock: Clock
    detection: Callable[[], DetectionState]
    ledger_public: bool = False
    ledger_tiles_public: bool = True


class House:
    """A server of the operations on a folder, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        """Start it and wait until it answers."""
        self._folder = folder
        self.tokens = Tokens(folder / "tokens.json")
        self.found = Found(folder / "anomalies.db", SystemClock())
        self._ready = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(20), "the server did not start"
        self.operator = self.client("operate")

    def client(self, *scopes: Any, name: str = "ann") -> httpx.Client:
        """Somebody with these scopes; closed with the house."""
        token = self.tokens.issue(name, "acme", scopes)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers)

    def judge(self, number: int, word: str = "dismissed", **members: object) -> httpx.Response:
        """A verdict on an anomaly."""
        body = {"verdict": word, "reason": "agreed by phone"} | members
        return self.operator.post(f"/v1/anomalies/order_size-{number}/verdict", json=body)

    def entries(self) -> list[AnomalyJudged]:
        """What the ledger says about anomalies."""
        said = [decode(row.entry) for row in self._ledger.rows(0, 100)]
        return [each for each in said if isinstance(each, AnomalyJudged)]

    def close(self) -> None:
        """End it."""
        assert self._server is not None
        self.operator.close()
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.found.close()

    async def _serve(self) -> None:
        clock = SystemClock()
        signer = FileKeyring("ledger.example/door", b"\x05" * 32)
        self._ledger = ledger = Ledger(SqliteStore(self._folder / "ledger.db", clock), signer)
        desk = Desk(ledger, Book(), QuoteBoard(), clock)
        working = asyncio.create_task(desk.run())
        judging = Judging(self.found, Redactor().find)
        behind: Any = Behind(self.tokens, self.found, judging, desk, ledger, clock, lambda: STATE)
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


def code(response: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and member of a refusal."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    return response.status_code, problem["code"], problem.get("field")


def test_a_page_and_the_next(house: House) -> None:
    """Newest first, each with its facts; the cursor leads on."""
    house.found.add([anomaly(n) for n in range(1, 6)])
    first = house.operator.get("/v1/anomalies", params={"limit": 3}).json()
    rest = house.operator.get("/v1/anomalies", params={"cursor": first["next"]}).json()

    assert [each["id"] for each in first["anomalies"]] == [f"order_size-{n}" for n in (5, 4, 3)]
    assert [each["id"] for each in rest["anomalies"]] == ["order_size-2", "order_size-1"]
    assert rest["next"] is None
    newest = first["anomalies"][0]
    facts = msgspec.json.decode(msgspec.json.encode(anomaly(5)))
    assert {name: newest[name] for name in facts} == facts
    assert newest["surprise"] == 9.0
    assert newest["verdict"] is None
    assert newest["found_at"] > newest["at"]


def test_filters(house: House) -> None:
    """By what it is, whose it is, when it was, how odd it was and what was said of it."""
    house.found.add([
        anomaly(1),
        anomaly(2, account="beta", p_value=1e-12, held="Held back."),
        anomaly(3, detector="layering", family="market_abuse", pair="USD/JPY"),
    ])  # fmt: skip
    house.judge(1)

    def asked(**params: object) -> list[int]:
        answer = house.operator.get("/v1/anomalies", params=params)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return [each["position"] for each in answer.json()["anomalies"]]

    assert asked(detector="layering", family="market_abuse", pair="USD/JPY") == [3]
    assert asked(account="beta", held="true", surprise_min="11.5") == [2]
    assert asked(verdict="dismissed") == [1]
    assert asked(verdict="none", held="false") == [3]
    assert asked(since=anomaly(2).at, until=anomaly(3).at) == [2]


@pytest.mark.parametrize(
    ("params", "refusal"),
    [
        ({"limit": "0"}, (422, "VALUE_NOT_ALLOWED", "limit")),
        ({"cursor": "nobody's"}, (422, "BAD_CURSOR", "cursor")),
        ({"verdict": "maybe"}, (422, "VALUE_NOT_ALLOWED", "verdict")),
        ({"family": "luck"}, (422, "VALUE_NOT_ALLOWED", "family")),
        ({"since": "yesterday"}, (422, "VALUE_NOT_ALLOWED", "since")),
        ({"surprise_min": "-1"}, (422, "VALUE_NOT_ALLOWED", "surprise_min")),
        ({"colour": "red"}, (422, "UNKNOWN_FIELD", "colour")),
    ],
)
def test_a_page_that_cannot_be(
    house: House, params: dict[str, str], refusal: tuple[int, str, str]
) -> None:
    """A code, and the parameter that is meant."""
    assert code(house.operator.get("/v1/anomalies", params=params)) == refusal


def test_the_whole_explanation(house: House) -> None:
    """Contributions with their shares, the entries with their proofs, and what was like it."""
    house.found.add([anomaly(n) for n in (2, 4, 9)])
    house.judge(2, "confirmed", reason="it was fraud")
    said = house.operator.get("/v1/anomalies/order_size-9").json()

    assert [each["share"] for each in said["contributions"]] == [0.75, 0.25]
    assert said["contributions"][0]["expected_high"] == 3e5
    assert said["nearest"] == {
        "at": rfc3339(START_NS), "text": "buy 280,000 EUR/USD", "position": 1,
    }  # fmt: skip
    assert said["order"] == "/v1/orders/O-9"
    assert said["evidence"] == [
        {"position": n, "entry": f"/v1/ledger/entries/{n}",
         "receipt": f"/v1/ledger/entries/{n}/receipt"}
        for n in (8, 9)
    ]  # fmt: skip
    assert said["verdicts"] == []
    like = [(each["id"], each["verdict"], each["reason"]) for each in said["similar"]]
    assert like == [("order_size-4", None, None), ("order_size-2", "confirmed", "it was fraud")]


def test_an_anomaly_of_no_entry(house: House) -> None:
    """Without contributions, order or entries there is nothing to lead to."""
    house.found.add([
        anomaly(1, id="log_silence-00aa", contributions=(), order_id=None, positions=(),
                position=None, nearest=None)
    ])  # fmt: skip
    said = house.operator.get("/v1/anomalies/log_silence-00aa").json()
    assert (said["contributions"], said["order"], said["evidence"]) == ([], None, [])


def test_a_verdict_is_an_entry(house: House) -> None:
    """The ledger says who, what and why; the answer has its receipt; the anomaly shows it."""
    house.found.add([anomaly(7)])
    until = "2027-01-01T00:00:00.000000Z"
    answer = house.judge(7, scope="entity", until=until)
    said = answer.json()

    assert answer.status_code == 200
    (entry,) = house.entries()
    assert entry == AnomalyJudged(
        at=said["at"], anomaly="order_size-7", detector="order_size", entity="acme EUR/USD",
        client="acme", verdict="dismissed", reason="agreed by phone", p_value="1e-09",
        sentence=anomaly(7).sentence, position=7, scope="entity", until=until, by="ann",
    )  # fmt: skip
    assert said["position"] == said["receipt"]["position"] == 0
    assert decode(base64.b64decode(said["receipt"]["entry"])) == entry
    (verdict,) = house.operator.get("/v1/anomalies/order_size-7").json()["verdicts"]
    assert verdict == {
        "position": 0, "at": entry.at, "verdict": "dismissed", "reason": "agreed by phone",
        "by": "ann", "scope": "entity", "until": until,
    }  # fmt: skip


def test_a_verdict_may_be_changed(house: House) -> None:
    """The newest holds, both stay."""
    house.found.add([anomaly(7)])
    house.judge(7)
    house.judge(7, "confirmed", reason="looked again")
    said = house.operator.get("/v1/anomalies/order_size-7").json()
    assert said["verdict"] == "confirmed"
    assert [each["verdict"] for each in said["verdicts"]] == ["dismissed", "confirmed"]


def test_a_verdict_happens_once_under_its_key(house: House) -> None:
    """A retry has the stored answer; another verdict under the key is a conflict."""
    house.found.add([anomaly(7)])
    path, headers = "/v1/anomalies/order_size-7/verdict", {"Idempotency-Key": "v-1"}
    body = {"verdict": "confirmed", "reason": "it was fraud"}
    first = house.operator.post(path, json=body, headers=headers)
    again = house.operator.post(path, json=body, headers=headers)
    other = house.operator.post(path, json=body | {"verdict": "dismissed"}, headers=headers)

    assert first.status_code == again.status_code == 200
    assert again.json()["position"] == first.json()["position"] == 0
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert code(other) == (409, "IDEMPOTENCY_CONFLICT", None)
    assert len(house.entries()) == 1


@pytest.mark.parametrize(
    ("members", "refusal"),
    [
        ({"word": "maybe"}, (422, "VALUE_NOT_ALLOWED", "verdict")),
        ({"reason": ""}, (422, "VALUE_NOT_ALLOWED", "reason")),
        ({"reason": "x" * 501}, (422, "VALUE_NOT_ALLOWED", "reason")),
        ({"reason": "card 4111 1111 1111 1111"}, (422, "PERSONAL_DATA", "reason")),
        ({"scope": "everything"}, (422, "VALUE_NOT_ALLOWED", "scope")),
        ({"until": "2020-01-01T00:00:00Z"}, (422, "VALUE_NOT_ALLOWED", "until")),
        (
            {"word": "confirmed", "until": "2027-01-01T00:00:00Z"},
            (422, "MEMBER_NOT_ALLOWED", "until"),
        ),
        ({"mood": "bad"}, (422, "UNKNOWN_FIELD", "mood")),
    ],
)
def test_a_verdict_that_cannot_be(
    house: House, members: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    """A code and the member; nothing is written."""
    house.found.add([anomaly(7)])
    assert code(house.judge(7, **members)) == refusal
    assert house.entries() == []


def test_an_anomaly_of_nobody(house: House) -> None:
    """It can be neither read nor judged."""
    assert code(house.operator.get("/v1/anomalies/x-1")) == (404, "UNKNOWN_ANOMALY", None)
    assert code(house.judge(1)) == (404, "UNKNOWN_ANOMALY", None)


def test_only_for_those_who_operate(house: House) -> None:
    """Whoever is looked into must not learn of it: not even what is his account's."""
    house.found.add([anomaly(7)])
    with house.client("trade", "read", "audit", name="acme") as client:
        for path in ("", "/order_size-7"):
            assert code(client.get(f"/v1/anomalies{path}")) == (403, "FORBIDDEN", None)
        assert code(client.get("/v1/detection")) == (403, "FORBIDDEN", None)
        body = {"verdict": "dismissed", "reason": "I say so"}
        said = client.post("/v1/anomalies/order_size-7/verdict", json=body)
        assert code(said) == (403, "FORBIDDEN", None)
    assert code(httpx.get(f"{house.url}/v1/anomalies")) == (401, "UNAUTHENTICATED", None)


def test_how_detection_stands(house: House) -> None:
    """What the process said of itself, how far behind it is, and what is kept."""
    house.found.add([anomaly(7), anomaly(8, held="Held back.")])
    for _ in range(4):
        house.judge(7)
    said = house.operator.get("/v1/detection").json()
    assert said["model"] == "0123456789ab"
    assert (said["position"], said["head"], said["lag"]) == (3, 4, 1)
    assert said["found"] == {"kept": 2, "held": 1, "confirmed": 0, "dismissed": 1}
    assert said["detectors"] == [{"name": "order_size", "findings": 2}]
    assert said["drift"][0]["drifting"] is True
    assert said["on"] is True
