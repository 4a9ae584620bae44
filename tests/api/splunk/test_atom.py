"""Entities in XML and JSON: the same facts, whatever characters are in them."""

import json
import xml.etree.ElementTree as ET

from splunklib import data

from tallystick.api.splunk.atom import (
    Entry,
    Feed,
    entry_xml,
    feed_json,
    feed_xml,
    messages_json,
    messages_xml,
    response_xml,
)

ODD = 'a<b>&"c"\x00\ud800 \U0001f600'
ENTRY = Entry(
    'x "1"', 'saved/searches/x "1"', "2026-11-22T14:00:00.000000Z",
    {"text": ODD, "yes": True, "no": False, "n": 5, "f": 0.5, "none": None,
     "list": ["a", 1], "dict": {"k": "v"}, "empty": []},
)  # fmt: skip
FEED = Feed("t", "saved/searches", ENTRY.updated, [ENTRY], 7, 3, [("WARN", "mind <this>")])


def xml(data: bytes) -> ET.Element:
    """The root of a document."""
    return ET.fromstring(data)  # noqa: S314  our own server's


def test_xml_is_what_the_sdk_reads() -> None:
    """Its own loader gives back every value; what XML cannot hold is U+FFFD."""
    feed = data.load(feed_xml(FEED).decode())["feed"]
    content = feed.entry.content
    assert feed.totalResults == "7"
    assert feed.startIndex == "3"
    assert content.text == 'a<b>&"c"\ufffd\ufffd \U0001f600'
    assert (content.yes, content.no, content.n, content.f) == ("1", "0", "5", "0.5")
    assert content["none"] is None
    assert content.list == ["a", "1"]
    assert content.dict == {"k": "v"}
    assert content["eai:acl"].app == "search"
    assert {link.rel for link in feed.entry.link} == {"alternate", "list"}


def test_an_entry_by_itself_is_the_root() -> None:
    """As Splunk shows a search job."""
    assert data.load(entry_xml(ENTRY).decode())["entry"].title == 'x "1"'


def test_json_keeps_types() -> None:
    """Numbers and truth values are not text there."""
    feed = json.loads(feed_json(Feed("t", "p", "u", [Entry("n", "p/n", "u", {"b": True})], 1)))
    assert feed["paging"] == {"total": 1, "perPage": 1, "offset": 0}
    assert feed["entry"][0]["content"] == {"b": True}
    assert feed["entry"][0]["links"]["alternate"] == "/servicesNS/nobody/search/p/n"


def test_messages_and_answers() -> None:
    """Both forms of what is only said."""
    assert json.loads(messages_json([("FATAL", "no")])) == {
        "messages": [{"type": "FATAL", "text": "no"}]
    }
    message = xml(messages_xml([("FATAL", "<no>")])).find("messages/msg")
    assert message is not None
    assert (message.attrib["type"], message.text) == ("FATAL", "<no>")
    assert xml(response_xml(sid="1.2")).findtext("sid") == "1.2"
