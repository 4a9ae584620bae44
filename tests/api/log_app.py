"""The log's half of the door by itself, over real HTTP: for tests that need no trading."""

import random
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import uvicorn
from starlette.exceptions import HTTPException
from starlette.routing import Router

from tallystick.access import Tokens
from tallystick.api import log_export, log_saved, log_tail, logs
from tallystick.api.operation import route
from tallystick.api.problems import problem_response
from tallystick.api.services import Services
from tallystick.api.splunk import splunk_routes
from tallystick.clock import SystemClock
from tallystick.errors import Refused, TallystickError
from tallystick.watch.collect.search import LogSearch, LogTails, SavedSearches
from tallystick.watch.collect.store import LogStore
from tallystick.watch.notify import Deliverer, IncidentStore, Notifier, every_target

MODULES = (logs, log_saved, log_export, log_tail)
START_SECONDS_MAX = 20.0


class LogApp:
    """A store, what searches it, and a server on a free port of loopback."""

    def __init__(self, folder: Path, **search: Any) -> None:
        """Start; `search` are arguments of `LogSearch`."""
        self.clock = SystemClock()
        self.store = LogStore(folder / "logs", self.clock)
        saved = SavedSearches(folder / "searches.json", self.clock)
        self.search = LogSearch(self.store, self.clock, saved, scratch=folder / "search", **search)
        self.tails = LogTails(self.search, self.clock, heartbeat_seconds=0.2)
        self.tokens = Tokens(folder / "tokens.json")
        self.token = self.tokens.issue("ada", "", ("operate",))
        outbox = IncidentStore(folder / "notify.db")
        deliverer = Deliverer(outbox, {}, self.clock, random.Random(1))  # noqa: S311  jitter
        self.notifier = Notifier(outbox, deliverer, every_target({}), self.clock)
        self._services = cast("Services", SimpleNamespace(
            clock=self.clock, tokens=self.tokens, search=self.search, tails=self.tails,
            notifier=self.notifier,
        ))  # fmt: skip
        operations = [each for module in MODULES for each in module.OPERATIONS]
        routes = [route(operation, self._services) for operation in operations]
        self._router = Router([*routes, *splunk_routes(self._services)], redirect_slashes=False)
        config = uvicorn.Config(self, "127.0.0.1", 0, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = self.client_of(self.token)

    def client_of(self, token: str) -> httpx.Client:
        """A client with a token; closed with the rest if it is `client`."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

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

    def close(self) -> None:
        """End everything, in the order of the product."""
        self.client.close()
        self.tails.close()
        self._server.should_exit = True
        self._thread.join(START_SECONDS_MAX)
        self.search.close()
        self.store.close()
