"""What every vault promises (ledger/personal/vault.py), held to each of them."""

from collections.abc import Callable, Iterator

import pytest

from tallystick.ledger.personal import Vault
from tallystick.ledger.personal.vault import ErasedAt, Held, RecordedAt, SealedField, Step

A, B, C = (bytes([n]) * 32 for n in (1, 2, 3))
NOW = 1_700_000_000_000_000_000


@pytest.fixture
def vault(make_vault: Callable[[], Vault]) -> Iterator[Vault]:
    """An empty vault."""
    vault = make_vault()
    yield vault
    vault.close()


def fields(*commitments: bytes) -> list[SealedField]:
    """Sealed fields whose bytes say which commitment they belong to."""
    return [SealedField(each, b"sealed " + each[:1]) for each in commitments]


def test_a_new_vault_knows_nothing(vault: Vault) -> None:
    """No position, nobody."""
    assert vault.position() == 0
    assert vault.find("S-1") == Held()
    assert vault.sealed("S-1", [A]) == {}


def test_what_is_kept_is_found_by_subject_and_commitment(vault: Vault) -> None:
    """Another subject's commitment, or one that was never kept, finds nothing."""
    vault.keep("S-1", fields(A, B), NOW)
    vault.keep("S-2", fields(C), NOW)

    assert vault.sealed("S-1", [A, B, C]) == {A: b"sealed \x01", B: b"sealed \x02"}
    assert vault.sealed("S-2", [A, C]) == {C: b"sealed \x03"}
    assert vault.sealed("S-1", []) == {}


def test_to_keep_again_changes_nothing(vault: Vault) -> None:
    """The first sealed bytes of a commitment stay."""
    vault.keep("S-1", fields(A), NOW)
    vault.keep("S-1", [SealedField(A, b"other")], NOW + 1)

    assert vault.sealed("S-1", [A]) == {A: b"sealed \x01"}


def test_a_step_tells_where_a_subject_was_recorded(vault: Vault) -> None:
    """Positions ascend however they came; the position of the vault is the step's."""
    vault.settle(Step(40, [RecordedAt(30, "S-1", (A,)), RecordedAt(4, "S-1", ())]), 0)
    vault.settle(Step(50, [RecordedAt(45, "S-2", (C,))]), 0)

    assert vault.position() == 50
    assert vault.find("S-1") == Held((4, 30))
    assert vault.find("S-2") == Held((45,))


def test_to_settle_again_changes_nothing(vault: Vault) -> None:
    """Nor does an older step take the position back: another process may have been faster."""
    step = Step(10, [RecordedAt(3, "S-1", (A,))], [ErasedAt(9, "S-2")])
    vault.settle(step, 0)
    vault.settle(Step(20), 0)
    vault.settle(step, 0)

    assert vault.position() == 20
    assert (vault.find("S-1"), vault.find("S-2")) == (Held((3,)), Held((), 9))


def test_of_an_erased_subject_no_value_is_left(vault: Vault) -> None:
    """Neither recorded nor pending; others keep theirs; where it was recorded is still known."""
    vault.keep("S-1", fields(A, B), NOW)
    vault.keep("S-2", fields(C), NOW)
    vault.settle(Step(2, [RecordedAt(0, "S-1", (A,)), RecordedAt(1, "S-2", (C,))]), 0)
    vault.settle(Step(3, [], [ErasedAt(2, "S-1")]), 0)

    assert vault.sealed("S-1", [A, B]) == {}
    assert vault.sealed("S-2", [C]) == {C: b"sealed \x03"}
    assert vault.find("S-1") == Held((0,), 2)


def test_what_is_recorded_after_an_erasure_is_dropped_too(vault: Vault) -> None:
    """A recording that lost the race leaves no value; and the first erasure stands."""
    vault.settle(Step(2, [RecordedAt(0, "S-1", ())], [ErasedAt(1, "S-1")]), 0)
    vault.keep("S-1", fields(A), NOW)
    vault.settle(Step(9, [RecordedAt(5, "S-1", (A,))], [ErasedAt(8, "S-1")]), 0)

    assert vault.sealed("S-1", [A]) == {}
    assert vault.find("S-1") == Held((0, 5), 1)


def test_values_whose_entry_never_came_are_dropped(vault: Vault) -> None:
    """Those kept before the given moment; what an entry names stays for ever."""
    vault.keep("S-1", fields(A), NOW)
    vault.keep("S-1", fields(B), NOW)
    vault.keep("S-1", fields(C), NOW + 10)
    vault.settle(Step(1, [RecordedAt(0, "S-1", (A,))]), 0)
    vault.settle(Step(1), NOW + 5)

    assert vault.sealed("S-1", [A, B, C]).keys() == {A, C}


def test_anew_forgets_what_was_folded_and_keeps_the_values(vault: Vault) -> None:
    """After the ledger was put back: what it says now is all there is."""
    vault.keep("S-1", fields(A), NOW)
    vault.settle(Step(90, [RecordedAt(50, "S-1", (A,))], [ErasedAt(60, "S-2")]), 0)
    vault.settle(Step(10, [RecordedAt(5, "S-1", (A,))], anew=True), NOW + 5)

    assert vault.position() == 10
    assert (vault.find("S-1"), vault.find("S-2")) == (Held((5,)), Held())
    assert vault.sealed("S-1", [A]).keys() == {A}


def test_it_survives_a_restart(make_vault: Callable[[], Vault]) -> None:
    """Another process sees what the first one wrote."""
    first = make_vault()
    first.keep("S-1", fields(A), NOW)
    first.settle(Step(7, [RecordedAt(6, "S-1", (A,))]), 0)
    first.close()
    again = make_vault()

    assert (again.position(), again.find("S-1")) == (7, Held((6,)))
    assert again.sealed("S-1", [A]) == {A: b"sealed \x01"}
    again.close()


def test_two_processes_share_one_vault(make_vault: Callable[[], Vault]) -> None:
    """What one writes the other reads at once, and both may tell the same step."""
    one, two = make_vault(), make_vault()
    step = Step(3, [RecordedAt(2, "S-1", (A,))])
    one.keep("S-1", fields(A), NOW)
    two.settle(step, 0)
    one.settle(step, NOW + 5)

    assert one.find("S-1") == two.find("S-1") == Held((2,))
    assert two.sealed("S-1", [A]).keys() == {A}
    one.close()
    two.close()
