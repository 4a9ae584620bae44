"""The shelf: which files the log store's folder holds, by name, and what a crash left of them.

    hot-<first>.jsonl                   lines from sequence number <first> on, not sealed yet
    logs-<first>-<end>-<size>.parquet   lines from <first> to before <end>, sealed; <size> bytes
                                        before compression
    *.tmp                               a seal or a merge that was not finished

A rename is what finishes a seal or a merge, so every state between two steps can be read from
the names alone.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tallystick.durable import sync_file, sync_folder
from tallystick.errors import Corrupt

_HOT = re.compile(r"hot-(\d{15})\.jsonl")
_SEALED = re.compile(r"logs-(\d{15})-(\d{15})-(\d+)\.parquet")


@dataclass(frozen=True, order=True)
class SealedFile:
    """A Parquet file with the lines from `first` to before `end`.

    `size` is what the lines measured in their hot segments, in bytes.
    """

    first: int
    end: int
    size: int
    path: Path

    def covers(self, first: int, end: int) -> bool:
        """Whether all of this range is within."""
        return self.first <= first and end <= self.end


def hot_path(folder: Path, first: int) -> Path:
    """Where the hot segment that begins at `first` stands."""
    return folder / f"hot-{first:015}.jsonl"


def sealed_file(folder: Path, first: int, end: int, size: int) -> SealedFile:
    """The sealed file for a range, there or not."""
    name = f"logs-{first:015}-{end:015}-{size}.parquet"
    return SealedFile(first, end, size, folder / name)


def hot_files(folder: Path) -> list[tuple[int, Path]]:
    """First sequence number and path of each hot segment, oldest first."""
    found = [(match, path) for path in folder.iterdir() if (match := _HOT.fullmatch(path.name))]
    return sorted((int(match[1]), path) for match, path in found)


def sealed_files(folder: Path) -> list[SealedFile]:
    """The sealed files, oldest first; unfinished ones and merged leftovers are removed.

    Raises:
        Corrupt: two files claim the same lines.
    """
    for unfinished in folder.glob("*.tmp"):
        unfinished.unlink()
    found = [(match, path) for path in folder.iterdir() if (match := _SEALED.fullmatch(path.name))]
    files = [SealedFile(int(match[1]), int(match[2]), int(match[3]), path) for match, path in found]
    kept: list[SealedFile] = []
    for file in sorted(files, key=lambda file: (file.first, -file.end)):
        if kept and kept[-1].covers(file.first, file.end):
            file.path.unlink()  # it was merged; the crash came before it was removed
        elif kept and file.first < kept[-1].end:
            raise Corrupt(f"{kept[-1].path.name} and {file.path.name} hold the same log lines.")
        else:
            kept.append(file)
    return kept


def publish(unfinished: Path, file: SealedFile) -> None:
    """Give a finished file its name; it is there for good when this returns."""
    sync_file(unfinished)
    unfinished.rename(file.path)
    sync_folder(file.path.parent)
