"""The archive: log parts and the published ledger, kept for years where nobody changes them."""

from tallystick.watch.collect.archive.archive import Amount, Archive, ArchiveStatus
from tallystick.watch.collect.archive.covered import Covered
from tallystick.watch.collect.archive.desk import ArchiveDesk, Done
from tallystick.watch.collect.archive.holds import Hold
from tallystick.watch.collect.archive.ledger_archive import unpack_ledger, verify_archived
from tallystick.watch.collect.archive.parts import PLACE
from tallystick.watch.collect.archive.place import S3, open_vault
from tallystick.watch.collect.archive.restores import Restore
from tallystick.watch.collect.archive.rules import ArchiveRules, parse_days, require_years
from tallystick.watch.collect.archive.vault import TIERS, ColdObjectError, Tier, Vault
from tallystick.watch.collect.archive.verification import Verification

__all__ = [
    "PLACE",
    "S3",
    "TIERS",
    "Amount",
    "Archive",
    "ArchiveDesk",
    "ArchiveRules",
    "ArchiveStatus",
    "ColdObjectError",
    "Covered",
    "Done",
    "Hold",
    "Restore",
    "Tier",
    "Vault",
    "Verification",
    "open_vault",
    "parse_days",
    "require_years",
    "unpack_ledger",
    "verify_archived",
]
