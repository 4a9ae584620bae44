"""Whose margin may have changed: what the book changed or took back since somebody looked last."""


class Touched:
    """Accounts with a margin profile that were changed; takes part in the book's undo.

    The book puts a name in as it puts a value into any mapping; taking that back is a change too.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def get(self, _name: str, default: object = None) -> object:
        """The default: what a name held before is no matter."""
        return default

    def __setitem__(self, name: str, _value: object) -> None:
        self._names[name] = None

    def __delitem__(self, name: str) -> None:
        self._names[name] = None

    def take(self) -> list[str]:
        """The names since the last call, the first touched first."""
        names = list(self._names)
        self._names.clear()
        return names
