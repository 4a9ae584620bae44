"""Entities as Splunk's REST shows them: an Atom feed in XML, or the same as JSON."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import msgspec

Value = str | int | float | bool | Sequence["Value"] | Mapping[str, "Value"] | None
Message = tuple[str, str]
"""The kind (`FATAL`, `ERROR`, `WARN`, `INFO`) and a sentence."""

VERSION = "9.4.0"
"""The version of Splunk whose REST this is shaped after: clients choose their routes by it."""
BUILD = "tallystick"
OWNER, APP = "nobody", "search"
"""The namespace that everything stands in."""
_ENCODE = msgspec.json.Encoder().encode
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_FEED = (
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:s="http://dev.splunk.com/ns/rest"'
    ' xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">\n'
)
_ENTRY = '<entry xmlns="http://www.w3.org/2005/Atom" xmlns:s="http://dev.splunk.com/ns/rest">\n'


@dataclass(frozen=True)
class Entry:
    """One entity: its name, its path below `/services/`, when it changed, what it holds."""

    name: str
    path: str
    updated: str
    content: Mapping[str, Value]
    author: str = OWNER
    links: Mapping[str, str] = field(default_factory=dict)
    """Further links, relative to the entity."""

    @property
    def address(self) -> str:
        """Where it is, escaped."""
        return f"/servicesNS/{OWNER}/{APP}/{quote(self.path)}"

    def all_links(self) -> dict[str, str]:
        """Every link by its relation."""
        more = {name: f"{self.address}/{end}" for name, end in self.links.items()}
        return {"alternate": self.address, "list": self.address, **more}

    def acl(self) -> dict[str, Value]:
        """Who may do what with it: here the token decides, not the entity."""
        return {
            "app": APP, "can_list": True, "can_write": True, "modifiable": True,
            "owner": OWNER, "perms": {"read": ["*"], "write": ["*"]}, "removable": True,
            "sharing": "app",
        }  # fmt: skip


@dataclass(frozen=True)
class Feed:
    """Entities of one kind: a page of `total`, from `offset` on."""

    title: str
    path: str
    updated: str
    entries: Sequence[Entry]
    total: int
    offset: int = 0
    messages: Sequence[Message] = ()


def feed_json(feed: Feed) -> bytes:
    """The feed as `output_mode=json`."""
    return _ENCODE(
        {
            "links": {},
            "origin": f"/services/{feed.path}",
            "updated": feed.updated,
            "generator": {"build": BUILD, "version": VERSION},
            "entry": [_entry_json(entry) for entry in feed.entries],
            "paging": {"total": feed.total, "perPage": len(feed.entries), "offset": feed.offset},
            "messages": _messages(feed.messages),
        }
    )


def feed_xml(feed: Feed) -> bytes:
    """The feed as Atom (RFC 4287) with Splunk's dictionaries inside."""
    head = (
        f"<title>{xml_text(feed.title)}</title><id>/services/{xml_text(feed.path)}</id>"
        f"<updated>{feed.updated}</updated>"
        f'<generator build="{BUILD}" version="{VERSION}"/><author><name>Splunk</name></author>'
        f"<opensearch:totalResults>{feed.total}</opensearch:totalResults>"
        f"<opensearch:itemsPerPage>{len(feed.entries)}</opensearch:itemsPerPage>"
        f"<opensearch:startIndex>{feed.offset}</opensearch:startIndex>"
    )
    messages = f"<s:messages>{_messages_xml(feed.messages)}</s:messages>\n"
    entries = "".join(f"<entry>\n{_entry_xml(entry)}</entry>\n" for entry in feed.entries)
    return f"{_HEAD}{_FEED}{head}\n{messages}{entries}</feed>\n".encode()


def entry_xml(entry: Entry) -> bytes:
    """One entity by itself, as Splunk shows a search job."""
    return f"{_HEAD}{_ENTRY}{_entry_xml(entry)}</entry>\n".encode()


def messages_json(messages: Iterable[Message], **more: Value) -> bytes:
    """An answer that is only messages, and perhaps a few members."""
    return _ENCODE({"messages": _messages(messages)} | more)


def messages_xml(messages: Iterable[Message]) -> bytes:
    """The same as XML."""
    inner = _messages_xml(messages)
    return f"{_HEAD}<response>\n  <messages>{inner}</messages>\n</response>\n".encode()


def response_xml(**members: str) -> bytes:
    """`<response>` with text members, such as the sid of a new job."""
    inner = "".join(f"<{name}>{xml_text(value)}</{name}>" for name, value in members.items())
    return f"{_HEAD}<response>{inner}</response>\n".encode()


def xml_text(text: str) -> str:
    """Text for XML 1.0, which cannot hold every character: those become U+FFFD."""
    return escape(_ILLEGAL.sub("\ufffd", text))


def xml_attribute(text: str) -> str:
    """The text as a quoted attribute."""
    return quoteattr(_ILLEGAL.sub("\ufffd", text))


def messages_inner(messages: Iterable[Message]) -> str:
    """The messages as elements."""
    return _messages_xml(messages)


def _messages(messages: Iterable[Message]) -> list[dict[str, str]]:
    return [{"type": kind, "text": text} for kind, text in messages]


def _messages_xml(messages: Iterable[Message]) -> str:
    return "".join(f'<msg type="{kind}">{xml_text(text)}</msg>' for kind, text in messages)


def _entry_json(entry: Entry) -> dict[str, Value]:
    return {
        "name": entry.name,
        "id": entry.address,
        "updated": entry.updated,
        "links": entry.all_links(),
        "author": entry.author,
        "acl": entry.acl(),
        "content": entry.content,
    }


def _entry_xml(entry: Entry) -> str:
    links = "".join(
        f"<link href={xml_attribute(href)} rel={xml_attribute(rel)}/>"
        for rel, href in entry.all_links().items()
    )
    content = {"eai:acl": entry.acl(), **entry.content}
    return (
        f"<title>{xml_text(entry.name)}</title><id>{xml_text(entry.address)}</id>"
        f"<updated>{entry.updated}</updated>{links}"
        f"<author><name>{xml_text(entry.author)}</name></author>\n"
        f'<content type="text/xml">{_value_xml(content)}</content>\n'
    )


def _value_xml(value: Value) -> str:
    if isinstance(value, Mapping):
        keys = "".join(
            f"<s:key name={xml_attribute(name)}>{_value_xml(each)}</s:key>"
            for name, each in value.items()
        )
        return f"<s:dict>{keys}</s:dict>"
    if isinstance(value, str):
        return xml_text(value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return str(value)
    if value is None:
        return ""
    items = "".join(f"<s:item>{_value_xml(each)}</s:item>" for each in value)
    return f"<s:list>{items}</s:list>"


Mode = Literal["xml", "json", "csv", "json_rows", "json_cols", "raw"]
"""Splunk's `output_mode`."""
