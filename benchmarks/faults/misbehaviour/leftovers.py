"""Processes that the scenario leaves behind, however they detach themselves and wherever they start: all end with the run."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.faults.fault import CommandResult, Fault, expect

from .misbehaviour import Runs, Scenario, errors, last_line, misbehaviour

MOST_SECONDS = 30.0
"""Longest time of a run: five seconds for processes that clean up, the rest for a busy machine."""

_STARTS = """
def fork_twice(after):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: after()
        os._exit(0)
    os.wait()
def sleep_for_ever():
    while True: time.sleep(1000)
def deaf():
    for n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)
    sleep_for_ever()
def close_all_and_sleep():
    os.closerange(0, 1000)
    sleep_for_ever()
def change_all():
    os.closerange(0, 1000); os.chdir('/'); os.execve('/bin/sleep', ['sleep', '1000'], {})
SLEEP = ['/bin/sleep', '1000']
"""

_WAYS = {
    "a child": "subprocess.Popen(SLEEP)",
    "a child without an environment": "subprocess.Popen(SLEEP, env={})",
    "a child in a session of its own": "subprocess.Popen(SLEEP, start_new_session=True)",
    "a child that has neither": "subprocess.Popen(SLEEP, env={}, start_new_session=True)",
    "a child that has neither and closes its streams": "n = subprocess.DEVNULL; subprocess.Popen(SLEEP, env={}, start_new_session=True, stdin=n, stdout=n, stderr=n)",
    "a child that holds all descriptors": "subprocess.Popen(SLEEP, env={}, start_new_session=True, close_fds=False)",
    "a grandchild": "subprocess.run(['/bin/sh', '-c', '/bin/sleep 1000 &'], env={}, start_new_session=True)",
    "a great-grandchild in another session": "subprocess.run(['/bin/sh', '-c', 'setsid /bin/sh -c \"setsid /bin/sleep 1000 & setsid /bin/sleep 1000 &\" &'], env={'PATH': '/usr/bin:/bin'})",
    "a daemon": "fork_twice(sleep_for_ever)",
    "a daemon that ignores signals": "fork_twice(deaf)",
    "a daemon without descriptors": "fork_twice(close_all_and_sleep)",
    "a daemon that shares nothing": "fork_twice(change_all)",
    "a process that starts others for ever": "subprocess.Popen(['/bin/sh', '-c', 'while :; do /bin/sleep 0.05 & done'], env={}, start_new_session=True)",
    "a process that starts itself again on SIGTERM": "subprocess.Popen(['/bin/sh', '-c', 'trap \"/bin/sleep 1000 & exit\" TERM; while :; do /bin/sleep 0.1; done'], env={}, start_new_session=True)",
    "a process that is stopped": "p = subprocess.Popen(SLEEP, env={}, start_new_session=True); os.kill(p.pid, signal.SIGSTOP)",
    "a process that fills its output": "subprocess.Popen(['/bin/sh', '-c', 'yes'], env={}, start_new_session=True)",
    "a server": "subprocess.Popen([sys.executable, '-c', 'import socket; s = socket.create_server((\"127.0.0.1\", 0)); s.accept()'], env={}, start_new_session=True)",
    "twenty children": "[subprocess.Popen(SLEEP, env={}, start_new_session=True) for _ in range(20)]",
    "a fork that returns": "os.fork()",
    "a worker of multiprocessing": "import multiprocessing; multiprocessing.get_context('fork').Process(target=sleep_for_ever).start()",
}

_PLACES = {
    "import": "import",
    "set-up": "setup",
    "async set-up": "async setup",
    "iteration": "run",
    "coroutine": "async run",
    "description": "describe",
    "tear-down": "teardown",
}

_IN_CI = (
    "leaves a daemon that shares nothing in the iteration",
    "leaves a grandchild in the set-up",
    "leaves a fork that returns in the import",
)

_TELLING = ("a child that has neither", "a grandchild", "a daemon that shares nothing", "a fork that returns")
"""Those that are tried in every place."""


def _ended(result: CommandResult, runs: Runs) -> None:
    """Expect a report in time; the campaign looks for processes that are left."""
    expect(len(runs) == 1, f"no result: {last_line(result)}")
    expect(set(errors(runs[0])) == {"ok"}, f"iterations ended with {errors(runs[0])}")
    expect(result.status in (0, 1), f"status {result.status}: {last_line(result)}")
    expect(result.seconds < MOST_SECONDS, f"took {result.seconds:.0f} seconds")


def faults() -> Sequence[Fault]:
    """Return the faults of this table."""
    found = []
    for place_name, place in _PLACES.items():
        for name, code in _WAYS.items():
            if place_name in ("iteration", "set-up") or name in _TELLING:
                scenario = Scenario(code=code, place=place, more=_STARTS)
                title = f"leaves {name} in the {place_name}"
                found.append(misbehaviour(title, _ended, scenario, in_ci=title in _IN_CI))
    for name in (*_TELLING, "a daemon that ignores signals"):
        follow_up = (
            f"{_STARTS}\nFOLLOWING = iter(range(100))\ndef later():\n    if next(FOLLOWING) == 5:\n        {_WAYS[name]}\n"
        )
        scenario = Scenario(code="pass", more=follow_up, last="later()")
        found.append(misbehaviour(f"leaves {name} in the follow-up", _ended, scenario))
        crash = Scenario(code=f"{_WAYS[name]}\nos.kill(os.getpid(), 9)", more=_STARTS)
        found.append(misbehaviour(f"leaves {name} and is killed", _crashed, crash))
    return found


def _crashed(result: CommandResult, runs: Runs) -> None:
    """Expect the crash in the report."""
    expect(len(runs) == 1 and errors(runs[0])[-1] == "Crash", f"no crash in the report: {last_line(result)}")
    expect(result.seconds < MOST_SECONDS, f"took {result.seconds:.0f} seconds")
