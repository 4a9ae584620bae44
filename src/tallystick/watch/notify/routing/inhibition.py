"""Inhibition: an alert that fires keeps those that only follow from it quiet. Pure.

As Alertmanager's `inhibit_rules`: an alert that matches both sides is not inhibited by another
one that does, so that two cannot keep each other quiet.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from tallystick.watch.notify.config import InhibitText
from tallystick.watch.notify.routing.matcher import Matcher, all_match, parse_matcher


class Side(msgspec.Struct, frozen=True):
    """An alert on one side of one inhibition.

    `shared` is the same for alerts that the rule holds against each other (16 hex digits); `both`
    says that the alert matches the other side too.
    """

    shared: str
    both: bool


class Inhibition(msgspec.Struct, frozen=True):
    """One rule."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]

    @staticmethod
    def of(text: InhibitText) -> "Inhibition":
        """What stands in the file, which is checked."""
        return Inhibition(
            tuple(parse_matcher(each) for each in text.source),
            tuple(parse_matcher(each) for each in text.target),
            text.equal,
        )

    def as_source(self, labels: Mapping[str, str]) -> Side | None:
        """What an alert with these labels can keep quiet, if anything."""
        if not all_match(self.source, labels):
            return None
        return Side(self._shared(labels), all_match(self.target, labels))

    def as_target(self, labels: Mapping[str, str]) -> Side | None:
        """By what an alert with these labels can be kept quiet, if by anything."""
        if not all_match(self.target, labels):
            return None
        return Side(self._shared(labels), all_match(self.source, labels))

    def _shared(self, labels: Mapping[str, str]) -> str:
        rule = [[(each.label, each.operator, each.value) for each in side] for side in
                (self.source, self.target)]  # fmt: skip
        values = [(name, labels.get(name, "")) for name in self.equal]
        return hashlib.sha256(msgspec.json.encode([rule, values])).hexdigest()[:16]
