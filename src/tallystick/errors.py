"""The tree of errors.

    TallystickError                 the one root; its docstring is the default message
    +-- Refused                     a request is refused at the door: a code and a sentence
    +-- TemporaryError              try again: nothing was done
    |   +-- HeadMoved               somebody else appended first (ledger)
    |   +-- Overloaded              a bounded queue is full
    |   +-- Crowded                 one client, or one kind of work, asks for too much at once
    |   +-- ShuttingDown            the process is leaving
    +-- PermanentError              trying again will not help
        +-- KeyTaken                an idempotency key was settled before (ledger)
        +-- Corrupt                 stored bytes do not hash to what was signed
        |   +-- Forked              the database is not the one that was signed last
        +-- Misconfigured           the settings cannot work; said at start

Three kinds of no: a *rejection* is a value and an entry in the ledger (`execution.rejections`);
these are operating errors and refusals; a programmer's error is an assertion.
"""
# ruff: noqa: N818  a name says what happened; that it is an error is said by the root


class TallystickError(Exception):
    """Something went wrong in Tallystick."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Refused(TallystickError):
    """The request is refused: it cannot become an order or a query.

    `code` is stable and documented; the message is a sentence that a trader understands.
    `field` names the offending member where there is one, `step` the smallest step of its value
    where it is too fine.
    """

    def __init__(
        self, code: str, message: str, *, field: str | None = None, step: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.step = step


class TemporaryError(TallystickError):
    """This cannot be done right now; nothing was done, try again."""

    retry_after_seconds = 1


class HeadMoved(TemporaryError):
    """Another writer appended to the ledger first."""


class Overloaded(TemporaryError):
    """Too much work is waiting; try again in a moment."""


class Crowded(TemporaryError):
    """As much of this runs at once as may; try again in a moment."""


class ShuttingDown(TemporaryError):
    """Tallystick is shutting down and takes no new work."""


class PermanentError(TallystickError):
    """This cannot be done, and trying again will not help."""


class KeyTaken(PermanentError):
    """An idempotency key is already in the ledger."""


class Corrupt(PermanentError):
    """Stored bytes do not hash to what was signed."""


class Forked(Corrupt):
    """The database is not the one that was signed last; nothing will be signed on it."""


class Misconfigured(PermanentError):
    """The settings cannot work."""
