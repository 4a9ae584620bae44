"""Limits, overrides, stops and resumes on a real desk: what is said, who may, what follows."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.execution import decode, risk
from tallystick.execution.approval import Approval, check_entry, read_note, sign_approval
from tallystick.execution.batch import Recorded
from tallystick.execution.book.scopes import ScopeKey
from tallystick.execution.desk import Key
from tallystick.execution.entries import (
    LimitOverridden,
    ResumeAsked,
    Scope,
    ScopedLimits,
    TradingState,
    TradingStateSet,
)
from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import VerifierKey

ALICE = FileKeyring("alice", bytes(range(32)))
ALICE_VKEY = VerifierKey.parse(ALICE.vkey)
HOUR_NS = 3_600_000_000_000
DEMO: ScopeKey = ("account", "demo")
ALL: ScopeKey = ("all", None)
PAIR: ScopeKey = ("pair", "EUR/USD")


class Risk:
    """The risk desk's words on a floor."""

    def __init__(self, floor: Any) -> None:
        self.floor = floor
        self.book = floor.desk.book

    async def stop(
        self,
        scope: ScopeKey,
        state: TradingState = "halted",
        by: str = "ann",
        key: Key | None = None,
        *,
        cancel_orders: bool = False,
    ) -> Recorded:
        """Somebody stops a scope."""
        said = risk.Said(by, "a drill", key)
        propose = risk.stop(self.book, scope, state, said, cancel_orders=cancel_orders)
        recorded: Recorded = await self.floor.desk.write(propose, key)
        return recorded

    async def resume(
        self, scope: ScopeKey, by: str, state: TradingState = "active", key: Key | None = None
    ) -> Recorded:
        """Somebody asks for a freer state, or grants it."""
        propose = risk.resume(self.book, scope, state, risk.Said(by, "it is over", key))
        recorded: Recorded = await self.floor.desk.write(propose, key)
        return recorded

    async def limit(self, scope: ScopeKey, **limits: Any) -> Recorded:
        """Somebody sets the limits of a scope."""
        said = risk.Said("ann", "test")
        recorded: Recorded = await self.floor.desk.write(
            risk.set_limits(scope, ScopedLimits(**limits), said), None
        )
        return recorded

    async def override(self, note: str) -> Recorded:
        """Somebody submits a note."""
        approved = read_note(note, [ALICE_VKEY])
        key = Key("override", "k", "d")
        recorded: Recorded = await self.floor.desk.write(
            risk.override(approved, risk.Said("ann", approved.approval.reason, key)), key
        )
        return recorded

    def note(self, value: str, *, hours: float = 2, **members: Any) -> str:
        """A note of Alice's about the demo account's largest order."""
        now_ns = self.floor.clock.now_ns()
        approval = Approval(
            "account", "demo", "order_quantity_max", value, rfc3339(now_ns),
            rfc3339(now_ns + round(hours * HOUR_NS)), "a large hedge",
        )  # fmt: skip
        return sign_approval(msgspec.structs.replace(approval, **members), ALICE)


Story = Callable[[Risk], Coroutine[Any, Any, None]]


def run(words: Any, story: Story, **limits: Any) -> None:
    """A story on a floor with two accounts; whatever happened, the book is what the ledger says."""

    async def whole() -> None:
        """From the opening to the last commit."""
        async with words.Floor() as floor:
            await floor.open("demo", "other", **limits)
            await story(Risk(floor))
            await floor.settle()
            floor.require_truth()

    asyncio.run(whole())


async def refusal(act: Coroutine[Any, Any, Any]) -> Refused:
    """How something is refused."""
    with pytest.raises(Refused) as caught:
        await act
    assert str(caught.value).endswith(".")
    return caught.value


@pytest.mark.parametrize(
    ("scope", "stopped"),
    [(ALL, {"demo", "other"}), (DEMO, {"demo"}), (PAIR, {"demo", "other"})],
    ids=["all", "account", "pair"],
)
@pytest.mark.parametrize("state", ["halted", "reducing"])
def test_a_stop_and_a_resume(
    words: Any, scope: ScopeKey, state: TradingState, stopped: set[str]
) -> None:
    """One person stops at once; two let it go on, and the entry names both."""

    async def story(desk: Risk) -> None:
        """Stop, look, ask, grant."""
        await desk.stop(scope, state)
        for account in ("demo", "other"):
            placed = await desk.floor.place(account=account)
            code = None if placed.entry.rejection is None else placed.entry.rejection.code
            expected = "KILL_SWITCH_ACTIVE" if state == "halted" else "ONLY_REDUCING"
            assert code == (expected if account in stopped else None)
        asked = await desk.resume(scope, "ann")
        assert isinstance(asked.entry, ResumeAsked)
        placed = await desk.floor.place()
        assert placed.entry.rejection is not None, "asking changes nothing"
        granted = await desk.resume(scope, "bob")
        assert isinstance(granted.entry, TradingStateSet)
        assert (granted.entry.asked_by, granted.entry.by) == ("ann", "bob")
        assert (await desk.floor.place()).entry.rejection is None
        assert desk.book.scopes.stops == {}

    run(words, story)


def test_the_same_person_cannot_grant(words: Any) -> None:
    """However often: the sentence says since when it is asked for."""

    async def story(desk: Risk) -> None:
        """Ask twice."""
        await desk.stop(DEMO)
        await desk.resume(DEMO, "ann")
        refused = await refusal(desk.resume(DEMO, "ann"))
        assert refused.code == "SECOND_PERSON_NEEDED"
        assert str(refused).startswith("ann asked for this already, at 2026-11-24T10:00:00")
        assert desk.book.scopes.stops[DEMO].state == "halted"

    run(words, story)


def test_a_freer_state_is_not_set_by_one(words: Any) -> None:
    """From halted to reducing takes two as well; the stricter and the same need one."""

    async def story(desk: Risk) -> None:
        """Up and down."""
        await desk.stop(DEMO, "reducing")
        await desk.stop(DEMO, "halted", by="bob")
        refused = await refusal(desk.stop(DEMO, "reducing", by="cid"))
        assert refused.code == "SECOND_PERSON_NEEDED"
        assert "Trading is halted for the account demo" in str(refused)
        await desk.resume(DEMO, "ann", "reducing")
        granted = await desk.resume(DEMO, "bob", "reducing")
        assert isinstance(granted.entry, TradingStateSet)
        assert granted.entry.state == "reducing"
        assert (await refusal(desk.resume(DEMO, "ann", "reducing"))).code == "NOTHING_TO_RESUME"
        assert (await refusal(desk.resume(ALL, "ann"))).code == "NOTHING_TO_RESUME"

    run(words, story)


def test_what_was_asked_can_be_overtaken(words: Any) -> None:
    """A new stop voids it, another state is another question, and a day later it is too old."""

    async def story(desk: Risk) -> None:
        """Each time, nobody grants what is no longer asked."""
        await desk.stop(DEMO)
        await desk.resume(DEMO, "ann")
        await desk.stop(DEMO, by="cid")
        assert isinstance((await desk.resume(DEMO, "bob")).entry, ResumeAsked)
        assert isinstance((await desk.resume(DEMO, "ann", "reducing")).entry, ResumeAsked)
        desk.floor.clock.advance(risk.ASKED_HOURS_MAX * 3_600 + 1)
        assert risk.asked_in(desk.book, DEMO, desk.floor.desk.now_ns()) is None
        assert isinstance((await desk.resume(DEMO, "bob", "reducing")).entry, ResumeAsked)
        granted = (await desk.resume(DEMO, "ann", "reducing")).entry
        assert isinstance(granted, TradingStateSet)
        assert granted.asked_by == "bob"

    run(words, story)


def test_each_write_happens_once(words: Any) -> None:
    """A retry under the same key is the stored answer, also of who asked; another is a conflict."""

    async def story(desk: Risk) -> None:
        """The same keys again."""
        stop, ask = Key("ann", "k-1", "digest"), Key("ann", "k-2", "digest")
        first = await desk.stop(DEMO, key=stop)
        again = await desk.stop(DEMO, key=stop)
        assert (first.receipt.position, again.receipt.position) == (first.receipt.position,) * 2
        asked = await desk.resume(DEMO, "ann", key=ask)
        retried = await desk.resume(DEMO, "ann", key=ask)
        assert retried.receipt.position == asked.receipt.position, "no second person is played"
        assert retried.replayed
        other = Key("ann", "k-1", "another digest")
        assert (await refusal(desk.stop(ALL, key=other))).code == "IDEMPOTENCY_CONFLICT"

    run(words, story)


@pytest.mark.parametrize(
    ("scope", "state", "left"),
    [
        (ALL, "halted", []),
        (DEMO, "halted", ["other"]),
        (DEMO, "reducing", ["demo closes", "other"]),
        (PAIR, "halted", []),
        (("pair", "USD/JPY"), "halted", ["demo", "demo closes", "other"]),
    ],
    ids=["all", "account", "account reducing", "pair", "another pair"],
)
def test_a_stop_may_take_the_orders_back(
    words: Any, scope: ScopeKey, state: TradingState, left: list[str]
) -> None:
    """In the same commit, each with the code KILL_SWITCH; what only reduces may go on reducing."""

    async def story(desk: Risk) -> None:
        """Rest, stop, look."""
        floor = desk.floor
        await floor.place(account="demo")
        names = {}
        for name, members in {
            "demo": {"price": "1.08000"},
            "demo closes": {"type": "stop_loss", "stop_price": "1.07500", "side": "sell"},
            "other": {"account": "other", "price": "1.08000"},
        }.items():
            placed = await floor.place(**members)
            names[placed.entry.order.id] = name
        recorded = await desk.stop(scope, state, cancel_orders=True)
        ended = [each for each in recorded.more if hasattr(each, "code")]
        assert all(each.code == "KILL_SWITCH" and each.by == "ann" for each in ended)
        assert len(ended) == len(names) - len(left)
        working = {
            order for account in desk.book.accounts.values() for order in account.open_orders
        }
        assert sorted(names[order] for order in working) == left
        assert floor.store.batches[-1] == 1 + len(ended)

    run(words, story)


def test_more_orders_than_one_commit_takes(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stop is said first, so nothing fills; the rest follows in further commits."""
    monkeypatch.setattr(risk, "CANCELS_AT_ONCE_MAX", 2)

    async def story(desk: Risk) -> None:
        """Five orders, two at a time."""
        for _ in range(5):
            await desk.floor.place(price="1.08000")
        await desk.stop(ALL, cancel_orders=True)
        assert len(desk.book.account("demo").open_orders) == 3
        said = risk.Said("ann", "a drill")
        more = 0
        while True:
            item = desk.floor.desk.submit(risk.cancel_more(desk.book, ALL, "halted", said), ())
            if not item.entries:
                break
            more += len(item.entries)
            await item.recorded()
        assert more == 3
        await desk.resume(ALL, "ann")
        await desk.resume(ALL, "bob")
        await desk.floor.place(price="1.08000")
        late = desk.floor.desk.submit(risk.cancel_more(desk.book, ALL, "halted", said), ())
        assert late.entries == [], "what works after the resume stays"

    run(words, story)


# --- limits -------------------------------------------------------------------------------------


def test_limits_of_scopes_hold_at_once(words: Any) -> None:
    """The pair's is tighter than everybody's; taken back, the next one holds."""

    async def story(desk: Risk) -> None:
        """A million at a time."""

        async def code() -> str | None:
            """Why it is rejected."""
            rejection = (await desk.floor.place()).entry.rejection
            return None if rejection is None else rejection.code

        assert await code() is None
        await desk.limit(ALL, order_quantity_max="999999")
        assert await code() == "QUANTITY_TOO_LARGE"
        await desk.limit(ALL, order_quantity_max="2000000", order_usd_max="1000000.00")
        assert await code() == "ORDER_VALUE_TOO_LARGE"
        await desk.limit(PAIR, collar_bps=1)
        await desk.limit(ALL)
        assert await code() is None
        far = await desk.floor.place(price="1.08000")
        assert far.entry.rejection.code == "PRICE_OUT_OF_COLLAR"
        await desk.limit(PAIR)
        assert not desk.book.scopes.is_limited
        assert (await desk.floor.place(price="1.08000")).entry.rejection is None

    run(words, story)


def test_orders_that_wait_for_others_count_too(words: Any) -> None:
    """A parent and its opening child may both fill: the second pair of them is too much."""

    async def story(desk: Risk) -> None:
        """Three million dollars; each pair of orders is two million euro."""
        child = {"type": "limit", "price": "1.08000", "side": "buy"}
        both = {"price": "1.08000", "if_done": [child]}
        first = await desk.floor.place(**both)
        assert first.entry.rejection is None
        second = await desk.floor.place(**both)
        assert second.entry.rejection.code == "POSITION_LIMIT"
        request = words.request(client_order_id="r-1", price="1.08100")
        replaced = await desk.floor.desk.replace(first.entry.order.id, request)
        assert replaced.entry.rejection is None, "it stands in the place of what it replaces"

    run(words, story, position_usd_max="3000000.00")


def test_the_message_rate_counts_what_clients_send(words: Any) -> None:
    """Orders, replacements and cancels use it up; children and rejections for it do not."""

    async def story(desk: Risk) -> None:
        """One a second, in bursts of four."""
        floor = desk.floor
        await desk.limit(DEMO, messages_per_second=1, message_burst=4)
        children = [{"type": "take_profit", "price": "1.08500"}]
        with_child = await floor.place(price="1.08000", if_done=children)
        assert with_child.entry.rejection is None
        resting = await floor.place(price="1.08000")
        request = words.request(client_order_id="r-1", price="1.08100")
        replaced = await floor.desk.replace(resting.entry.order.id, request)
        assert replaced.entry.rejection is None
        await floor.desk.cancel(replaced.entry.order.id, "demo", by="demo", reason="x")
        for _ in range(3):
            assert (await floor.place()).entry.rejection.code == "MESSAGE_RATE"
        cancelled = await floor.desk.cancel(
            with_child.entry.order.id, "demo", by="demo", reason="x"
        )
        assert cancelled.entry.code == "CLIENT_REQUEST", "a cancel is never refused for it"
        assert (await floor.place(account="other")).entry.rejection is None
        floor.clock.advance(2)
        floor.price()
        assert (await floor.place()).entry.rejection is None, "the rejected ones did not count"

    run(words, story)


def test_the_throttle_stops_the_account(words: Any) -> None:
    """The fourth equal execution is rejected and the account halted, in one commit.

    Two people let it go on, and it counts from anew.
    """

    async def story(desk: Risk) -> None:
        """Three are allowed."""
        floor = desk.floor
        await desk.limit(ALL, executions_max=3, execution_window_ms=60_000)
        for _ in range(3):
            assert (await floor.place()).entry.rejection is None
        assert (await floor.place(quantity="5")).entry.rejection is None, "another one"
        rejected = await floor.place()
        assert rejected.entry.rejection.code == "EXECUTION_THROTTLE"
        said = decode(floor.entries()[-1])
        assert isinstance(said, TradingStateSet)
        assert (said.scope, said.id, said.state) == ("account", "demo", "halted")
        assert said.by == "repeated-execution throttle"
        assert floor.store.batches[-1] == 2
        assert (await floor.place(side="sell")).entry.rejection.code == "KILL_SWITCH_ACTIVE"
        assert (await floor.place(account="other")).entry.rejection is None
        await desk.resume(DEMO, "ann")
        await desk.resume(DEMO, "bob")
        assert (await floor.place()).entry.rejection is None

    run(words, story)


def test_the_throttle_stops_working_orders_too(words: Any) -> None:
    """The third equal fill halts the account at once, and the fourth order stays unfilled."""

    async def story(desk: Risk) -> None:
        """Four equal limits, and the price comes."""
        floor = desk.floor
        await desk.limit(DEMO, executions_max=3, execution_window_ms=60_000)
        orders = [(await floor.place(price="1.08000")).entry.order.id for _ in range(4)]
        floor.price(bid="1.07900", ask="1.07950")
        await floor.settle()
        assert list(desk.book.account("demo").open_orders) == orders[3:]
        stop = desk.book.scopes.stops[DEMO]
        assert stop.by == "repeated-execution throttle"
        assert "was executed like 2 others within 60000 ms" in stop.reason

    run(words, story)


@pytest.mark.parametrize(
    ("scope", "name", "code"),
    [
        ("all", "x", "VALUE_NOT_ALLOWED"),
        ("account", None, "VALUE_NOT_ALLOWED"),
        ("account", "nobody", "UNKNOWN_ACCOUNT"),
        ("desk", "nowhere", "UNKNOWN_DESK"),
        ("pair", "USD/EUR", "UNKNOWN_PAIR"),
    ],
)
def test_scopes_that_are_not(words: Any, scope: Scope, name: str | None, code: str) -> None:
    """A stop of a misspelt scope would stop nobody: each is refused with the field `id`."""

    async def story(desk: Risk) -> None:
        """Only asked about."""
        with pytest.raises(Refused) as caught:
            risk.scope_of(desk.book, scope, name)
        assert (caught.value.code, caught.value.field) == (code, "id")
        assert risk.scope_of(desk.book, "pair", "USD/KRW") == ("pair", "USD/KRW")

    run(words, story)


@pytest.mark.parametrize(
    ("scope", "limits", "code", "field"),
    [
        ("all", {"order_quantity_max": "1.5"}, "AMOUNT_TOO_PRECISE", "order_quantity_max"),
        ("all", {"order_usd_max": "many"}, "AMOUNT_MALFORMED", "order_usd_max"),
        ("all", {"position_usd_max": "-1.00"}, "VALUE_NOT_ALLOWED", "position_usd_max"),
        ("all", {"messages_per_second": 0}, "VALUE_NOT_ALLOWED", "messages_per_second"),
        ("all", {"collar_bps": 10**9 + 1}, "VALUE_NOT_ALLOWED", "collar_bps"),
        ("all", {"executions_max": 3}, "VALUE_NOT_ALLOWED", "executions_max"),
        ("pair", {"position_usd_max": "1.00"}, "VALUE_NOT_ALLOWED", "position_usd_max"),
        (
            "all", {"executions_max": 3, "execution_window_ms": 86_400_001},
            "VALUE_NOT_ALLOWED", "execution_window_ms",
        ),
    ],
)  # fmt: skip
def test_limits_that_cannot_be(scope: Scope, limits: dict[str, Any], code: str, field: str) -> None:
    """Each with a code, the field and a sentence."""
    with pytest.raises(Refused) as caught:
        risk.check_limits(scope, ScopedLimits(**limits))

    assert (caught.value.code, caught.value.field) == (code, f"limits.{field}")
    assert str(caught.value).endswith(".")


# --- overrides ----------------------------------------------------------------------------------


def test_an_override_holds_for_its_time(words: Any) -> None:
    """Two million are too many, then not, then again; the entry alone proves who approved."""

    async def story(desk: Risk) -> None:
        """Two hours."""
        floor = desk.floor

        async def code(**members: Any) -> str | None:
            """Why two million are rejected."""
            rejection = (await floor.place(quantity="2000000", **members)).entry.rejection
            return None if rejection is None else rejection.code

        assert await code() == "QUANTITY_TOO_LARGE"
        recorded = await desk.override(desk.note("2000000"))
        assert await code() is None
        assert await code(account="other") == "QUANTITY_TOO_LARGE"
        origin = desk.book.scopes.origins(
            desk.book.account("demo"), "EUR/USD", floor.desk.now_ns()
        )["order_quantity_max"]
        assert (origin.value, origin.position) == (2_000_000, recorded.receipt.position)
        floor.clock.advance(7_200)
        floor.price()
        assert await code() == "QUANTITY_TOO_LARGE"

        floor.require_proved(recorded.receipt)
        entry = decode(recorded.receipt.entry)
        assert isinstance(entry, LimitOverridden)
        assert check_entry(entry, [ALICE_VKEY]).approver == "alice"

    run(words, story, order_quantity_max="1000000")


def test_another_scope_may_still_be_tighter(words: Any) -> None:
    """An account's override does not lift everybody's limit, nor does it survive as a bound."""

    async def story(desk: Risk) -> None:
        """The tighter of both."""
        await desk.limit(ALL, order_quantity_max="1500000")
        await desk.override(desk.note("2000000"))
        refused = (await desk.floor.place(quantity="1500001")).entry.rejection
        assert refused.reason.endswith("1500000 allowed.")
        assert (await desk.floor.place(quantity="1500000")).entry.rejection is None

    run(words, story, order_quantity_max="1000000")


def test_the_same_note_counts_once(words: Any) -> None:
    """Submitted again it is the stored answer, even after its end."""

    async def story(desk: Risk) -> None:
        """Twice."""
        note = desk.note("2000000")
        first = await desk.override(note)
        desk.floor.clock.advance(100_000)
        again = await desk.override(note)
        assert again.receipt.position == first.receipt.position
        assert again.replayed

    run(words, story)


@pytest.mark.parametrize(
    ("advance", "hours", "code"),
    [(7_200, 2, "OVERRIDE_EXPIRED"), (7_199, 2, None), (0, 24, None)],
)
def test_the_end_of_a_note(words: Any, advance: int, hours: int, code: str | None) -> None:
    """A note that has ended is refused when it comes; a whole day is the longest."""

    async def story(desk: Risk) -> None:
        """Signed, and carried around for a while."""
        note = desk.note("2000000", hours=hours)
        desk.floor.clock.advance(advance)
        if code is None:
            await desk.override(note)
        else:
            assert (await refusal(desk.override(note))).code == code
            assert desk.book.scopes.overrides == {}

    run(words, story)
