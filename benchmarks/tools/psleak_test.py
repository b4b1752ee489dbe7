"""Run psleak's ``MemoryLeakTestCase.execute`` with all of its checkers (memory, threads, file descriptors).

Flagged if it raises one of its errors. It calls a function ``times`` times, and again with half as many more, up to ten
times: with its default of 200 that makes 22,000 calls. Here ``times`` is the number of iterations and everything else its
default: up to 2,266 calls, a hundred times as many as every other tool makes. It needs ``PYTHONMALLOC=malloc``.
"""

from __future__ import annotations

import psleak  # type: ignore[import-not-found]

from benchmarks.tools.answer import ToolAnswer, caller, job, print_answer


class _Test(psleak.MemoryLeakTestCase):  # type: ignore[misc]
    """The test of its documentation."""

    def runTest(self) -> None:  # noqa: N802 - unittest's name
        """Do nothing: ``execute`` is called directly."""


def main() -> None:
    """Measure and answer."""
    task = job()
    call = caller(task.scenario)
    test = _Test()
    try:
        test.execute(call, warmup_times=task.warmup, times=task.iterations)
    except psleak.Error as error:
        print_answer(ToolAnswer(flagged=True, detail=f"{type(error).__name__}: {error}"[:300]))
    else:
        print_answer(ToolAnswer(flagged=False))


if __name__ == "__main__":
    main()
