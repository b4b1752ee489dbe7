"""Write results as JUnit XML, as Jenkins' schema has it: one test suite, a test case for each eval. Pure.

https://github.com/jenkinsci/xunit-plugin (junit-10.xsd). Texts are printable: XML has no form for other characters.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from xml.etree import ElementTree as ET

from otel_memeval.exporters.builds.details import detail_lines, growth_words
from otel_memeval.exporters.builds.findings import problems, rule_of
from otel_memeval.exporters.terminal.text import shown
from otel_memeval.records import Result
from otel_memeval.redact import visible


def junit_xml(results: Sequence[Result], fail_on: Collection[str]) -> bytes:
    """Return the document: a failed scenario is an ``error``, another result that fails is a ``failure``."""
    suite = ET.Element("testsuite", name="otel_memeval")
    cases = [_case(suite, result, fail_on) for result in results]
    seconds = sum(result.run.duration_seconds for result in results)
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
        "time": f"{seconds:.3f}",
    }
    suite.attrib.update(counts, skipped=str(sum(case.find("skipped") is not None for case in cases)))
    if results:
        suite.set("timestamp", results[0].run.started_at)
    root = ET.Element("testsuites", {"name": "otel_memeval", **counts})
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(suite: ET.Element, result: Result, fail_on: Collection[str]) -> ET.Element:
    """Add the test case of a result to the suite."""
    name, target = shown(result.eval.name), shown(result.run.target)
    case = ET.SubElement(suite, "testcase", name=name, classname=target, time=f"{result.run.duration_seconds:.3f}")
    if sentences := problems(result, fail_on):
        rule = rule_of(result, fail_on)
        problem = ET.SubElement(
            case, "error" if rule == "failed" else "failure", type=rule, message=f"{rule}: {'; '.join(sentences)}"
        )
        problem.text = "\n".join([*sentences, *detail_lines(result)])
    elif result.failure is not None:
        ET.SubElement(case, "skipped", message=visible(f"{result.failure.type}: {result.failure.message}"))
    measured = sum(iteration.phase == "measured" for iteration in result.iterations)
    lines = [
        visible(f"{result.verdict.state}: {result.verdict.summary}"),
        f"{measured} iterations, {growth_words(result)} per iteration, Python {shown(result.run.python)}",
    ]
    if result.baseline_comparison is not None:
        lines.append(visible(result.baseline_comparison.summary))
    ET.SubElement(case, "system-out").text = "\n".join(lines)
    return case
