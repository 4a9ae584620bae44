"""Prices, health, metrics and the API's own description."""

import msgspec
from starlette.responses import HTMLResponse, Response

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.errors import TemporaryError


class Health(msgspec.Struct, frozen=True):
    """`ok`; what is missing is said as a problem."""

    status: str


class KillSwitch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stop (`active` true) or resume trading of one account, or of all (`account` null)."""

    active: bool
    reason: str
    account: str | None = None


class KillSwitches(msgspec.Struct, frozen=True):
    """Who is stopped: `all`, and the accounts by themselves."""

    all: bool
    accounts: list[str]


async def get_kill_switches(services: Services, _call: Call) -> KillSwitches:
    """Who is stopped."""
    states = services.desk.book.scopes.states
    halted = [key for key, state in states.items() if state == "halted"]
    accounts = sorted(name for scope, name in halted if scope == "account" and name is not None)
    return KillSwitches(("all", None) in halted, accounts)


async def set_kill_switch(services: Services, call: Call) -> KillSwitches:
    """Stop or resume trading; recorded in the ledger."""
    asked: KillSwitch = call.body
    await services.desk.set_kill_switch(
        asked.account, active=asked.active, by=call.principal.name, reason=asked.reason
    )
    return await get_kill_switches(services, call)


async def healthz(_services: Services, _call: Call) -> Health:
    """The process answers."""
    return Health("ok")


async def readyz(services: Services, _call: Call) -> Health:
    """Orders can be placed: the ledger is open, prices are there, nothing is full."""
    missing = services.ready()
    if missing is not None:
        raise TemporaryError(missing)
    return Health("ok")


async def document(body: bytes, media_type: str, _services: Services, _call: Call) -> Response:
    """A document that is made once, at start."""
    return Response(body, media_type=media_type)


async def page(html: str, headers: dict[str, str], _services: Services, _call: Call) -> Response:
    """The API reference as a page."""
    return HTMLResponse(html, headers=headers)


OPERATIONS = (
    Operation(
        "GET", "/v1/kill-switch", "Who is stopped.",
        get_kill_switches, KillSwitches, scope="read", tag="risk",
    ),
    Operation(
        "POST", "/v1/kill-switch", "Stop or resume trading of an account, or of all.",
        set_kill_switch, KillSwitches, scope="operate", body=KillSwitch, tag="risk",
    ),
    Operation("GET", "/healthz", "Whether the process answers.", healthz, Health),
    Operation("GET", "/readyz", "Whether orders can be placed.", readyz, Health),
)  # fmt: skip
