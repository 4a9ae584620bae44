"""What is stored already, looked through: the job of a data security scanner, with the one engine.

`sources` says what there is to read, `Scanner` reads it, `Memory` spares reading what cannot have
changed, and `ocsf_finding` says a finding in the words of OCSF.
"""

from tallystick.watch.collect.scan.memory import Memory
from tallystick.watch.collect.scan.ocsf import ocsf_finding
from tallystick.watch.collect.scan.report import Report, ScanFinding
from tallystick.watch.collect.scan.scanner import Bounds, Scanner
from tallystick.watch.collect.scan.sources import Source, files_below, store_sources

__all__ = [
    "Bounds",
    "Memory",
    "Report",
    "ScanFinding",
    "Scanner",
    "Source",
    "files_below",
    "ocsf_finding",
    "store_sources",
]
