"""The book of overrides: durable, bounded, and honest about the past."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tallystick.errors import Corrupt, Refused
from tallystick.watch.notify.oncall import overrides as module
from tallystick.watch.notify.oncall.overrides import (
    OVERRIDE_DAYS_MAX,
    OVERRIDE_REASON_CHARACTERS_MAX,
    NewOverride,
    OverrideBook,
    Revision,
)

DAY = 86_400 * 10**9
NOW = 20_000 * DAY
NEW = NewOverride("desk", "ann", NOW + DAY, NOW + 2 * DAY, "bob", "holiday")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[OverrideBook]:
    """An empty one."""
    book = OverrideBook(tmp_path / "on-call.db")
    yield book
    book.close()


def test_an_override_is_there_after_a_restart(book: OverrideBook, tmp_path: Path) -> None:
    """With everything that was said, under an id that counts up."""
    made = book.add(NEW, NOW)
    assert (made.id, made.person, made.made_ns, made.reason) == ("V-1", "ann", NOW, "holiday")
    book.close()
    again = OverrideBook(tmp_path / "on-call.db")
    assert again.overrides() == (made,)
    assert again.add(NEW, NOW).id == "V-2"
    again.close()


def test_the_same_key_is_the_same_override(book: OverrideBook) -> None:
    """Whoever asks again gets what was made, also when it has been ended since; once."""
    keyed = msgspec.structs.replace(NEW, key="k1")
    made = book.add(keyed, NOW)
    assert book.add(keyed, NOW + DAY // 2) == made
    assert book.end("V-1", NOW + DAY + 5)
    assert book.add(keyed, NOW + 9 * DAY) == msgspec.structs.replace(made, ends_ns=NOW + DAY + 5)
    with pytest.raises(Refused) as refused:
        book.add(msgspec.structs.replace(keyed, person="cai"), NOW)
    assert refused.value.code == "IDEMPOTENCY_CONFLICT"
    assert len(book.overrides()) == 1


def test_what_was_is_not_changed_afterwards(book: OverrideBook) -> None:
    """One that would begin in the past begins when it is made."""
    made = book.add(msgspec.structs.replace(NEW, starts_ns=NOW - DAY), NOW)
    assert (made.starts_ns, made.ends_ns) == (NOW, NOW + 2 * DAY)
    assert book.overrides() == (made,)


def test_one_that_has_begun_is_ended_and_stays(book: OverrideBook) -> None:
    """It ends now; what ends twice, or is not there, says so."""
    book.add(NEW, NOW)
    assert book.end("V-1", NOW + DAY + 7)
    assert [(each.starts_ns, each.ends_ns) for each in book.overrides()] == [
        (NOW + DAY, NOW + DAY + 7)
    ]
    for number in ("V-1", "V-2", "V-", "V-x", "1x", "V-" + "9" * 30, "V-²"):
        assert not book.end(number, NOW + DAY + 8)


def test_one_that_has_not_begun_never_begins(book: OverrideBook) -> None:
    """It ends before its beginning: a span of nothing."""
    book.add(NEW, NOW)
    assert book.end("V-1", NOW + 5)
    (ended,) = book.overrides()
    assert ended.ends_ns < ended.starts_ns
    assert not book.end("V-1", NOW + 6)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("ON_CALL_PERIOD", {"ends_ns": NEW.starts_ns}),
        ("ON_CALL_PERIOD", {"ends_ns": NEW.starts_ns + OVERRIDE_DAYS_MAX * DAY + 1}),
        ("ON_CALL_PERIOD", {"starts_ns": -1, "ends_ns": 5}),
        ("ON_CALL_PERIOD", {"starts_ns": 2**63 - 5, "ends_ns": 2**63}),
        ("ON_CALL_PERIOD", {"starts_ns": NOW - DAY, "ends_ns": NOW}),
        ("ON_CALL_UNEXPLAINED", {"by": " "}),
        ("ON_CALL_UNEXPLAINED", {"reason": "x" * (OVERRIDE_REASON_CHARACTERS_MAX + 1)}),
    ],
    ids=range(7),
)
def test_what_cannot_be_is_refused(
    book: OverrideBook, code: str, changed: dict[str, object]
) -> None:
    """Times that cannot be, and nobody who made it."""
    with pytest.raises(Refused) as refused:
        book.add(msgspec.structs.replace(NEW, **changed), NOW)
    assert refused.value.code == code
    assert book.overrides() == ()


def test_there_is_a_limit(book: OverrideBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that have ended do not count, and are forgotten in the order in which they ended."""
    monkeypatch.setattr(module, "OVERRIDES_MAX", 2)
    monkeypatch.setattr(module, "OVERRIDES_ENDED_KEPT_MAX", 1)
    book.add(NEW, NOW)
    book.add(NEW, NOW)
    with pytest.raises(Refused) as refused:
        book.add(NEW, NOW)
    assert refused.value.code == "ON_CALL_OVERRIDES_TOO_MANY"
    book.end("V-2", NOW + 10)
    book.end("V-1", NOW + 20)
    book.add(NEW, NOW + 30)
    assert [each.id for each in book.overrides()] == ["V-1", "V-3"]


def test_every_change_raises_the_revision(book: OverrideBook) -> None:
    """A new definition, an override and its end; the same definition again does not."""
    assert book.revision("desk") == Revision(0, 0)
    book.revise("desk", "one", NOW)
    book.revise("desk", "one", NOW + 1)
    assert book.revision("desk") == Revision(0, NOW)
    book.revise("desk", "two", NOW + 2)
    assert book.revision("desk") == Revision(1, NOW + 2)
    book.add(NEW, NOW + 3)
    book.end("V-1", NOW + 4)
    book.end("V-1", NOW + 5)
    assert book.revision("desk") == Revision(3, NOW + 4)
    assert book.revision("night") == Revision(0, 0)


def test_a_damaged_file_is_not_used(tmp_path: Path) -> None:
    """It says so instead of forgetting who is on call."""
    (tmp_path / "on-call.db").write_bytes(b"no database" * 100)
    with pytest.raises(Corrupt, match="overrides"):
        OverrideBook(tmp_path / "on-call.db")
