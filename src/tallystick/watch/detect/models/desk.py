"""Who alerts and who watches in the shadow: what an operator may change, and what it takes.

A promotion and a rollback are entries, made here and written by the trading desk; the champion is
folded from them. A challenger alerts nobody, so it is a file: it says nothing of what was done.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from tallystick.clock import Clock, rfc3339
from tallystick.durable import replace_file
from tallystick.errors import Corrupt, Refused
from tallystick.ledger.notices import BacktestSummary, ModelPromoted
from tallystick.watch.detect.config import SHIPPED, DetectConfig
from tallystick.watch.detect.models.champion import SCOPE, Champion
from tallystick.watch.detect.models.comparison import Comparison
from tallystick.watch.detect.models.registry import Registry
from tallystick.watch.detect.models.report import read_backtest
from tallystick.watch.detect.models.version import REVISION, Model, shipped

MODELS, BACKTESTS, CHALLENGER = "models", "backtests", "challenger.json"
"""In the folder of detection."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Challenger(msgspec.Struct, frozen=True):
    """The version that watches in the shadow, since when, and who wanted that."""

    version: str
    since: str
    by: str


class Said(msgspec.Struct, frozen=True):
    """Who wants a change, and why; with its idempotency key and request, where it has one."""

    by: str
    reason: str
    key: str | None = None
    request: str | None = None


class Attached(msgspec.Struct, frozen=True):
    """A version, and the backtest that speaks for it: checked and kept.

    `leaf` is the leaf hash (hex) that the last entry of the backtest had, at `backtest.to` - 1.
    """

    version: str
    backtest: BacktestSummary
    leaf: str


class ModelDesk:
    """Models of one data folder; let it `catch_up` with the ledger's promotions before asking.

    `find` says whether a text tells what may not stand in the ledger (`Redactor.find`). `challenge`
    lets a version watch in the shadow, or none; `comparison` tells what it found so far.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        find: Callable[[bytes], Sequence[object]],
        challenge: Callable[[str | None], None] = lambda _version: None,
        comparison: Callable[[], Comparison | None] = lambda: None,
    ) -> None:
        self.registry = Registry(folder / MODELS)
        self.champion = Champion()
        self.comparison = comparison
        self._folder = folder
        self._clock = clock
        self._find = find
        self._challenge = challenge
        self._shipped = shipped().version
        self._caught_up = False

    @property
    def version(self) -> str:
        """The champion."""
        return self.champion.version or self._shipped

    @property
    def shipped(self) -> str:
        """What runs where nobody promoted anything."""
        return self._shipped

    @property
    def challenger(self) -> Challenger | None:
        """Who watches in the shadow; nobody where that cannot be read."""
        try:
            return msgspec.json.decode((self._folder / CHALLENGER).read_bytes(), type=Challenger)
        except (OSError, ValueError):
            return None

    def learn(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Take the newest entries of the ledger, as they come.

        Nothing is learnt before `catch_up`: a promotion means nothing without those before it.
        """
        if self._caught_up:
            self.catch_up(entries)

    def catch_up(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Take entries of the ledger, in order of position; others than promotions change nothing.

        The first time these are all promotions that there are. A challenger that became the
        champion challenges nobody any more.
        """
        self._caught_up = True
        for position, entry in entries:
            self.champion.learn(position, entry)
        challenger = self.challenger
        if challenger is not None and challenger.version == self.version:
            (self._folder / CHALLENGER).unlink(missing_ok=True)

    def model(self, version: str) -> Model:
        """The model of a version, made for the detectors of this release.

        Raises:
            Refused: `UNKNOWN_MODEL`; `MODEL_OUTDATED`, another release's; `MODEL_CHANGED`, its
                files are not those that it is named by.
        """
        try:
            model = shipped() if version == self._shipped else self.registry.load(version)
        except Corrupt as error:
            raise Refused("MODEL_CHANGED", str(error), field="version") from error
        if model.revision != REVISION:
            sentence = (
                f"Model {version} was made for detectors of revision {model.revision}; this release"
                f" has revision {REVISION}. Make it again and backtest it."
            )
            raise Refused("MODEL_OUTDATED", sentence, field="version")
        return model

    def attach(self, version: str, report: bytes, digest: str) -> Attached:
        """Check that a backtest speaks for a version, and keep it.

        Raises:
            Refused: `UNKNOWN_MODEL`, `MODEL_OUTDATED`, `MODEL_NOT_PROMOTABLE`, `BAD_BACKTEST`.
            Corrupt: the model was changed.
        """
        if not self.model(version).promotable:
            sentence = f"Model {version} asks an endpoint for its scores: it can only challenge."
            raise Refused("MODEL_NOT_PROMOTABLE", sentence, field="version")
        read, summary = read_backtest(report, version, digest)
        folder = self._folder / BACKTESTS
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / f"{digest}.json", report)
        return Attached(version, summary, read.leaf)

    def promoted(
        self, attached: Attached, leaf: str | None, said: Said, at_ns: int
    ) -> ModelPromoted:
        """The entry that makes a version the champion.

        `leaf` is the leaf hash (hex) of this ledger's entry where the backtest ended; None: it has
        none there.

        Raises:
            Refused: `BAD_BACKTEST`, it was on another ledger; `ALREADY_CHAMPION`;
                `VALUE_NOT_ALLOWED`, `PERSONAL_DATA`, the reason.
        """
        self._check_reason(said.reason)
        if leaf != attached.leaf:
            sentence = "The backtest replayed another ledger than this one."
            raise Refused("BAD_BACKTEST", sentence, field="backtest")
        if attached.version == self.version:
            sentence = f"Model {attached.version} is the champion already."
            raise Refused("ALREADY_CHAMPION", sentence, field="version")
        return self._entry(attached.version, said, at_ns, attached.backtest)

    def rolled_back(self, said: Said, at_ns: int) -> ModelPromoted:
        """The entry that makes the version before the champion again.

        Raises:
            Refused: `NOTHING_TO_ROLL_BACK`; `VALUE_NOT_ALLOWED`, `PERSONAL_DATA`, the reason.
        """
        self._check_reason(said.reason)
        if self.champion.version is None:
            sentence = "Nothing was promoted: what is shipped is the champion."
            raise Refused("NOTHING_TO_ROLL_BACK", sentence)
        return self._entry(self.champion.previous or self._shipped, said, at_ns, None)

    def challenge(self, version: str | None, by: str) -> Challenger | None:
        """Let a version watch in the shadow from now on, or none.

        Raises:
            Refused: `UNKNOWN_MODEL`, `MODEL_CHANGED`, `MODEL_OUTDATED`, `ALREADY_CHAMPION`.
        """
        if version is None:
            (self._folder / CHALLENGER).unlink(missing_ok=True)
            self._challenge(None)
            return None
        self.model(version)
        if version == self.version:
            sentence = f"Model {version} is the champion: it cannot challenge itself."
            raise Refused("ALREADY_CHAMPION", sentence, field="version")
        said = Challenger(version, rfc3339(self._clock.now_ns()), by)
        self._folder.mkdir(parents=True, exist_ok=True)
        replace_file(self._folder / CHALLENGER, msgspec.json.encode(said))
        self._challenge(version)
        return said

    def backtest(self, digest: str) -> bytes:
        """The report that a promotion names.

        Raises:
            Refused: `UNKNOWN_BACKTEST`.
        """
        try:
            if _DIGEST.fullmatch(digest):
                return (self._folder / BACKTESTS / f"{digest}.json").read_bytes()
        except OSError:
            pass
        raise Refused("UNKNOWN_BACKTEST", f"There is no backtest {digest[:64]!r}.")

    def described(self, version: str) -> tuple[str, tuple[str, ...], bool]:
        """The revision of its detectors, its artefacts' names, and whether it can be used here.

        Raises:
            Refused: `UNKNOWN_MODEL`.
        """
        if version == self._shipped:
            return REVISION, (), True
        try:
            manifest = self.registry.manifest(version)
        except Corrupt:
            return "", (), False
        names = tuple(sorted(manifest.artefacts))
        return manifest.revision, names, manifest.revision == REVISION

    def config(self, version: str) -> DetectConfig:
        """The configuration of a version.

        Raises:
            Refused: `UNKNOWN_MODEL`, `MODEL_CHANGED`.
        """
        if version == self._shipped:
            return SHIPPED
        try:
            return self.registry.manifest(version).config
        except Corrupt as error:
            raise Refused("MODEL_CHANGED", str(error), field="version") from error

    def _entry(
        self, version: str, said: Said, at_ns: int, backtest: BacktestSummary | None
    ) -> ModelPromoted:
        return ModelPromoted(
            at=rfc3339(at_ns),
            model=version,
            previous=self.version,
            scope=SCOPE,
            rollback=backtest is None,
            backtest=backtest,
            reason=said.reason,
            by=said.by,
            key=said.key,
            request=said.request,
        )

    def _check_reason(self, reason: str) -> None:
        if not reason.strip():
            raise Refused("VALUE_NOT_ALLOWED", "A change of the champion needs a reason.",
                          field="reason")  # fmt: skip
        if self._find(reason.encode()):
            sentence = "The reason stays in the ledger for ever: nothing personal may be in it."
            raise Refused("PERSONAL_DATA", sentence, field="reason")
