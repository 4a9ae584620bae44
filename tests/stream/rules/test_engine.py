"""Event rules at work: each entry is looked at once, and what matches arrives."""

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import apsw
import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt, Misconfigured, Refused
from tallystick.stream import Message
from tallystick.stream.rules import (
    Rule,
    leave_event,
    ledger_check_failed,
    other_event,
    shipped_rules,
)
from tallystick.stream.rules.matching import Matching

FILLED = {"detail-type": ["Order Filled"]}


def filled(number: int = 0, **members: Any) -> dict[str, Any]:
    """An entry that the rule `FILLED` is about."""
    return {"kind": "order_filled", "n": number, "order": {"account": "demo"}, **members}


def test_what_matches_arrives_once(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """In a queue, as the whole event; others do not; a second saying of the entry is dropped."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern=FILLED))
        async with at.working():
            await at.say(filled(1), {"kind": "order_expired"}, filled(2))
            await at.until(lambda: len(at.queued()) == 2)
            rows = at.ledger.rows(0, 3)
            await at.rules.take([Message(n, row.entry) for n, row in enumerate(rows)])
            await at.until(lambda: not at.rules.outbox.waiting())
            events = at.queued()
        assert [event["id"] for event in events] == ["0", "2"]
        assert events[0]["detail"]["n"] == 1
        assert events[0]["source"] == "tallystick.ledger"
        assert events[0]["region"] == "ledger.example/test"

    asyncio.run(main())


def test_the_past_of_the_first_start_is_no_event(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """Rules are about what comes; a later start goes on where the last one was."""

    async def main() -> None:
        """On one loop."""
        rule = make_rule(pattern=FILLED)
        at = stage()
        await at.grow(filled(1))
        await at.rules.close()
        (at.folder / "rules.db").unlink()
        at.open([rule])
        async with at.working():
            await at.say(filled(2))
        await at.grow(filled(3))
        at.open([rule])
        assert at.rules.position == 2
        async with at.working():
            await at.feed()
            await at.until(lambda: len(at.queued()) == 2)
            assert [event["detail"]["n"] for event in at.queued()] == [2, 3]

    asyncio.run(main())


def test_nothing_of_a_matched_entry_is_lost_when_the_process_ends(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """What was matched and not delivered is delivered by the next process."""

    async def main() -> None:
        """On one loop."""
        rule = make_rule(pattern=FILLED)
        at = stage(rule)
        await at.say(filled(1))  # nobody delivers
        await at.rules.close()
        at.open([rule])
        async with at.working():
            await at.until(lambda: len(at.queued()) == 1)

    asyncio.run(main())


def test_a_target_gets_what_its_transformer_makes(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """Two targets of one rule, each with its own input."""

    async def main() -> None:
        """On one loop."""
        transformer = {
            "InputPathsMap": {"n": "$.detail.n"},
            "InputTemplate": '"number <n> by <aws.events.rule-name>"',
        }
        at = stage(
            make_rule(
                pattern=FILLED,
                targets=[
                    {"id": "a", "type": "queue", "queue": "a", "input_transformer": transformer},
                    {"id": "b", "type": "queue", "queue": "b", "input_path": "$.detail"},
                ],
            )
        )
        async with at.working():
            await at.say(filled(7))
            await at.until(lambda: at.queued("a") and at.queued("b"))
            assert at.queued("a") == ["number 7 by r"]
            assert at.queued("b")[0]["n"] == 7

    asyncio.run(main())


def test_the_shipped_rules_raise_alerts(stage: Callable[..., Any]) -> None:
    """A large trade, a margin call and a stop, each in a sentence."""

    async def main() -> None:
        """On one loop."""
        at = stage(*shipped_rules())
        async with at.working():
            await at.say(
                {
                    "kind": "order_decided",
                    "order": {
                        "account": "demo",
                        "id": "O-0",
                        "pair": "EUR/USD",
                        "quantity": "12000000",
                        "side": "buy",
                        "state": "filled",
                    },
                },
                {
                    "kind": "margin_changed",
                    "account": "demo",
                    "event": "call_entered",
                    "equity": "900.00",
                    "used": "1000.00",
                },
                {"kind": "trading_state_set", "state": "halted", "by": "ann", "reason": "test"},
            )
            await at.until(lambda: len(at.told) == 3)
        told = {each.rule: each for each in at.told}
        assert told["large-trade"].summary == "Large trade: demo buy 12000000 EUR/USD (O-0)."
        assert (told["large-trade"].position, told["large-trade"].order_id) == (0, "O-0")
        assert (told["margin-call"].severity, told["margin-call"].account) == ("error", "demo")
        assert told["margin-call"].summary.startswith("Margin call_entered: demo has 900.00 USD")
        assert told["kill-switch"].summary == "Trading was stopped or narrowed by ann: test"
        assert told["kill-switch"].severity == "critical"

    asyncio.run(main())


def test_events_that_are_no_entries(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """Offered events are matched too, each id once, also when it is offered again later."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern={"source": ["tallystick.detect"]}))
        event = other_event("A-1", "tallystick.detect", "Anomaly", {"p": 1}, 1, "x")
        async with at.working():
            at.rules.offer(event)
            at.rules.offer(event)
            await at.until(at.queued, step=0.5)
            at.rules.offer(event)
            at.rules.offer(other_event("A-2", "tallystick.detect", "Anomaly", {}, 2, "x"))
            await at.until(lambda: len(at.queued()) == 2, step=0.5)
            assert [each["id"] for each in at.queued()] == ["A-1", "A-2"]
            assert at.rules.outbox.offered(10) == []

    asyncio.run(main())


def test_bytes_that_cannot_be_read_are_counted(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """An entry that is no JSON, and an event that is none, stop nothing."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern=FILLED))
        async with at.working():
            at.rules.outbox.offer("x", b"{")
            await at.rules.take([Message(0, b'{"kind":"order_filled"')])
            await at.until(lambda: at.rules.matching.unreadable == 2, step=0.5)
            assert at.rules.position == 1

    asyncio.run(main())


def test_the_position_is_kept_while_nothing_matches(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """Every ten seconds, so that a restart has little to look at again."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern=FILLED))
        await at.say({"kind": "order_expired"})
        assert at.rules.outbox.cursor() == 0
        at.clock.advance(11)
        await at.say({"kind": "order_expired"})
        assert at.rules.outbox.cursor() == 2
        await at.rules.close()

    asyncio.run(main())


def test_schedules_fire_once_a_moment(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """Also over a restart; of moments missed in between there is one event, of the last."""

    async def main() -> None:
        """On one loop."""
        rule = make_rule("tick", schedule="rate(1 minute)")
        at = stage(rule)
        async with at.working():
            await at.until(lambda: len(at.queued()) == 2, step=1.0)
            first, second = at.queued()
        assert first["detail-type"] == "Scheduled Event"
        assert first["resources"] == ["rule/tick"]
        assert first["time"] < second["time"]
        at.clock.advance(3_600)
        at.open([rule])
        async with at.working():
            await at.until(lambda: len(at.queued()) == 3)
            await asyncio.sleep(0.02)
            assert len(at.queued()) == 3

    asyncio.run(main())


def test_a_replay_says_a_period_again(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """Only that period, only that rule, with its name in each event, beside what was said."""

    async def main() -> None:
        """On one loop."""
        other = [{"id": "o", "type": "queue", "queue": "other"}]
        at = stage(make_rule(pattern=FILLED), make_rule("other", pattern=FILLED, targets=other))
        async with at.working():
            for number in range(5):
                await at.say(filled(number))
                at.clock.advance(60)
            began_ns = at.clock.now_ns() - 300 * 10**9
            await at.until(lambda: len(at.queued()) == 5)
            await at.until(lambda: len(at.queued("other")) == 5)
            dry = at.rules.begin_replay("dry", began_ns, at.clock.now_ns(), dry_run=True)
            assert (dry.first, dry.end, dry.state) == (0, 5, "running")
            again = at.rules.begin_replay(
                "again", began_ns + 60 * 10**9, began_ns + 180 * 10**9, rule="r"
            )
            assert (again.first, again.end) == (1, 3)
            await at.until(lambda: at.rules.replays.get("again").state == "done", step=1.0)
            await at.until(lambda: len(at.queued()) == 7)
            names = [event.get("replay-name") for event in at.queued()]
            assert names == [None] * 5 + ["again"] * 2
            assert at.rules.replays.get("again").matched == 2
            assert at.rules.replays.get("dry").matched == 10
            assert at.rules.replays.get("dry").done == 1.0
            assert len(at.queued("other")) == 5

    asyncio.run(main())


def test_what_a_replay_cannot_be(stage: Callable[..., Any], make_rule: Callable[..., Rule]) -> None:
    """Of an unknown rule, backwards, or twice."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern=FILLED))
        for code, arguments in {
            "UNKNOWN_RULE": {"rule": "x"},
            "BAD_RANGE": {"to_ns": 0},
        }.items():
            asked = {"name": "a", "from_ns": 1, "to_ns": 2} | arguments
            with pytest.raises(Refused) as refusal:
                at.rules.begin_replay(**asked)
            assert refusal.value.code == code
        assert at.rules.begin_replay("a", 1, 2).state == "done"
        with pytest.raises(Refused) as refusal:
            at.rules.begin_replay("a", 1, 2)
        assert refusal.value.code == "REPLAY_EXISTS"
        with pytest.raises(Refused) as refusal:
            at.rules.replays.get("b")
        assert refusal.value.code == "UNKNOWN_REPLAY"
        await at.rules.close()

    asyncio.run(main())


def test_every_target_that_cannot_work_is_named(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """The start stops with all complaints; the file is let go."""
    targets = [
        {"id": "a", "type": "webhook", "url": "ftp://x"},
        {"id": "b", "type": "webhook", "url": "https://x.example", "secret_file": "nowhere"},
        {"id": "c", "type": "queue"},
        {"id": "d", "type": "queue", "queue": "no spaces"},
        {"id": "e", "type": "notification", "severity": "loud"},
        {"id": "f", "type": "workflow", "url": "https://x.example", "timeout_seconds": 0},
    ]
    with pytest.raises(Misconfigured) as error:
        stage(make_rule(pattern=FILLED, targets=targets))
    for letter in "abcdef":
        assert f"r: target {letter}: " in str(error.value)


def test_a_disabled_rule_does_nothing(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """Neither is it matched nor are its targets made."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern=FILLED, state="disabled", targets=[
            {"type": "webhook", "url": "nonsense"}]))  # fmt: skip
        await at.say(filled())
        assert at.rules.outbox.waiting() == {}
        assert json.dumps(sorted(at.rules.targets)) == "[]"
        await at.rules.close()

    asyncio.run(main())


def test_an_event_that_no_rule_is_about_is_not_kept(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """Offering costs nothing then."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern=FILLED))
        at.rules.offer(other_event("A-1", "tallystick.detect", "Anomaly", {}, 1, "x"))
        assert at.rules.outbox.offered(10) == []
        await at.rules.close()

    asyncio.run(main())


def test_another_process_leaves_an_event(stage: Callable[..., Any]) -> None:
    """A check of the ledger that fails on the command line raises an alert in the server."""

    async def main() -> None:
        """On one loop."""
        at = stage(*shipped_rules())
        event = ledger_check_failed("Entry 7 is not what was signed.", at.clock.now_ns(), "x")
        path = at.folder / "rules.db"
        assert leave_event(path, event.id, event.body)
        assert not leave_event(at.folder / "nowhere.db", event.id, event.body)
        async with at.working():
            await at.until(lambda: at.told, step=0.5)
        (told,) = at.told
        assert told.rule == "ledger-check-failed"
        assert told.severity == "critical"
        assert told.summary == "Ledger Check Failed: Entry 7 is not what was signed."

    asyncio.run(main())


def test_a_file_that_is_ahead_of_the_ledger_stops_the_start(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """It is of another ledger, or an older backup of this one was put back."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern=FILLED))
        at.rules.outbox.keep([], 0, 5)
        await at.rules.close()
        with pytest.raises(Corrupt, match="have seen 5 entries and the ledger has only 0"):
            at.open([])

    asyncio.run(main())


def test_a_clock_that_is_set_back_repeats_no_moment(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """What was looked at stays looked at."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule("tick", schedule="rate(1 minute)"))
        almanac, now_ns = at.rules._almanac, at.clock.now_ns()
        minute = 60 * 10**9
        assert almanac.turn(now_ns) == ([], now_ns + minute)
        assert len(almanac.turn(now_ns + minute)[0]) == 1
        assert almanac.turn(now_ns + minute // 2) == ([], now_ns + 2 * minute)
        assert almanac.turn(now_ns + minute) == ([], now_ns + 2 * minute)
        assert len(almanac.turn(now_ns + 9 * minute)[0]) == 1
        await at.rules.close()

    asyncio.run(main())


def test_what_an_operator_watches(
    stage: Callable[..., Any], make_rule: Callable[..., Rule]
) -> None:
    """How far behind, what waits, what is dead."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern=FILLED))
        await at.say(filled())
        await at.grow(filled())
        figures = {name: figure for name, _, figure in at.rules.gauges()}
        assert figures == {
            "tallystick_rules_lag_entries": 1,
            "tallystick_rules_deliveries_waiting": 1,
            "tallystick_rules_dead_letters": 0,
            "tallystick_rules_targets_left_alone": 0,
            "tallystick_rules_unreadable_total": 0,
        }
        await at.rules.close()

    asyncio.run(main())


def test_a_file_that_is_locked_loses_nothing(
    stage: Callable[..., Any], make_rule: Callable[..., Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What matched is kept as soon as the file can be written again."""

    async def main() -> None:
        """On one loop."""
        at = stage(make_rule(pattern=FILLED))
        monkeypatch.setattr(at.clock, "sleep", ManualClock().sleep)
        at.rules._database._connection.set_busy_timeout(10)
        with closing(apsw.Connection(str(at.folder / "rules.db"))) as other:
            other.execute("BEGIN IMMEDIATE")
            saying = asyncio.create_task(at.say(filled()))
            await asyncio.sleep(0.05)
            assert not saying.done()
            other.execute("ROLLBACK")
        await saying
        assert at.rules.outbox.waiting() == {("r", "q"): 1}
        await at.rules.close()

    asyncio.run(main())


def test_the_same_position_of_another_ledger_has_another_key(
    clock: ManualClock, make_rule: Callable[..., Rule]
) -> None:
    """A receiver of two servers' events takes neither for the other's."""
    event = other_event("7", "tallystick.ledger", "Order Filled", {}, 1, "x")
    rule = make_rule(pattern=FILLED)
    keys = {
        each.key
        for region in ("one.example/ledger", "two.example/ledger")
        for each in Matching([rule], region, clock).of(event, ["r"])
    }
    assert len(keys) == 2
