"""A scenario that raises: its error is recorded, measured iterations are reported, the status is 3, secrets are masked."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Done, Together, Tool

RAISES_IN_3 = """
    CALLS = iter(range(1, 100))
    def run():
        if next(CALLS) == 3:
            raise LookupError("the third time")
        return len(bytearray(100_000))
"""


WAYS = [f"{kind} {options}" for kind in ("def", "async def") for options in ("", "--keep-going")]
WAYS += [f"{way} --in-process" for way in WAYS]


def raising_in_third(way: str) -> Callable[[Tool], Done]:
    """Return a run whose third iteration raises; ``kind`` is the kind of function, then options."""
    kind, _, _ = way.partition("def")
    options = [word for word in way.split() if word.startswith("--")]
    return lambda tool: tool.measure(RAISES_IN_3.replace("def run", f"{kind}def run"), *options)


@pytest.mark.parametrize("way", WAYS)
def test_exception_is_the_error_of_its_iteration(together: Together, way: str) -> None:
    """The iterations before have readings; ``--keep-going`` decides whether others follow."""
    done = together("third", way, {name: raising_in_third(name) for name in WAYS})
    assert done.status == 3
    assert done.errors == ["ok", "ok", "LookupError"] + (["ok", "ok"] if "--keep-going" in way else [])
    failed = done.result.iterations[2]
    assert failed.error is not None
    assert failed.error.message == "the third time"
    assert all(iteration.retained_bytes is not None for iteration in done.result.iterations)
    assert done.result.verdict.state == "failed"
    assert "iteration 3: LookupError: the third time" in done.result.verdict.summary
    assert "iteration 3: LookupError: the third time" in done.text
    error = next(iteration.error for iteration in done.result.iterations if iteration.error is not None)
    assert [(frame.file, frame.function) for frame in error.frames] == [("scenario.py", "run")]
    assert f"at scenario.py:{error.frames[0].line} in run" in done.text


def test_exception_in_a_warm_up_ends_the_run(tool: Tool) -> None:
    """The failure says that a warm-up raised."""
    done = tool.measure(RAISES_IN_3, "--warmup", "3")
    assert done.status == 3
    assert [iteration.phase for iteration in done.result.iterations] == ["warmup"] * 3
    assert "warm-up iteration 3: LookupError" in done.result.verdict.summary


def test_two_iterations_pass_if_the_third_would_raise(tool: Tool) -> None:
    """The other side of the limit."""
    done = tool.measure(RAISES_IN_3, "--iterations", "2", "--fail-on", "never")
    assert done.status == 0
    assert done.errors == ["ok", "ok"]


HOOKS = {"setup": (0, False), "describe": (0, False), "teardown": (3, True)}


def raising_in_hook(kind: str, stage: str) -> Callable[[Tool], Done]:
    """Return a run whose hook raises."""
    source = f"""
        def run(): return len(bytearray(100_000))
        {kind} setup(): print("set up")
        {kind} describe(): return "something"
        {kind} teardown(): print("torn down")
        {kind} {stage}():
            print("torn down" if {stage!r} == "teardown" else "")
            raise ConnectionError("nobody there")
    """
    return lambda tool: tool.measure(source, "--iterations", "3")


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("stage", list(HOOKS))
def test_exception_in_a_hook_is_a_failure_with_its_stage(together: Together, kind: str, stage: str) -> None:
    """Iterations that were measured before are kept."""
    done = together(f"hooks {kind}", stage, {name: raising_in_hook(kind, name) for name in HOOKS})
    iterations, torn_down = HOOKS[stage]
    assert done.status == 3
    assert len(done.result.iterations) == iterations
    assert done.result.failure is not None
    assert done.result.failure.type == "ConnectionError"
    assert done.result.failure.message == f"{stage} failed: nobody there"
    assert ("torn down" in done.stderr) == torn_down


def test_tear_down_is_called_after_a_failed_iteration(tool: Tool) -> None:
    """``teardown`` is called after an iteration that raised."""
    done = tool.measure(RAISES_IN_3 + "    def teardown(): print('torn down')\n")
    assert done.status == 3
    assert "torn down" in done.stderr


EXCEPTIONS: dict[str, tuple[str, str | None]] = {
    "sys.exit(5)": ("SystemExit", "5"),
    "exit()": ("SystemExit", "None"),
    "raise KeyboardInterrupt": ("KeyboardInterrupt", ""),
    "raise GeneratorExit": ("GeneratorExit", ""),
    "raise asyncio.CancelledError('stop')": ("asyncio.exceptions.CancelledError", "stop"),
    "raise StopIteration('over')": ("StopIteration", "over"),
    "raise Mute": ("scenario.Mute", "(its message cannot be shown)"),
    "raise Liar": ("scenario.Liar", "(its message cannot be shown)"),
    "raise Quitter": ("scenario.Quitter", "(its message cannot be shown)"),
    "raise ValueError('\\ud800 half a pair')": ("ValueError", "? half a pair"),
    "raise ValueError('two\\nlines')": ("ValueError", "two lines"),
    "recurse()": ("RecursionError", None),
    "raise ValueError('x' * 10**7)": ("ValueError", "x" * 299 + "…"),
}

RAISES = """
    import asyncio, sys
    class Mute(Exception):
        def __str__(self): raise RuntimeError("no words")
    class Liar(Exception):
        def __str__(self): return 5
    class Quitter(Exception):
        def __str__(self): sys.exit(9)
    def recurse(): return recurse()
    STATEMENTS = iter({statements!r})
    def run():
        exec(next(STATEMENTS))
"""


def raising_all(*options: str) -> Callable[[Tool], Done]:
    """Return a run that raises each of these in one iteration."""
    source = RAISES.format(statements=list(EXCEPTIONS))
    return lambda tool: tool.measure(source, "--iterations", str(len(EXCEPTIONS)), "--keep-going", *options)


@pytest.mark.parametrize("where", ["worker", "in process"])
@pytest.mark.parametrize("statement", list(EXCEPTIONS))
def test_exception_of_any_type_is_an_error_of_its_iteration(together: Together, statement: str, where: str) -> None:
    """The error has the type and one line of text, and the other iterations have readings."""
    done = together("kinds", where, {"worker": raising_all(), "in process": raising_all("--in-process")})
    type_, message = EXCEPTIONS[statement]
    assert done.status == 3, done.text
    error = done.result.iterations[list(EXCEPTIONS).index(statement)].error
    assert error is not None
    assert error.type == type_
    if message is not None:
        assert error.message == message


@pytest.mark.parametrize("statement", ["asyncio.CancelledError", "GeneratorExit", "StopAsyncIteration", "KeyboardInterrupt"])
def test_exceptions_of_event_loops_and_generators_are_errors(tool: Tool, statement: str) -> None:
    """Exceptions that asyncio and generators use themselves are recorded like any other."""
    done = tool.measure(
        f"import asyncio\nasync def run():\n    raise {statement}('x')\n", "--keep-going", "--iterations", "2"
    )
    assert done.status == 3, done.text
    assert len(done.errors) == 2
    assert {name.rpartition(".")[2] for name in done.errors} == {statement.rpartition(".")[2]}


def test_secrets_are_masked_in_result_and_report(tool: Tool) -> None:
    """Neither the JSON nor the terminal has a secret of the environment or a text that looks like one."""
    secret = "correct-horse-battery"
    done = tool.measure(
        """
        import os
        KEY = os.environ["SOME_SERVICE_API_KEY"]
        async def setup(): print("set up with", KEY, flush=True)
        def describe(): return f"against postgres://user:hunter2hunter2@host/db with {KEY}"
        def run():
            raise PermissionError(f"bad key {KEY}, token=abcdef123456, url postgres://me:swordfish99@host/db")
        def teardown(): raise PermissionError(f"still bad {KEY} sk-1234567890abcdef")
        """,
        "--keep-going",
        "--debug",
        environment={"SOME_SERVICE_API_KEY": secret},
    )
    assert done.status == 3
    written = json.dumps([str(run) for run in done.runs]) + done.text
    for hidden in (secret, "hunter2hunter2", "abcdef123456", "swordfish99", "sk-1234567890abcdef"):
        assert hidden not in written
    error = done.result.iterations[0].error
    assert error is not None
    assert error.message == "bad key ***, token=***, url postgres://me:***@host/db"
    assert done.result.run.description == "against postgres://user:***@host/db with ***"
    assert "set up with ***" in done.stderr
