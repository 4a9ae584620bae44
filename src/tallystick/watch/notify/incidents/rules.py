"""What the configuration says, as the reducer asks for it. Pure, but for who is on call."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tallystick.watch.notify.config import (
    EVERYBODY,
    Alerting,
    FlapText,
    PersonText,
    PolicyText,
    StepText,
    StormText,
)
from tallystick.watch.notify.escalation import (
    Receiver,
    Roster,
    Taken,
    in_place_of,
    next_step,
    receivers,
    take,
)
from tallystick.watch.notify.routing import Inhibition, Mute, Route, Tree


class Nobody:
    """A roster where nobody is ever on call: there are no schedules."""

    def on_call(self, _name: str, _at_ns: int, /) -> str | None:
        """Nobody."""
        return None


@dataclass(frozen=True)
class Rules:
    """Routes, policies and limits; a policy or route that has gone is that which tells all."""

    tree: Tree
    policies: Mapping[str, PolicyText]
    people: Mapping[str, PersonText]
    roster: Roster
    mutes: Mapping[str, Mute]
    inhibitions: tuple[Inhibition, ...]
    storm: StormText
    flap: FlapText

    @staticmethod
    def of(alerting: Alerting, roster: Roster | None = None) -> "Rules":
        """What stands in the file; `roster` knows who is on call."""
        everybody = StepText(tuple(f"target:{name}" for name in alerting.targets))
        return Rules(
            Tree(alerting.routes),
            {EVERYBODY: PolicyText((everybody,), rounds=0), **alerting.policies},
            alerting.people,
            Nobody() if roster is None else roster,
            {
                name: Mute.of(f"mute_times.{name}", text)
                for name, text in alerting.mute_times.items()
            },
            tuple(Inhibition.of(text) for text in alerting.inhibit),
            alerting.storm,
            alerting.flap,
        )

    def policy(self, name: str) -> PolicyText:
        """How an incident escalates."""
        return self.policies.get(name, self.policies[EVERYBODY])

    def first_wait_seconds(self, policy: str) -> int:
        """How long the first step waits, in case the trouble ends by itself."""
        return self.policy(policy).steps[0].after_seconds

    def round_has_more(self, policy: str, step: int) -> bool:
        """Whether the round goes on after `step` steps."""
        return step < len(self.policy(policy).steps)

    def take(
        self, policy: str, step: int, round_: int, at_ns: int, failed: Collection[str]
    ) -> Taken | None:
        """The step after `step` steps of that round were taken; None: the policy is exhausted."""
        text = self.policy(policy)
        due = next_step(text, step - 1, round_, at_ns)
        if due is None:
            return None
        # In a new round everybody gets another chance.
        reached = failed if due.round == round_ else ()
        return take(text, due, self.roster, self.people, at_ns, reached)

    def receivers(
        self, policy: str, step: int, at_ns: int, failed: Collection[str]
    ) -> tuple[Receiver, ...]:
        """Who is told by the step that was taken last, where these targets gave up."""
        steps = self.policy(policy).steps
        if not 0 < step <= len(steps):
            return ()
        return receivers(steps[step - 1], self.roster, self.people, at_ns, failed)

    def instead(
        self, policy: str, step: int, target: str, at_ns: int, failed: Collection[str]
    ) -> tuple[Receiver, ...]:
        """Whom the steps taken so far tell in place of a target that gave up."""
        text = self.policy(policy)
        return in_place_of(target, text, step, self.roster, self.people, at_ns, failed)

    def everybody(self, at_ns: int) -> tuple[Receiver, ...]:
        """Every target: when a policy reaches nobody, somebody is told."""
        step = self.policies[EVERYBODY].steps[0]
        return receivers(step, self.roster, self.people, at_ns)

    def muted(self, route: Route, at_ns: int) -> str:
        """Why nobody is told of this route at that moment; empty: they are."""
        for name in route.mute:
            mute = self.mutes.get(name)
            if mute is not None and mute.holds(at_ns):
                return f"mute:{name}"
        return ""
