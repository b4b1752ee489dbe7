"""Write findings as a Code Quality report, which GitLab shows at the lines of a merge request. Pure.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format. Findings without a line in the checkout are left
out: an entry needs a path.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha256

import msgspec

from otel_memeval.exporters.builds.checkout import CheckoutPath
from otel_memeval.exporters.builds.findings import Finding, Level, findings
from otel_memeval.records import Result

_SEVERITIES: dict[Level, str] = {"error": "critical", "warning": "minor"}


def code_quality_json(results: Sequence[Result], fail_on: Collection[str], path: CheckoutPath) -> bytes:
    """Return the document: one entry for each growing line of all results."""
    found = [finding for result in results for finding in findings(result, fail_on, path) if finding.file]
    entries = {_fingerprint(finding): finding for finding in found}
    data = msgspec.json.encode([_entry(fingerprint, finding) for fingerprint, finding in entries.items()])
    return msgspec.json.format(data, indent=2) + b"\n"


def _entry(fingerprint: str, finding: Finding) -> dict[str, object]:
    return {
        "description": finding.message,
        "check_name": f"memeval-{finding.rule}",
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[finding.level],
        "location": {"path": finding.file.encode("utf-8", "replace").decode(), "lines": {"begin": max(1, finding.line)}},
    }


def _fingerprint(finding: Finding) -> str:
    """Return the same text for the same problem in two pipelines: by the signature of the site, else by its line."""
    place = finding.signature or f"{finding.file}:{finding.line}"
    return sha256("\n".join([finding.eval, finding.rule, place]).encode("utf-8", "replace")).hexdigest()
