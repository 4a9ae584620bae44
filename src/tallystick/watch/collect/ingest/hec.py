"""Splunk's HTTP Event Collector: request bodies to log lines, bytes in, bytes out.

One bad event never drops the others: the good ones are lines, and each bad one is named. In
strict mode it is as on Splunk: nothing is taken from the first bad one on.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec

from tallystick.limits import (
    INGEST_BAD_EVENTS_MAX,
    INGEST_REFUSED_BYTES_MAX,
)
from tallystick.watch.collect.columns import INDEX_FIELD
from tallystick.watch.collect.ingest.batch import Batch, Gathering, Writer
from tallystick.watch.collect.ingest.event_time import NO_TIME, OwnTimes, stamp, time_in
from tallystick.watch.collect.ingest.hec_answers import HEC_ANSWERS, HecAnswer
from tallystick.watch.collect.ingest.hec_event import (
    BAD_FORMAT,
    ENVELOPE,
    SOURCETYPE_DEFAULT,
    Asked,
    BadEvent,
    HecMetadata,
    Made,
    checked_index,
    encoded,
    line_of,
    made_of,
)
from tallystick.watch.collect.ingest.hec_quick import Quick
from tallystick.watch.collect.ingest.hec_scan import Scanned, read_json, scan
from tallystick.watch.collect.lines import encode_line

_SUCCESS, _NO_DATA = HEC_ANSWERS[0], HEC_ANSWERS[5]
_BETWEEN = re.compile(rb"\}[ \t\r\n]*(?=\{)")
_JSON_SPACE = b" \t\r\n"
_NO_METADATA = HecMetadata()
_NOBODY = Writer()
_raws = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class HecRefusal:
    """An event that could not be taken."""

    number: int
    """Which one of its request, from 0."""
    answer: HecAnswer
    reason: str
    """Why, as the end of a sentence: `the member event is blank`."""


@dataclass(frozen=True)
class HecBatch:
    """What a request becomes: lines for the store, and the answer once they are durable."""

    batch: Batch
    answer: HecAnswer
    """An error means that no event was taken; in strict mode, none from the one that it names."""
    refusals: tuple[HecRefusal, ...] = ()
    is_timed: bool = False
    """Whether its events say when they were, so well that it is told from others (`OwnTimes`)."""


def parse_events(
    body: bytes,
    *,
    received_ns: int,
    metadata: HecMetadata = _NO_METADATA,
    writer: Writer = _NOBODY,
    strict: bool = False,
    extract_time: bool = False,
) -> HecBatch:
    """The body of `/services/collector/event`: objects stacked, or one array of objects.

    A bad event beside good ones is kept as a line of its own, `ingest.event_refused`, because
    few senders read an answer that is no error.

    Raises:
        Refused: `BODY_TOO_LARGE`, too many events for one request.
    """
    asked = Asked(received_ns, metadata, writer, extract_time)
    return _Request(asked, strict=strict).of_events(body)


def parse_raw(
    body: bytes,
    *,
    received_ns: int,
    metadata: HecMetadata = _NO_METADATA,
    writer: Writer = _NOBODY,
    strict: bool = False,
    extract_time: bool = False,
) -> HecBatch:
    """The body of `/services/collector/raw`: one event a line of text; blank lines are none.

    Bytes that are not UTF-8 become U+FFFD.

    Raises:
        Refused: `BODY_TOO_LARGE`, too many events for one request.
    """
    asked = Asked(received_ns, metadata, writer, extract_time)
    return _Request(asked, strict=strict).of_text(body)


class _Stop(Exception):  # noqa: N818  a way out, no error
    """No more of this request is looked at."""


class _Request:
    """One request on its way to a batch."""

    def __init__(self, asked: Asked, *, strict: bool) -> None:
        self._asked = asked
        self._strict = strict
        self._quick = Quick(asked)
        self._gathering = Gathering()
        self._refusals: list[HecRefusal] = []
        self._refused: list[bytes] = []
        """Lines that keep what could not be taken."""
        self._unreadable = 0
        self._times = OwnTimes()

    def of_events(self, body: bytes) -> HecBatch:
        """JSON: piece by piece, quickly, until one is odd; from there value by value."""
        body = body.rstrip(_JSON_SPACE)
        with suppress(_Stop):
            unread = self._take_pieces(body)
            for scanned in scan(body, unread) if unread < len(body) else ():
                self._take_scanned(scanned)
        return self._batch()

    def of_text(self, body: bytes) -> HecBatch:
        """A line of text an event."""
        with suppress(_Stop):
            for text in body.decode("utf-8", "replace").split("\n"):
                sentence = text.removesuffix("\r")
                if sentence.strip():
                    self._take_text(sentence)
        return self._batch()

    def _take_pieces(self, body: bytes) -> int:
        """Take events as long as they are whole pieces; where the first begins that is not."""
        is_utf8 = _is_utf8(body)
        for start, piece in _pieces(body):
            try:
                self._take_piece(piece, quickly=is_utf8)
            except (msgspec.DecodeError, ValueError, RecursionError):
                if start is not None:
                    return start  # something inside it only looked like its end
                for scanned in scan(piece):
                    self._take_scanned(scanned)
        return 0 if body and not self._gathering.events else len(body)

    def _take_piece(self, piece: bytes, *, quickly: bool) -> None:
        """Take one event.

        Raises:
            msgspec.DecodeError, ValueError, RecursionError: it is not one value in JSON.
        """
        if quickly:
            try:
                made = self._quick.made(piece)
            except msgspec.ValidationError:
                made = None
            if made is not None:
                self._add(made)
                return
        text = piece.decode("utf-8", "surrogateescape")
        self._take_value(read_json(text), text)

    def _take_scanned(self, scanned: Scanned) -> None:
        if not scanned.reason:
            self._take_value(scanned.value, scanned.text)
            return
        self._unreadable += 1
        if self._unreadable > INGEST_BAD_EVENTS_MAX and not self._strict:
            self._gathering = Gathering()  # nothing of it is taken
            self._gathering.events = len(self._refusals)
            raise _Stop
        self._refuse(BadEvent(BAD_FORMAT, scanned.reason), scanned.text)

    def _take_value(self, value: object, text: str) -> None:
        if self._strict and isinstance(value, dict) and not ENVELOPE.issuperset(value):
            self._gathering.count()
            raise _Stop  # Splunk says Success, and takes neither this nor what follows
        try:
            made = made_of(value, self._asked)
        except BadEvent as bad:
            self._refuse(bad, text)
            return
        if made is None:
            self._gathering.count()
        else:
            self._add(made)

    def _take_text(self, text: str) -> None:
        asked, metadata = self._asked, self._asked.metadata
        at_ns = time_in(text, asked.received_ns) if asked.extract_time else None
        try:
            index = checked_index(metadata.index or asked.writer.index, asked.writer)
            line, key = line_of(
                asked.received_ns if at_ns is None else at_ns,
                {"body": text},
                {},
                replace(metadata, index=index),
            )
            made = Made(encoded(line), key, NO_TIME)
        except BadEvent as bad:
            self._refuse(bad, text)
            return
        self._add(made)

    def _add(self, made: Made) -> None:
        self._gathering.add(made.line, made.key)
        self._times.add(made.told)

    def _refuse(self, bad: BadEvent, text: str) -> None:
        refusal = HecRefusal(self._gathering.count(), bad.answer, bad.reason)
        self._refusals.append(refusal)
        if self._strict:
            raise _Stop
        self._refused.append(_kept(refusal, text, self._asked))

    def _batch(self) -> HecBatch:
        refusals = tuple(self._refusals)
        if not self._gathering.events:
            return HecBatch(Batch(), _NO_DATA)
        answer = _SUCCESS
        if refusals and (self._strict or len(refusals) == self._gathering.events):
            answer = refusals[0].answer.at_event(refusals[0].number)
        else:
            for line in self._refused:
                self._gathering.keep(line)
        return HecBatch(self._gathering.batch(), answer, refusals, bool(self._times))


def _pieces(body: bytes) -> Iterator[tuple[int | None, bytes]]:
    """(where it begins, an event), where every end that it seems to have is one.

    None stands for the place of a member of an array, which is known to be whole.
    """
    at = len(body) - len(body.lstrip(_JSON_SPACE))
    if body[at : at + 1] == b"[":
        with suppress(msgspec.DecodeError, RecursionError):
            yield from ((None, bytes(raw)) for raw in _raws.decode(body))
    elif body[at : at + 1] == b"{":
        for between in _BETWEEN.finditer(body, at):
            yield at, body[at : between.start() + 1]
            at = between.end()
        yield at, body[at:]


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _kept(refusal: HecRefusal, text: str, asked: Asked) -> bytes:
    """A line that keeps an event which could not be taken, or its beginning."""
    sent = text.encode("utf-8", "surrogateescape")[:INGEST_REFUSED_BYTES_MAX]
    line = {
        "timestamp": stamp(asked.received_ns),
        "severity_text": "WARN",
        "event_name": "ingest.event_refused",
        "body": sent.decode("utf-8", "replace"),
        "com.splunk.sourcetype": asked.metadata.sourcetype or SOURCETYPE_DEFAULT,
        INDEX_FIELD: asked.writer.index,
        "error.message": refusal.reason,
        "hec.code": refusal.answer.code,
    }
    return encode_line(line)
