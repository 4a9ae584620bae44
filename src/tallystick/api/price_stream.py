"""The hub of streaming prices: who follows which pairs, and what each has still to be told.

Every update has a number. A follower holds at most the newest update of each of its pairs, in the
order of their numbers: a slow one gets fewer updates, each with how many it missed, and never an
old one. The last number that a client saw is where it can resume: it then gets the newest of every
pair that moved since. All of it runs on one event loop; following costs the tick one step a
follower of its pair, and JSON is made once for all of them, when the first one takes it.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from zlib import crc32

import msgspec

from tallystick.api.event_stream import wait_for
from tallystick.api.price_items import (
    Heartbeat,
    SessionAt,
    Snapshot,
    price_item,
    session_item,
    untradeable,
)
from tallystick.clock import NS_PER_SECOND, Clock, rfc3339
from tallystick.errors import Overloaded, Refused, ShuttingDown
from tallystick.execution import Quote, QuoteBoard
from tallystick.fx import PAIRS
from tallystick.limits import PRICE_FOLLOWERS_MAX, PRICE_UPDATES_KEPT_MAX

HEARTBEAT_SECONDS = 5.0
"""Between two heartbeats, however much is said between them."""
_TOKEN_CHARACTERS_MAX = 64
_encode = msgspec.json.Encoder().encode


class _Place(NamedTuple):
    """Where a client was: of which process, behind which update, with which pairs."""

    epoch: str
    number: int
    fingerprint: str


class Update:
    """One quote with its number; its JSON is made once."""

    __slots__ = ("_json", "number", "quote")

    def __init__(self, number: int, quote: Quote) -> None:
        self.number = number
        self.quote = quote
        self._json = b""

    def json(self, now_ns: int, session: SessionAt) -> bytes:
        """The members of its `PriceItem` and the closing brace."""
        if not self._json:
            self._json = _encode(price_item(self.quote, now_ns, session(now_ns)))[1:]
        return self._json


class Follower:
    """One client's pairs, and the updates that wait for it: at most one a pair."""

    def __init__(self, stream: "PriceStream") -> None:
        self.woken = asyncio.Event()
        self.pairs: dict[str, bool] = {}
        """Each with whether it was named, and is so wanted also as a cross."""
        self.fingerprint = ""
        """Tells its pairs apart from other clients' in ids."""
        self._stream = stream
        self._waiting: dict[str, Update] = {}  # in order of their numbers
        self._missed: dict[str, int] = {}

    def put(self, update: Update) -> None:
        """The newest of its pair; one that still waited is missed."""
        pair = update.quote.pair
        if self._waiting.pop(pair, None) is not None:
            self._missed[pair] = self._missed.get(pair, 0) + 1
        self._waiting[pair] = update
        self.woken.set()

    def forget(self, pairs: Sequence[str]) -> None:
        """Say nothing more of these pairs."""
        for pair in pairs:
            self._waiting.pop(pair, None)
            self._missed.pop(pair, None)

    def take(self) -> list[tuple[Update, int]]:
        """What waits, oldest first, each with how many updates of its pair came between."""
        self.woken.clear()
        missed = self._missed
        found = [(each, missed.get(pair, 0)) for pair, each in self._waiting.items()]
        self._waiting.clear()
        self._missed = {}
        return found

    def token(self, number: int) -> str:
        """Where this client can resume after the update of this number."""
        return f"{self._stream.epoch}.{number}.{self.fingerprint}"

    def sign(self) -> None:
        """Its pairs have changed."""
        self.fingerprint = f"{crc32(','.join(sorted(self.pairs)).encode()):08x}"

    async def wait(self, until_ns: int) -> None:
        """Until something waits, the stream ends, or it is this time of the monotonic clock."""
        await wait_for(self.woken, until_ns - self._stream.clock.monotonic_ns())


class PriceStream:
    """Told of quotes by the board, closed at shutdown; owned by the event loop's thread."""

    def __init__(
        self,
        board: QuoteBoard,
        clock: Clock,
        session: SessionAt,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        kept_max: int = PRICE_UPDATES_KEPT_MAX,
        followers_max: int = PRICE_FOLLOWERS_MAX,
    ) -> None:
        """`kept_max`: how many updates back it is known what a client missed."""
        self.board = board
        self.clock = clock
        self.session = session
        self.heartbeat_ns = int(heartbeat_seconds * NS_PER_SECOND)
        self.ended = asyncio.Event()
        self.epoch = f"{clock.now_ns():x}"
        """Tells this process's numbers apart from others' in ids."""
        self._number = 0
        self._newest: dict[str, Update] = {}
        self._last_pairs: deque[str] = deque(maxlen=kept_max)
        """The pairs of the last updates, oldest first."""
        self._followers: set[Follower] = set()
        self._by_pair: dict[str, set[Follower]] = {}
        self._followers_max = followers_max
        board.listen(self._on_quotes)

    @property
    def count(self) -> int:
        """How many follow now."""
        return len(self._followers)

    @contextmanager
    def place(self) -> Iterator[Follower]:
        """A place among the followers, with no pairs yet, until the end of the block.

        Raises:
            Overloaded: as many follow as may.
            ShuttingDown: no more may begin.
        """
        if self.ended.is_set():
            raise ShuttingDown
        if len(self._followers) >= self._followers_max:
            raise Overloaded(f"Already {self._followers_max} clients follow prices.")
        follower = Follower(self)
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self.unsubscribe(follower, list(follower.pairs))
            self._followers.discard(follower)

    def subscribe(
        self, follower: Follower, pairs: Sequence[str] | None, resume: str | None = None
    ) -> Snapshot:
        """Tell `follower` of these pairs from now on; what stands now, or moved since `resume`.

        `pairs` None: all that are quoted. Crosses are told only to those who name them.

        Raises:
            Refused: `BAD_REQUEST`, `resume` is no id of a price.
        """
        after = None if resume is None else _parsed(resume)
        for pair in PAIRS if pairs is None else pairs:
            if pairs is not None and not follower.pairs.get(pair):
                self.board.want(pair)
            follower.pairs[pair] = follower.pairs.get(pair, False) or pairs is not None
            self._renew(pair, named=pairs is not None)
            self._by_pair.setdefault(pair, set()).add(follower)
        follower.sign()
        return self._snapshot(follower, pairs, after)

    def unsubscribe(self, follower: Follower, pairs: Sequence[str]) -> None:
        """Tell it no more of these pairs."""
        follower.forget(pairs)
        for pair in pairs:
            if (wanted := follower.pairs.pop(pair, None)) is None:
                continue
            self._by_pair[pair].discard(follower)
            if wanted:
                self.board.unwant(pair)
        follower.sign()

    def heartbeat(self, follower: Follower) -> Heartbeat:
        """What its client is told each five seconds."""
        now_ns = self.clock.now_ns()
        session = self.session(now_ns)
        found = {}
        for pair, named in follower.pairs.items():
            if named or self.board.quoted(pair):
                reason = untradeable(self.board.get(pair), now_ns, session)
                if reason is not None:
                    found[pair] = reason
        return Heartbeat(rfc3339(now_ns), session_item(session), found)

    def close(self) -> None:
        """End every stream; call it before the HTTP server waits for its connections."""
        self.ended.set()
        for follower in self._followers:
            follower.woken.set()

    def _on_quotes(self, quotes: Sequence[Quote]) -> None:
        for quote in quotes:
            self._number += 1
            update = Update(self._number, quote)
            self._newest[quote.pair] = update
            self._last_pairs.append(quote.pair)
            for follower in self._by_pair.get(quote.pair, ()):
                follower.put(update)

    def _renew(self, pair: str, *, named: bool) -> None:
        """A cross moves unseen while nobody wants it: number what it has become."""
        if not named and not self.board.quoted(pair):
            return
        known = self._newest.get(pair)
        quote = self.board.get(pair)
        if quote is not None and (known is None or known.quote is not quote):
            self._on_quotes([quote])

    def _snapshot(
        self, follower: Follower, pairs: Sequence[str] | None, after: _Place | None
    ) -> Snapshot:
        now_ns = self.clock.now_ns()
        session = self.session(now_ns)
        asked = list(PAIRS if pairs is None else pairs)
        follower.forget(asked)  # the snapshot tells the newest of them
        newest = [self._newest[pair] for pair in asked if self._priced(pair)]
        resumed, missed = False, 0 if after is None else None
        if after is not None and self._resumes(after, follower):
            newest = [update for update in newest if update.number > after.number]
            resumed, missed = True, self._missed(after.number, set(asked), len(newest))
        newest.sort(key=lambda update: update.number)
        return Snapshot(
            id=follower.token(self._number),
            resumed=resumed,
            gap=missed != 0,
            missed=missed,
            prices=tuple(price_item(update.quote, now_ns, session) for update in newest),
            unpriced=tuple(pair for pair in pairs or () if not self._priced(pair)),
            session=session_item(session),
        )

    def _priced(self, pair: str) -> bool:
        return pair in self._newest and self.board.get(pair) is not None

    def _resumes(self, after: _Place, follower: Follower) -> bool:
        """Whether the client followed the same pairs of this very process."""
        same = after.epoch == self.epoch and after.fingerprint == follower.fingerprint
        return same and after.number <= self._number

    def _missed(self, number: int, pairs: set[str], told: int) -> int | None:
        """Updates of these pairs after `number` but for those told; None: too long ago."""
        behind = self._number - number
        if behind > len(self._last_pairs):
            return None
        since = (self._last_pairs[-n] for n in range(1, behind + 1))
        return sum(pair in pairs for pair in since) - told


def _parsed(token: str) -> _Place:
    """The place that an id names.

    Raises:
        Refused: `BAD_REQUEST`.
    """
    epoch, _, rest = token.partition(".")
    number, _, fingerprint = rest.partition(".")
    plain = token.isascii() and number.isdigit() and epoch and fingerprint
    if not plain or len(token) > _TOKEN_CHARACTERS_MAX:
        raise Refused("BAD_REQUEST", "That is not the id of a price; leave it out to begin anew.")
    return _Place(epoch, int(number), fingerprint)
