"""Code Quality reports of GitLab: an entry for each growing line, in the documented format."""

from __future__ import annotations

import json

import msgspec
import pytest

from otel_memeval.exporters.builds.code_quality import code_quality_json
from otel_memeval.records import Failure, Verdict
from tests.exporters.builds.hostile import NAMES, MakeResult, hostile

FAIL_ON = ("leaking", "failed")


def test_each_growing_line_is_an_entry(make_result: MakeResult) -> None:
    """The sentence, rule, severity and line; the fingerprint stays when the line moves, and differs for another eval."""
    site = make_result().sites[0]
    moved = msgspec.structs.replace(site, line=40)
    renamed = msgspec.structs.replace(make_result().eval, name="Another eval")
    creeping = make_result(verdict=Verdict(state="creeping", summary="needs more", reasons=[]))
    first, other, warning = json.loads(code_quality_json([make_result(), make_result(eval=renamed), creeping], FAIL_ON, str))
    assert first == {
        "description": "An eval: keeps 4.00 KiB more every iteration",
        "check_name": "memeval-leaking",
        "fingerprint": first["fingerprint"],
        "severity": "critical",
        "location": {"path": "m.py", "lines": {"begin": 3}},
    }
    assert (warning["check_name"], warning["severity"]) == ("memeval-creeping", "minor")
    assert len({first["fingerprint"], other["fingerprint"], warning["fingerprint"]}) == 3
    (again,) = json.loads(code_quality_json([make_result(sites=[moved])], FAIL_ON, str))
    assert (again["fingerprint"], again["location"]["lines"]["begin"]) == (first["fingerprint"], 40)


def test_problem_without_a_line_in_the_checkout_has_no_entry(make_result: MakeResult) -> None:
    """An empty report is an empty list, which GitLab takes for no problems."""
    verdict = Verdict(state="failed", summary="ValueError: no", reasons=[])
    result = make_result(verdict=verdict, failure=Failure(type="ValueError", message="no"))
    assert json.loads(code_quality_json([result], FAIL_ON, lambda _: "")) == []


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text(name: str, make_result: MakeResult) -> None:
    """No text has a control character; a name that is not UTF-8 can be written."""
    for entry in json.loads(code_quality_json([hostile(make_result, name)], FAIL_ON, lambda file: file)):
        assert entry["description"].isprintable()
        assert entry["location"]["path"]
