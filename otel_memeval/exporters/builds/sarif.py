"""Write findings as SARIF 2.1.0, which code scanning of GitHub and others reads. Pure.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. Findings without a line in the checkout are notifications:
GitHub refuses a file with a result that has no location.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from urllib.parse import quote

import msgspec

from otel_memeval.exporters.builds.checkout import CheckoutPath
from otel_memeval.exporters.builds.findings import RULES, Finding, findings
from otel_memeval.records import Result
from otel_memeval.version import __version__

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_FINGERPRINT = "memevalSite/v1"
"""Name of the site's signature, by which a line is the same when lines above it move."""

_PLACEHOLDER = re.compile(r"\{(?=\d+\})")


def sarif_json(results: Sequence[Result], fail_on: Collection[str], path: CheckoutPath) -> bytes:
    """Return the document: one run of the tool with the findings of all results."""
    found = [finding for result in results for finding in findings(result, fail_on, path)]
    rules = [rule for rule in RULES if any(finding.rule == rule for finding in found)]
    invocation = {
        "executionSuccessful": all(result.verdict.state != "failed" for result in results),
        "toolExecutionNotifications": [_notification(finding) for finding in found if not finding.file],
    }
    run = {
        "tool": {"driver": {"name": "otel-memeval", "version": __version__, "rules": [_rule(rule) for rule in rules]}},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, rules) for finding in found if finding.file],
    }
    data = msgspec.json.encode({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})
    return msgspec.json.format(data, indent=2) + b"\n"


def _rule(rule: str) -> dict[str, object]:
    text = {"text": RULES[rule]}
    return {"id": rule, "shortDescription": text, "fullDescription": text, "help": text}


def _result(finding: Finding, rules: Sequence[str]) -> dict[str, object]:
    artifact = {"uri": quote(finding.file, errors="replace"), "uriBaseId": "%SRCROOT%"}
    place = {"artifactLocation": artifact, "region": {"startLine": max(1, finding.line)}}
    result: dict[str, object] = {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.level,
        "message": _message(finding),
        "locations": [{"physicalLocation": place}],
    }
    return {**result, "partialFingerprints": {_FINGERPRINT: finding.signature}} if finding.signature else result


def _notification(finding: Finding) -> dict[str, object]:
    return {"level": finding.level, "message": _message(finding), "associatedRule": {"id": finding.rule}}


def _message(finding: Finding) -> dict[str, str]:
    """Return the text of a finding, without the two forms that a reader replaces: ``{0}`` and links (3.11.5, 3.11.6)."""
    return {"text": _PLACEHOLDER.sub("{ ", finding.message).replace("](", "] (")}
