"""A message as HTML that mail clients show: tables, styles in place, nothing fetched from anywhere.

Read in this order: what state it is in, what is wrong, what happened, what to do; then the chart,
the facts and the alerts. Clients that read no style sheet show it plain but whole; those in dark
mode get dark colours.
"""

from html import escape

from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.channels.writing.chart import (
    HEIGHT,
    WIDTH,
    has_values,
    read_out,
)
from tallystick.watch.notify.channels.writing.letter import CAUTION, PROVED, TITLE_CHARACTERS_MAX
from tallystick.watch.notify.channels.writing.sentences import (
    Way,
    alert_ways,
    deeds,
    facts,
    happened,
    headline,
    lived,
    moment,
    one_line,
    proof,
    proofs,
    runbook,
    said,
    shown,
    state_word,
    told,
)
from tallystick.watch.notify.message import Message

CHART_NAME = "chart"
"""The chart is the part of the letter with this Content-ID, before the sender's domain."""
_COLOURS = {
    "CRITICAL": "#b3261e",
    "ERROR": "#b54208",
    "WARNING": "#8a5a00",
    "INFO": "#1a57b8",
    "TEST": "#1a57b8",
    "ACKNOWLEDGED": "#5b3fb5",
    "RESOLVED": "#0b7445",
}
"""Each on white and under white letters with a contrast of at least 4.5 (WCAG 2.2, 1.4.3)."""
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_DARK = (
    "@media (prefers-color-scheme:dark){.ground{background:#0d1014!important}"
    ".panel{background:#14181e!important;border-color:#272e38!important}"
    ".text{color:#dbe1e8!important}.muted{color:#93a0af!important}"
    ".rule{border-color:#272e38!important}.way{color:#6ea8ff!important}"
    ".quiet{background:#14181e!important}}"
    "@media (max-width:620px){.panel{width:100%!important}.chart{height:auto!important}}"
)
# What follows the preview text keeps clients from showing the letter's own words there.
_FILL = "&#847;&zwnj;&nbsp;" * 60


def page(message: Message, chart_id: str) -> str:
    """The whole document; `chart_id` is the Content-ID of the picture, where there is a chart."""
    preview = escape(f"{state_word(message)}. {happened(message)}")
    rows = [_head(message), _deeds(message), _proved(message), _runbook(message)]
    rows += [_chart(message, chart_id), _facts(message), _alerts(message), _foot(message)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="supported-color-schemes" content="light dark">'
        f"<title>{escape(_title(message))}</title><style>{_DARK}</style></head>\n"
        f'<body class="ground" style="margin:0;padding:0;background:#eceff3;{_FONT}">'
        f'<div style="display:none;max-height:0;overflow:hidden">{preview}{_FILL}</div>'
        '<table role="presentation" class="ground" width="100%" cellpadding="0" cellspacing="0" '
        'style="background:#eceff3"><tr><td align="center" style="padding:24px 12px">\n'
        '<table role="presentation" class="panel" width="600" cellpadding="0" cellspacing="0" '
        'style="table-layout:fixed;width:600px;max-width:100%;'
        "background:#ffffff;border:1px solid #dce1e8;"
        'border-radius:6px;text-align:left">\n'
        + "\n".join(row for row in rows if row)
        + "\n</table></td></tr></table></body></html>\n"
    )


def _title(message: Message) -> str:
    return headline(message, TITLE_CHARACTERS_MAX)


def _row(inside: str, padding: str) -> str:
    broken = "word-break:break-word;overflow-wrap:anywhere"  # a name may have no spaces
    return f'<tr><td style="padding:{padding};{broken}">{inside}</td></tr>'


def _head(message: Message) -> str:
    word = state_word(message)
    colour = _COLOURS[word]
    opened = moment(message.opened_ns)
    strip = (
        f'<tr><td style="background:{colour};border-radius:5px 5px 0 0;padding:10px 32px;'
        f'color:#ffffff;font-size:13px;line-height:20px">'
        f'<strong style="letter-spacing:.06em">{word}</strong>'
        f"&nbsp;&nbsp;{escape(message.incident)}&nbsp;&nbsp;since {opened}</td></tr>"
    )
    said = (
        '<h1 class="text" style="margin:0 0 8px;font-size:21px;line-height:28px;font-weight:600;'
        f'color:#1b222b">{escape(one_line(message.title, TITLE_CHARACTERS_MAX))}</h1>'
        '<p class="text" style="margin:0;font-size:15px;line-height:22px;color:#1b222b">'
        f"{escape(happened(message))}</p>"
    )
    return strip + _row(said, "24px 32px 0")


def _deeds(message: Message) -> str:
    acting = deeds(message)
    ways = (*acting, *shown(message))
    if not ways:
        return ""
    buttons = "".join(_button(way, first=number == 0) for number, way in enumerate(ways))
    return _row(buttons, "20px 32px 0")


def _button(way: Way, *, first: bool) -> str:
    """The first is what most people want now.

    A table of one cell is a button in every client, and aligned to the left they wrap on a phone.
    """
    ground, ink = ("#1a57b8", "#ffffff") if first else ("#ffffff", "#1a57b8")
    quiet, inked = ("", "") if first else ("quiet", "way")
    return (
        '<table role="presentation" align="left" cellpadding="0" cellspacing="0" '
        'style="margin:0 10px 8px 0;width:auto"><tr>'
        f'<td class="{quiet}" style="background:{ground};border:1px solid #1a57b8;'
        'border-radius:4px">'
        f'<a class="{inked}" href="{escape(way.url)}" style="display:inline-block;'
        f"padding:11px 18px;font-size:15px;line-height:20px;font-weight:600;color:{ink};"
        f'text-decoration:none;white-space:nowrap">{escape(way.text)}</a></td></tr></table>'
    )


def _proved(message: Message) -> str:
    lines = "".join(
        f'<div class="text" style="font-size:15px;line-height:22px;color:#1b222b">'
        f"{escape(line)}</div>"
        for line in proofs(message)
    )
    said = f'<div class="muted" style="{_SMALL}">{escape(PROVED.replace("`", ""))}</div>'
    return _row(said + lines, "20px 32px 0") if lines else ""


def _runbook(message: Message) -> str:
    lines = "\n".join(escape(line) for line in runbook(message))
    return (
        _row(
            f'<div class="muted" style="{_SMALL}">What to do</div>'
            '<div class="text" style="font-size:13px;line-height:20px;color:#1b222b;'
            f'white-space:pre-wrap">{lines}</div>',
            "20px 32px 0",
        )
        if lines
        else ""
    )


def _chart(message: Message, chart_id: str) -> str:
    chart = message.chart
    if chart is None or not has_values(chart):
        return ""
    said = read_out(chart)
    title = one_line(chart.title, 120)
    picture = (
        f'<img class="chart" src="cid:{escape(chart_id)}" width="{WIDTH}" height="{HEIGHT}" '
        f'alt="{escape(f"{title}. {said}")}" '
        'style="display:block;width:100%;max-width:536px;border:0;border-radius:4px">'
    )
    first, last = chart.points[0].at_ns, chart.points[-1].at_ns
    ends = (
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr>'
        f'<td class="muted" style="{_SMALL}">{moment(first)}</td>'
        f'<td class="muted" align="right" style="{_SMALL};text-align:right">{moment(last)}</td>'
        "</tr></table>"
    )
    inside = (
        f'<p class="text" style="{_SMALL};margin:0 0 6px;color:#1b222b">'
        f"<strong>{escape(title)}</strong>&nbsp;&nbsp;{escape(said)}</p>{picture}{ends}"
    )
    return _row(inside, "24px 32px 0")


_SMALL = "font-size:13px;line-height:20px;color:#566271"


def _facts(message: Message) -> str:
    lines = "".join(
        f'<tr><th class="muted" scope="row" align="left" valign="top" style="{_SMALL};'
        f'font-weight:400;padding:3px 20px 3px 0;min-width:70px">{escape(fact.name)}</th>'
        f'<td class="text" valign="top" style="{_SMALL};color:#1b222b;padding:3px 0;'
        f'word-break:break-word">{escape(fact.value)}</td></tr>'
        for fact in facts(message)
    )
    return _row(f'<table cellpadding="0" cellspacing="0">{lines}</table>', "20px 32px 0")


def _alerts(message: Message) -> str:
    if not message.alerts:
        return ""
    listed = "".join(_alert(alert, message) for alert in message.alerts)
    rest = message.firing - len(message.alerts)
    more = f'<p class="muted" style="{_SMALL};margin:12px 0 0">… and {rest:,} more</p>'
    return _row(listed + (more if rest > 0 else ""), "8px 32px 0")


def _alert(alert: Alert, message: Message) -> str:
    colour = _COLOURS[alert.severity.upper()]
    lines = [lived(alert, message), told(alert), proof(alert)]
    small = "".join(
        f'<div class="muted" style="{_SMALL}">{escape(line)}</div>' for line in lines if line
    )
    ways = " &nbsp; ".join(
        f'<a class="way" href="{escape(way.url)}" style="color:#1a57b8">{escape(way.text)}</a>'
        for way in alert_ways(alert, message)
    )
    return (
        f'<div class="rule" style="border-top:1px solid #dce1e8;margin-top:16px;padding-top:14px">'
        f'<div class="text" style="font-size:15px;line-height:22px;color:#1b222b;'
        f'border-left:3px solid {colour};padding-left:10px">'
        f"{escape(said(alert))}{small}"
        + (f'<div style="font-size:13px;line-height:22px">{ways}</div>' if ways else "")
        + "</div></div>"
    )


def _foot(message: Message) -> str:
    caution = f"{CAUTION} " if deeds(message) else ""
    which = f" as message {message.number:,} of {message.incident}" if message.incident else ""
    text = f"{caution}Tallystick sent this{which}."
    return _row(
        f'<p class="muted rule" style="{_SMALL};font-size:12px;line-height:18px;margin:0;'
        f'border-top:1px solid #dce1e8;padding-top:14px">{escape(text)}</p>',
        "20px 32px 24px",
    )
