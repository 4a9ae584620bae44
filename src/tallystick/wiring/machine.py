"""What `/metrics` says of the machine around the product: disks, certificates, backups, the market.

Alarms are made of it (`watch/alarms/shipped`): each number is there only where its setting is.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from tallystick.api.metrics import Gauge
from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.wiring.settings import Settings

Stamp = tuple[int, int]


@dataclass
class Machine:
    """Looks when it is asked; a certificate is read again when its file has changed.

    `folders` are looked at by the names given to them. `certificates` are PEM files (the first
    certificate of each). `backup_mark` is a file that the backup touches when it has succeeded.
    """

    clock: Clock
    folders: Mapping[str, Path]
    certificates: Sequence[Path]
    backup_mark: Path | None
    market_open: Callable[[int], bool]

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        self._ends: dict[Path, tuple[Stamp, float | None]] = {}

    def gauges(self) -> Iterator[Gauge]:
        """Everything that has a value now; what cannot be read has none."""
        now_ns = self.clock.now_ns()
        now = now_ns / NS_PER_SECOND
        explanation = "1 while the foreign-exchange market is open."
        yield Gauge("tallystick_market_open", explanation, self.market_open(now_ns))
        for name, folder in self.folders.items():
            free = _free(folder)
            if free is not None:
                explanation = "Free share of the disk that a folder is on, 0 to 1."
                labels = {"folder": name}
                yield Gauge("tallystick_disk_free_share", explanation, free, labels)
        for path in self.certificates:
            ends = self._end(path)
            if ends is not None:
                explanation = "Until a certificate runs out; negative once it has."
                labels = {"certificate": path.name}
                yield Gauge("tallystick_certificate_left_seconds", explanation, ends - now, labels)
        touched = None if self.backup_mark is None else _touched(self.backup_mark)
        if touched is not None:
            explanation = "Since the newest backup was finished."
            yield Gauge("tallystick_backup_age_seconds", explanation, max(0.0, now - touched))

    def _end(self, path: Path) -> float | None:
        """When it runs out, seconds since the epoch; None: it is not there, or is none."""
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if path not in self._ends or self._ends[path][0] != stamp:
                self._ends[path] = (stamp, _end_of(path.read_bytes()))
        except OSError:
            return None
        return self._ends[path][1]


def machine_of(settings: Settings, clock: Clock, market_open: Callable[[int], bool]) -> Machine:
    """The machine as the settings name its parts."""
    folders = {"data": settings.folder}
    if settings.logs is not None and "://" not in settings.logs:
        folders["logs"] = Path(settings.logs).expanduser()
    certificates = [Path(each).expanduser() for each in (settings.certificates or "").split()]
    mark = None if settings.backup_mark is None else Path(settings.backup_mark).expanduser()
    return Machine(clock, folders, certificates, mark, market_open)


def _end_of(pem: bytes) -> float | None:
    try:
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
    except ValueError:
        return None


def _free(folder: Path) -> float | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free / usage.total if usage.total else None


def _touched(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
