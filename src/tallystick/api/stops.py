"""What stops trading, and what lets it go on: by order, account, desk, pair, or for everybody."""

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tallystick.api.idempotency import answered, key_of
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.execution import Order, risk
from tallystick.execution.batch import Recorded
from tallystick.execution.book.scopes import EVERYBODY, ScopeKey, scopes_of
from tallystick.execution.desk import check_reason
from tallystick.execution.entries import (
    OrderCancelled,
    ResumeAsked,
    Scope,
    TradingState,
    TradingStateSet,
)
from tallystick.ledger import Receipt

ASKED = 202
"""Status of a resume that a second person has to grant."""


class Asked(msgspec.Struct, frozen=True):
    """What somebody asked for, and somebody else may grant."""

    state: TradingState
    by: str
    reason: str
    at: str


class StateItem(msgspec.Struct, frozen=True):
    """A scope in which trading is not active: since which entry, by whom, why."""

    scope: Scope
    id: str | None
    state: TradingState
    by: str
    reason: str
    at: str
    position: int
    asked: Asked | None


class TradingStates(msgspec.Struct, frozen=True):
    """Every scope in which trading is not active; an operator sees all, others their own."""

    states: list[StateItem]


class StopTrading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Halt a scope, or let it only reduce; `cancel_orders` takes its working orders back."""

    scope: Scope
    state: TradingState
    reason: str
    id: str | None = None
    cancel_orders: bool = False


class ResumeTrading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask that trading in a scope becomes freer, or grant what somebody else asked for."""

    scope: Scope
    reason: str
    id: str | None = None
    state: TradingState = "active"


class StateAnswer(msgspec.Struct, frozen=True):
    """What was said about a scope, and the receipt; `granted` false: it is only asked for."""

    scope: Scope
    id: str | None
    state: TradingState
    by: str
    reason: str
    at: str
    granted: bool
    asked_by: str | None
    receipt: Receipt


class KillSwitch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stop (`active` true) or resume trading of one account, or of all (`account` null)."""

    active: bool
    reason: str
    account: str | None = None
    cancel_orders: bool = False


class KillSwitches(msgspec.Struct, frozen=True):
    """Who is halted: `all`, and the accounts by themselves; `asked` is what was just asked for."""

    all: bool
    accounts: list[str]
    asked: Asked | UnsetType = UNSET


class KillOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why an operator takes an order back."""

    reason: str


class KilledOrder(msgspec.Struct, frozen=True):
    """The order that was taken back, and the receipt."""

    order: Order
    by: str
    reason: str
    receipt: Receipt


async def get_states(services: Services, call: Call) -> TradingStates:
    """Where trading is not active."""
    book, at_ns = services.desk.book, services.desk.now_ns()
    scopes = book.scopes
    items = []
    for key, stop in sorted(scopes.stops.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        if _concerns(services, call, key):
            asked = risk.asked_in(book, key, at_ns)
            told = None if asked is None else _asked(asked)
            items.append(
                StateItem(*key, stop.state, stop.by, stop.reason, stop.at, stop.position, told)
            )
    return TradingStates(items)


async def set_state(services: Services, call: Call) -> Response:
    """Stop trading in a scope."""
    body: StopTrading = call.body
    recorded = await _stop(services, call, body)
    return answered(_state_answer(recorded), replayed=recorded.replayed)


async def resume(services: Services, call: Call) -> Response:
    """Ask for trading to become freer, or grant it."""
    body: ResumeTrading = call.body
    scope = risk.scope_of(services.desk.book, body.scope, body.id)
    said = risk.Said(call.principal.name, body.reason, key_of(call))
    propose = risk.resume(services.desk.book, scope, body.state, said)
    recorded = await services.desk.write(propose, said.key)
    answer = _state_answer(recorded)
    return answered(answer, replayed=recorded.replayed, status=200 if answer.granted else ASKED)


async def get_kill_switches(services: Services, _call: Call) -> KillSwitches:
    """Who is halted."""
    return _switches(services)


async def set_kill_switch(services: Services, call: Call) -> Response:
    """The switch of the first release: halt an account or all, or ask to resume."""
    body: KillSwitch = call.body
    scope: Scope = "all" if body.account is None else "account"
    try:
        key = risk.scope_of(services.desk.book, scope, body.account)
    except Refused as refusal:
        raise Refused(refusal.code, str(refusal), field="account") from refusal
    if body.active:
        asked = StopTrading(scope, "halted", body.reason, body.account, body.cancel_orders)
        recorded = await _stop(services, call, asked)
        return answered(_switches(services), replayed=recorded.replayed)
    check_reason(body.reason)
    said = risk.Said(call.principal.name, body.reason, key_of(call))
    propose = risk.resume(services.desk.book, key, "active", said)
    try:
        recorded = await services.desk.write(propose, said.key)
    except Refused as refusal:
        if refusal.code != "NOTHING_TO_RESUME":
            raise
        return answered(_switches(services), replayed=False)
    if isinstance(recorded.entry, ResumeAsked):
        told = msgspec.structs.replace(_switches(services), asked=_asked(recorded.entry))
        return answered(told, replayed=recorded.replayed, status=ASKED)
    return answered(_switches(services), replayed=recorded.replayed)


async def kill_order(services: Services, call: Call) -> Response:
    """Take one order back, whoever's it is."""
    body: KillOrder = call.body
    check_reason(body.reason)
    order_id = call.path["id"]
    key = key_of(call)
    story = services.history.order(order_id, None)
    recorded = await services.desk.cancel(
        order_id, story.order.account, by=call.principal.name,
        reason=body.reason, code="OPERATOR_REQUEST", key=key,
    )  # fmt: skip
    entry = recorded.entry
    assert isinstance(entry, OrderCancelled)  # noqa: S101  what was proposed
    answer = KilledOrder(entry.order, entry.by, entry.reason, recorded.receipt)
    return answered(answer, replayed=recorded.replayed)


async def _stop(services: Services, call: Call, body: StopTrading) -> Recorded:
    desk = services.desk
    scope = risk.scope_of(desk.book, body.scope, body.id)
    said = risk.Said(call.principal.name, body.reason, key_of(call))
    stop = risk.stop(desk.book, scope, body.state, said, cancel_orders=body.cancel_orders)
    recorded = await desk.write(stop, said.key)
    if body.cancel_orders and not recorded.replayed:
        while True:  # more than fitted into one commit; nothing of them can trade meanwhile
            item = desk.submit(risk.cancel_more(desk.book, scope, body.state, said), ())
            if not item.entries:
                break
            await item.recorded()
    return recorded


def _state_answer(recorded: Recorded) -> StateAnswer:
    entry = recorded.entry
    assert isinstance(entry, TradingStateSet | ResumeAsked)  # noqa: S101  what was proposed
    asked_by = entry.asked_by if isinstance(entry, TradingStateSet) else entry.by
    return StateAnswer(
        entry.scope, entry.id, entry.state, entry.by, entry.reason, entry.at,
        isinstance(entry, TradingStateSet), asked_by or None, recorded.receipt,
    )  # fmt: skip


def _asked(asked: ResumeAsked) -> Asked:
    return Asked(asked.state, asked.by, asked.reason, asked.at)


def _switches(services: Services) -> KillSwitches:
    stops = services.desk.book.scopes.stops
    halted = [key for key, stop in stops.items() if stop.state == "halted"]
    accounts = sorted(name for scope, name in halted if scope == "account" and name is not None)
    return KillSwitches(EVERYBODY in halted, accounts)


def _concerns(services: Services, call: Call, key: ScopeKey) -> bool:
    """Whether whoever asks may know of a stop: an operator of all, others of their own."""
    if "operate" in call.principal.scopes or key[0] == "pair":
        return True
    account = services.desk.book.accounts.get(call.principal.account)
    return account is not None and key in scopes_of(account, "")


OPERATIONS = (
    Operation(
        "GET", "/v1/trading-state", "Where trading is not active: since when, by whom, why.",
        get_states, TradingStates, scope="read", tag="risk",
    ),
    Operation(
        "POST", "/v1/trading-state", "Halt everybody, a desk, an account, a pair; or only reduce.",
        set_state, StateAnswer, scope="operate", body=StopTrading, tag="risk", keyed=True,
        refusals=("SECOND_PERSON_NEEDED",),
    ),
    Operation(
        "POST", "/v1/trading-state/resume", "Ask for trading to become freer, or grant it.",
        resume, StateAnswer, scope="operate", body=ResumeTrading, tag="risk", keyed=True,
        refusals=("SECOND_PERSON_NEEDED", "NOTHING_TO_RESUME"), own_refusals=(ASKED,),
    ),
    Operation(
        "GET", "/v1/kill-switch", "Who is halted.",
        get_kill_switches, KillSwitches, scope="read", tag="risk",
    ),
    Operation(
        "POST", "/v1/kill-switch", "Halt an account or all, or ask to resume; a second one grants.",
        set_kill_switch, KillSwitches, scope="operate", body=KillSwitch, tag="risk", keyed=True,
        refusals=("SECOND_PERSON_NEEDED",), own_refusals=(ASKED,),
    ),
    Operation(
        "POST", "/v1/orders/{id}/kill", "Take back one order, whoever's it is.",
        kill_order, KilledOrder, scope="operate", body=KillOrder, tag="risk", keyed=True,
        refusals=("UNKNOWN_ORDER", "ORDER_NOT_OPEN"),
    ),
)  # fmt: skip
