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
from tallystick.watch.notify.links import Link, LinkAction, Links
from tallystick.watch.notify.notifier import Notifier

_STYLE = """
  body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto 0;
         padding: 0 1.2rem; color: #1a1d21; background: #fff }
  h1 { font-size: 1.4rem; overflow-wrap: anywhere }
  button { font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .4rem; color: #fff;
           background: #14532d; cursor: pointer }
  button:focus-visible { outline: 3px solid #93c5fd }
  @media (prefers-color-scheme: dark) { body { color: #e8eaed; background: #16181c } }
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
<h1>{heading}</h1>
<p>{sentence}</p>
{form}</html>
"""
_FORM = '<form method="post"><button type="submit">{verb}</button></form>\n'
_VERBS: dict[LinkAction, str] = {"acknowledge": "Acknowledge", "resolve": "Resolve"}
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
    if _open_for(link.action, incident):
        form = _FORM.format(verb=_VERBS[link.action])
        return _page(200, heading, f"Severity {incident.severity}; {_state(incident)}.", form)
    return _page(200, heading, f"This incident is {_state(incident)}.")


def _state(incident: Incident) -> str:
    if incident.state == "acknowledged" and incident.acknowledged_by:
        return f"acknowledged by {incident.acknowledged_by}"
    return incident.state


def _page(status: int, heading: str, sentence: str, form: str = "") -> Page:
    words = {"heading": escape(heading), "sentence": escape(sentence)}
    return Page(status, _TEMPLATE.format(style=_STYLE, form=form, **words))
