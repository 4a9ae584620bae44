"""The door's half of alerting by itself, over real HTTP: alarms, incidents, on-call, delivery.

Everything behind it is real: the stores, the engine, the deliverer, the runner of alarms, a ledger.
"""

import asyncio
import io
import itertools
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import uvicorn
from starlette.exceptions import HTTPException
from starlette.routing import Router

from tallystick.access import Tokens
from tallystick.api import (
    alarms,
    alertmanager,
    delivery,
    incidents,
    oncall,
    postmortem,
    watching,
)
from tallystick.api.operation import route
from tallystick.api.problems import problem_response
from tallystick.api.services import Services
from tallystick.clock import SystemClock, rfc3339
from tallystick.errors import Refused, TallystickError
from tallystick.execution import Book, Desk, LimitsText, QuoteBoard
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, SqliteStore
from tallystick.stream.rules import other_event
from tallystick.watch.alarms.alarm import Alarm, EventSource
from tallystick.watch.alarms.alarms import Alarms
from tallystick.watch.alarms.past import NoPast
from tallystick.watch.alarms.runner import Runner
from tallystick.watch.alarms.store import AlarmStore
from tallystick.watch.alarms.trying import Trying
from tallystick.watch.notify import (
    CHANNELS,
    Alert,
    Channel,
    Deliverer,
    IncidentStore,
    Notifier,
    TerminalChannel,
    fingerprint,
    read_alerting,
)
from tallystick.watch.notify.oncall import OnCall

MODULES = (alarms, incidents, postmortem, alertmanager, oncall, delivery, watching)
START_SECONDS_MAX = 20.0
LINK_KEY = bytes(range(32))
ALERTING = """
[targets.ops]
type = "terminal"
[targets.broken]
type = "webhook"
url = "{refusing}"
secret = {{env = "SECRET"}}
[people.ann]
targets = ["ops"]
[people.bob]
targets = ["ops"]
[schedules.desk]
time_zone = "Europe/London"
[[schedules.desk.layers]]
people = ["ann", "bob"]
starts = "2026-01-05T09:00"
every = "week"
[schedules.empty]
[[schedules.empty.layers]]
people = ["ann"]
starts = "2026-01-05T09:00"
ends = "2026-02-01T00:00"
[policies.page]
[[policies.page.steps]]
tell = ["schedule:desk"]
[[policies.page.steps]]
after_seconds = 3600
tell = ["target:broken"]
[[routes]]
name = "fx"
match = ['team="fx"']
policy = "page"
[[routes]]
name = "others"
match = ['team="others"']
group_by = []
policy = "all"
"""
EVENTS = Alarm(
    "rejects", "Orders are rejected", severity="error", statistic="count", threshold=2.0,
    source=EventSource('{"detail-type": ["Order Decided"]}', ("$.account",)), unit="orders",
    missing="notBreaching", labels={"team": "fx"}, runbook="1. Look.\n2. Call the desk.",
)  # fmt: skip
"""The shipped alarm: it fires at the second event of an account."""


class _Refusing(BaseHTTPRequestHandler):
    """A target that says that it will never take this."""

    def do_POST(self) -> None:
        """410."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(410)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, begun: threading.Event) -> None:
        super().__init__(config)
        self._begun = begun

    async def startup(self, sockets: Any = None) -> None:
        """Bind, then say so."""
        await super().startup(sockets)
        self._begun.set()


class AlertApp:
    """The product's alerting on a free port of loopback."""

    def __init__(self, folder: Path, more: str = "") -> None:
        """Start it; `ops` takes every message, `broken` refuses them; `more` targets, as TOML."""
        self.folder = folder
        self._more = more
        self._events = itertools.count(1)
        self.clock = SystemClock()
        self.said = io.StringIO()
        """What the target `ops` was told."""
        self.tokens = Tokens(folder / "tokens.json")
        self.token = self.tokens.issue("ada", "", ("operate",))
        self.reader = self.tokens.issue("rita", "demo", ("read",))
        self._refusing = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
        self._begun = threading.Event()
        self._failed: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._refusing.serve_forever, args=(0.01,)),
            threading.Thread(target=self._serve),
        ]
        for thread in self._threads:
            thread.start()
        begun = self._begun.wait(START_SECONDS_MAX)
        if self._failed or not begun:
            self._refusing.shutdown()
            self._refusing.server_close()
        assert begun, "it did not start"
        assert not self._failed, self._failed
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = self.client_of(self.token)

    def client_of(self, token: str) -> httpx.Client:
        """A client with a token; closed by whoever takes it."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def happen(self, account: str, times: int = 1) -> None:
        """Orders of an account are decided, as the stream would tell."""
        for _ in range(times):
            event = other_event(
                f"e-{next(self._events)}", "tallystick.ledger", "Order Decided", {},
                self.clock.now_ns(), "tallystick.test/alerts", account=account,
            )  # fmt: skip
            heard = asyncio.run_coroutine_threadsafe(self.runner.hear(event.body), self._loop)
            heard.result(START_SECONDS_MAX)

    def raise_alert(self, number: int, **members: Any) -> None:
        """An alert about trouble `number`, of team fx unless its labels say otherwise."""
        labels = {"trouble": str(number)} | members.pop("labels", {"team": "fx"})
        made = Alert(
            id=members.pop("id", f"a-{number}"),
            fingerprint=fingerprint(labels),
            severity=members.pop("severity", "error"),
            summary=members.pop("summary", f"Trouble {number} has come."),
            source="test",
            starts_at=rfc3339(self.clock.now_ns()),
            labels=labels,
            **members,
        )
        self.notifier.raise_alert(made)

    def end_alert(self, number: int) -> None:
        """That trouble is over."""
        self.raise_alert(number, ends_at=rfc3339(self.clock.now_ns()))

    def close(self) -> None:
        """End everything, in the order of the product."""
        self.client.close()
        self._server.should_exit = True
        self._threads[1].join(START_SECONDS_MAX)
        self._refusing.shutdown()
        self._refusing.server_close()
        self._threads[0].join(START_SECONDS_MAX)
        assert not self._failed, self._failed

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """What `api.app` does around the router, in short."""
        scope.setdefault("state", {})
        scope["app"] = self
        try:
            await self._router(scope, receive, send)
        except HTTPException as error:
            code = "METHOD_NOT_ALLOWED" if error.status_code == 405 else "NOT_FOUND"
            await problem_response(Refused(code, "No."))(scope, receive, send)
        except TallystickError as error:
            await problem_response(error)(scope, receive, send)

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001  outermost loop of the test's server
            self._failed.append(error)
        finally:
            self._begun.set()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        ledger, desk, desking = await self._trading()
        self._alerting()
        runner, alarm_store = self._alarms()
        self._router = self._routes(ledger)
        config = uvicorn.Config(self, "127.0.0.1", 0, log_level="error", lifespan="off")
        self._server = _Server(config, self._begun)
        await self.notifier.start()
        running = asyncio.create_task(runner.run())
        await self._server.serve()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        runner.close()
        alarm_store.close()
        await self.notifier.stop()
        self.on_call.close()
        desk.close()
        await desking
        ledger.close()

    async def _trading(self) -> tuple[Ledger, Desk, asyncio.Task[None]]:
        """A ledger with a few entries."""
        signer = FileKeyring.open(
            self.folder / "ledger.key", default_name="tallystick.test/alerts", seed=bytes(range(32))
        )
        ledger = Ledger(SqliteStore(self.folder / "ledger.db", self.clock), signer)
        desk = Desk(ledger, Book(), QuoteBoard(), self.clock)
        working = asyncio.create_task(desk.run())
        limits = LimitsText(
            order_quantity_max="1000000", position_usd_max="3000000.00", collar_bps=100,
            duplicate_window_ms=600_000, duplicates_max=2,
        )  # fmt: skip
        for name in ("acme", "bolt", "core"):
            await desk.open_account(name, limits)
        return ledger, desk, working

    def _alerting(self) -> None:
        refusing = f"http://127.0.0.1:{self._refusing.server_port}/"
        file = self.folder / "alerting.toml"
        file.write_text(self._more + ALERTING.format(refusing=refusing))
        alerting = read_alerting(file)
        now_ns = self.clock.now_ns()
        self.on_call = OnCall(
            alerting.schedules, alerting.people, self.folder / "on-call.db", self.folder, now_ns
        )
        store = IncidentStore(self.folder / "notify.db")
        channels: dict[str, Channel] = {
            name: CHANNELS[text["type"]].open(text, lambda _name: "secret-of-this-test", self.clock)
            for name, text in alerting.targets.items()
        }
        channels["ops"] = TerminalChannel(self.said)
        deliverer = Deliverer(store, channels, self.clock, random.Random(1))  # noqa: S311  jitter
        self.notifier = Notifier(store, deliverer, alerting, self.clock, self.on_call)

    def _alarms(self) -> tuple[Runner, AlarmStore]:
        async def no_rows(_query: str, _start_ns: int, _end_ns: int) -> list[dict[str, object]]:
            return []

        store = AlarmStore(self.folder / "alarms.db")
        self.runner = Runner(
            store, self.clock, gather=lambda: (), raise_alert=self.notifier.raise_alert,
            log_rows=no_rows, region="tallystick.test/alerts",
        )  # fmt: skip
        trying = Trying(self.runner.samples, no_rows, NoPast(), "tallystick.test/alerts")
        self.alarms = Alarms(store, self.runner, trying, (EVENTS,), self.clock, shipped=(EVENTS,))
        return self.runner, store

    def _routes(self, ledger: Ledger) -> Router:
        services = cast("Services", SimpleNamespace(
            clock=self.clock, tokens=self.tokens, notifier=self.notifier, alarms=self.alarms,
            on_call=self.on_call, ledger=ledger, calendar_key=LINK_KEY,
            started_ns=self.clock.now_ns(), ledger_public=False,
        ))  # fmt: skip
        operations = [each for module in MODULES for each in module.OPERATIONS]
        return Router([route(each, services) for each in operations], redirect_slashes=False)
