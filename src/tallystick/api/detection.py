"""What the detectors found, why, what people say of it, and how detection stands.

Only for those who operate: whoever is looked into must not learn of it.
"""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from tallystick.api.decoding import decode_time
from tallystick.api.idempotency import answered, key_of
from tallystick.api.operation import Call, Operation
from tallystick.api.orders import Limit
from tallystick.api.services import Services
from tallystick.execution.entries import Entry
from tallystick.ledger import Receipt
from tallystick.ledger.notices import AnomalyJudged
from tallystick.limits import PAGE_ITEMS_DEFAULT, REASON_CHARACTERS_MAX
from tallystick.watch.detect.feedback.reading import surprise_of
from tallystick.watch.detect.found import (
    Counts,
    DetectionState,
    Known,
    Said,
    Scope,
    Verdict,
    VerdictWord,
    Wanted,
)
from tallystick.watch.detect.score import Anomaly, Contribution, Family

SIMILAR_MAX = 5
"""Most earlier anomalies told beside one."""
Text = Annotated[str, Meta(min_length=1, max_length=500)]


class AnomaliesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which anomalies, newest first; `cursor` is the `next` of the page before.

    `since` <= at < `until`. `verdict` none: nobody has judged it. `surprise_min` is -log10 of the
    p-value: 9 is what comes once in a thousand million ordinary observations.
    """

    limit: Limit = PAGE_ITEMS_DEFAULT
    cursor: Text | None = None
    detector: Text | None = None
    family: Family | None = None
    account: Text | None = None
    pair: Text | None = None
    verdict: Literal["confirmed", "dismissed", "none"] | None = None
    held: bool | None = None
    since: Text | None = None
    until: Text | None = None
    surprise_min: Annotated[float, Meta(ge=0, le=1_000)] | None = None


class AnomalyItem(Anomaly, frozen=True):
    """An anomaly; `surprise` is -log10 of its p-value, `verdict` null while nobody judged it."""

    surprise: float = 0.0
    found_at: str = ""
    verdict: VerdictWord | None = None


class AnomalyList(msgspec.Struct, frozen=True):
    """Anomalies, newest first; `next` is the cursor of the next page, null at the end."""

    anomalies: list[AnomalyItem]
    next: str | None


class SharedContribution(Contribution, frozen=True):
    """One feature's part in the surprise; `share` of all features' together, 0 to 1."""

    share: float = 0.0


class Evidence(msgspec.Struct, frozen=True):
    """A ledger entry that makes the case: where it is, and where its proof."""

    position: int
    entry: str
    receipt: str


class Similar(msgspec.Struct, frozen=True):
    """An earlier anomaly of the same detector, and what was said of it."""

    id: str
    at: str
    entity: str
    surprise: float
    sentence: str
    verdict: VerdictWord | None
    reason: str | None


class AnomalyDetail(AnomalyItem, frozen=True):
    """Everything known of an anomaly.

    `order` leads to the order, `evidence` to the entries, oldest first, `verdicts` are all that
    were said of it, oldest first; the last one holds.
    """

    contributions: tuple[SharedContribution, ...] = ()
    order: str | None = None
    evidence: tuple[Evidence, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    similar: tuple[Similar, ...] = ()


class JudgeAnomaly(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether it was worth telling, and why, which stays in the ledger for ever.

    `scope`: it says the same of what this detector finds about this entity ("stream"), or of what
    any detector does ("entity"). `until` (RFC 3339): hold back what is like it until then.
    """

    verdict: VerdictWord
    reason: Annotated[str, Meta(min_length=1, max_length=REASON_CHARACTERS_MAX)]
    scope: Scope = "stream"
    until: Text | None = None


class VerdictAnswer(msgspec.Struct, frozen=True):
    """What was said of an anomaly, and the receipt of the entry that says so."""

    anomaly: str
    verdict: VerdictWord
    reason: str
    scope: Scope
    until: str | None
    by: str
    at: str
    position: int
    receipt: Receipt


class DetectionAnswer(DetectionState, frozen=True):
    """How detection stands; `lag` counts the ledger's entries that it has yet to look at.

    Where it is off nobody is to look at them: `on` is false and `lag` 0.
    """

    head: int = 0
    lag: int = 0
    found: Counts = Counts(0, 0, 0, 0)


async def anomalies(services: Services, call: Call) -> AnomalyList:
    """What the detectors found."""
    query: AnomaliesQuery = call.query
    page = await asyncio.to_thread(services.found.page, _wanted(query), query.limit, query.cursor)
    return AnomalyList([_item(known) for known in page.items], page.next)


async def anomaly(services: Services, call: Call) -> AnomalyDetail:
    """One anomaly, explained."""
    return await asyncio.to_thread(_explained, services, call.path["id"])


async def judge(services: Services, call: Call) -> Response:
    """Confirm or dismiss an anomaly."""
    asked: JudgeAnomaly = call.body
    known = await asyncio.to_thread(services.judging.known, call.path["id"])
    said = Said(asked.verdict, asked.reason, call.principal.name, asked.scope, asked.until)
    key = key_of(call)
    words = (None, None) if key is None else (key.text, key.digest)

    def propose(_position: int, at_ns: int) -> Iterable[Entry]:
        return (services.judging.entry(known.anomaly, said, at_ns, *words),)

    recorded = await services.desk.write(propose, key)
    entry, receipt = recorded.entry, recorded.receipt
    assert isinstance(entry, AnomalyJudged)  # noqa: S101  what was proposed
    await asyncio.to_thread(services.found.note, receipt.position, receipt.entry)
    answer = VerdictAnswer(
        entry.anomaly, said.verdict, entry.reason, said.scope, entry.until, entry.by, entry.at,
        receipt.position, receipt,
    )  # fmt: skip
    return answered(answer, replayed=recorded.replayed)


async def detection(services: Services, _call: Call) -> DetectionAnswer:
    """How detection stands."""
    state: DetectionState = services.detection()
    head = services.ledger.size
    found = await asyncio.to_thread(services.found.counts)
    return DetectionAnswer(
        **msgspec.structs.asdict(state),
        head=head,
        lag=max(0, head - state.position) if state.on else 0,
        found=found,
    )


def _explained(services: Services, anomaly_id: str) -> AnomalyDetail:
    known = services.judging.known(anomaly_id)
    found = known.anomaly
    members = msgspec.structs.asdict(_item(known))
    members["contributions"] = _shared(found.contributions)
    return AnomalyDetail(
        **members,
        order=None if found.order_id is None else f"/v1/orders/{found.order_id}",
        evidence=tuple(_evidence(position) for position in found.positions),
        verdicts=tuple(services.found.verdicts(found.id)),
        similar=tuple(_similar(each) for each in services.found.similar(found, SIMILAR_MAX)),
    )


def _item(known: Known) -> AnomalyItem:
    return AnomalyItem(
        **msgspec.structs.asdict(known.anomaly),
        surprise=round(surprise_of(known.anomaly.p_value), 2),
        found_at=known.found_at,
        verdict=None if known.verdict is None else known.verdict.verdict,
    )


def _shared(contributions: Iterable[Contribution]) -> tuple[SharedContribution, ...]:
    parts = tuple(contributions)
    whole = sum(each.surprise for each in parts if each.surprise > 0)
    return tuple(
        SharedContribution(
            **msgspec.structs.asdict(each),
            share=round(max(0.0, each.surprise) / whole, 4) if whole > 0 else 0.0,
        )
        for each in parts
    )


def _evidence(position: int) -> Evidence:
    entry = f"/v1/ledger/entries/{position}"
    return Evidence(position, entry, f"{entry}/receipt")


def _similar(known: Known) -> Similar:
    found, verdict = known.anomaly, known.verdict
    return Similar(
        found.id, found.at, found.entity, round(surprise_of(found.p_value), 2), found.sentence,
        None if verdict is None else verdict.verdict, None if verdict is None else verdict.reason,
    )  # fmt: skip


def _wanted(query: AnomaliesQuery) -> Wanted:
    wanted = Wanted(
        detector=query.detector,
        family=query.family,
        account=query.account,
        pair=query.pair,
        verdict=query.verdict,
        held=query.held,
        surprise_min=query.surprise_min,
    )
    if query.since is not None:
        wanted = msgspec.structs.replace(wanted, since_ns=decode_time("since", query.since))
    if query.until is not None:
        wanted = msgspec.structs.replace(wanted, until_ns=decode_time("until", query.until))
    return wanted


OPERATIONS = (
    Operation(
        "GET", "/v1/anomalies", "Anomalies, newest first, each with what was expected and came.",
        anomalies, AnomalyList, scope="operate", query=AnomaliesQuery, tag="watch",
    ),
    Operation(
        "GET", "/v1/anomalies/{id}",
        "An anomaly, explained: contributions, entries with their proofs, verdicts, its like.",
        anomaly, AnomalyDetail, scope="operate", tag="watch", refusals=("UNKNOWN_ANOMALY",),
    ),
    Operation(
        "POST", "/v1/anomalies/{id}/verdict",
        "Confirm or dismiss an anomaly; the ledger says who did, and why.",
        judge, VerdictAnswer, scope="operate", body=JudgeAnomaly, tag="watch", keyed=True,
        refusals=("UNKNOWN_ANOMALY",),
    ),
    Operation(
        "GET", "/v1/detection", "How detection stands: its model, how far it is, what drifts.",
        detection, DetectionAnswer, scope="operate", tag="watch",
    ),
)  # fmt: skip
