"""What is called a password, a secret or a key where it stands: `password=...`, `"apiKey":"..."`.

With an equals sign whatever follows counts; after a colon, which prose has too, only what is quoted
or cannot be a word. Values that say that nothing is there (`null`, `***`, `<password>`) stay.
"""

import re
from collections.abc import Iterator

from tallystick.watch.collect.redact.finder import SPACE, Finder, Hit, Pseudonym

_NAMES = "passwords?|passwd|pwd|passphrase|secret|token|(?:api|access|secret|private)[_-]?key"
_VALUE = re.compile(
    rf"(?:{_NAMES})\\?[\"']?\s{{0,3}}"
    r"(?:(?P<equals>=)|:(?!//))\s{0,3}"
    r"(?:\\?(?P<quote>[\"'])(?P<quoted>[^\"'\\]{1,512})|(?P<bare>[^\s\"'&,;\\<>\[\]{}()]{1,512}))"
)
_NOTHING = re.compile(r"(?i:none|null|nil|true|false|undefined|redacted)|[*x.…-]+", re.ASCII)
_BARE_CHARACTERS_MIN = 6
_MASK = "[PASSWORD]"
_CANDIDATE = (
    rf"(?i:{_NAMES})\\*[\"']?{SPACE}*"
    rf"(?:=|:{SPACE}*(?:\\*[\"']|[^\s\"'&,;\\<>\[\]{{}}()]*[0-9\\\x80-\xff]))"
)


def _find(text: str, _pseudonym: Pseudonym) -> Iterator[Hit]:
    small = _lowered(text)  # several times faster than to look for capitals too
    for match in _VALUE.finditer(small):
        group = "quoted" if match["quoted"] is not None else "bare"
        value = text[slice(*match.span(group))]
        if value == _MASK or _NOTHING.fullmatch(value) or value.startswith("<"):
            continue
        if group == "bare" and not match["equals"] and not _is_no_word(value):
            continue
        yield Hit(*match.span(group), _MASK)


def _lowered(text: str) -> str:
    """The text with small ASCII letters, each in its place."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _is_no_word(value: str) -> bool:
    return len(value) >= _BARE_CHARACTERS_MIN and any(letter.isdigit() for letter in value)


PASSWORDS = Finder("PASSWORD", "critical", _CANDIDATE, _find, credential=True)
