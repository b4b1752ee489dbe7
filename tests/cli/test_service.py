"""The standing exporter as a process: what it tells before, between and after runs; nothing but a signal ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Done, Together, Tool
from tests.cli.service import standing

FINE = "def run():\n    return sorted(range(2000))\n"
NAMED = "from types import SimpleNamespace\ndef work():\n    return sorted(range(2000))\n"


def named(name: str) -> str:
    """A scenario with an eval of this name."""
    return f"{NAMED}weather = SimpleNamespace(func=work, name={name!r}, num_iterations=2, warmup_runs=0)\n"


def waiting(event: Path) -> str:
    """A scenario that says when it has begun, and goes on for a minute."""
    return f"import time\ndef run():\n    open({str(event)!r}, 'w').write('begun')\n    time.sleep(60)\n"


def test_the_first_answer_comes_before_the_first_run_is_over_and_it_ends_at_once(tool: Tool) -> None:
    """Every page is there while the run goes on. SIGTERM: status 0, the worker is gone, and no run has failed."""
    begun = tool.event("begun")
    tool.write("slow.py", waiting(begun))
    with standing(tool, "slow.py", "--every", "1h") as exporter:
        tool.wait_for(begun)
        assert exporter.series() == {}
        assert exporter.get("/healthz") == "ok\n"
        assert "Now running: slow.py" in exporter.get("/")
        assert len(tool.processes()) >= 2
        assert exporter.end() < 5
        assert "failed" not in exporter.log
    saved = (
        json.loads((tool.folder.parent / "state.json").read_text()) if (tool.folder.parent / "state.json").exists() else {}
    )
    assert not saved.get("evals")


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.2])
def test_it_ends_at_any_moment_of_a_beginning_run(together: Together, seconds: float) -> None:
    """While the worker is started, imports, is set up: nothing of it is left, and no run has failed."""

    def ended(tool: Tool, seconds: float) -> Done:
        tool.write("fine.py", FINE)
        with standing(tool, "fine.py", "--every", "1h", serve=False) as exporter:
            exporter.wait_for_line("1 target every")
            time.sleep(seconds)
            exporter.end()
        return Done(0, exporter.log, "", 0)

    cases = {str(one): partial(ended, seconds=one) for one in (0.0, 0.05, 0.1, 0.2)}
    assert "failed" not in together("ending", str(seconds), cases).stdout


def test_ctrl_c_ends_it_between_two_runs(tool: Tool) -> None:
    """As SIGTERM does; without --serve it measures all the same."""
    tool.write("fine.py", FINE)
    with standing(tool, "fine.py", "--every", "1h", serve=False) as exporter:
        exporter.wait_for_line("fine: ")
        assert exporter.end(signal.SIGINT) < 5


def test_whatever_fails_is_a_failed_run_and_never_the_end(tool: Tool) -> None:
    """Raised, exited, crashed, hung, not to be loaded, not there: gauges say so, each in one line, and good ones go on. What
    can be loaded later loses the name it was known by.
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
    with standing(tool, *targets, "--every", "1s", "--timeout", "1") as exporter:
        exporter.wait_for_line("none.py: failed: there is no file")
        failed = {"raises", "exits", "crashes", "hangs", "imports.py", "none.py"}
        states = exporter.states()
        assert {name for name, state in states.items() if state == "failed"} == failed
        assert set(states) == failed | {"fine"}
        for name in failed:
            assert exporter.value("memeval_last_run_success", eval=name) == 0
            assert exporter.value("memeval_runs_total", eval=name, state="failed") == 1
            assert sum(f" {name}: failed: " in line for line in exporter.lines) == 1
        assert exporter.value("memeval_last_run_success", eval="fine") == 1
        assert exporter.value("memeval_expected_interval_seconds", eval="fine") == 1
        assert "No module named" in exporter.get("/")
        tool.write("imports.py", named("Now it loads"))
        exporter.wait(lambda: "Now it loads" in exporter.evals())
        exporter.wait(lambda: "imports.py" not in exporter.evals())
        assert (exporter.value("memeval_runs_total", eval="raises", state="failed") or 0) >= 2
        exporter.end()


def test_what_was_known_comes_back_after_a_restart(tool: Tool) -> None:
    """Verdict, sentence, times and counters, before anything is measured again; not of targets that are gone."""
    begun = tool.event("begun")
    tool.write("fine.py", FINE)
    tool.write("gone.py", FINE)
    with standing(tool, "fine.py", "gone.py", "--every", "1h") as exporter:
        exporter.wait_for_line("gone: ")
        before = {key: value for key, value in exporter.series().items() if ("eval", "gone") not in key[1]}
        assert "nothing is known of earlier runs" in exporter.log
        exporter.end()
    tool.write("fine.py", waiting(begun))
    with standing(tool, "fine.py", "--every", "30m") as exporter:
        tool.wait_for(begun)
        expected = ("memeval_expected_interval_seconds", frozenset({("eval", "fine")}))
        assert exporter.series() == {**before, expected: 1800.0}
        assert "inconclusive" in exporter.get("/")
        assert "nothing is known" not in exporter.log
        exporter.end()
    (tool.folder.parent / "state.json").write_text("half of")
    begun = tool.event("begun again")
    tool.write("fine.py", waiting(begun))
    with standing(tool, "fine.py", "--every", "1h") as exporter:
        exporter.wait_for_line("state.json: damaged")
        tool.wait_for(begun)
        assert exporter.series() == {}
        exporter.end()


def test_runs_that_come_too_soon_are_left_out_and_counted(tool: Tool) -> None:
    """A round of a second every third of one: every turn left out is in the counter and on the page."""
    tool.write("slow.py", "import time\ndef run():\n    time.sleep(0.4)\n")
    with standing(tool, "slow.py", "--every", "300ms") as exporter:
        exporter.wait_for_line("slow: ", times=2)
        skipped = exporter.value("memeval_runs_skipped_total", eval="slow")
        assert skipped is not None
        assert 2 <= skipped <= 40
        assert "skipped, because the run before was not over" in exporter.get("/")
        assert "turns skipped)" in exporter.log
        exporter.end()


def test_sighup_reads_the_targets_again(tool: Tool) -> None:
    """New ones are measured, those that are gone leave no series; a list that cannot be read changes nothing."""
    for name in ("one", "two", "three"):
        tool.write(f"{name}.py", FINE)
    listed = tool.write("targets.txt", "# first of all\none.py\n\n  two.py\n")
    with standing(tool, "--targets", "targets.txt", "--every", "800ms") as exporter:
        exporter.wait_for_line("two: ")
        assert exporter.evals() == {"one", "two"}
        listed.write_text("two.py\nthree.py\n")
        exporter.process.send_signal(signal.SIGHUP)
        exporter.wait_for_line("targets read again: 2")
        exporter.wait_for_line("three: ")
        assert exporter.evals() == {"two", "three"}
        listed.unlink()
        exporter.process.send_signal(signal.SIGHUP)
        exporter.wait_for_line("the targets stay as they were")
        exporter.wait_for_line("three: ", times=2)
        exporter.end()


def test_evals_of_one_name_are_told_apart(tool: Tool) -> None:
    """The second says where it is from, and one line says so once; odd names of any length are series all the same."""
    odd = 'a "quoted"\\\n/name\u202e' + "x" * 10_000
    tool.write("first.py", named("Weather"))
    tool.write("second.py", named("Weather"))
    tool.write("odd.py", named(odd))
    with standing(tool, "first.py", "second.py", "odd.py", "--every", "1s") as exporter:
        exporter.wait(lambda: len(exporter.evals()) == 3)
        evals = exporter.evals()
        assert {"Weather", "Weather (second.py)"} < evals
        assert all(len(name) <= 200 and name.isprintable() for name in evals)
        exporter.wait_for_line(" Weather (second.py): ", times=2)
        assert sum("is told as" in line for line in exporter.lines) == 1
        assert exporter.get("/").count("<tr>") == 4
        exporter.end()


def test_an_eval_that_a_module_no_longer_defines_is_gone(tool: Tool) -> None:
    """And of a new one there are series from its first run on."""
    tool.write("many.py", named("One") + named("Two").replace("weather", "other"))
    with standing(tool, "many.py", "--every", "1s") as exporter:
        exporter.wait(lambda: exporter.evals() == {"One", "Two"})
        tool.write("many.py", named("Three") + named("Two").replace("weather", "other"))
        exporter.wait(lambda: exporter.evals() == {"Three", "Two"})
        exporter.end()


def test_the_result_file_holds_the_last_round(tool: Tool) -> None:
    """Whole at any moment, and always of one round."""
    tool.write("one.py", FINE)
    tool.write("two.py", FINE)
    with standing(tool, "one.py", "two.py", "--every", "1s", "--json", "result.json") as exporter:
        exporter.wait_for_line("two: ", times=2)
        runs = tool.read_json((tool.folder / "result.json").read_bytes())
        assert [one.eval.name for one in runs] == ["one", "two"]
        exporter.end()


WRONG = {
    "--serve alone": (["--serve", "0"], "--serve without --every"),
    "--state alone": (["--state", "x"], "--state without --every"),
    "--targets alone": (["--targets", "x"], "--targets without --every"),
    "--web-config alone": (["--every", "1s", "--web-config", "x"], "--web-config without --serve"),
    "no time": (["--every", "0"], "no time at all"),
    "no duration": (["--every", "often"], "is not a duration"),
    "no port": (["--every", "1s", "--serve", "here"], "names no port"),
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
    """A command that does not begin."""
    tool.write("fine.py", FINE)
    return tool.run(*arguments, json_file=False, environment={"XDG_STATE_HOME": str(tool.folder.parent / "state")})


@pytest.fixture(scope="module")
def occupied() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.parametrize("case", [*WRONG, "an occupied port", "no target"])
def test_wrong_usage_is_one_line_and_nothing_is_measured(together: Together, occupied: int, case: str) -> None:
    """Status 2 before anything is measured."""
    taken = ["--every", "1s", "--serve", str(occupied)]
    cases = {
        **{name: (["fine.py", *arguments], said) for name, (arguments, said) in WRONG.items()},
        "an occupied port": (
            ["fine.py", *taken],
            f"--serve 127.0.0.1:{occupied}: Address already in use; name another port",
        ),
        "no target": (["--every", "1s"], "Missing argument 'TARGET...'"),
    }
    runs = {name: partial(refused_in, arguments=arguments) for name, (arguments, _) in cases.items()}
    done = together("usage", case, runs)
    assert (done.status, done.stdout) == (2, "")
    assert cases[case][1] in done.text
    assert "inconclusive" not in done.text


def refused_in(tool: Tool, arguments: list[str]) -> Done:
    """The same, for cases that run together."""
    return refused(tool, *arguments)


def test_two_exporters_do_not_write_one_state_file(tool: Tool) -> None:
    """The second is refused."""
    tool.write("fine.py", FINE)
    with standing(tool, "fine.py", "--every", "1h") as exporter:
        done = tool.start(
            "fine.py", "--every", "1h", "--state", str(tool.folder.parent / "state.json"), json_file=False
        ).finish()
        assert done.status == 2
        assert "another exporter holds it" in done.text
        exporter.end()


def test_nothing_is_left_in_the_process_after_some_rounds(tool: Tool) -> None:
    """After rounds that pass and that fail, as many files and threads are open as before, and no child is a zombie."""
    tool.write("fine.py", FINE)
    tool.write("raises.py", "def run():\n    raise ValueError\n")
    with standing(tool, "fine.py", "raises.py", "none.py", "--every", "50ms") as exporter:
        process = psutil.Process(exporter.process.pid)
        exporter.wait_for_line("none.py: ", times=1)
        before = least_files(exporter.process.pid)
        exporter.wait_for_line("none.py: ", times=4)
        assert least_files(exporter.process.pid) <= before
        assert all(child.status() != psutil.STATUS_ZOMBIE for child in process.children())
        exporter.end()


def least_files(process: int) -> int:
    """Open files, the least of a while: those of a run that is under way come and go."""
    least = 1000
    for _ in range(60):
        least = min(least, len(os.listdir(f"/proc/{process}/fd")))
        time.sleep(0.01)
    return least
