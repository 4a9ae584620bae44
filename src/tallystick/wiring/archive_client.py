"""What `tallystick archive` asks a running server; answers are those of the API, typed."""

from typing import TypeVar

from tallystick.api.archive import HoldList, PartList, RestoreList
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.watch.collect.archive import ArchiveStatus, Done, Hold, Restore, Verification
from tallystick.wiring.server_client import ServerClient

ANSWER_SECONDS_MAX = 300.0
"""Longest wait for an answer: a deed about a thousand parts asks the vault about each."""
T = TypeVar("T")
Range = dict[str, str]
"""`index`, `earliest` and `latest`, those that were given."""


class ArchiveClient:
    """One server's archive; errors are those of `ServerClient`."""

    def __init__(self, url: str, token: str) -> None:
        self._server = ServerClient(url, token, seconds_max=ANSWER_SECONDS_MAX)

    def status(self) -> ArchiveStatus:
        """How the archive is."""
        return self._ask("GET", "", ArchiveStatus)

    def parts(self, within: Range) -> PartList:
        """Every archived part of a range, page after page."""
        found, after = [], None
        while True:
            query = within | {"limit": str(PAGE_ITEMS_MAX)}
            query |= {"after": after} if after else {}
            page = self._ask("GET", "/parts", PartList, query=query)
            found += page.parts
            after = page.next_after
            if after is None:
                return PartList(found, None)

    def restore(self, within: Range, tier: str, days: int, reason: str) -> Restore:
        """Ask for a restore."""
        body = within | {"tier": tier, "days": days, "reason": reason}
        return self._ask("POST", "/restores", Restore, body=body)

    def find_restore(self, number: str) -> Restore:
        """One restore."""
        return self._ask("GET", f"/restores/{number}", Restore)

    def restores(self) -> RestoreList:
        """All of them."""
        return self._ask("GET", "/restores", RestoreList)

    def hold(self, within: Range, reason: str) -> Hold:
        """Set a legal hold."""
        return self._ask("POST", "/holds", Hold, body=within | {"reason": reason})

    def holds(self) -> HoldList:
        """All of them."""
        return self._ask("GET", "/holds", HoldList)

    def release(self, number: str, reason: str) -> Hold:
        """End a legal hold."""
        return self._ask("POST", f"/holds/{number}/release", Hold, body={"reason": reason})

    def retain(self, within: Range, mode: str, until: str, reason: str, *, bypass: bool) -> Done:
        """Lock parts until another date."""
        body = within | {"mode": mode, "until": until, "bypass": bypass, "reason": reason}
        return self._ask("POST", "/retention", Done, body=body)

    def delete(self, within: Range, reason: str, *, bypass: bool) -> Done:
        """Delete parts for good."""
        body = within | {"bypass": bypass, "reason": reason}
        return self._ask("POST", "/deletions", Done, body=body)

    def begin_verification(self) -> Verification:
        """Begin to verify."""
        return self._ask("POST", "/verification", Verification)

    def verification(self) -> Verification:
        """How far it is."""
        return self._ask("GET", "/verification", Verification)

    def close(self) -> None:
        """Let go of connections."""
        self._server.close()

    def _ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        query: Range | None = None,
        body: object = None,
    ) -> T:
        return self._server.ask(method, f"/v1/archive{path}", kind, query=query, body=body)
