"""Faults of files that are read: the state file, the targets file, and the project's pyproject.toml."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.faults.fault import CommandResult, Fault, Trial, expect
from benchmarks.faults.groups.special_files import as_folder, as_link, as_pipe, as_unreadable
from benchmarks.faults.limits import obey_permissions, permissions
from benchmarks.faults.running_service import SCENARIO, running_service
from otel_memeval.telemetry import SCRAPED_DURATION_BUCKETS

Content = bytes | Callable[[Path], object]
"""Content of a file, or a function that makes the file."""

DEEP = b"[" * 200_000

BOUNDS = len(SCRAPED_DURATION_BUCKETS)

GOOD: Mapping[str, object] = {
    "version": 1,
    "evals": [
        {
            "key": "scenario.py:run",
            "label": "scenario",
            "verdict": "stable",
            "sentences": ["keeps nothing"],
            "ended_seconds": 1.7e9,
            "duration_seconds": 2.0,
            "passed": True,
        }
    ],
    "states": [
        {
            "eval": "scenario",
            "gauges": [{"metric": "memeval_retained_bytes", "labels": [["eval", "scenario"]], "value": 5}],
            "iterations": {"ok": 2},
            "runs": {"stable": 3},
            "skipped": 0,
            "durations": {
                "counts": [1] + [0] * BOUNDS,
                "sum": 0.5,
                "exemplars": [{"trace_id": "ab" * 16, "seconds": 0.5, "observed_at": 1.7e9}] + [None] * BOUNDS,
            },
        }
    ],
    "export_failures": {"otlp": 1},
}
"""A state file that is used."""


def _changed(place: str, value: object) -> bytes:
    """Return the good state with another value at a place such as ``evals.0.key``."""
    content = json.loads(json.dumps(GOOD))
    *way, last = [int(step) if step.isdecimal() else step for step in place.split(".")]
    inner = content
    for step in way:
        inner = inner[step]
    inner[last] = value
    return json.dumps(content).encode()


STATES: dict[str, Content] = {
    "empty": b"",
    "half": json.dumps(GOOD).encode()[:200],
    "random bytes": bytes(range(256)) * 20,
    "zeros": b"\0" * 5000,
    "a byte-order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "a list": b"[]",
    "a number": b"7",
    "nested deep": DEEP,
    "nested deep in a field": b'{"version": 1, "evals": ' + DEEP,
    "nested deep in an unknown field": b'{"version": 1, "x": ' + DEEP + b"]" * 200_000 + b"}",
    "nested deep in mappings": b'{"version": 1, "states": ' + b'{"a": ' * 100_000,
    "a later version": _changed("version", 2),
    "version -1": _changed("version", -1),
    "a version beyond all numbers": b'{"version": 1e999}',
    "a time beyond the calendar": _changed("evals.0.ended_seconds", 1e18),
    "a time in the year 10000": _changed("evals.0.ended_seconds", 253402300800),
    "a time before the calendar": _changed("evals.0.ended_seconds", -1e15),
    "no number as a time": json.dumps(GOOD).encode().replace(b"1700000000.0", b"NaN"),
    "a duration beyond all years": _changed("evals.0.duration_seconds", 1e300),
    "a negative duration": _changed("evals.0.duration_seconds", -1.0),
    "a gauge of 400 digits": _changed("states.0.gauges.0.value", 10**400),
    "a gauge of 5,000 digits": json.dumps(GOOD).encode().replace(b'"value": 5', b'"value": ' + b"9" * 5000),
    "a count of 400 digits": _changed("states.0.runs.stable", 10**400),
    "failures of 400 digits": _changed("export_failures.otlp", 10**400),
    "a trace at a time beyond the calendar": _changed("states.0.durations.exemplars.0.observed_at", 1e300),
    "a trace that is no id": _changed("states.0.durations.exemplars.0.trace_id", "x" * 5000),
    "negative buckets": _changed("states.0.durations.counts", [-5] + [0] * BOUNDS),
    "other buckets": _changed("states.0.durations.counts", [1]),
    "a gauge without labels": _changed("states.0.gauges.0.labels", []),
    "a gauge with unknown labels": _changed("states.0.gauges.0.labels", [["a", "b"], ["c", "d"], ["e", "f"]]),
    "an unknown gauge": _changed("states.0.gauges.0.metric", "no metric\n"),
    "a label with control characters": _changed("states.0.eval", 'a\0\n"\\\x1b[31m'),
    "a label of 1 MB": _changed("states.0.eval", "x" * 1_000_000),
    "half a character": _changed("evals.0.key", "\ud800"),
    "tags in a sentence": _changed("evals.0.sentences", ["<script>alert(1)</script>"]),
    "an unknown verdict": _changed("evals.0.verdict", "fine"),
    "100,000 evals": _changed("evals", list(GOOD["evals"]) * 100_000),  # type: ignore[call-overload]
    "a pipe": as_pipe,
    "a link to itself": lambda path: as_link(path, str(path)),
    "a device without an end": lambda path: as_link(path, "/dev/zero"),
    "not readable": lambda path: as_unreadable(path, json.dumps(GOOD).encode()),
}
"""By name: a state file with which a service starts all the same, and answers all pages."""

REFUSED_STATES = ("a link to itself",)
"""State files that could not be written either: the service does not start."""


def _put(content: Content, path: Path) -> None:
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)


def _state(name: str, trial: Trial) -> None:
    _put(STATES[name], trial.folder / "state.json")
    if name in REFUSED_STATES:
        trial.write("scenario.py", SCENARIO)
        _expect_one_line(trial.run("scenario.py", "--every", "1h", "--state", "state.json", statuses=(2,)))
        return
    with running_service(trial, preexec_fn=obey_permissions) as service:
        service.expect_answers()
        service.wait_for("scenario: ", seconds=40.0)
        service.expect_answers()
        _, page = service.get("/")
        expect("<script" not in page, "a sentence of the state file is a tag")
        lines = [line for line in service.lines if "state.json" in line and "measuring 1 target" not in line]
        most = 2 if name == "a pipe" else 1  # one to read it, one to write it
        expect(len(lines) <= most and all(len(line) < 1000 for line in lines), f"not one short line: {str(lines)[:300]}")


def _expect_one_line(result: CommandResult) -> None:
    lines = result.stderr.splitlines()
    expect(len(lines) == 1 and len(lines[0]) < 1000, f"not one short line: {result.stderr[:300]!r}")


def _killed_service(trial: Trial) -> None:
    """Kill a service at random moments: each restart finds a whole state file."""
    for _ in range(3):
        trial.write("scenario.py", SCENARIO)
        given = ("scenario.py", "--every", "50ms", "--state", "state.json", "--iterations", "1", "--warmup", "0")
        with trial.started(*given) as process:
            assert process.stderr is not None
            while " scenario: " not in process.stderr.readline():
                expect(process.poll() is None, "the service ended before its first run")
            time.sleep(trial.random.random())
            process.send_signal(signal.SIGKILL)
            process.wait(10)
    path = trial.folder / "state.json"
    expect(path.is_file() and "evals" in json.loads(path.read_bytes()), "the state file is damaged")
    expect(not path.with_name("state.json.unusable").exists(), "a restart found a damaged state file")


TARGETS: dict[str, tuple[Content, bool]] = {
    "a byte-order mark": (b"\xef\xbb\xbfscenario.py\n", True),
    "line ends of Windows": (b"\xef\xbb\xbf# agents\r\nscenario.py\r\n", True),
    "blanks and comments": (b"\n\n # no\n\t scenario.py \t\n#", True),
    "the same target 100,000 times": (b"scenario.py\n" * 100_000, True),
    "a comment of 10 MB": (b"#" + b"x" * 10_000_000 + b"\nscenario.py\n", True),
    "control characters": (b"scenario.py\nno\x00file\x1b[31m.py\n", True),
    "an option": (b"scenario.py\n--json\n-v\n", True),
    "a line of 10 MB": (b"scenario.py\n" + b"x" * 10_000_000, False),
    "a line of 10 MB alone": (b"x" * 10_000_000, False),
    "a file of 100 MB": (b"scenario.py\n" * 9_000_000, False),
    "UTF-16": ("\ufeffscenario.py\n".encode("utf-16-le"), False),
    "random bytes": (bytes(range(256)) * 20, False),
    "empty": (b"", False),
    "comments only": (b"# none\n", False),
    "missing": (lambda path: path.unlink(missing_ok=True), False),
    "a folder": (as_folder, False),
    "a pipe without a writer": (as_pipe, False),
    "a link to itself": (lambda path: as_link(path, str(path)), False),
    "a device without an end": (lambda path: as_link(path, "/dev/zero"), False),
    "not readable": (lambda path: as_unreadable(path, b"scenario.py"), False),
}
"""By name: content of a targets file, and whether it can be used."""


def _targets_at_start(name: str, trial: Trial) -> None:
    content, is_usable = TARGETS[name]
    _put(content, trial.folder / "targets.txt")
    given = ("--targets", "targets.txt")
    if is_usable:
        with running_service(trial, *given) as service:
            service.wait_for(" scenario: ")
            service.expect_answers()
        return
    trial.write("scenario.py", SCENARIO)
    _expect_one_line(trial.run(*given, "--every", "1h", "--state", "s.json", statuses=(2,), preexec_fn=obey_permissions))


def _targets_read_again(trial: Trial) -> None:
    """Read each unusable file after SIGHUP: the targets stay as they were."""
    path = trial.write("targets.txt", "scenario.py\n")
    with running_service(trial, "--targets", "targets.txt", preexec_fn=obey_permissions) as service:
        service.wait_for(" scenario: ")
        unusable = [content for content, is_usable in TARGETS.values() if not is_usable]
        for number, content in enumerate(unusable, 1):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            path.unlink(missing_ok=True)
            _put(content, path)
            service.process.send_signal(signal.SIGHUP)
            service.wait_for("the targets stay as they were", times=number)
            service.expect_answers()
        expect(all(len(line) < 1000 for line in service.lines), "a line of the log has more than 1,000 characters")


_TABLE = b"[tool.otel-memeval]\n"
PROJECTS: dict[str, tuple[Content, tuple[int, ...]]] = {
    "a byte-order mark": (b"\xef\xbb\xbf" + _TABLE + b"ignore = []\n", (0,)),
    "no table": (b"[project]\nname = 'x'\n", (0,)),
    "tool is a number": (b"tool = 3\n", (2,)),
    "the table is a number": (b"[tool]\notel-memeval = 3\n", (2,)),
    "ignore is a text": (_TABLE + b"ignore = 'x'\n", (2,)),
    "ignore is nested deep": (_TABLE + b"ignore = " + b"[" * 50_000 + b"]" * 50_000, (2,)),
    "another tool is nested deep": (b"[tool.x]\na = " + b"[" * 50_000, (2,)),
    "a rule without a reason": (_TABLE + b"ignore = [{site = 'a.py:1'}]\n", (2,)),
    "a rule of unknown kind": (_TABLE + b"ignore = [{place = 'a', reason = 'b'}]\n", (2,)),
    "a rule with a pattern of nonsense": (_TABLE + b"ignore = [{site = '[!', reason = 'b'}]\n", (0, 2)),
    "a rule of 1 MB": (_TABLE + b"ignore = [{site = '" + b"*" * 1_000_000 + b"', reason = 'b'}]\n", (0, 2)),
    "an unknown setting": (_TABLE + b"ignor = []\n", (2,)),
    "a number of 5,000 digits": (_TABLE + b"ignore = " + b"9" * 5000, (2,)),
    "a date beyond the calendar": (b"a = 9999-99-99\n", (2,)),
    "not UTF-8": (b"a = '\xff'\n", (2,)),
    "UTF-16": ("[project]\n".encode("utf-16"), (2,)),
    "random bytes": (bytes(range(256)), (2,)),
    "half": (_TABLE + b"ignore = [{site", (2,)),
    "empty": (b"", (0,)),
    "a folder": (as_folder, (0,)),
    "a pipe": (as_pipe, (0,)),
    "a link to itself": (lambda path: as_link(path, str(path)), (0,)),
    "a device without an end": (lambda path: as_link(path, "/dev/zero"), (0,)),
    "not readable": (lambda path: as_unreadable(path, _TABLE), (0,)),
}
"""By name: content of a pyproject.toml, and the statuses of a run beside it."""


def _project(name: str, trial: Trial) -> None:
    content, statuses = PROJECTS[name]
    trial.write("scenario.py", SCENARIO)
    _put(content, trial.folder / "pyproject.toml")
    counts = ("--iterations", "1", "--warmup", "0", "--no-follow-up", "-q")
    result = trial.run("scenario.py", *counts, statuses=statuses, preexec_fn=obey_permissions)
    if result.status == 2:
        _expect_one_line(result)
        expect("pyproject.toml" in result.stderr, f"the line does not name the file: {result.stderr[:300]}")


def _project_in_a_service(trial: Trial) -> None:
    """Damage the project's file while a service runs: its runs fail in a line, and go on when it is good again."""
    with running_service(trial, "--every", "1s") as service:
        service.wait_for(" scenario: inconclusive")
        path = trial.write("pyproject.toml", DEEP)
        service.wait_for(" scenario: failed")
        service.expect_answers()
        before = service.log.count(" scenario: inconclusive")
        path.unlink()
        service.wait_for(" scenario: inconclusive", times=before + 1)


def _project_above(trial: Trial) -> None:
    trial.write("above/pyproject.toml", _TABLE)
    folder = trial.write("above/below/scenario.py", SCENARIO).parent

    def enter() -> None:
        os.chdir(folder)
        obey_permissions()

    with permissions(folder.parent, 0o600):
        trial.run("scenario", "--iterations", "1", "-q", statuses=(0, 2), preexec_fn=enter)


def faults() -> Sequence[Fault]:
    """Return the faults of this group."""
    return (
        *(Fault(f"the state file is or has: {name}", partial(_state, name)) for name in STATES),
        *(Fault(f"the targets file is or has: {name}", partial(_targets_at_start, name)) for name in TARGETS),
        *(
            Fault(f"pyproject.toml is or has: {name}", partial(_project, name), in_ci=name == "ignore is nested deep")
            for name in PROJECTS
        ),
        Fault("a service that is killed in its cycles", _killed_service),
        Fault("unusable targets files after SIGHUP", _targets_read_again),
        Fault("pyproject.toml is damaged while a service runs", _project_in_a_service),
        Fault("pyproject.toml in a folder that may not be searched", _project_above),
    )
