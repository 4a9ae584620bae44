"""The letter's HTML: whole, readable, and nothing but what was said."""

from collections.abc import Callable
from html.parser import HTMLParser

from tallystick.watch.notify.channels.writing.page import page
from tallystick.watch.notify.message import Message, Ways

Make = Callable[..., Message]
VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Reads the text and the links, and holds that every tag is closed in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: dict[str, str] = {}
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open it."""
        if tag not in VOID:
            self.open.append(tag)
        self._link = dict(attrs).get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        """Close the one that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        self.words.append(data)
        if self.open and self.open[-1] == "a":
            self.links[data] = self._link


def reader(message: Message) -> Reader:
    """Read the page."""
    read = Reader()
    read.feed(page(message, "chart@fx.example"))
    read.close()
    assert read.open == []
    return read


def test_the_page_is_whole(make_message: Make, hostile: Message) -> None:
    """Every tag is closed, also around hostile text."""
    for message in (make_message(), hostile, make_message(chart=None, alerts=(), ways=Ways())):
        assert reader(message).words


def test_the_page_says_what_matters_first(make_message: Make) -> None:
    """The preview text of a mailbox, then state, title, sentence and what to do."""
    words = " ".join(" ".join(reader(make_message()).words).split())
    order = [
        "CRITICAL. It opened with 2 alerts.",
        "CRITICAL I-12",
        "Latency of POST /v1/orders is above 250 ms",
        "Acknowledge",
        "p99 of POST /v1/orders",
        "Severity critical",
        "demo bought 250,000,000 EUR/USD",
        "order O-1042 · ledger position 1041",
        "whoever has this message can use them",
    ]
    body = words.partition("}} ")[2]
    places = [body.find(text.replace("  ", " ")) for text in order]

    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)


def test_links_lead_where_they_say(make_message: Make) -> None:
    """The buttons, and the alerts' own links made whole."""
    links = reader(make_message()).links

    assert links["Acknowledge"].endswith("/a/bearer-of-this-link-a?until=1795412345")
    assert links["Resolve"].endswith("/a/bearer-of-this-link-r?until=1795412345")
    assert links["Open the incident"] == "https://fx.example/incidents/I-12"
    assert links["receipt"] == "https://fx.example/v1/orders/O-1042/receipt"


def test_the_picture_is_described(make_message: Make) -> None:
    """Whoever cannot see it reads what it shows."""
    made = page(make_message(), "chart@fx.example")
    assert (
        'alt="p99 of POST /v1/orders. Last 431 ms, between 118 and 431; the limit is 250."' in made
    )


def test_what_is_over_is_calm(make_message: Make) -> None:
    """Green, and nothing to press but the way to the incident."""
    made = page(make_message(action="resolve", why="resolved", firing=0), "c@fx.example")

    assert "RESOLVED" in made
    assert "#0b7445" in made
    assert "Acknowledge" not in made
    assert "bearer" not in made
