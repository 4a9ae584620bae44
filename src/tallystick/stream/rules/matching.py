"""From an event to what has to be delivered: the enabled rules, their index and their gate."""

from collections.abc import Iterable, Sequence

from tallystick.clock import Clock
from tallystick.stream.message import Message
from tallystick.stream.rules.event import Seen, entry_event, read_event
from tallystick.stream.rules.gate import Gate
from tallystick.stream.rules.index import Index
from tallystick.stream.rules.outbox import Matched, delivery_key
from tallystick.stream.rules.rule import Rule


class Matching:
    """Knows the rules and decides; keeps nothing, so any thread may ask."""

    def __init__(self, rules: Sequence[Rule], region: str, clock: Clock) -> None:
        self.unreadable = 0
        """Entries and offered events that could not be read."""
        self.region = region
        self._rules = {rule.name: rule for rule in rules}
        self._clock = clock
        patterns = {
            rule.name: rule.pattern for rule in rules if rule.enabled and rule.pattern is not None
        }
        self._index = Index(patterns)
        self._gates = {name: Gate([pattern]) for name, pattern in patterns.items()}
        self._gate = Gate(patterns.values())

    def names(self, event: Seen) -> list[str]:
        """The enabled rules that an event matches."""
        return self._index.matching(event.members)

    def worth_reading(self, messages: Iterable[Message]) -> list[Message]:
        """Those whose bytes may match; most are turned away."""
        lets = self._gate.lets
        return [message for message in messages if lets(message.body)]

    def entries(self, messages: Iterable[Message]) -> list[Matched]:
        """What the entries in these messages match."""
        return [each for message in messages for each in self._entry(message)]

    def again(self, messages: Iterable[Message], replay: str, rule: str | None) -> list[Matched]:
        """The same for a replay, to one rule or all."""
        gate = self._gate if rule is None else self._gates.get(rule)
        if gate is None:  # a rule that is disabled, or keeps a schedule
            return []
        found: list[Matched] = []
        for message in messages:
            if gate.lets(message.body):
                found += self._entry(message, replay, rule)
        return found

    def offered(self, bodies: Iterable[bytes]) -> list[Matched]:
        """What these events in their bytes match."""
        found: list[Matched] = []
        for body in bodies:
            try:
                event = read_event(body)
                found += self.of(event, self.names(event))
            except (ValueError, RecursionError):
                self.unreadable += 1
        return found

    def of(self, event: Seen, names: Iterable[str], replay: str | None = None) -> list[Matched]:
        """What these rules have to deliver of an event."""
        received_ns = self._clock.now_ns()
        return [
            Matched(
                delivery_key(f"{self.region}/{event.id}", name, target.id, replay),
                name,
                target.id,
                event.id,
                target.input.of(event, name, received_ns),
            )
            for name in names
            for target in self._rules[name].targets
        ]

    def _entry(
        self, message: Message, replay: str | None = None, rule: str | None = None
    ) -> list[Matched]:
        try:
            event = entry_event(message.position, message.body, self.region, replay)
            if event is None:
                return []
            names = [name for name in self.names(event) if rule in {None, name}]
            return self.of(event, names, replay)
        except (ValueError, RecursionError):
            self.unreadable += 1
            return []
