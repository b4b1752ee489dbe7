"""Functions and modules that the scenario replaces or removes: measured all the same, or a named failure, no traceback."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.faults.fault import Fault

from .misbehaviour import failed, measured, measured_or, table

_MEASURED = {
    "prints with a function of its own": "builtins.print = lambda *_: None",
    "opens no files": "builtins.open = None",
    "collects no garbage": "gc.collect = lambda *_: 0",
    "turns the collector off": "gc.disable()",
    "collects all the time": "gc.set_threshold(1, 1, 1)",
    "freezes its objects": "gc.freeze()",
    "unfreezes all objects": "gc.unfreeze()",
    "debugs the collector": "gc.set_debug(gc.DEBUG_STATS)",
    "has a callback of the collector that raises": "gc.callbacks.append(lambda *_: 1 / 0)",
    "removes the collector's callbacks": "gc.callbacks.clear()",
    "starts tracing again": "tracemalloc.start(25)",
    "stops the clock": "time.monotonic = time.perf_counter = time.time = lambda: 1.7e9; time.time_ns = lambda: 0",
    "turns the clock back": "t = iter(range(10**6, 0, -1)); time.monotonic = time.perf_counter = time.time = lambda: float(next(t))",
    "removes asyncio's functions": "asyncio.sleep = asyncio.run = asyncio.all_tasks = asyncio.set_event_loop = None",
    "removes the module asyncio": "[sys.modules.pop(n) for n in list(sys.modules) if n.startswith('asyncio')]",
    "removes sys's functions": "sys.getsizeof = sys.getrefcount = sys._getframe = sys.exit = sys.intern = None",
    "traces and profiles": "sys.settrace(lambda *_: None); sys.setprofile(lambda *_: None)",
    "replaces the hooks": "sys.excepthook = sys.unraisablehook = sys.displayhook = threading.excepthook = lambda *_: 1 / 0",
    "removes threading's functions": "threading.Thread = threading.current_thread = threading.enumerate = threading.main_thread = None",
    "removes logging's functions": "logging.getLogger = logging.warning = logging.Logger.handle = None; logging.shutdown()",
    "logs everything": "logging.basicConfig(level=0); logging.raiseExceptions = True",
    "removes json": "import json; json.dumps = json.JSONEncoder = json.loads = None; sys.modules.pop('json')",
    "removes inspect's functions": "inspect.iscoroutinefunction = inspect.isgenerator = inspect.isroutine = None",
    "removes ctypes's functions": "ctypes.CDLL = ctypes.c_int = None",
    "removes signal's functions": "signal.signal = signal.SIGABRT = None",
    "ends the import path": "sys.path[:] = []; sys.path_hooks.clear(); sys.path_importer_cache.clear()",
    "has no importers": "sys.meta_path.clear()",
    "imports with a function of its own": "import_ = builtins.__import__; builtins.__import__ = lambda *a, **k: import_(*a, **k)",
    "reloads modules": "import importlib; [importlib.reload(m) for m in (os, gc, tracemalloc, asyncio, json if 'json' in globals() else io)]",
    "removes its own module": "sys.modules.pop(__name__)",
    "puts odd things into sys.modules": "sys.modules['odd'] = None; sys.modules['odder'] = 5",
    "has a module that answers no question": (
        "class M(types.ModuleType):\n    def __getattribute__(self, n): raise OSError(n)\nsys.modules['hostile'] = M('hostile')"
    ),
    "has objects that lie about their class": (
        "class A:\n    @property\n    def __class__(self): raise OSError\n    __hash__ = None\n"
        "    def __eq__(self, o): raise OSError\n    def __bool__(self): raise OSError\n    def __len__(self): return -5\n"
        "builtins.kept = [A() for _ in range(100)]"
    ),
    "has containers whose length raises": (
        "class D(dict):\n    def __len__(self): raise OSError\n    def __iter__(self): raise OSError\nbuiltins.kept = D(a=[1])"
    ),
    "has a module with a __dict__ that changes": "m = types.ModuleType('m'); sys.modules['m'] = m; m.m = vars(m)",
    "clears the type cache": "getattr(sys, '_clear_type_cache', lambda: None)()",
    "has an audit hook that counts": "n = []; sys.addaudithook(lambda *_: n.append(1) if len(n) < 10 else None)",
    "changes the recursion limit": "sys.setrecursionlimit(150)",
    "changes the switch interval": "sys.setswitchinterval(1e-9)",
    "changes int's longest text": "sys.set_int_max_str_digits(640) if hasattr(sys, 'set_int_max_str_digits') else None",
    "removes its functions": "globals().pop('asyncio'); globals()['os'] = None",
    "replaces platform": "import platform; platform.python_version = platform.platform = None",
    "turns warnings into errors": "warnings.simplefilter('error')",
    "keeps warnings": "warnings.catch_warnings(record=True).__enter__()",
}

_NAMED = {
    "removes gc's functions": "gc.collect = gc.get_objects = gc.freeze = gc.isenabled = None",
    "removes tracemalloc's functions": "tracemalloc.get_traced_memory = tracemalloc.reset_peak = tracemalloc.take_snapshot = None",
    "removes os's functions": "os.read = os.write = os.getpid = os.close = os.fstat = os.listdir = os.kill = None",
    "removes time's functions": "time.time = time.monotonic = time.perf_counter = time.process_time = time.sleep = None",
    "changes Python's flags": "sys.flags = sys.argv = sys.executable = sys.version_info = None",
    "empties sys.modules": "sys.modules.clear()",
    "removes the tool's modules": "[sys.modules.pop(n) for n in list(sys.modules) if n.startswith('_memeval')]",
    "replaces sys.modules": "sys.modules = {}",
    "has an audit hook that raises": "def hook(name, _):\n    if name in ('open', 'gc.get_objects', 'import'): raise OSError(name)\nsys.addaudithook(hook)",
    "imports nothing more": "builtins.__import__ = None",
    "imports with an error": "def no(*_, **__): raise KeyboardInterrupt\nbuiltins.__import__ = no",
    "replaces the tool's functions": "sys.modules['_memeval_worker.memory.heap'].read_heap = None; sys.modules['_memeval_worker.memory.reading'].read_heap = None",
    "replaces the tool's frame of a call": "sys._getframe(1).f_globals.clear()",
    **{
        f"removes the built-in {name}": f"del builtins.{name}"
        for name in (
            *(
                "len",
                "isinstance",
                "type",
                "list",
                "dict",
                "tuple",
                "set",
                "sorted",
                "zip",
                "map",
                "filter",
                "any",
                "all",
                "sum",
            ),
            *(
                "min",
                "max",
                "getattr",
                "hasattr",
                "super",
                "property",
                "str",
                "int",
                "float",
                "bytes",
                "object",
                "id",
                "next",
            ),
            *("iter", "range", "enumerate", "vars", "callable", "memoryview", "Exception", "BaseException", "KeyError"),
        )
    },
    "replaces all that is built in": "for n in dir(builtins): setattr(builtins, n, None)",
    "empties what is built in": "builtins.__dict__.clear()",
    "makes len raise": "def no(*_): raise SystemExit(7)\nbuiltins.len = no",
}

_UNTRACED = {
    "stops tracing": "tracemalloc.stop()",
    "clears the traces": "tracemalloc.clear_traces()",
    "stops and starts tracing": "tracemalloc.stop(); tracemalloc.start()",
    "stops tracing in a thread": "t = threading.Thread(target=tracemalloc.stop); t.start(); t.join()",
    "stops tracing in C": "import _tracemalloc; _tracemalloc.stop()",
}


def faults() -> Sequence[Fault]:
    """Return the faults of this table."""
    named = measured_or(
        failed("Exit", "Crash", "Untraced", "SystemExit", "TypeError", "NameError", "AttributeError", "OSError")
    )
    return [
        *table(measured, _MEASURED),
        *table(named, _NAMED, in_ci=("empties sys.modules", "removes the built-in len")),
        *table(failed("Untraced", words="tracemalloc"), _UNTRACED),
        *table(failed("ZeroDivisionError"), {"traces with a function that raises": "sys.settrace(lambda *_: 1 / 0)"}),
    ]
