"""What the unit tests share: records of any content, messages as the worker sends them, a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from otel_memeval import wire
from otel_memeval.records import (
    Channels,
    Eval,
    Failure,
    Growth,
    Holder,
    InitialReading,
    Iteration,
    Limits,
    Result,
    Run,
    Site,
    Statistics,
    Summary,
    Verdict,
)

pytest_plugins = ("tests.plugins.own_home", "tests.plugins.marks", "tests.plugins.sharing")

# The same examples in each run: a change is to blame for a failure. HYPOTHESIS_PROFILE=default looks at others.
settings.register_profile("same", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

ROOT = Path(__file__).parent.parent

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]


def strategy_for(kind: Any, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Values of any type that a record's field may have."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([strategy_for(argument, text) for argument in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.tuples(*(strategy_for(argument, text) for argument in arguments))
    if origin is list:
        return st.lists(strategy_for(arguments[0], text), max_size=3)
    if origin is dict:
        return st.dictionaries(text, text, max_size=3)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{name: strategy_for(hints[name], text) for name in kind.__struct_fields__})
    plain: dict[Any, st.SearchStrategy[Any]] = {
        type(None): st.none(),
        str: text,
        bool: st.booleans(),
        int: st.integers(-(1 << 60), 1 << 60),
        float: st.floats(allow_nan=False, allow_infinity=False, width=64),
    }
    return plain[kind]


@pytest.fixture(scope="session")
def any_result() -> st.SearchStrategy[Result]:
    """Results of any content that a field's type allows."""
    return typing.cast("st.SearchStrategy[Result]", strategy_for(Result, st.text(max_size=12)))


@pytest.fixture(scope="session")
def hostile_result() -> st.SearchStrategy[Result]:
    """Results whose texts are full of what a terminal obeys."""
    pieces = ["\x1b[31m", "\x1b]0;t\x07", "\x1b", "\x9b2J", "\n", "\r", "\t", "\u202e", "\u2066", "\u2028", "\udc80"]
    pieces += ["[red]", "[/red]", "[/]", "\\", "[link=x]", ":smile:", "name", " ", "ü", "木", "\x00", "\x7f", "\u200f"]
    text = st.lists(st.sampled_from(pieces), max_size=6).map("".join)
    return typing.cast("st.SearchStrategy[Result]", strategy_for(Result, text))


def _iteration(index: int, phase: Literal["warmup", "measured"] = "measured", error: Failure | None = None) -> Iteration:
    return Iteration(
        index=index,
        phase=phase,
        started_at="2026-01-01T00:00:00+00:00",
        duration_seconds=0.5,
        status="ok" if error is None else "error",
        error=error,
        retained_bytes=1_000_000 + 4096 * index,
        retained_blocks=1000,
        peak_bytes=2_000_000,
        uss_bytes=50_000_000,
        rss_bytes=60_000_000,
    )


@pytest.fixture(scope="session")
def make_iteration() -> Callable[..., Iteration]:
    """One iteration, ``(index, phase, error)``."""
    return _iteration


@pytest.fixture(scope="session")
def make_result() -> Callable[..., Result]:
    """Return a function that makes a leaking run of five iterations; keywords replace parts of it."""

    def make(**parts: Any) -> Result:
        numbers = Statistics(mean=1.0, min=1.0, max=1.0, stdev=0.0, median=1.0, p95=1.0)
        complete = Result(
            run=Run(id="1", started_at="2026-01-01T00:00:00+00:00", duration_seconds=3.0, target="m:run", python="3.11.7",
                    platform="Linux"),
            eval=Eval(name="An eval", iterations=5, warmup=0, limits=Limits()),
            iterations=[_iteration(index) for index in range(1, 6)],
            growth=Channels(retained=Growth(bytes_per_iteration=4096.0, ci_low=4096.0, ci_high=4096.0)),
            sites=[Site(file="m.py", line=3, function="run", retained_bytes=20480, blocks=5, bytes_per_iteration=4096.0,
                        signature="0" * 12)],
            holders=[Holder(path="m.KEPT", type="list", length=5, items_per_iteration=1.0)],
            verdict=Verdict(state="leaking", summary="keeps 4.00 KiB more every iteration", reasons=["a reason"]),
            statistics=Summary(runtime_seconds=numbers, peak_bytes=numbers, retained_bytes=numbers),
            initial_reading=InitialReading(retained_bytes=1_000_000),
        )  # fmt: skip
        return msgspec.structs.replace(complete, **parts)

    return make


@pytest.fixture(scope="session")
def make_reading() -> Callable[..., wire.Reading]:
    """Return a function that makes a reading as the worker sends it; keywords replace parts of a reading without change."""

    def make(retained_bytes: int = 0, **parts: Any) -> wire.Reading:
        plain: dict[str, Any] = {
            "retained_bytes": retained_bytes,
            "retained_blocks": 1,
            "traced_current_bytes": retained_bytes,
            "rss_bytes": None,
            "uss_bytes": None,
            "native_heap_bytes": None,
            "files": [],
            "sites": [],
            "holders": [],
        }
        return msgspec.convert({**plain, **parts}, wire.Reading)

    return make


@pytest.fixture(scope="session")
def run_python() -> RunPython:
    """Return a function that runs a program text in a fresh interpreter with this repository on its path. Warnings are
    errors; a failure raises unless ``check`` is false.
    """

    def run(
        code: str, *arguments: str, cwd: Path = ROOT, options: tuple[str, ...] = ("-W", "error"), check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *options, "-c", code, *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run
