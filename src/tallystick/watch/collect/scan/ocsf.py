"""A finding in the words of the Open Cybersecurity Schema Framework: class 2006, version 1.4.0."""

from hashlib import sha256

from tallystick import __version__
from tallystick.watch.collect.redact import FINDERS, Severity
from tallystick.watch.collect.scan.report import ScanFinding

OCSF_VERSION = "1.4.0"
CLASS_UID = 2006
"""Data Security Finding."""
_CREATE = 1
_FINDINGS = 2
_SEVERITY_IDS: dict[Severity, int] = {"low": 2, "medium": 3, "high": 4, "critical": 5}
_PERSONAL, _GOVERNMENTAL, _FINANCIAL, _BUSINESS, _SECURITY = 1, 2, 3, 4, 6
_CATEGORIES = {"PAN": _FINANCIAL, "IBAN": _FINANCIAL, "EMAIL": _PERSONAL, "US_SSN": _GOVERNMENTAL}
_CATEGORY_NAMES = {
    _PERSONAL: "Personal", _GOVERNMENTAL: "Governmental", _FINANCIAL: "Financial",
    _BUSINESS: "Business", _SECURITY: "Security",
}  # fmt: skip
_AT_REST = 1
_OTHER_SYSTEM = 99


def ocsf_finding(finding: ScanFinding, now_ns: int) -> dict[str, object]:
    """One event as a JSON object; the same finding has the same `uid` in every scan."""
    now_ms = now_ns // 1_000_000
    category = _category(finding.kind)
    place = f"{finding.source} {finding.field}".strip()
    return {
        "activity_id": _CREATE,
        "activity_name": "Create",
        "category_uid": _FINDINGS,
        "category_name": "Findings",
        "class_uid": CLASS_UID,
        "class_name": "Data Security Finding",
        "type_uid": CLASS_UID * 100 + _CREATE,
        "time": now_ms,
        "severity_id": _SEVERITY_IDS[finding.severity],
        "severity": finding.severity.capitalize(),
        "status_id": 1,
        "status": "New",
        "count": finding.count,
        "message": f"{finding.kind} stands {_times(finding.count)} in {place or 'many places'}.",
        "metadata": {
            "version": OCSF_VERSION,
            "product": {"name": "Tallystick", "vendor_name": "Tallystick", "version": __version__},
        },
        "finding_info": {
            "uid": _uid(finding),
            "title": f"{finding.kind} in stored log lines",
            "types": [finding.kind],
            "created_time": now_ms,
        },
        "data_security": {
            "category_id": category,
            "category": _CATEGORY_NAMES[category],
            "data_lifecycle_state_id": _AT_REST,
            "detection_pattern": finding.kind,
            "detection_system_id": _OTHER_SYSTEM,
            "detection_system": "Tallystick scan",
        },
        "resources": [
            {
                "name": finding.source,
                "type": "log index",
                "group": {"name": finding.index},
                "data": {"field": finding.field, "line": finding.sample},
            }
        ],
    }


def _category(kind: str) -> int:
    if kind in _CATEGORIES:
        return _CATEGORIES[kind]
    known = FINDERS.get(kind)
    if kind == "SECRET" or (known is not None and known.credential):
        return _SECURITY
    return _BUSINESS


def _uid(finding: ScanFinding) -> str:
    place = f"{finding.kind}\n{finding.source}\n{finding.index}\n{finding.field}"
    return sha256(place.encode()).hexdigest()[:32]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
