"""Originals: read again from the line they were taken out of, and from no other."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt, Misconfigured, Refused, TallystickError
from tallystick.watch.collect.redact import (
    SEALED_FIELD,
    Originals,
    RedactionPolicy,
    Redactor,
    is_sealed,
)

LINE = {
    "timestamp": "2026-11-22T04:08:16.123456Z",
    "event_name": "payments.card_refused",
    "body": "card 4111 1111 1111 1111 of jane@example.com, password=hunter2",
    "n": 5555555555554444,
    "a/b": [{"~": "DE89370400440532013000"}],
    "token": "swordfish",
}
ORIGINALS = {
    "/body": "card 4111 1111 1111 1111 of jane@example.com, password=[PASSWORD]",
    "/n": 5555555555554444,
    "/a~1b/0/~0": "DE89370400440532013000",
}


def sealed(redactor: Redactor, line: object = LINE) -> bytes:
    """The line, redacted."""
    [redacted] = redactor.redact([msgspec.json.encode(line)])
    assert is_sealed(redacted)
    return redacted


def changed(line: bytes, **members: object) -> bytes:
    """The line with other values for some members."""
    return msgspec.json.encode(msgspec.json.decode(line) | members)


def test_there_and_back(redactor: Redactor, originals: Originals) -> None:
    """Each value by its pointer, credentials left out; nothing of them is readable in the line."""
    line = sealed(redactor)

    assert originals.open(line) == ORIGINALS
    for secret in (b"4111 1111", b"jane@", b"5555555555554444", b"hunter2", b"swordfish"):
        assert secret not in line
    assert msgspec.json.decode(line)["redactions"] == {
        "EMAIL": 1, "IBAN": 1, "PAN": 2, "PASSWORD": 1, "SECRET": 1,
    }  # fmt: skip


def test_names_too(redactor: Redactor, originals: Originals) -> None:
    """What a member was called stands at its pointer with `#`."""
    line = sealed(redactor, {"jane@example.com": {"x": 1}})
    [(pointer, name)] = originals.open(line).items()
    assert (pointer[:7], pointer[-1], name) == ("/email:", "#", "jane@example.com")


def test_the_store_may_add_and_reorder(redactor: Redactor, originals: Originals) -> None:
    """A line is known by time and event, however it is kept."""
    members = msgspec.json.decode(sealed(redactor))
    turned = dict(reversed(members.items())) | {
        "log.seq": 7,
        "timestamp": "2026-11-22T05:08:16.123456+01:00",
    }
    assert originals.open(msgspec.json.encode(turned)) == ORIGINALS


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-11-22T04:08:16.123457Z"},
        {"timestamp": None},
        {"event_name": "payments.card_taken"},
    ],
)
def test_another_line_opens_nothing(
    redactor: Redactor, originals: Originals, change: dict[str, object]
) -> None:
    """The seal of one line, put into another, is refused."""
    with pytest.raises(Corrupt):
        originals.open(changed(sealed(redactor), **change))


def test_every_changed_character_is_seen(redactor: Redactor, originals: Originals) -> None:
    """A seal of which anything was changed, or cut off, is refused."""
    line = sealed(redactor)
    seal = msgspec.json.decode(line)[SEALED_FIELD]
    for place in range(0, len(seal), 7):
        other = "A" if seal[place] != "A" else "B"
        for wrong in (seal[:place] + other + seal[place + 1 :], seal[:place]):
            with pytest.raises(TallystickError):
                originals.open(changed(line, **{SEALED_FIELD: wrong}))


def test_another_key_opens_nothing(redactor: Redactor, tmp_path: Path) -> None:
    """Neither one that sealed nothing that month, nor one that sealed other lines."""
    line = sealed(redactor)
    other = Originals(tmp_path / "other", ManualClock())
    for _ in range(2):
        with pytest.raises(Corrupt):
            other.open(line)
        sealed(Redactor(originals=other))
    other.close()


def test_what_was_not_sealed(originals: Originals) -> None:
    """Says so."""
    for line in (b"{}", b'{"log.sealed":7}', b'{"log.sealed":""}', b"no line"):
        with pytest.raises(Refused, match="Nothing that was taken out"):
            originals.open(line)


def test_two_seals_in_one_line(originals: Originals) -> None:
    """A line that was redacted again under another policy keeps what was sealed before."""
    first = sealed(Redactor(RedactionPolicy(off=("EMAIL",)), originals))
    second = sealed(Redactor(originals=originals), msgspec.json.decode(first))

    opened = originals.open(second)

    assert opened["/n"] == LINE["n"]
    assert "jane@example.com" in str(opened["/body"])
    assert len(msgspec.json.decode(second)[SEALED_FIELD].split()) == 2


def test_a_month_can_be_destroyed(tmp_path: Path) -> None:
    """For ever, and only that month; later lines of it are redacted without seal, and counted."""
    clock = ManualClock()
    originals = Originals(tmp_path, clock)
    redactor = Redactor(originals=originals)
    old = sealed(redactor)
    month = msgspec.json.decode(old)[SEALED_FIELD].split(".")[1]
    clock.advance(40 * 24 * 3_600)
    new = sealed(redactor)

    originals.destroy(month)

    with pytest.raises(Refused, match="destroyed for ever") as refused:
        originals.open(old)
    assert refused.value.code == "ORIGINALS_DESTROYED"
    assert originals.open(new) == ORIGINALS
    originals.destroy(msgspec.json.decode(new)[SEALED_FIELD].split(".")[1])
    [unsealed] = redactor.redact([msgspec.json.encode(LINE)])
    assert not is_sealed(unsealed)
    assert b"jane@" not in unsealed
    assert redactor.unsealed == 1
    originals.close()


def test_a_line_without_room_is_not_sealed(redactor: Redactor) -> None:
    """What is taken out of a line that is full cannot be kept in it."""
    [line] = redactor.redact([b'{"body":"jane@example.com ' + b"x" * 65_500 + b'"}'])
    assert not is_sealed(line)
    assert b'"redactions":{"EMAIL":1}' in line


def test_keys_that_do_not_belong(tmp_path: Path) -> None:
    """A damaged or missing key is told at start, not when somebody needs it."""
    Originals(tmp_path, ManualClock()).close()
    file = tmp_path / "pseudonyms.sealed"
    assert file.stat().st_mode & 0o077 == 0
    damage: list[Callable[[], object]] = [
        lambda: file.write_text("no base64!"),
        lambda: file.write_text("AAAA" * 15),
        (tmp_path / "subjects.key").unlink,
    ]
    for break_it in damage:
        break_it()
        with pytest.raises((Corrupt, Misconfigured)):
            Originals(tmp_path, ManualClock())
