"""Tessera's POSIX log as a process: `peers/tessera`, built where there is a Go toolchain.

Its writes are synced before an index is given (storage/posix/file_ops.go syncs each file and its
folder), so both sides are durable when they answer.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ledger_figures import PeerFigures
from tallystick.ledger import Sealable

HERE = Path(__file__).resolve().parent / "peers"
BUILD_SECONDS_MAX = 900
"""A first build fetches and compiles everything; later ones take a second."""
RUN_SECONDS_MAX = 360
_VERSION = re.compile(r"transparency-dev/tessera (v\S+)")


class PeerError(Exception):
    """The peer could not be built or did not end well; the message has its last words."""


class Tessera(msgspec.Struct, frozen=True):
    """A built peer and how it is run.

    So many adders wait for an index at once, so that its batches are full. It publishes as often
    as it may.
    """

    program: Path
    adders: int = 1_024
    batch_size: int = 1_024
    batch_age_ms: int = 100
    checkpoint_ms: int = 100

    @property
    def version(self) -> str:
        """The version of Tessera that go.mod pins."""
        found = _VERSION.search((HERE / "go.mod").read_text())
        return found[1] if found else "unknown"

    def run(self, folder: Path, entries: Sequence[Sealable], antispam: bool) -> PeerFigures:
        """Append these to a new log in this folder.

        Raises:
            PeerError: it did not end well.
        """
        payload = folder / "entries"
        payload.write_bytes(
            b"".join(len(each.entry).to_bytes(4, "big") + each.entry for each in entries)
        )
        log = folder / "peer"
        log.mkdir()
        command = [
            str(self.program), f"-dir={log}", f"-entries={payload}", f"-adders={self.adders}",
            f"-batch-size={self.batch_size}", f"-batch-age={self.batch_age_ms}ms",
            f"-checkpoint-interval={self.checkpoint_ms}ms", f"-antispam={str(antispam).lower()}",
        ]  # fmt: skip
        done = _run(command, RUN_SECONDS_MAX)
        return msgspec.json.decode(done.stdout, type=PeerFigures)


def build(folder: Path) -> Tessera | None:
    """The peer built into this folder; None where there is no Go.

    Raises:
        PeerError: its modules cannot be fetched, or it does not compile.
    """
    go = shutil.which("go")
    if go is None:
        return None
    program = folder / "tessera"
    command = [go, "build", "-mod=readonly", "-buildvcs=false", "-o", str(program), "./tessera"]
    _run(command, BUILD_SECONDS_MAX, HERE)
    return Tessera(program)


def _run(command: list[str], seconds_max: float, cwd: Path | None = None) -> "_Done":
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, timeout=seconds_max, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"{command[0]} took longer than {seconds_max:.0f} s.") from error
    if done.returncode:
        raise PeerError(f"{command[0]} failed: {done.stderr.decode()[-2_000:]}")
    return done


_Done = subprocess.CompletedProcess[bytes]
