"""Where each forwarder goes on: one small file, replaced whole."""

import threading
from pathlib import Path

import msgspec

from tallystick.durable import replace_file
from tallystick.errors import Corrupt


class Cursors:
    """Positions by name, in one JSON file; any thread."""

    def __init__(self, path: Path) -> None:
        """Read what is there.

        Raises:
            Corrupt: somebody damaged the file.
        """
        self._path = path
        self._keeping = threading.Lock()
        self._positions: dict[str, int] = {}
        if path.exists():
            try:
                self._positions = msgspec.json.decode(path.read_bytes(), type=dict[str, int])
            except msgspec.DecodeError as error:
                raise Corrupt(f"{path.name} cannot be read as cursors: {error}.") from error

    def position(self, name: str, *, otherwise: int) -> int:
        """Where it goes on; a new one is kept at `otherwise` first."""
        if name not in self._positions:
            self.keep(name, otherwise)
        return self._positions[name]

    def keep(self, name: str, position: int) -> None:
        """It goes on here; durable on return."""
        with self._keeping:
            if self._positions.get(name) != position:
                self._positions[name] = position
                replace_file(self._path, msgspec.json.encode(self._positions))
