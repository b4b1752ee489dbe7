"""Imports inside of iterations: the sentences about them, and the first iteration that is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import pytest

from otel_memeval.records import InitialReading, Iteration
from otel_memeval.run.imports import NOTABLE_BYTES, LateImports, import_reasons, is_first_unusual, late_imports

START = InitialReading(retained_bytes=1000)
REMEDY = "it is left out of the statistics and of the verdict; import them at module level, or use a warm-up (--warmup 1)"


def iteration(
    index: int, retained_bytes: int | None, modules: int = 0, phase: Literal["warmup", "measured"] = "measured"
) -> Iteration:
    """Return an iteration that imported ``modules`` modules."""
    return Iteration(
        index=index, phase=phase, started_at="", duration_seconds=1.0, status="ok", retained_bytes=retained_bytes,
        imported_modules=modules,
    )  # fmt: skip


def reasons(iterations: Sequence[Iteration]) -> tuple[list[str], bool]:
    """Return the sentences about the imports of a run, and whether the first iteration is left out."""
    imports = late_imports(iterations, START)
    unusual = is_first_unusual(imports, iterations)
    return import_reasons(imports, first_is_left_out=unusual), unusual


@pytest.mark.parametrize(
    ("modules", "kept_bytes", "is_left_out"),
    [
        (412, 179 << 20, True),
        (1, NOTABLE_BYTES, True),
        (1, NOTABLE_BYTES - 1, False),
        (1, 3000, False),
        (0, 179 << 20, False),
    ],
)
def test_first_iteration_is_left_out_when_it_imported_much(modules: int, kept_bytes: int, is_left_out: bool) -> None:
    """Modules and 256 KiB are needed; a small module, and memory without an import, are no news."""
    run = [iteration(1, 1000 + kept_bytes, modules), iteration(2, 1000 + kept_bytes)]
    sentences, unusual = reasons(run)
    assert (bool(sentences), unusual) == (is_left_out, is_left_out)


def test_sentence_has_modules_bytes_and_remedy() -> None:
    """Numbers stand in the sentence, one module in the singular."""
    for modules, words in ((1204, "1,204 modules"), (1, "1 module")):
        sentences, _ = reasons([iteration(1, 1000 + (179 << 20), modules)])
        assert sentences == [f"imported {words} in the first iteration, which kept 179 MiB: {REMEDY}"]


def test_import_after_a_warm_up_is_a_note_only() -> None:
    """A warm-up is meant to import; a measured iteration that imports after it has a sentence and stays in."""
    warm = iteration(1, 50 << 20, 300, "warmup")
    assert reasons([warm, iteration(1, 50 << 20)]) == ([], False)
    assert reasons([warm, iteration(1, 51 << 20, 20)]) == (
        ["imported 20 modules in iteration 1, which kept 1.00 MiB"],
        False,
    )


def test_later_imports_share_a_sentence() -> None:
    """The first of them is named, the others are counted."""
    sizes = [50, 50, 51, 52, 53]
    run = [iteration(index, size << 20, 10 * (index != 2)) for index, size in enumerate(sizes, 1)]
    sentences, unusual = reasons(run)
    assert unusual
    assert sentences[1:] == ["imported 10 modules in iteration 3, which kept 1.00 MiB, and 2 later ones imported as well"]


def test_iteration_without_a_reading_counts_with_the_next_one() -> None:
    """Bytes are known at readings only: modules since the reading before belong to them."""
    run = [iteration(1, 1000), iteration(2, None, 3), iteration(3, None, 4), iteration(4, 1000 + (1 << 20))]
    assert late_imports(run, START) == [LateImports(index=2, modules=7, kept_bytes=1 << 20)]


def test_run_without_a_reading_has_no_imports() -> None:
    """A run that ended at once, or whose set-up was not read, says nothing."""
    assert late_imports([], None) == []
    assert late_imports([iteration(1, None, 9)], START) == []
    assert late_imports([msgspec.structs.replace(iteration(1, 9 << 20, 9))], None) == []
