"""The desk: what may be asked of it, each thing at most once.

Every write has a key under which it happens once: an order its client_order_id and its
Idempotency-Key, anything else its Idempotency-Key. A retry gets the stored answer.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import UNSET

from tallystick.clock import rfc3339
from tallystick.errors import Refused, TallystickError
from tallystick.execution.batch import Item, Recorded
from tallystick.execution.book import HOUSE, check_reconfigured
from tallystick.execution.decide import decide
from tallystick.execution.engine import Engine
from tallystick.execution.entries import (
    AccountOpened,
    CancelCode,
    Entry,
    LimitsText,
    OrderDecided,
    Raw,
    decode,
    order_keys,
    raw_key,
    write_key,
)
from tallystick.execution.placed import Placed, replay
from tallystick.execution.placing import (
    check_replacement,
    keys_of_request,
    place_all,
    replace_with,
    replacing,
)
from tallystick.execution.request import OrderRequest
from tallystick.execution.worked import cancel
from tallystick.ledger import Sealed
from tallystick.limits import ENTRY_BYTES_MAX, REASON_CHARACTERS_MAX


class Key(msgspec.Struct, frozen=True, gc=False):
    """Under which key a write happens once, and what tells it from another one under that key.

    `key` is the Idempotency-Key of `principal`, `digest` the SHA-256 (hex) of the request.
    """

    principal: str
    key: str
    digest: str

    @property
    def text(self) -> str:
        """As the ledger keeps it."""
        return write_key(self.principal, self.key)


Begun = tuple[Item, bool]
"""An order on its way, and whether it began just now."""


class Desk(Engine):
    """Places, replaces and cancels orders; opens and stops accounts."""

    async def place(self, request: OrderRequest, key: str | None = None) -> Placed:
        """Decide an order and answer when it is durable; a retry gets the stored answer.

        Raises:
            Refused: `IDEMPOTENCY_CONFLICT`, `UNKNOWN_ACCOUNT`.
            TemporaryError: nothing was done; try again with the same keys.
        """
        while True:
            begun = self.begin(request, key)
            if isinstance(begun, Placed):
                return begun
            placed = self.end(begun, request, key, await begun[0].batch.done)
            if placed is not None:
                return placed

    async def place_many(
        self, orders: Sequence[tuple[OrderRequest, str | None]]
    ) -> list[Placed | TallystickError]:
        """Place orders one after another, each answered on its own, in one commit where it fits.

        The answers stand in the order of the requests.
        """
        begun: list[Begun | Placed | TallystickError] = []
        for request, key in orders:
            try:
                begun.append(self.begin(request, key))
            except TallystickError as error:
                begun.append(error)
        answers: list[Placed | TallystickError] = []
        for each, (request, key) in zip(begun, orders, strict=True):
            if isinstance(each, tuple):
                done = each[0].batch.done
                try:  # there is seldom more than one batch, and it is waited for once
                    sealed = done.result() if done.done() else await done
                    placed = self.end(each, request, key, sealed)
                    answers.append(placed or await self.place(request, key))
                except TallystickError as error:
                    answers.append(error)
            else:
                answers.append(each)
        return answers

    async def replace(self, replaced: str, request: OrderRequest, key: str | None = None) -> Placed:
        """Put an order in the place of an open one of the same account, in one step.

        It is linked with what the other one was linked with, and brings no orders of its own.

        Raises:
            Refused: `ORDER_NOT_OPEN`, `IDEMPOTENCY_CONFLICT`, `UNKNOWN_ACCOUNT`;
                `VALUE_NOT_ALLOWED`, `MEMBER_NOT_ALLOWED`, it cannot stand in that one's place.
            TemporaryError: nothing was done; try again with the same keys.
        """
        request = replacing(request, replaced)

        def propose(_position: int, at_ns: int) -> Iterable[Entry]:
            working = self.book.account(request.account).open_orders.get(replaced)
            if working is None:
                raise Refused("ORDER_NOT_OPEN", f"Order {replaced} is not resting.")
            check_replacement(request, working.order)
            market = self.market(request.pair.symbol, at_ns)
            return replace_with(request, replaced, key, at_ns, book=self.book, market=market)

        keys = keys_of_request(request, key)
        self.recent.be_wary(len(keys))  # a retry must not find out that the order is closed
        while True:
            known = self._known(request, keys)
            if isinstance(known, Placed):
                return known
            fresh = known is None
            item = self.submit(propose, keys) if known is None else known
            placed = self._placed(await item.recorded(), request, fresh=fresh)
            if placed is not None:
                return placed
            self.recent.be_wary(len(keys))

    async def cancel(
        self,
        order_id: str,
        account: str,
        *,
        by: str,
        reason: str,
        code: CancelCode = "CLIENT_REQUEST",
        key: Key | None = None,
    ) -> Recorded:
        """Take back a working order of `account`.

        Raises:
            Refused: `ORDER_NOT_OPEN`; `IDEMPOTENCY_CONFLICT`.
        """

        def propose(_position: int, at_ns: int) -> Iterable[Entry]:
            working = self.book.account(account).open_orders.get(order_id)
            if working is None:
                raise Refused("ORDER_NOT_OPEN", f"Order {order_id} is not resting.")
            return (
                cancel(
                    working, at_ns=at_ns, by=by, code=code, reason=reason,
                    key=None if key is None else key.text,
                    request=None if key is None else key.digest,
                ),
            )  # fmt: skip

        return await self.write(propose, key)

    async def write(
        self, propose: Callable[[int, int], Iterable[Entry]], key: Key | None
    ) -> Recorded:
        """Append a proposal once under its key.

        The proposal's first entry has to hold the key's text and digest (`entries.KEYED`).

        Raises:
            Refused: `IDEMPOTENCY_CONFLICT`, and what the proposal refuses.
            TemporaryError: nothing was done; try again.
        """
        if key is None:
            return await self.say(propose)

        def check(entry: Entry) -> None:
            if getattr(entry, "request", None) != key.digest:
                raise conflict(key.key)

        return await self.once(propose, key.text, check)

    async def open_account(
        self, account: str, limits: LimitsText, key: Key | None = None, **configuration: str
    ) -> Recorded:
        """Let an account exist, or give it new limits and another configuration.

        `configuration`: members of `AccountOpened` (`desk`, `home`, `mode`, `margin`, `financing`,
        `by`).

        Raises:
            Refused: `VALUE_NOT_ALLOWED`, the name is the house's, or it holds what would have
                another meaning; `AMOUNT_MALFORMED`, `AMOUNT_TOO_PRECISE`, of a limit.
        """
        if account == HOUSE:
            sentence = f"{HOUSE!r} is the other side of every trade and no client's account."
            raise Refused("VALUE_NOT_ALLOWED", sentence, field="account")
        more = dict(configuration)
        if key is not None:
            more |= {"key": key.text, "request": key.digest}

        def propose(_position: int, at_ns: int) -> Iterable[Entry]:
            known = self.book.accounts.get(account)
            if known is not None:
                check_reconfigured(known, more)
            version = 2 if more else 1
            opened = AccountOpened(rfc3339(at_ns), account, limits, version)
            return (msgspec.structs.replace(opened, **more) if more else opened,)

        return await self.write(propose, key)

    async def append_raw(self, data: bytes) -> int:
        """Append bytes as they are, once, and give their position: for load tests.

        Raises:
            Refused: `ENTRY_NOT_RAW`, they are too long, or could be taken for an entry of ours.
        """
        if len(data) > ENTRY_BYTES_MAX or data.startswith(b"{"):
            sentence = f"At most {ENTRY_BYTES_MAX} bytes that do not begin with {{ can be added."
            raise Refused("ENTRY_NOT_RAW", sentence)
        recorded = await self.once(lambda _position, _at: (Raw(data),), raw_key(data))
        return recorded.receipt.position

    def begin(self, request: OrderRequest, key: str | None) -> Begun | Placed:
        """The item of an order on its way (and whether it began now), or its stored answer.

        Whoever begins an order waits for the item's batch, and then `end`s the order.

        Raises:
            Refused: `IDEMPOTENCY_CONFLICT`, `UNKNOWN_ACCOUNT`.
            TemporaryError: nothing was done; try again with the same keys.
        """
        keys = keys_of_request(request, key)
        known = self._known(request, keys)
        if isinstance(known, Placed):
            return known
        if known is not None:
            return known, False
        plain = not request.if_done and request.oco is None

        def propose(position: int, at_ns: int) -> Iterable[Entry]:
            market = self.market(request.pair.symbol, at_ns)
            if plain:
                return (
                    decide(
                        request, key, position=position, at_ns=at_ns, market=market,
                        book=self.book,
                    ),
                )  # fmt: skip
            return place_all(request, key, at_ns, book=self.book, market=market)

        single = plain and request.quote is UNSET  # which is settled with it
        return self.submit(propose, keys, single=single), True

    def end(
        self,
        begun: Begun,
        request: OrderRequest,
        key: str | None,
        outcome: Sealed | TallystickError,
    ) -> Placed | None:
        """The answer to an order whose batch is durable or lost; None: it is to begin again.

        Another writer settled its keys then, and the ledger knows the answer.

        Raises:
            Refused: `IDEMPOTENCY_CONFLICT`; a second decision refused it.
            TemporaryError: nothing was done; try again with the same keys.
        """
        if isinstance(outcome, TallystickError):
            raise outcome
        item, fresh = begun
        placed = self._placed(item.outcome(outcome), request, fresh=fresh)
        if placed is None:
            self.recent.be_wary(len(keys_of_request(request, key)))
        return placed

    def _known(self, request: OrderRequest, keys: tuple[str, ...]) -> Item | Placed | None:
        """What is on its way under one of the keys, or was answered."""
        for known in keys:
            item = self.pending.get(known)
            if item is not None:
                return item
            position = self.recent.position(known)
            if position is not None:
                receipt = self.ledger.receipt(position)
                return replay(decode(receipt.entry), receipt, request, self._linked(request))
        return None

    def _placed(
        self, recorded: Recorded | None, request: OrderRequest, *, fresh: bool
    ) -> Placed | None:
        """The answer to an order whose batch is durable; None: another writer settled its keys."""
        if recorded is None:
            return None
        linked = tuple(
            each for each in recorded.more
            if isinstance(each, OrderDecided) and each.request == request.digest
        )  # fmt: skip
        if not fresh:
            return replay(recorded.entry, recorded.receipt, request, linked)
        assert isinstance(recorded.entry, OrderDecided)  # noqa: S101  what `propose` gives
        return Placed(recorded.entry, recorded.receipt, linked=linked)

    def _linked(self, request: OrderRequest) -> tuple[OrderDecided, ...]:
        """The orders that came with an answered one."""
        keys = [order_keys(each.account, each.client_order_id, None)[0] for each in request.linked]
        positions = self.ledger.find_all(keys) if keys else ()
        known = (each for each in positions if each is not None and each < self.ledger.size)
        found = [decode(self.ledger.receipt(position).entry) for position in sorted(known)]
        return tuple(
            each for each in found
            if isinstance(each, OrderDecided) and each.request == request.digest
        )  # fmt: skip


def check_reason(reason: str) -> None:
    """A reason is not too long.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`.
    """
    if len(reason) > REASON_CHARACTERS_MAX:
        sentence = f"A reason may have at most {REASON_CHARACTERS_MAX} characters."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="reason")


def conflict(key: str) -> Refused:
    """Something else was already done under this key."""
    return Refused(
        "IDEMPOTENCY_CONFLICT",
        f"Another request was already made under the Idempotency-Key {key!r}; use a new key for a"
        " new request.",
    )
