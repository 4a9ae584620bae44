"""The verification: every byte is hashed again, and what does not hold is named."""

import asyncio
from pathlib import Path
from typing import Any

from tallystick.watch.collect.archive.shelf import name_of
from tallystick.watch.collect.archive.vault import Ref


def test_a_whole_archive_is_clean(kit: Any) -> None:
    """Parts and bytes are counted; the outcome is kept for the next process."""
    parts = [kit.store.add(str(n)) for n in range(3)]
    kit.archive.round()

    seen = kit.archive.verify()
    assert (seen.verdict, seen.parts, seen.checked) == ("clean", 3, 3)
    assert seen.bytes_hashed == sum(part.size for part in parts)
    assert seen.problems == ()
    kit.reopen()
    assert kit.archive.verification() == seen


def test_damage_is_named(kit: Any) -> None:
    """A changed byte and a missing object are two problems, each with its part."""
    changed, missing, _ = parts = [kit.store.add(str(n)) for n in range(3)]
    kit.archive.round()
    objects = Path(kit.vault.address) / "objects"
    path = objects / name_of(changed)
    path.chmod(0o600)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    (objects / name_of(missing)).unlink()

    seen = kit.archive.verify()
    assert (seen.verdict, seen.checked, seen.problems_total) == ("tampered", len(parts), 2)
    assert [problem.part for problem in seen.problems] == [changed.path, missing.path]


def test_a_lock_that_is_looser_than_it_should_be_is_named(kit: Any) -> None:
    """Who shortened a lock behind our back is found."""
    part = kit.store.add("1")
    kit.archive.round()
    lock = kit.store.now(part).lock
    name = name_of(part)
    sooner = lock.until_ns - 1_000_000_000
    kit.vault.lock(Ref(name), type(lock)("governance", sooner), bypass=True)

    seen = kit.archive.verify()
    assert seen.verdict == "tampered"
    assert "and should be locked in governance mode" in seen.problems[0].problem


def test_cold_parts_are_counted_not_read(cold_kit: Any) -> None:
    """They are there and locked; more is said once they are restored."""
    cold_kit.store.add("1")
    cold_kit.archive.round()

    seen = cold_kit.archive.verify()
    assert (seen.verdict, seen.cold, seen.bytes_hashed) == ("clean", 1, 0)


def test_it_runs_in_the_background_once(kit: Any) -> None:
    """Asked twice, it runs once; the archive waits for it when it closes."""
    kit.store.add("1")
    kit.archive.round()

    async def run() -> Any:
        first = kit.archive.begin_verification()
        assert first.verdict is None
        assert kit.archive.begin_verification().started_at == first.started_at
        await kit.archive.wait()
        return kit.archive.verification()

    assert asyncio.run(run()).verdict == "clean"
