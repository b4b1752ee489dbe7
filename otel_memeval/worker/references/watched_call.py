"""Watch one call of the scenario: does it do any work, and does it drop streams unread?

A framework's ``run(stream=True)`` returns an async generator. If nobody reads the generator, none of its code runs. Such an
object shows itself by being alive, not started, and referenced by nothing when the call is over.
"""

from __future__ import annotations

import contextlib
import dis
import gc
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType
from typing import Any

MAX_SECONDS = 5.0
"""Time after which objects are not searched for any longer: a call that may be idle takes 20 ms without the search."""

MAX_DROPPED = 20
"""Dropped objects in one message, the first ones."""

MAX_IDLE_INSTRUCTIONS = 100
"""Bytecode instructions of a function that does nothing: a few assignments, and no loop."""

_KINDS = {AsyncGeneratorType: "async generator", CoroutineType: "coroutine", GeneratorType: "generator"}

_CALLS = frozenset(
    number for name, number in dis.opmap.items() if "CALL" in name and "INTRINSIC" not in name and name != "PRECALL"
)
_RESUME = dis.opmap.get("RESUME")

_COMMUNICATES = frozenset(
    {"send", "sendall", "sendto", "sendmsg", "recv", "recv_into", "recvfrom", "connect", "connect_ex", "do_handshake"}
    | {"fork", "forkpty", "fork_exec", "posix_spawn", "posix_spawnp", "spawnv", "spawnve", "system"}
)
"""Names of C functions that use a socket or start a process."""

_ONLY_HERE = 2
"""References to a dropped object while ``dropped`` examines it: the name, and the argument of the count."""

_INSTALLED = re.compile(r".*[/\\](?:site|dist)-packages[/\\]")

_Trace = Callable[[FrameType, str, Any], Any]


class DroppedObject:
    """A generator or coroutine that the call made and nothing ever started, with the line of the scenario that got it."""

    __slots__ = ("file", "function", "kind", "line", "name")

    def __init__(self, made: object, frame: FrameType) -> None:
        self.kind = _KINDS[type(made)]
        self.name = str(getattr(made, "__qualname__", ""))
        self.move_to(frame)

    def move_to(self, frame: FrameType) -> None:
        """Note that the code of this frame has the object now."""
        self.file = frame.f_code.co_filename
        self.line = frame.f_lineno
        self.function = frame.f_code.co_name


class CallWatch:
    """Observes the code of the scenario while ``watching``.

    ``is_scenario`` returns whether a file belongs to the scenario.
    """

    def __init__(self, is_scenario: Callable[[str], bool]) -> None:
        self._is_scenario = is_scenario
        self._seen: dict[int, tuple[object, DroppedObject]] = {}
        self._end = 0.0
        self.computes = False
        """Whether code of the scenario called anything or ran a loop; True too if no code of the scenario was seen."""
        self.communicates = False
        """Whether a socket was used or a process started."""
        self._frames = 0
        self._instructions = 0

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this thread. The collector is off meanwhile: new objects stay in its youngest generation."""
        trace, profile, collects = sys.gettrace(), sys.getprofile(), gc.isenabled()
        gc.collect()
        gc.disable()
        self._end = time.monotonic() + MAX_SECONDS
        sys.setprofile(self._on_profile)
        sys._getframe().f_trace_opcodes = True  # Python 3.12 reports instructions only if a frame asked for them before
        sys.settrace(self._on_frame)
        try:
            yield
        finally:
            sys.settrace(trace)
            sys.setprofile(profile)
            if collects:
                gc.enable()
            self.computes = self.computes or not self._frames

    def dropped(self) -> list[DroppedObject]:
        """Return the objects that were not started and that nothing but this watch refers to; close them."""
        found = []
        while self._seen:
            _, (made, dropped) = self._seen.popitem()
            if is_unstarted(made) and sys.getrefcount(made) <= _ONLY_HERE:
                found.append(dropped)
            if is_unstarted(made) and hasattr(made, "close"):
                made.close()  # no warning about a coroutine: the measured iterations have given it
        return found[::-1][:MAX_DROPPED]

    def _on_profile(self, _frame: FrameType, event: str, function: object) -> None:
        if event == "c_call" and getattr(function, "__name__", "") in _COMMUNICATES:
            self.communicates = True

    def _on_frame(self, frame: FrameType, _event: str, _argument: object) -> _Trace | None:
        if not self._is_scenario(frame.f_code.co_filename):
            return None
        self._frames += 1
        return self._in_frame(after_call=False)

    def _in_frame(self, after_call: bool) -> _Trace:
        def on_event(frame: FrameType, event: str, argument: object) -> object:
            nonlocal after_call
            frame.f_trace_opcodes = True  # not before: Python 3.13 ignores it until the frame has a trace function
            if event == "return":
                self._search(frame)
                self._hand_back(frame, argument)
            elif event == "opcode":
                if after_call:
                    self._search(frame)
                after_call = frame.f_code.co_code[frame.f_lasti] in _CALLS
                self._instructions += 1
                self.computes = self.computes or after_call or self._instructions > MAX_IDLE_INSTRUCTIONS
            return on_event

        return on_event

    def _search(self, frame: FrameType) -> None:
        """Find new objects that are not started; the frame has them, or what it called keeps them."""
        if time.monotonic() > self._end:
            return
        for made in gc.get_objects(generation=0):
            if type(made) in _KINDS and id(made) not in self._seen and is_unstarted(made):
                self._seen[id(made)] = (made, DroppedObject(made, frame))

    def _hand_back(self, frame: FrameType, value: object) -> None:
        """Note that the frame returns an object to the code of the scenario that called it."""
        found, caller = self._seen.get(id(value)), frame.f_back
        if found is not None and caller is not None and self._is_scenario(caller.f_code.co_filename):
            found[1].move_to(caller)


def is_unstarted(made: object) -> bool:
    """Return whether no code of this generator or coroutine has run yet."""
    frame = getattr(made, "ag_frame", None) or getattr(made, "cr_frame", None) or getattr(made, "gi_frame", None)
    if not isinstance(frame, FrameType):
        return False
    return frame.f_lasti < _first_instruction(frame.f_code)


def _first_instruction(code: CodeType) -> int:
    """Return the offset at which the code of a generator begins: after its creation from Python 3.11 on."""
    if _RESUME is None:
        return 0
    instructions = code.co_code
    return next((offset for offset in range(0, len(instructions), 2) if instructions[offset] == _RESUME), 0)


def scenario_files(target_file: str, is_own: Callable[[str], bool]) -> Callable[[str], bool]:
    """Return a function that tells files of the scenario from those of installed packages, of Python and of the tool.

    The rule of ``analysis.callers.CodeOwnership``: a target that is installed makes its whole package the scenario's.
    """
    folder = _installed_folder(target_file)
    package = folder + target_file[len(folder) :].replace(os.sep, "/").partition("/")[0] if folder else ""

    def is_scenario(file: str) -> bool:
        if file == target_file:
            return True  # also where the target has no file: "<string>"
        if _installed_folder(file):
            return bool(package) and file.startswith(package)
        return not file.startswith("<") and not is_own(file)

    return is_scenario


def _installed_folder(file: str) -> str:
    """Return the folder of installed packages, or of the standard library, that a file lies in; else an empty text."""
    installed = _INSTALLED.match(file)
    if installed is not None:
        return installed.group()
    library = os.path.join(os.path.dirname(os.__file__), "")
    return library if file.startswith(library) else ""
