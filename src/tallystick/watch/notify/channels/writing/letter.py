"""A message as plain text: for e-mail, and for services without a form of their own."""

from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.channels.writing.chart import has_values, read_out, sparks
from tallystick.watch.notify.channels.writing.sentences import (
    alert_ways,
    deeds,
    facts,
    happened,
    headline,
    lived,
    one_line,
    proof,
    proofs,
    runbook,
    said,
    shown,
    told,
)
from tallystick.watch.notify.message import Message

TITLE_CHARACTERS_MAX = 500
PROVED = "Proved by the ledger; check a receipt with `tallystick verify FILE --vkey KEY`:"
CAUTION = (
    "The links to acknowledge and resolve work without a login: whoever has this message can use "
    "them. They end after a day."
)


def plain_text(message: Message) -> str:
    """What happened, what to do, what is known, the chart, the alerts: in this order."""
    ways = (*deeds(message), *shown(message))
    known = facts(message)
    wide = max(len(name) for name in (*(w.text for w in ways), *(f.name for f in known)))
    parts = [
        f"{headline(message, TITLE_CHARACTERS_MAX)}\n{happened(message)}",
        "\n".join(f"{way.text:{wide}}  {way.url}" for way in ways),
        "\n".join(f"{fact.name:{wide}}  {fact.value}" for fact in known),
        _proved(message),
        _runbook(message),
        _chart(message),
        "\n\n".join(
            _alert(number, alert, message) for number, alert in enumerate(message.alerts, start=1)
        ),
        _more(message),
        CAUTION if deeds(message) else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _proved(message: Message) -> str:
    lines = proofs(message)
    return "\n".join([PROVED, *(f"  {line}" for line in lines)]) if lines else ""


def _runbook(message: Message) -> str:
    lines = runbook(message)
    return "\n".join(["What to do:", *(f"  {line}" for line in lines)]) if lines else ""


def _chart(message: Message) -> str:
    chart = message.chart
    if chart is None or not has_values(chart):
        return ""
    return f"{one_line(chart.title, 120)}\n{sparks(chart)}\n{read_out(chart)}"


def _alert(number: int, alert: Alert, message: Message) -> str:
    lines = [f"{number}. {said(alert)}"]
    lines += [f"   {lived(alert, message)}"]
    lines += [f"   {each}" for each in (told(alert), proof(alert)) if each]
    lines += [f"   {way.text}: {way.url}" for way in alert_ways(alert, message)]
    return "\n".join(lines)


def _more(message: Message) -> str:
    rest = message.firing - len(message.alerts)
    return f"… and {rest:,} more" if message.alerts and rest > 0 else ""
