"""What people do with an incident: acknowledge, resolve, note. Pure, as `reduce` is."""

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.notify.incidents.draft import Change, Draft
from tallystick.watch.notify.incidents.reduce import open_again
from tallystick.watch.notify.incidents.rules import Rules
from tallystick.watch.notify.incidents.standing import Standing


def acknowledge(
    incident: Standing, by: str, seconds: int | None, via: str, now_ns: int, rules: Rules
) -> Change:
    """Somebody has taken it: nobody else is told, for `seconds` (None: the policy's; 0: for good).

    `via` is a target that knows already. The same person again changes how long it holds.
    """
    draft = Draft(incident, now_ns, rules, by)
    if seconds is None:
        seconds = rules.policy(incident.policy).acknowledge_seconds
    until_ns = now_ns + seconds * NS_PER_SECOND if seconds else 0
    again = incident.state == "acknowledged" and incident.acknowledged_by == by
    draft.set(
        state="acknowledged",
        acknowledged_by=by,
        acknowledged_until_ns=until_ns,
        step_ns=0,
        repeat_ns=0,
        news_ns=0,
    )
    if not again:
        text = f"Until {rfc3339(until_ns)}" if until_ns else "Until it is resolved"
        draft.happen("acknowledged", by, text)
        draft.tell_all("acknowledge", "acknowledged", but=via)
    return draft.done()


def unacknowledge(incident: Standing, by: str, now_ns: int, rules: Rules) -> Change:
    """Nobody has it any more: it is due from the first step on, at the next look."""
    draft = Draft(incident, now_ns, rules, by)
    if incident.state == "acknowledged":
        draft.happen("unacknowledged", by, f"{incident.acknowledged_by} no longer has it.")
        open_again(draft)
    return draft.done()


def resolve(incident: Standing, by: str, text: str, via: str, now_ns: int, rules: Rules) -> Change:
    """Somebody says that it is over: so it is for all of its alerts."""
    draft = Draft(incident, now_ns, rules, by)
    if incident.state == "resolved":
        return draft.done()
    draft.resolve(by, text, but=via)
    return draft.done(end_all=True)


def note(incident: Standing, by: str, text: str, now_ns: int, rules: Rules) -> Change:
    """Somebody writes something into the timeline."""
    draft = Draft(incident, now_ns, rules, by)
    draft.write_note(by, text)
    return draft.done()
