"""The scenario finds the tool's own pipes, and writes into them, reads from them or closes them."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.faults.fault import CommandResult, Fault, expect

from .misbehaviour import Runs, failed, last_line, measured_or, table

_FINDS = """
def pipes(mode):
    found = []
    for name in os.listdir('/proc/self/fd'):
        with contextlib.suppress(OSError):
            if int(name) > 2 and os.readlink('/proc/self/fd/' + name).startswith('pipe:'):
                flags = int(open('/proc/self/fdinfo/' + name).read().split('flags:')[1].split()[0], 8)
                if flags & 3 == mode: found.append(int(name))
    return found
def say(data):
    for pipe in pipes(os.O_WRONLY):
        view = memoryview(data)
        while view: view = view[os.write(pipe, view):]
"""

_GARBAGE = {
    "writes a line": "say(b'hello\\n')",
    "writes an empty line": "say(b'\\n')",
    "writes half a line": "say(b'hello')",
    "writes bytes": "say(bytes(range(256)))",
    "writes null bytes": "say(bytes(10_000) + b'\\n')",
    "writes half a message": 'say(b\'{"kind":"iter\')',
    "writes a message without fields": 'say(b\'{"kind":"iteration"}\\n\')',
    "writes a message of an unknown kind": 'say(b\'{"kind":"gossip"}\\n\')',
    "writes an array": "say(b'[1, 2, 3]\\n')",
    "writes a number": "say(b'5\\n')",
    "writes a number of a million digits": 'say(b\'{"kind":"spans_dropped","count":\' + b"9" * 10**6 + b"}\\n")',
    "writes a deeply nested array": "say(b'[' * 100_000 + b'\\n')",
    "writes a deeply nested message": 'say(b\'{"kind":"paused","x":\' * 50_000 + b"\\n")',
    "writes surrogates": "say(b'\"\\\\ud800\"\\n')",
    "writes a hundred megabytes without an end": "say(b'x' * (100 << 20))",
    "writes fifty megabytes in lines": "say((b'x' * 99 + b'\\n') * (500_000))",
    "dumps its stacks there": "faulthandler.dump_traceback(file=pipes(os.O_WRONLY)[0])",
    "has signals write there": "os.set_blocking(pipes(os.O_WRONLY)[0], False); signal.set_wakeup_fd(pipes(os.O_WRONLY)[0]); signal.signal(10, int); os.kill(os.getpid(), 10)",
    "prints there": "sys.stdout = open(pipes(os.O_WRONLY)[0], 'w', closefd=False); print('hello', flush=True)",
    "sends its stdout there": "os.dup2(pipes(os.O_WRONLY)[0], 1); print('hello', flush=True)",
    "has a child that writes there": "subprocess.run(['/bin/echo', 'hello'], stdout=pipes(os.O_WRONLY)[0])",
}

_FORGED = {
    "forges the end of the iterations": 'say(b\'{"kind":"paused"}\\n\')',
    "forges the end of the run": 'say(b\'{"kind":"finished","failure":null,"packages":{}}\\n\')',
    "forges a greeting": 'say(b\'{"kind":"hello","wire":2,"python":"3.99","platform":"x","missing_channels":[]}\\n\')',
    "forges a greeting of another version": 'say(b\'{"kind":"hello","wire":99,"python":"3.99","platform":"x","missing_channels":[]}\\n\')',
    "forges a rejected target": 'say(b\'{"kind":"target_rejected","problem":"x","failure":null}\\n\')',
    "forges a failed measurement": 'say(b\'{"kind":"measurement_failed","failure":{"type":"x","message":"y"}}\\n\')',
    "forges a dropped span": 'say(b\'{"kind":"spans_dropped","count":5}\\n\')',
}

_LOST = {
    "closes the pipe of the messages": "[os.close(n) for n in pipes(os.O_WRONLY)]",
    "closes the pipe of the commands": "[os.close(n) for n in pipes(os.O_RDONLY)]",
    "closes all descriptors": "os.closerange(3, 1000)",
    "replaces the pipe of the messages by a file": "f = os.open('kept.txt', os.O_RDWR | os.O_CREAT); [os.dup2(f, n) for n in pipes(os.O_WRONLY)]",
    "replaces the pipe of the messages by the null device": "f = os.open(os.devnull, os.O_RDWR); [os.dup2(f, n) for n in pipes(os.O_WRONLY)]",
    "replaces the pipe of the commands by an empty file": "f = os.open(os.devnull, os.O_RDWR); [os.dup2(f, n) for n in pipes(os.O_RDONLY)]",
    "makes the pipes non-blocking": "[os.set_blocking(n, False) for n in pipes(os.O_WRONLY) + pipes(os.O_RDONLY)]",
    "lets children inherit the pipes": (
        "[os.set_inheritable(n, True) for n in pipes(os.O_WRONLY) + pipes(os.O_RDONLY)]\n"
        "subprocess.Popen(['/bin/sleep', '1000'], close_fds=False, env={}, start_new_session=True)"
    ),
    "lets children inherit the pipes and dies": (
        "[os.set_inheritable(n, True) for n in pipes(os.O_WRONLY) + pipes(os.O_RDONLY)]\n"
        "subprocess.Popen(['/bin/sleep', '1000'], close_fds=False, env={}, start_new_session=True)\nos.kill(os.getpid(), 9)"
    ),
    "reads the commands in a thread": "threading.Thread(target=lambda: [os.read(n, 9999) for n in pipes(os.O_RDONLY)], daemon=True).start()",
}


def _reported(result: CommandResult, runs: Runs) -> None:
    """Expect a report: what a scenario makes up about itself is its own affair."""
    expect(result.status in (0, 1, 3), f"status {result.status}: {last_line(result)}")
    expect(len(runs) == 1, f"no result: {last_line(result)}")


def faults() -> Sequence[Fault]:
    """Return the faults of this table."""
    named = measured_or(failed("Crash", "Exit", "Timeout", "BlockingIOError", "OSError"))
    return [
        *table(
            failed("Crash", words="the scenario wrote into our pipe"),
            _GARBAGE,
            more=_FINDS,
            in_ci=("writes a line", "writes a deeply nested array"),
        ),
        *table(_reported, _FORGED, more=_FINDS, in_ci=("forges the end of the iterations",)),
        *table(named, _LOST, more=_FINDS),
    ]
