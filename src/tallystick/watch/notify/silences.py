"""Silences in the store: kept under an id, ended early or by themselves."""

import msgspec

from tallystick.errors import Refused
from tallystick.sqlite_file import SqliteFile
from tallystick.watch.notify.policy import Silence

SILENCES_MAX = 1_000
"""Most silences that have not ended."""

_decode = msgspec.json.Decoder(Silence).decode
_encode = msgspec.json.Encoder().encode


class Silences:
    """Of one file; each method is called inside its `reading` or `writing`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, silence: Silence, now_ns: int) -> Silence:
        """Keep it under a new id, which the answer carries; one of the same key is given back.

        Raises:
            Refused: `SILENCES_TOO_MANY`.
        """
        known = self.known(silence.key)
        if known is not None:
            return known
        self._file.run("forget_old_silences", now_ns=now_ns, kept=SILENCES_MAX)
        count = self._file.one("count_open_silences", now_ns=now_ns)
        if count and count[0] >= SILENCES_MAX:
            raise Refused("SILENCES_TOO_MANY", f"There are {SILENCES_MAX} silences already.")
        row = self._file.one(
            "insert_silence",
            starts_at_ns=silence.starts_at_ns,
            ends_at_ns=silence.ends_at_ns,
            silence=_encode(silence),
        )
        assert row is not None  # noqa: S101  INSERT ... RETURNING gives a row
        return msgspec.structs.replace(silence, id=f"S-{row[0]}")

    def known(self, key: str) -> Silence | None:
        """What was made under this key, ended or not: the last thousand are remembered."""
        row = self._file.one("known_silence", key=key) if key else None
        if row is None:
            return None
        return msgspec.structs.replace(_decode(row[1]), id=f"S-{row[0]}")

    def end(self, silence_id: str, now_ns: int) -> bool:
        """It ends now; False where there is no such silence, or it has ended."""
        number = silence_id.removeprefix("S-")
        if not (number.isascii() and number.isdigit() and len(number) < 16):
            return False
        return self._file.one("end_silence", number=int(number), now_ns=now_ns) is not None

    def unended(self, now_ns: int) -> list[Silence]:
        """Those in force or to come, the oldest first."""
        return self._listed("open_silences", now_ns)

    def active(self, now_ns: int) -> list[Silence]:
        """Those in force."""
        return self._listed("active_silences", now_ns)

    def _listed(self, query: str, now_ns: int) -> list[Silence]:
        return [
            msgspec.structs.replace(_decode(silence), id=f"S-{number}")
            for number, silence in self._file.run(query, now_ns=now_ns)
        ]
