"""What the machine is, what its disk costs, and how much CPU a process has used."""

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

PROBE_WRITES = 300
"""Writes timed for one probe of the disk."""
PROBE_BYTES = 4_096
"""One page a write, as a commit of one order writes."""
PROBE_PAGES = 64
VOLATILE = frozenset({"tmpfs", "ramfs", "devtmpfs"})
"""File systems that forget everything with the power."""


class Disk(msgspec.Struct, frozen=True):
    """Writing 4 KiB in place and waiting for `fdatasync`, milliseconds."""

    fdatasync_ms_p50: float
    fdatasync_ms_p99: float


class Machine(msgspec.Struct, frozen=True):
    """Where the figures come from."""

    cpu: str
    cores: int
    system: str
    python: str
    filesystem: str


def machine(folder: Path) -> Machine:
    """This machine, and the file system that `folder` is on."""
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        filesystem=filesystem(folder),
    )


def filesystem(folder: Path) -> str:
    """The type of the file system that `folder` is on, as the kernel names it: ext4."""
    path, best, kind = folder.resolve(), -1, "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mounted, type_, *_ = line.split(" ")
        point = Path(mounted.replace("\\040", " "))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), type_
    return kind


def probe_disk(folder: Path) -> Disk:
    """How long `fdatasync` takes on a file in `folder`."""
    page, took = os.urandom(PROBE_BYTES), []
    with tempfile.TemporaryFile(dir=folder) as file:
        descriptor = file.fileno()
        os.pwrite(descriptor, page * PROBE_PAGES, 0)
        os.fsync(descriptor)
        for number in range(PROBE_WRITES):
            start = time.perf_counter()
            os.pwrite(descriptor, page, number % PROBE_PAGES * PROBE_BYTES)
            os.fdatasync(descriptor)
            took.append((time.perf_counter() - start) * 1e3)
    took.sort()
    return Disk(
        fdatasync_ms_p50=round(statistics.median(took), 3),
        fdatasync_ms_p99=round(took[int(len(took) * 0.99)], 3),
    )


def cpu_seconds(pid: int | None) -> float:
    """User and system time of a process, its threads and its descendants, living or ended.

    0 for None, a process that is not ours to see. See proc_pid_stat(5), fields 14 to 17; the
    kernel counts in ticks of usually 10 ms.
    """
    if pid is None:
        return 0.0
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        process = int(path.parent.name)
        children.setdefault(int(fields[1]), []).append(process)
        ticks[process] = sum(map(int, fields[11:15]))
    family, found = [pid], 0
    while found < len(family):
        family += children.get(family[found], ())
        found += 1
    return sum(ticks.get(process, 0) for process in family) / os.sysconf("SC_CLK_TCK")


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
