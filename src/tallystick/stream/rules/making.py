"""From rules to targets that work: everything that cannot is said at once, at the start."""

from collections.abc import Iterable

import msgspec

from tallystick.clock import ManualClock
from tallystick.errors import Misconfigured, Refused
from tallystick.stream.rules.courier import Whom
from tallystick.stream.rules.rule import Retry, Rule
from tallystick.stream.rules.targets import TARGETS, Parcel, Surroundings, Target


def make_targets(rules: Iterable[Rule], around: Surroundings) -> dict[Whom, tuple[Target, Retry]]:
    """The targets of all rules that are enabled.

    Raises:
        Misconfigured: with every complaint.
    """
    made: dict[Whom, tuple[Target, Retry]] = {}
    complaints: list[str] = []
    for rule in rules:
        here = msgspec.structs.replace(around, folder=rule.folder)
        for spec in rule.targets if rule.enabled else ():
            try:
                target = TARGETS[spec.type](spec.options, here)
            except (Misconfigured, Refused) as error:
                complaints.append(f"{rule.name}: target {spec.id}: {error}")
            else:
                made[rule.name, spec.id] = (target, spec.retry)
    if complaints:
        raise Misconfigured("Rules cannot be used. " + " ".join(complaints))
    return made


class _Nowhere:
    """Stands for the store where targets are only checked."""

    def send(self, queue: str, key: str, body: bytes, now_ns: int) -> None:
        """Nothing is ever sent."""

    def begin_run(self, parcel: Parcel, deadline_ns: int, now_ns: int) -> None:
        """Nothing is ever begun."""

    def end_run(self, run: str, state: str, output: bytes, now_ns: int) -> bool:  # noqa: ARG002
        """Nothing was ever begun."""
        return False


def check_rules(rules: Iterable[Rule]) -> None:
    """Whether the targets of these rules could be made; secrets of the server are supposed.

    Raises:
        Misconfigured: with every complaint.
    """
    nowhere = _Nowhere()
    secret = b"the server has one of its own"
    make_targets(rules, Surroundings(ManualClock(), nowhere, nowhere, None, secret))
