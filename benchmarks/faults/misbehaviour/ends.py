"""The process of the scenario ends, stops or is replaced: a named failure, with the iterations until then."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from benchmarks.faults.fault import CommandResult, Fault, expect

from .misbehaviour import (
    Runs,
    Scenario,
    errors,
    failed,
    last_line,
    measured,
    misbehaviour,
    rejected,
    set_up_failed,
    table,
    tear_down_failed,
)

_IGNORED = ("SIGCHLD", "SIGURG", "SIGWINCH", "SIGCONT", "SIGPIPE", "SIGXFSZ")
_STOPPING = ("SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU")
_SIGNALS = sorted({number.name for number in signal.Signals} - {*_IGNORED, *_STOPPING, "SIGINT", "SIGRTMIN", "SIGRTMAX"})

_EXITS = {
    **{f"leaves with status {number}": f"os._exit({number})" for number in (0, 1, 2, 3, 4, 42, 120, 125, 130, 255)},
    "becomes a program that ends": "os.execv('/bin/true', ['true'])",
    "becomes a program that fails": "os.execv('/bin/false', ['false'])",
    "leaves from a thread": "threading.Thread(target=os._exit, args=(7,)).start(); time.sleep(30)",
    "leaves from a finalizer": "class A:\n    def __del__(self): os._exit(7)\nA()",
    "leaves from a finalizer of garbage": "class A:\n    def __del__(self): os._exit(7)\na = A(); a.a = a; del a\ngc.collect()",
    "leaves from a signal's handler": "signal.signal(signal.SIGALRM, lambda *_: os._exit(7)); signal.alarm(1); time.sleep(30)",
    "leaves through C": "ctypes.CDLL(None)._exit(7)",
    "leaves through C with exit functions": "ctypes.CDLL(None).exit(7)",
}

_CRASHES = {
    "reads at address 0": "ctypes.string_at(0)",
    "reads at address 0 in a thread": "threading.Thread(target=ctypes.string_at, args=(0,)).start(); time.sleep(30)",
    "aborts": "os.abort()",
    "overflows the stack of C": (
        "threading.stack_size(65536); sys.setrecursionlimit(10**9)\nf = ctypes.CFUNCTYPE(None)(lambda: f())\n"
        "t = threading.Thread(target=lambda: f()); t.start(); t.join(); time.sleep(30)"
    ),
    "kills its group": "os.killpg(0, signal.SIGKILL); time.sleep(30)",
    "kills its session's processes": "os.kill(-os.getpgid(0), signal.SIGTERM); time.sleep(30)",
    "is killed by its child": "subprocess.run(['sh', '-c', f'kill -9 {os.getpid()}']); time.sleep(30)",
    "is killed at its limit of processor time": "resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass",
    "dereferences garbage": "ctypes.memset(ctypes.addressof(ctypes.py_object([])), 1, 8); ctypes.string_at(1)",
}

_HANGS = {
    "waits for ever": "threading.Event().wait()",
    "computes for ever": "while True: pass",
    "sleeps for ever": "time.sleep(1e6)",
    "locks itself": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "joins itself in a queue": "queue.Queue().get()",
    "reads a pipe that nobody writes": "os.read(os.pipe()[0], 1)",
    "waits for a child": "subprocess.run(['sleep', '1000'])",
    "waits for a child without an environment": "subprocess.run(['/bin/sleep', '1000'], env={}, start_new_session=True)",
    "accepts a connection": "s = socket.create_server(('127.0.0.1', 0)); s.accept()",
    "blocks every signal": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64)); threading.Event().wait()",
    "handles every signal": (
        "for n in range(1, 32):\n    with contextlib.suppress(OSError, ValueError): signal.signal(n, lambda *_: None)\n"
        "while True: signal.pause()"
    ),
    "ignores every signal": (
        "for n in range(1, 32):\n    with contextlib.suppress(OSError, ValueError): signal.signal(n, signal.SIG_IGN)\n"
        "while True: time.sleep(1)"
    ),
    "matches a bad expression": "import re; re.match('(a*)*b', 'a' * 40)",
    "multiplies for ever in C": "10 ** (10 ** 9)",
    "swallows every exception": "while True:\n    try: time.sleep(0.01)\n    except BaseException: pass",
    "never answers with its text": "class A(Exception):\n    def __str__(self): time.sleep(1e6)\nraise A",
    "never ends in a finalizer": "class A:\n    def __del__(self): threading.Event().wait()\nA()",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "stops itself as a terminal does": "os.kill(os.getpid(), signal.SIGTSTP); time.sleep(1e6)",
    "prints for ever": "while True: print('x' * 1000)",
    "makes garbage for ever": "class A:\n    def __del__(self): A()\nA()\nwhile True: gc.collect()",
    "starts threads for ever": "while True: t = threading.Thread(target=int); t.start(); t.join()",
    "waits with closed descriptors": "os.closerange(0, 3); threading.Event().wait()",
}

_HANGS_ASYNC = {
    "awaits nothing that comes": "await asyncio.Event().wait()",
    "blocks the loop": "time.sleep(1e6)",
    "refuses to be cancelled": "while True:\n    with contextlib.suppress(BaseException): await asyncio.sleep(1e6)",
    "spins in the loop": "while True: await asyncio.sleep(0)",
    "iterates without end": "async def endless():\n    while True: yield await asyncio.sleep(0)\nasync for _ in endless(): pass",
    "awaits an executor that waits": "await asyncio.to_thread(threading.Event().wait)",
}

_PLACES = {
    "leaves": ("os._exit(7)", "Exit"),
    "crashes": ("ctypes.string_at(0)", "Crash"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "Crash"),
    "waits": ("threading.Event().wait()", "Timeout"),
}


def _interrupted(result: CommandResult, runs: Runs) -> None:
    """Expect an interruption: the tool cannot know who has sent a signal."""
    expect(result.status == 130, f"status {result.status}, not 130: {last_line(result)}")
    expect(len(runs) == 1 and errors(runs[0])[:2] == ["ok", "ok"], "the iterations so far are not in the result")


def faults() -> Sequence[Fault]:
    """Return the faults of this table."""
    found = []
    for name in _SIGNALS:
        code = f"os.kill(os.getpid(), signal.{name}); time.sleep(5)"
        found += table(failed("Crash", words=name if name != "SIGABRT" else ""), {f"kills itself with {name}": code})
    for name in _IGNORED:
        found += table(measured, {f"sends itself {name}": f"os.kill(os.getpid(), signal.{name}); time.sleep(0.05)"})
    found += table(failed("Crash"), {"kills itself with a signal without a name": "os.kill(os.getpid(), 40); time.sleep(5)"})
    found += table(
        failed("KeyboardInterrupt"), {"sends itself SIGINT": "os.kill(os.getpid(), signal.SIGINT); time.sleep(5)"}
    )
    found += table(
        failed("KeyboardInterrupt"),
        {"awaits and sends itself SIGINT": "os.kill(os.getpid(), signal.SIGINT); await asyncio.sleep(5)"},
        place="async run",
    )
    found += table(failed("Exit", words="ended itself with status"), _EXITS)
    found += table(failed("Exit"), {"leaves in a coroutine": "os._exit(7)"}, place="async run")
    found += table(failed("Crash"), _CRASHES)
    found += table(
        failed("Crash", words="went on"), {"becomes a program that goes on": "os.execv('/bin/sleep', ['sleep', '1000'])"}
    )
    found += table(failed("Timeout", words="did not end within"), _HANGS)
    found += table(failed("Timeout", words="did not end within"), _HANGS_ASYNC, place="async run")
    for name, (code, kind) in _PLACES.items():
        for place in ("setup", "async setup", "describe"):
            found.append(misbehaviour(f"{name} in {place}", set_up_failed(kind), Scenario(code=code, place=place)))
        for place in ("teardown", "async teardown"):
            found.append(misbehaviour(f"{name} in {place}", tear_down_failed, Scenario(code=code, place=place)))
        found.append(misbehaviour(f"{name} on import", rejected(), Scenario(code=code, place="import")))
    watchdog = "for n in map(int, filter(str.isdigit, os.listdir('/proc'))):\n    with contextlib.suppress(OSError):\n        line = open(f'/proc/{n}/cmdline').read()\n        if 'watchdog.py' in line and os.environ['MEMEVAL_RUN'] in line: os.kill(n, 9)"
    found += table(measured, {"kills the watchdog of the run": watchdog})
    found += [
        misbehaviour(
            f"sends {name} to the tool", _interrupted, Scenario(code=f"os.kill(os.getppid(), signal.{name}); time.sleep(5)")
        )
        for name in ("SIGINT", "SIGTERM")
    ]
    exits = Scenario(code="pass", more="atexit.register(os._exit, 9)")
    found.append(misbehaviour("leaves from an exit function", measured, exits))
    waits = Scenario(code="pass", more="atexit.register(threading.Event().wait)")
    found.append(misbehaviour("waits in an exit function", measured, waits))
    return found
