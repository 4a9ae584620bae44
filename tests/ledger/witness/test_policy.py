"""Policies: the specification's example, every rule of the file, and what satisfies them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import NoteError, parse_body, split_note, with_signatures
from tallystick.ledger.vkey import SignatureType, VerifierKey, key_id_of
from tallystick.ledger.witness.cosignature import cosign, witness_key
from tallystick.ledger.witness.policy import Group, Log, Policy, WitnessLine

WITNESSES = {
    name: FileKeyring(f"{name}.example/w", bytes([n]) * 32)
    for n, name in enumerate(("X1", "X2", "X3", "Y1", "Y2", "Y3"), start=40)
}
LOGGER = FileKeyring("log.example/one", b"\x01" * 32)
LOG_LINE = f"log {VerifierKey.of(LOGGER.name, LOGGER.public_key)}"
LINES = [f"witness {name} {witness_key(signer)}" for name, signer in WITNESSES.items()]
X1, X2 = LINES[:2]
EXAMPLE = "\n".join(
    [
        "# An example of tlog-policy.",
        f"{LOG_LINE} https://log.example/one/",
        "",
        *LINES[:3],
        "group X-witnesses 2 X1 X2 X3",
        "  \t# the others",
        *LINES[3:],
        "\tgroup  Y-witnesses any Y1 Y2\tY3 ",
        "group X-and-Y all X-witnesses Y-witnesses",
        "quorum X-and-Y",
        "",
    ]
)


def cosigned(log: Any, *names: str) -> str:
    """The log's checkpoint of size 5 with cosignatures of these witnesses."""
    note: str = log.note(5)
    text, _ = split_note(note)
    return with_signatures(
        note, [cosign(WITNESSES[name], text, 1_000 + len(name)) for name in names]
    )


def test_the_example_of_the_specification(log: Any) -> None:
    """Two of three X and one of three Y are wanted, through two levels of groups."""
    policy = Policy.parse(EXAMPLE)
    assert policy.groups[-1] == Group("X-and-Y", 2, ("X-witnesses", "Y-witnesses"))
    assert policy.logs[0].url == "https://log.example/one/"
    for names, met in [
        (("X1", "X3", "Y2"), True),
        (("X1", "X2", "X3", "Y1", "Y2", "Y3"), True),
        (("X1", "X2", "X3"), False),
        (("X1", "Y1", "Y2", "Y3"), False),
        ((), False),
    ]:
        standing = policy.satisfied(cosigned(log, *names))
        assert standing.quorum is met
        assert standing.witnesses == names
        assert standing.times == (1_002,) * len(names)
        assert standing.logs == ("log.example/one",)
        assert standing.checkpoint == parse_body(split_note(log.note(5))[0])
        assert set(standing.witnesses) | set(standing.missing) == set(WITNESSES)
        assert bool(policy.missing(cosigned(log, *names))) is not met


def test_a_single_witness_can_be_the_quorum(log: Any) -> None:
    """`quorum X1` wants exactly that witness."""
    policy = Policy.parse(f"{LOG_LINE}\n{X1}\n{X2}\nquorum X1\n")
    assert policy.satisfied(cosigned(log, "X1")).quorum
    assert not policy.satisfied(cosigned(log, "X2")).quorum
    assert policy.missing(cosigned(log, "X2")) == ("X1",)


def test_no_quorum_and_no_logs(log: Any) -> None:
    """`quorum none` alone is a policy: anything that is a checkpoint satisfies it."""
    policy = Policy.parse(b"quorum none")
    assert policy.satisfied(log.note(5)).quorum
    assert policy.missing(log.note(5)) == ()
    with pytest.raises(NoteError):
        policy.satisfied("no note\n")


def test_the_log_itself_must_have_signed(log: Any, make_log: Any) -> None:
    """Cosignatures do not stand for the log, and one log's key does not sign for another."""
    policy = Policy.parse(f"{LOG_LINE}\n{X1}\nquorum X1\n")
    stranger = make_log("log.example/other", seed=9)
    with pytest.raises(NoteError, match=r"No log of the policy .* log\.example/other"):
        policy.satisfied(cosigned(stranger, "X1"))
    text = log.note(5).replace("log.example/one\n5", "log.example/two\n5", 1)
    with pytest.raises(NoteError, match="does not verify"):
        policy.satisfied(text)


def test_a_forged_cosignature_spoils_the_note(log: Any) -> None:
    """A line under a known witness's name and id that is over another checkpoint is refused."""
    policy = Policy.parse(f"{LOG_LINE}\n{X1}\nquorum X1\n")
    text, _ = split_note(log.note(6))
    note = with_signatures(log.note(5), [cosign(WITNESSES["X1"], text, 1_000)])
    with pytest.raises(NoteError, match="does not verify"):
        policy.satisfied(note)


ML_DSA = VerifierKey("pq", key_id_of("pq", b"\x01" * 1_312, SignatureType.ML_DSA_44),
                     b"\x01" * 1_312, SignatureType.ML_DSA_44)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no quorum line"),
        (f"{X1}\n", "no quorum line"),
        (f"{X1}\nquorum X1\nquorum X1\n", "Line 3 .* a quorum already"),
        ("quorum X1\n", "Line 1 .* not defined before"),
        ("quorum\n", "Line 1 .* should read: quorum"),
        ("quorum none none\n", "Line 1 .* should read: quorum"),
        (f"\n\n{X1} a b\n", "Line 3 .* should read: witness"),
        ("witness X1\n", "Line 1 .* should read: witness"),
        ("log\n", "Line 1 .* should read: log"),
        ("log no-key\n", "Line 1 .* not an Ed25519 verifier key"),
        (f"{LOG_LINE}\n{LOG_LINE}\n", "Line 2 .* same public key"),
        (f"{X1}\n{X1.replace('X1 ', 'X9 ', 1)}\n", "Line 2 .* same public key"),
        (f"{X1}\n{X2.replace('X2 ', 'X1 ', 1)}\n", "Line 2 .* 'X1' is taken"),
        (f"{X1.replace('X1 ', 'none ', 1)}\n", "Line 1 .* 'none' is taken"),
        (f"{X1}\ngroup none any X1\n", "Line 2 .* 'none' is taken"),
        (f"{X1}\ngroup X1 any X1\n", "Line 2 .* 'X1' is taken"),
        (f"log {witness_key(LOGGER)}\n", "Line 1 .* key of a witness"),
        (f"witness w {LOG_LINE[4:]}\n", "Line 1 .* key of a log"),
        (f"witness w {ML_DSA}\n", "Line 1 .* ML-DSA-44 key, which is not supported yet"),
        (f"{X1}\ngroup g 2 X1\n", "Line 2 .* Of 1 members '2'"),
        (f"{X1}\ngroup g 0 X1\n", "Line 2 .* Of 1 members '0'"),
        (f"{X1}\ngroup g 01 X1\n", "Line 2 .* Of 1 members '01'"),
        (f"{X1}\ngroup g most X1\n", "Line 2 .* Of 1 members 'most'"),
        ("group g any\n", "Line 1 .* should read: group"),
        ("group g any none\n", "Line 1 .* 'none' is not defined"),
        ("group g any g\n", "Line 1 .* 'g' is not defined"),
        (f"{X1}\ngroup g 1 X1 X1\n", "Line 2 .* a member of a group already"),
        (f"{X1}\ngroup g any X1\ngroup h any X1\n", "Line 3 .* a member of a group already"),
        ("policy none\n", "Line 1 .* 'policy' is none of log, witness, group, quorum"),
        ("quorum none\r\n", "Line 1 .* control character"),
        ("quorum none\n\x0bquorum none\n", "Line 2 .* control character"),
        (f"{X1} {'u' * 2_049}\n", "Line 1 .* at most 2048 bytes"),
        (f"{X1.replace('X1 ', 'é' * 128 + ' ', 1)}\n", "Line 1 .* at most 255 bytes"),
        ("#" * 262_145, "at most 262144 bytes"),
    ],
    ids=range(34),
)
def test_what_is_no_policy(text: str, reason: str) -> None:
    """Each rule refuses the file that breaks it, and the sentence names the line."""
    with pytest.raises(Refused, match=reason) as refused:
        Policy.parse(text)
    assert refused.value.code == "BAD_POLICY"


def test_names_are_bytes() -> None:
    """Only space and tab part words, and two spellings of one character are two names."""
    kelvin, odd = "\N{KELVIN SIGN}".encode(), b"\xff\xa0"
    one, two = (line.split(" ", 2)[2].encode() for line in (X1, X2))
    data = (
        b"witness K " + one + b"\nwitness " + kelvin + b" " + two + b"\ngroup " + odd
        + b" all K " + kelvin + b"\nquorum " + odd
    )  # fmt: skip
    policy = Policy.parse(data)
    assert policy.quorum.encode("utf-8", "surrogateescape") == odd
    assert not policy.quorum_met({"K"})
    assert policy.quorum_met({"K", kelvin.decode()})
    assert Policy.parse(str(policy)) == policy


def test_limits_leave_room_for_the_specification() -> None:
    """32 logs, witnesses and groups must be possible; somewhere above there is an end."""
    keys = [FileKeyring(f"k{n}", n.to_bytes(32)) for n in range(1, 66)]
    logs = [f"log {VerifierKey.of(key.name, key.public_key)}\n" for key in keys]
    witnesses = [f"witness {key.name} {witness_key(key)}\n" for key in keys]
    groups = [f"group g{key.name} any {key.name}\n" for key in keys]
    policy = Policy.parse("".join(logs[:64] + witnesses[:64] + groups[:64]) + "quorum gk64")
    assert policy.quorum_met({"k64"})
    assert not policy.quorum_met({"k63"})
    for lines in (logs, witnesses, [*witnesses[:64], *groups[:64], "group more any gk1"]):
        with pytest.raises(Refused, match="at most 64"):
            Policy.parse("".join(lines) + "\nquorum none")


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\x7f", exclude_categories=["Cc"]),
    min_size=1,
    max_size=12,
).filter(lambda name: not set(name) & set(" \t") and name != "none")


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy that the rules allow."""
    signers = list(WITNESSES.values())
    names = draw(st.lists(NAMES, min_size=1, max_size=12, unique=True))
    urls = st.one_of(st.none(), NAMES)
    count = draw(st.integers(0, min(len(names), len(signers))))
    witnesses = tuple(
        WitnessLine(name, witness_key(signer), draw(urls))
        for name, signer in zip(names[:count], signers, strict=False)
    )
    free, groups = names[:count], []
    for name in names[count:]:
        if free:
            members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
            groups.append(Group(name, draw(st.integers(1, len(members))), tuple(members)))
            free = [*(n for n in free if n not in members), name]
    defined = [w.name for w in witnesses] + [g.name for g in groups]
    logs = (Log(VerifierKey.of(LOGGER.name, LOGGER.public_key), draw(urls)),)
    quorum = draw(st.sampled_from([*defined, "none"]))
    return Policy(draw(st.sampled_from([(), logs])), witnesses, tuple(groups), quorum)


@given(policy=policies())
def test_every_policy_reads_back(policy: Policy) -> None:
    """Written and read again it is the same; more cosignatures never break a quorum."""
    assert Policy.parse(str(policy)) == policy
    names = [witness.name for witness in policy.witnesses]
    met = [policy.quorum_met(set(names[:count])) for count in range(len(names) + 1)]
    assert met == sorted(met)


@given(data=st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """Whatever is read as a policy is one, or is refused with the one code."""
    try:
        Policy.parse(data)
    except Refused as refused:
        assert refused.code == "BAD_POLICY"  # noqa: PT017  most data is refused, some is not
