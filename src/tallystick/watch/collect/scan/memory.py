"""What was scanned already: a sealed part with the same hash need not be read again."""

import os
from hashlib import sha256
from pathlib import Path

import msgspec

from tallystick.durable import PRIVATE
from tallystick.watch.collect.redact import FINDERS, RedactionPolicy
from tallystick.watch.collect.scan.report import ScanFinding

MEMORY_BYTES_MAX = 268_435_456
"""Longest file of what was scanned; a longer one is begun anew."""
ENGINE = 1
"""Counted up when a kind finds more than before: what was scanned then is scanned again."""


class Scanned(msgspec.Struct, frozen=True):
    """A part that was looked through to its end, under a policy."""

    sha256: str
    policy: str
    lines: int
    findings: tuple[ScanFinding, ...]


class Memory:
    """A file of JSON lines that only grows; where it is lost, all is scanned again."""

    def __init__(self, path: Path, policy: RedactionPolicy) -> None:
        """Read what is there under the same policy; lines that are torn or strange are left out."""
        self._path = path
        form = msgspec.json.encode((ENGINE, sorted(FINDERS), policy))
        self._policy = sha256(form).hexdigest()
        self._scanned: dict[str, Scanned] = {}
        if not path.exists() or path.stat().st_size > MEMORY_BYTES_MAX:
            path.unlink(missing_ok=True)
            return
        decode = msgspec.json.Decoder(Scanned).decode
        for line in path.read_bytes().split(b"\n"):
            try:
                scanned = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if scanned.policy == self._policy:
                self._scanned[scanned.sha256] = scanned

    def recall(self, digest: str) -> Scanned | None:
        """What was found in the part with this hash, if it was scanned."""
        return self._scanned.get(digest)

    def keep(self, digest: str, lines: int, findings: tuple[ScanFinding, ...]) -> None:
        """Remember a part that was scanned to its end."""
        scanned = Scanned(digest, self._policy, lines, findings)
        self._scanned[digest] = scanned
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        try:  # a line feed first: a line that a crash tore stays alone
            os.write(descriptor, b"\n" + msgspec.json.encode(scanned) + b"\n")
        finally:
            os.close(descriptor)
