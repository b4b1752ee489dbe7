"""The service as a process: pages, log and series before, between and after runs, until a signal stops it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil
import pytest

from otel_memeval.history.folder import FolderHistory
from otel_memeval.history.store import RunQuery
from tests.cli.conftest import Done, Together, Tool
from tests.cli.service import service

FINE = "def run():\n    return sorted(range(2000))\n"
NAMED = "from types import SimpleNamespace\ndef work():\n    return sorted(range(2000))\n"


def named(name: str) -> str:
    """Return a scenario with an eval of this name."""
    return f"{NAMED}weather = SimpleNamespace(func=work, name={name!r}, num_iterations=2, warmup_runs=0)\n"


def waiting(event: Path) -> str:
    """Return a scenario that creates a file and then sleeps for a minute."""
    return f"import time\ndef run():\n    open({str(event)!r}, 'w').write('begun')\n    time.sleep(60)\n"


def test_pages_are_served_during_the_first_run_and_sigterm_stops_it(tool: Tool) -> None:
    """SIGTERM ends the worker at once, and no failed run is recorded."""
    begun = tool.event("begun")
    tool.write("slow.py", waiting(begun))
    with service(tool, "slow.py", "--every", "1h") as running:
        tool.wait_for(begun)
        assert running.evals() == set()
        assert running.get("/healthz") == "ok\n"
        assert "Now running: slow.py" in running.get("/")
        stream = urllib.request.urlopen(f"{running.url}/events", timeout=10)
        assert stream.readline().startswith(b"data: ")
        assert len(tool.processes()) >= 2
        assert running.end() < 5
        assert "failed" not in running.log
        stream.close()
    saved = (
        json.loads((tool.folder.parent / "state.json").read_text()) if (tool.folder.parent / "state.json").exists() else {}
    )
    assert not saved.get("evals")


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.2])
def test_service_stops_at_any_moment_of_a_starting_run(together: Together, seconds: float) -> None:
    """While the worker starts, imports and is set up, a signal leaves no process and no failed run."""

    def ended(tool: Tool, seconds: float) -> Done:
        tool.write("fine.py", FINE)
        with service(tool, "fine.py", "--every", "1h", serve=False) as running:
            running.wait_for_line("1 target every")
            time.sleep(seconds)
            running.end()
        return Done(0, running.log, "", 0)

    cases = {str(delay): partial(ended, seconds=delay) for delay in (0.0, 0.05, 0.1, 0.2)}
    assert "failed" not in together("ending", str(seconds), cases).stdout


def test_ctrl_c_stops_the_service_between_runs(tool: Tool) -> None:
    """SIGINT works like SIGTERM, also without ``--serve``."""
    tool.write("fine.py", FINE)
    with service(tool, "fine.py", "--every", "1h", serve=False) as running:
        running.wait_for_line("fine: ")
        assert running.end(signal.SIGINT) < 5


def test_failing_targets_are_failed_runs_and_others_continue(tool: Tool) -> None:
    """Targets that raise, exit, crash, hang, cannot be loaded or do not exist fail in gauges and in one line each. A target
    that can be loaded later has its eval's name from then on. All runs are in the history.
    """
    sources = {
        "raises": "def run():\n    raise ValueError('as always')\n",
        "exits": "import os\ndef run():\n    os._exit(3)\n",
        "crashes": "import os, signal\ndef run():\n    os.kill(os.getpid(), signal.SIGKILL)\n",
        "hangs": "import time\ndef run():\n    time.sleep(60)\n",
        "imports": "import no_such_module\n",
        "fine": FINE,
    }
    for name, source in sources.items():
        tool.write(f"{name}.py", source)
    targets = [*(f"{name}.py" for name in sources), "none.py"]
    kept = str(tool.folder.parent / "history")
    with service(tool, *targets, "--every", "1s", "--timeout", "3", "--history", kept) as running:
        running.wait_for_line("none.py: failed: there is no file")
        failed = {"raises", "exits", "crashes", "hangs", "imports.py", "none.py"}
        states = running.states()
        assert {name for name, state in states.items() if state == "failed"} == failed
        assert set(states) == failed | {"fine"}
        for name in failed:
            assert running.value("memeval_last_run_success", eval=name) == 0
            assert running.value("memeval_runs_total", eval=name, state="failed") == 1
            assert sum(f" {name}: failed: " in line for line in running.lines) == 1
        assert running.value("memeval_last_run_success", eval="fine") == 1
        assert running.value("memeval_expected_interval_seconds", eval="fine") == 1
        assert "No module named" in running.get("/")
        tool.write("imports.py", named("Now it loads"))
        running.wait(lambda: "Now it loads" in running.evals())
        running.wait(lambda: "imports.py" not in running.evals())
        assert (running.value("memeval_runs_total", eval="raises", state="failed") or 0) >= 2
        (path,) = re.findall(r'href="(/evals/fine-[^"]*)"', running.get("/"))
        run_path = re.findall(r'href="(/runs/[^"]*)">', running.get(path))[0]
        assert "<h1>fine</h1>" in running.get(run_path)
        assert tool.read_json(running.get(f"{run_path}.json").encode())[0].eval.name == "fine"
        runs = sum(value for (name, _), value in running.series().items() if name == "memeval_runs_total")
        running.end()
    found = FolderHistory(kept, print).runs(RunQuery(), 1000)
    assert len(found) >= runs
    assert {run.eval for run in found if run.verdict == "failed"} == failed
    assert {run.eval for run in found if run.verdict != "failed"} == {"fine", "Now it loads"}


def test_state_is_restored_after_a_restart(tool: Tool) -> None:
    """Verdict, sentence, times and counters return before the first run, except those of removed targets."""
    begun = tool.event("begun")
    tool.write("fine.py", FINE)
    tool.write("gone.py", FINE)
    with service(tool, "fine.py", "gone.py", "--every", "1h") as running:
        running.wait_for_line("gone: ")
        before = {key: value for key, value in running.series().items() if ("eval", "gone") not in key[1]}
        assert "starting without results of earlier runs" in running.log
        running.end()
    tool.write("fine.py", waiting(begun))
    with service(tool, "fine.py", "--every", "30m") as running:
        tool.wait_for(begun)
        expected = ("memeval_expected_interval_seconds", frozenset({("eval", "fine")}))
        assert running.series() == {**before, expected: 1800.0}
        assert "inconclusive" in running.get("/")
        assert "starting without" not in running.log
        running.end()
    (tool.folder.parent / "state.json").write_text("half of")
    begun = tool.event("begun again")
    tool.write("fine.py", waiting(begun))
    with service(tool, "fine.py", "--every", "1h") as running:
        running.wait_for_line("state.json: damaged")
        tool.wait_for(begun)
        assert running.evals() == set()
        running.end()


def test_turns_during_a_run_are_skipped_and_counted(tool: Tool) -> None:
    """A run takes longer than the interval, so the counter and the page have skipped turns."""
    tool.write("slow.py", "import time\ndef run():\n    time.sleep(0.4)\n")
    with service(tool, "slow.py", "--every", "300ms") as running:
        running.wait_for_line("slow: ", times=2)
        skipped = running.value("memeval_runs_skipped_total", eval="slow")
        assert skipped is not None
        assert 2 <= skipped <= 40
        assert "skipped, because earlier runs had not ended" in running.get("/")
        assert "turns skipped)" in running.log
        running.end()


def test_sighup_reads_the_targets_file_again(tool: Tool) -> None:
    """New targets are measured, removed ones lose their series, and an unreadable file changes nothing."""
    for name in ("one", "two", "three"):
        tool.write(f"{name}.py", FINE)
    listed = tool.write("targets.txt", "# first of all\none.py\n\n  two.py\n")
    with service(tool, "--targets", "targets.txt", "--every", "800ms") as running:
        running.wait_for_line("two: ")
        assert running.evals() == {"one", "two"}
        listed.write_text("two.py\nthree.py\n")
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_line("targets read again: 2")
        running.wait_for_line("three: ")
        assert running.evals() == {"two", "three"}
        listed.unlink()
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_line("the targets stay as they were")
        running.wait_for_line("three: ", times=2)
        running.end()


def test_evals_with_the_same_name_have_different_labels(tool: Tool) -> None:
    """The label of the second has its target, which is logged once; unusual and long names are labels too."""
    odd = 'a "quoted"\\\n/name\u202e' + "x" * 10_000
    tool.write("first.py", named("Weather"))
    tool.write("second.py", named("Weather"))
    tool.write("odd.py", named(odd))
    with service(tool, "first.py", "second.py", "odd.py", "--every", "1s") as running:
        running.wait(lambda: len(running.evals()) == 3)
        evals = running.evals()
        assert {"Weather", "Weather (second.py)"} < evals
        assert all(len(name) <= 200 and name.isprintable() for name in evals)
        running.wait_for_line(" Weather (second.py): ", times=2)
        assert sum("is reported as" in line for line in running.lines) == 1
        assert running.get("/").count("<tr") == 4
        running.end()


def test_removed_eval_loses_its_series(tool: Tool) -> None:
    """A new eval of the same module has series from its first run on."""
    tool.write("many.py", named("One") + named("Two").replace("weather", "other"))
    with service(tool, "many.py", "--every", "1s") as running:
        running.wait(lambda: running.evals() == {"One", "Two"})
        tool.write("many.py", named("Three") + named("Two").replace("weather", "other"))
        running.wait(lambda: running.evals() == {"Three", "Two"})
        running.end()


def test_result_file_has_the_last_cycle(tool: Tool) -> None:
    """Each file can be read at any moment and has the results of one cycle."""
    tool.write("one.py", FINE)
    tool.write("two.py", FINE)
    files = ("--json", "result.json", "--junit", "result.xml")
    with service(tool, "one.py", "two.py", "--every", "1s", *files) as running:
        running.wait_for_line("two: ", times=2)
        runs = tool.read_json((tool.folder / "result.json").read_bytes())
        assert [run.eval.name for run in runs] == ["one", "two"]
        assert ET.parse(tool.folder / "result.xml").getroot().get("tests") == "2"
        running.end()


WRONG = {
    "--serve alone": (["--serve", "0"], "--serve without --every"),
    "--state alone": (["--state", "x"], "--state without --every"),
    "--targets alone": (["--targets", "x"], "--targets without --every"),
    "--web-config alone": (["--every", "1s", "--web-config", "x"], "--web-config without --serve"),
    "no time": (["--every", "0"], "0 is not more than 0 seconds"),
    "no duration": (["--every", "often"], "is not a duration"),
    "no port": (["--every", "1s", "--serve", "here"], "there is no port in it"),
    "in process": (["--every", "1s", "--in-process"], "--every with --in-process"),
    "results on stdout": (["--every", "1s", "--json", "-"], "--every with --json -"),
    "a number": (["--every", "1s", "--iterations", "0"], "--iterations is 0"),
    "an interpreter": (["--every", "1s", "--python", "no-such-python"], "there is no such program"),
    "no list": (["--every", "1s", "--targets", "none.txt"], "--targets none.txt: No such file"),
    "no web configuration": (
        ["--every", "1s", "--serve", "0", "--web-config", "none.yml"],
        "--web-config none.yml: No such file",
    ),
    "a folder as state": (["--every", "1s", "--state", "."], "this is a folder"),
}


def refused(tool: Tool, *arguments: str) -> Done:
    """Run a command that is refused."""
    tool.write("fine.py", FINE)
    return tool.run(*arguments, json_file=False, environment={"XDG_STATE_HOME": str(tool.folder.parent / "state")})


@pytest.fixture(scope="module")
def occupied() -> Iterator[int]:
    """Return a port that another socket listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.parametrize("case", [*WRONG, "an occupied port", "no target"])
def test_wrong_usage_is_refused_before_anything_is_measured(together: Together, occupied: int, case: str) -> None:
    """The status is 2, and standard error says why."""
    taken = ["--every", "1s", "--serve", str(occupied)]
    cases = {
        **{name: (["fine.py", *arguments], said) for name, (arguments, said) in WRONG.items()},
        "an occupied port": (
            ["fine.py", *taken],
            f"--serve 127.0.0.1:{occupied}: Address already in use; name another port",
        ),
        "no target": (["--every", "1s"], "missing argument 'TARGET...'"),
    }
    runs = {name: partial(refused_in, arguments=arguments) for name, (arguments, _) in cases.items()}
    done = together("usage", case, runs)
    assert (done.status, done.stdout) == (2, "")
    assert cases[case][1] in done.text
    assert "inconclusive" not in done.text


def refused_in(tool: Tool, arguments: list[str]) -> Done:
    """Run one of the cases that run together."""
    return refused(tool, *arguments)


def test_second_service_with_the_same_state_file_is_refused(tool: Tool) -> None:
    """The lock of the first service is found."""
    tool.write("fine.py", FINE)
    with service(tool, "fine.py", "--every", "1h") as running:
        done = tool.start(
            "fine.py", "--every", "1h", "--state", str(tool.folder.parent / "state.json"), json_file=False
        ).finish()
        assert done.status == 2
        assert "another service uses this file" in done.text
        running.end()


def test_cycles_leave_no_files_and_no_zombies(tool: Tool) -> None:
    """After cycles that pass and fail, no more files are open than before, and no child is a zombie."""
    tool.write("fine.py", FINE)
    tool.write("raises.py", "def run():\n    raise ValueError\n")
    with service(tool, "fine.py", "raises.py", "none.py", "--every", "50ms") as running:
        process = psutil.Process(running.process.pid)
        running.wait_for_line("none.py: ", times=1)
        before = least_files(running.process.pid)
        running.wait_for_line("none.py: ", times=4)
        # On a busy machine half a second may have no moment without a run; files that are left would never go.
        running.wait(lambda: least_files(running.process.pid) <= before, timeout=30)
        # Each run's worker is a zombie for a moment, until the service takes its status.
        running.wait(lambda: zombies(process) == [], timeout=10)
        running.end()


def zombies(process: psutil.Process) -> list[psutil.Process]:
    """Return the children that ended and whose status nobody has taken."""
    found = []
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() == psutil.STATUS_ZOMBIE:
                found.append(child)
    return found


def least_files(process: int) -> int:
    """Return the least number of open files in half a second: a run opens and closes files."""
    least = 1000
    for _ in range(60):
        least = min(least, len(os.listdir(f"/proc/{process}/fd")))
        time.sleep(0.01)
    return least
