"""A crash or an interruption after the last measured iteration does not take the verdict away."""

from __future__ import annotations

import signal

from tests.cli.conftest import Tool

LEAKS_HALF_FILLED_LISTS = """
    import ctypes

    new_list = ctypes.pythonapi.PyList_New
    new_list.restype = ctypes.py_object
    new_list.argtypes = [ctypes.c_ssize_t]
    keep = ctypes.pythonapi.Py_IncRef
    keep.argtypes = [ctypes.py_object]

    def run():
        for _ in range(10):
            keep(new_list(100))  # its slots are NULL: looking into them ends the process
"""


def test_crash_in_the_search_for_holders_keeps_the_verdict(tool: Tool) -> None:
    """The measured iterations are judged; a reason names the search that the crash ended."""
    done = tool.measure(LEAKS_HALF_FILLED_LISTS, "--iterations", "12", "--warmup", "2")
    assert done.status == 1, done.text
    assert (done.result.verdict.state, done.result.failure) == ("leaking", None)
    assert done.result.sites[0].bytes_per_iteration == 8560
    assert "the search after the last iteration is incomplete" in done.result.verdict.reasons[-1]


def test_tear_down_that_fails_keeps_the_verdict(tool: Tool) -> None:
    """A process that ends itself in the tear-down, and one that raises there: the leak is reported, with the failure."""
    leak = "KEPT = []\ndef run(): KEPT.append(bytes(5000))\n"
    for tear_down, failure in [("import os; os._exit(7)", "Exit"), ("raise ValueError('no')", "ValueError")]:
        done = tool.measure(f"{leak}def teardown(): {tear_down}\n", "--iterations", "12", "--no-follow-up")
        assert done.status == 1, done.text
        assert (done.result.verdict.state, done.result.failure and done.result.failure.type) == ("leaking", failure)
        assert done.result.verdict.reasons[-1].startswith(f"{failure}: ")


LEAKS_THROUGH_A_LIBRARY = """
    import json, os, time

    KEPT, CALLS = [], []

    def run():
        CALLS.append(None)
        KEPT.append(json.loads('["a", "b", "c", %d]' % len(CALLS)))
        if len(CALLS) == 13:
            with open(os.environ["HEARD"], "w") as pipe:
                pipe.write("further")
            time.sleep(30)
"""


def test_interruption_of_the_follow_up_keeps_the_verdict(tool: Tool) -> None:
    """SIGINT during caller attribution: the verdict is of the measured iterations, the status that of an interruption."""
    heard = tool.event("further")
    tool.write("scenario.py", LEAKS_THROUGH_A_LIBRARY)
    environment = {"HEARD": str(heard)}
    started = tool.start("scenario.py", "--iterations", "12", "--warmup", "0", environment=environment)
    tool.wait_for(heard)
    started.process.send_signal(signal.SIGINT)
    done = started.finish()
    assert done.status == 130, done.text
    assert done.result.verdict.state == "leaking"
    assert done.result.failure is not None
    assert done.result.failure.type == "Interrupted"
    assert len(done.result.iterations) == 12
