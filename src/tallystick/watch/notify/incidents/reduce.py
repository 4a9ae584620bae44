"""What becomes of an incident when alerts come and go, and as time passes. Pure: values in and out.

Every function gives the incident as it then stands, the lines of its timeline, the members that
changed, and whom to tell. All that it tells is one transition: one action, for one reason.

- An alert that fires is in one open incident of each of its routes.
- Silenced, inhibited, muted or part of a storm, it tells nobody, and the timeline says why.
- What was told is told to the end: who heard the trigger hears the resolve.
- Severity only rises while something fires.
- Acknowledged, it escalates to nobody until the acknowledgement runs out.
"""

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.alert import Alert, worse
from tallystick.watch.notify.incidents.draft import Change, Draft, one_line
from tallystick.watch.notify.incidents.incident import Member
from tallystick.watch.notify.incidents.rules import Rules
from tallystick.watch.notify.incidents.standing import Standing
from tallystick.watch.notify.message import Why
from tallystick.watch.notify.routing import Place
from tallystick.watch.notify.storm import LOOK_SECONDS, storm_key, storm_title

TITLE_CHARACTERS_MAX = 300
"""Longest title of an incident."""
CLOCK = "the clock"
"""Who did what happens by itself."""


class Arrival(msgspec.Struct, frozen=True):
    """An alert that fires, as a member of its group, and what keeps it quiet (empty: nothing)."""

    alert: Alert
    member: Member
    held: str = ""


class Seen(msgspec.Struct, frozen=True):
    """What the engine sees around an incident when it looks at it.

    `audible` alerts fire that nothing holds; `held` is what holds the others. For one of a storm,
    `storm` is `storm:I-7` while that lasts, and `storm_ended_by` the person who resolved it. For
    the incident that speaks for a storm, `fires` are open of those it speaks for, and `over` says
    that they may speak for themselves.
    """

    audible: int = 0
    held: str = ""
    storm: str = ""
    storm_ended_by: str = ""
    fires: int = 0
    over: bool = False


def opened(
    place: Place, came: Arrival, last: Standing | None, storm: int, now_ns: int, rules: Rules
) -> Change:
    """A new incident; its number is 0 until it is stored.

    `last` is the group's last incident, `storm` the number of the one that speaks for this one.
    """
    changes_ns = () if last is None else last.changes_ns
    draft = Draft(_new(place, came.alert.summary, came.member, now_ns), now_ns, rules)
    draft.set(storm=storm, fires=1, total=1, audible=int(not came.held), changes_ns=changes_ns)
    draft.happen("opened", came.alert.source, came.alert.summary)
    draft.count_change()
    held = came.held or (f"storm:I-{storm}" if storm else "")
    draft.begin("opened", held, came.alert.id)
    return draft.done(came.member)


def joined(incident: Standing, came: Arrival, now_ns: int, rules: Rules) -> Change:
    """An alert that did not fire in this incident, which is not resolved."""
    draft = Draft(incident, now_ns, rules)
    draft.set(
        fires=incident.fires + 1,
        total=incident.total + 1,
        audible=incident.audible + (not came.held),
        quiet_ns=0,
    )
    draft.happen("joined", came.alert.source, came.alert.summary)
    draft.grow(came.member)
    if came.held:
        draft.happen("held", came.held, f"Nobody is told of it: {came.held}")
        if not incident.held:
            draft.look_again()
    elif incident.held and not incident.storm and incident.state == "open" and not draft.muted():
        # What held the others does not hold this one.
        draft.set(held="")
        if incident.told_ns:
            draft.news(came.alert.id)
        else:
            draft.begin("opened", "", came.alert.id)
    else:
        draft.news(came.alert.id)
    return draft.done(came.member)


def again(incident: Standing, known: Member, came: Arrival, now_ns: int, rules: Rules) -> Change:
    """An alert that fires already is raised anew: nothing, unless it has become worse."""
    if not worse(came.member.severity, known.severity):
        return Change(incident)
    draft = Draft(incident, now_ns, rules)
    draft.grow(came.member)
    if not came.held:
        draft.news(came.alert.id)
    return draft.done(msgspec.structs.replace(came.member, started_ns=known.started_ns))


def reopened(incident: Standing, came: Arrival, storm: int, now_ns: int, rules: Rules) -> Change:
    """It fires again soon after it was resolved: the same incident, told from the first step."""
    draft = Draft(incident, now_ns, rules)
    draft.set(
        state="open",
        severity=came.member.severity,
        resolved_ns=0,
        resolved_by="",
        acknowledged_by="",
        fires=1,
        audible=int(not came.held),
        total=incident.total + 1,
        step=0,
        round=0,
        told_ns=0,
        targets=(),
        failed=(),
        storm=storm,
    )
    draft.happen("reopened", came.alert.source, came.alert.summary)
    draft.count_change()
    held = came.held or (f"storm:I-{storm}" if storm else "")
    draft.begin("reopened", held, came.alert.id)
    return draft.done(came.member)


def ended(
    incident: Standing, member: Member, now_ns: int, rules: Rules, *, audible: bool, how: str = ""
) -> Change:
    """An alert ended; with the last one the incident is over, unless it flaps."""
    draft = Draft(incident, now_ns, rules)
    draft.set(fires=incident.fires - 1, audible=incident.audible - audible)
    draft.happen("ended", member.alert_id, f"{how or 'Ended'}: {member.summary}")
    if draft.incident.fires == 0:
        if draft.incident.flaps:
            quiet_ns = now_ns + rules.flap.quiet_seconds * NS_PER_SECOND
            draft.set(quiet_ns=quiet_ns)
        else:
            draft.resolve("", "")
    return draft.done(msgspec.structs.replace(member, ended_ns=now_ns))


def storm_opened(place: Place, member: Member, now_ns: int, rules: Rules) -> Change:
    """The incident that speaks for a storm of this route; it has no alerts of its own."""
    name = place.route.name
    labels = {"route": name}
    stormy = Place(place.route, storm_key(name, now_ns), labels)
    title = storm_title(name, rules.storm)
    draft = Draft(_new(stormy, title, member, now_ns), now_ns, rules)
    draft.set(sums=True, fires=1, total=1, audible=1, quiet_ns=_storm_look_ns(now_ns))
    draft.happen("opened", "storm guard", title)
    draft.begin("storm", "", "")
    return draft.done()


def storm_grew(summary: Standing, member: Member, now_ns: int, rules: Rules) -> Change:
    """The storm has one incident more."""
    draft = Draft(summary, now_ns, rules)
    draft.set(fires=summary.fires + 1, audible=summary.fires + 1, total=summary.total + 1)
    draft.grow(member)
    draft.news("")
    return draft.done()


def tick(incident: Standing, seen: Seen, now_ns: int, rules: Rules) -> Change:
    """Time has passed: what is due is done. Of a resolved incident nothing is."""
    draft = Draft(incident, now_ns, rules, _resolver(incident, seen))
    if incident.state == "resolved":
        return draft.done()
    if incident.sums:
        if seen.over:
            draft.resolve("", "The storm is over; what is left speaks for itself.")
            return draft.done()
        draft.set(fires=seen.fires, audible=seen.fires, quiet_ns=_storm_look_ns(now_ns))
    elif incident.storm and seen.storm_ended_by:
        draft.resolve(seen.storm_ended_by, f"Resolved with the storm I-{incident.storm}.")
        return draft.done(end_all=True)
    else:
        draft.set(audible=seen.audible, storm=incident.storm if seen.storm else 0)
        if incident.flaps and not incident.fires and 0 < incident.quiet_ns <= now_ns:
            draft.resolve("", "It was quiet for long enough.")
            return draft.done()
    why = _run_out(draft)
    if draft.incident.state == "open" and draft.incident.fires:
        _speak(draft, seen, why, more=seen.audible > incident.audible)
    return draft.done()


def given_up(incident: Standing, target: str, now_ns: int, rules: Rules) -> Change:
    """A target cannot be reached: another way is taken, else the next step at once."""
    draft = Draft(incident, now_ns, rules)
    if target in incident.failed or incident.state == "resolved":
        return draft.done()
    failed = (*incident.failed, target)
    draft.set(failed=failed)
    if incident.state != "open" or incident.held or not incident.step or draft.muted():
        return draft.done()
    left = rules.receivers(incident.policy, incident.step, now_ns, failed)
    instead = rules.instead(incident.policy, incident.step, target, now_ns, failed)
    new = [each for each in instead if each.target not in incident.targets]
    if new:
        names = ", ".join(each.target for each in new)
        draft.happen("escalated", target, f"{target} cannot be reached: {names}")
        draft.tell("trigger", "escalated", new)
        draft.told()
    elif not left and rules.round_has_more(incident.policy, incident.step):
        # A new round keeps its time: else all of them were gone while every channel is away.
        draft.escalate("escalated")
    return draft.done()


def _new(place: Place, title: str, member: Member, now_ns: int) -> Standing:
    return Standing(
        number=0,
        key=place.key,
        title=one_line(title, TITLE_CHARACTERS_MAX),
        severity=member.severity,
        state="open",
        route=place.route.name,
        policy=place.route.policy,
        labels=place.labels,
        opened_ns=now_ns,
        changed_ns=now_ns,
    )


def _resolver(incident: Standing, seen: Seen) -> str:
    return seen.storm_ended_by if incident.storm else ""


def _storm_look_ns(now_ns: int) -> int:
    return now_ns + LOOK_SECONDS * NS_PER_SECOND


def _run_out(draft: Draft) -> Why:
    """An acknowledgement that has run out: it is open again and told from the first step."""
    now = draft.incident
    if now.state != "acknowledged" or not 0 < now.acknowledged_until_ns <= draft.now_ns:
        if now.step:
            return "escalated"
        return "unacknowledged" if now.targets else "opened"
    draft.happen("unacknowledged", CLOCK, f"The acknowledgement of {now.acknowledged_by} ran out.")
    open_again(draft)
    return "unacknowledged"


def open_again(draft: Draft) -> None:
    """No longer acknowledged: due from the first step on."""
    draft.set(
        state="open",
        acknowledged_by="",
        acknowledged_until_ns=0,
        step=0,
        round=0,
        failed=(),
        step_ns=draft.now_ns,
    )


def _speak(draft: Draft, seen: Seen, why: Why, *, more: bool) -> None:
    """Of an open incident in which something fires: hold it, or say what is due.

    `more`: something that was held may be told now.
    """
    held = seen.storm or draft.muted()
    if not held and not draft.incident.audible:
        held = seen.held or "silence"
    if held:
        draft.hold(held)
        return
    was_held = bool(draft.incident.held)
    draft.set(held="")
    draft.look_again()
    now = draft.incident
    if was_held and not now.step:
        draft.escalate(why)
    elif 0 < now.step_ns <= draft.now_ns:
        draft.escalate("storm" if now.sums and why == "opened" else why)
    elif was_held and worse(now.severity, now.told_severity):
        draft.news("")
    elif 0 < now.news_ns <= draft.now_ns:
        draft.tell_all("trigger", "storm" if now.sums else "joined")
        draft.told()
    elif 0 < now.repeat_ns <= draft.now_ns:
        draft.happen("repeated", CLOCK, f"Nobody has acknowledged it; {now.fires} fire.")
        draft.tell_all("trigger", "repeated")
        draft.told()
    elif more:
        draft.news("")
