"""Import from QLDB: reads an S3 export, checks its hash chain, makes entries of its revisions."""

from tallystick.ledger.qldb.append import Outcome, append_export, append_missing
from tallystick.ledger.qldb.check import Journal, check_journal
from tallystick.ledger.qldb.entries import imported_entry
from tallystick.ledger.qldb.export import Export, open_export

__all__ = [
    "Export",
    "Journal",
    "Outcome",
    "append_export",
    "append_missing",
    "check_journal",
    "imported_entry",
    "open_export",
]
