"""Signed notes and checkpoints against published vectors, and every rule of the format."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import (
    SIGNATURES_MAX,
    Checkpoint,
    Cosignature,
    NoteError,
    SignatureType,
    VerifierKey,
    body,
    decode_base64,
    note_text,
    parse_body,
    parse_checkpoint,
    parse_signature,
    sign_checkpoint,
    sign_note,
    signature_line,
    split_note,
    verify_note,
    verify_signatures,
    with_signatures,
)
from tallystick.ledger.merkle import (
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    tree_root,
)
from tallystick.ledger.tiles import encode_bundle, entries_path, tile_path
from tallystick.ledger.vkey import time_of

LOG = Path(__file__).resolve().parents[2] / "../shared/data/tlog/tessera-log"
# The public test key of tessera's testdata/log.
LOG_SEED = base64.b64decode("AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg")[1:]
LOG_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
LOG_ENTRIES = (
    b"one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"
).split()
# The example of the signed-note specification.
FOO_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOO_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmR"
    "KuwHjG1Yu72IneyaQM=\n"
)

needs_log = pytest.mark.skipif(not LOG.exists(), reason="../shared/data/tlog is not here")


def private(seed: bytes) -> Ed25519PrivateKey:
    """The private key of a seed."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def public(key: Ed25519PrivateKey) -> bytes:
    """Its raw public key."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


SIGNER = private(b"\x01" * 32)
KEY = VerifierKey.of("ledger.example/test", public(SIGNER))
OTHER_SIGNER = private(b"\x02" * 32)
OTHER = VerifierKey.of("witness.example", public(OTHER_SIGNER))


def line_by(key: VerifierKey, signer: Ed25519PrivateKey, text: str) -> str:
    """This key's signature line under this text."""
    return signature_line(key.name, key.key_id, signer.sign(text.encode()))


TEXT = body(Checkpoint(KEY.name, 3, b"\x07" * 32))
LINE = line_by(KEY, SIGNER, TEXT)
OTHER_LINE = line_by(OTHER, OTHER_SIGNER, TEXT)


@needs_log
@pytest.mark.parametrize("size", range(16))
def test_tessera_checkpoints(size: int) -> None:
    """Each of the 16 published checkpoints is signed again byte for byte, and verifies (A)."""
    root = tree_root([leaf_hash(entry) for entry in LOG_ENTRIES[:size]])
    key = VerifierKey.of("example.com/log/testdata", public(private(LOG_SEED)))
    note = sign_checkpoint(
        Checkpoint(key.name, size, root),
        name=key.name,
        key_id=key.key_id,
        sign=private(LOG_SEED).sign,
    )
    published = (LOG / f"checkpoint.{size}").read_bytes()
    assert note.encode() == published
    assert str(key) == LOG_VKEY
    assert verify_note(published, [VerifierKey.parse(LOG_VKEY)]).verified == (key.name,)
    assert parse_checkpoint(published) == Checkpoint(key.name, size, root)


@needs_log
@pytest.mark.parametrize("size", range(1, 16))
def test_tessera_tiles(size: int) -> None:
    """Each of the published tiles and bundles is made again byte for byte (A)."""
    entries = LOG_ENTRIES[:size]
    leaves = b"".join(map(leaf_hash, entries))
    assert (LOG / tile_path(0, 0, size)).read_bytes() == leaves
    assert (LOG / entries_path(0, size)).read_bytes() == encode_bundle(entries)


def test_tessera_roots_and_proofs() -> None:
    """Roots and proofs that the reference gives for the same tree (A)."""
    leaves = [leaf_hash(entry) for entry in LOG_ENTRIES]

    def text(hashes: list[bytes]) -> list[str]:
        return [base64.b64encode(item).decode() for item in hashes]

    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    assert text([tree.root()]) == ["rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs="]
    assert text(inclusion_proof(leaves[:3], 1)) == [
        "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=",
        "Zx8UbF5HHooag6PCFM5LqQe486WIjRTMjNPOdbsS75Q=",
    ]
    assert text(inclusion_proof(leaves, 6)) == [
        "ThcgoV2DYcK+VCxBUDWAlNxmLy2r7dq7dK7+OlgQKWs=",
        "ycRkkNklus5eMVRUvkD1pK321vMrA+jjOiZKU8aOcY4=",
        "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=",
        "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
    ]
    assert text(consistency_proof(leaves, 3)) == [
        "Zx8UbF5HHooag6PCFM5LqQe486WIjRTMjNPOdbsS75Q=",
        "9xWrP6pdBx5uKsS7mU1b9zWUPcw3mdoNCF55gM+5M2o=",
        "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=",
        "g0ZoeYWtIV8Q8i+4CmgqPnBvH2il107lyCgTQsyB7H4=",
        "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
    ]


def test_example_of_the_specification() -> None:
    """The signed-note specification's example verifies, and only as it is (D)."""
    key = VerifierKey.parse(FOO_VKEY)
    assert verify_note(FOO_NOTE, [key]).text == "This is an example message.\n"
    with pytest.raises(NoteError, match="does not verify"):
        verify_note(FOO_NOTE.replace("example message", "Example message"), [key])


def test_example_of_go() -> None:
    """Signing gives the bytes of Go's sumdb/note example (D)."""
    seed = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
    key = VerifierKey.of("PeterNeumann", public(private(seed)))
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    assert key.key_id.hex() == "c74f20a3"
    assert line_by(key, private(seed), text) == (
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngo"
        "tpRZb6KE6RyyBwJnAM="
    )


def test_real_checkpoint() -> None:
    """A checkpoint of Go's checksum database, signed in production, verifies (E)."""
    key = VerifierKey.parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    note = (
        "go.sum database tree\n35225469\nvt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=\n\n"
        "— sum.golang.org Az3grpukl5AXaVfYkLiDGORx/DN2nlcS5kZHR5uYOBV2KA2HgXpD+gu9HHONebHLAyaKbbT"
        "M75QTtPydhKCExixSfwQ=\n"
    )
    verified = verify_note(note, [key])
    assert verified.verified == ("sum.golang.org",)
    assert parse_body(verified.text).size == 35_225_469


@given(
    origin=st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=30),
    size=st.integers(min_value=0, max_value=2**64 - 1),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(st.sampled_from(["a", "timestamp 1"]), max_size=2),
)
def test_every_checkpoint_reads_back(
    origin: str, size: int, root: bytes, extensions: list[str]
) -> None:
    """Writing, signing, verifying and reading a checkpoint gives the same checkpoint."""
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    note = sign_checkpoint(checkpoint, name=KEY.name, key_id=KEY.key_id, sign=SIGNER.sign)
    assert parse_body(verify_note(note.encode(), [KEY]).text) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n3\n",
        "\n3\n" + "A" * 43 + "=\n",
        "origin\n03\n" + "A" * 43 + "=\n",
        "origin\n+3\n" + "A" * 43 + "=\n",
        "origin\n\u0663\n" + "A" * 43 + "=\n",
        "origin\n18446744073709551616\n" + "A" * 43 + "=\n",
        "origin\n" + "9" * 5000 + "\n" + "A" * 43 + "=\n",
        "origin\n3\n" + "A" * 42 + "B=\n",
        "origin\n3\n" + "A" * 43 + "\n",
        "origin\n3\nAAAA\n",
        "origin\n3\n" + "A" * 43 + "=\n\n",
        "origin\n3\n" + "A" * 43 + "=",
        "origin\r\n3\r\n" + "A" * 43 + "=\r\n",
    ],
)
def test_other_spellings_are_no_checkpoint(text: str) -> None:
    """A checkpoint has one spelling; whatever comes near is refused."""
    with pytest.raises(NoteError):
        parse_body(text)


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (TEXT, "ends in a blank line"),
        (TEXT + "\n", "ends in a blank line"),
        (TEXT + LINE + "\n", "ends in a blank line"),
        (TEXT + "\n" + LINE, "ends in a blank line"),
        (TEXT + "\n" + LINE + "\n\n", "ends in a blank line"),
        (note_text(TEXT, [LINE.replace("—", "-")]), "an em dash"),
        (note_text(TEXT, [LINE.replace(" ", "  ")]), "an em dash"),
        (note_text(TEXT, ["— +x AAAAAAA="]), "an em dash"),
        (note_text(TEXT, [LINE, "— x AAAA"]), "too short"),
        (note_text(TEXT, [LINE, "— x AAAAAAB="]), "not canonical"),
        (note_text(TEXT, [LINE, "— x AAAAAA"]), "not base64"),
        (note_text(TEXT, [LINE, "— x AAAAAAA= "]), "not base64"),
        (note_text(TEXT, [LINE] * (SIGNATURES_MAX + 1)), "at most 100"),
        (note_text(TEXT.replace("\n3", "\r\n3"), [LINE]), "control characters"),
        (note_text(TEXT + "\t\n", [LINE]), "control characters"),
        (note_text(TEXT, [LINE]).encode() + b"\xff", "UTF-8"),
        (note_text(TEXT + "\ud800", [LINE]), "UTF-8"),
        (note_text(TEXT, [OTHER_LINE]), "not by ledger.example/test"),
    ],
)
def test_notes_that_are_refused(note: str | bytes, reason: str) -> None:
    """Each rule of the format refuses the note that breaks it, and says which."""
    with pytest.raises(NoteError, match=reason):
        verify_note(note, [KEY])


def test_unknown_signatures_are_ignored_and_told() -> None:
    """A signature of somebody else does no harm and no good."""
    verified = verify_note(note_text(TEXT, [OTHER_LINE, LINE]), [KEY])
    assert verified.verified == (KEY.name,)
    assert [str(line) for line in verified.unknown] == [f"{OTHER.name} ({OTHER.key_id.hex()})"]


def test_the_same_name_with_another_key_is_unknown() -> None:
    """A name alone proves nothing: name and key id must both be known."""
    impostor = VerifierKey.of(KEY.name, OTHER.public_key)
    with pytest.raises(NoteError, match=f"not by .*{KEY.key_id.hex()}"):
        verify_note(note_text(TEXT, [line_by(impostor, OTHER_SIGNER, TEXT)]), [KEY])


@pytest.mark.parametrize("signature", [b"", b"\x01", b"\x00" * 64, b"\x00" * 65])
def test_a_known_key_that_fails_spoils_the_note(signature: bytes) -> None:
    """A bad signature under a known name and id rejects the note, whatever else is good."""
    bad = signature_line(OTHER.name, OTHER.key_id, signature)
    with pytest.raises(NoteError):
        verify_note(note_text(TEXT, [LINE, bad]), [KEY, OTHER])


def test_all_known_keys_are_named() -> None:
    """Of several given keys those that signed are named, once each, in the note's order."""
    note = note_text(TEXT, [OTHER_LINE, LINE, LINE])
    assert verify_note(note, [KEY, OTHER]).verified == (OTHER.name, KEY.name)
    assert verify_note(note_text(TEXT, [LINE] * SIGNATURES_MAX), [KEY, KEY]).text == TEXT


def test_ambiguous_keys_are_refused() -> None:
    """Two keys under one name and id cannot be told apart, so neither is trusted."""
    twin = VerifierKey(KEY.name, KEY.key_id, OTHER.public_key)
    with pytest.raises(NoteError, match="same name and id"):
        verify_note(note_text(TEXT, [LINE]), [KEY, twin])


def test_the_last_blank_line_divides() -> None:
    """Text may have blank lines of its own; the signatures follow the last."""
    text = "first\n\n— not a signature line\n\nlast\n"
    note = note_text(text, [line_by(KEY, SIGNER, text)])
    assert verify_note(note, [KEY]).text == text
    assert split_note(note)[0] == text


@pytest.mark.parametrize(
    "line",
    [
        "",
        "name",
        "name+530d903a",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
        "example.com/foo+530d903a+AekyeRrm",
        "example com+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_bad_keys_are_refused(line: str) -> None:
    """A verifier key line that is damaged, of another type or mistyped is refused."""
    with pytest.raises(Refused) as refused:
        VerifierKey.parse(line)
    assert refused.value.code == "BAD_VKEY"


def test_a_key_reads_back() -> None:
    """A verifier key line is read and written without change, white space around it aside."""
    assert str(VerifierKey.parse(f"  {FOO_VKEY}\n")) == FOO_VKEY


@given(data=st.binary(max_size=40), junk=st.sampled_from(["\n", " ", "=", "A", "-", "_", "é"]))
def test_base64_has_one_spelling(data: bytes, junk: str) -> None:
    """Only the encoder's own output is read; anything after it makes it another text."""
    text = base64.b64encode(data).decode()
    assert decode_base64(text) == data
    with pytest.raises(ValueError, match="base64"):
        decode_base64(text + junk)


def test_a_published_cosignature() -> None:
    """Tessera's witness Wit1 over checkpoint.3: its line verifies and tells its time (G)."""
    key = VerifierKey.parse("Wit1+9b3fb2d5+BFhZSmQj9+SoL+p/nN0Hh76xXmF7QcHfytUrI1XfSClk")
    note = (
        "example.com/log/testdata\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n\n"
        "— example.com/log/testdata M9e0lvAQRtH832pk2RTbeSeZMkp4FZSdJYFBUjO5SKxuRbywPUF3cx+HUrb50"
        "kjd3rUWW/fj53Wj1dwcwh9bGQnqVAg=\n"
    )
    line = (
        "— Wit1 mz+y1QAAAABndIWA2VhUW3ARZRd8/z/rSsa1YkMEixaCvoeTqe7721quUefVJisUsAJ4pNF/sOwXkebrs"
        "/7FDs22VuEpO6wHwmddDA=="
    )
    log = VerifierKey.parse(LOG_VKEY)
    cosigned = with_signatures(note, [line])
    assert cosigned == f"{note}{line}\n"
    verified = verify_note(cosigned, [log, key])
    assert verified.verified == (log.name, "Wit1")
    assert verified.keys == (log, key)
    assert verified.cosignatures == (Cosignature(key, 1_735_689_600),)
    with pytest.raises(NoteError, match="Wit1"):
        verify_note(cosigned.replace("\n3\n", "\n4\n"), [key])


def test_the_time_stands_in_the_signature() -> None:
    """The published excerpt of a real cosignature names the second that it was made (G)."""
    line = (
        "— witness.example "
        + base64.b64encode(base64.b64decode("ZGhGuQAAAABm/qTPeyKX") + bytes(60)).decode()
    )
    signature = parse_signature(line).signature
    assert time_of(signature) == 1_727_964_367


def test_two_signers_of_one_note() -> None:
    """While a log changes its key both sign: either key alone verifies, and both are named."""
    old, new = FileKeyring(KEY.name, b"\x01" * 32), FileKeyring(KEY.name, b"\x03" * 32)
    new_key = VerifierKey.of(new.name, new.public_key)
    checkpoint = Checkpoint(KEY.name, 3, b"\x07" * 32)
    note = sign_note(checkpoint, [new, old])
    assert [line.key_id for line in split_note(note)[1]] == [new_key.key_id, KEY.key_id]
    assert verify_note(note, [KEY]).keys == (KEY,)
    both = verify_note(note, [KEY, new_key])
    assert both.keys == (new_key, KEY)
    assert both.verified == (KEY.name,)
    assert sign_note(checkpoint, [old]) == sign_checkpoint(
        checkpoint, name=KEY.name, key_id=KEY.key_id, sign=SIGNER.sign
    )


@pytest.mark.parametrize("length", [1, 68, 2_420, 2_428, 10_000])
def test_unknown_signatures_of_any_length_are_tolerated(length: int) -> None:
    """An ML-DSA-44 cosignature has 2,428 bytes; whoever does not know it reads past it."""
    line = signature_line("witness.example/pq", b"\x06\x07\x08\x09", b"\x01" * length)
    verified = verify_note(with_signatures(note_text(TEXT, [LINE]), [line]), [KEY])
    assert verified.verified == (KEY.name,)
    assert [len(unknown.signature) for unknown in verified.unknown] == [length]


def test_lines_are_added_once_and_only_if_they_are_lines() -> None:
    """What a note has already is not repeated; junk and a hundred-and-first line are refused."""
    note = note_text(TEXT, [LINE])
    assert with_signatures(note, []) == note
    assert with_signatures(note, [OTHER_LINE, LINE, OTHER_LINE]) == f"{note}{OTHER_LINE}\n"
    with pytest.raises(NoteError, match="em dash"):
        with_signatures(note, [f"{OTHER_LINE}\n"[1:]])
    many = [signature_line("w", n.to_bytes(4), b"\x01") for n in range(SIGNATURES_MAX)]
    assert len(split_note(with_signatures(note, many[1:]))[1]) == SIGNATURES_MAX
    with pytest.raises(NoteError, match="at most 100"):
        with_signatures(note, many)


def test_a_note_that_nobody_known_signed_can_still_be_read() -> None:
    """`verify_signatures` says that none of the keys signed; a bad signature still spoils it."""
    checked = verify_signatures(note_text(TEXT, [OTHER_LINE]), [KEY])
    assert (checked.text, checked.keys, checked.verified) == (TEXT, (), ())
    bad = signature_line(KEY.name, KEY.key_id, b"\x00" * 64)
    with pytest.raises(NoteError, match="does not verify"):
        verify_signatures(note_text(TEXT, [bad]), [KEY])


def test_a_log_signature_is_no_cosignature() -> None:
    """The same name and key as a witness has another id, so a log's line never counts for it."""
    witness = VerifierKey.of(KEY.name, KEY.public_key, SignatureType.COSIGNATURE)
    checked = verify_note(note_text(TEXT, [LINE]), [KEY, witness])
    assert checked.keys == (KEY,)
    assert checked.cosignatures == ()
