"""Who is asking, and what they may do."""

from typing import Literal

import msgspec

from tallystick.errors import Refused

Scope = Literal["trade", "read", "operate", "audit", "ingest", "unmask", "bypass"]
"""`trade`: place and cancel the account's orders. `read`: see the account's orders and trades.
`operate`: see logs, anomalies and alerts of all, silence alerts, use the kill switch.
`audit`: read the entries of all accounts in the ledger, and nothing else.
`ingest`: send log lines (Splunk HEC, OTLP, JSON lines), and nothing else.
`unmask`: read the originals of what was redacted from log lines; each reading is an entry of the
ledger. `bypass`: shorten or delete what is locked in governance mode; each use is an entry too."""


class Principal(msgspec.Struct, frozen=True):
    """Somebody who showed a valid token: the account it belongs to and its scopes."""

    name: str
    account: str
    scopes: frozenset[Scope]
    indexes: frozenset[str] | None = None
    """The only indexes of log lines that it may write to and read from; None: any."""
    key: str = ""
    """Id of the token that was shown; no secret."""

    def require(self, scope: Scope) -> None:
        """Go on only with this scope.

        Raises:
            Refused: `FORBIDDEN`.
        """
        if scope not in self.scopes:
            raise Refused("FORBIDDEN", f"This token may not {scope}.")

    def require_any(self, *scopes: Scope) -> None:
        """Go on only with one of these scopes.

        Raises:
            Refused: `FORBIDDEN`.
        """
        if self.scopes.isdisjoint(scopes):
            raise Refused("FORBIDDEN", f"This token may not {' or '.join(scopes)}.")

    def require_account(self, account: str) -> None:
        """Go on only for the token's own account, or with the scope `operate`.

        Raises:
            Refused: `FORBIDDEN`.
        """
        if account != self.account and "operate" not in self.scopes:
            raise Refused("FORBIDDEN", f"This token belongs to another account than {account!r}.")

    def require_index(self, index: str) -> None:
        """Go on only with log lines of an index that the token may write to and read from.

        Raises:
            Refused: `FORBIDDEN`.
        """
        if self.indexes is not None and index not in self.indexes:
            raise Refused("FORBIDDEN", f"This token may not use the index {index!r}.")
