"""The reading that is kept between two iterations."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otel_memeval.worker.memory.kept_reading import KeptReading

SITES = {("a.py", 1): (100, 2), ("b.py", 7): (1 << 40, 1)}
LENGTHS = {140_000_000_000_000 + number: number for number in range(1000)}


def test_stored_reading_is_loaded_again() -> None:
    """Sites and lengths come back equal; a shorter reading replaces a longer one completely."""
    kept = KeptReading()
    assert kept.load() == ({}, {}, [])
    kept.store(SITES, LENGTHS, [3, 0])
    assert kept.load() == (SITES, LENGTHS, [3, 0])
    kept.store({}, {1: 2}, [])
    assert kept.load() == ({}, {1: 2}, [])


def test_reading_is_kept_where_there_is_no_memfd(monkeypatch: pytest.MonkeyPatch) -> None:
    """On platforms without files in memory the reading is kept as bytes."""
    monkeypatch.delattr(os, "memfd_create", raising=False)
    kept = KeptReading()
    kept.store(SITES, LENGTHS, [3, 0])
    assert kept.load() == (SITES, LENGTHS, [3, 0])


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs memfd_create")
def test_file_of_the_scenario_under_the_same_number_is_left_alone(tmp_path: Path) -> None:
    """A scenario that closes all descriptors and opens a file gets neither read nor written; the next reading is kept."""
    kept = KeptReading()
    kept.store(SITES, LENGTHS, [3, 0])
    descriptor = kept._descriptor
    os.close(descriptor)
    path = tmp_path / "own"
    path.write_bytes(b"own")
    own = os.open(path, os.O_RDWR)  # takes the free number, or another one is put there
    if own != descriptor:
        os.dup2(own, descriptor)
    try:
        assert kept.load() == ({}, {}, [])
        kept.store(SITES, LENGTHS, [3, 0])
        assert kept.load() == (SITES, LENGTHS, [3, 0])
        assert path.read_bytes() == b"own"
    finally:
        for number in {descriptor, own}:
            os.close(number)
