"""Hostile names: what a scenario calls its evals, errors, containers and files changes no output but by its own text."""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.faults.fault import Fault, Trial, expect
from benchmarks.faults.groups.accepting_server import AcceptingServer
from benchmarks.faults.groups.served import serve_once
from otel_memeval.records import from_json

NAMES: Mapping[str, str] = {
    "control characters": "a" + "".join(map(chr, range(1, 32))) + "z",
    "NUL": "a\0z",
    "backspaces and DEL": "good\b\b\b\bevil\x7f",
    "colours": "\x1b[31;1mred\x1b[0m",
    "cursor and erasing": "\x1b[2J\x1b[H\x1b[1A\x1b[2K",
    "title and link": "\x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
    "C1 controls": "\x9b2J\x90q\x9c\x85",
    "open escape sequence": "\x1b[",
    "forged lines": "a\nFORGED: stable: keeps nothing\r\nFORGED",
    "line separators": "a\u2028FORGED\u2029FORGED\x0bFORGED\x0cFORGED\x85FORGED",
    "carriage return": "evil\rgood",
    "tabs": "a\tb\t\tc",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "HTML attribute": '" onmouseover="alert(1)" \'><b>',
    "HTML entities": "&lt;b&gt; &#60;i&#62; &amp",
    "label syntax": 'x"} 1\nFORGED{a="b',
    "backslash at the end": "a\\",
    "quotes and braces": '"\'`{}[]()=,;\\"',
    "comment of the text format": "# HELP FORGED x\n# EOF",
    "bidi overrides": "\u202egnp.exe\u202d abc\u202c",
    "bidi isolates": "\u2066a\u2067b\u2068c\u2069\u200e\u200f\u061c",
    "invisible characters": "a\u200b\u2060\ufeff\u00adz",
    "emoji with joiners": "👩\u200d👩\u200d👧\u200d",
    "stacked accents": "Z" + "\u0335\u0348\u0301" * 300,
    "not characters": "\ufffe\uffff\U0010ffff\ue000",
    "half a character": "a\ud800z\udfff",
    "bytes that are not UTF-8": "a\udcff\udc80z",
    "very long": "long" * 25_000,
    "nothing": "",
    "spaces": "   \u3000 ",
    "format strings": "%s %n %(x)s {0} {x!r} $HOME ${x} `id` {{ .Value }}",
    "markup of a console": "[bold red]x[/bold red] [/] [link=http://x]y[/link] :smile:",
    "command of a build system": "::error file=a,line=1::FORGED",
    "path": "../../../../tmp/x",
    "options": "--json=/dev/null -q",
    "letters from right to left": "שלום عليكم می\u200cخواهم",
    "wide letters": "木" * 150,
}
"""Names by kind."""

_SCENARIO = """
import json, pathlib, sys
from otel_memeval import PerformanceEval

NAME = json.loads(pathlib.Path("name.json").read_text())
CLASS = NAME.replace(chr(0), "").encode("utf-8", "replace").decode() or "x"  # as Python allows it
KEPT = type(CLASS, (list,), {})()

def grow():
    KEPT.append(bytearray(20_000))
    sys.stdout.buffer.write(NAME.encode("utf-8", "surrogatepass") + b"\\n")

def bad():
    raise type(CLASS, (Exception,), {})(NAME)

IDS = dict(agent_id=NAME, model_id=NAME, num_iterations=6, max_iterations=6, warmup_runs=0)
grows = PerformanceEval(grow, name=NAME, describe=lambda: NAME, **IDS)
raises = PerformanceEval(bad, name=NAME + "2", **IDS)
"""

_REQUESTS: Mapping[str, type[Message]] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


def _target(trial: Trial, name: str) -> str:
    """Write the scenario, with the hostile name as its file's name where a file can have it; return the file's name."""
    trial.write("name.json", json.dumps(name))
    characters = name.replace("/", "").replace("\0", "").replace(":", "")
    try:
        while len(characters.encode("utf-8", "surrogateescape")) > 100:
            characters = characters[:-1]
        file = f"{characters}.py"
        (trial.folder / file).write_text(_SCENARIO, encoding="utf-8")
    except (OSError, ValueError):
        file = "scenario.py"
        trial.write(file, _SCENARIO)
    return f"./{file}"


def _check_printed(text: str) -> None:
    """Raise ``FaultFailure`` for a character that a terminal obeys, and for a line that a name has begun."""
    for character in text:
        kind = unicodedata.category(character)
        allowed = character in "\n\u200c" or kind not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        expect(allowed, f"printed {character!r}")
    expect(not re.search(r"(?m)^(?:FORGED|::)", text), "a name began a line")


class _Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the names."""
        self.found |= {tag, *(f"{tag} {name}" for name, _ in attrs)}


def _tags(page: str) -> set[str]:
    parser = _Tags()
    parser.feed(page)
    return parser.found


def _check_gauges(text: str) -> None:
    """Raise ``FaultFailure`` for a text that is not the text format, or has a series that is not the tool's."""
    for family in text_string_to_metric_families(text):
        expect(family.name.startswith("memeval_"), f"a metric {family.name[:40]!r}")
        for sample in family.samples:
            expect(all(value.isprintable() or "\u200c" in value for value in sample.labels.values()), "a label has controls")
            expect(all(len(value) <= 200 for value in sample.labels.values()), "a label is too long")


def in_one_run(name: str, trial: Trial) -> None:
    """Measure two evals of the name; every output stays readable by its own rules."""
    target = _target(trial, name)
    with AcceptingServer() as server:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url}
        options = ("--events", "both", "--debug", "--json", "result.json", "--textfile", "gauges.prom")
        done = trial.run(target, *options, "--pushgateway", server.url, environment=environment, statuses=(3,))
        bodies = list(server.bodies)
    _check_printed(done.output)
    results = from_json(Path(trial.folder, "result.json").read_bytes())
    expect([result.verdict.state for result in results] == ["leaking", "failed"], "the verdicts changed")
    _check_gauges(Path(trial.folder, "gauges.prom").read_text(encoding="utf-8"))
    paths = set()
    for body in bodies:
        path = body.split(b" ", 1)[0].decode()
        if path in _REQUESTS:
            paths.add(path)
            _REQUESTS[path]().ParseFromString(body[2 * len(path) + 2 :])
    expect(paths == set(_REQUESTS), f"only {sorted(paths)} were sent")
    expect(any(body.startswith(b"/metrics/job/") for body in bodies), "nothing was pushed")


def in_a_service(name: str, trial: Trial) -> None:
    """Measure the evals in a service: its log has one line a run, its pages have no tag of the name."""
    trial.write("targets", f"{_target(trial, name)}\n".encode("utf-8", "surrogateescape"))
    listed = name.isprintable() and name == name.strip()
    target = ("--targets", "targets") if listed else (_target(trial, name),)
    options = "--iterations 4 --state state"
    pages = serve_once(trial, "result.json", *target, *options.split())
    log = pages.pop("log")
    _check_printed(log)
    expect(all(re.match(r"20\d\d-\d\d-\d\dT", line) for line in log.splitlines()), "a line of the log has no time")
    expected = {"html", "head", "meta", "link", "title", "style", "script", "noscript", "body", "main", "footer", "h1", "p"}
    expected |= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "br", "span", "time", "strong", "a"}
    found = _tags(pages["/"])
    tags = {tag.split()[0] for tag in found}
    expect(tags <= expected, f"tags of a name: {tags - expected}")
    expect(pages["/"].count("<script") == 1, "a script of a name")
    attributes = {"lang", "charset", "name", "content", "http-equiv", "scope", "class", "datetime", "href", "rel", "role"}
    attributes |= {"tabindex", "aria-label", "data-revision"}
    expect({tag.split()[1] for tag in found if " " in tag} <= attributes, "attributes of a name")
    _check_gauges(pages["/metrics"])
    expect(len(json.loads(Path(trial.folder, "state").read_bytes())["evals"]) == 2, "the state has not two evals")


def in_wrong_usage(name: str, trial: Trial) -> None:
    """Name a target, a file and an option that do not exist."""
    argument = name.replace("\0", "").encode("utf-8", "surrogateescape" if "\ud800" not in name else "replace")[:5000]
    text = argument.decode("utf-8", "surrogateescape")
    for command in ((f"x{text}.py",), ("x.py", f"--{text}"), ("x.py", "--json", f"no/{text}/x"), ("replay", f"x{text}")):
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
        done = trial.run(*command, environment=environment, statuses=(2,))
        _check_printed(done.output)


def without_unicode(name: str, trial: Trial) -> None:
    """Measure in a C locale whose streams take ASCII only."""
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = trial.run(_target(trial, name), "--json", "result.json", environment=environment, statuses=(3,))
    _check_printed(done.output)
    expect(done.output.isascii(), "printed more than ASCII")


_ANSWERS = {
    "raises an error": ("Odd(ValueError('FORGED'))", 3),
    "ends the process": ("Odd(SystemExit(0))", 3),
    "is no text": ("Odd(None)", 3),
    "never fits a line": ("'long ' * 3_000_000", 0),
    "is nothing": ("None", 0),
    "is half a character": ("chr(0xd800) + chr(27) + '[2J'", 0),
}
"""Answers of ``describe``, and the status of the run."""


def with_answer(expression: str, status: int, trial: Trial) -> None:
    """Measure an eval whose ``describe`` returns the answer: it is shown on one line, or the set-up has failed."""
    odd = "class Odd:\n    def __init__(self, error): self.error = error\n    def __str__(self):\n"
    odd += "        if self.error: raise self.error\n        return 7\n"
    trial.write("odd.py", f"{odd}def run(): bytearray(1000)\ndef describe(): return {expression}\n")
    done = trial.run("odd.py", "--json", "result.json", "--iterations", "3", statuses=(status,))
    _check_printed(done.output)
    (result,) = from_json(Path(trial.folder, "result.json").read_bytes())
    expect(len(result.run.description) <= 300, "the description is too long")
    if status:
        expect(result.failure is not None and "describe failed" in result.failure.message, f"not told: {result.failure}")


_WAYS = {
    "in one run": in_one_run,
    "in a service": in_a_service,
    "in wrong usage": in_wrong_usage,
    "in a C locale": without_unicode,
}
_IN_CI = {"half a character in one run", "HTML attribute in a service", "letters from right to left in a C locale"}


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""

    def attempt(kind: str, way: str, trial: Trial) -> None:
        _WAYS[way](NAMES[kind], trial)

    return [
        *(
            Fault(f"{kind} {way}", functools.partial(attempt, kind, way), in_ci=f"{kind} {way}" in _IN_CI)
            for kind in NAMES
            for way in _WAYS
        ),
        *(
            Fault(f"answer of describe that {kind}", functools.partial(with_answer, *answer), in_ci=kind == "is no text")
            for kind, answer in _ANSWERS.items()
        ),
    ]
