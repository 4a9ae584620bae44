"""What was found, and what people said of it: kept beside the ledger, a page at a time.

Verdicts are entries of the ledger; here they stand beside what they are about, and are learnt from
the ledger again where this file is lost.
"""

from tallystick.watch.detect.found.judging import DISMISSAL_DAYS_MAX, Judging, Said, Scope
from tallystick.watch.detect.found.known import Known, Labelled, Verdict, VerdictWord
from tallystick.watch.detect.found.state import DetectionState, DetectorState
from tallystick.watch.detect.found.store import Counts, Found, Page, Wanted

__all__ = [
    "DISMISSAL_DAYS_MAX",
    "Counts",
    "DetectionState",
    "DetectorState",
    "Found",
    "Judging",
    "Known",
    "Labelled",
    "Page",
    "Said",
    "Scope",
    "Verdict",
    "VerdictWord",
    "Wanted",
]
