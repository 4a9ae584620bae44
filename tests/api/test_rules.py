"""Event rules over the API: everything that an operator asks, and what is refused."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tallystick.access import Tokens
from tallystick.api.operation import route
from tallystick.api.problems import problem_response
from tallystick.api.rules import OPERATIONS
from tallystick.clock import ManualClock
from tallystick.errors import TallystickError
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.stream import Message
from tallystick.stream.rules import EventRules, read_rule
from tallystick.stream.rules.targets import WorkflowTarget

RULE = {
    "description": "fills",
    "pattern": {"detail-type": ["Order Filled"]},
    "targets": [
        {"id": "q", "type": "queue", "queue": "q"},
        {"id": "w", "type": "workflow", "url": "http://127.0.0.1:1/run"},
    ],
}
DAILY = {"schedule": "rate(1 day)", "targets": [{"type": "queue", "queue": "q"}]}
ENTRY = b'{"at":"2023-11-14T22:13:20.000000Z","kind":"order_filled","order":{"account":"demo"}}'
OTHER = b'{"at":"2023-11-14T22:13:30.000000Z","kind":"order_expired"}'


class Door:
    """The operations on rules over a ledger in memory, without the rest of the product."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.ledger = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x07" * 32))
        rules = [
            read_rule(name, json.dumps(rule).encode(), "json")
            for name, rule in (("fills", RULE), ("daily", DAILY))
        ]
        self.rules = EventRules(
            folder / "rules.db",
            rules,
            self.ledger,
            self.clock,
            random.Random(7),  # noqa: S311  jitter
            secret=b"a shared secret of enough bytes",
        )
        tokens = Tokens(folder / "tokens.json", self.clock)
        self.token = tokens.issue("ops", "demo", ("operate",))
        self.reader = tokens.issue("reader", "demo", ("read",))
        services: Any = SimpleNamespace(
            clock=self.clock,
            tokens=tokens,
            rules=self.rules,
            ledger=self.ledger,
            ledger_public=False,
            ledger_tiles_public=False,
        )

        async def told(_request: Request, error: Exception) -> Response:
            """As the product tells errors."""
            assert isinstance(error, TallystickError)
            return problem_response(error)

        app = Starlette(
            routes=[route(operation, services) for operation in OPERATIONS],
            exception_handlers={TallystickError: told},
        )
        self._transport = httpx.ASGITransport(app)

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None
    ) -> httpx.Response:
        """One request, with the operator's token unless another is named."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        async with httpx.AsyncClient(
            transport=self._transport, base_url="http://door", headers=headers
        ) as client:
            return await client.request(method, path, json=body)

    async def say(self, *entries: bytes) -> None:
        """Append and feed."""
        first = self.ledger.size
        await self.ledger.append(first, [Sealable(entry) for entry in entries])
        await self.rules.take([Message(first + n, entry) for n, entry in enumerate(entries)])

    async def deliver(self, question: Callable[[], Any]) -> None:
        """Let the rules run until the answer is true."""
        task = asyncio.create_task(self.rules.run())
        for _ in range(4_000):
            if question():
                break
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert question()


def play(folder: Path, scene: Callable[[Door], Coroutine[Any, Any, None]]) -> None:
    """One scene on one loop."""

    async def main() -> None:
        """Open, play, close."""
        door = Door(folder)
        try:
            await scene(door)
        finally:
            await door.rules.close()

    asyncio.run(main())


def test_the_list_says_what_became_of_everything(tmp_path: Path) -> None:
    """Rules with their patterns and schedules, and counts by target."""

    async def scene(door: Door) -> None:
        """One fill, delivered to the queue; nobody runs workflows."""
        await door.say(ENTRY, OTHER)
        delivered = ("fills", "q")
        await door.deliver(lambda: door.rules.outbox.counts().get(delivered, {}).get("delivered"))
        answer = (await door.ask("GET", "/v1/rules")).json()
        fills, daily = answer["rules"]
        assert answer["position"] == 2
        assert (fills["name"], fills["matched"], fills["enabled"]) == ("fills", 1, True)
        assert fills["pattern"] == RULE["pattern"]
        queue, workflow = fills["targets"]
        assert (queue["delivered"], queue["waiting"]) == (1, 0)
        assert workflow["type"] == "workflow"
        assert workflow["delivered"] == 0
        assert (daily["pattern"], daily["schedule"]) == (None, "rate(1 day)")

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"pattern": {"detail-type": ["Order Filled"]}, "position": 0},
         {"matched": True, "path": None, "reason": None, "rules": ["fills"]}),
        ({"rule": "fills", "event": {"detail-type": "Order Expired"}},
         {"matched": False, "path": "detail-type", "rules": [],
          "reason": 'detail-type is "Order Expired"; asked for is ["Order Filled"].'}),
        ({"pattern": {"detail": {"order": {"account": ["x"]}}}, "position": 0},
         {"matched": False, "path": "detail.order.account", "rules": ["fills"],
          "reason": 'detail.order.account is "demo"; asked for is ["x"].'}),
    ],
)  # fmt: skip
def test_a_pattern_is_tried(tmp_path: Path, body: Any, expected: Any) -> None:
    """Against an event or an entry; the answer names the path that fails."""

    async def scene(door: Door) -> None:
        """One entry to try on."""
        await door.say(ENTRY)
        response = await door.ask("POST", "/v1/rules/test", body)
        assert (response.status_code, response.json()) == (200, expected)
        assert door.rules.outbox.counts()["fills", ""] == {"matched": 1}

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/rules/test", {"pattern": {"a": "x"}, "event": {}}, 422, "BAD_PATTERN"),
        ("POST", "/v1/rules/test", {"rule": "no", "event": {}}, 404, "UNKNOWN_RULE"),
        ("POST", "/v1/rules/test", {"rule": "daily", "event": {}}, 422, "BAD_REQUEST"),
        ("POST", "/v1/rules/test", {"rule": "fills"}, 422, "BAD_REQUEST"),
        ("POST", "/v1/rules/test", {"event": {}}, 422, "BAD_REQUEST"),
        ("POST", "/v1/rules/test", {"rule": "fills", "position": 9}, 404, "UNKNOWN_ENTRY"),
        ("POST", "/v1/rules/dead/replay", {"id": 9}, 404, "UNKNOWN_DEAD_LETTER"),
        ("DELETE", "/v1/rules/dead/9", None, 404, "UNKNOWN_DEAD_LETTER"),
        ("DELETE", "/v1/rules/dead/x", None, 404, "UNKNOWN_DEAD_LETTER"),
        ("POST", "/v1/rules/replays", {"name": "a", "from": "now", "to": "x"}, 422,
         "VALUE_NOT_ALLOWED"),
        ("POST", "/v1/rules/replays",
         {"name": "a", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 422,
         "BAD_RANGE"),
        ("POST", "/v1/rules/replays", {"name": "a", "from": "2026-01-01T00:00:00Z",
         "to": "2026-01-02T00:00:00Z", "rule": "no"}, 404, "UNKNOWN_RULE"),
        ("GET", "/v1/rules/replays/no", None, 404, "UNKNOWN_REPLAY"),
        ("DELETE", "/v1/rules/replays/no", None, 404, "UNKNOWN_REPLAY"),
        ("GET", "/v1/rules/runs/no", None, 404, "UNKNOWN_RUN"),
        ("POST", "/v1/rules/runs/no", {"token": "x", "status": "failed"}, 404, "UNKNOWN_RUN"),
        ("GET", "/v1/queues/no%20name", None, 422, "BAD_QUEUE"),
        ("GET", "/v1/queues/q?limit=0", None, 422, "VALUE_NOT_ALLOWED"),
    ],
)  # fmt: skip
def test_what_is_refused(
    tmp_path: Path, method: str, path: str, body: Any, status: int, code: str
) -> None:
    """Each with its status and code, and a sentence."""

    async def scene(door: Door) -> None:
        """One request."""
        response = await door.ask(method, path, body)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.json()["detail"].endswith(".")

    play(tmp_path, scene)


def test_only_operators_ask(tmp_path: Path) -> None:
    """Every operation but the answer of a run wants the scope operate."""

    async def scene(door: Door) -> None:
        """A token that may only read, and none."""
        for operation in OPERATIONS:
            path = operation.path.replace("{name}", "q").replace("{id}", "1")
            if operation.scope is None:
                assert (operation.method, operation.path) == ("POST", "/v1/rules/runs/{id}")
                continue
            assert (
                await door.ask(operation.method, path, {}, token=door.reader)
            ).status_code == 403
            assert (await door.ask(operation.method, path, {}, token="none")).status_code == 401

    play(tmp_path, scene)


def test_dead_letters_are_shown_revived_and_thrown_away(tmp_path: Path) -> None:
    """By page, by rule, one or all."""

    async def scene(door: Door) -> None:
        """Three deliveries to a rule that is gone."""
        from tallystick.stream.rules.outbox import Matched, delivery_key  # noqa: PLC0415

        door.rules.outbox.keep(
            [Matched(delivery_key(str(n), "gone", "t"), "gone", "t", str(n), b"{}")
             for n in range(3)],
            door.clock.now_ns(),
        )  # fmt: skip
        await door.deliver(lambda: door.rules.outbox.dead_count() == 3)
        page = (await door.ask("GET", "/v1/rules/dead?limit=2&rule=gone")).json()
        assert (len(page["dead_letters"]), page["total"]) == (2, 3)
        oldest = page["dead_letters"][-1]
        assert (oldest["event_id"], oldest["body"]) == ("1", {})
        more = (await door.ask("GET", f"/v1/rules/dead?before={oldest['id']}")).json()
        assert [each["event_id"] for each in more["dead_letters"]] == ["0"]
        assert (await door.ask("GET", "/v1/rules/dead?target=x")).json()["dead_letters"] == []
        left = (await door.ask("DELETE", f"/v1/rules/dead/{oldest['id']}")).json()
        assert left["total"] == 2
        again = await door.ask("POST", "/v1/rules/dead/replay", {"rule": "gone"})
        assert again.json() == {"revived": 2}

    play(tmp_path, scene)


def test_a_replay_is_begun_shown_and_stopped(tmp_path: Path) -> None:
    """202 at once; its progress is read; stopping it is final."""

    async def scene(door: Door) -> None:
        """A dry run over two entries, and another that is stopped."""
        await door.say(ENTRY, OTHER)
        period = {"from": "2023-11-14T00:00:00Z", "to": "2023-11-15T00:00:00Z"}
        begun = await door.ask(
            "POST", "/v1/rules/replays", {"name": "a", "dry_run": True, **period}
        )
        assert (begun.status_code, begun.json()["end"]) == (202, 2)
        twice = await door.ask("POST", "/v1/rules/replays", {"name": "a", **period})
        assert (twice.status_code, twice.json()["code"]) == (409, "REPLAY_EXISTS")
        await door.deliver(lambda: door.rules.replays.get("a").state == "done")
        shown = (await door.ask("GET", "/v1/rules/replays/a")).json()
        assert (shown["matched"], shown["position"], shown["dry_run"]) == (1, 2, True)
        await door.ask("POST", "/v1/rules/replays", {"name": "b", **period})
        stopped = (await door.ask("DELETE", "/v1/rules/replays/b")).json()
        assert stopped["state"] == "cancelled"
        listed = (await door.ask("GET", "/v1/rules/replays")).json()["replays"]
        assert [(each["name"], each["state"]) for each in listed] == [
            ("b", "cancelled"),
            ("a", "done"),
        ]

    play(tmp_path, scene)


def test_numbers_and_times_that_no_file_holds(tmp_path: Path) -> None:
    """Very large ids are refused; a period may reach from the first year to the last."""

    async def scene(door: Door) -> None:
        """One entry."""
        await door.say(ENTRY)
        for path in ("/v1/rules/dead?before=99999999999999999999", "/v1/rules/dead?before=-1"):
            assert (await door.ask("GET", path)).status_code == 422
        body = {"name": "all", "from": "0001-01-01T00:00:00Z", "to": "9999-12-31T00:00:00Z"}
        begun = await door.ask("POST", "/v1/rules/replays", body)
        assert (begun.status_code, begun.json()["first"], begun.json()["end"]) == (202, 0, 1)
        body |= {"name": "none", "from": "9999-01-01T00:00:00Z"}
        assert (await door.ask("POST", "/v1/rules/replays", body)).json()["code"] == "BAD_RANGE"

    play(tmp_path, scene)


def test_a_queue_is_read_and_acknowledged(tmp_path: Path) -> None:
    """Received messages are hidden, given back, acknowledged; an empty queue may be waited on."""

    async def scene(door: Door) -> None:
        """Two messages."""
        for number in range(2):
            door.rules.queues.send("q", str(number), b'{"n":%d}' % number, door.clock.now_ns())
        (item,) = (await door.ask("GET", "/v1/queues")).json()["queues"]
        assert (item["name"], item["messages"]) == ("q", 2)
        one, two = (await door.ask("GET", "/v1/queues/q")).json()["messages"]
        assert (one["body"], one["receives"]) == ({"n": 0}, 1)
        none = await door.ask("GET", "/v1/queues/q?wait_seconds=1")
        assert none.json() == {"messages": []}
        changed = await door.ask(
            "POST", "/v1/queues/q", {"acknowledge": [one["receipt"], "x"], "hide": [two["receipt"]]}
        )
        assert changed.json() == {"acknowledged": 1, "hidden": 1}
        (again,) = (await door.ask("GET", "/v1/queues/q?limit=5")).json()["messages"]
        assert (again["id"], again["receives"]) == ("1", 2)

    play(tmp_path, scene)


def test_a_run_is_answered_with_its_token(tmp_path: Path) -> None:
    """Once; saying it again changes nothing; a wrong token knows nothing of the run."""

    async def scene(door: Door) -> None:
        """A run that is under way."""
        from tallystick.stream.rules.targets import Parcel  # noqa: PLC0415

        target = door.rules.targets["fills", "w"][0]
        assert isinstance(target, WorkflowTarget)
        parcel = Parcel("run-1", "fills", "w", "0", b"{}")
        now_ns = door.clock.now_ns()
        door.rules.runs.begin_run(parcel, now_ns + 10**9, now_ns)
        body = {"token": target.token("run-1"), "status": "succeeded", "output": {"ok": True}}
        wrong = await door.ask("POST", "/v1/rules/runs/run-1", {**body, "token": "x"}, token="")
        assert (wrong.status_code, wrong.json()["code"]) == (404, "UNKNOWN_RUN")
        large = await door.ask("POST", "/v1/rules/runs/run-1", {**body, "output": "x" * 70_000})
        assert large.status_code == 413
        first = await door.ask("POST", "/v1/rules/runs/run-1", body, token="")
        again = await door.ask("POST", "/v1/rules/runs/run-1", {**body, "status": "failed"})
        assert first.json() == again.json()
        shown = (await door.ask("GET", "/v1/rules/runs/run-1")).json()
        assert (shown["state"], shown["output"]) == ("succeeded", {"ok": True})

    play(tmp_path, scene)


def test_a_run_that_does_not_answer_is_a_dead_letter(tmp_path: Path) -> None:
    """And can be sent again."""

    async def scene(door: Door) -> None:
        """A deadline that is over."""
        from tallystick.stream.rules.targets import Parcel  # noqa: PLC0415

        parcel = Parcel("run-1", "fills", "w", "0", b'{"a":1}')
        door.rules.runs.begin_run(parcel, 1, 0)
        await door.deliver(door.rules.outbox.dead_count)
        (letter,) = (await door.ask("GET", "/v1/rules/dead")).json()["dead_letters"]
        assert letter["reason"] == "The workflow did not answer in time."
        assert letter["body"] == {"a": 1}
        shown = (await door.ask("GET", "/v1/rules/runs/run-1")).json()
        assert (shown["state"], shown["output"]) == ("timed_out", None)
        assert (await door.ask("POST", "/v1/rules/dead/replay", {})).json() == {"revived": 1}

    play(tmp_path, scene)
