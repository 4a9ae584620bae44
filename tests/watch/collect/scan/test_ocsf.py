"""Findings in OCSF's words: what consumers of class 2006 need, and never a value."""

from tallystick.watch.collect.redact import FINDERS
from tallystick.watch.collect.scan import ScanFinding, ocsf_finding

NOW_NS = 1_795_357_324_428_000_000
FINDING = ScanFinding("PAN", "critical", "part-1.parquet", "main", "/body", 3, 77)


def test_an_event() -> None:
    """Required members of the class, with ids and their captions."""
    event = ocsf_finding(FINDING, NOW_NS)

    assert event["class_uid"] == 2006
    assert event["type_uid"] == 200601
    assert event["category_uid"] == 2
    assert event["activity_id"] == 1
    assert event["time"] == 1_795_357_324_428
    assert (event["severity_id"], event["severity"]) == (5, "Critical")
    assert event["message"] == "PAN stands 3 times in part-1.parquet /body."
    assert event["resources"] == [
        {
            "name": "part-1.parquet", "type": "log index", "group": {"name": "main"},
            "data": {"field": "/body", "line": 77},
        }
    ]  # fmt: skip


def test_the_same_finding_has_the_same_uid() -> None:
    """In every scan, however often it is found by then; another place is another finding."""
    same = ScanFinding("PAN", "critical", "part-1.parquet", "main", "/body", 5, 1)
    other = ScanFinding("PAN", "critical", "part-1.parquet", "main", "/card", 3, 77)
    uids = [ocsf_finding(f, NOW_NS)["finding_info"]["uid"] for f in (FINDING, same, other)]  # type: ignore[index]

    assert uids[0] == uids[1] != uids[2]


def test_every_kind_has_a_category() -> None:
    """Cards are financial, addresses personal, what opens doors is security; the rest business."""
    names = {
        kind: ocsf_finding(ScanFinding(kind, "low", "s", "i", "", 1, 1), 0)["data_security"][
            "category"
        ]  # type: ignore[index]
        for kind in (*FINDERS, "SECRET", "CLIENT_ID")
    }
    assert {k for k, name in names.items() if name == "Financial"} == {"PAN", "IBAN"}
    assert {k for k, name in names.items() if name == "Personal"} == {"EMAIL"}
    assert {k for k, name in names.items() if name == "Governmental"} == {"US_SSN"}
    assert {k for k, name in names.items() if name == "Business"} == {"CLIENT_ID"}
