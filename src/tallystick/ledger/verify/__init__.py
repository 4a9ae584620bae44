"""The independent verifier: what a stranger needs to check this ledger, and nothing else.

It hashes, reads the published formats and checks signatures; it opens no database and knows no
server code, so it can run far from, and without trust in, who keeps the ledger.
"""

from tallystick.ledger.verify.ledger import Progress, verify_ledger
from tallystick.ledger.verify.receipt import verify_receipt
from tallystick.ledger.verify.report import Report, Verdict
from tallystick.ledger.verify.sources import FolderSource, Source, UrlSource, open_source

__all__ = [
    "FolderSource",
    "Progress",
    "Report",
    "Source",
    "UrlSource",
    "Verdict",
    "open_source",
    "verify_ledger",
    "verify_receipt",
]
