"""Read the list of cases, ``cases.json``: leaking versions, fixed versions, and the public issues."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).parent
SCENARIOS = FOLDER / "scenarios"

Version = Literal["leaky", "fixed"]
VERSIONS: tuple[Version, ...] = ("leaky", "fixed")


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A leak of a package. ``leaky`` and ``fixed`` pin everything that is installed, that package first."""

    name: str
    written_in: Literal["C", "C++", "Cython", "Rust", "Python"]
    """Language of the code that leaked."""
    python: str
    """Version of the interpreter, such as ``3.11``."""
    issue: str
    """Address of a public description of the leak."""
    scenario: str
    """File in ``scenarios/``: an iteration does the steps of the issue."""
    leaky: tuple[str, ...]
    fixed: tuple[str, ...]

    def pins(self, version: Version) -> tuple[str, ...]:
        """Return the packages to install, as ``name==version``."""
        return self.leaky if version == "leaky" else self.fixed

    def path(self) -> Path:
        """Return the path of the scenario."""
        return SCENARIOS / self.scenario

    def package(self) -> str:
        """Return the name of the package."""
        return self.leaky[0].partition("==")[0]


def read_cases() -> list[Case]:
    """Return all cases in the order of the file. Raises ``msgspec.ValidationError`` if the file is not well-formed."""
    return msgspec.json.decode((FOLDER / "cases.json").read_bytes(), type=list[Case])
