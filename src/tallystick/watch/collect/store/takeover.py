"""Taking over a folder of the release before: Parquet files whose names were the manifest."""
# ruff: noqa: S608  the fragments are our own; what people search for is bound

import re
from dataclasses import dataclass
from pathlib import Path

from tallystick.errors import Corrupt
from tallystick.watch.collect.store.spelling import literal, time_of

_SEALED = re.compile(r"logs-(\d{15})-(\d{15})-(\d+)\.parquet")


@dataclass(frozen=True)
class OldFile:
    """A Parquet file with the lines from `first` to before `end`, whole, in a column `raw`."""

    path: Path
    first: int
    end: int

    @property
    def rows(self) -> str:
        """SQL that gives its lines as `Sealer.seal_rows` takes them."""
        time = time_of("json_extract_string(raw, '/timestamp')", "make_timestamp_ns(0)")
        return f"SELECT seq, raw, {time} AS known FROM read_parquet({literal(str(self.path))})"


def old_files(folder: Path, sealed_to: int) -> list[OldFile]:
    """The files that are still to be taken over, oldest first; what is taken over is removed.

    Raises:
        Corrupt: two files claim the same lines.
    """
    for unfinished in folder.glob("logs-*.tmp"):
        unfinished.unlink()
    found = [(match, path) for path in folder.iterdir() if (match := _SEALED.fullmatch(path.name))]
    files = [OldFile(path, int(match[1]), int(match[2])) for match, path in found]
    kept: list[OldFile] = []
    for file in sorted(files, key=lambda file: (file.first, -file.end)):
        done = max([sealed_to, *(other.end for other in kept)])
        if file.end <= done:
            file.path.unlink()  # taken over, or merged by the old release, before a crash
        elif kept and file.first < done:
            raise Corrupt(f"{kept[-1].path.name} and {file.path.name} hold the same log lines.")
        else:
            kept.append(file)
    return kept
