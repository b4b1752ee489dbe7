"""Exceptions of every kind, from every place: the error of its iteration, in one line."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Sequence

from benchmarks.faults.fault import Fault

from .misbehaviour import Scenario, failed, misbehaviour, rejected, set_up_failed, tear_down_failed

_CLASSES = """
class Mute(Exception):
    def __str__(self): raise RuntimeError('no words')
class Liar(Exception):
    def __str__(self): return 5
class Leaver(Exception):
    def __str__(self): sys.exit(9)
class Deep(Exception):
    def __str__(self): return str(self)
class Text(str):
    def encode(self, *_): raise ValueError
    def __getitem__(self, _): raise ValueError
    def __len__(self): return -1
class OddText(Exception):
    def __str__(self): return Text('odd')
class Hostile(Exception):
    def __getattribute__(self, name): raise OSError(name)
class Meta(type):
    def __getattribute__(self, name): raise OSError(name)
class OfMeta(Exception, metaclass=Meta): pass
class Nameless(Exception): pass
Nameless.__qualname__ = 'x' * 100_000
class Elsewhere(Exception): pass
Elsewhere.__module__ = None
class Nowhere(Exception): pass
Nowhere.__module__ = Text('no\\nwhere')
class Own(BaseException): pass
class Uncomparable(Exception):
    __hash__ = None
    def __eq__(self, other): raise ValueError
    def __bool__(self): raise ValueError
class Dying(Exception):
    def __del__(self): raise ValueError('while it died')
def recurse(): return recurse()
def deep(n):
    if n: deep(n - 1)
    else: raise ValueError('deep')
def generator():
    yield 1
    raise LookupError('in a generator')
async def agenerator():
    yield 1
    raise LookupError('in an async generator')
async def coroutine():
    raise LookupError('in a coroutine')
class Awaitable:
    def __await__(self): raise LookupError('in an awaitable')
def chain(n):
    error = None
    for number in range(n):
        new = ValueError(number)
        new.__context__ = error
        error = new
    raise error
def cycle():
    a, b = ValueError(1), ValueError(2)
    a.__cause__, b.__cause__ = b, a
    raise a
def in_code(file, name='f'):
    code = compile('def f(): raise LookupError', file, 'exec')
    space = {}
    exec(code, space)
    f = space['f']
    f.__code__ = f.__code__.replace(co_name=name)
    f()
"""

_RAISED = {
    "SystemExit with a number": ("SystemExit", "sys.exit(5)"),
    "SystemExit with a text": ("SystemExit", "sys.exit('goodbye')"),
    "SystemExit with a huge number": ("SystemExit", "sys.exit(10 ** 400)"),
    "SystemExit with an object": ("SystemExit", "sys.exit(object())"),
    "exit() of site": ("SystemExit", "exit()"),
    "KeyboardInterrupt": ("KeyboardInterrupt", "raise KeyboardInterrupt"),
    "GeneratorExit": ("GeneratorExit", "raise GeneratorExit"),
    "CancelledError": ("asyncio.exceptions.CancelledError", "raise asyncio.CancelledError('stop')"),
    "StopIteration": ("StopIteration", "raise StopIteration('over')"),
    "StopAsyncIteration": ("StopAsyncIteration", "raise StopAsyncIteration"),
    "MemoryError by hand": ("MemoryError", "raise MemoryError"),
    "BrokenPipeError": ("BrokenPipeError", "raise BrokenPipeError"),
    "SystemError": ("SystemError", "raise SystemError('bad internal call')"),
    "error of the operating system without a name": ("OSError", "raise OSError(9999, 'x')"),
    "recursion": ("RecursionError", "recurse()"),
    "recursion beyond the limit": ("ValueError", "sys.setrecursionlimit(10**5); deep(3_000)"),
    "recursion in repr": ("RecursionError", "class A:\n    def __repr__(self): return repr(self)\nrepr(A())"),
    "text that raises": ("scenario.Mute", "raise Mute"),
    "text that is a number": ("scenario.Liar", "raise Liar"),
    "text that exits": ("scenario.Leaver", "raise Leaver"),
    "text that recurses": ("scenario.Deep", "raise Deep"),
    "text of a derived class": ("scenario.OddText", "raise OddText"),
    "text of a derived class as argument": ("ValueError", "raise ValueError(Text('a'))"),
    "object that answers no question": ("scenario.Hostile", "raise Hostile"),
    "class that answers no question": ("scenario.OfMeta", "raise OfMeta"),
    "class without a module": ("None.Elsewhere", "raise Elsewhere"),
    "class of a module with an odd name": ("no where.Nowhere", "raise Nowhere"),
    "class of its own below BaseException": ("scenario.Own", "raise Own('own')"),
    "object that cannot be compared": ("scenario.Uncomparable", "raise Uncomparable"),
    "object that raises when it dies": ("scenario.Dying", "raise Dying"),
    "surrogates": ("ValueError", "raise ValueError('\\ud800 half a pair')"),
    "null characters": ("ValueError", "raise ValueError('\\x00\\x01')"),
    "escapes of a terminal": ("ValueError", "raise ValueError('\\x1b[2J\\x1b]0;title\\x07')"),
    "markup of rich": ("ValueError", "raise ValueError('[bold red]x[/] [/nothing] [link=')"),
    "ten million characters": ("ValueError", "raise ValueError('x' * 10**7)"),
    "a hundred thousand lines": ("ValueError", "raise ValueError('x\\n' * 10**5)"),
    "ten thousand arguments": ("ValueError", "raise ValueError(*range(10_000))"),
    "argument that contains itself": ("ValueError", "a = []; a.append(a); raise ValueError(a)"),
    "chain of ten thousand contexts": ("ValueError", "chain(10_000)"),
    "causes in a circle": ("ValueError", "cycle()"),
    "bytes as text": ("ValueError", "raise ValueError(b'\\xff' * 100)"),
    "decoding": ("UnicodeDecodeError", "b'\\xff'.decode()"),
    "encoding": ("UnicodeEncodeError", "'\\ud800'.encode()"),
    "syntax": ("SyntaxError", "compile('a b', 'x', 'exec')"),
    "syntax with odd fields": ("SyntaxError", "raise SyntaxError('m', (None, -5, 'x', None))"),
    "assertion": ("AssertionError", "assert not KEPT, KEPT"),
    "warning": ("UserWarning", "warnings.simplefilter('error'); warnings.warn('w')"),
    "division in finally": ("ZeroDivisionError", "try: raise ValueError\nfinally: 1 / 0"),
    "missing module": ("ModuleNotFoundError", "import nothing_of_this_name"),
    "json": ("json.decoder.JSONDecodeError", "import json; json.loads('{')"),
    "program that is missing": ("FileNotFoundError", "subprocess.run(['/nothing/here'])"),
    "program that fails": ("subprocess.CalledProcessError", "subprocess.run(['false'], check=True)"),
    "network": ("ConnectionRefusedError", "socket.create_connection(('127.0.0.1', 9))"),
    "attribute of nothing": ("AttributeError", "None.nothing"),
    "generator": ("LookupError", "return generator()"),
    "file with an odd name": ("LookupError", "in_code('a\\n\\x1b[31m\\udcff' + 'b' * 5000)"),
    "file without a name": ("LookupError", "in_code('')"),
    "file that is a text": ("LookupError", "in_code('<string>')"),
    "function with an odd name": ("LookupError", "in_code('x.py', 'f\\n\\udcff' * 1000)"),
    "exception of the tool": (
        "_memeval_worker.iterate.ForkedChild",
        "raise sys.modules['_memeval_worker.iterate'].ForkedChild",
    ),
}

_AWAITED = {
    "coroutine": ("LookupError", "return coroutine()"),
    "async generator": ("LookupError", "return agenerator()"),
    "awaitable": ("LookupError", "return Awaitable()"),
    "time-out": (
        f"{asyncio.TimeoutError.__module__}.TimeoutError".removeprefix("builtins."),
        "await asyncio.wait_for(asyncio.Event().wait(), 0.01)",
    ),
    "gathered": ("LookupError", "await asyncio.gather(coroutine(), coroutine())"),
    "SystemExit": ("SystemExit", "sys.exit(3)"),
    "KeyboardInterrupt": ("KeyboardInterrupt", "raise KeyboardInterrupt"),
    "StopIteration": ("RuntimeError", "raise StopIteration"),
    "GeneratorExit": ("GeneratorExit", "raise GeneratorExit"),
    "CancelledError": ("asyncio.exceptions.CancelledError", "raise asyncio.CancelledError"),
    "result of a future that was cancelled": (
        "asyncio.exceptions.CancelledError",
        "f = asyncio.get_running_loop().create_future(); f.cancel(); await f",
    ),
    "executor": ("ZeroDivisionError", "await asyncio.to_thread(divmod, 1, 0)"),
}

_ALL_BUILT_IN = sorted(
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException) and "Unicode" not in name and "Group" not in name
)


def faults() -> Sequence[Fault]:
    """Return the faults of this table."""
    found = []
    for name, (kind, code) in _RAISED.items():
        in_ci = name == "class that answers no question"
        found.append(misbehaviour(f"raises: {name}", failed(kind), Scenario(code=code, more=_CLASSES), in_ci=in_ci))
    for name, (kind, code) in _AWAITED.items():
        scenario = Scenario(code=code, more=_CLASSES, place="async run")
        found.append(misbehaviour(f"raises in a coroutine: {name}", failed(kind), scenario))
    for name in ("SystemExit", "KeyboardInterrupt", "GeneratorExit", "MemoryError", "BrokenPipeError", "LookupError"):
        for place in ("setup", "async setup", "describe"):
            scenario = Scenario(code=f"raise {name}", place=place)
            found.append(misbehaviour(f"raises {name} in {place}", set_up_failed(name), scenario))
        found.append(
            misbehaviour(f"raises {name} in teardown", tear_down_failed, Scenario(code=f"raise {name}", place="teardown"))
        )
        found.append(
            misbehaviour(f"raises {name} on import", rejected(name), Scenario(code=f"raise {name}", place="import"))
        )
    return found
