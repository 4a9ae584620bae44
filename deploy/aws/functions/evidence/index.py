"""Writes the day's evidence: what Config, Security Hub and AWS Backup say of the controls.

Each source becomes one JSON file under `PREFIX/YYYY/MM/DD/`; `manifest.json`, written last, has
the SHA-256 of each. A source that cannot be read is named there with its error: evidence that
is missing must be seen to be missing.
"""

import datetime as dt
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

FINDINGS_MAX = 2_000
"""Most findings in one day's file; the newest come first."""
Source = Callable[[], object]


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Write the files of the day that the schedule's event names."""
    del context
    at = dt.datetime.fromisoformat(event["time"])
    return collect(at, boto3.client)


def collect(at: dt.datetime, client: Callable[[str], Any]) -> dict[str, Any]:
    """Ask every source and write what it said; returns the manifest."""
    folder = f"{os.environ['PREFIX']}/{at:%Y/%m/%d}"
    store = client("s3")
    files: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name, source in _sources(client).items():
        try:
            body = _bytes(source())
        except (ClientError, BotoCoreError) as wrong:
            missing[name] = str(wrong)
            continue
        files[name] = hashlib.sha256(body).hexdigest()
        _put(store, f"{folder}/{name}.json", body)
    manifest = {"at": at.isoformat(), "sha256": files, "missing": missing}
    _put(store, f"{folder}/manifest.json", _bytes(manifest))
    return manifest


def _sources(client: Callable[[str], Any]) -> dict[str, Source]:
    config, hub, backup = client("config"), client("securityhub"), client("backup")
    return {
        "conformance": lambda: _conformance(config, os.environ["PACKS"]),
        "findings": lambda: _findings(hub),
        "restore-tests": lambda: list(_pages(backup, "list_restore_jobs", "RestoreJobs")),
        "backup-frameworks": lambda: list(_pages(backup, "list_frameworks", "Frameworks")),
    }


def _conformance(config: Any, prefix: str) -> dict[str, object]:
    """Every pack of ours: its rules, and the resources that are not as a rule wants them."""
    packs = _pages(config, "describe_conformance_packs", "ConformancePackDetails")
    names = [pack["ConformancePackName"] for pack in packs]
    return {
        name: {
            "rules": list(
                _pages(
                    config,
                    "describe_conformance_pack_compliance",
                    "ConformancePackRuleComplianceList",
                    ConformancePackName=name,
                )
            ),
            "broken": list(
                _pages(
                    config,
                    "get_conformance_pack_compliance_details",
                    "ConformancePackRuleEvaluationResults",
                    ConformancePackName=name,
                    Filters={"ComplianceType": "NON_COMPLIANT"},
                )
            ),
        }
        for name in names
        if name.startswith(prefix)
    }


def _findings(hub: Any) -> list[object]:
    """What is open, newest first."""
    wanted = {
        "RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}],
        "WorkflowStatus": [
            {"Value": state, "Comparison": "EQUALS"} for state in ("NEW", "NOTIFIED")
        ],
    }
    newest = [{"Field": "UpdatedAt", "SortOrder": "desc"}]
    found: list[object] = []
    for finding in _pages(hub, "get_findings", "Findings", Filters=wanted, SortCriteria=newest):
        if len(found) == FINDINGS_MAX:
            break
        found.append(finding)
    return found


def _pages(client: Any, operation: str, member: str, **given: object) -> Iterator[Any]:
    """Every item of a list; not all of these operations have a paginator in botocore."""
    token: dict[str, object] = {}
    while True:
        page = getattr(client, operation)(**given, **token)
        yield from page.get(member, [])
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def _bytes(document: object) -> bytes:
    return json.dumps(document, default=str, sort_keys=True, indent=1).encode()


def _put(store: Any, key: str, body: bytes) -> None:
    store.put_object(
        Bucket=os.environ["BUCKET"],
        Key=key,
        Body=body,
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
    )
