"""Builds the room of log lines: what comes in, where it is kept, who asks, where else it goes."""

import random
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from tallystick.clock import Clock
from tallystick.watch.collect.archive import parse_days
from tallystick.watch.collect.ingest import Ingest, IngestSettings
from tallystick.watch.collect.intake import Intake
from tallystick.watch.collect.query import CsvLookups, Lookups
from tallystick.watch.collect.redact import Originals, RedactionPolicy, Redactor, read_policy
from tallystick.watch.collect.search import LogSearch, LogTails, SavedSearches
from tallystick.watch.collect.store import LogStore, Place, open_place
from tallystick.wiring.forwarding import forwarders_of
from tallystick.wiring.settings import Settings

LOGS = "logs"
"""In the data folder: the log store; in the folder of keys: those of what was taken out."""


BUCKET = "s3://"


class Collecting:
    """Log lines: redacted, kept, searched, forwarded."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Open everything; nothing runs yet.

        Raises:
            Misconfigured, Corrupt: with a sentence for the operator.
        """
        folder = settings.folder
        self.originals = Originals(folder / "keys" / LOGS, clock)
        self.redactor = Redactor(_policy(settings), self.originals)
        retention = parse_days(f"0 {settings.log_retention or ''}").own
        logs = logs_folder(settings)
        self.store = LogStore(
            logs,
            clock,
            place=_place(settings, logs),
            retention_days=retention,
            folders=_archive_folders(settings),
        )
        self.intake = Intake(self.store, clock, self.redactor.redact)
        wanted = IngestSettings(
            strict=settings.hec_strict,
            ack=settings.hec_ack,
            health_checks_token=settings.hec_health_token,
            drop_repeats=settings.ingest_repeats == "drop",
        )
        self.ingest = Ingest(self.store, clock, self.redactor.redact, wanted)
        saved = SavedSearches(folder / "searches.json", clock)
        self.search = LogSearch(
            self.store, clock, saved, scratch=folder / "search", lookups=_lookups(settings)
        )
        self.tails = LogTails(self.search, clock)
        chance = random.Random()  # noqa: S311  jitter
        self.forwarders = forwarders_of(settings, self.store, clock, chance)

    def start(self) -> None:
        """Begin to take lines; those of before are known again."""
        self.intake.start()
        self.ingest.recall()

    def works(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """The loops, each with its name."""
        for forwarder in self.forwarders:
            yield f"forward-{forwarder.name}", forwarder.run()

    def end_streams(self) -> None:
        """Let go of whoever follows."""
        self.tails.close()

    def end_intake(self) -> None:
        """Keep what waits; nothing more is taken."""
        self.intake.close()
        self.ingest.close()

    def close(self) -> None:
        """Let go of every file."""
        self.search.close()
        self.store.close()
        self.originals.close()


def _policy(settings: Settings) -> RedactionPolicy:
    if settings.redaction is None:
        return RedactionPolicy()
    return read_policy(Path(settings.redaction).expanduser())


def _lookups(settings: Settings) -> Lookups | None:
    return None if settings.lookups is None else CsvLookups(Path(settings.lookups).expanduser())


def _place(settings: Settings, folder: Path) -> Place | None:
    if settings.logs is None or not settings.logs.startswith(BUCKET):
        return None
    return open_place(settings.logs, folder)


def logs_folder(settings: Settings) -> Path:
    """The folder of the log store: all of it, or what is not yet in its bucket."""
    if settings.logs is None or settings.logs.startswith(BUCKET):
        return settings.folder / LOGS
    return Path(settings.logs).expanduser().absolute()


def _archive_folders(settings: Settings) -> list[Path]:
    """An archive that is a folder is read in place."""
    if settings.archive is None or "://" in settings.archive:
        return []
    return [Path(settings.archive).expanduser().absolute()]
