"""`tallystick export` over HTTP: pages of entries and their proofs, written by `ledger.export`."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
from rich.console import Console

from tallystick.api.history import EntryItem, EntryList, RangeAnswer
from tallystick.api.problems import Problem
from tallystick.errors import Misconfigured, Refused, TemporaryError
from tallystick.ledger.checkpoint import parse_checkpoint
from tallystick.ledger.export import Form, Line, Manifest, Plan, line_of, write_export
from tallystick.ledger.ranges import RangeProof
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.wiring.progress import bar_on

TIMEOUT_SECONDS = 30.0
FILTERS = ("account", "pair", "kind")
"""What makes an export leave out entries of its range; times and positions do not."""
RANGE = ("from", "to", "since", "until")
PROVED_ITEMS = 250
"""Entries in a page when each comes with its proof."""
_T = TypeVar("_T")


class HttpSource:
    """A running Tallystick."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(
            base_url=url.rstrip("/"), headers=headers, timeout=TIMEOUT_SECONDS
        )

    def plan(self, asked: dict[str, str]) -> Plan:
        """Settle the range on the newest published checkpoint, which witnesses may have signed."""
        note = self._checkpoint(int(asked.get("to", 0)))
        head = parse_checkpoint(note)
        if int(asked.get("to", 0)) > head.size:
            sentence = f"The ledger has {head.size} entries, fewer than {asked['to']}."
            raise Refused("BAD_RANGE", sentence, field="to")
        within = {name: asked[name] for name in RANGE if name in asked}
        within = {"to": str(head.size), **within, "limit": "1"}
        page = self._get("/v1/ledger/entries", within, EntryList)
        return Plan(
            asked=asked,
            origin=head.origin,
            vkeys=self._text("/v1/ledger/vkey").split(),
            checkpoint=note,
            size=head.size,
            from_=page.from_,
            to=page.to,
            filter={name: asked[name] for name in FILTERS if name in asked},
        )

    def lines(self, plan: Plan, start: int) -> Iterator[tuple[int, Sequence[Line]]]:
        """Page after page; each entry with its proof where the export is filtered."""
        query = {"to": str(plan.to), **plan.filter, "limit": str(PAGE_ITEMS_MAX)}
        if not plan.complete:
            query |= {"size": str(plan.size), "limit": str(PROVED_ITEMS)}
        cursor: int | None = start
        while cursor is not None and cursor < plan.to:
            asked = {**query, "from": str(cursor)}
            page = self._get("/v1/ledger/entries", asked, EntryList)
            cursor = page.next_cursor
            yield plan.to if cursor is None else cursor, [_line(item) for item in page.entries]

    def proof(self, plan: Plan) -> RangeProof:
        """The subtrees left and right of the range."""
        query = {"from": str(plan.from_), "to": str(plan.to), "size": str(plan.size)}
        found = self._get("/v1/ledger/proof/range", query, RangeAnswer)
        return RangeProof(found.left, found.right)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _checkpoint(self, size: int) -> str:
        """The published checkpoint where it covers `size` entries, else the newest."""
        try:
            note = self._text("/ledger/checkpoint")
        except Refused:  # nothing is published yet, or this token may not read it
            return self._text("/v1/ledger/checkpoint")
        if parse_checkpoint(note).size >= size:
            return note
        return self._text("/v1/ledger/checkpoint")

    def _text(self, path: str) -> str:
        return self._fetch(path, {}).decode()

    def _get(self, path: str, query: dict[str, str], kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(self._fetch(path, query), type=kind)
        except msgspec.DecodeError as error:
            raise Misconfigured(f"{path} is not what a Tallystick answers: {error}.") from error

    def _fetch(self, path: str, query: dict[str, str]) -> bytes:
        try:
            response = self._client.get(path, params=query)
        except httpx.HTTPError as error:
            sentence = f"{self._client.base_url} cannot be reached: {error}; run it again to go on."
            raise TemporaryError(sentence) from error
        if response.is_success:
            return response.content
        try:
            problem = msgspec.json.decode(response.content, type=Problem)
        except msgspec.DecodeError:
            raise Refused("NOT_FOUND", f"{path}: HTTP {response.status_code}.") from None
        raise Refused(problem.code, problem.detail)


def run_export(
    folder: Path, form: Form, asked: dict[str, str], *, url: str, token: str | None, quiet: bool
) -> Manifest:
    """Export over HTTP, with a progress bar unless `quiet`."""
    console = Console(stderr=True, quiet=quiet)
    with closing(HttpSource(url, token)) as source, bar_on(console, "exporting") as advance:
        return write_export(folder, form, asked, source, progress=advance)


def _line(item: EntryItem) -> Line:
    """An entry of the API as a line: made from its bytes, whatever was said beside them."""
    entry = (item.entry_base64 or b"") if item.entry is None else item.entry.encode()
    return line_of(item.position, entry, item.inclusion or ())
