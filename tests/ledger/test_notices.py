"""Entries about the ledger itself: their bytes are a promise too."""

from hashlib import sha256

import pytest

from tallystick.execution.entries import decode, encode, keys_of
from tallystick.ledger.notices import (
    HeadText,
    KeysChanged,
    LedgerReconciled,
    Notice,
    QldbImported,
    QldbRevision,
    SubjectErased,
    SubjectRecorded,
    key_of,
)
from tallystick.ledger.verify.canonical import decode_canonical

AT = "2026-11-22T04:30:00.123456Z"
NOTICES: dict[str, Notice] = {
    "keys_changed": KeysChanged(AT, ("new", "old"), ("older",), "ann", "yearly"),
    "ledger_reconciled": LedgerReconciled(
        AT, HeadText(1800, "ab" * 32), HeadText(300, "cd" * 32), 1500, False, "ann", "disk"
    ),
    "ledger_reconciled, guard lost": LedgerReconciled(
        AT, None, HeadText(0, "ef" * 32), 0, True, "ann", "moved"
    ),
    "subject_recorded": SubjectRecorded(AT, "S-1", None, {"name": "ab" * 32}, "ann"),
    "subject_erased": SubjectErased(AT, "S-1", (3, 5), ("name",), "asked", "GDPR 17", "ann"),
    "qldb_revision": QldbRevision(
        strand_id="s", sequence_no=7, block_hash="YQ==", block_timestamp="2019-06-05T20:53:10Z",
        transaction_id="t", table_id="i", table_name="Car", document_id="d", version=0,
        tx_time="2019-06-05T20:53:09Z", revision_hash="Yg==", data_hash="Yw==", proved=True,
        redacted=False, data={"VIN": "1N4AL11D75C109151", "n": "1.5"},
    ),
    "qldb_imported": QldbImported(
        at=AT, manifest="m", format="ion", strand_id="s", first_sequence_no=0, last_sequence_no=7,
        blocks=8, revisions=9, redacted=1, deleted=0, unproved=0, hash_only=False,
        last_block_hash="YQ==", digest="Yg==", digest_given=None,
    ),
}  # fmt: skip
# Never to change: receipts that were given out hold these bytes and hashes.
GOLDEN = {
    "keys_changed": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"ann","kind":"keys_changed","reason":"y'
            'early","retired":["older"],"v":1,"vkeys":["new","old"]}'
        ),
        "99c73b652113dbf39b7521b179c2058f14a1d8c40d2bca2271f67d7f059272d5",
    ),
    "ledger_reconciled": (
        (
            '{"abandoned":false,"at":"2026-11-22T04:30:00.123456Z","by":"ann","held":{"root":'
            '"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","size":300},"'
            'kind":"ledger_reconciled","reason":"disk","recovered":1500,"signed":{"root":"aba'
            'babababababababababababababababababababababababababababababab","size":1800},"v":'
            "1}"
        ),
        "b754971fe43a8543f685fc5e8c1621796f5b139cef010090c530ae9263c1a273",
    ),
    "ledger_reconciled, guard lost": (
        (
            '{"abandoned":true,"at":"2026-11-22T04:30:00.123456Z","by":"ann","held":{"root":"'
            'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef","size":0},"kin'
            'd":"ledger_reconciled","reason":"moved","recovered":0,"signed":null,"v":1}'
        ),
        "839639d6b3381b3786d487bb1cea3ed52ed15d8b133e91110060397c2e3eb7d7",
    ),
    "subject_recorded": (
        (
            '{"account":null,"at":"2026-11-22T04:30:00.123456Z","by":"ann","fields":{"name":"'
            'abababababababababababababababababababababababababababababababab"},"kind":"subje'
            'ct_recorded","subject":"S-1","v":1}'
        ),
        "f37feb36f9523d1bafd9ce2b4fb46a46372251b974b42d2b1082ffbbfae4ad1d",
    ),
    "subject_erased": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"ann","fields":["name"],"kind":"subject'
            '_erased","legal_basis":"GDPR 17","positions":[3,5],"reason":"asked","subject":"S'
            '-1","v":1}'
        ),
        "cd57df92c29c6a00b51d702e17b2b9c9c957b7a2357c08ee6a7fbf7e1ac82c70",
    ),
    "qldb_revision": (
        (
            '{"block_hash":"YQ==","block_timestamp":"2019-06-05T20:53:10Z","data":{"VIN":"1N4'
            'AL11D75C109151","n":"1.5"},"data_hash":"Yw==","data_part":null,"document_id":"d"'
            ',"kind":"qldb_revision","part":1,"parts":1,"proved":true,"redacted":false,"revis'
            'ion_hash":"Yg==","sequence_no":7,"strand_id":"s","table_id":"i","table_name":"Ca'
            'r","transaction_id":"t","tx_time":"2019-06-05T20:53:09Z","v":1,"version":0}'
        ),
        "0131a9d5312ad3a0f68b534ce468d03602cb66d0cbe88c7301f2f39b3bfadb35",
    ),
    "qldb_imported": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","blocks":8,"deleted":0,"digest":"Yg==","dige'
            'st_given":null,"first_sequence_no":0,"format":"ion","hash_only":false,"kind":"ql'
            'db_imported","last_block_hash":"YQ==","last_sequence_no":7,"manifest":"m","redac'
            'ted":1,"revisions":9,"strand_id":"s","unproved":0,"v":1}'
        ),
        "3a364c7ff66e7c437043515d6f35bfea9c13ac24ba4ac03a0dd9c4c0a3359e13",
    ),
}


@pytest.mark.parametrize("name", NOTICES)
def test_golden_bytes(name: str) -> None:
    """The facts are these bytes, the bytes this leaf, and the bytes these facts."""
    text, leaf = GOLDEN[name]

    assert encode(NOTICES[name]) == text.encode()
    assert sha256(b"\x00" + text.encode()).hexdigest() == leaf
    assert decode(text.encode()) == NOTICES[name]
    decode_canonical(text.encode())


def test_every_kind_has_a_golden_vector() -> None:
    """A new kind of notice needs its vector in this file."""
    kinds = {name.partition(",")[0] for name in NOTICES}

    assert kinds == {kind.__struct_config__.tag for kind in Notice.__args__}


def test_what_is_appended_once_has_a_key() -> None:
    """The revisions of a QLDB journal, each part apart, and the summary; an erasure."""
    keys = {name: key_of(notice) for name, notice in NOTICES.items()}

    assert {name for name, key in keys.items() if key} == {
        "qldb_revision",
        "qldb_imported",
        "subject_erased",
    }
    assert keys["qldb_revision"] == "qldb/s/7/d/0"
    assert keys["qldb_imported"] == "qldb/s/0-7"
    assert keys["subject_erased"] == "subject-erased S-1"
    assert keys_of(NOTICES["qldb_revision"]) == ("qldb/s/7/d/0",)
    assert keys_of(NOTICES["keys_changed"]) == ()
