"""Builds the archive: where old log lines and the published ledger are kept under lock."""

from pathlib import Path

from tallystick.clock import Clock
from tallystick.execution import Desk
from tallystick.ledger import Ledger
from tallystick.ledger.verify import Trust
from tallystick.watch.collect.archive import (
    PLACE,
    Archive,
    ArchiveRules,
    open_vault,
    parse_days,
    require_years,
)
from tallystick.wiring.collecting import Collecting
from tallystick.wiring.settings import Settings
from tallystick.wiring.subjects import append_by


def archive_of(
    settings: Settings,
    collecting: Collecting,
    ledger: Ledger,
    desk: Desk,
    published: Path,
    clock: Clock,
) -> Archive | None:
    """The archive that the settings name; it lends the log store what it holds.

    Raises:
        Misconfigured: the settings cannot be used, or the extra `aws` is not installed.
    """
    if settings.archive is None:
        return None
    rules = ArchiveRules(
        parse_days(settings.archive_after_days),
        settings.archive_mode,
        require_years(settings.archive_years),
    )
    archive = Archive(
        collecting.store,
        open_vault(settings.archive, clock),
        rules,
        clock,
        folder=settings.folder / "archive",
        append=append_by(desk),
        published=published,
        trust=lambda: Trust(tuple(ledger.vkeys)),
    )
    collecting.store.attach(PLACE, archive.source)
    return archive
