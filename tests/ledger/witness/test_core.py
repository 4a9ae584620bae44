"""The witness: a real dialogue, every status, and that it never signs what contradicts itself."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import ManualClock
from tallystick.errors import Refused
from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import (
    Checkpoint,
    parse_checkpoint,
    sign_note,
    verify_note,
    with_signatures,
)
from tallystick.ledger.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, tree_root
from tallystick.ledger.vkey import VerifierKey
from tallystick.ledger.witness.core import (
    Answer,
    Head,
    MemoryHeads,
    Submission,
    Verdict,
    Witness,
    admit,
    decide,
    logs_of,
)
from tallystick.ledger.witness.cosignature import witness_key
from tallystick.ledger.witness.protocol import SIZE_TYPE, AddCheckpoint, encode_request

SIGNER = FileKeyring("example.com/witness", b"\x21" * 32)
NOW = 1_735_689_600


def witness_of(*keys: VerifierKey) -> Witness:
    """A witness of these logs with an empty memory."""
    return Witness(SIGNER, logs_of(keys), MemoryHeads(), ManualClock(NOW * 10**9))


def asked(witness: Witness, request: bytes) -> tuple[int, str]:
    """Status and body of its answer."""
    answer = witness.add_checkpoint(request)
    return int(answer.status), answer.body


def test_a_real_dialogue(dialogue: Any) -> None:
    """Each request of litewitness' test gets the status and body that it gets there (F)."""
    key = VerifierKey.parse(dialogue.vkey)
    witness = witness_of(key)
    for step in dialogue.steps:
        answer = witness.add_checkpoint(step.request.encode())
        assert int(answer.status) == step.status, answer.reason
        assert answer.body.startswith(step.answer)
    assert witness.sizes() == {key.name: 5}


def test_a_cosignature_verifies_and_says_when(log: Any) -> None:
    """A 200 gives one line of the witness's key, over the whole checkpoint, at this time."""
    witness = witness_of(log.vkey)
    status, body = asked(witness, log.request(0, 5))
    assert status == HTTPStatus.OK
    note = with_signatures(log.note(5), body.splitlines())
    verified = verify_note(note, [witness.key])
    assert [cosignature.time for cosignature in verified.cosignatures] == [NOW]
    assert body.count("\n") == 1


def test_the_same_checkpoint_is_cosigned_again(log: Any) -> None:
    """A client that lost the answer asks from the same size, with an empty proof."""
    witness = witness_of(log.vkey)
    first = asked(witness, log.request(0, 5))
    assert asked(witness, log.request(5, 5)) == first
    assert asked(witness, log.request(0, 5)) == (HTTPStatus.CONFLICT, "5\n")
    surplus = encode_request(AddCheckpoint(5, (b"\x00" * 32,), log.note(5)))
    assert asked(witness, surplus)[0] == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_stale_client_is_told_the_size_in_its_own_type(log: Any) -> None:
    """A 409 has the content type of tlog-witness and no charset."""
    witness = witness_of(log.vkey)
    witness.add_checkpoint(log.request(0, 5))
    answer = witness.add_checkpoint(log.request(3, 7))
    assert (answer.status, answer.body) == (HTTPStatus.CONFLICT, "5\n")
    assert answer.content_type == SIZE_TYPE == "text/x.tlog.size"


def test_a_fork_is_refused_at_any_size(log: Any, make_log: Callable[..., Any]) -> None:
    """Another history under the same key: at the same size, at a larger one, with any proof."""
    fork = make_log(words="forged")
    witness = witness_of(log.vkey)
    witness.add_checkpoint(log.request(0, 5))
    for request in (
        fork.request(5, 5),
        fork.request(5, 9),
        encode_request(AddCheckpoint(5, tuple(log.proof(5, 9)), fork.note(9))),
        encode_request(AddCheckpoint(5, (), fork.note(9))),
    ):
        answer = witness.add_checkpoint(request)
        assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
        assert answer.submission is not None
        assert answer.known is not None
        evidence = {parse_checkpoint(n).root for n in (answer.submission.note, answer.known.note)}
        assert len(evidence) == 2
    assert asked(witness, log.request(5, 9))[0] == HTTPStatus.OK


def test_the_empty_tree(log: Any) -> None:
    """Size 0 can be cosigned, has one root only, and every tree extends it with an empty proof."""
    witness = witness_of(log.vkey)
    odd = sign_note(Checkpoint(log.signer.name, 0, b"\x01" * 32), [log.signer])
    assert asked(witness, encode_request(AddCheckpoint(0, (), odd)))[0] == 422
    assert log.checkpoint(0).root == EMPTY_ROOT
    assert asked(witness, log.request(0, 0))[0] == HTTPStatus.OK
    surplus = encode_request(AddCheckpoint(0, (b"\x00" * 32,), log.note(5)))
    assert asked(witness, surplus)[0] == HTTPStatus.UNPROCESSABLE_ENTITY
    assert asked(witness, log.request(0, 5))[0] == HTTPStatus.OK
    assert asked(witness, log.request(0, 0)) == (HTTPStatus.CONFLICT, "5\n")


def test_the_order_of_the_checks(log: Any, make_log: Callable[..., Any]) -> None:
    """400 for what is no request, 404 before 403, 403 before sizes, 400 before 409."""
    witness = witness_of(log.vkey)
    witness.add_checkpoint(log.request(0, 5))
    stranger, thief = make_log("log.example/two"), make_log(seed=2)
    assert asked(witness, b"old 5\n")[0] == HTTPStatus.BAD_REQUEST
    for other, status in ((stranger, HTTPStatus.NOT_FOUND), (thief, HTTPStatus.FORBIDDEN)):
        request = encode_request(AddCheckpoint(9, (), other.note(2)))
        assert asked(witness, request)[0] == status
    unreadable = encode_request(AddCheckpoint(9, (), f"{log.note(2)}junk\n"))
    assert asked(witness, unreadable)[0] == HTTPStatus.FORBIDDEN
    backwards = encode_request(AddCheckpoint(5, (), log.note(4)))
    assert asked(witness, backwards)[0] == HTTPStatus.BAD_REQUEST
    assert asked(witness, log.request(4, 9)) == (HTTPStatus.CONFLICT, "5\n")


def test_a_log_that_changes_its_key(log: Any, make_log: Callable[..., Any]) -> None:
    """Each of its trusted keys may sign; a bad signature of a trusted key spoils a good one's."""
    new = make_log(seed=3)
    witness = witness_of(log.vkey, new.vkey)
    assert asked(witness, log.request(0, 5))[0] == HTTPStatus.OK
    assert asked(witness, new.request(5, 7))[0] == HTTPStatus.OK
    spoilt = with_signatures(log.note(8), [new.note(9).splitlines()[-1]])
    request = encode_request(AddCheckpoint(7, tuple(log.proof(7, 8)), spoilt))
    assert asked(witness, request)[0] == HTTPStatus.FORBIDDEN
    unknown = with_signatures(log.note(8), [make_log(seed=4).note(8).splitlines()[-1]])
    request = encode_request(AddCheckpoint(7, tuple(log.proof(7, 8)), unknown))
    assert asked(witness, request)[0] == HTTPStatus.OK


def test_extension_lines_are_cosigned_with_the_rest(log: Any) -> None:
    """What the log put below its root is part of what the witness signs (tlog-cosignature)."""
    witness = witness_of(log.vkey)
    head = log.checkpoint(5)
    note = sign_note(Checkpoint(head.origin, 5, head.root, ("more 1",)), [log.signer])
    status, body = asked(witness, encode_request(AddCheckpoint(0, (), note)))
    assert status == HTTPStatus.OK
    assert verify_note(with_signatures(note, body.splitlines()), [witness.key]).keys


def test_sizes_beyond_any_machine(log: Any) -> None:
    """The largest size that a checkpoint may name is cosigned and remembered like any other."""
    witness = witness_of(log.vkey)
    note = sign_note(Checkpoint(log.signer.name, 2**64 - 1, b"\x01" * 32), [log.signer])
    assert asked(witness, encode_request(AddCheckpoint(0, (), note)))[0] == HTTPStatus.OK
    assert witness.sizes() == {log.signer.name: 2**64 - 1}


def test_logs_are_told_apart(log: Any, make_log: Callable[..., Any]) -> None:
    """Each origin has its own head; a witness's key is no log's."""
    other = make_log("log.example/two")
    witness = witness_of(log.vkey, other.vkey)
    witness.add_checkpoint(log.request(0, 5))
    assert asked(witness, other.request(0, 3))[0] == HTTPStatus.OK
    assert witness.sizes() == {"log.example/one": 5, "log.example/two": 3}
    with pytest.raises(Refused, match="key of a witness"):
        logs_of([witness_key(SIGNER)])
    twin = VerifierKey(log.vkey.name, log.vkey.key_id, b"\x09" * 32)
    with pytest.raises(Refused, match="Two keys of"):
        logs_of([log.vkey, log.vkey, twin])


LEAVES = {word: [leaf_hash(f"{word} {n}".encode()) for n in range(12)] for word in ("a", "b")}
STEPS = st.tuples(
    st.sampled_from("ab"), st.integers(0, 12), st.integers(0, 12), st.booleans(), st.booleans()
)


@given(steps=st.lists(STEPS, max_size=30))
def test_decide_never_contradicts_itself(steps: list[tuple[str, int, int, bool, bool]]) -> None:
    """Whatever a log with two histories asks, honestly or not: all that was cosigned is one line.

    `decide` is pure: the head it is given is the only thing it knows.
    """
    head: Head | None = None
    signed: list[tuple[str, int]] = []
    for word, old, new, honest, from_here in steps:
        old = head.size if head and from_here else old  # noqa: PLW2901
        whole = LEAVES[word][:new]
        proof = consistency_proof(whole, old) if honest and 0 < old <= new else []
        submission = Submission(
            old, tuple(proof), Checkpoint("l", new, tree_root(whole)), f"{word} {new}"
        )
        verdict, after = decide(head, submission)
        assert decide(head, submission) == (verdict, after)
        if verdict.status is HTTPStatus.OK:
            assert after is not None
            assert (after.size, after.root) == (new, tree_root(whole))
            signed.append((word, new))
        else:
            assert after == head
        head = after
    assert all(one[1] <= two[1] for one, two in pairwise(signed))
    assert len({word for word, size in signed if size}) <= 1


@given(request=st.binary(max_size=300))
def test_no_bytes_break_the_door(request: bytes) -> None:
    """Whatever is posted is a submission or gets a status with a sentence."""
    verdict = admit({}, request)
    assert isinstance(verdict, Verdict)
    assert verdict.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)


def test_a_race_in_memory_has_one_winner(log: Any, make_log: Callable[..., Any]) -> None:
    """Of 32 threads that bring two histories from the same size, one history wins."""
    fork = make_log(words="forged")
    witness = witness_of(log.vkey)
    requests = [which.request(0, 5 + n) for n in range(16) for which in (log, fork)]
    answers: list[Answer] = []
    start = threading.Barrier(len(requests))

    def ask(request: bytes) -> None:
        start.wait()
        answers.append(witness.add_checkpoint(request))

    threads = [threading.Thread(target=ask, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted(int(answer.status) for answer in answers)
    assert statuses == [200] + [409] * 31
