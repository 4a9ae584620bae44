"""The engine: takes out of log lines what may not stand in them, and counts what it took."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from tallystick.errors import TallystickError
from tallystick.watch.collect.redact.finder import Finder, Hit, Severity
from tallystick.watch.collect.redact.lexer import Item, Lexer, quoted, unquoted
from tallystick.watch.collect.redact.names import SECRET_NAME, is_secret_name, member
from tallystick.watch.collect.redact.originals import Originals, identity
from tallystick.watch.collect.redact.outcome import (
    REDACTIONS_FIELD,
    SEALED_FIELD,
    Edit,
    Found,
    Outcome,
    written,
)
from tallystick.watch.collect.redact.policy import FIELD, FIELD_MASK, SECRET, RedactionPolicy
from tallystick.watch.collect.redact.sieve import ESCAPED, Sieve

_ROUNDS_MAX = 4
"""How often a text is looked at: what stands beside a mask may be found only then."""
_NUMBER = re.compile(r"-?\d{1,40}", re.ASCII)
_COUNT = re.compile(r"\s*:\s*\d{1,9}\s*[,}]", re.ASCII)
_COUNTS_DEPTH = 2
_COMMA = re.compile(r"\s*,")


class Redactor:
    """One engine for all lines, from here and from elsewhere; any thread may use it."""

    def __init__(
        self, policy: RedactionPolicy | None = None, originals: Originals | None = None
    ) -> None:
        """`originals` seals what was there; without it nothing is kept, and no address joins."""
        policy = policy or RedactionPolicy()
        self._originals = originals
        self._finders = policy.finders()
        self._openers = tuple(finder for finder in self._finders if finder.credential)
        self._severity: dict[str, Severity] = {f.kind: f.severity for f in self._finders}
        self._sealed_kinds = policy.sealed_kinds()
        self._fields = frozenset(policy.fields)
        kinds = (finder.candidate for finder in self._finders)
        self._sieve = Sieve([*kinds, ESCAPED, SECRET_NAME, *map(member, policy.fields)])
        self.unsealed = 0
        """Lines whose originals could not be sealed and are lost."""

    def redact(self, lines: Sequence[bytes]) -> list[bytes]:
        """The lines without what may not stand in them; one without findings is the same object.

        A line is a JSON object in UTF-8. One with findings has their count in `redactions`, and
        where there are keys what was there, sealed, in `log.sealed`. None becomes longer than
        `LOG_LINE_BYTES_MAX` by it. Nothing is raised: while the keys cannot be used originals are
        lost, and `unsealed` counts the lines.
        """
        redacted = list(lines)
        for number in self._sieve.suspects(lines):
            outcome = self._look(lines[number])
            if outcome.found:
                redacted[number] = written(outcome, self._sealed(outcome))
        return redacted

    def find(self, line: bytes) -> list[Found]:
        """What `redact` would take out of a line, or of a text that is no JSON."""
        return [] if self._sieve.passes(line) else self._look(line).found

    def search(self, lines: Sequence[bytes]) -> Iterator[tuple[int, list[Found]]]:
        """The numbers of the lines in which `find` finds something, and what."""
        for number in self._sieve.suspects(lines):
            found = self._look(lines[number]).found
            if found:
                yield number, found

    def _look(self, data: bytes) -> Outcome:
        outcome = Outcome(data.decode("utf-8", "surrogateescape"))
        finders = self._finders_for(self._sieve.matching(data))
        if not outcome.line.lstrip().startswith(("{", "[")):
            self._look_at_text(outcome, finders)
            return outcome
        lexer, spots = Lexer(outcome.line), self._sieve.spots(data)
        taken: Item | None = None
        for item in lexer.items():
            if taken is not None:
                if item.what == "end" and item.depth == taken.depth:
                    self._take(outcome, item, lexer.pointer())
                    taken = None
            elif item.what == "end":
                _keep(outcome, item)
            elif spots.touch(item.start, item.end):
                if item.what == "name" and self._is_taken(item, lexer):
                    taken = item
                else:
                    self._look_at(outcome, item, finders, lexer)
        return outcome

    def _finders_for(self, numbers: Sequence[int]) -> tuple[Finder, ...]:
        count = len(self._finders)
        if count in numbers:  # `ESCAPED`: any of them may be hidden
            return self._finders
        return tuple(self._finders[number] for number in numbers if number < count)

    def _is_taken(self, item: Item, lexer: Lexer) -> bool:
        name = item.frame.name
        if name not in self._fields and not is_secret_name(name):
            return False
        counts = item.depth == _COUNTS_DEPTH and lexer.outermost == REDACTIONS_FIELD
        return not (
            counts and _COUNT.match(lexer.line, item.end)
        )  # how many passwords is no secret

    def _take(self, outcome: Outcome, end: Item, pointer: str) -> None:
        """A member that is a secret by its name goes; one that the policy names is hidden."""
        frame = end.frame
        if frame.name not in self._fields:
            outcome.found.append(Found(SECRET, "critical", pointer))
            outcome.edits.append(_cut(outcome.line, end))
            return
        value = outcome.line[end.start : end.end]
        _keep(outcome, end)
        if value == quoted(FIELD_MASK):
            return
        outcome.found.append(Found(FIELD, "medium", pointer))
        outcome.edits.append(Edit(end.start, end.end, quoted(FIELD_MASK)))
        outcome.originals[pointer] = _read(self._masked(value, self._openers)[0])

    def _look_at(
        self, outcome: Outcome, item: Item, finders: tuple[Finder, ...], lexer: Lexer
    ) -> None:
        """A name, a text or a number."""
        token = outcome.line[item.start : item.end]
        if item.what == "word" and not _NUMBER.fullmatch(token):
            return
        text = item.frame.name if item.what == "name" else unquoted(token)
        masked, kinds = self._mask(text, finders)
        if not kinds:
            return
        if item.what == "name":
            item.frame.name = masked  # what is told of the member's place must not tell it
        pointer = lexer.pointer() + ("#" if item.what == "name" else "")
        outcome.found += [Found(kind, self._severity[kind], pointer) for kind in kinds]
        outcome.edits.append(Edit(item.start, item.end, quoted(masked)))
        if not self._sealed_kinds.isdisjoint(kinds):
            original = self._masked(text, self._openers)[0]
            outcome.originals[pointer] = int(text) if item.what == "word" else original

    def _look_at_text(self, outcome: Outcome, finders: tuple[Finder, ...]) -> None:
        """A line that is no JSON, such as one of a file that is scanned."""
        masked, kinds = self._mask(outcome.line, finders)
        if kinds:
            outcome.found += [Found(kind, self._severity[kind], "") for kind in kinds]
            outcome.edits.append(Edit(0, len(outcome.line), masked))

    def _mask(self, text: str, finders: Sequence[Finder]) -> tuple[str, list[str]]:
        """As `_masked` by all finders, where these find something.

        The others may find what stands beside a mask, though the line was no candidate for them.
        """
        hit = any(True for finder in finders for _ in finder.find(text, self._pseudonym))
        return self._masked(text, self._finders) if hit else (text, [])

    def _masked(self, text: str, finders: Iterable[Finder]) -> tuple[str, list[str]]:
        """The text with masks, and the kinds of what was found."""
        kinds: list[str] = []
        for _ in range(_ROUNDS_MAX):
            hits = self._hits(text, finders)
            if not hits:
                break
            pieces, place = [], 0
            for hit, kind in hits:
                pieces += [text[place : hit.start], hit.mask]
                place = hit.end
                kinds.append(kind)
            text = "".join(pieces) + text[place:]
        return text, kinds

    def _hits(self, text: str, finders: Iterable[Finder]) -> list[tuple[Hit, str]]:
        hits: list[tuple[Hit, str]] = []
        covered = bytearray(len(text))
        for finder in finders:
            for hit in finder.find(text, self._pseudonym):
                if covered.find(1, hit.start, hit.end) < 0:
                    covered[hit.start : hit.end] = b"\x01" * (hit.end - hit.start)
                    hits.append((hit, finder.kind))
        return sorted(hits)

    def _pseudonym(self, text: str) -> str:
        return "[EMAIL]" if self._originals is None else self._originals.pseudonym(text)

    def _sealed(self, outcome: Outcome) -> str | None:
        if not outcome.originals or self._originals is None:
            return None
        try:
            return self._originals.seal(identity(written(outcome, None)), outcome.originals)
        except TallystickError:
            self.unsealed += 1
            return None


def _keep(outcome: Outcome, end: Item) -> None:
    end.frame.kept = True
    if end.depth == 1:
        outcome.empty = False
        if end.frame.name in {REDACTIONS_FIELD, SEALED_FIELD}:
            outcome.told[end.frame.name] = (end.start, end.end)


def _cut(line: str, end: Item) -> Edit:
    """A member goes with the comma before it; where none before it stays, with the one behind."""
    if end.frame.kept:
        return Edit(end.frame.comma, end.end, "")
    comma = _COMMA.match(line, end.end)
    return Edit(end.frame.first, comma.end() if comma else end.end, "")


def _read(text: str) -> object:
    try:
        value: object = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    return value
