"""The independent verifier: what a stranger needs to check this ledger, and nothing else.

It hashes, reads the published formats and checks signatures; it opens no database and knows no
server code, so it can run far from, and without trust in, who keeps the ledger.
"""

from tallystick.ledger.verify.export import is_export, verify_export
from tallystick.ledger.verify.ledger import Progress, verify_ledger
from tallystick.ledger.verify.proof import verify_evidence, verify_proof
from tallystick.ledger.verify.receipt import verify_receipt
from tallystick.ledger.verify.report import CannotTell, Report, Verdict
from tallystick.ledger.verify.sources import FolderSource, Source, UrlSource, open_source
from tallystick.ledger.verify.trust import Pinned, Trust, trusting

__all__ = [
    "CannotTell",
    "FolderSource",
    "Pinned",
    "Progress",
    "Report",
    "Source",
    "Trust",
    "UrlSource",
    "Verdict",
    "is_export",
    "open_source",
    "trusting",
    "verify_evidence",
    "verify_export",
    "verify_ledger",
    "verify_proof",
    "verify_receipt",
]
