"""Versions of detection: which one alerts, which one challenges, promotion and rollback."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from tallystick.api.idempotency import answered, key_of
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.errors import Refused, TemporaryError
from tallystick.execution.desk import Key
from tallystick.execution.entries import Entry
from tallystick.execution.search import Filter
from tallystick.ledger import Receipt
from tallystick.ledger.notices import BacktestSummary, ModelPromoted
from tallystick.limits import PAGE_ITEMS_MAX, REASON_CHARACTERS_MAX
from tallystick.watch.detect.models import Comparison, Promotion
from tallystick.watch.detect.models.desk import Challenger, ModelDesk, Said
from tallystick.watch.detect.models.report import BACKTEST_BYTES_MAX

KIND = "model_promoted"
PROMOTIONS_TOLD_MAX = 100
BODY_BYTES_MAX = 2 * BACKTEST_BYTES_MAX
"""The report is a string in the body: quotes and line ends are escaped in it."""
Version = Annotated[str, Meta(min_length=1, max_length=64)]
Reason = Annotated[str, Meta(min_length=1, max_length=REASON_CHARACTERS_MAX)]


class ModelItem(msgspec.Struct, frozen=True):
    """A version, and what it is here.

    `usable` is whether this release can run it as it is: `revision` is that of its detectors.
    `promoted` is the newest promotion or rollback to it, with the summary of its backtest.
    """

    version: str
    champion: bool
    challenger: bool
    shipped: bool
    usable: bool
    revision: str
    artefacts: tuple[str, ...]
    promoted: Promotion | None


class ModelList(msgspec.Struct, frozen=True):
    """All versions, oldest first, and the changes of the champion, newest first.

    `running` is what the detection process runs, empty while there is none. `comparison` is what
    champion and challenger found since the challenge, null where nobody challenges.
    """

    champion: str
    shipped: str
    running: str
    challenger: Challenger | None
    comparison: Comparison | None
    models: list[ModelItem]
    promotions: list[Promotion]


class ModelDetail(ModelItem, frozen=True):
    """A version with its configuration, and what is written about it in Markdown."""

    config: dict[str, Any] = {}
    card: str = ""


class PromoteModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Make a version the champion.

    `backtest` is the report that `tallystick detect backtest --out` wrote, as it is; `digest` its
    SHA-256 in hex.
    """

    version: Version
    backtest: Annotated[str, Meta(min_length=2, max_length=BACKTEST_BYTES_MAX)]
    digest: Annotated[str, Meta(min_length=64, max_length=64)]
    reason: Reason


class RollBackModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Go back to the champion before."""

    reason: Reason


class ChallengeModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version watches in the shadow from now on; null: none."""

    version: Version | None


class ChampionAnswer(msgspec.Struct, frozen=True):
    """A change of the champion, and the receipt of the entry that says so."""

    version: str
    previous: str
    rollback: bool
    backtest: BacktestSummary | None
    reason: str
    by: str
    at: str
    position: int
    receipt: Receipt


class ChallengerAnswer(msgspec.Struct, frozen=True):
    """Who challenges now; `running` as in the list of versions."""

    champion: str
    running: str
    challenger: Challenger | None


async def models(services: Services, _call: Call) -> ModelList:
    """Every version and what became of it."""
    desk = _caught_up(services)
    versions = await asyncio.to_thread(desk.registry.versions)
    known = list(dict.fromkeys([desk.shipped, *versions, desk.version]))
    items = await asyncio.to_thread(lambda: [_item(desk, version) for version in known])
    return ModelList(
        champion=desk.version,
        shipped=desk.shipped,
        running=services.detection().model,
        challenger=desk.challenger,
        comparison=desk.comparison(),
        models=items,
        promotions=desk.champion.promotions[: -PROMOTIONS_TOLD_MAX - 1 : -1],
    )


async def model(services: Services, call: Call) -> ModelDetail:
    """One version."""
    desk = _caught_up(services)
    return await asyncio.to_thread(_detail, desk, call.path["version"])


async def backtest(services: Services, call: Call) -> Response:
    """The report that a promotion named."""
    report = await asyncio.to_thread(services.models.backtest, call.path["digest"])
    return Response(report, media_type="application/json")


async def promote(services: Services, call: Call) -> Response:
    """Make a version the champion."""
    asked: PromoteModel = call.body
    desk, key = _caught_up(services), key_of(call)

    report = asked.backtest.encode()
    attached = await asyncio.to_thread(desk.attach, asked.version, report, asked.digest)
    last = attached.backtest.to - 1
    rows = services.ledger.rows(last, 1) if last < services.ledger.size else []
    leaf = rows[0].leaf_hash.hex() if rows else None

    def propose(_position: int, at_ns: int) -> Iterable[Entry]:
        return (desk.promoted(attached, leaf, _said(call, asked.reason, key), at_ns),)

    recorded = await services.desk.write(propose, key)
    return _changed(services, recorded.entry, recorded.receipt, replayed=recorded.replayed)


async def roll_back(services: Services, call: Call) -> Response:
    """Go back to the champion before."""
    asked: RollBackModel = call.body
    desk, key = _caught_up(services), key_of(call)

    def propose(_position: int, at_ns: int) -> Iterable[Entry]:
        return (desk.rolled_back(_said(call, asked.reason, key), at_ns),)

    recorded = await services.desk.write(propose, key)
    return _changed(services, recorded.entry, recorded.receipt, replayed=recorded.replayed)


async def challenge(services: Services, call: Call) -> ChallengerAnswer:
    """Let a version watch in the shadow; it alerts nobody."""
    asked: ChallengeModel = call.body
    desk = _caught_up(services)
    challenger = desk.challenge(asked.version, call.principal.name)
    return ChallengerAnswer(desk.version, services.detection().model, challenger)


def _said(call: Call, reason: str, key: Key | None) -> Said:
    words = (None, None) if key is None else (key.text, key.digest)
    return Said(call.principal.name, reason, *words)


def _changed(services: Services, entry: Entry, receipt: Receipt, *, replayed: bool) -> Response:
    assert isinstance(entry, ModelPromoted)  # noqa: S101  what was proposed
    kept = [each.position for each in _caught_up(services).champion.promotions]
    forgotten = bool(kept) and receipt.position < kept[0]
    if receipt.position not in kept and not forgotten:
        raise TemporaryError(
            f"Another change of the champion came first; entry {receipt.position}, which says this"
            " one, does not count. Look at it, and ask again under another key."
        )
    answer = ChampionAnswer(
        entry.model, entry.previous, entry.rollback, entry.backtest, entry.reason, entry.by,
        entry.at, receipt.position, receipt,
    )  # fmt: skip
    return answered(answer, replayed=replayed)


def _caught_up(services: Services) -> ModelDesk:
    """The desk of models, with every promotion that the ledger holds.

    The newest one that it knows is where the search begins; most often there is no other.
    """
    desk, history = services.models, services.history
    history.fold()
    known = desk.champion.promotions
    cursor: int | None = known[-1].position + 1 if known else 0
    while cursor is not None:
        page = history.search.page(
            Filter(kind=KIND, start=cursor), limit=PAGE_ITEMS_MAX, cursor=cursor
        )
        desk.catch_up((position, row.entry) for position, row in page.entries)
        cursor = page.cursor
    return desk


def _item(desk: ModelDesk, version: str) -> ModelItem:
    try:
        revision, artefacts, usable = desk.described(version)
    except Refused:  # a champion of an earlier release, or a folder that was lost
        revision, artefacts, usable = "", (), False
    challenger = desk.challenger
    promotions = [each for each in desk.champion.promotions if each.version == version]
    return ModelItem(
        version=version,
        champion=version == desk.version,
        challenger=challenger is not None and version == challenger.version,
        shipped=version == desk.shipped,
        usable=usable,
        revision=revision,
        artefacts=artefacts,
        promoted=promotions[-1] if promotions else None,
    )


def _detail(desk: ModelDesk, version: str) -> ModelDetail:
    config = desk.config(version)
    card = "" if version == desk.shipped else desk.registry.card(version)
    item = msgspec.structs.asdict(_item(desk, version))
    return ModelDetail(**item, config=msgspec.to_builtins(config), card=card)


OPERATIONS = (
    Operation(
        "GET", "/v1/detection/models", "Versions of detection: which alerts, which challenges.",
        models, ModelList, scope="operate", tag="watch",
    ),
    Operation(
        "GET", "/v1/detection/models/{version}", "One version of detection.",
        model, ModelDetail, scope="operate", tag="watch",
        refusals=("UNKNOWN_MODEL", "MODEL_CHANGED"),
    ),
    Operation(
        "GET", "/v1/detection/backtests/{digest}", "The backtest that a promotion names.",
        backtest, bytes, scope="operate", tag="watch", refusals=("UNKNOWN_BACKTEST",),
        media_type="application/json",
    ),
    Operation(
        "POST", "/v1/detection/champion", "Make a version the champion, with its backtest.",
        promote, ChampionAnswer, scope="operate", body=PromoteModel, tag="watch", keyed=True,
        body_bytes_max=BODY_BYTES_MAX,
        refusals=(
            "UNKNOWN_MODEL", "MODEL_CHANGED", "MODEL_OUTDATED", "MODEL_NOT_PROMOTABLE",
            "ALREADY_CHAMPION",
        ),
    ),
    Operation(
        "POST", "/v1/detection/rollback", "Go back to the champion before.",
        roll_back, ChampionAnswer, scope="operate", body=RollBackModel, tag="watch", keyed=True,
        refusals=("NOTHING_TO_ROLL_BACK",),
    ),
    Operation(
        "PUT", "/v1/detection/challenger", "Let a version watch in the shadow, or none.",
        challenge, ChallengerAnswer, scope="operate", body=ChallengeModel, tag="watch",
        refusals=("UNKNOWN_MODEL", "MODEL_CHANGED", "MODEL_OUTDATED", "ALREADY_CHAMPION"),
    ),
)  # fmt: skip
