"""The archive at the door: who may do what, and each refusal with its code and sentence."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router

from tallystick.access import Scope, Tokens
from tallystick.api.archive import OPERATIONS
from tallystick.api.operation import route
from tallystick.api.problems import REFUSAL_STATUS, TITLES, problem_response
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND, ManualClock, rfc3339
from tallystick.errors import TallystickError
from tallystick.watch.collect.archive import PLACE, Archive, ArchiveRules, Vault, open_vault
from tallystick.watch.collect.store import LogStore

DAY_SECONDS = 86_400
REASON = {"reason": "case 12"}
Work = Callable[[httpx.AsyncClient], Awaitable[Any]]


class Door:
    """The operations of the archive over a real store and a local folder, and three tokens."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(1_790_000_000 * NS_PER_SECOND)
        self.entries: list[Any] = []
        self.store = LogStore(folder / "logs", self.clock)
        self.vault: Vault = open_vault(str(folder / "vault"), self.clock)
        self.archive = Archive(
            self.store, self.vault, ArchiveRules(), self.clock,
            folder=folder / "archive", append=self._append,
        )  # fmt: skip
        self.store.attach(PLACE, self.archive.source)
        tokens = Tokens(folder / "tokens.json")
        scopes: dict[str, tuple[Scope, ...]] = {
            "operator": ("operate",), "records": ("operate", "bypass"), "reader": ("read",),
        }  # fmt: skip
        self.tokens = {name: tokens.issue(name, "", given) for name, given in scopes.items()}
        self.services = SimpleNamespace(
            tokens=tokens, clock=self.clock, archive=self.archive, ledger_public=False,
            ledger_tiles_public=False,
        )  # fmt: skip
        self._router = Router([route(each, cast("Services", self.services)) for each in OPERATIONS])

    def fill(self, index: str = "main", days_ago: int = 40) -> None:
        """Archive ten lines of an index."""
        at_ns = self.clock.now_ns() - days_ago * DAY_SECONDS * NS_PER_SECOND
        line = {"timestamp": rfc3339(at_ns), "body": "x", "com.splunk.index": index}
        self.store.append([msgspec.json.encode(line)] * 10)
        self.store.seal()
        self.archive.round()

    def ask(
        self, method: str, path: str, body: Any = None, *, who: str = "operator", **query: str
    ) -> httpx.Response:
        """One request."""

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._answer)
            headers = {"Authorization": f"Bearer {self.tokens[who]}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
                url = f"/v1/archive{path}"
                answer = await client.request(method, url, json=body, params=query, headers=headers)
                await self.archive.wait()
                return answer

        return asyncio.run(run())

    def close(self) -> None:
        """Close everything."""
        self.archive.close()
        self.store.close()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        """As the application does: a refusal becomes a problem."""
        scope["app"] = self
        scope.setdefault("state", {})
        response: Response | None = None
        try:
            await self._router(scope, receive, send)
        except TallystickError as error:
            response = problem_response(error)
        if response is not None:
            await response(scope, Request(scope, receive).receive, send)

    async def _append(self, make: Any, key: str | None) -> int:
        del key
        self.entries.append(make(rfc3339(self.clock.now_ns())))
        return len(self.entries) - 1


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """An archive with nothing in it."""
    made = Door(tmp_path)
    yield made
    made.close()


def test_how_the_archive_is(door: Door) -> None:
    """Rules, amounts by state, and what is under way."""
    door.fill()
    said = door.ask("GET", "").json()

    assert (said["after_days"], said["mode"], said["years"]) == (30, "governance", 7)
    assert said["states"]["archived"]["parts"] == 1
    assert (said["restores_running"], said["holds_active"], said["problem"]) == (0, 0, None)


def test_parts_are_told_in_pages(door: Door) -> None:
    """With states and locks, by index and time; relative times are understood."""
    for days in (40, 41, 42):
        door.fill(days_ago=days)
    door.fill("other")

    first = door.ask("GET", "/parts", index="main", limit="2").json()
    assert [part["mode"] for part in first["parts"]] == ["governance"] * 2
    assert first["parts"][0]["locked_until"].startswith("2033-")
    rest = door.ask("GET", "/parts", index="main", limit="2", after=first["next_after"]).json()
    assert (len(rest["parts"]), rest["next_after"]) == (1, None)
    recent = door.ask("GET", "/parts", earliest="-41d@d", index="main").json()
    assert len(recent["parts"]) == 2
    assert len(door.ask("GET", "/parts", latest="2020-01-01").json()["parts"]) == 0


def test_a_hold_is_set_told_and_released(door: Door) -> None:
    """Each with who and why, and the entry that says it."""
    door.fill()
    made = door.ask("POST", "/holds", REASON | {"index": "main"})
    assert made.status_code == 201
    hold = made.json()
    assert (hold["active"], hold["by"], hold["position"]) == (True, "operator", 0)

    refused = door.ask("POST", "/deletions", REASON | {"bypass": True}, who="records")
    assert (refused.status_code, refused.json()["code"]) == (409, "PART_LOCKED")
    assert "legal hold" in refused.json()["detail"]
    freed = door.ask("POST", f"/holds/{hold['id']}/release", {"reason": "over"}).json()
    assert (freed["active"], freed["released_reason"]) == (False, "over")
    assert door.ask("GET", "/holds").json()["holds"] == [freed]
    assert [type(entry).__name__ for entry in door.entries] == ["LegalHoldSet", "LegalHoldReleased"]


def test_deletion_names_lock_and_date_and_bypass_is_a_scope(door: Door) -> None:
    """Refused to everybody, and again to who has not the scope; with it, an entry."""
    door.fill()

    refused = door.ask("POST", "/deletions", REASON).json()
    assert refused["code"] == "PART_LOCKED"
    assert "governance mode until 2033-" in refused["detail"]
    bypass = REASON | {"bypass": True}
    assert door.ask("POST", "/deletions", bypass).json()["code"] == "FORBIDDEN"
    done = door.ask("POST", "/deletions", bypass, who="records")
    assert (done.status_code, done.json()["parts"]) == (200, 1)
    (entry,) = door.entries
    assert (entry.bypass, entry.by, entry.reason) == (True, "records", "case 12")
    assert door.ask("POST", "/deletions", bypass, who="records").json()["code"] == "NO_PARTS"


def test_retention(door: Door) -> None:
    """Extended by an operator; compliance is shortened by nobody, whatever the scope."""
    door.fill()
    asked = REASON | {"mode": "compliance", "until": "2040-01-01T00:00:00Z"}
    assert door.ask("POST", "/retention", asked).json()["parts"] == 1

    shorter = asked | {"until": "2039-01-01T00:00:00Z", "bypass": True}
    refused = door.ask("POST", "/retention", shorter, who="records").json()
    assert (refused["code"], "only be extended" in refused["detail"]) == ("PART_LOCKED", True)
    vague = door.ask("POST", "/retention", asked | {"until": "2039"}).json()
    assert (vague["code"], vague["field"]) == ("BAD_TIME", "until")


def test_restores(door: Door) -> None:
    """Nothing is cold in a folder: it is said; unknown ones and wrong tiers are refused."""
    door.fill()

    refused = door.ask("POST", "/restores", REASON)
    assert (refused.status_code, refused.json()["code"]) == (409, "NOTHING_TO_RESTORE")
    assert door.ask("GET", "/restores").json() == {"restores": []}
    assert door.ask("GET", "/restores/R-1").json()["code"] == "UNKNOWN_RESTORE"
    assert door.ask("POST", "/restores", REASON | {"tier": "soon"}).status_code == 422


def test_verification_runs_and_is_told(door: Door) -> None:
    """Begun by a POST, told by a GET; before the first one there is none."""
    door.fill()
    assert door.ask("GET", "/verification").json()["code"] == "NOT_VERIFIED"

    begun = door.ask("POST", "/verification")
    assert (begun.status_code, begun.json()["verdict"]) == (202, None)
    said = door.ask("GET", "/verification").json()
    assert (said["verdict"], said["checked"], said["problems"]) == ("clean", 1, [])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.id)
def test_only_operators_may(door: Door, operation: Any) -> None:
    """A token that only reads may nothing here."""
    path = operation.path.removeprefix("/v1/archive").replace("{", "").replace("}", "")
    answer = door.ask(operation.method, path, who="reader")

    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


def test_without_an_archive_it_is_said(door: Door) -> None:
    """The refusal names the setting."""
    door.services.archive = None

    refused = door.ask("GET", "")
    assert (refused.status_code, refused.json()["code"]) == (404, "NO_ARCHIVE")
    assert "TALLYSTICK_ARCHIVE" in refused.json()["detail"]


def test_ranges_make_sense(door: Door) -> None:
    """A beginning behind the end, and a time that is none, are refused with a sentence."""
    backwards = REASON | {"earliest": "2026-02-01", "latest": "2026-01-01"}
    assert door.ask("POST", "/holds", backwards).json()["code"] == "BAD_TIME"
    assert door.ask("POST", "/holds", REASON | {"earliest": "soon"}).status_code == 422


def test_every_refusal_has_a_title() -> None:
    """So that a client can show it."""
    codes = {code for operation in OPERATIONS for code in operation.refusals}

    assert codes <= TITLES.keys()
    assert codes <= REFUSAL_STATUS.keys()
