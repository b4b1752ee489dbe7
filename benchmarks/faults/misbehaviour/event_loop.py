"""The scenario misuses its event loop, its tasks and its threads."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.faults.fault import Fault

from .misbehaviour import Scenario, failed, measured, measured_or, misbehaviour, rejected, set_up_failed, table

_LOOP = "loop = asyncio.get_running_loop()\n"

_STOPPED = {
    "stops the loop": f"{_LOOP}loop.stop(); await asyncio.sleep(0.01)",
    "stops the loop for good": f"{_LOOP}loop.stop(); await asyncio.Event().wait()",
    "exits from a callback": f"{_LOOP}loop.call_soon(sys.exit, 3); await asyncio.sleep(0.01)",
    "exits from a task": "async def leave(): sys.exit(3)\nasyncio.ensure_future(leave()); await asyncio.sleep(0.01)",
    "interrupts from a callback": f"{_LOOP}\ndef no(): raise KeyboardInterrupt\nloop.call_soon(no); await asyncio.sleep(0.01)",
    "cancels all tasks": "for task in asyncio.all_tasks(): task.cancel()\nawait asyncio.sleep(0.01)",
    "cancels itself": "asyncio.current_task().cancel(); await asyncio.sleep(0)",
    "closes the running loop": f"{_LOOP}loop.close()",
    "runs the running loop": f"{_LOOP}loop.run_until_complete(asyncio.sleep(0))",
    "runs another loop": "asyncio.run(asyncio.sleep(0))",
    "awaits what cannot be awaited": "await 5",
    "awaits itself": "await asyncio.current_task()",
    "closes its selector": f"{_LOOP}loop._selector.close(); await asyncio.sleep(0.01)",
    "breaks its selector": f"{_LOOP}loop._selector.select = None; await asyncio.sleep(0.01)",
}

_LATER = {
    "exits from a later callback": f"{_LOOP}loop.call_soon(sys.exit, 3)",
    "exits from a later task": "async def leave(): sys.exit(3)\nasyncio.ensure_future(leave())",
    "interrupts from a later callback": f"{_LOOP}\ndef no(): raise KeyboardInterrupt\nloop.call_soon(no)",
    "stops the loop at its end": f"{_LOOP}loop.stop()",
    "cancels all tasks at its end": "for task in asyncio.all_tasks(): task.cancel()",
    "cancels itself at its end": "asyncio.current_task().cancel()",
    "cancels all tasks later": f"{_LOOP}loop.call_soon(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])",
    "breaks its selector at its end": f"{_LOOP}loop._selector.select = None",
    "closes its selector at its end": f"{_LOOP}loop._selector.close()",
}

_MEASURED_ASYNC = {
    "leaves tasks running": "asyncio.ensure_future(asyncio.Event().wait())",
    "leaves tasks that refuse to end": (
        "async def refuse():\n    while True:\n        with contextlib.suppress(asyncio.CancelledError): await asyncio.sleep(1e6)\n"
        "builtins.kept = asyncio.ensure_future(refuse())"
    ),
    "leaves a task that fails": "async def fail(): 1 / 0\nasyncio.ensure_future(fail())",
    "leaves a future with an exception": f"{_LOOP}loop.create_future().set_exception(ValueError('nobody asks'))",
    "leaves a coroutine unawaited": "asyncio.sleep(1)",
    "leaves a generator open": "async def numbers():\n    try: yield 1\n    finally: print('closed')\nbuiltins.kept = numbers(); await builtins.kept.__anext__()",
    "leaves a generator that raises when it is closed": "async def numbers():\n    try: yield 1\n    finally: 1 / 0\nbuiltins.kept = numbers(); await builtins.kept.__anext__()",
    "has an exception handler that raises": f"{_LOOP}loop.set_exception_handler(lambda *_: 1 / 0); loop.call_soon(lambda: 1 / 0)",
    "has a task factory of its own": f"{_LOOP}loop.set_task_factory(lambda loop, coro, **k: asyncio.Task(coro, loop=loop, **k))",
    "has a slow callback in debug mode": f"{_LOOP}loop.set_debug(True); loop.call_soon(time.sleep, 0.15)",
    "closes its executor": f"{_LOOP}await loop.shutdown_default_executor()",
    "removes the policy": "asyncio.set_event_loop_policy(None)",
    "sets no loop": "asyncio.set_event_loop(None)",
    "handles signals in the loop": f"{_LOOP}loop.add_signal_handler(signal.SIGTERM, int); loop.add_signal_handler(signal.SIGALRM, int); signal.alarm(1)",
    "watches a descriptor that is closed": f"{_LOOP}a, b = os.pipe(); loop.add_reader(a, int); os.close(a); os.close(b)",
    "has a context variable that raises": "import contextvars; v = contextvars.ContextVar('v'); v.set(type('A', (), {'__repr__': lambda s: 1 / 0})())",
    "calls back a thousand times": f"{_LOOP}n = iter(range(1000))\ndef again():\n    if next(n, None) is not None: loop.call_soon(again)\nagain()",
    "calls back for ever": f"{_LOOP}again = lambda: loop.call_soon(again)\nagain()",
}

_MEASURED = {
    "closes the loop": "asyncio.get_event_loop_policy().get_event_loop().close()",
    "runs a loop of its own": "asyncio.run(asyncio.sleep(0))",
    "runs and closes a loop of its own": "loop = asyncio.new_event_loop(); asyncio.set_event_loop(loop); loop.run_until_complete(asyncio.sleep(0)); loop.close()",
    "sets a loop that is closed": "loop = asyncio.new_event_loop(); loop.close(); asyncio.set_event_loop(loop)",
    "runs a loop in a thread": "t = threading.Thread(target=asyncio.run, args=(asyncio.sleep(0.01),)); t.start(); t.join()",
    "runs a loop in a thread for ever": "threading.Thread(target=asyncio.run, args=(asyncio.sleep(1e6),), daemon=True).start()",
    "starts a thread that never ends": "threading.Thread(target=threading.Event().wait).start()",
    "starts a thread that computes for ever": "def compute():\n    while True: time.sleep(0)\nthreading.Thread(target=compute, daemon=True).start()",
    "starts a thread that raises": "t = threading.Thread(target=divmod, args=(1, 0)); t.start(); t.join()",
    "starts a thread that exits": "t = threading.Thread(target=sys.exit, args=(5,)); t.start(); t.join()",
    "starts three hundred threads": "threads = [threading.Thread(target=time.sleep, args=(0.05,)) for _ in range(300)]; [t.start() for t in threads]; [t.join() for t in threads]",
    "holds the lock of logging": "logging._acquireLock() if hasattr(logging, '_acquireLock') else logging._lock.acquire()",
    "holds the lock of its stdout": "class S(io.StringIO):\n    def flush(self): threading.Event().wait(0.1)\nsys.stdout = S()",
    "changes the switch interval": "sys.setswitchinterval(1e-6)",
    "has a callback of the collector": "gc.callbacks.append(lambda *_: [])",
    "has a callback of the collector that collects": "gc.callbacks.append(lambda phase, _: gc.collect() if phase == 'stop' and False else None)",
    "has weak callbacks that raise": "a = type('A', (), {})(); builtins.kept = weakref.ref(a, lambda _: 1 / 0); del a",
    "has finalizers that raise": "class A:\n    def __del__(self): 1 / 0\na = A(); a.a = a",
    "has finalizers that exit": "class A:\n    def __del__(self): sys.exit(5)\na = A(); a.a = a",
    "has finalizers that come back": "class A:\n    def __del__(self): builtins.kept = self\na = A(); a.a = a",
    "has finalizers that make garbage": "class A:\n    def __del__(self): a = A(); a.a = a\na = A(); a.a = a",
    "has an exit function that raises": "atexit.register(divmod, 1, 0)",
    "has an exit function that exits": "atexit.register(sys.exit, 5)",
    "removes the exit functions": "atexit._clear()",
    "has a thread that interrupts signals": "signal.signal(signal.SIGUSR1, lambda *_: None); threading.Thread(target=lambda: [os.kill(os.getpid(), 10) for _ in range(1000)]).start()",
}

_FACTORIES = {
    "returns nothing": ("None", rejected("event loop")),
    "returns a closed loop": ("(lambda l: (l.close(), l)[1])(asyncio.new_event_loop())", rejected("closed")),
    "raises": ("1 / 0", rejected("ZeroDivisionError")),
    "exits": ("sys.exit(5)", rejected("SystemExit")),
    "returns a loop that cannot run": (
        "type('L', (asyncio.AbstractEventLoop,), {'is_closed': lambda s: False})()",
        set_up_failed("NotImplementedError"),
    ),
}


def faults() -> Sequence[Fault]:
    """Return the faults of this table."""
    kinds = (
        "RuntimeError",
        "SystemExit",
        "KeyboardInterrupt",
        "asyncio.exceptions.CancelledError",
        "TypeError",
        "ValueError",
        "AttributeError",
        "Crash",
    )
    named = failed(*kinds)
    found = [
        *table(named, _STOPPED, place="async run", in_ci=("stops the loop", "exits from a task")),
        *table(measured_or(named), {f"in the end {name}": code for name, code in _LATER.items()}, place="async run"),
        *table(measured, {f"in a coroutine {name}": code for name, code in _MEASURED_ASYNC.items()}, place="async run"),
        *table(measured, {f"in a function {name}": code for name, code in _MEASURED.items()}),
    ]
    later = Scenario(code=f"{_LOOP}loop.call_later(0.001, loop.stop); await asyncio.sleep(0.01)", place="async run")
    found.append(misbehaviour("in a coroutine stops the loop by a timer", named, later))
    for name, (value, check) in _FACTORIES.items():
        scenario = Scenario(code="await asyncio.sleep(0)", place="async run", more=f"def loop_factory(): return {value}")
        found.append(misbehaviour(f"factory of the loop {name}", check, scenario))
    return found
