"""The scenario prints too much, too long or no text: the report stays complete, and nobody waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.faults.fault import Fault, Trial, expect

from .misbehaviour import Scenario, measure, measured, misbehaviour, table

_MEASURED = {
    "prints a hundred megabytes": "for _ in range(1000): print('x' * 100_000)",
    "prints a hundred megabytes in short lines": "os.write(1, b'') ; w = sys.stdout.write; [w('line\\n' * 10_000) for _ in range(2000)]",
    "prints a line without an end": "os.write(1, b'x' * 30_000); [os.write(1, b'x' * 60_000) for _ in range(300)]",
    "prints on both streams": "for n in range(20_000): os.write(1 + n % 2, b'x' * 1000 + b'\\n')",
    "prints bytes": "os.write(1, bytes(range(256)) * 1000); os.write(2, os.urandom(100_000))",
    "prints null bytes": "os.write(1, bytes(100_000)); os.write(2, bytes(100_000))",
    "prints escapes of a terminal": "print('\\x1b[2J\\x1b[1;31m\\x1b]0;title\\x07\\x9b31m' * 1000)",
    "prints markup of rich": "print('[bold red]x[/] [/nothing] [link=' * 1000)",
    "prints every character": "sys.stdout.reconfigure(errors='replace'); print(''.join(map(chr, range(0, 0x110000, 7))))",
    "prints surrogates": "sys.stdout.reconfigure(errors='surrogatepass'); print('\\ud800\\udfff' * 1000)",
    "prints carriage returns": "print('a\\rb\\x08c\\x0bd\\x0ce\\x85f\\u2028g' * 1000)",
    "prints in an exit function": "atexit.register(lambda: [print('x' * 10_000) for _ in range(1000)])",
    "prints in threads": "[threading.Thread(target=lambda: [print('x' * 100) for _ in range(3000)], daemon=True).start() for _ in range(8)]",
    "prints with children": "[subprocess.run(['/bin/sh', '-c', 'yes | head -c 3000000']) for _ in range(3)]",
    "leaves a child that prints for ever": "subprocess.Popen(['/bin/sh', '-c', 'yes'], start_new_session=True, env={})",
    "logs ten thousand lines": "logging.basicConfig(level=0); [logging.debug('line %d', n) for n in range(10_000)]",
    "warns a thousand times": "warnings.simplefilter('always'); [warnings.warn(str(n)) for n in range(1000)]",
    "prints a traceback that looks like the tool's": "print('Traceback (most recent call last):\\n  File \"worker.py\", line 1, in run\\nKeyError')",
}

_FLOOD = "for n in range(20_000): os.write(1, b'line %d ' % n + b'x' * 1000 + b'\\n')"


def _flood(trial: Trial) -> None:
    """Expect that lines are left out and counted, and that the run takes no longer than without -v."""
    result, runs = measure(trial, Scenario(code=_FLOOD, options=("-v",)))
    measured(result, runs)
    expect(
        "lines were left out" in result.stderr or result.stderr.count("line ") >= 20_000,
        "lines are missing, and nobody says so",
    )


def _slow_reader(trial: Trial) -> None:
    """Expect a run in time although nobody reads the tool's stderr; the pipe is held open and never read."""
    read, write = os.pipe()
    try:
        scenario = Scenario(code=_FLOOD, options=("-v",))
        result, runs = measure(trial, scenario, stderr=write)
    finally:
        os.close(read)
        os.close(write)
    measured(result, runs)


def _full(stream: str, *options: str) -> Fault:
    def attempt(trial: Trial) -> None:
        with open("/dev/full", "w", encoding="ascii") as full:
            measured(*measure(trial, Scenario(code="print('x' * 1000)", options=options), **{stream: full}))

    return Fault(f"the tool's {stream} is full{' with ' + ' '.join(options) if options else ''}", attempt)


def _closed(stream: str, *options: str) -> Fault:
    def attempt(trial: Trial) -> None:
        read, write = os.pipe()
        os.close(read)
        try:
            measured(*measure(trial, Scenario(code="print('x' * 1000)", options=options), **{stream: write}))
        finally:
            os.close(write)

    return Fault(f"nobody reads the tool's {stream} any more{' with ' + ' '.join(options) if options else ''}", attempt)


def _both_full(trial: Trial) -> None:
    with open("/dev/full", "w", encoding="ascii") as full:
        measured(*measure(trial, Scenario(code="print('x' * 1000)"), stdout=full, stderr=full))


def _without_standard_streams(trial: Trial) -> None:
    trial.write("scenario.py", Scenario(code="print('x')").source())
    command = f"exec {sys.executable} -m otel_memeval scenario.py --iterations 5 --warmup 0 --json result.json <&- >&- 2>&-"
    done = subprocess.run(["/bin/sh", "-c", command], cwd=trial.folder, env=trial.environment({}), timeout=45, check=False)
    expect(done.returncode == 1, f"status {done.returncode}, not 1")


def faults() -> Sequence[Fault]:
    """Return the faults of this table."""
    return [
        *table(measured, _MEASURED),
        *(
            misbehaviour(f"{name}, with -v", measured, Scenario(code=code, options=("-v",)))
            for name, code in _MEASURED.items()
        ),
        Fault("floods the output with -v", _flood),
        Fault("floods the output with -v and nobody reads it", _slow_reader),
        *(_full(stream, *options) for stream in ("stdout", "stderr") for options in ((), ("-v",), ("-q",), ("--debug",))),
        *(_closed(stream, *options) for stream in ("stdout", "stderr") for options in ((), ("-v",), ("-q",), ("--debug",))),
        Fault("the tool's stdout and stderr are full", _both_full, in_ci=True),
        Fault("the tool has no standard streams", _without_standard_streams),
    ]
