"""What a signed link opens: a page with one button, and what the button does.

Looking changes nothing: programs that scan mail follow every link in it (RFC 9110 section 9.2.1,
GET is safe). Only the button, a POST, acts.
"""

import base64
import hashlib
from html import escape

import msgspec

from tallystick.errors import Refused, TemporaryError
from tallystick.watch.notify.incidents.incident import Incident
from tallystick.watch.notify.links import INCIDENT_PATH, Link, LinkAction, Links
from tallystick.watch.notify.notifier import Notifier

_STYLE = """
  :root { color-scheme: light dark; --ground: #eceff3; --panel: #fff; --line: #dce1e8;
          --text: #1b222b; --strong: #000; --muted: #566271; --up: #0b7445; --down: #b8262d;
          --accent: #1a57b8; --warn: #865700; --button: #1a57b8 }
  @media (prefers-color-scheme: dark) {
    :root { --ground: #0d1014; --panel: #14181e; --line: #272e38; --text: #dbe1e8; --strong: #fff;
            --muted: #93a0af; --up: #4cc38a; --down: #f2787c; --accent: #6ea8ff; --warn: #e0b04c;
            --button: #2257b0 } }
  body { margin: 0; padding: min(12vh, 4rem) 1rem 2rem; color: var(--text);
         background: var(--ground);
         font: 1rem/1.5 Inter, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
  main, .brand { box-sizing: border-box; max-width: 36rem; margin: 0 auto }
  main { padding: 1.4rem; background: var(--panel);
         border: 1px solid var(--line); border-left: 4px solid var(--muted); border-radius: 4px }
  main.critical, main.error { border-left-color: var(--down) }
  main.warning { border-left-color: var(--warn) }
  main.info { border-left-color: var(--accent) }
  main.acknowledged { border-left-color: var(--warn) }
  main.resolved { border-left-color: var(--up) }
  p { margin: .5rem 0 }
  h1 { margin: .2rem 0 .6rem; font-size: 1.3rem; line-height: 1.35; color: var(--strong);
       overflow-wrap: anywhere }
  .brand { padding-bottom: .6rem; font-weight: 650; color: var(--strong) }
  .muted { color: var(--muted); font-size: .9rem }
  form { margin: 1.2rem 0 .8rem }
  button { width: 100%; font: inherit; font-weight: 650; padding: .8rem 1.4rem; border: 0;
           border-radius: 4px; color: #fff; background: var(--button); cursor: pointer }
  a { color: var(--accent) }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_TEMPLATE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{heading} - Tallystick</title>
<style>{style}</style>
<p class="brand">Tallystick</p>
<main class="{look}">
<h1>{heading}</h1>
<p>{sentence}</p>
{form}{way}</main>
</html>
"""
_FORM = (
    '<form method="post"><button type="submit">{verb}</button></form>\n'
    '<p class="muted">{promise} The timeline says that {by} did it.</p>\n'
)
_WAY = '<p class="muted"><a href="{path}">Open {id}</a>: its timeline, orders and proofs.</p>\n'
_VERBS: dict[LinkAction, tuple[str, str]] = {
    "acknowledge": ("Acknowledge", "You have it then, and nobody else is told meanwhile."),
    "resolve": ("Resolve", "It is over then, and everybody who was told of it hears that."),
}
_STATUS = {"LINK_INVALID": 403, "LINK_EXPIRED": 410, "UNKNOWN_INCIDENT": 404}


class Page(msgspec.Struct, frozen=True):
    """An answer for a browser; `PAGE_HEADERS` go with it."""

    status: int
    html: str


class LinkDoor:
    """Blocks for the disk: call it in a thread."""

    def __init__(self, links: Links, notifier: Notifier) -> None:
        self._links = links
        self._notifier = notifier

    def show(self, token: str) -> Page:
        """The page of a link, with its button while there is something to do. Changes nothing."""
        return self._answer(token, acts=False)

    def act(self, token: str) -> Page:
        """Press the button; pressed again it says what is so already."""
        return self._answer(token, acts=True)

    def _answer(self, token: str, *, acts: bool) -> Page:
        try:
            link = self._links.read(token)
            incident: Incident = self._notifier.incident(link.incident).incident
            if acts and _open_for(link.action, incident):
                incident = self._done(link)
        except Refused as refusal:
            return _page(_STATUS.get(refusal.code, 409), "This cannot be done", str(refusal))
        except TemporaryError:
            sentence = "This cannot be done right now. Nothing was changed; try again."
            return _page(503, "Try again", sentence)
        return _shown(link, incident)

    def _done(self, link: Link) -> Incident:
        if link.action == "acknowledge":
            return self._notifier.acknowledge(link.incident, link.by)
        return self._notifier.resolve(link.incident, link.by)


def _open_for(action: LinkAction, incident: Incident) -> bool:
    """Whether there is anything left to do."""
    if action == "acknowledge":
        return incident.state == "open"
    return incident.state != "resolved"


def _shown(link: Link, incident: Incident) -> Page:
    heading = f"{incident.id}: {incident.title}"
    state, severity = incident.state, incident.severity
    look = severity if state == "open" else state
    way = _WAY.format(path=f"{INCIDENT_PATH}{incident.id}", id=incident.id)
    if _open_for(link.action, incident):
        verb, promise = _VERBS[link.action]
        form = _FORM.format(verb=verb, promise=promise, by=escape(link.by))
        sentence = f"Severity {severity}; {_state(incident)}."
        return _page(200, heading, sentence, look=look, form=form, way=way)
    return _page(200, heading, f"This incident is {_state(incident)}.", look=look, way=way)


def _state(incident: Incident) -> str:
    if incident.state == "acknowledged" and incident.acknowledged_by:
        return f"acknowledged by {incident.acknowledged_by}"
    return incident.state


def _page(
    status: int, heading: str, sentence: str, *, look: str = "", form: str = "", way: str = ""
) -> Page:
    words = {"heading": escape(heading), "sentence": escape(sentence)}
    parts = {"style": _STYLE, "look": look, "form": form, "way": way}
    return Page(status, _TEMPLATE.format(**parts, **words))
