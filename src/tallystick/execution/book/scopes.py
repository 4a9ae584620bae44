"""Limits and trading states by scope: everybody, a desk, an account, a pair."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tallystick.clock import parse_own_stamp
from tallystick.execution.book.account import Account
from tallystick.execution.book.limits import (
    LIMIT_NAMES,
    Bounds,
    Limits,
    is_tighter,
    parse_bound,
    tightest,
)
from tallystick.execution.entries import (
    KillSwitchSet,
    LimitOverridden,
    LimitsSet,
    ResumeAsked,
    Scope,
    ScopedLimits,
    TradingState,
    TradingStateSet,
)

ScopeKey = tuple[Scope, str | None]
"""(scope, id)."""
Put = Callable[[dict[Any, Any], Any, Any], None]
Remove = Callable[[dict[Any, Any], Any], None]
EVERYBODY: ScopeKey = ("all", None)
STRICTNESS: dict[TradingState, int] = {"active": 0, "reducing": 1, "halted": 2}
KNOWN_LIMITS_MAX = 65_536
"""(account, pair) whose tightest limits are remembered, before all are forgotten."""
NO_BOUNDS = Bounds()


class Override(msgspec.Struct, frozen=True, gc=False):
    """One limit of a scope is `value` until `until_ns`; then it is again what it was.

    `position` is that of the entry that says so.
    """

    limit: str
    value: int
    until_ns: int
    position: int = 0


class Stop(msgspec.Struct, frozen=True, gc=False):
    """A trading state that is not `active`, and who said so; `position` is the entry's."""

    state: TradingState
    at: str
    by: str
    reason: str
    position: int = 0


class Origin(msgspec.Struct, frozen=True):
    """One limit that holds, and where it comes from.

    `position` is that of the entry that set it, None for what the account was opened with;
    `until_ns` the end of an override.
    """

    limit: str
    value: int
    scope: Scope
    id: str | None
    position: int | None = None
    until_ns: int | None = None


_Known = tuple[Limits, tuple[Bounds | None, ...], Limits]
"""(the account's own, those of its scopes) -> the tightest."""


class Scopes:
    """What is limited and stopped. Owned by the book, whose undo it shares."""

    def __init__(self, put: Put, remove: Remove) -> None:
        self.bounds: dict[ScopeKey, Bounds] = {}
        self.stops: dict[ScopeKey, Stop] = {}
        self.overrides: dict[ScopeKey, tuple[Override, ...]] = {}
        self.asked: dict[ScopeKey, ResumeAsked] = {}
        self._put = put
        self._remove = remove
        self._known: dict[tuple[str, str], _Known] = {}
        """A memo, no state: what it was made of is compared by identity."""

    @property
    def states(self) -> dict[ScopeKey, TradingState]:
        """The trading state of every scope that is not active."""
        return {key: stop.state for key, stop in self.stops.items()}

    @property
    def is_limited(self) -> bool:
        """Whether any scope but the accounts themselves limits anything."""
        return bool(self.bounds or self.overrides)

    # --- limits ------------------------------------------------------------------------------

    def limits_of(self, account: Account, pair: str, at_ns: int) -> Limits:
        """The tightest limits of all scopes that an order of the account in the pair is under."""
        if not self.bounds and not self.overrides:
            return account.limits
        keys = scopes_of(account, pair)
        if self.overrides and any(at_ns < each.until_ns for each in self._overrides(keys)):
            return self._overridden(account, keys, at_ns)
        own = account.limits
        bounds = tuple(map(self.bounds.get, keys))
        known = self._known.get((account.id, pair))
        if known is not None and known[0] is own and _same(known[1], bounds):
            return known[2]
        limits = own
        for each in bounds:
            if each is not None:
                limits = tightest(limits, each)
        if len(self._known) >= KNOWN_LIMITS_MAX:
            self._known.clear()
        self._known[account.id, pair] = (own, bounds, limits)
        return limits

    def origins(self, account: Account, pair: str, at_ns: int) -> dict[str, Origin]:
        """The same limits, each with the scope that it comes from; what is unlimited is missing.

        Where several scopes say the same, the first of all, desk, account and pair is named.
        """
        found: dict[str, Origin] = {}
        for key in scopes_of(account, pair):
            scope, name = key
            overridden = {
                each.limit: each for each in self.overrides.get(key, ()) if at_ns < each.until_ns
            }
            bounds = self.bounds.get(key, NO_BOUNDS)
            for limit in LIMIT_NAMES:
                origin = _origin(limit, scope, name, bounds, overridden.get(limit))
                if scope == "account" and limit not in overridden:
                    origin = _tighter(origin, _own(limit, account))
                tighter = _tighter(found.get(limit), origin)
                if tighter is not None:
                    found[limit] = tighter
        return found

    def set_limits(self, entry: LimitsSet, position: int) -> None:
        """Fold an entry."""
        key = (entry.scope, entry.id)
        if entry.limits != NO_LIMITS:
            self._put(self.bounds, key, Bounds.of(entry.limits, position))
        elif key in self.bounds:
            self._remove(self.bounds, key)

    def override(self, entry: LimitOverridden, position: int) -> None:
        """Fold an entry; what has ended by its time is forgotten."""
        at_ns = parse_own_stamp(entry.at)
        for key, held in list(self.overrides.items()):
            left = tuple(each for each in held if at_ns < each.until_ns)
            if not left:
                self._remove(self.overrides, key)
            elif len(left) < len(held):
                self._put(self.overrides, key, left)
        value = parse_bound(entry.limit, entry.value)
        new = Override(entry.limit, value, parse_own_stamp(entry.until), position)
        key = (entry.scope, entry.id)
        others = (each for each in self.overrides.get(key, ()) if each.limit != entry.limit)
        self._put(self.overrides, key, (*others, new))

    def _overrides(self, keys: tuple[ScopeKey, ...]) -> Iterator[Override]:
        for key in keys:
            yield from self.overrides.get(key, ())

    def _overridden(self, account: Account, keys: tuple[ScopeKey, ...], at_ns: int) -> Limits:
        """An override stands in the place of its scope's limit; the other scopes' still hold."""
        limits, tighter = account.limits, []
        for key in keys:
            bounds = self.bounds.get(key, NO_BOUNDS)
            changes = {
                each.limit: each.value
                for each in self.overrides.get(key, ()) if at_ns < each.until_ns
            }  # fmt: skip
            if changes and key[0] == "account":
                limits = msgspec.structs.replace(limits, **changes)
            tighter.append(msgspec.structs.replace(bounds, **changes) if changes else bounds)
        for bounds in tighter:
            limits = tightest(limits, bounds)
        return limits

    # --- trading states ------------------------------------------------------------------------

    def state_of(self, account: Account, pair: str) -> TradingState:
        """The tightest trading state of all scopes that an order of the account is under."""
        stops = self.stops
        if not stops:
            return "active"
        worst: TradingState = "active"
        for key in scopes_of(account, pair):
            stop = stops.get(key)
            if stop is not None and STRICTNESS[stop.state] > STRICTNESS[worst]:
                worst = stop.state
        return worst

    def where_stopped(self, account: Account, pair: str, state: TradingState) -> str:
        """The widest scope that puts an order of the account into this state, in words."""
        for key in scopes_of(account, pair):
            stop = self.stops.get(key)
            if stop is not None and stop.state == state:
                return scope_words(key)
        return ""

    def halts_pair(self, pair: str) -> bool:
        """Whether nobody may trade the pair."""
        stops = self.stops
        if not stops:
            return False
        return _halted(stops.get(EVERYBODY)) or _halted(stops.get(("pair", pair)))

    def halts_account(self, account: Account) -> bool:
        """Whether the account itself or its desk is halted."""
        stops = self.stops
        if not stops:
            return False
        desk = account.configuration.desk
        return _halted(stops.get(("account", account.id))) or _halted(stops.get(("desk", desk)))

    def set_state(self, entry: TradingStateSet, position: int) -> None:
        """Fold an entry; it answers what was asked for before."""
        stop = Stop(entry.state, entry.at, entry.by, entry.reason, position)
        self._stop((entry.scope, entry.id), stop)

    def set_kill_switch(self, entry: KillSwitchSet, position: int) -> None:
        """Fold an entry of the first release."""
        state: TradingState = "halted" if entry.active else "active"
        scope: Scope = "all" if entry.account is None else "account"
        self._stop((scope, entry.account), Stop(state, entry.at, entry.by, entry.reason, position))

    def ask(self, entry: ResumeAsked) -> None:
        """Fold an entry."""
        self._put(self.asked, (entry.scope, entry.id), entry)

    def _stop(self, key: ScopeKey, stop: Stop) -> None:
        if key in self.asked:
            self._remove(self.asked, key)
        if stop.state != "active":
            self._put(self.stops, key, stop)
        elif key in self.stops:
            self._remove(self.stops, key)


NO_LIMITS = ScopedLimits()


def scopes_of(account: Account, pair: str) -> tuple[ScopeKey, ...]:
    """Every scope that an order of the account in the pair is under, the widest first."""
    return (
        EVERYBODY,
        ("desk", account.configuration.desk),
        ("account", account.id),
        ("pair", pair),
    )


def scope_words(key: ScopeKey) -> str:
    """A scope as a person says it."""
    scope, name = key
    return "everybody" if scope == "all" else f"the {scope} {name}"


def _halted(stop: Stop | None) -> bool:
    return stop is not None and stop.state == "halted"


def _same(known: tuple[Bounds | None, ...], now: tuple[Bounds | None, ...]) -> bool:
    return all(old is new for old, new in zip(known, now, strict=True))


def _origin(
    limit: str, scope: Scope, name: str | None, bounds: Bounds, override: Override | None
) -> Origin | None:
    if override is not None:
        return Origin(limit, override.value, scope, name, override.position, override.until_ns)
    value = getattr(bounds, limit)
    return None if value is None else Origin(limit, value, scope, name, bounds.position)


def _own(limit: str, account: Account) -> Origin | None:
    value = getattr(account.limits, limit)
    return None if value is None else Origin(limit, value, "account", account.id)


def _tighter(first: Origin | None, second: Origin | None) -> Origin | None:
    if first is None or second is None:
        return second if first is None else first
    return second if is_tighter(second.limit, second.value, first.value) else first
