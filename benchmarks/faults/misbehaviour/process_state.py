"""The scenario changes its process: limits, signals, folders, locale, environment, descriptors, user."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.faults.fault import Fault

from .misbehaviour import Scenario, failed, measured, measured_or, misbehaviour, table

_MEASURED = {
    "changes its folder": "os.chdir('/')",
    "removes its folder": "d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)",
    "removes its own file": "os.unlink(__file__)",
    "overwrites its own file": "open(__file__, 'w').write('x = 5\\n' * 3)",
    "makes its own file binary": "open(__file__, 'wb').write(bytes(range(256)) * 100)",
    "replaces its own file by a folder": "os.unlink(__file__); os.mkdir(__file__)",
    "may not read its own file": "os.chmod(__file__, 0)",
    "has a file name that does not exist": "globals()['__file__'] = '/nothing/here.py'",
    "has a file name of another type": "globals()['__file__'] = 5",
    "takes all permissions of new files": "os.umask(0o777)",
    "sets the C locale": "locale.setlocale(locale.LC_ALL, 'C')",
    "sets an environment that is no text": "os.environb[b'A\\xff'] = b'\\xff\\xfe'",
    "empties the environment": "os.environ.clear()",
    "replaces the environment": "os.environ = {}",
    "removes the run's mark": "os.environ.pop('MEMEVAL_RUN', None)",
    "sets a time zone that is unknown": "os.environ['TZ'] = 'Nowhere/Land'; time.tzset()",
    "is nice": "os.nice(19)",
    "ignores the signals of the end": "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 13, 15)]",
    "blocks all signals": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))",
    "ignores the end of its children": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "has an alarm all the time": "signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)",
    "has a profile timer all the time": "signal.signal(signal.SIGPROF, lambda *_: None); signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)",
    "has a wakeup descriptor": "a, b = socket.socketpair(); a.setblocking(False); signal.set_wakeup_fd(a.fileno()); builtins.kept = a, b",
    "lets signals interrupt calls": "signal.signal(signal.SIGALRM, lambda *_: None); signal.siginterrupt(signal.SIGALRM, True); signal.alarm(1)",
    "turns faulthandler off": "faulthandler.disable()",
    "dumps stacks later": "faulthandler.dump_traceback_later(0.5, repeat=True, file=open(os.devnull, 'w'))",
    "may write no core": "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
    "may have no more processes": "resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))",
    "may lock no memory": "resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))",
    "has a small stack": "resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.RLIM_INFINITY))",
    "forbids new privileges": "ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)",
    "may not be dumped": "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)",
    "has another name": "ctypes.CDLL(None).prctl(15, b'a) R 1 1', 0, 0, 0)",
    "is no longer ended with its parent": "ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)",
    "becomes a parent of orphans itself": "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)",
    "joins another group": "os.setpgid(0, 0) if os.getpgid(0) != os.getpid() else None",
    "reads its stdin": "assert sys.stdin.read() == ''",
    "closes its standard streams": "sys.stdin.close(); sys.stdout.close(); sys.stderr.close()",
    "closes the standard descriptors": "for n in (0, 1, 2):\n    with contextlib.suppress(OSError): os.close(n)",
    "opens files with the standard numbers": "[os.close(n) for n in (0, 1, 2)]; builtins.kept = [open('kept.txt', 'w') for _ in range(3)]",
    "removes the standard streams": "sys.stdin = sys.stdout = sys.stderr = None",
    "replaces the standard streams": "sys.stdout = sys.stderr = io.StringIO()",
    "has a standard stream that raises": "class S:\n    def __getattr__(self, n): raise OSError(n)\nsys.stdout = sys.stderr = S()",
    "makes its streams non-blocking": "[os.set_blocking(n, False) for n in (1, 2)]; os.write(1, b'x' * 30_000)",
    "sends its stdout to stderr": "os.dup2(2, 1)",
    "sends its output to the null device": "n = os.open(os.devnull, os.O_RDWR); os.dup2(n, 1); os.dup2(n, 2)",
    "sends its output to a full device": "n = os.open('/dev/full', os.O_RDWR); os.dup2(n, 1); os.dup2(n, 2); os.close(n)",
    "changes the allocator": "ctypes.CDLL(None).mallopt(-3, 4096); ctypes.CDLL(None).malloc_trim(0)",
    "maps a gigabyte": "import mmap; builtins.kept = mmap.mmap(-1, 1 << 30)",
    "has a long list of arguments": "sys.argv[:] = ['x' * 1000] * 1000",
    "stops the tracing of children": "sys.setprofile(None); sys.settrace(None)",
}

_NAMED = {
    "changes its root": "os.chroot('.')",
    "becomes another user": "os.setgid(65534); os.setuid(65534)",
    "may write no files": "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
    "may open no files": "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))",
    "has used up its descriptors": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\nbuiltins.kept = []\n"
        "with contextlib.suppress(OSError):\n    while True: builtins.kept.append(open('/dev/null'))"
    ),
    "has closed every second descriptor": "for n in range(3, 100, 2):\n    with contextlib.suppress(OSError): os.close(n)",
    "has an interval that raises": (
        "def no(*_): raise ValueError('out of time')\nsignal.signal(signal.SIGALRM, no); signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)"
    ),
    "has an interval that interrupts": (
        "def no(*_): raise KeyboardInterrupt\nsignal.signal(signal.SIGALRM, no); signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)"
    ),
    "has an interval that exits": "signal.signal(signal.SIGALRM, lambda *_: sys.exit(5)); signal.setitimer(signal.ITIMER_REAL, 0.001)",
    "is interrupted a moment later": "threading.Timer(0.005, lambda: os.kill(os.getpid(), signal.SIGINT)).start()",
    "is interrupted again and again": "threading.Thread(target=lambda: [(time.sleep(0.003), os.kill(os.getpid(), 2)) for _ in range(300)], daemon=True).start()",
    "interrupts its main thread": "import _thread; threading.Timer(0.001, _thread.interrupt_main).start()",
    "throws into its main thread": (
        "me = threading.get_ident()\nthreading.Timer(0.004, lambda: ctypes.pythonapi.PyThreadState_SetAsyncExc("
        "ctypes.c_ulong(me), ctypes.py_object(ValueError))).start()"
    ),
    "has a memory limit that is used up": (
        "size = int(open('/proc/self/statm').read().split()[0]) * 4096\nresource.setrlimit(resource.RLIMIT_AS, (size + (1 << 20),) * 2)"
    ),
    "has no memory for data": "resource.setrlimit(resource.RLIMIT_DATA, (1 << 20, 1 << 20))",
}

_MEMORY = """
def exhaust(block, kept):
    size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (64 << 20),) * 2)
    while True: kept.append(bytearray(block))
"""


def faults() -> Sequence[Fault]:
    """Return the faults of this table."""
    kinds = (
        "Exit",
        "Crash",
        "Untraced",
        "OSError",
        "MemoryError",
        "ValueError",
        "KeyboardInterrupt",
        "SystemExit",
        "Timeout",
    )
    found = [*table(measured, _MEASURED), *table(measured_or(failed(*kinds)), _NAMED)]
    for name, kept, block in (
        ("and frees it", "[]", 1 << 20),
        ("and keeps it", "KEPT", 1 << 20),
        ("in small blocks", "KEPT", 100),
    ):
        for place in ("run", "async run"):
            scenario = Scenario(code=f"exhaust({block}, {kept})", more=_MEMORY, place=place)
            found.append(
                misbehaviour(f"uses up its memory {name} in {place}", failed("MemoryError", "Exit", "Crash"), scenario)
            )
    return found
