"""The list of cases, ``cases.json``, as records: which versions leak, which no longer do, and who says so."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).parent
SCENARIOS = FOLDER / "scenarios"

Version = Literal["leaky", "fixed"]
VERSIONS: tuple[Version, ...] = ("leaky", "fixed")


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One leak. ``leaky`` and ``fixed`` pin everything that is installed, the package in question first."""

    name: str
    written_in: Literal["C", "C++", "Cython", "Rust", "Python"]
    """What leaked: the language of the part that kept the memory."""
    python: str
    """``3.11``: the interpreter's version."""
    issue: str
    """Where the leak is described in public."""
    scenario: str
    """The file in ``scenarios/``: one iteration does what the issue describes."""
    leaky: tuple[str, ...]
    fixed: tuple[str, ...]

    def pins(self, version: Version) -> tuple[str, ...]:
        """What to install, as ``name==version``."""
        return self.leaky if version == "leaky" else self.fixed

    def path(self) -> Path:
        """The scenario."""
        return SCENARIOS / self.scenario

    def package(self) -> str:
        """The package in question."""
        return self.leaky[0].partition("==")[0]


def read_cases() -> list[Case]:
    """All cases, in the order of the file. Raises ``msgspec.ValidationError`` if the file is not well-formed."""
    return msgspec.json.decode((FOLDER / "cases.json").read_bytes(), type=list[Case])
