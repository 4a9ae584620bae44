"""Nothing secret and nothing personal in log lines: one engine, at emission and at ingestion.

`Redactor` finds it and takes it out; `Originals` keeps it sealed for `unmask`. A kind of finding is
a file in `kinds`.
"""

from tallystick.watch.collect.redact.engine import Redactor
from tallystick.watch.collect.redact.finder import Finder, Hit, Severity
from tallystick.watch.collect.redact.kinds import FINDERS
from tallystick.watch.collect.redact.originals import Originals, is_sealed
from tallystick.watch.collect.redact.outcome import REDACTIONS_FIELD, SEALED_FIELD, Found
from tallystick.watch.collect.redact.policy import RedactionPolicy, read_policy
from tallystick.watch.collect.redact.unmask import UNMASK_FIELDS_MAX, Unmasked, Unmasker

__all__ = [
    "FINDERS",
    "REDACTIONS_FIELD",
    "SEALED_FIELD",
    "UNMASK_FIELDS_MAX",
    "Finder",
    "Found",
    "Hit",
    "Originals",
    "RedactionPolicy",
    "Redactor",
    "Severity",
    "Unmasked",
    "Unmasker",
    "is_sealed",
    "read_policy",
]
