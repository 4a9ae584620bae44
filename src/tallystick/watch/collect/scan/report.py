"""What a scan found: how often which kind stands where. Never a value."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from tallystick.watch.collect.redact import Found, Severity

PLACES_MAX = 10_000
"""Most different places in a report; findings in further ones are counted under no field."""
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
_STEP = re.compile(r"/\d+(?=/|$)")


class ScanFinding(msgspec.Struct, frozen=True, order=True):
    """A kind of value in one member of the lines of one source.

    `field` is a JSON pointer with `*` for places in lists; empty for text that is no JSON. `sample`
    is the number of the first such line: `log.seq` where the source is the log store's, else the
    line of the file.
    """

    kind: str
    severity: Severity
    source: str
    index: str
    field: str
    count: int
    sample: int


class Report:
    """Findings, added up."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], ScanFinding] = {}
        self.sources = 0
        """Sources looked through, or known from before."""
        self.remembered = 0
        """Those of them that were known from before."""
        self.lines = 0
        self.unreadable: list[str] = []
        """Sources that could not be read, and why."""

    @property
    def findings(self) -> list[ScanFinding]:
        """The worst first, then by kind and place."""
        return sorted(
            self._found.values(), key=lambda each: (-SEVERITIES.index(each.severity), each)
        )

    @property
    def count(self) -> int:
        """How many values were found."""
        return sum(each.count for each in self._found.values())

    def add(self, found: Found, source: str, index: str, line: int) -> None:
        """Count one finding."""
        self.add_up([finding_of(found, source, index, line)])

    def add_up(self, findings: Iterable[ScanFinding]) -> None:
        """Count what was counted elsewhere."""
        for each in findings:
            place = (each.kind, each.source, each.index, each.field)
            if place not in self._found and len(self._found) >= PLACES_MAX:
                each = msgspec.structs.replace(each, field="", source="")  # noqa: PLW2901
                place = (each.kind, "", each.index, "")
            known = self._found.get(place)
            if known is not None:
                each = msgspec.structs.replace(  # noqa: PLW2901
                    known, count=known.count + each.count, sample=min(known.sample, each.sample)
                )
            self._found[place] = each

    def by_kind(self) -> Iterator[tuple[str, Severity, int]]:
        """Every kind that was found, the worst first: its severity and how often."""
        kinds: dict[str, tuple[Severity, int]] = {}
        for each in self.findings:
            count = kinds.get(each.kind, (each.severity, 0))[1]
            kinds[each.kind] = (each.severity, count + each.count)
        return ((kind, severity, count) for kind, (severity, count) in kinds.items())


def finding_of(found: Found, source: str, index: str, line: int) -> ScanFinding:
    """One finding in one line."""
    field = _STEP.sub("/*", found.field)
    return ScanFinding(found.kind, found.severity, source, index, field, 1, line)
