"""Entries about the ledger itself: their bytes are a promise too."""

from hashlib import sha256

import pytest

from tallystick.execution.entries import decode, encode, keys_of
from tallystick.ledger.notices import (
    AnomalyJudged,
    ArchiveDeleted,
    ArchiveRestored,
    BacktestSummary,
    HeadText,
    KeysChanged,
    LedgerReconciled,
    LegalHoldReleased,
    LegalHoldSet,
    LogUnmasked,
    ModelPromoted,
    Notice,
    QldbImported,
    QldbRevision,
    RetentionChanged,
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
    "archive_restored": ArchiveRestored(
        at=AT, restore="R-1", index="main", earliest="2026-01-01T00:00:00.000000Z", latest=None,
        parts=3, size=400_000_000, parts_hash="ab" * 32, tier="bulk", days=7, by="ann",
        reason="audit",
    ),
    "legal_hold_set": LegalHoldSet(AT, "H-1", None, None, AT, "ann", "case 12"),
    "legal_hold_released": LegalHoldReleased(AT, "H-1", "ann", "case 12 is over"),
    "retention_changed": RetentionChanged(
        at=AT, change="C-1", index="main", earliest=None, latest=None, parts=3,
        parts_hash="ab" * 32, mode="compliance", until="2040-01-01T00:00:00.000000Z",
        bypass=False, by="ann", reason="new rule",
    ),
    "archive_deleted": ArchiveDeleted(
        at=AT, deletion="D-1", index="debug", earliest=None, latest=AT, parts=1, size=77,
        parts_hash="ab" * 32, bypass=True, by="ann", reason="by mistake",
    ),
    "log_unmasked": LogUnmasked(AT, 7, "main", ("/body", "/user/0"), "ann", "case 12"),
    "anomaly_judged": AnomalyJudged(
        at=AT, anomaly="order_size-7", detector="order_size", entity="acme EURUSD", client="acme",
        verdict="dismissed", reason="agreed by phone", p_value="1.3e-08",
        sentence="5,000,000 came where 1,000,000 is usual.", position=7, scope="stream", until=AT,
        by="ann", key="write ann k-1", request="ab" * 32,
    ),
    "anomaly_judged, of no entry": AnomalyJudged(
        at=AT, anomaly="log_silence-0011223344556677", detector="log_silence", entity="main",
        client=None, verdict="confirmed", reason="it was down", p_value="1e-12",
        sentence="No line for 9 minutes.", position=None, scope="entity", until=None, by="ann",
    ),
    "model_promoted": ModelPromoted(
        at=AT, model="0123456789ab", previous="ba9876543210", scope="detect", rollback=False,
        backtest=BacktestSummary("ab" * 32, 0, 1_000, 990, 3, 2, 0, 1, "ba9876543210", 4, 2),
        reason="finds more", by="ann", key="write ann k-1", request="ab" * 32,
    ),
    "model_promoted, back": ModelPromoted(
        AT, "ba9876543210", "0123456789ab", "detect", True, None, "too loud", "ann"
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
    "archive_restored": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"ann","days":7,"earliest":"2026-01-01T0'
            '0:00:00.000000Z","index":"main","kind":"archive_restored","latest":null,"parts":'
            '3,"parts_hash":"abababababababababababababababababababababababababababababababab'
            '","reason":"audit","restore":"R-1","size":400000000,"tier":"bulk","v":1}'
        ),
        "215e1105bd591b67ad0ae575aeefebd283a3bc2a0b1c69066c955d4d5f169515",
    ),
    "legal_hold_set": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"ann","earliest":null,"hold":"H-1","ind'
            'ex":null,"kind":"legal_hold_set","latest":"2026-11-22T04:30:00.123456Z","reason"'
            ':"case 12","v":1}'
        ),
        "1e450e366a63aaa105a2cbdf13c3596edf90bbfed2760cd84401337bb5a4a236",
    ),
    "legal_hold_released": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"ann","hold":"H-1","kind":"legal_hold_r'
            'eleased","reason":"case 12 is over","v":1}'
        ),
        "9bce1e145a53f2d362fa21df8517129bfd9c1d2d3d5c672f3cbf50c7aa93f5b8",
    ),
    "retention_changed": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"ann","bypass":false,"change":"C-1","ea'
            'rliest":null,"index":"main","kind":"retention_changed","latest":null,"mode":"com'
            'pliance","parts":3,"parts_hash":"abababababababababababababababababababababababa'
            'babababababababab","reason":"new rule","until":"2040-01-01T00:00:00.000000Z","v"'
            ":1}"
        ),
        "2b1d4e12a78d1c700253256f79f9e03a33a82887351610ac274139b43727aff6",
    ),
    "archive_deleted": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"ann","bypass":true,"deletion":"D-1","e'
            'arliest":null,"index":"debug","kind":"archive_deleted","latest":"2026-11-22T04:3'
            '0:00.123456Z","parts":1,"parts_hash":"ababababababababababababababababababababab'
            'ababababababababababab","reason":"by mistake","size":77,"v":1}'
        ),
        "e71fa3b9a2e454faddd5a0a9854372e148c26255aaf44365f2268879a341a04c",
    ),
    "log_unmasked": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","by":"ann","fields":["/body","/user/0"],"ind'
            'ex":"main","kind":"log_unmasked","reason":"case 12","seq":7,"v":1}'
        ),
        "e5ec52f9adeb3d67b1225e23e63607b729e1395131a08d4f5a555d04415c4b6e",
    ),
    "anomaly_judged": (
        (
            '{"anomaly":"order_size-7","at":"2026-11-22T04:30:00.123456Z","by":"ann","client"'
            ':"acme","detector":"order_size","entity":"acme EURUSD","key":"write ann k-1","ki'
            'nd":"anomaly_judged","p_value":"1.3e-08","position":7,"reason":"agreed by phone"'
            ',"request":"abababababababababababababababababababababababababababababababab","s'
            'cope":"stream","sentence":"5,000,000 came where 1,000,000 is usual.","until":"20'
            '26-11-22T04:30:00.123456Z","v":1,"verdict":"dismissed"}'
        ),
        "9ab06fe7ed4924e14a830d07eaaa512aa4dacaa195f76277c1211b759683f4e0",
    ),
    "anomaly_judged, of no entry": (
        (
            '{"anomaly":"log_silence-0011223344556677","at":"2026-11-22T04:30:00.123456Z","by'
            '":"ann","client":null,"detector":"log_silence","entity":"main","key":null,"kind"'
            ':"anomaly_judged","p_value":"1e-12","position":null,"reason":"it was down","requ'
            'est":null,"scope":"entity","sentence":"No line for 9 minutes.","until":null,"v":'
            '1,"verdict":"confirmed"}'
        ),
        "537cb34be43b776e7b4924db9c0d5e8dbb8acd83fdfcff1f1fe0e1c0f043ff1d",
    ),
    "model_promoted": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","backtest":{"against":"ba9876543210","both":'
            '2,"confirmed":2,"digest":"ababababababababababababababababababababababababababab'
            'ababababab","dismissed":0,"found":3,"found_against":4,"from":0,"missed":1,"obser'
            'ved":990,"to":1000},"by":"ann","key":"write ann k-1","kind":"model_promoted","mo'
            'del":"0123456789ab","previous":"ba9876543210","reason":"finds more","request":"a'
            'bababababababababababababababababababababababababababababababab","rollback":fals'
            'e,"scope":"detect","v":1}'
        ),
        "92ee186914011fa9076d2167f784efb0ffff9511005c7ff2b64fdb70bb41904d",
    ),
    "model_promoted, back": (
        (
            '{"at":"2026-11-22T04:30:00.123456Z","backtest":null,"by":"ann","key":null,"kind"'
            ':"model_promoted","model":"ba9876543210","previous":"0123456789ab","reason":"too'
            ' loud","request":null,"rollback":true,"scope":"detect","v":1}'
        ),
        "52816c040322d32aff46350a8e3407098e9d46d9797213932c9e3a9742739d06",
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
        "archive_restored",
        "legal_hold_set",
        "legal_hold_released",
        "retention_changed",
        "archive_deleted",
        "anomaly_judged",
        "model_promoted",
    }
    assert keys["anomaly_judged"] == "write ann k-1"
    assert keys["model_promoted"] == "write ann k-1"
    assert keys["qldb_revision"] == "qldb/s/7/d/0"
    assert keys["qldb_imported"] == "qldb/s/0-7"
    assert keys["subject_erased"] == "subject-erased S-1"
    assert keys["archive_restored"] == "archive R-1"
    assert keys["legal_hold_released"] == "archive H-1 released"
    assert keys_of(NOTICES["qldb_revision"]) == ("qldb/s/7/d/0",)
    assert keys_of(NOTICES["keys_changed"]) == ()
