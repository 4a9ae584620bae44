"""What an approver signs: one spelling, one meaning, and nothing of it can be changed."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Misconfigured, Refused
from tallystick.execution.approval import (
    HEADING,
    SCOPES,
    Approval,
    check_entry,
    check_period,
    parse_approval,
    read_approvers,
    read_note,
    sign_approval,
)
from tallystick.execution.book.limits import LIMIT_NAMES, bound_text
from tallystick.execution.entries import LimitOverridden
from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.limits import APPROVERS_MAX, OVERRIDE_NOTE_CHARACTERS_MAX

ALICE = FileKeyring("alice", bytes(range(32)))
BOB = FileKeyring("bob", bytes(range(1, 33)))
VKEY = VerifierKey.parse(ALICE.vkey)
AT_NS = 1_795_514_400_000_000_000
PLAIN = Approval(
    "account", "demo", "order_quantity_max", "20000000",
    "2026-11-24T10:00:00.000000Z", "2026-11-24T12:00:00.000000Z", "a large hedge",
)  # fmt: skip


def changed(**members: object) -> Approval:
    """The plain one, with other members."""
    return msgspec.structs.replace(PLAIN, **members)


def code_of(act: Callable[[], object]) -> str:
    """How it is refused, in a sentence."""
    with pytest.raises(Refused) as caught:
        act()
    assert str(caught.value).endswith(".")
    return caught.value.code


def test_the_text_that_is_signed() -> None:
    """The golden form: one line a member, in this order."""
    assert str(PLAIN) == (
        "tallystick/limit-override/v1\n"
        "scope account\n"
        "id demo\n"
        "limit order_quantity_max\n"
        "value 20000000\n"
        "at 2026-11-24T10:00:00.000000Z\n"
        "until 2026-11-24T12:00:00.000000Z\n"
        "reason a large hedge\n"
    )
    everybody = changed(scope="all", id=None, ledger="example.com/fx")
    assert str(everybody).startswith(
        "tallystick/limit-override/v1\nledger example.com/fx\nscope all\nlimit order_quantity_max\n"
    )


@given(
    scope=st.sampled_from(SCOPES),
    limit=st.sampled_from(LIMIT_NAMES),
    value=st.integers(0, 10**12),
    reason=st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=50),
    ledger=st.sampled_from([None, "example.com/fx"]),
)
def test_sign_and_read(scope: str, limit: str, value: int, reason: str, ledger: str | None) -> None:
    """Whatever can be signed is read as what it was; and any change of the text spoils it."""
    approval = changed(
        scope=scope, id=None if scope == "all" else "x", limit=limit,
        value=bound_text(limit, value), reason=reason, ledger=ledger,
    )  # fmt: skip

    note = sign_approval(approval, ALICE)

    approved = read_note(note, [VKEY])
    assert (approved.approval, approved.approver, approved.note) == (approval, "alice", note)
    for line in str(approval).splitlines():
        spoilt = note.replace(f"{line}\n", f"{line}0\n", 1)
        assert code_of(lambda spoilt=spoilt: read_note(spoilt, [VKEY])) == "BAD_OVERRIDE"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"limit": "leverage"}, "UNKNOWN_LIMIT"),
        ({"value": "20000000.0"}, "BAD_OVERRIDE"),
        ({"value": "-1"}, "BAD_OVERRIDE"),
        ({"value": "many"}, "BAD_OVERRIDE"),
        ({"limit": "order_usd_max", "value": "1"}, "BAD_OVERRIDE"),
        ({"scope": "all"}, "BAD_OVERRIDE"),
        ({"id": None}, "BAD_OVERRIDE"),
        ({"until": "tomorrow"}, "BAD_OVERRIDE"),
        ({"at": "2026-11-24T10:00:00Z"}, "BAD_OVERRIDE"),
        ({"reason": ""}, "BAD_OVERRIDE"),
        ({"reason": "two\nlines"}, "BAD_OVERRIDE"),
        ({"reason": "x" * 501}, "BAD_OVERRIDE"),
        ({"until": "2026-11-25T10:00:00.000001Z"}, "OVERRIDE_TOO_LONG"),
        ({"until": "2026-11-24T10:00:00.000000Z"}, "OVERRIDE_EXPIRED"),
    ],
)
def test_what_cannot_be_signed(members: dict[str, object], code: str) -> None:
    """Each with a code and a sentence; a day to the microsecond is the longest."""
    assert code_of(lambda: sign_approval(changed(**members), ALICE)) == code


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello\n", f"Its first line is not {HEADING}."),
        (f"{HEADING}\nscope account\n", "It has no line 'limit'."),
        (str(PLAIN).replace("scope account", "scope galaxy"), "Its scope is not one of all"),
        (str(PLAIN) + "more x\n", "one order and spelling"),
        (str(PLAIN).replace("value 2", "value  2"), "Its value"),
        (str(PLAIN).replace("id demo\n", "id demo\nid demo\n"), "one order and spelling"),
    ],
)
def test_another_spelling_is_refused(text: str, words: str) -> None:
    """Even signed: two spellings of one meaning could count twice."""
    with pytest.raises(Refused) as caught:
        parse_approval(text)

    assert caught.value.code == "BAD_OVERRIDE"
    assert words in str(caught.value)


def test_who_signed() -> None:
    """Somebody else, nobody, or too much of it."""
    note = sign_approval(PLAIN, BOB)
    assert code_of(lambda: read_note(note, [VKEY])) == "UNKNOWN_APPROVER"
    assert code_of(lambda: read_note(note, [])) == "UNKNOWN_APPROVER"
    assert code_of(lambda: read_note("hello", [VKEY])) == "BAD_OVERRIDE"
    long = "x" * (OVERRIDE_NOTE_CHARACTERS_MAX + 1)
    assert code_of(lambda: read_note(long, [VKEY])) == "BAD_OVERRIDE"
    both = note + sign_approval(PLAIN, ALICE).partition("\n\n")[2]
    assert read_note(both, [VKEY]).approver == "alice"


@pytest.mark.parametrize(
    ("ahead_s", "code"),
    [(-301, "BAD_OVERRIDE"), (-300, None), (0, None), (7_199, None), (7_200, "OVERRIDE_EXPIRED")],
)
def test_the_time_of_an_override(ahead_s: int, code: str | None) -> None:
    """An approver's clock may be five minutes ahead; at its end an override is over."""
    at_ns = AT_NS + ahead_s * 1_000_000_000

    if code is None:
        check_period(PLAIN, at_ns)
    else:
        assert code_of(lambda: check_period(PLAIN, at_ns)) == code


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("scope", "desk"), ("id", "other"), ("limit", "order_usd_max"), ("value", "30000000"),
        ("until", "2026-11-24T13:00:00.000000Z"), ("reason", "another"), ("approver", "bob"),
        ("at", "2026-11-24T13:00:00.000000Z"),
    ],
)  # fmt: skip
def test_an_entry_that_says_something_else(member: str, value: str) -> None:
    """An auditor sees what the operator wrote beside what was signed, member by member."""
    entry = LimitOverridden(
        PLAIN.at, PLAIN.scope, PLAIN.id, PLAIN.limit, PLAIN.value, PLAIN.until, PLAIN.reason,
        "alice", "ann", sign_approval(PLAIN, ALICE),
    )  # fmt: skip

    assert check_entry(entry, [VKEY]).approval == PLAIN
    forged = msgspec.structs.replace(entry, **{member: value})
    expected = "OVERRIDE_EXPIRED" if member == "at" else "BAD_OVERRIDE"
    assert code_of(lambda: check_entry(forged, [VKEY])) == expected


def test_the_file_of_approvers() -> None:
    """One key a line; empty lines and comments between."""
    lines = ["# who may approve", "", ALICE.vkey, f"  {BOB.vkey}  "]

    assert [key.name for key in read_approvers(lines)] == ["alice", "bob"]
    assert read_approvers([]) == ()


WITNESS = str(VerifierKey.of("w", VKEY.public_key, msgspec.convert(4, type(VKEY.signature_type))))


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["hello"], "f.txt, line 1: This is not an Ed25519 verifier key: name+id+base64."),
        (["", ALICE.vkey, ALICE.vkey], "f.txt, line 3: alice has a key already."),
        ([WITNESS], "f.txt, line 1: this is the key of a witness."),
        (
            [str(VerifierKey.of(f"a{n}", VKEY.public_key)) for n in range(APPROVERS_MAX + 1)],
            f"f.txt: at most {APPROVERS_MAX} people may approve.",
        ),
    ],
    ids=["no key", "twice", "witness", "too many"],
)
def test_a_file_that_cannot_be_used(lines: list[str], sentence: str) -> None:
    """One sentence, with the line: said at start."""
    with pytest.raises(Misconfigured) as caught:
        read_approvers(lines, "f.txt")

    assert str(caught.value) == sentence
