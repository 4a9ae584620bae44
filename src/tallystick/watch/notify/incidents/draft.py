"""One change of an incident in the making, and the moves of which every change is made. Pure.

`Draft` is the only thing here that changes; it lives for one call of the reducer.
"""

from collections.abc import Iterable

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.alert import worse
from tallystick.watch.notify.escalation import Receiver
from tallystick.watch.notify.flap import flap_sentence, flaps, with_change
from tallystick.watch.notify.incidents.incident import Happening, Member, What
from tallystick.watch.notify.incidents.rules import Rules
from tallystick.watch.notify.incidents.standing import Standing
from tallystick.watch.notify.message import Action, Why

TEXT_CHARACTERS_MAX = 1_000
"""Longest line of a timeline."""
HOLD_LOOK_SECONDS = 15
"""How often it is looked whether what keeps an incident quiet is over."""
STORM_HOLD_LOOK_SECONDS = 300
"""The same for one of a storm, which is called when the storm is over."""


class Tell(msgspec.Struct, frozen=True):
    """Whom to tell what."""

    target: str
    action: Action
    why: Why
    recipient: str = ""


class Change(msgspec.Struct, frozen=True):
    """What something came to; `by` stands in the messages. `end_all`: no member fires any more."""

    incident: Standing
    happenings: tuple[Happening, ...] = ()
    tell: tuple[Tell, ...] = ()
    members: tuple[Member, ...] = ()
    by: str = ""
    end_all: bool = False


class Draft:
    """An `incident` as it is by now, and what has happened to it so far."""

    def __init__(self, incident: Standing, now_ns: int, rules: Rules, by: str = "") -> None:
        self.incident = incident
        self.now_ns = now_ns
        self.rules = rules
        self._by = by
        self._happenings: list[Happening] = []
        self._tell: dict[str, Tell] = {}

    def set(self, **members: object) -> None:
        """Change these members of the incident."""
        self.incident = msgspec.structs.replace(self.incident, **members)

    def happen(self, what: What, by: str, text: str) -> None:
        """A line of the timeline."""
        line = one_line(text, TEXT_CHARACTERS_MAX)
        self._happenings.append(Happening(self.now_ns, what, by, line))

    def write_note(self, by: str, text: str) -> None:
        """What somebody wrote, as it is."""
        self._happenings.append(Happening(self.now_ns, "noted", by, text))

    def tell(self, action: Action, why: Why, receivers: Iterable[Receiver]) -> None:
        """Tell them; one message a target."""
        for each in receivers:
            self._tell[each.target] = Tell(each.target, action, why, each.recipient)
        if action == "trigger" and self._tell:
            self.set(targets=tuple(dict.fromkeys([*self.incident.targets, *self._tell])))

    def tell_all(self, action: Action, why: Why, but: str = "") -> None:
        """Tell those who know of it already."""
        self.tell(action, why, [Receiver(each) for each in self.incident.targets if each != but])

    def done(self, *members: Member, end_all: bool = False) -> Change:
        """The change, with the members that are new or other than before."""
        if self._tell:
            self.set(transitions=self.incident.transitions + 1)
        if self._happenings or self._tell:
            self.set(changed_ns=self.now_ns)
        told = tuple(self._tell.values())
        return Change(self.incident, tuple(self._happenings), told, members, self._by, end_all)

    def begin(self, why: Why, held: str, spoke: str) -> None:
        """Tell the first ones, now or when the group has gathered; or nobody, and why."""
        route = self.rules.tree.named(self.incident.route)
        held = held or self.muted()
        wait = route.group_wait_seconds + self.rules.first_wait_seconds(self.incident.policy)
        if held:
            self.hold(held)
        elif wait:
            self.set(held="", step_ns=self.now_ns + wait * NS_PER_SECOND)
        else:
            self.escalate(why, spoke)

    def escalate(self, why: Why, spoke: str = "") -> None:
        """Take the next step of the policy; who hears of it first hears `why`."""
        now = self.incident
        taken = self.rules.take(now.policy, now.step, now.round, self.now_ns, now.failed)
        if taken is None:
            self.set(step_ns=0)
            return
        # Somebody is always told: where the policy reaches nobody at all, everybody.
        nobody = not taken.receivers and not now.targets
        receivers = self.rules.everybody(self.now_ns) if nobody else taken.receivers
        self.set(
            step=taken.step + 1,
            round=taken.round,
            step_ns=0 if taken.then is None else taken.then.due_ns,
            failed=now.failed if taken.round == now.round else (),
        )
        if why == "escalated":
            names = ", ".join(f"{each.target} ({each.recipient})" if each.recipient else each.target
                              for each in receivers) or "nobody"  # fmt: skip
            text = f"Step {taken.step + 1} of policy {now.policy}, round {taken.round + 1}: {names}"
            self.happen("escalated", "escalation", text)
        self.tell("trigger", why, receivers)
        if receivers:
            self.told(spoke)

    def told(self, spoke: str = "") -> None:
        """People have just been told of it as it stands."""
        repeat = self.rules.tree.named(self.incident.route).repeat_seconds
        self.set(
            held="",
            spoke=spoke or self.incident.spoke,
            told_ns=self.now_ns,
            told_severity=self.incident.severity,
            news_ns=0,
            repeat_ns=self.now_ns + repeat * NS_PER_SECOND if repeat else 0,
        )

    def muted(self) -> str:
        """Why nobody is told on its route at present; empty: they are."""
        return self.rules.muted(self.rules.tree.named(self.incident.route), self.now_ns)

    def hold(self, held: str) -> None:
        """Nobody is told for now."""
        if self.incident.held != held:
            self.happen("held", held, f"Nobody is told: {held}")
        self.set(held=held)
        self.look_again(STORM_HOLD_LOOK_SECONDS if held.startswith("storm:") else HOLD_LOOK_SECONDS)

    def look_again(self, seconds: int = HOLD_LOOK_SECONDS) -> None:
        """Something is held: see later whether it still is."""
        self.set(look_ns=self.now_ns + seconds * NS_PER_SECOND)

    def grow(self, member: Member) -> None:
        """Severity rises to that of a member; it never sinks while something fires."""
        if worse(member.severity, self.incident.severity):
            self.set(severity=member.severity)
            text = f"Now {member.severity}: {member.summary}"
            self.happen("worsened", member.alert_id, text)

    def news(self, spoke: str) -> None:
        """There is more to tell: worse at once, more of the same when its time has come."""
        now = self.incident
        if now.held or not now.told_ns or now.state == "resolved":
            return
        if self.muted():
            # It is told when that is over.
            self.set(news_ns=now.news_ns or self.now_ns)
        elif worse(now.severity, now.told_severity):
            self.tell_all("trigger", "worsened")
            self.told(spoke)
        elif now.state == "open" and not now.flaps:
            interval = self.rules.tree.named(now.route).group_interval_seconds * NS_PER_SECOND
            if now.told_ns + interval <= self.now_ns:
                self.tell_all("trigger", "storm" if now.sums else "joined")
                self.told(spoke)
            elif not now.news_ns:
                self.set(news_ns=now.told_ns + interval)

    def count_change(self) -> None:
        """One more opening or resolution: perhaps one too many."""
        flap = self.rules.flap
        changes_ns = with_change(self.incident.changes_ns, self.now_ns, flap)
        flapping = flaps(changes_ns, self.now_ns, flap)
        if flapping and not self.incident.flaps:
            self.happen("held", "flap damping", flap_sentence(flap))
        self.set(changes_ns=changes_ns, flaps=flapping, quiet_ns=0)

    def resolve(self, by: str, note: str, but: str = "") -> None:
        """It is over; those who were told hear it, but the target that knows already."""
        self.set(
            state="resolved",
            resolved_ns=self.now_ns,
            resolved_by=by,
            fires=0,
            audible=0,
            step_ns=0,
            repeat_ns=0,
            news_ns=0,
            quiet_ns=0,
            held="",
            flaps=False,
            acknowledged_until_ns=0,
        )
        flap = self.rules.flap
        self.set(changes_ns=with_change(self.incident.changes_ns, self.now_ns, flap))
        self.happen("resolved", by or "its alerts", note or "Nothing fires any more.")
        self.tell_all("resolve", "resolved", but)


def one_line(text: str, characters_max: int) -> str:
    """The text without line breaks, cut."""
    return " ".join(text.split())[:characters_max]
