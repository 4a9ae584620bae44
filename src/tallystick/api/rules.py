"""Event rules over the API: what they did, what they would do, dead letters, replays, runs."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tallystick.api import queues
from tallystick.api.decoding import decode_time
from tallystick.api.operation import Call, Operation
from tallystick.api.orders import Limit
from tallystick.api.services import Services
from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_DEFAULT
from tallystick.stream.rules import (
    DeadLetter,
    EventRules,
    Replay,
    Rule,
    Run,
    Seen,
    compile_pattern,
    entry_event,
    verdict,
)

OUTPUT_BYTES_MAX = 65_536
"""Largest output of a workflow's run."""
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Stamp = Annotated[str, Meta(min_length=1, max_length=64)]


Number = Annotated[int, Meta(ge=0, le=2**53)]
"""A position or an id."""
_NS_MAX = 2**63 - 1


class TargetItem(msgspec.Struct, frozen=True):
    """A target and what became of its deliveries; `waits_until` while it is left alone."""

    id: str
    type: str
    waiting: int
    delivered: int
    failed: int
    dead: int
    waits_until: str | None


class RuleItem(msgspec.Struct, frozen=True):
    """A rule; `matched` counts events."""

    name: str
    description: str
    enabled: bool
    pattern: dict[str, Any] | None
    schedule: str | None
    matched: int
    targets: list[TargetItem]


class RuleList(msgspec.Struct, frozen=True):
    """All rules, and the next ledger position that they will look at."""

    rules: list[RuleItem]
    position: int


class RuleTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `pattern` (or the one of a `rule`) and an `event` (or the entry at a `position`)."""

    pattern: dict[str, Any] | None = None
    rule: Name | None = None
    event: dict[str, Any] | None = None
    position: Number | None = None


class RuleTested(msgspec.Struct, frozen=True):
    """Whether it matched; if not, which path failed and how. `rules` are those in force that do."""

    matched: bool
    path: str | None
    reason: str | None
    rules: list[str]


class DeadQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a rule or a target; `before` is the id of the last one seen."""

    limit: Limit = PAGE_ITEMS_DEFAULT
    before: Number | None = None
    rule: Name | None = None
    target: Name | None = None


class DeadLetterList(msgspec.Struct, frozen=True):
    """Dead letters, the newest first; `total` counts all of them."""

    dead_letters: list[DeadLetter]
    total: int


class Revive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which: one by its id, those of a rule or a target, or all."""

    id: Number | None = None
    rule: Name | None = None
    target: Name | None = None


class Revived(msgspec.Struct, frozen=True):
    """How many are on their way again."""

    revived: int


class NewReplay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A period to say again, to one rule or all; a `dry_run` only counts."""

    name: Name
    begins: Stamp = msgspec.field(name="from")
    ends: Stamp = msgspec.field(name="to")
    rule: Name | None = None
    dry_run: bool = False


class ReplaysQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many, newest first."""

    limit: Limit = PAGE_ITEMS_DEFAULT


class ReplayList(msgspec.Struct, frozen=True):
    """Replays, the newest first."""

    replays: list[Replay]


class RunAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a run ended, with the token that came with it."""

    token: Annotated[str, Meta(max_length=200)]
    status: Literal["succeeded", "failed"]
    output: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


async def list_rules(services: Services, _call: Call) -> RuleList:
    """All rules and what they did."""
    rules = services.rules
    counts = await asyncio.to_thread(rules.outbox.counts)
    waiting = await asyncio.to_thread(rules.outbox.waiting)
    return RuleList(
        [_item(rules, rule, counts, waiting) for rule in rules.rules.values()], rules.position
    )


async def try_rule(services: Services, call: Call) -> RuleTested:
    """Hold an event against a pattern; nothing is kept or sent."""
    asked: RuleTest = call.body
    rules = services.rules
    event = _event(services, asked)
    matching = rules.matching.names(event)
    if (asked.pattern is None) is (asked.rule is None):
        raise Refused("BAD_REQUEST", "Name either a pattern or a rule.")
    if asked.pattern is not None:
        pattern = compile_pattern(asked.pattern, decimals=True)
    else:
        rule = rules.rules.get(asked.rule or "")
        if rule is None:
            raise Refused("UNKNOWN_RULE", f"There is no rule {asked.rule!r}.", field="rule")
        if rule.pattern is None:
            raise Refused("BAD_REQUEST", f"The rule {rule.name} has a schedule.", field="rule")
        pattern = rule.pattern
    said = verdict(pattern, event.members)
    return RuleTested(said.matched, said.path, said.reason, matching)


async def dead_letters(services: Services, call: Call) -> DeadLetterList:
    """What could not be delivered, and why."""
    asked: DeadQuery = call.query
    outbox = services.rules.outbox
    letters = await asyncio.to_thread(
        outbox.dead, asked.limit, asked.before, asked.rule, asked.target
    )
    return DeadLetterList(letters, await asyncio.to_thread(outbox.dead_count))


async def revive(services: Services, call: Call) -> Revived:
    """Send dead letters again."""
    asked: Revive = call.body
    return Revived(await services.rules.revive(asked.id, asked.rule, asked.target))


async def discard(services: Services, call: Call) -> DeadLetterList:
    """Throw a dead letter away; gives those that are left."""
    text = call.path["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Refused("UNKNOWN_DEAD_LETTER", f"There is no dead letter {text!r}.")
    outbox = services.rules.outbox
    await asyncio.to_thread(outbox.discard, int(text))
    letters = await asyncio.to_thread(outbox.dead, PAGE_ITEMS_DEFAULT)
    return DeadLetterList(letters, await asyncio.to_thread(outbox.dead_count))


async def replays(services: Services, call: Call) -> ReplayList:
    """Replays and how far they are."""
    return ReplayList(await asyncio.to_thread(services.rules.replays.all, call.query.limit))


async def begin_replay(services: Services, call: Call) -> Replay:
    """Say a period of the ledger again."""
    asked: NewReplay = call.body
    begins, ends = _ns("from", asked.begins), _ns("to", asked.ends)
    return await asyncio.to_thread(
        services.rules.begin_replay,
        asked.name,
        begins,
        ends,
        rule=asked.rule,
        dry_run=asked.dry_run,
    )


async def replay(services: Services, call: Call) -> Replay:
    """One replay and how far it is."""
    return await asyncio.to_thread(services.rules.replays.get, call.path["name"])


async def cancel_replay(services: Services, call: Call) -> Replay:
    """Stop a replay; what it has matched is still delivered."""
    now_ns = services.clock.now_ns()
    return await asyncio.to_thread(services.rules.replays.cancel, call.path["name"], now_ns)


async def run(services: Services, call: Call) -> Run:
    """One run of a workflow."""
    return await asyncio.to_thread(services.rules.runs.get, call.path["id"])


async def answer_run(services: Services, call: Call) -> Run:
    """What a workflow's engine says of a run; the run's token is the permission. Once is enough."""
    asked: RunAnswer = call.body
    output = b"null" if asked.output is msgspec.UNSET else bytes(asked.output)
    if len(output) > OUTPUT_BYTES_MAX:
        raise Refused("BODY_TOO_LARGE", f"An output has at most {OUTPUT_BYTES_MAX} bytes.")
    name = call.path["id"]
    await services.rules.answer_run(name, asked.token, asked.status, output)
    return await asyncio.to_thread(services.rules.runs.get, name)


def _event(services: Services, asked: RuleTest) -> Seen:
    if (asked.event is None) is (asked.position is None):
        raise Refused("BAD_REQUEST", "Name either an event or a position.")
    if asked.event is not None:
        return Seen("", asked.event, b"")  # it is sent nowhere
    position = asked.position or 0
    rows = services.ledger.rows(position, 1) if position < services.ledger.size else []
    event = entry_event(position, rows[0].entry, services.ledger.origin) if rows else None
    if event is None:
        raise Refused("UNKNOWN_ENTRY", f"There is no entry {position} that is an event.")
    return event


def _item(
    rules: EventRules,
    rule: Rule,
    counts: dict[tuple[str, str], dict[str, int]],
    waiting: dict[tuple[str, str], int],
) -> RuleItem:
    open_until = rules.open_breakers()
    targets = []
    for target in rule.targets:
        whom = (rule.name, target.id)
        counted, until_ns = counts.get(whom, {}), open_until.get(whom)
        targets.append(
            TargetItem(
                target.id,
                target.type,
                waiting.get(whom, 0),
                counted.get("delivered", 0),
                counted.get("failed", 0),
                counted.get("dead", 0),
                None if until_ns is None else rfc3339(until_ns),
            )
        )
    return RuleItem(
        rule.name,
        rule.description,
        rule.enabled,
        None if rule.pattern is None else dict(rule.pattern.source),
        rule.schedule_text or None,
        counts.get((rule.name, ""), {}).get("matched", 0),
        targets,
    )


def _ns(field: str, text: str) -> int:
    return min(max(decode_time(field, text), 0), _NS_MAX)


OPERATIONS = (
    Operation(
        "GET", "/v1/rules", "Event rules, and what became of what they matched.",
        list_rules, RuleList, scope="operate", tag="rules",
    ),
    Operation(
        "POST", "/v1/rules/test", "Hold an event against a pattern; says which path failed.",
        try_rule, RuleTested, scope="operate", body=RuleTest, tag="rules",
        refusals=("BAD_PATTERN", "UNKNOWN_RULE", "UNKNOWN_ENTRY"),
    ),
    Operation(
        "GET", "/v1/rules/dead", "Deliveries that were given up, newest first.",
        dead_letters, DeadLetterList, scope="operate", query=DeadQuery, tag="rules",
    ),
    Operation(
        "POST", "/v1/rules/dead/replay", "Send dead letters again.",
        revive, Revived, scope="operate", body=Revive, tag="rules",
        refusals=("UNKNOWN_DEAD_LETTER",),
    ),
    Operation(
        "DELETE", "/v1/rules/dead/{id}", "Throw a dead letter away.",
        discard, DeadLetterList, scope="operate", tag="rules", refusals=("UNKNOWN_DEAD_LETTER",),
    ),
    Operation(
        "GET", "/v1/rules/replays", "Replays and how far they are, newest first.",
        replays, ReplayList, scope="operate", query=ReplaysQuery, tag="rules",
    ),
    Operation(
        "POST", "/v1/rules/replays", "Say a period of the ledger again to rules.",
        begin_replay, Replay, scope="operate", body=NewReplay, status=202, tag="rules",
        refusals=("UNKNOWN_RULE", "REPLAY_EXISTS", "BAD_RANGE"),
    ),
    Operation(
        "GET", "/v1/rules/replays/{name}", "A replay and how far it is.",
        replay, Replay, scope="operate", tag="rules", refusals=("UNKNOWN_REPLAY",),
    ),
    Operation(
        "DELETE", "/v1/rules/replays/{name}", "Stop a replay.",
        cancel_replay, Replay, scope="operate", tag="rules", refusals=("UNKNOWN_REPLAY",),
    ),
    Operation(
        "GET", "/v1/rules/runs/{id}", "A run of a workflow that a rule started.",
        run, Run, scope="operate", tag="rules", refusals=("UNKNOWN_RUN",),
    ),
    Operation(
        "POST", "/v1/rules/runs/{id}", "How a run ended; its token is the permission.",
        answer_run, Run, body=RunAnswer, body_bytes_max=2 * OUTPUT_BYTES_MAX, tag="rules",
        refusals=("UNKNOWN_RUN",),
    ),
    *queues.OPERATIONS,
)  # fmt: skip
