"""What a target is given instead of the whole event: EventBridge's input transformer.

`InputPathsMap` names values of the event by JSON path; `InputTemplate` puts them in the places
`<name>`. Inside quotes a text stands as it is (escaped, so that the result stays JSON), a list or
an object without its own quotes; outside quotes a value is JSON. A path that leads nowhere gives
an empty text. Reserved names: `aws.events.rule-name`, `aws.events.rule-arn`, `aws.events.event`
(without `detail`), `aws.events.event.json` (whole), `aws.events.event.ingestion-time`.
A template that is neither JSON nor quoted is a text. Several quoted lines are several lines.

Source: AWS, "Amazon EventBridge input transformation" (eb-transform-target-input).
"""

import re
from collections.abc import Mapping
from typing import cast

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.stream.rules.event import Seen

PATHS_MAX = 100
"""Most variables; EventBridge's own limit."""
TEMPLATE_CHARACTERS_MAX = 8_192
"""Longest template; EventBridge's own limit."""
_PLACE = re.compile(r"<([A-Za-z0-9_.\-]{1,256})>")
_STEP = re.compile(r"\.([A-Za-z0-9_/\-]+|\*)|\[([0-9]{1,6}|\*)\]|\['([^']+)'\]")
_RESERVED = (
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
Step = str | int


class Transformer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The two members as EventBridge spells them."""

    template: str = msgspec.field(name="InputTemplate")
    paths: dict[str, str] = msgspec.field(name="InputPathsMap", default_factory=dict)


class Input:
    """What becomes of an event on its way to one target."""

    def __init__(
        self,
        transformer: Transformer | None = None,
        constant: str | None = None,
        path: str | None = None,
    ) -> None:
        """One of the three, or none for the whole event.

        Raises:
            Refused: `BAD_TRANSFORMER`.
        """
        if sum(each is not None for each in (transformer, constant, path)) > 1:
            raise _wrong("only one of input, input_path and input_transformer may be given")
        self._constant = None if constant is None else _constant(constant)
        self._path = None if path is None else json_path(path)
        self._template = None if transformer is None else _Template(transformer)

    def of(self, event: Seen, rule: str, received_ns: int) -> bytes:
        """The bytes that are sent: JSON."""
        if self._constant is not None:
            return self._constant
        if self._path is not None:
            return _encode(value_at(event.members, self._path))
        if self._template is not None:
            return self._template.fill(event, rule, received_ns)
        return event.body


class _Template:
    def __init__(self, transformer: Transformer) -> None:
        if len(transformer.paths) > PATHS_MAX:
            raise _wrong(f"more than {PATHS_MAX} variables")
        if not 1 <= len(transformer.template) <= TEMPLATE_CHARACTERS_MAX:
            raise _wrong(f"the template has 1 to {TEMPLATE_CHARACTERS_MAX} characters")
        for name in transformer.paths:
            if name.lower().startswith("aws."):
                raise _wrong(f"the name {name} is reserved")
        self._paths = {name: json_path(path) for name, path in transformer.paths.items()}
        text = transformer.template.strip()
        self._lines = [text] if text[:1] in "{[" else _texts(text)
        for line in self._lines:
            for place in _PLACE.finditer(line):
                if place[1] not in self._paths and place[1] not in _RESERVED:
                    raise _wrong(f"<{place[1]}> is not in InputPathsMap")
        for line in self._lines:
            try:
                _decode(_filled(line, dict.fromkeys((*self._paths, *_RESERVED), 0)))
            except msgspec.DecodeError as error:
                raise _wrong(f"the template is no JSON once it is filled in: {error}") from error

    def fill(self, event: Seen, rule: str, received_ns: int) -> bytes:
        values: dict[str, object] = {
            name: value_at(event.members, steps, "") for name, steps in self._paths.items()
        }
        without = {name: each for name, each in event.members.items() if name != "detail"}
        values |= {
            "aws.events.rule-arn": f"rule/{rule}",
            "aws.events.rule-name": rule,
            "aws.events.event.ingestion-time": rfc3339(received_ns),
            "aws.events.event": without,
            "aws.events.event.json": msgspec.Raw(event.body),
        }
        lines = [_filled(line, values) for line in self._lines]
        if len(lines) == 1:
            return _encode(_decode(lines[0]))
        return _encode("\n".join(str(_decode(line)) for line in lines))


def _texts(text: str) -> list[str]:
    """A template of texts: quoted lines as they are, anything else as one text."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if all(len(line) > 1 and line[0] == line[-1] == '"' for line in lines):
        return lines
    if _PLACE.fullmatch(text):
        return [text]
    return [_encode(text).decode()]


def _filled(line: str, values: Mapping[str, object]) -> bytes:
    """The line with its places filled."""
    parts, end, quoted = [], 0, False
    for place in _PLACE.finditer(line):
        between = line[end : place.start()]
        quoted = _quoted_after(between, quoted)
        parts += [between, _inside(values[place[1]]) if quoted else _json(values[place[1]])]
        end = place.end()
    return "".join([*parts, line[end:]]).encode()


def _quoted_after(text: str, quoted: bool) -> bool:
    """Whether the end of the text is inside quotes."""
    escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
    return quoted


def _json(value: object) -> str:
    return _encode(value).decode()


def _inside(value: object) -> str:
    """A value inside quotes: a text escaped, anything else its JSON without quotes."""
    if isinstance(value, str):
        return _json(value)[1:-1]
    return _json(value).replace('\\"', "").replace('"', "").replace("\\", "\\\\")


def json_path(text: str) -> tuple[Step, ...]:
    """The steps of a path: `$.detail.order.id`, `$.detail.fills[0].price`, `$.resources[*]`.

    Raises:
        Refused: `BAD_TRANSFORMER`.
    """
    steps: list[Step] = []
    position = 1
    while text.startswith("$") and position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            break
        index = match[2]
        steps.append(
            int(index) if index is not None and index != "*" else match[1] or match[3] or "*"
        )
        position = match.end()
    if not text.startswith("$") or position < len(text):
        raise _wrong(f"{text[:100]!r} is no path such as $.detail.order.id")
    return tuple(steps)


def value_at(value: object, steps: tuple[Step, ...], missing: object = None) -> object:
    """What stands at the path; of a `*` a list of all."""
    for number, step in enumerate(steps):
        if step == "*":
            inner = value.values() if isinstance(value, dict) else value
            if not isinstance(inner, (list, type({}.values()))):
                return missing
            rest = steps[number + 1 :]
            found = [value_at(each, rest, _NOTHING) for each in inner]
            return [each for each in found if each is not _NOTHING]
        if isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        elif isinstance(step, str) and isinstance(value, dict) and step in value:
            value = cast("dict[str, object]", value)[step]
        else:
            return missing
    return value


_NOTHING = object()


def _constant(text: str) -> bytes:
    try:
        return _encode(_decode(text))
    except msgspec.DecodeError as error:
        raise _wrong(f"the input is no JSON: {error}") from error


def _wrong(reason: str) -> Refused:
    return Refused("BAD_TRANSFORMER", f"The input of a target cannot be used: {reason}.")
