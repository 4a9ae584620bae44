"""Client access: who calls with an account's token, from where, and how often it is refused.

A network or a token never seen of an account that is established (OWASP API2), a token that wakes
after a long rest, and a run of 401 or 403: somebody tries tokens, or what a token may (API1, API5).
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.observation import CallSeen, Observation, TimeSeen
from tallystick.watch.detect.operations.calls.clients import kernels as k
from tallystick.watch.detect.operations.calls.route_health import statuses
from tallystick.watch.detect.operations.kernels import STREAK_WIDTH, Said
from tallystick.watch.detect.operations.slots import SavedSlots, Slots, pieces
from tallystick.watch.detect.operations.wording import span, surprise
from tallystick.watch.detect.score import (
    ALARM_P_MAX,
    Contribution,
    Example,
    Finding,
    Judged,
    Reason,
)
from tallystick.watch.detect.wording import grouped, once_in, percent

REFRACTORY_SECONDS = {
    k.NEW_ADDRESS: 60.0,
    k.NEW_KEY: 60.0,
    k.DORMANT: 3_600.0,
    k.DENIED: 3_600.0,
}
_NAMES = {
    k.NEW_ADDRESS: "new_address",
    k.NEW_KEY: "new_key",
    k.DORMANT: "dormant_key",
    k.DENIED: "access_denied",
}
_IPV4_PARTS = 4
WORDS_MAX = 20_000
"""Most names of networks and keys that are kept to be said; the least recently new goes first."""
_ACCOUNTS = {
    "state": ("f8", k.ACCOUNT_WIDTH),
    "networks": ("u8", k.KNOWN),
    "wides": ("u8", k.KNOWN),
    "keys": ("u8", k.KNOWN),
}
_KEYS = {"state": ("f8", k.KEY_WIDTH)}
_CALLERS = {"streak": ("f8", STREAK_WIDTH)}


class _Saved(msgspec.Struct, tag="clients", forbid_unknown_fields=True):
    clock: bytes
    accounts: SavedSlots
    keys: SavedSlots
    callers: SavedSlots
    words: list[tuple[int, str]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class ClientAccess:
    """Scores every call by what is new about its client, and by the refusals before it."""

    names = ("new_address", "new_key", "dormant_key", "access_denied")
    observes = (CallSeen, TimeSeen)

    def __init__(self, entities_max: int = ENTITIES_MAX, alarm_p: float = ALARM_P_MAX) -> None:
        self._alarm_p = alarm_p
        self._clock = np.zeros(k.CLOCK_WIDTH)
        self._accounts = Slots(_ACCOUNTS, entities_max)
        self._keys = Slots(_KEYS, entities_max)
        self._callers = Slots(_CALLERS, 2 * entities_max)
        self._words: OrderedDict[int, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Score each call; time passes by the stamps of all."""
        places = [
            place
            for place, seen in enumerate(batch)
            if type(seen) is CallSeen or type(seen) is TimeSeen
        ]
        p_values = np.full(len(batch), np.nan)
        findings: list[Finding] = []
        for piece in pieces(len(places), self._accounts.limit):
            some = places[piece]
            seen = [batch[place] for place in some]
            judged, found, calls = self._judge(seen)
            p_values[some] = judged
            findings += [
                self._finding(line, some[int(line[k.F_ROW])], calls[int(line[k.F_ROW])])
                for line in found
            ]
        return Judged(p_values.tolist(), findings)

    def snapshot(self) -> bytes:
        """Everything learnt."""
        return _ENCODER.encode(
            _Saved(
                self._clock.tobytes(),
                self._accounts.save(),
                self._keys.save(),
                self._callers.save(),
                list(self._words.items()),
            )
        )

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        saved = _DECODER.decode(data)
        clock = np.frombuffer(saved.clock).copy()
        if clock.size != k.CLOCK_WIDTH:
            raise ValueError("this clock is of another detector")
        fresh = ClientAccess(self._accounts.limit, self._alarm_p)
        fresh._accounts.load(saved.accounts)
        fresh._keys.load(saved.keys)
        fresh._callers.load(saved.callers)
        self._accounts, self._keys, self._callers = fresh._accounts, fresh._keys, fresh._callers
        self._clock = clock
        self._words = OrderedDict(saved.words[-WORDS_MAX:])

    def _judge(
        self, seen: Sequence[Observation]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], list[CallSeen]]:
        calls = [each if type(each) is CallSeen else _nobody(each.at_seconds) for each in seen]
        keys = [call.key for call in calls]
        networks = [call.address for call in calls]
        callers = np.empty((len(calls), 2), np.int64)
        # A name a row and column in turn, so that who is forgotten does not depend on the batch.
        named = [
            name
            for key, network in zip(keys, networks, strict=True)
            for name in (key and f"key {key}", network and f"network {network}")
        ]
        callers[:] = self._callers.rows([name or None for name in named]).reshape(-1, 2)
        p_values = np.full(len(calls), np.nan)
        found = np.zeros((5 * len(calls) + 1, k.FOUND_WIDTH))
        accounts_at = self._accounts.rows([call.account for call in calls])
        keys_at = self._keys.rows([key or None for key in keys])
        seen_in_columns = k.ClientCalls(
            accounts_at,
            keys_at,
            callers,
            self._hashes(networks),
            _hashes_of([network and wider(network) for network in networks]),
            self._hashes(keys),
            np.array([call.at_seconds for call in calls], np.float64),
            statuses(calls),
        )
        known = k.Clients(
            self._clock,
            self._accounts.numbers("state"),
            self._accounts.hashes("networks"),
            self._accounts.hashes("wides"),
            self._accounts.hashes("keys"),
            self._keys.numbers("state"),
            self._callers.numbers("streak"),
        )
        said = Said(p_values, found)
        number = k.judge_clients(seen_in_columns, known, self._alarm_p, said)
        return p_values, found[:number], calls

    def _hashes(self, names: Sequence[str | None]) -> NDArray[np.uint64]:
        """A stable hash of each name, 0 for None; a name that is new is kept to be said."""
        words = self._words
        hashes = [_hash(name) if name else 0 for name in names]
        for hashed, name in zip(hashes, names, strict=True):
            if hashed and name and hashed not in words:
                words[hashed] = name
                if len(words) > WORDS_MAX:
                    words.popitem(last=False)
        return np.array(hashes, np.uint64)

    def _finding(self, line: NDArray[np.float64], row: int, call: CallSeen) -> Finding:
        kind, p_value = int(line[k.F_KIND]), float(line[k.F_P])
        if kind == k.DENIED:
            entity = self._callers.name(int(line[k.F_SLOT]))
            reason = _denied(entity, line, call)
        elif kind == k.DORMANT:
            entity = f"key {call.key}"
            reason = _awake(line, call)
        else:
            entity = f"{call.account}"
            before = (int(line[k.F_D]) << 32) | int(line[k.F_E])
            reason = _new(kind, line, call, self._words.get(before, ""))
        return Finding(
            row=row,
            detector=_NAMES[kind],
            family="fraud",
            entity=entity,
            p_value=p_value,
            refractory_seconds=REFRACTORY_SECONDS[kind],
            reason=reason,
        )


def _nobody(at_seconds: float) -> CallSeen:
    """Time that passes, as a call of nobody."""
    return CallSeen("", at_seconds, "", 0, 0.0, None)


@lru_cache(maxsize=65_536)
def wider(network: str) -> str:
    """What lies beside a network: the first 16 bits of an IPv4 one, 32 of an IPv6 one."""
    if ":" in network:
        return ":".join(network.split(":")[:2]) + "::/32"
    parts = network.split(".")
    return f"{parts[0]}.{parts[1]}.0.0/16" if len(parts) == _IPV4_PARTS else network


def _hashes_of(names: Sequence[str | None]) -> NDArray[np.uint64]:
    return np.array([_hash(name) if name else 0 for name in names], np.uint64)


@lru_cache(maxsize=65_536)
def _hash(name: str) -> int:
    """64 bits of a name, the same in every process; never 0."""
    data = name.encode(errors="surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big") or 1


def _new(kind: int, line: NDArray[np.float64], call: CallSeen, before: str) -> Reason:
    p_value, calls, number, known = (float(line[at]) for at in (k.F_P, k.F_A, k.F_B, k.F_C))
    address = kind == k.NEW_ADDRESS
    what, shown = ("network", call.address) if address else ("key", call.key)
    lately = f", lately {before}" if before else ""
    expected = f"one of {number:.0f} known {what}s{lately}"
    came = f"the {what} {shown}, never seen before"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{call.account} called {call.route} with {came}: {grouped(calls)} calls in "
            f"{span(known)} came with {expected} ({once_in(p_value)})."
            if not address
            else f"{call.account} called {call.route} from {came}: {grouped(calls)} calls in "
            f"{span(known)} came from {expected} ({once_in(p_value)})."
        ),
        contributions=(
            Contribution(
                "new_networks" if address else "new_keys",
                f"{what}s",
                1.0,
                0.0,
                0.0,
                surprise(p_value),
            ),
        ),
        nearest=Example("", f"{call.account} with the {what} {before}") if before else None,
    )


def _awake(line: NDArray[np.float64], call: CallSeen) -> Reason:
    p_value, rest, longest, calls = (float(line[at]) for at in (k.F_P, k.F_A, k.F_B, k.F_C))
    expected = f"a call at least every {span(max(longest, 1.0))}"
    came = f"a call after {span(rest)} without one"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"Key {call.key} of {call.account or 'nobody known'} made {came}; in its "
            f"{grouped(calls)} calls before it made {expected} ({once_in(p_value)})."
        ),
        contributions=(
            Contribution("key_rest", "s", round(rest), 0.0, round(longest), surprise(p_value)),
        ),
    )


def _denied(entity: str, line: NDArray[np.float64], call: CallSeen) -> Reason:
    p_value, bad, recent, usual = (float(line[at]) for at in (k.F_P, k.F_A, k.F_B, k.F_C))
    forbidden = line[k.F_D] == k.FORBIDDEN
    why = "what the key may not do (403)" if forbidden else "an unknown or missing key (401)"
    came = f"{bad:.0f} of the last {recent:.0f} calls refused"
    expected = f"about {percent(usual)} refused"
    whose = f" of {call.account}" if forbidden and call.account else ""
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{entity[:1].upper()}{entity[1:]}{whose} had {came} for {why}, the last one at "
            f"{call.route}; usually {percent(usual)} are ({once_in(p_value)})."
        ),
        contributions=(
            Contribution("denied_share", "share", bad / recent, 0.0, usual, surprise(p_value)),
        ),
    )
