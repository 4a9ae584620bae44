"""What the door hands requests to; wiring fills it in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tallystick.access import Tokens
from tallystick.api.followers import Followers
from tallystick.api.price_stream import PriceStream
from tallystick.clock import Clock
from tallystick.execution import Desk, History, QuoteBoard
from tallystick.execution.rfq import PointsSource
from tallystick.execution.trial import TrialBalances
from tallystick.ledger import Ledger
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.personal import Subjects
from tallystick.stream.rules import EventRules
from tallystick.tracing import Begin, untraced
from tallystick.watch.alarms.alarms import Alarms
from tallystick.watch.collect.archive import Archive
from tallystick.watch.collect.ingest import Ingest
from tallystick.watch.collect.redact import Unmasker
from tallystick.watch.collect.search import LogSearch, LogTails
from tallystick.watch.detect.found import DetectionState, Found, Judging
from tallystick.watch.detect.models.desk import ModelDesk
from tallystick.watch.notify import Notifier
from tallystick.watch.notify.oncall import OnCall


@dataclass(frozen=True)
class Services:
    """Every room behind the door, and the settings the door itself needs."""

    clock: Clock
    tokens: Tokens
    desk: Desk
    history: History
    ledger: Ledger
    board: QuoteBoard
    ingest: Ingest
    search: LogSearch
    tails: LogTails
    rules: EventRules
    unmasker: Unmasker
    archive: Archive | None
    """None where there is none."""
    found: Found
    judging: Judging
    models: ModelDesk
    detection: Callable[[], DetectionState]
    """How the detection process stands."""
    notifier: Notifier
    alarms: Alarms
    on_call: OnCall
    calendar_key: bytes
    """Signs the addresses of on-call calendars."""
    started_ns: int
    """When the process started."""
    published: Path
    """The folder of tlog-tiles resources."""
    subjects: Subjects
    followers: Followers
    prices: PriceStream
    points: PointsSource
    """Where forward points come from."""
    trial_balances: TrialBalances
    hec_token: str
    ledger_public: bool
    """Whether entries may be read without a token."""
    ready: Callable[[], str | None]
    """None when ready, else a sentence that says what is missing."""
    ledger_tiles_public: bool = True
    """Whether the published checkpoint and the hash tiles may be read without a token."""
    ledger_add: bool = False
    """Whether `POST /ledger/add` is there."""
    traced: Begin = untraced
    """Whether a request is traced."""
    approvers: tuple[VerifierKey, ...] = ()
    """The keys of those who may override limits."""
