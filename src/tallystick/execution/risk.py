"""Proposals of the risk entries: limits, overrides, what stops and what lets go on.

Each is handed to `Desk.write`; it looks at the book when it is decided, so two people who act at
the same moment are told apart. Stopping is one person's; going on takes two.
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.clock import NS_PER_SECOND, parse_own_stamp, rfc3339
from tallystick.errors import Refused
from tallystick.execution.approval import Approved, check_period
from tallystick.execution.batch import Propose
from tallystick.execution.book import Account, Book
from tallystick.execution.book.limits import DECIMAL_LIMITS, parse_bound
from tallystick.execution.book.scopes import STRICTNESS, ScopeKey, scope_words
from tallystick.execution.desk import Key, check_reason
from tallystick.execution.entries import (
    Entry,
    LimitOverridden,
    LimitsSet,
    OrderCancelled,
    ResumeAsked,
    Scope,
    ScopedLimits,
    TradingState,
    TradingStateSet,
)
from tallystick.execution.worked import cancel
from tallystick.fx import instrument
from tallystick.limits import CANCELS_AT_ONCE_MAX

ASKED_HOURS_MAX = 24
"""How long somebody else may grant a resume; after that it has to be asked for again."""
ASKED_NS_MAX = ASKED_HOURS_MAX * 3_600 * NS_PER_SECOND
WHOLE_NUMBER_MAX = 1_000_000_000
"""Largest value of a limit that is a whole number."""
WINDOW_MS_MAX = 86_400_000
"""Longest window: a day."""
PAIR_LIMITS = frozenset(
    {"order_quantity_max", "order_usd_max", "collar_bps", "stop_collar_bps"}
    | {"executions_max", "execution_window_ms"}
)
"""Limits that a pair can have: the others count over all that an account does."""
_NOT_ZERO = frozenset(
    {"messages_per_second", "message_burst", "executions_max", "execution_window_ms"}
)


class Said(msgspec.Struct, frozen=True):
    """Who says something, why, and under which key."""

    by: str
    reason: str
    key: Key | None = None

    @property
    def key_text(self) -> str | UnsetType:
        """As the entry holds it."""
        return UNSET if self.key is None else self.key.text

    @property
    def digest(self) -> str | UnsetType:
        """Of the request, as the entry holds it."""
        return UNSET if self.key is None else self.key.digest


def scope_of(book: Book, scope: Scope, name: str | None) -> ScopeKey:
    """A scope that there is.

    Raises:
        Refused: `VALUE_NOT_ALLOWED` (an id is missing, or there but for all), `UNKNOWN_ACCOUNT`,
            `UNKNOWN_DESK`, `UNKNOWN_PAIR`.
    """
    if scope == "all":
        if name is not None:
            raise Refused("VALUE_NOT_ALLOWED", "The scope all has no id.", field="id")
        return ("all", None)
    if name is None:
        raise Refused("VALUE_NOT_ALLOWED", f"Say the id of the {scope}.", field="id")
    try:
        if scope == "account":
            book.account(name)
        elif scope == "pair":
            instrument(name)
    except Refused as refusal:
        raise Refused(refusal.code, str(refusal), field="id") from refusal
    if scope == "desk" and not any(_accounts(book, ("desk", name))):
        raise Refused("UNKNOWN_DESK", f"No account belongs to a desk {name!r}.", field="id")
    return (scope, name)


def check_limits(scope: Scope, limits: ScopedLimits) -> None:
    """The limits can be those of a scope.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`, `AMOUNT_MALFORMED`, `AMOUNT_TOO_PRECISE`.
    """
    for name, value in msgspec.structs.asdict(limits).items():
        if value is not None:
            check_limit(scope, name, value, field=f"limits.{name}")
    if (limits.executions_max is None) != (limits.execution_window_ms is None):
        raise Refused(
            "VALUE_NOT_ALLOWED",
            "executions_max and execution_window_ms come together: so many within so long.",
            field="limits.executions_max",
        )


def check_limit(scope: Scope, name: str, value: str | int, *, field: str) -> None:
    """One limit can be that of a scope.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`, `AMOUNT_MALFORMED`, `AMOUNT_TOO_PRECISE`.
    """
    try:
        number = parse_bound(name, value)
    except Refused as refusal:
        raise Refused(refusal.code, f"{name}: {refusal}", field=field) from refusal
    least = 1 if name in _NOT_ZERO else 0
    most = WINDOW_MS_MAX if name == "execution_window_ms" else WHOLE_NUMBER_MAX
    if number < least or (name not in DECIMAL_LIMITS and number > most):
        raise Refused(
            "VALUE_NOT_ALLOWED",
            f"{name} is at least {least}." if number < least else f"{name} is at most {most}.",
            field=field,
        )
    if scope == "pair" and name not in PAIR_LIMITS:
        sentence = f"A pair has no {name}: it counts over all that an account does."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field=field)


def set_limits(scope: ScopeKey, limits: ScopedLimits, said: Said) -> Propose:
    """The limits of a scope are these from here on, and no others."""
    _check(said)

    def propose(_position: int, at_ns: int) -> Iterable[Entry]:
        return (
            LimitsSet(
                rfc3339(at_ns), *scope, limits, said.by, said.reason,
                key=said.key_text, request=said.digest,
            ),
        )  # fmt: skip

    return propose


def override(approved: Approved, said: Said) -> Propose:
    """One limit is another for a while, as the approver signed.

    The proposal refuses `OVERRIDE_EXPIRED`, `OVERRIDE_TOO_LONG`, `BAD_OVERRIDE`.
    """
    approval = approved.approval

    def propose(_position: int, at_ns: int) -> Iterable[Entry]:
        check_period(approval, at_ns)
        return (
            LimitOverridden(
                rfc3339(at_ns), approval.scope, approval.id, approval.limit, approval.value,
                approval.until, approval.reason, approved.approver, said.by, approved.note,
                key=said.key_text, request=said.digest,
            ),
        )  # fmt: skip

    return propose


def stop(
    book: Book, scope: ScopeKey, state: TradingState, said: Said, *, cancel_orders: bool = False
) -> Propose:
    """Trading in a scope is `state` from here on: as strict as it is, or stricter.

    `cancel_orders` takes the working orders in it back (while reducing: those that may open); the
    first `CANCELS_AT_ONCE_MAX` by the same commit. The proposal refuses `SECOND_PERSON_NEEDED`
    where trading would become freer.
    """
    _check(said)

    def propose(_position: int, at_ns: int) -> Iterator[Entry]:
        now = state_in(book, scope)
        if STRICTNESS[state] < STRICTNESS[now]:
            raise Refused(
                "SECOND_PERSON_NEEDED",
                f"Trading is {now} for {scope_words(scope)}; to make it {state} takes two people:"
                " ask with POST /v1/trading-state/resume, and let somebody else grant it.",
                field="state",
            )
        yield _state(scope, state, said, at_ns)
        if cancel_orders:
            yield from _cancels(book, scope, state, said, at_ns)

    return propose


def cancel_more(book: Book, scope: ScopeKey, state: TradingState, said: Said) -> Propose:
    """Take further orders in a stopped scope back: what did not fit into the commit that did it."""

    def propose(_position: int, at_ns: int) -> Iterable[Entry]:
        # Somebody may have let it go on meanwhile: what works by then is new.
        if STRICTNESS[state_in(book, scope)] < STRICTNESS[state]:
            return ()
        return _cancels(book, scope, state, said, at_ns)

    return propose


def resume(book: Book, scope: ScopeKey, state: TradingState, said: Said) -> Propose:
    """Ask that trading becomes freer; or, where somebody else asked for the same, grant it.

    The proposal refuses `NOTHING_TO_RESUME`, and `SECOND_PERSON_NEEDED` where the same person
    asked.
    """
    _check(said)

    def propose(_position: int, at_ns: int) -> Iterable[Entry]:
        now = state_in(book, scope)
        if STRICTNESS[state] >= STRICTNESS[now]:
            sentence = f"Trading is {now} for {scope_words(scope)}: {state} is not freer."
            raise Refused("NOTHING_TO_RESUME", sentence, field="state")
        asked = book.scopes.asked.get(scope)
        if asked is None or asked.state != state or _is_old(asked, at_ns):
            return (
                ResumeAsked(
                    rfc3339(at_ns), *scope, state, said.by, said.reason,
                    key=said.key_text, request=said.digest,
                ),
            )  # fmt: skip
        if asked.by == said.by:
            raise Refused(
                "SECOND_PERSON_NEEDED",
                f"{said.by} asked for this already, at {asked.at}: somebody else has to grant it.",
            )
        return (_state(scope, state, said, at_ns, asked_by=asked.by),)

    return propose


def state_in(book: Book, scope: ScopeKey) -> TradingState:
    """The trading state of one scope, whatever the others say."""
    stopped = book.scopes.stops.get(scope)
    return "active" if stopped is None else stopped.state


def asked_in(book: Book, scope: ScopeKey, at_ns: int) -> ResumeAsked | None:
    """What is asked for in a scope and can still be granted."""
    asked = book.scopes.asked.get(scope)
    return None if asked is None or _is_old(asked, at_ns) else asked


def _check(said: Said) -> None:
    check_reason(said.reason)
    if not said.reason.strip():
        sentence = "Say why: the reason stands in the ledger."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="reason")


def _is_old(asked: ResumeAsked, at_ns: int) -> bool:
    return at_ns - parse_own_stamp(asked.at) > ASKED_NS_MAX


def _state(
    scope: ScopeKey,
    state: TradingState,
    said: Said,
    at_ns: int,
    asked_by: str | UnsetType = UNSET,
) -> TradingStateSet:
    return TradingStateSet(
        rfc3339(at_ns), *scope, state, said.by, said.reason,
        asked_by=asked_by, key=said.key_text, request=said.digest,
    )  # fmt: skip


def _cancels(
    book: Book, scope: ScopeKey, state: TradingState, said: Said, at_ns: int
) -> Iterator[OrderCancelled]:
    """The working orders of a scope, taken back; those that come with one go with it."""
    number = 0
    for account in _accounts(book, scope):
        for order_id in list(account.open_orders):
            working = account.open_orders.get(order_id)
            if working is None or (scope[0] == "pair" and working.order.pair != scope[1]):
                continue
            if state == "reducing" and working.reduces:
                continue
            if number == CANCELS_AT_ONCE_MAX:
                return
            number += 1
            yield cancel(working, at_ns=at_ns, by=said.by, code="KILL_SWITCH", reason=said.reason)


def _accounts(book: Book, scope: ScopeKey) -> Iterator[Account]:
    kind, name = scope
    if kind == "account":
        yield book.account(name or "")
        return
    for account in book.accounts.values():
        if kind != "desk" or account.configuration.desk == name:
            yield account
