"""Limits of everybody, a desk, an account or a pair, and their signed overrides."""

from hashlib import sha256

import msgspec
from starlette.responses import Response

from tallystick.api.idempotency import answered, key_of
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.execution import risk
from tallystick.execution.approval import read_note
from tallystick.execution.book.limits import bound_text
from tallystick.execution.desk import Key
from tallystick.execution.entries import LimitOverridden, LimitsSet, Scope, ScopedLimits
from tallystick.fx import instrument
from tallystick.ledger import Receipt


class LimitsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose limits, in which pair; the token's own account where none is given."""

    account: str | None = None
    pair: str | None = None


class LimitItem(msgspec.Struct, frozen=True):
    """One limit that holds, and the scope that it comes from.

    `position` is that of the entry that set it, null for what the account was opened with;
    `until` the end of an override.
    """

    limit: str
    value: str
    scope: Scope
    id: str | None
    position: int | None
    until: str | None


class EffectiveLimits(msgspec.Struct, frozen=True):
    """What holds for an account now: the tightest of all scopes; what is unlimited is missing."""

    account: str
    desk: str | None
    pair: str | None
    limits: list[LimitItem]


class LimitsBody(ScopedLimits, frozen=True, forbid_unknown_fields=True):
    """The limits of a scope; what is left out is not limited there."""


class SetLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of everybody (`all`, without an id), a desk, an account or a pair from now on.

    They take the place of those that the scope had.
    """

    scope: Scope
    limits: LimitsBody
    reason: str
    id: str | None = None


class LimitsAnswer(msgspec.Struct, frozen=True):
    """The limits of a scope, who set them, and the receipt."""

    scope: Scope
    id: str | None
    limits: ScopedLimits
    by: str
    reason: str
    at: str
    receipt: Receipt


class OverrideLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed note of an approver, as `tallystick limits override` prints it."""

    note: str


class OverrideAnswer(msgspec.Struct, frozen=True):
    """A limit that is another one until a time, who approved it, and the receipt."""

    scope: Scope
    id: str | None
    limit: str
    value: str
    until: str
    reason: str
    approver: str
    by: str
    at: str
    receipt: Receipt


async def get_limits(services: Services, call: Call) -> EffectiveLimits:
    """What holds now."""
    query: LimitsQuery = call.query
    call.principal.require_account(query.account or call.principal.account)
    account = services.desk.book.account(query.account or call.principal.account)
    if query.pair is not None:
        instrument(query.pair)
    origins = services.desk.book.scopes.origins(account, query.pair or "", services.desk.now_ns())
    limits = [
        LimitItem(
            name, bound_text(name, each.value), each.scope, each.id, each.position,
            None if each.until_ns is None else rfc3339(each.until_ns),
        )
        for name, each in sorted(origins.items())
    ]  # fmt: skip
    limits += [
        LimitItem(name, str(getattr(account.limits, name)), "account", account.id, None, None)
        for name in ("duplicate_window_ms", "duplicates_max")
    ]
    return EffectiveLimits(account.id, account.configuration.desk, query.pair, limits)


async def set_limits(services: Services, call: Call) -> Response:
    """Set the limits of a scope."""
    body: SetLimits = call.body
    limits = ScopedLimits(**msgspec.structs.asdict(body.limits))
    scope = risk.scope_of(services.desk.book, body.scope, body.id)
    risk.check_limits(body.scope, limits)
    said = risk.Said(call.principal.name, body.reason, key_of(call))
    recorded = await services.desk.write(risk.set_limits(scope, limits, said), said.key)
    entry = recorded.entry
    assert isinstance(entry, LimitsSet)  # noqa: S101  what was proposed
    answer = LimitsAnswer(
        entry.scope, entry.id, entry.limits, entry.by, entry.reason, entry.at, recorded.receipt
    )
    return answered(answer, replayed=recorded.replayed)


async def override_limit(services: Services, call: Call) -> Response:
    """Put a signed override into force. The note is its key: the same note does so once."""
    body: OverrideLimit = call.body
    key_of(call)  # one that is given has to be one
    approved = read_note(body.note, services.approvers)
    approval = approved.approval
    if approval.ledger not in {None, services.ledger.origin}:
        sentence = f"The override is for the ledger {approval.ledger}, not for this one."
        raise Refused("BAD_OVERRIDE", sentence, field="note")
    try:
        risk.scope_of(services.desk.book, approval.scope, approval.id)
        risk.check_limit(approval.scope, approval.limit, approval.value, field="note")
    except Refused as refusal:
        raise Refused(refusal.code, str(refusal), field="note") from refusal
    digest = sha256(str(approval).encode()).hexdigest()
    said = risk.Said(call.principal.name, approval.reason, Key("override", digest, digest))
    recorded = await services.desk.write(risk.override(approved, said), said.key)
    entry = recorded.entry
    assert isinstance(entry, LimitOverridden)  # noqa: S101  what was proposed
    answer = OverrideAnswer(
        entry.scope, entry.id, entry.limit, entry.value, entry.until, entry.reason,
        entry.approver, entry.by, entry.at, recorded.receipt,
    )  # fmt: skip
    return answered(answer, replayed=recorded.replayed)


OPERATIONS = (
    Operation(
        "GET", "/v1/limits", "What holds for an account, and which scope each limit comes from.",
        get_limits, EffectiveLimits, scope="read", query=LimitsQuery, tag="risk",
    ),
    Operation(
        "PUT", "/v1/limits", "Set the limits of everybody, a desk, an account or a pair.",
        set_limits, LimitsAnswer, scope="operate", body=SetLimits, tag="risk", keyed=True,
    ),
    Operation(
        "POST", "/v1/limits/overrides", "Put an approver's signed override of a limit into force.",
        override_limit, OverrideAnswer, scope="operate", body=OverrideLimit, tag="risk",
        keyed=True,
    ),
)  # fmt: skip
