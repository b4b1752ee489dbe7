"""JUnit XML: it has the form of Jenkins' schema, whatever the names are."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from otel_memeval.exporters.builds.junit import junit_xml
from otel_memeval.records import Failure, Holder, Verdict
from tests.exporters.builds.hostile import NAMES, MakeResult, hostile, renamed

FAIL_ON = ("leaking", "failed")

FORM = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
    ),
    "testcase": ({"skipped", "error", "failure", "system-out", "system-err"}, {"name"}, {"time", "classname", "group"}),
    "failure": (set(), set(), {"type", "message"}),
    "error": (set(), set(), {"type", "message"}),
    "skipped": (set(), set(), {"type", "message"}),
    "system-out": (set(), set(), set()),
}
"""By element: its elements, the attributes that it must have, and further ones; as in Jenkins' junit-10.xsd."""


def read(data: bytes) -> ET.Element:
    """Return the root of a document, after a check of its form."""
    root = ET.fromstring(data)
    assert root.tag == "testsuites"
    for element in root.iter():
        children, required, optional = FORM[element.tag]
        assert {child.tag for child in element} <= children
        assert required <= set(element.attrib) <= required | optional
        assert re.fullmatch(r"\d*\.\d{3}", element.get("time", "0.000"))
    (suite,) = root
    cases = suite.findall("testcase")
    for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert suite.get(count) == str(sum(case.find(tag) is not None for case in cases))
    assert suite.get("tests") == str(len(cases))
    return root


def test_each_eval_is_a_test_case(make_result: MakeResult) -> None:
    """A leak is a failure with sentence, line and container; a failed scenario an error; an interruption a skipped one."""
    failed = make_result(
        verdict=Verdict(state="failed", summary="iteration 1: ValueError: no", reasons=[]), sites=[], holders=[]
    )
    stable = make_result(verdict=Verdict(state="stable", summary="keeps nothing", reasons=[]), sites=[], holders=[])
    interrupted = renamed(make_result(failure=Failure(type="Interrupted", message="by SIGINT"), verdict=stable.verdict), "I")
    root = read(junit_xml([make_result(), failed, stable, interrupted], FAIL_ON))
    leaking, error, passed, skipped = root.findall("testsuite/testcase")
    assert (leaking.get("name"), leaking.get("classname"), leaking.get("time")) == ("An eval", "m:run", "3.000")
    failure = leaking.find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("leaking", "leaking: keeps 4.00 KiB more every iteration")
    assert (failure.text or "").splitlines() == [
        "keeps 4.00 KiB more every iteration",
        "line that grows: m.py:3 in run, +4.00 KiB per iteration",
        "container that grows: m.KEPT (list, +1 per iteration)",
        "next: otel-memeval m:run --explain  (types, references and stacks of the growth)",
    ]
    problem = error.find("error")
    assert problem is not None
    assert problem.get("message") == "failed: iteration 1: ValueError: no"
    assert [child.tag for child in passed] == ["system-out"]
    assert [child.tag for child in skipped] == ["skipped", "system-out"]
    assert passed.findtext("system-out") == ("stable: keeps nothing\n5 iterations, +4.00 KiB per iteration, Python 3.11.7")


def test_exceeded_limit_and_failed_tear_down_are_failures(make_result: MakeResult) -> None:
    """They fail a run whose verdict passes, under names of their own."""
    stable = Verdict(state="stable", summary="keeps nothing", reasons=[])
    limit = make_result(
        verdict=stable, limits_exceeded=["the peak grew by 2 KiB per iteration; --max-peak-growth allows 0 B"]
    )
    tear_down = make_result(verdict=stable, failure=Failure(type="ValueError", message="no"))
    first, second = read(junit_xml([limit, tear_down], FAIL_ON)).findall("testsuite/testcase")
    (reported,) = read(junit_xml([make_result(failure=tear_down.failure)], ())).findall("testsuite/testcase")
    assert [element.get("message") for element in reported.findall("error")] == ["failed: ValueError: no"]
    assert [element.get("type") for element in first.findall("failure")] == ["limit-exceeded"]
    assert [element.get("message") for element in second.findall("error")] == ["failed: ValueError: no"]


def test_no_result_is_an_empty_suite() -> None:
    """A target that cannot be loaded has no result."""
    assert read(junit_xml([], FAIL_ON)).findall("testsuite/testcase") == []


@pytest.mark.parametrize("state", ["leaking", "failed", "stable"])
@pytest.mark.parametrize("name", NAMES)
def test_names_are_text(name: str, state: str, make_result: MakeResult) -> None:
    """No name is markup, or a character that XML forbids; the document has one test case."""
    data = junit_xml([hostile(make_result, name, state)], FAIL_ON)
    (case,) = read(data).findall("testsuite/testcase")
    assert all(text.isprintable() for element in case.iter() for text in [*element.attrib.values()])
    assert case.get("name") is not None


def test_containers_without_a_path_are_described(make_result: MakeResult) -> None:
    """A container that no module leads to has a line too."""
    data = junit_xml([make_result(holders=[Holder(path="", type="dict", length=5, items_per_iteration=0.5)])], FAIL_ON)
    assert b"container that grows: a container that no module leads to (dict, +0.5 per iteration)" in data
