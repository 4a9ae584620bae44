"""The machine and its disk are measured, not assumed."""

from pathlib import Path

from measure import cpu_seconds, filesystem, machine, probe_disk


def test_the_machine_is_measured(tmp_path: Path) -> None:
    """Disk, file system and CPU come from this machine."""
    assert probe_disk(tmp_path).fdatasync_ms_p50 > 0
    assert filesystem(Path("/proc")) == "proc"
    assert machine(tmp_path).cores >= 1
    assert cpu_seconds(None) == 0
    assert cpu_seconds(1) >= 0
